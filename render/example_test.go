package render_test

import (
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
)

// The example fleet renders without a finding, and whoever asks why a value is what it is gets an
// answer for every leaf: a place in the author's files or in the schema.
func TestExampleFleet(t *testing.T) {
	repo := os.DirFS("../fleet-example")
	f, found := fleet.Load(t.Context(), repo, fleet.Options{})
	require.NoError(t, found.Err())
	set := mustRender(t, f, render.Inputs{FS: repo})
	golden(t, "example.txt", dump(set))
	everyLeafIsSomewhere(t, f, set)
}

// everyLeafIsSomewhere asks for the place of every leaf.
func everyLeafIsSomewhere(t *testing.T, f *fleet.Fleet, set state.Set) {
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
