package audit

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet/fleettest"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
)

// What changed a rendered value last left it as it is: each value that is copied from a field is what the last event
// of that field says, and every value has a last event.
func TestLastIsWhatIsRendered(t *testing.T) {
	r := newRepo(t, fleettest.Size{Machines: 8, Tenants: 1})
	r.replace("common/common.cue", "memory: 2048", "memory: 1024")
	r.commit("Less memory")
	r.replace(tenantFile, `"Tenant `, `"Renamed `)
	r.commit("A name")
	x := indexed(r, "")
	s, err := r.line().At(2)
	require.NoError(t, err)
	f, found := loader(t).Load(t.Context(), s.FS)
	require.NoError(t, found.Err())
	set, _ := render.Render(t.Context(), f, render.Inputs{FS: s.FS})

	var origins []Origin
	var leaves []state.Tree
	for o := range set.All() {
		for _, leaf := range o.Tree.Leaves() {
			origins, leaves = append(origins, RenderedOf(f, leaf.Origin())), append(leaves, leaf)
		}
	}
	copied := 0
	for i, last := range x.Last(origins) {
		from := leaves[i].Origin()
		require.NotNil(t, last, "%v", from)
		if from.Field == "" || from.Note != "" || from.Entity == "allocation" || len(last.Changes) != 1 {
			continue
		}
		value, err := json.Marshal(leaves[i].Masked())
		require.NoError(t, err)
		require.Equal(t, string(value), string(last.Changes[0].New), "%v", from)
		copied++
	}
	require.Greater(t, copied, 100)
	renamed := x.Last([]Origin{{Entity: "tenant/tenant0000", Field: "displayName"}})[0]
	require.Equal(t, "A name", renamed.Commit.Subject)

	// Values that come of one field are told beside it, and what comes of nothing known is named.
	o := state.Object{Tree: state.Map(map[string]state.Tree{
		"a": state.Leaf("x", state.Origin{Entity: "tenant/tenant0000", Field: "displayName"}),
		"b": state.Leaf("x", state.Origin{Entity: "tenant/tenant0000", Field: "displayName"}),
		"c": state.Leaf("x", state.Origin{Entity: "tenant/tenant0000"}),
		"d": state.Leaf("x", state.Origin{Entity: "chart.yaml"}),
	}, state.Origin{})}
	a, err := x.Ask(Query{Object: "object", Origins: Origins(f, o, nil)})
	require.NoError(t, err)
	require.Equal(t, []Origin{{Entity: "chart.yaml", Sets: []string{"d"}}}, a.Unknown)
	require.Len(t, a.Events, 2)
	require.Equal(t, []Change{{Path: "displayName", Old: `"Tenant 0"`, New: `"Renamed 0"`, Sets: []string{"a", "b"}}}, a.Events[0].Changes)
	require.Empty(t, a.Events[0].Sets)
	require.Equal(t, Added, a.Events[1].Change)
	require.Equal(t, []string{"c"}, a.Events[1].Sets)

	// What is not committed yet is one step more, of the entities that were asked for.
	f.Tenants["tenant0000"].DisplayName = "Draft"
	draft, err := x.Draft(f, s.FS, s.FS, "pool/tenant0000/train/none", "machine/gpu-00000")
	require.NoError(t, err)
	last := draft.Last([]Origin{{Entity: "tenant/tenant0000", Field: "displayName"}, {Entity: "machine/gpu-00000", Field: "rack"}})
	require.Empty(t, last[0].Commit.Hash)
	require.Equal(t, `"Draft"`, string(last[0].Changes[0].New))
	require.NotEmpty(t, last[1].Commit.Hash)
	require.Len(t, x.data.Commits, 3)
}

// An element of a list has a history of its own, though the index knows the list as one value.
func TestElements(t *testing.T) {
	x := &Index{data: contents{
		Commits: []Commit{{Hash: "0"}, {Hash: "1"}, {Hash: "2"}, {Hash: "3"}},
		Steps: []step{
			{0, "site/dc1", []Change{{Path: "name", New: `"dc1"`}, {Path: "ntp", New: `["a","b"]`}}},
			{1, "site/dc1", []Change{{Path: "ntp", Old: `["a","b"]`, New: `["a","c"]`}}},
			{2, "site/dc1", []Change{{Path: "ntp", Old: `["a","c"]`, New: `["a"]`}}},
			{3, "site/dc1", []Change{{Path: "name", Old: `"dc1"`}, {Path: "ntp", Old: `["a"]`}}},
		},
	}}
	var got []string
	for i := range 2 {
		a, err := x.Ask(Query{Object: "o", Origins: []Origin{{Entity: "site/dc1", Field: "ntp" + state.Index(i), Sets: []string{"s"}}}})
		require.NoError(t, err)
		for _, e := range a.Events {
			got = append(got, fmt.Sprintf("%s %s %s→%s", e.Commit.Hash, e.Changes[0].Path, e.Changes[0].Old, e.Changes[0].New))
		}
	}
	require.Equal(t, []string{`3 ntp[0] "a"→`, `0 ntp[0] →"a"`, `2 ntp[1] "c"→`, `1 ntp[1] "b"→"c"`, `0 ntp[1] →"b"`}, got)

	// A field that never had a value is what it is since the entity is there.
	a, err := x.Ask(Query{Object: "o", Origins: []Origin{{Entity: "site/dc1", Field: "region.name", Sets: []string{"s"}}}})
	require.NoError(t, err)
	require.Len(t, a.Events, 2)
	require.Equal(t, []string{Removed, Added}, []string{a.Events[0].Change, a.Events[1].Change})
	require.Equal(t, []string{"s"}, a.Events[0].Sets)
}
