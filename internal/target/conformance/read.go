package conformance

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

func absent(t *testing.T, s Suite) {
	system := s.Open(t)
	var remembered []state.Owned
	for _, o := range s.Objects {
		remembered = append(remembered, state.Owned{ID: o.ID, Remote: "1", Entity: o.Entity})
	}
	for name, query := range map[string]target.Query{
		"wanted":     {Want: s.Objects},
		"remembered": {Owned: remembered},
	} {
		live := system.Observe(t.Context(), query)
		require.NoError(t, live.Err, name)
		for _, id := range s.ids() {
			presence, _, err := live.Presence(id)
			require.NoError(t, err, "%s: %s", name, id)
			require.Equal(t, state.Absent, presence, "%s: %s", name, id)
		}
	}
}

func observingWritesNothing(t *testing.T, s Suite) {
	system := s.Open(t)
	s.makeAll(t, system)
	before := s.Writes()
	for range 3 {
		live := s.observe(t, system)
		require.False(t, live.Time.IsZero(), "the time of observation")
	}
	s.observe(t, s.Open(t))
	require.Equal(t, before, s.Writes(), "state-changing requests")
}

// concurrent observations beside a write: the race detector is the judge, and each must be whole.
func concurrent(t *testing.T, s Suite) {
	system := s.Open(t)
	s.makeAll(t, system)
	o := s.Update(s.last())
	change := s.updateOf(o, s.present(t, system, o.ID))

	var all sync.WaitGroup
	lives := make([]state.Live, 8)
	for i := range lives {
		all.Go(func() { lives[i] = system.Observe(t.Context(), target.Query{Want: s.Objects}) })
	}
	must(t, system, change)
	all.Wait()
	for _, live := range lives {
		require.NoError(t, live.Err)
		for _, id := range s.ids() {
			presence, _, err := live.Presence(id)
			require.NoError(t, err)
			require.Equal(t, state.Present, presence, "%s", id)
		}
	}
}

func unreachable(t *testing.T, s Suite) {
	system := s.Open(t)
	s.makeAll(t, system)
	o := s.Update(s.last())
	change := s.updateOf(o, s.present(t, system, o.ID))

	mend := s.Break(t)
	for name, client := range map[string]System{"a client that has been used": system, "a new client": s.Open(t)} {
		live := client.Observe(t.Context(), target.Query{Want: s.Objects, Owned: []state.Owned{*change.Owned}})
		for _, id := range s.ids() {
			presence, _, err := live.Presence(id)
			require.Equal(t, state.PresenceUnknown, presence, "%s: %s", name, id)
			require.Error(t, err, "%s: %s: an unknown object has a reason", name, id)
		}
		changes := []plan.Change{change}
		if !s.Intrinsic {
			other := creation(s.Objects[0])
			if other.ID != change.ID {
				changes = append(changes, other)
			}
		}
		for id, r := range apply(t, t.Context(), client, changes...) {
			require.Error(t, r.Err, "%s: %s", name, id)
			require.Nil(t, r.Live, "%s: %s: nothing was read back", name, id)
		}
	}
	mend()
	s.present(t, s.Open(t), o.ID)
}
