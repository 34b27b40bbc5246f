package render_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
)

var update = flag.Bool("update", false, "write the golden files")

// dump writes a set for people: each object with its edges, each leaf with its origin.
func dump(set state.Set) string {
	var b strings.Builder
	for o := range set.All() {
		fmt.Fprintf(&b, "%s\n  for %s, %s", o.ID, o.Entity, o.Mode)
		if o.ObserveOnly != "" {
			fmt.Fprintf(&b, ", not written: %s", o.ObserveOnly)
		}
		b.WriteByte('\n')
		for _, e := range o.After {
			below := ""
			if e.Below {
				below = " and below"
			}
			fmt.Fprintf(&b, "  after %s%s\n", e.On, below)
		}
		for path, leaf := range o.Tree.Leaves() {
			origin := leaf.Origin().Entity
			if leaf.Origin().Field != "" {
				origin += " " + leaf.Origin().Field
			}
			if leaf.Origin().Note != "" {
				origin += " (" + leaf.Origin().Note + ")"
			}
			fmt.Fprintf(&b, "    %s: %#v <- %s\n", path, leaf.Masked(), origin)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-want +got), run with -update if that is meant:\n%s", file, d)
	}
}

// The golden file is what a reviewer reads to see what a change of the renderer does to a fleet.
func TestGolden(t *testing.T) {
	golden(t, "small.txt", dump(mustRender(t, small(), render.Inputs{})))
}

// `why` can only answer if every leaf names an entity that is there.
func TestEveryLeafHasAnOrigin(t *testing.T) {
	f, fs := withEverything()
	set := mustRender(t, f, render.Inputs{FS: fs})
	require.Positive(t, set.Len())
	for o := range set.All() {
		_, ok := set.Entity(o.Entity)
		require.True(t, ok, "%s is for %q, which the fleet does not have", o.ID, o.Entity)
		for path, leaf := range o.Tree.Leaves() {
			_, ok := set.Entity(leaf.Origin().Entity)
			require.True(t, ok, "%s: %s comes from %q, which the fleet does not have", o.ID, path, leaf.Origin().Entity)
		}
	}
}

// Every edge leads to an object that is rendered too: one that leads nowhere would wait for ever.
func TestEveryEdgeLeadsSomewhere(t *testing.T) {
	f, fs := withEverything()
	set := mustRender(t, f, render.Inputs{FS: fs})
	edges := 0
	for o := range set.All() {
		for _, e := range o.After {
			edges++
			_, ok := set.Get(e.On)
			require.True(t, ok, "%s waits for %s, which is not rendered", o.ID, e.On)
		}
	}
	require.Positive(t, edges)
}

// The same fleet gives the same bytes whatever order maps are gone through and however many threads
// there are.
func TestDeterminism(t *testing.T) {
	f, fs := withEverything()
	want := dump(mustRender(t, f, render.Inputs{FS: fs}))
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for i := range 50 {
		runtime.GOMAXPROCS(1 + i%4)
		f, fs := withEverything()
		if got := dump(mustRender(t, f, render.Inputs{FS: fs})); got != want {
			t.Fatalf("rendering %d differs:\n%s", i, cmp.Diff(want, got))
		}
	}
}

// A machine moves between tenants in a fixed order, which rests on these edges: into the network,
// then offered, then asked for; and nothing is asked for while somebody is left in the network.
func TestIsolationOrder(t *testing.T) {
	set := mustRender(t, small(), render.Inputs{})
	const (
		host   = "kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/gpu-001"
		offer  = host + "/pool/acme/train/h100"
		joint  = "netris/dc1/servercluster/acme-train"
		member = joint + "/server/gpu-001"
	)
	for _, want := range []struct {
		from, to string
		below    bool
	}{
		{member, joint, false}, {member, host, false}, {member, "netris/dc1/server/gpu-001", false},
		{offer, host, false}, {offer, member, false},
		{"kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train", offer, false},
		{"kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train", joint, true},
	} {
		there, below := waits(must(t, set, want.from), want.to)
		require.True(t, there, "%s does not wait for %s", want.from, want.to)
		require.Equal(t, want.below, below, "%s on %s", want.from, want.to)
	}
	require.Equal(t, "acme.train.h100", at(t, must(t, set, offer), `metadata.labels["millwright.dev/pool"]`))
}

// What is with its vendor or on its way out is managed no more, and is told apart from what vanished.
func TestLeaving(t *testing.T) {
	f := small()
	f.Machines["gpu-002"].Lifecycle = fleet.RMA // although it is allocated
	set := mustRender(t, f, render.Inputs{})
	for o := range set.All() {
		for _, gone := range []string{"gpu-002", "gpu-005", "gpu-006", "p-old", "old-lab", "pool/old"} {
			require.NotContains(t, o.ID.String(), gone)
		}
		require.NotEqual(t, "old", o.ID.Name)
	}
	for name, retired := range map[string]bool{
		"machine/gpu-005": true, "machine/gpu-006": false, "machine/gpu-001": false,
		"tenant/old": true, "cluster/old/lab": true, "pool/old/lab/h100": true, "segment/old-lab": true,
		"tenant/acme": false, "cluster/acme/train": false, "pool/acme/train/h100": false, "segment/acme-train": false,
		"image/unused": false, "platform": false, "policy": false, "allocation": false,
	} {
		e, ok := set.Entity(name)
		require.True(t, ok, name)
		require.Equal(t, retired, e.Retired, name)
	}
	pool := must(t, set, "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train")
	require.EqualValues(t, 1, at(t, pool, "spec.template.helmRelease.values.privateNodes.autoNodes[0].static[0].quantity"))
}

// Who owns the BIOS: Metal3 where it is, we where it is not.
func TestModesOfBMC(t *testing.T) {
	set := mustRender(t, small(), render.Inputs{})
	require.Equal(t, state.Observe, must(t, set, "redfish/gpu-001/bios").Mode)
	require.Equal(t, state.Own, must(t, set, "redfish/cp-001/bios").Mode)
	require.Equal(t, state.Own, must(t, set, "redfish/gpu-001/ntp").Mode)
	require.Equal(t, state.Observe, must(t, set, "redfish/gpu-001/power").Mode)
	require.Equal(t, "On", at(t, must(t, set, "redfish/cp-001/power"), "PowerState"))
	require.True(t, must(t, set, "redfish/cp-002/power").Tree.IsLeaf(), "under maintenance it may be off, but guards want to see it")
	_, ok := set.Get(state.ID{Target: state.Target{System: state.Redfish, Name: "gpu-004"}, Kind: "power"})
	require.False(t, ok, "a spare machine under Metal3 may be on or off")
}

func TestObserveOnly(t *testing.T) {
	const host, member, team = "kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/gpu-001",
		"netris/dc1/servercluster/acme-train/server/gpu-001", "kubernetes/control-plane/Team.management.loft.sh/acme"
	const bios, vpc, instance = "redfish/gpu-001/bios", "netris/dc1/vpc/acme-train", "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train"
	const other = "netris/dc1/vpc/globex-web"
	all := []string{host, member, team, bios, vpc, instance, other}
	for name, c := range map[string]struct {
		set    func(*fleet.Fleet, *fleet.ObserveOnly)
		frozen []string
	}{
		"kind": {func(f *fleet.Fleet, o *fleet.ObserveOnly) {
			f.Policy.ObserveOnly = map[string]fleet.ObserveOnly{"redfish/bios": *o}
		}, []string{bios}},
		"part": {func(f *fleet.Fleet, o *fleet.ObserveOnly) {
			f.Policy.ObserveOnly = map[string]fleet.ObserveOnly{"netris/servercluster/server": *o}
		}, []string{member}},
		"tenant": {func(f *fleet.Fleet, o *fleet.ObserveOnly) { f.Tenants["acme"].ObserveOnly = o }, []string{member, team, vpc, instance}},
		"site":   {func(f *fleet.Fleet, o *fleet.ObserveOnly) { f.Sites["dc1"].ObserveOnly = o }, []string{host, member, bios, vpc, instance, other}},
	} {
		t.Run(name, func(t *testing.T) {
			f := small()
			c.set(f, &fleet.ObserveOnly{Reason: "before the hand-over"})
			set := mustRender(t, f, render.Inputs{})
			var frozen []string
			for _, address := range all {
				if why := must(t, set, address).ObserveOnly; why != "" {
					require.Equal(t, "before the hand-over", why)
					frozen = append(frozen, address)
				}
			}
			require.ElementsMatch(t, c.frozen, frozen)
		})
	}
}

// What would undo isolation or the allocation cannot be written into the free-form fields.
func TestReserved(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*fleet.Fleet)
		path string
	}{
		"pool label": {func(f *fleet.Fleet) {
			f.Machines["gpu-004"].Labels = map[string]string{"millwright.dev/pool": "acme.train.h100"}
		},
			`machine/gpu-004.labels."millwright.dev/pool"`},
		"own pools": {func(f *fleet.Fleet) {
			f.Tenants["acme"].Clusters["train"].Values = map[string]any{"privateNodes": map[string]any{"autoNodes": []any{}}}
		}, "tenant/acme.cluster.train.values.privateNodes.autoNodes"},
		"a map replaced": {func(f *fleet.Fleet) {
			f.Tenants["acme"].Clusters["train"].Values = map[string]any{"privateNodes": "none"}
		},
			"tenant/acme.cluster.train.values.privateNodes"},
		"another store": {func(f *fleet.Fleet) {
			f.Tenants["acme"].Clusters["train"].Values = map[string]any{"controlPlane": map[string]any{"backingStore": map[string]any{"database": map[string]any{}}}}
		}, "tenant/acme.cluster.train.values.controlPlane.backingStore.database"},
		"pods elsewhere": {func(f *fleet.Fleet) {
			f.Tenants["acme"].Clusters["train"].Values = map[string]any{"sync": map[string]any{"toHost": map[string]any{"pods": map[string]any{"patches": []any{}}}}}
		}, "tenant/acme.cluster.train.values.sync.toHost.pods.patches"},
		"nodes of others": {func(f *fleet.Fleet) {
			f.Tenants["acme"].Clusters["train"].Values = map[string]any{"sync": map[string]any{"fromHost": map[string]any{"nodes": map[string]any{"enabled": true}}}}
		}, "tenant/acme.cluster.train.values.sync.fromHost.nodes"},
	} {
		t.Run(name, func(t *testing.T) {
			f := small()
			c.set(f)
			set, found := render.Render(t.Context(), f, render.Inputs{})
			require.Zero(t, set.Len(), "what cannot be rendered as a whole is not rendered")
			require.Len(t, found, 1)
			require.Equal(t, "MW301", found[0].Code)
			require.Equal(t, c.path, found[0].Path)
		})
	}
}

func TestFixedVLANIsRefused(t *testing.T) {
	f := small()
	f.Segments["acme-train"].NorthSouth.VLAN = 120
	_, found := render.Render(t.Context(), f, render.Inputs{})
	require.Len(t, found, 1)
	require.Equal(t, "MW310", found[0].Code)
}

// A host must never carry what its provisioner writes, not even out of a stack.
func TestHandsOffHosts(t *testing.T) {
	for o := range mustRender(t, small(), render.Inputs{}).All() {
		if o.ID.Kind == "BareMetalHost.metal3.io" && o.ID.Part == "" {
			for _, field := range []string{"image", "userData", "networkData", "metaData", "customDeploy", "consumerRef"} {
				_, there := o.Tree.Get(state.Path{"spec", field})
				require.False(t, there, "%s has %s", o.ID, field)
			}
		}
	}
	fs := files(map[string]string{
		"c/kustomization.yaml": "resources: [host.yaml]",
		"c/host.yaml":          "apiVersion: metal3.io/v1alpha1\nkind: BareMetalHost\nmetadata: {name: x, namespace: y}\nspec: {online: true, image: {url: https://example.com/i}}\n",
	})
	f := withStack(small(), map[string]*fleet.Component{"c": {Type: "kustomize", Path: "c", Namespace: "default"}})
	_, found := render.Render(t.Context(), f, render.Inputs{FS: fs})
	require.Len(t, found, 1)
	require.Equal(t, "MW311", found[0].Code)
}

func TestCancelled(t *testing.T) {
	f, fs := withEverything()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	set, found := render.Render(ctx, f, render.Inputs{FS: fs})
	require.Zero(t, set.Len())
	require.Error(t, found.Err())
}

// A single cluster is retired as a tenant is: all that is its own goes, and its pools' node types stay until
// its machines have left. Its tenant stays, in Netris too.
func TestARetiredCluster(t *testing.T) {
	f := small()
	f.Tenants["acme"].Clusters["train"].Retired = true
	set := mustRender(t, f, render.Inputs{})
	for o := range set.All() {
		for _, gone := range []string{"acme.train", "acme-train", "p-acme/train", "pool/acme"} {
			require.NotContains(t, o.ID.String(), gone)
		}
	}
	must(t, set, "netris/dc1/tenant/acme")
	project := must(t, set, "kubernetes/control-plane/Project.management.loft.sh/acme")
	require.Equal(t, "metal3.acme-train-h100", at(t, project, "spec.allowedNodeTypes[0].name"))
	provider := must(t, set, "kubernetes/control-plane/NodeProvider.management.loft.sh/metal3")
	require.Equal(t, "acme-train-h100", at(t, provider, "spec.metal3.nodeTypes[0].name"))
	for name, retired := range map[string]bool{
		"tenant/acme": false, "cluster/acme/train": true, "pool/acme/train/h100": true, "segment/acme-train": true, "cluster/globex/web": false,
	} {
		e, ok := set.Entity(name)
		require.True(t, ok, name)
		require.Equal(t, retired, e.Retired, name)
	}
}
