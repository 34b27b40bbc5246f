package conformance

import (
	"cmp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

func create(t *testing.T, s Suite) {
	system := s.Open(t)
	for _, o := range s.Objects {
		r := must(t, system, creation(o))
		require.NotNil(t, r.Live, "what was made is read back")
		require.NotEmpty(t, r.Live.Remote)

		live := s.present(t, s.Open(t), o.ID)
		require.Equal(t, r.Live.Remote, live.Remote)
		require.Equal(t, o.ID, live.ID)
		if s.Marked {
			require.Equal(t, o.ID, live.Mark, "the mark names the object itself")
		}
		s.hasValues(t, o, live)
	}
	// A process that remembers nothing and wants others of these kinds finds what bears our mark.
	if s.Marked {
		var others []state.Object
		for _, o := range s.Objects {
			o.ID.Name = "millwright-other"
			others = append(others, o)
		}
		live := s.Open(t).Observe(t.Context(), target.Query{Want: others})
		require.NoError(t, live.Err)
		for _, id := range s.ids() {
			require.Contains(t, live.Objects, id)
		}
	}
}

func createTwice(t *testing.T, s Suite) {
	system := s.Open(t)
	s.makeAll(t, system)
	first := s.present(t, system, s.last().ID)
	s.makeAll(t, s.Open(t)) // the same again, by a process that remembers nothing
	second := s.present(t, system, s.last().ID)
	require.Equal(t, first.Remote, second.Remote)
	require.Empty(t, s.differences(first.Value, second.Value))
	s.one(t)
}

func (s Suite) one(t *testing.T) {
	t.Helper()
	if s.Count != nil {
		require.Equal(t, 1, s.Count(t, s.last().ID), "objects under the name of %s", s.last().ID)
	}
}

func createOverForeign(t *testing.T, s Suite) {
	system := s.Open(t)
	s.makeBase(t, system)
	s.Foreign(t, s.last())
	before := s.present(t, system, s.last().ID)
	require.Zero(t, before.Mark)

	r := apply(t, t.Context(), system, creation(s.last()))[s.last().ID]
	require.ErrorIs(t, r.Err, target.ErrHeld)
	after := s.present(t, system, s.last().ID)
	require.Equal(t, before.Remote, after.Remote)
	require.Zero(t, after.Mark)
	require.Empty(t, s.differences(before.Value, after.Value))
	s.one(t)
}

func adopt(t *testing.T, s Suite) {
	system := s.Open(t)
	s.makeBase(t, system)
	s.Foreign(t, s.last())
	before := s.present(t, system, s.last().ID)

	c := s.updateOf(s.last(), before)
	c.Action, c.Owned, c.Force = plan.Adopt, nil, true
	must(t, system, c)
	after := s.present(t, system, s.last().ID)
	require.Equal(t, before.Remote, after.Remote)
	if s.Marked {
		require.Equal(t, s.last().ID, after.Mark)
	}
	s.hasValues(t, s.last(), after)
}

func update(t *testing.T, s Suite) {
	system := s.Open(t)
	s.makeAll(t, system)
	o := s.Update(s.last())
	if s.Extend != nil {
		s.Extend(t, o.ID)
	}
	before := s.present(t, system, o.ID)
	c := s.updateOf(o, before)
	require.NotEmpty(t, c.Fields, "the suite's update changes nothing")

	r := must(t, system, c)
	require.NotNil(t, r.Live, "what was changed is read back")
	after := s.present(t, system, o.ID)
	require.Equal(t, before.Remote, after.Remote)
	s.hasValues(t, o, after)
	var named []string
	for _, f := range c.Fields {
		named = append(named, f.Name)
	}
	for _, path := range s.differences(before.Value, after.Value) {
		require.True(t, under(path, named), "%s changed, and only %v should", path, named)
	}
}

func updateTwice(t *testing.T, s Suite) {
	system := s.Open(t)
	s.makeAll(t, system)
	o := s.Update(s.last())
	c := s.updateOf(o, s.present(t, system, o.ID))
	must(t, system, c)
	first := s.present(t, system, o.ID)
	must(t, s.Open(t), c)
	second := s.present(t, system, o.ID)
	require.Equal(t, first.Remote, second.Remote)
	require.Empty(t, s.differences(first.Value, second.Value))
	s.one(t)
}

func tamper(t *testing.T, s Suite) {
	system := s.Open(t)
	s.makeAll(t, system)
	s.Tamper(t, s.last().ID)
	live := s.present(t, system, s.last().ID)
	c := s.updateOf(s.last(), live)
	require.NotEmpty(t, c.Fields, "the tampering is not seen")
	c.Force = true // every field is one that we applied
	must(t, system, c)
	s.hasValues(t, s.last(), s.present(t, system, s.last().ID))
}

func stale(t *testing.T, s Suite) {
	system := s.Open(t)
	s.makeAll(t, system)
	old := s.present(t, system, s.last().ID)
	s.delete(t, system, s.last())
	s.makeOne(t, system, s.last())
	now := s.present(t, system, s.last().ID)
	if old.Remote == now.Remote {
		t.Skip("the target gives the same name the same identity")
	}

	o := s.Update(s.last())
	for _, c := range []plan.Change{s.updateOf(o, old), deletion(o, old)} {
		r := apply(t, t.Context(), system, c)[o.ID]
		require.ErrorIs(t, r.Err, target.ErrHeld, "%s of an object that was replaced", c.Action)
		after := s.present(t, system, o.ID)
		require.Equal(t, now.Remote, after.Remote)
		require.False(t, after.Deleting)
		require.Empty(t, s.differences(now.Value, after.Value))
	}

	// Nor does an update make again what is gone.
	s.delete(t, system, s.last())
	r := apply(t, t.Context(), system, s.updateOf(o, now))[o.ID]
	require.ErrorIs(t, r.Err, target.ErrHeld, "update of an object that is gone")
	presence, _, err := s.observe(t, system).Presence(o.ID)
	require.NoError(t, err)
	require.Equal(t, state.Absent, presence)
}

func remove(t *testing.T, s Suite) {
	system := s.Open(t)
	s.makeAll(t, system)
	for i := len(s.Objects) - 1; i >= 0; i-- {
		o := s.Objects[i]
		live := s.present(t, system, o.ID)
		s.delete(t, system, o)
		must(t, s.Open(t), deletion(o, live))
	}
}

// delete removes an object and waits until it is gone.
func (s Suite) delete(t *testing.T, system System, o state.Object) {
	t.Helper()
	must(t, system, deletion(o, s.present(t, system, o.ID)))
	require.Eventually(t, func() bool {
		presence, _, err := s.observe(t, system).Presence(o.ID)
		return err == nil && presence == state.Absent
	}, cmp.Or(s.Patience, 30*time.Second), 20*time.Millisecond, "%s should go", o.ID)
}
