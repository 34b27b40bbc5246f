package reconcile

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/journal"
)

// notes outlive processes. The write that makes killAt zero is a process's last, done or not.
type notes struct {
	mu      sync.Mutex
	kept    map[string][]byte
	killAt  int
	doneToo bool
}

type processNotes struct {
	process *process
	*notes
}

func (n processNotes) write(change func()) error {
	n.process.world.mu.Lock()
	dead := n.process.dead
	n.process.world.mu.Unlock()
	if dead {
		runtime.Goexit() // it does nothing any more
	}
	n.mu.Lock()
	n.killAt--
	killed := n.killAt == 0
	if !killed || n.doneToo {
		change()
	}
	n.mu.Unlock()
	if killed {
		n.process.die()
	}
	return nil
}

func (n processNotes) Put(_ context.Context, name string, text []byte) error {
	return n.write(func() { n.kept[name] = text })
}

func (n processNotes) Drop(_ context.Context, name string) error {
	return n.write(func() { delete(n.kept, name) })
}

func (n processNotes) All(context.Context) (map[string][]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.kept), nil
}

func newJournalled(t *testing.T, seed uint64) *run {
	x := newRun(t, seed)
	x.notes = &notes{kept: map[string][]byte{}}
	x.start()
	return x
}

// lives makes passes so that a process that is killed takes nothing with it but itself.
func (x *run) lives(d Desired, passes int) {
	for range passes {
		done := make(chan struct{})
		go func() {
			defer close(done)
			x.pass(d)
		}()
		<-done
		x.world.mu.Lock()
		if x.process.dead {
			x.start()
			x.tick()
		}
		x.world.mu.Unlock()
	}
}

// accounts holds the journal to what the world has seen: nothing took effect that no run has, and no run says that
// it did something that did not happen.
func (x *run) accounts() {
	x.Helper()
	happened, told, sure := map[string]int{}, map[string]int{}, map[string]int{}
	for _, w := range x.writes {
		happened[w]++
	}
	ids := map[string]bool{}
	for name, text := range x.notes.kept {
		if !strings.HasPrefix(name, "run/") {
			continue
		}
		r, err := journal.Decode(text)
		require.NoError(x, err)
		require.False(x, ids[r.ID])
		ids[r.ID] = true
		require.False(x, r.Ended.IsZero(), "run %s was never ended", r.ID)
		for _, c := range r.Changes {
			what := strings.TrimSpace(string(c.Action)+" "+string(c.Step)) + " " + c.Address
			if c.Result != journal.Refused && c.Result != journal.Unsent {
				told[what]++
			}
			if c.Result == journal.Done || c.Result == journal.Pending {
				sure[what]++
			}
			require.Equal(x, r.Lost, c.Result == journal.Unrecorded, "%s", what)
		}
	}
	for what, n := range happened {
		require.GreaterOrEqual(x, told[what], n, "%s\n%s", what, x.tail())
	}
	for what, n := range sure {
		require.LessOrEqual(x, n, happened[what], "%s\n%s", what, x.tail())
	}
}

// Wherever a process is killed, also while it writes for the journal, all that took effect is in it.
func TestJournalOfKilledProcesses(t *testing.T) {
	story := func(x *run) {
		x.controlPlane("cp-1", "cp-2")
		x.lives(desired("c1", machines[:5], allocation{"acme": {"gpu-1", "gpu-2"}, "globex": {"gpu-3"}}), 40)
		x.lives(desired("c2", machines[:5], allocation{"acme": {"gpu-1"}, "globex": {"gpu-2", "gpu-3"}}), 60)
		x.sound()
		x.accounts()
	}
	t.Run("never", func(t *testing.T) {
		x := newJournalled(t, 1)
		story(x)
		x.settle(desired("c2", machines[:5], allocation{"acme": {"gpu-1"}, "globex": {"gpu-2", "gpu-3"}}))
		x.accounts()
		require.Greater(t, len(x.writes), 20, "too little happens here to prove anything")
		bound := 0
		for _, text := range x.notes.kept {
			if r, err := journal.Decode(text); err == nil {
				bound += len(r.Bindings)
			}
		}
		require.GreaterOrEqual(t, bound, 5, "three are claimed, and one is let go and claimed by another")
	})
	for at := 1; at <= 30; at++ {
		for _, doneToo := range []bool{false, true} {
			x := newJournalled(t, uint64(at))
			x.notes.killAt, x.notes.doneToo = at, doneToo
			story(x)
		}
	}
	for at := 1; at <= 14; at++ {
		for _, sent := range []bool{false, true} {
			x := newJournalled(t, uint64(at))
			x.process.killAt, x.process.sendLast = at, sent
			story(x)
		}
	}
}

// What cannot be written down is not done.
func TestNothingIsSentWithoutTheJournal(t *testing.T) {
	x := newRun(t, 1)
	x.r.Journal = broken{}
	_, err := x.r.Pass(t.Context(), desired("c1", machines[:3], allocation{"acme": {"gpu-1"}}))
	require.ErrorContains(t, err, "the disk is full")
	require.Empty(t, x.writes)
}

type broken struct{ Journal }

func (broken) Begin(context.Context, journal.Pass) error { return errors.New("the disk is full") }
