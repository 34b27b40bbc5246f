package kubernetes

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	rbac "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// A preview shows defaults, writes nothing, and names who is in the way.
func TestPreview(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	service := w.object(t, "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80}]}}")
	o := w.configMap(t, "a", "ours")
	create(t, c, o)
	w.kubectl(t, configMaps, "a", "data: {key: theirs}")
	writes := w.writes.Load()

	results := c.Preview(t.Context(), []state.Object{service, o})
	require.Equal(t, "ClusterIP", results[0].Value["spec"].(map[string]any)["type"])
	require.Empty(t, results[0].Conflicts)
	require.Equal(t, []target.Conflict{{Path: "data.key", Manager: "kubectl-edit"}}, results[1].Conflicts)
	require.Equal(t, map[string]any{"key": "ours"}, results[1].Value["data"], "what a forced write would give")
	require.Equal(t, writes, w.writes.Load())
	require.Equal(t, "theirs", text(w.stored(t, configMaps, "a"), "data", "key"))
}

// What cannot be told yet is unknown; what can never be is invalid.
func TestPreviewTellsNotYetFromNever(t *testing.T) {
	w := newMetal3World(t)
	c := w.open(t)
	elsewhere := w.configMap(t, "a", "v")
	elsewhere.ID.Namespace = "not-there-yet"
	elsewhere.Tree = without(elsewhere.Tree, "metadata", "namespace")
	unknownKind := w.object(t, "{apiVersion: example.com/v1, kind: Widget, metadata: {name: a}}")
	orphan := w.pool(t, "acme/train/h100", "acme.train.h100")
	for _, o := range []state.Object{elsewhere, unknownKind, orphan} {
		r := c.Preview(t.Context(), []state.Object{o})[0]
		require.Error(t, r.Unknown, "%s", o.ID)
		require.NoError(t, r.Invalid)
	}
	for _, o := range []state.Object{
		w.object(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {key: 1}}"),
		w.object(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: Not-A-Name}}"),
		w.object(t, "{apiVersion: metal3.io/v1alpha1, kind: BareMetalHost, metadata: {name: a}, spec: {online: true, spelt: wrong}}"),
	} {
		r := c.Preview(t.Context(), []state.Object{o})[0]
		require.Error(t, r.Invalid, "%s", o.ID)
		require.NoError(t, r.Unknown)
	}
}

// A host is previewed with what is written once only while it is not there.
func TestPreviewOfHosts(t *testing.T) {
	w := newMetal3World(t)
	c := w.open(t)
	o := w.host(t, "", "bootMode: UEFI")
	online := func() any {
		r := c.Preview(t.Context(), []state.Object{o})[0]
		require.NoError(t, r.Invalid)
		require.NoError(t, r.Unknown)
		require.Empty(t, r.Conflicts)
		return r.Value["spec"].(map[string]any)["online"]
	}
	require.Equal(t, false, online())
	create(t, c, o)
	w.kubectl(t, hosts, "gpu-001", "spec: {online: true}")
	require.Equal(t, true, online())
}

// A kind that the cluster does not serve has no objects; that is no failure.
func TestUnservedKindsAreAbsent(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	o := w.object(t, "{apiVersion: example.com/v1, kind: Widget, metadata: {name: a}}")
	presence, _, err := c.Observe(t.Context(), target.Query{Want: []state.Object{o}}).Presence(o.ID)
	require.NoError(t, err)
	require.Equal(t, state.Absent, presence)
}

// What we may not read is unknown, with the reason; what we may read one by one is read so.
func TestForbiddenIsUnknown(t *testing.T) {
	w := newWorld(t)
	create(t, w.open(t), w.configMap(t, "a", "v"))
	client, err := kubernetes.NewForConfig(w.server.Config)
	require.NoError(t, err)
	role := &rbac.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		Rules:      []rbac.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get"}}},
	}
	_, err = client.RbacV1().Roles(w.namespace).Create(t.Context(), role, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = client.RbacV1().RoleBindings(w.namespace).Create(t.Context(), &rbac.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		RoleRef:    rbac.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "Role", Name: "reader"},
		Subjects:   []rbac.Subject{{Kind: "User", APIGroup: "rbac.authorization.k8s.io", Name: w.namespace}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	c, err := New(state.ControlPlane, w.server.ConfigFor(w.namespace), Options{Fleet: "test"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	readable, gone := w.configMap(t, "a", "v"), w.configMap(t, "b", "v")
	secret := w.object(t, "{apiVersion: v1, kind: Secret, metadata: {name: a}}")
	q := target.Query{Want: []state.Object{readable, gone, secret}}
	var live state.Live
	require.Eventually(t, func() bool { // the authorizer learns of a new role a moment later
		live = c.Observe(t.Context(), q)
		return len(live.Unknown) == 1
	}, patience, poll)
	require.NoError(t, live.Err)
	require.Contains(t, live.Objects, readable.ID)
	presence, _, _ := live.Presence(gone.ID)
	require.Equal(t, state.Absent, presence)
	presence, _, err = live.Presence(secret.ID)
	require.Equal(t, state.PresenceUnknown, presence)
	require.ErrorContains(t, err, "forbidden")
}

// 1,200 objects are found in pages, not one by one.
func TestManyObjectsInFewRequests(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	const n = 1200
	var q target.Query
	for i := range n {
		o := w.configMap(t, fmt.Sprintf("c%04d", i), "v")
		if i < n/2 {
			w.make(t, configMaps, "{apiVersion: v1, kind: ConfigMap, metadata: {name: "+o.ID.Name+"}}")
		}
		q.Want = append(q.Want, o)
	}
	before := w.asked.Load()
	live := c.Observe(t.Context(), q)
	require.NoError(t, live.Err)
	found := 0
	for _, o := range q.Want {
		presence, _, err := live.Presence(o.ID)
		require.NoError(t, err)
		require.NotEqual(t, state.PresenceUnknown, presence)
		if presence == state.Present {
			found++
		}
	}
	require.Equal(t, n/2, found)
	require.Less(t, w.asked.Load()-before, int64(20))
}
