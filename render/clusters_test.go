package render_test

import (
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
)

// archived loads a fleet out of an archive in testdata, without a finding.
func archived(t *testing.T, name string) (*fleet.Fleet, fstest.MapFS) {
	t.Helper()
	a, err := txtar.ParseFile("testdata/" + name)
	require.NoError(t, err)
	fs := fstest.MapFS{}
	for _, f := range a.Files {
		fs[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
	}
	f, found := fleet.Load(t.Context(), fs, fleet.Options{})
	require.Empty(t, found)
	return f, fs
}

// Every field that a tenant cluster has reaches vcluster.yaml or the cluster itself, and every leaf is
// traced to where it was written.
func TestClusters(t *testing.T) {
	f, fs := archived(t, "clusters.txtar")
	set := mustRender(t, f, render.Inputs{FS: fs})
	golden(t, "clusters.txt", dump(set))
	everyLeafIsWritten(t, f, set)
}

// A namespace has one maker: what the cluster makes no stack makes again, and what a stack puts into it
// waits for it.
func TestNamespacesOfClusters(t *testing.T) {
	fs := files(map[string]string{
		"c/kustomization.yaml": "resources: [all.yaml]",
		"c/all.yaml":           "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
		"d/kustomization.yaml": "resources: [all.yaml]",
		"d/all.yaml":           "apiVersion: v1\nkind: Namespace\nmetadata: {name: research}\n",
	})
	f := withStack(small(), map[string]*fleet.Component{"c": {Type: "kustomize", Path: "c", Namespace: "research"}})
	f.Tenants["acme"].Clusters["train"].Namespaces = map[string]*fleet.TenantNamespace{"research": {}}
	set := mustRender(t, f, render.Inputs{FS: fs})
	there, _ := waits(must(t, set, "kubernetes/acme.train/ConfigMap/research/a"), "kubernetes/acme.train/Namespace/research")
	require.True(t, there)
	require.Equal(t, "cluster/acme/train", must(t, set, "kubernetes/acme.train/Namespace/research").Entity)

	f.Stacks["training"].Components["d"] = &fleet.Component{Type: "kustomize", Path: "d", Namespace: "default"}
	_, found := render.Render(t.Context(), f, render.Inputs{FS: fs})
	require.Len(t, found, 1)
	require.Equal(t, "MW308", found[0].Code)
}

// A cluster on shared nodes has nothing in the network controller and no machines, and its tenant cannot
// move its pods to other nodes.
func TestSharedNodes(t *testing.T) {
	f, fs := archived(t, "clusters.txtar")
	set := mustRender(t, f, render.Inputs{FS: fs})
	for o := range set.All() {
		if o.ID.Target.System == state.Netris {
			require.NotContains(t, o.ID.String(), "globex")
		}
	}
	for _, name := range []string{"web", "batch", "edge"} {
		instance := must(t, set, "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-globex/"+name)
		const sync = "spec.template.helmRelease.values.sync."
		require.Equal(t, map[string]any{"example.com/tenant": "globex", "example.com/part": name}, at(t, instance, sync+"fromHost.nodes.selector.labels"))
		require.Equal(t, false, at(t, instance, sync+"fromHost.nodes.syncBackChanges"))
		require.Equal(t, false, at(t, instance, "spec.template.helmRelease.values.privateNodes.enabled"))
		if name != "batch" { // which says that it wants none
			require.Equal(t, "vnode", at(t, instance, sync+"toHost.pods.runtimeClassName"))
		}
	}
}
