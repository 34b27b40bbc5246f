package render_test

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
)

// archive loads a fleet out of an archive in testdata, without a finding.
func archive(t *testing.T, name string) (*fleet.Fleet, fstest.MapFS) {
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
	f, fs := archive(t, "clusters.txtar")
	set := mustRender(t, f, render.Inputs{FS: fs})
	golden(t, "clusters.txt", dump(set))
	located(t, f, set)
}

// located asks for the place of every leaf: nobody is to be told "somewhere".
func located(t *testing.T, f *fleet.Fleet, set state.Set) {
	t.Helper()
	asked := map[fleet.Query]state.ID{}
	for o := range set.All() {
		for _, leaf := range o.Tree.Leaves() {
			asked[fleet.Query{Entity: leaf.Origin().Entity, Path: leaf.Origin().Field}] = o.ID
		}
	}
	var queries []fleet.Query
	for q := range asked {
		queries = append(queries, q)
	}
	places, err := f.LocateAll(t.Context(), queries)
	require.NoError(t, err)
	for i, q := range queries {
		require.NotEmpty(t, places[i], "%s: nobody wrote %s of %s", asked[q], q.Path, q.Entity)
		// A wrong path would be answered with the place of what holds it.
		if whole := slices.Index(queries, fleet.Query{Entity: q.Entity}); q.Path != "" && whole >= 0 {
			require.NotEqual(t, places[whole], places[i], "%s: %s of %s is not found", asked[q], q.Path, q.Entity)
		}
	}
}
