package conformance

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

func (s Suite) ids() []state.ID {
	var ids []state.ID
	for _, o := range s.Objects {
		ids = append(ids, o.ID)
	}
	return ids
}

// last is the object that most points are tried on: it stands on all others.
func (s Suite) last() state.Object { return s.Objects[len(s.Objects)-1] }

// observe looks at all objects of the suite.
func (s Suite) observe(t *testing.T, system System) state.Live {
	t.Helper()
	live := system.Observe(t.Context(), target.Query{Want: s.Objects})
	require.Equal(t, system.Target(), live.Target)
	return live
}

// present is the live object, which must be there.
func (s Suite) present(t *testing.T, system System, id state.ID) state.LiveObject {
	t.Helper()
	presence, o, err := s.observe(t, system).Presence(id)
	require.NoError(t, err, "%s", id)
	require.Equal(t, state.Present, presence, "%s should be there", id)
	return o
}

// apply carries out the changes and checks that each has exactly one result.
func apply(t *testing.T, ctx context.Context, system System, changes ...plan.Change) map[state.ID]target.Result {
	t.Helper()
	results := map[state.ID]target.Result{}
	for r := range system.Apply(ctx, changes) {
		require.NotContains(t, results, r.ID, "a second result of one change")
		results[r.ID] = r
	}
	require.Len(t, results, len(changes), "one result a change")
	for _, c := range changes {
		require.Contains(t, results, c.ID)
	}
	return results
}

// must carries out one change, which must succeed.
func must(t *testing.T, system System, c plan.Change) target.Result {
	t.Helper()
	r := apply(t, t.Context(), system, c)[c.ID]
	require.NoError(t, r.Err, "%s %s", c.Action, c.ID)
	return r
}

// makeAll has every object there, by creating it or, if intrinsic, by setting its fields.
func (s Suite) makeAll(t *testing.T, system System) {
	t.Helper()
	for _, o := range s.Objects {
		s.makeOne(t, system, o)
	}
}

func (s Suite) makeOne(t *testing.T, system System, o state.Object) {
	t.Helper()
	if s.Intrinsic {
		must(t, system, s.updateOf(o, s.present(t, system, o.ID)))
		return
	}
	must(t, system, creation(o))
}

// makeBase makes all but the last object.
func (s Suite) makeBase(t *testing.T, system System) {
	t.Helper()
	for _, o := range s.Objects[:len(s.Objects)-1] {
		s.makeOne(t, system, o)
	}
}

func creation(o state.Object) plan.Change {
	return plan.Change{ID: o.ID, Entity: o.Entity, Action: plan.Create, Want: &o}
}

func deletion(o state.Object, live state.LiveObject) plan.Change {
	return plan.Change{ID: o.ID, Entity: o.Entity, Action: plan.Delete, Live: &live, Owned: owned(o, live)}
}

// updateOf is the change that makes live what o wants.
func (s Suite) updateOf(o state.Object, live state.LiveObject) plan.Change {
	c := plan.Change{ID: o.ID, Entity: o.Entity, Action: plan.Update, Want: &o, Live: &live, Owned: owned(o, live)}
	for path, leaf := range o.Tree.Leaves() {
		old, _ := at(live.Value, path)
		if _, secret := leaf.Secret(); secret || cmp.Equal(old, leaf.Masked()) {
			continue
		}
		c.Fields = append(c.Fields, plan.Field{Path: path, Name: path.String(), Old: old, New: leaf.Masked()})
	}
	return c
}

func owned(o state.Object, live state.LiveObject) *state.Owned {
	own := &state.Owned{ID: o.ID, Remote: live.Remote, Entity: o.Entity, Digest: o.Tree.Digest()}
	for path := range o.Tree.Leaves() {
		own.Fields = append(own.Fields, path.String())
	}
	slices.Sort(own.Fields)
	return own
}

// hasValues checks that every field that o names has its value in live.
func (s Suite) hasValues(t *testing.T, o state.Object, live state.LiveObject) {
	t.Helper()
	for path, leaf := range o.Tree.Leaves() {
		if _, secret := leaf.Secret(); secret || s.ignored(path) {
			continue
		}
		value, ok := at(live.Value, path)
		require.True(t, ok, "%s has no %s", o.ID, path)
		require.Equal(t, leaf.Masked(), value, "%s: %s", o.ID, path)
	}
}

func (s Suite) ignored(path state.Path) bool { return s.Ignore != nil && s.Ignore(path) }

// differences are the paths at which two live values differ, sorted.
func (s Suite) differences(a, b map[string]any) []string {
	before, after := s.leaves(a), s.leaves(b)
	maps.DeleteFunc(before, func(path string, value any) bool {
		other, ok := after[path]
		if ok && cmp.Equal(value, other) {
			delete(after, path)
			return true
		}
		return false
	})
	maps.Copy(before, after)
	return slices.Sorted(maps.Keys(before))
}

func (s Suite) leaves(value map[string]any) map[string]any {
	all := map[string]any{}
	for path, leaf := range state.FromPlain(value, state.Origin{}).Leaves() {
		if !s.ignored(path) {
			all[path.String()] = leaf.Masked()
		}
	}
	return all
}

// at is the value at a path in maps and slices, and whether there is one.
func at(value any, path state.Path) (any, bool) {
	tree, ok := state.FromPlain(value, state.Origin{}).Get(path)
	if !ok {
		return nil, false
	}
	return tree.Masked(), true
}

// under reports whether a path is one of, or lies below one of, the named ones.
func under(path string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		rest, ok := strings.CutPrefix(path, name)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}
