package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

func cancelled(t *testing.T, s Suite) {
	system := s.Open(t)
	s.makeAll(t, system)
	o := s.Update(s.last())
	live := s.present(t, system, o.ID)
	before := s.Writes()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var changes []plan.Change
	for _, other := range s.Objects[:len(s.Objects)-1] {
		changes = append(changes, s.updateOf(other, s.present(t, system, other.ID)))
	}
	for id, r := range apply(t, ctx, system, append(changes, s.updateOf(o, live))...) {
		require.ErrorIs(t, r.Err, context.Canceled, "%s", id)
	}
	require.Equal(t, before, s.Writes())

	seen := system.Observe(ctx, target.Query{Want: s.Objects})
	presence, _, err := seen.Presence(o.ID)
	require.Equal(t, state.PresenceUnknown, presence, "a look that was cut short tells nothing")
	require.Error(t, err)
}

func stalled(t *testing.T, s Suite) {
	if s.Stall == nil {
		t.Skip("the target cannot be stalled")
	}
	system := s.Open(t)
	s.makeAll(t, system)
	o := s.Update(s.last())
	c := s.updateOf(o, s.present(t, system, o.ID))

	mend := s.Stall(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	r := apply(t, ctx, system, c)[o.ID] // the test's own deadline is what would tell a hang
	require.ErrorIs(t, r.Err, context.DeadlineExceeded)
	mend()
}

func stopListening(t *testing.T, s Suite) {
	system := s.Open(t)
	s.makeAll(t, system)
	var changes []plan.Change
	for _, o := range s.Objects {
		changes = append(changes, s.updateOf(o, s.present(t, system, o.ID)))
	}
	for range system.Apply(t.Context(), changes) {
		break
	}
	s.present(t, system, s.last().ID) // the client is still of use
}

func lostAnswerToCreate(t *testing.T, s Suite) {
	if s.LoseAnswer == nil {
		t.Skip("answers to this target cannot be lost")
	}
	system := s.Open(t)
	s.makeBase(t, system)
	s.LoseAnswer(t)
	if r := apply(t, t.Context(), system, creation(s.last()))[s.last().ID]; r.Err != nil {
		require.NotErrorIs(t, r.Err, target.ErrHeld, "it is ours: nobody need decide anything")
		must(t, s.Open(t), creation(s.last())) // what the next round does
	}
	s.hasValues(t, s.last(), s.present(t, system, s.last().ID))
	s.one(t)
}

func lostAnswerToUpdate(t *testing.T, s Suite) {
	if s.LoseAnswer == nil {
		t.Skip("answers to this target cannot be lost")
	}
	system := s.Open(t)
	s.makeAll(t, system)
	o := s.Update(s.last())
	c := s.updateOf(o, s.present(t, system, o.ID))
	s.LoseAnswer(t)
	if r := apply(t, t.Context(), system, c)[o.ID]; r.Err != nil {
		require.NotErrorIs(t, r.Err, target.ErrHeld)
		must(t, s.Open(t), c)
	}
	s.hasValues(t, o, s.present(t, system, o.ID))
	s.one(t)
}
