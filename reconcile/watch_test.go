package reconcile

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// telling is a world whose targets can be watched. A watch ends when the test says so.
type telling struct {
	mu    sync.Mutex
	emit  map[state.Target]func()
	kinds map[state.Target][]string // of each watch that was begun
	end   chan struct{}
}

type told struct {
	connection
	by *telling
}

func (c told) Watch(ctx context.Context, q target.Query, emit func()) error {
	c.by.mu.Lock()
	c.by.emit[c.to] = emit
	c.by.kinds[c.to] = append(c.by.kinds[c.to], kindsOf(q))
	c.by.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.by.end:
		return errors.New("the connection broke")
	}
}

func (x *run) telling() *telling {
	w := &telling{emit: map[state.Target]func(){}, kinds: map[state.Target][]string{}, end: make(chan struct{})}
	x.r.Open = func(_ context.Context, t state.Target, _ *fleet.Fleet) (target.Reader, error) {
		return told{connection{x.process, t}, w}, nil
	}
	return w
}

func (w *telling) begun(t state.Target) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kinds[t]
}

// hint tells the watch of a target that something changed there.
func (w *telling) hint(t state.Target) {
	w.mu.Lock()
	emit := w.emit[t]
	w.mu.Unlock()
	emit()
}

// One watch a target, for as long as the same kinds are to be watched; one that broke is begun anew; all
// end with Close, which the goroutine count of this package's tests shows.
func TestOneWatchATarget(t *testing.T) {
	x := newRun(t, 1)
	w := x.telling()
	defer x.r.Close(t.Context())
	few, more := desired("c1", machines[2:], nil), desired("c2", machines[2:], allocation{"acme": nil})
	for _, d := range []Desired{few, few, more, more} {
		x.pass(d)
		x.r.Watch(t.Context(), d, func() {})
	}
	wait := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool { return len(w.begun(state.ControlPlane)) == n }, time.Minute, time.Millisecond)
	}
	wait(2)
	require.Equal(t, []string{hostKind, hostKind + " Namespace " + instanceKind}, w.begun(state.ControlPlane))
	require.Equal(t, []string{"servercluster"}, w.begun(dc1))

	close(w.end)
	<-x.r.watches[dc1].ended
	<-x.r.watches[state.ControlPlane].ended
	x.r.Watch(t.Context(), more, func() {})
	wait(3)
}

// The agent looks again soon when a target hints at a change, once for many hints, and corrects what it
// then sees, although the next pass is an hour away.
func TestAHintBringsTheNextPass(t *testing.T) {
	x := newRun(t, 1)
	x.settle(desired("c1", []string{"gpu-1"}, nil))
	x.start()
	w := x.telling()
	a := watched(x, func(a *Agent) { a.Pause = 50 * time.Millisecond })
	a.see(look{snapshot: commit("c1")}, inForce("c1"))
	require.Eventually(t, func() bool { return len(w.begun(state.ControlPlane)) > 0 }, time.Minute, time.Millisecond)

	mode := func() any {
		x.world.mu.Lock()
		defer x.world.mu.Unlock()
		return x.objects[hostID("gpu-1")].value["spec"].(m)["automatedCleaningMode"]
	}
	x.world.mu.Lock()
	x.put(hostID("gpu-1"), m{"spec": m{"automatedCleaningMode": "disabled"}})
	x.world.mu.Unlock()
	for range 1000 {
		w.hint(state.ControlPlane)
	}
	require.Eventually(t, func() bool { return mode() == "metadata" }, time.Minute, time.Millisecond)
	require.NoError(t, a.stop())
	require.Less(t, len(a.reports), 20, "a thousand hints are one")
}
