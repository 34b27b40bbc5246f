package kubernetes

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// host is what a fleet wants of gpu-001; extra goes into its labels.
func (w *world) host(t testing.TB, labels, spec string) state.Object {
	return w.object(t, fmt.Sprintf(`
apiVersion: metal3.io/v1alpha1
kind: BareMetalHost
metadata: {name: gpu-001, labels: {%s}}
spec: {online: false, bootMACAddress: "00:5c:52:31:3a:9c", bmc: {address: "redfish+https://10.10.0.11/redfish/v1/Systems/1", credentialsName: gpu-001-bmc}, %s}
`, labels, spec))
}

// The provisioner powers a host on and installs it; whatever we apply afterwards must leave that
// alone, although the kind demands spec.online of whoever creates a host.
func TestHostStaysItsProvisioners(t *testing.T) {
	w := newMetal3World(t)
	c := w.open(t)
	live := create(t, c, w.host(t, "rack: a1, row: r1", "bootMode: UEFI"))
	require.Equal(t, "UEFI", text(w.stored(t, hosts, "gpu-001"), "spec", "bootMode"))

	w.kubectl(t, hosts, "gpu-001", "spec: {online: true, image: {url: http://images.example.com/a.img, checksum: http://images.example.com/a.sum}}")
	for _, labels := range []string{"rack: a2, row: r1", "rack: a2"} {
		r := apply(t, c, updateOf(w.host(t, labels, "bootMode: UEFI"), live))
		require.NoError(t, r.Err)
		now := w.stored(t, hosts, "gpu-001")
		online, _, err := unstructured.NestedBool(now.Object, "spec", "online")
		require.NoError(t, err)
		require.True(t, online, "it was powered on by its provisioner")
		require.Equal(t, "http://images.example.com/a.img", text(now, "spec", "image", "url"))
	}
	now := w.stored(t, hosts, "gpu-001")
	require.Equal(t, "a2", now.GetLabels()["rack"])
	require.NotContains(t, now.GetLabels(), "row", "a label that Git drops goes")
	require.Equal(t, c.options.Fleet, now.GetLabels()[fleetLabel])
}

// A process that died between the two requests of a creation finds its half-made host and goes on.
func TestHalfMadeHostIsFinished(t *testing.T) {
	w := newMetal3World(t)
	c := w.open(t)
	o := w.host(t, "rack: a1", "bootMode: UEFI")
	r, err := c.catalog.find(t.Context(), o.ID.Kind, "v1alpha1", c.options.Now())
	require.NoError(t, err)
	u, _, err := c.manifest(t.Context(), o, r)
	require.NoError(t, err)
	once := splitCreateOnly(o.ID, r, u)
	c.setMark(o.ID, once)
	_, err = c.createNew(t.Context(), o.ID, r, once, createManager)
	require.NoError(t, err)

	require.Equal(t, o.ID, present(t, c, o).Mark)
	create(t, w.open(t), o)
	require.Equal(t, "UEFI", text(w.stored(t, hosts, "gpu-001"), "spec", "bootMode"))
	require.Equal(t, "a1", w.stored(t, hosts, "gpu-001").GetLabels()["rack"])
}

// Fields that are the provisioner's are refused before anything is sent.
func TestProvisionersFieldsAreNeverSent(t *testing.T) {
	w := newMetal3World(t)
	c := w.open(t)
	for _, spec := range []string{
		"image: {url: http://images.example.com/a.img}", "userData: {name: a}", "networkData: {name: a}",
		"metaData: {name: a}", "customDeploy: {method: a}", "consumerRef: {name: a}",
	} {
		o := w.host(t, "", spec)
		r := apply(t, c, plan.Change{ID: o.ID, Action: plan.Create, Want: &o})
		require.ErrorIs(t, r.Err, target.ErrHeld, spec)
		require.Error(t, c.Preview(t.Context(), []state.Object{o})[0].Invalid, spec)
	}
	require.Zero(t, w.writes.Load())
}

// Should our manager own the image all the same, an apply would remove it: then nothing is applied.
func TestApplyNeverGivesUpAnImage(t *testing.T) {
	w := newMetal3World(t)
	c := w.open(t)
	o := w.host(t, "", "bootMode: UEFI")
	create(t, c, o)
	u := w.stored(t, hosts, "gpu-001")
	other := stub(o.ID, mustFind(t, c, o.ID.Kind), string(u.GetUID()))
	other.SetLabels(u.GetLabels())
	other.SetAnnotations(u.GetAnnotations())
	other.Object["spec"] = map[string]any{"image": map[string]any{"url": "http://images.example.com/a.img"}}
	_, err := w.others.Resource(hosts).Namespace(w.namespace).Apply(t.Context(), "gpu-001", other, metav1.ApplyOptions{FieldManager: fieldManager})
	require.NoError(t, err)

	r := apply(t, c, updateOf(o, present(t, c, o)))
	require.ErrorIs(t, r.Err, target.ErrHeld)
	require.ErrorContains(t, r.Err, "spec.image")
	require.Equal(t, "http://images.example.com/a.img", text(w.stored(t, hosts, "gpu-001"), "spec", "image", "url"))
}

func mustFind(t testing.TB, c *Cluster, kind string) resource {
	t.Helper()
	r, err := c.catalog.find(t.Context(), kind, "", c.options.Now())
	require.NoError(t, err)
	return r
}

// Deleting a host would wipe it, so it is let go of instead: no value changes, and we own nothing.
func TestHostIsReleasedNeverDeleted(t *testing.T) {
	w := newMetal3World(t)
	c := w.open(t)
	o := w.host(t, "rack: a1", "bootMode: UEFI")
	create(t, c, o)
	w.kubectl(t, hosts, "gpu-001", "spec: {online: true}")
	live := present(t, c, o)

	r := apply(t, c, plan.Change{ID: o.ID, Action: plan.Delete, Live: &live})
	require.ErrorIs(t, r.Err, target.ErrHeld)
	release := plan.Change{ID: o.ID, Action: plan.Release, Live: &live}
	require.NoError(t, apply(t, c, release).Err)

	after := present(t, c, o)
	require.Equal(t, live.Value, after.Value, "nothing but the mark changes")
	require.Zero(t, after.Mark)
	require.Equal(t, []string{releasedManager}, names(after.Writers(state.Path{"spec", "bootMode"})))
	require.NotContains(t, w.stored(t, hosts, "gpu-001").GetLabels(), fleetLabel)
	require.NoError(t, apply(t, c, release).Err, "again")

	// Taken back with fewer fields, it keeps the others: they are no longer ours to drop.
	back := w.host(t, "", "")
	adopt := updateOf(back, after)
	adopt.Action = plan.Adopt
	require.NoError(t, apply(t, c, adopt).Err)
	require.Equal(t, "UEFI", text(w.stored(t, hosts, "gpu-001"), "spec", "bootMode"))
	require.Equal(t, o.ID, present(t, c, back).Mark)
}

func names(writers []state.Writer) (all []string) {
	for _, w := range writers {
		all = append(all, w.Name)
	}
	return all
}

// What the facts say of the API server, tried without our client, so that a new version of it that
// behaves otherwise is noticed here.
func TestServerSideApplyOfHosts(t *testing.T) {
	const base = `apiVersion: metal3.io/v1alpha1
kind: BareMetalHost
metadata: {name: gpu-001}
`
	type step struct {
		manager, spec string // a merge patch if manager is "kubectl"
		refused       string // part of the refusal
	}
	for name, c := range map[string]struct {
		steps   []step
		online  any
		image   any
		present bool
	}{
		"what others set over ours stays when we stop naming it": {
			steps:  []step{{manager: "m", spec: "online: false"}, {manager: "kubectl", spec: "online: true, image: {url: a}"}, {manager: "m", spec: "bootMode: UEFI"}},
			online: true, image: map[string]any{"url": "a"}, present: true,
		},
		"a required field that is only ours cannot be dropped": {
			steps:  []step{{manager: "m", spec: "online: false"}, {manager: "m", spec: "bootMode: UEFI", refused: "spec.online: Required value"}},
			online: false, present: true,
		},
		"a required field cannot be left out at first": {
			steps: []step{{manager: "m", spec: "bootMode: UEFI", refused: "spec.online: Required value"}},
		},
		"a manager for creation alone keeps the required field": {
			steps: []step{
				{manager: "create", spec: "online: false"}, {manager: "m", spec: "bootMode: UEFI"},
				{manager: "kubectl", spec: "online: true"}, {manager: "m", spec: "bootMode: legacy"},
			},
			online: true, present: true,
		},
		"an edit of our field is a conflict": {
			steps: []step{
				{manager: "m", spec: "online: false, bootMode: UEFI"}, {manager: "kubectl", spec: "bootMode: legacy"},
				{manager: "m", spec: "online: false, bootMode: UEFI", refused: "conflict"},
			},
			online: false, present: true,
		},
		"an image that is ours goes when we stop naming it": {
			steps:  []step{{manager: "create", spec: "online: false"}, {manager: "m", spec: "image: {url: a}"}, {manager: "m", spec: "bootMode: UEFI"}},
			online: false, image: nil, present: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMetal3World(t)
			for i, s := range c.steps {
				if s.manager == "kubectl" {
					w.kubectl(t, hosts, "gpu-001", "spec: {"+s.spec+"}")
					continue
				}
				u := &unstructured.Unstructured{}
				require.NoError(t, yaml.Unmarshal([]byte(base+"spec: {"+s.spec+"}"), &u.Object))
				_, err := w.others.Resource(hosts).Namespace(w.namespace).Apply(t.Context(), "gpu-001", u, metav1.ApplyOptions{FieldManager: s.manager})
				if s.refused != "" {
					require.ErrorContains(t, err, s.refused, "step %d", i)
				} else {
					require.NoError(t, err, "step %d", i)
				}
			}
			u, err := w.others.Resource(hosts).Namespace(w.namespace).Get(t.Context(), "gpu-001", metav1.GetOptions{})
			if !c.present {
				require.True(t, apierrors.IsNotFound(err))
				return
			}
			require.NoError(t, err)
			spec, _ := u.Object["spec"].(map[string]any)
			require.Equal(t, c.online, spec["online"])
			require.Equal(t, c.image, spec["image"])
		})
	}
}

// A resourceVersion that no object has makes an apply create or fail, which no document says: our
// creations rest on it.
func TestApplyWithImpossibleVersionOnlyCreates(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	o := w.configMap(t, "a", "ours")
	r := mustFind(t, c, "ConfigMap")
	u, _, err := c.manifest(t.Context(), o, r)
	require.NoError(t, err)
	made, err := c.createNew(t.Context(), o.ID, r, u, fieldManager)
	require.NoError(t, err)
	_, err = c.createNew(t.Context(), o.ID, r, u, "another") // not even where nothing would differ
	require.True(t, apierrors.IsConflict(err), "%v", err)
	require.Equal(t, made.GetResourceVersion(), w.stored(t, configMaps, "a").GetResourceVersion())
	require.Equal(t, []string{fieldManager}, managerNames(w.stored(t, configMaps, "a")))
}
