package kubernetes

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

var (
	configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	hosts      = schema.GroupVersionResource{Group: "metal3.io", Version: "v1alpha1", Resource: "baremetalhosts"}
	components = schema.GroupVersionResource{Group: "metal3.io", Version: "v1alpha1", Resource: "hostfirmwarecomponents"}
	settings   = schema.GroupVersionResource{Group: "metal3.io", Version: "v1alpha1", Resource: "hostfirmwaresettings"}
)

// world is a namespace of a real API server, a wire that can be cut, and a client that is not ours.
type world struct {
	*wire
	server    *testenv.Cluster
	namespace string
	others    dynamic.Interface
}

func newWorld(t testing.TB) *world { return newWorldOn(t, "kubernetes") }

// newWorldOn is a world on a cluster of that name.
func newWorldOn(t testing.TB, cluster string) *world {
	t.Helper()
	server := testenv.ForTest(t, cluster).Cluster(cluster)
	others, err := dynamic.NewForConfig(server.Config)
	require.NoError(t, err)
	return &world{wire: &wire{}, server: server, namespace: server.Namespace(t), others: others}
}

var metal3 sync.Once

// newMetal3World also has Metal3's kinds.
func newMetal3World(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	metal3.Do(func() {
		crds, err := testenv.Metal3CRDs(t.Context())
		require.NoError(t, err)
		var some [][]byte
		for _, crd := range crds {
			if bytes.Contains(crd, []byte("name: baremetalhosts.metal3.io")) || bytes.Contains(crd, []byte("name: hostfirmwaresettings.metal3.io")) {
				some = append(some, crd)
			}
		}
		require.Len(t, some, 2)
		require.NoError(t, testenv.InstallCRDs(t.Context(), w.server.Config, some...))
	})
	return w
}

// open is a client of ours, whose requests go through the world's wire.
func (w *world) open(t testing.TB, change ...func(*Options)) *Cluster {
	t.Helper()
	options := Options{Fleet: "test"}
	for _, f := range change {
		f(&options)
	}
	config := rest.CopyConfig(w.server.Config)
	config.Wrap(w.wire.wrap)
	c, err := New(state.ControlPlane, config, options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	return c
}

func (w *world) id(kind, name string) state.ID {
	return state.ID{Target: state.ControlPlane, Kind: kind, Namespace: w.namespace, Name: name}
}

// object is a desired object in the world's namespace, from YAML.
func (w *world) object(t testing.TB, text string) state.Object {
	t.Helper()
	var v map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &v))
	u := unstructured.Unstructured{Object: v}
	u.SetNamespace(w.namespace)
	kind := u.GetKind()
	if group := u.GroupVersionKind().Group; group != "" {
		kind += "." + group
	}
	return state.Object{ID: w.id(kind, u.GetName()), Entity: "test", Mode: state.Own, Tree: state.FromPlain(v, state.Origin{})}
}

// configMap is a desired ConfigMap with one key.
func (w *world) configMap(t testing.TB, name, value string) state.Object {
	return w.object(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: "+name+"}, data: {key: "+value+"}}")
}

// kubectl patches an object as somebody else would.
func (w *world) kubectl(t testing.TB, gvr schema.GroupVersionResource, name, patch string, subresources ...string) {
	t.Helper()
	body, err := yaml.YAMLToJSON([]byte(patch))
	require.NoError(t, err)
	_, err = w.others.Resource(gvr).Namespace(w.namespace).Patch(t.Context(), name, types.MergePatchType, body,
		metav1.PatchOptions{FieldManager: "kubectl-edit"}, subresources...)
	require.NoError(t, err)
}

// make creates an object as somebody else would.
func (w *world) make(t testing.TB, gvr schema.GroupVersionResource, text string) {
	t.Helper()
	u := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(text), &u.Object))
	_, err := w.others.Resource(gvr).Namespace(w.namespace).Create(t.Context(), u, metav1.CreateOptions{FieldManager: "kubectl-create"})
	require.NoError(t, err)
}

// stored is an object as the server has it.
func (w *world) stored(t testing.TB, gvr schema.GroupVersionResource, name string) *unstructured.Unstructured {
	t.Helper()
	u, err := w.others.Resource(gvr).Namespace(w.namespace).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return u
}

// text is a string in an object, or "(none)".
func text(u *unstructured.Unstructured, path ...string) string {
	s, found, _ := unstructured.NestedString(u.Object, path...)
	if !found {
		return "(none)"
	}
	return s
}

func apply(t testing.TB, c *Cluster, ch plan.Change) target.Result {
	t.Helper()
	var results []target.Result
	for r := range c.Apply(t.Context(), []plan.Change{ch}) {
		results = append(results, r)
	}
	require.Len(t, results, 1)
	return results[0]
}

func create(t testing.TB, c *Cluster, o state.Object) state.LiveObject {
	t.Helper()
	r := apply(t, c, plan.Change{ID: o.ID, Action: plan.Create, Want: &o})
	require.NoError(t, r.Err)
	require.NotNil(t, r.Live)
	return *r.Live
}

func updateOf(o state.Object, live state.LiveObject) plan.Change {
	own := &state.Owned{ID: o.ID, Remote: live.Remote}
	for path := range o.Tree.Leaves() {
		own.Fields = append(own.Fields, path.String())
	}
	return plan.Change{ID: o.ID, Action: plan.Update, Want: &o, Live: &live, Owned: own}
}

func present(t testing.TB, c *Cluster, o state.Object) state.LiveObject {
	t.Helper()
	presence, live, err := c.Observe(t.Context(), target.Query{Want: []state.Object{o}}).Presence(o.ID)
	require.NoError(t, err)
	require.Equal(t, state.Present, presence)
	return live
}

// wire counts requests and can be cut, stalled or made to lose an answer.
type wire struct {
	writes  atomic.Int64
	asked   atomic.Int64 // all requests
	broken  atomic.Bool
	stalled atomic.Pointer[chan struct{}]
	lose    atomic.Bool
}

func (w *wire) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if w.broken.Load() {
			return nil, io.ErrUnexpectedEOF
		}
		if gate := w.stalled.Load(); gate != nil {
			select {
			case <-*gate:
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
		w.asked.Add(1)
		writes := r.Method != http.MethodGet && r.URL.Query().Get("dryRun") == ""
		if writes {
			w.writes.Add(1)
		}
		answer, err := next.RoundTrip(r)
		if err == nil && writes && w.lose.CompareAndSwap(true, false) {
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			return nil, io.ErrUnexpectedEOF
		}
		return answer, err
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (w *wire) cut(testing.TB) (mend func()) {
	w.broken.Store(true)
	return func() { w.broken.Store(false) }
}

func (w *wire) stall(testing.TB) (mend func()) {
	gate := make(chan struct{})
	w.stalled.Store(&gate)
	return func() {
		w.stalled.Store(nil)
		close(gate)
	}
}

// with is a tree of maps with another value at a path, without one with nothing there.
func with(t, value state.Tree, at ...string) state.Tree {
	return edit(t, at, func(fields map[string]state.Tree, key string) { fields[key] = value })
}

func without(t state.Tree, at ...string) state.Tree {
	return edit(t, at, func(fields map[string]state.Tree, key string) { delete(fields, key) })
}

func edit(t state.Tree, at []string, change func(fields map[string]state.Tree, key string)) state.Tree {
	fields := map[string]state.Tree{}
	all, _ := t.Fields()
	for _, f := range all {
		fields[f.Key] = f.Tree
	}
	if len(at) == 1 {
		change(fields, at[0])
	} else {
		fields[at[0]] = edit(fields[at[0]], at[1:], change)
	}
	return state.Map(fields, t.Origin())
}
