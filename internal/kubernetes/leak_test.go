package kubernetes

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// A client that was used for everything, and broken off in the middle, leaves nothing running.
func TestNothingIsLeftRunning(t *testing.T) {
	w := newWorld(t)
	already := goleak.IgnoreCurrent()
	c := w.open(t)
	var changes []plan.Change
	for _, name := range []string{"a", "b", "c", "d"} {
		o := w.configMap(t, name, "v")
		changes = append(changes, plan.Change{ID: o.ID, Action: plan.Create, Want: &o})
	}
	for range c.Apply(t.Context(), changes) {
		break
	}
	_, release, err := AcquireLease(t.Context(), c, w.namespace, "agent", "agent-1", time.Minute)
	require.NoError(t, err)
	release()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Watch(ctx, target.Query{Want: []state.Object{*changes[0].Want}}, func() {}) }()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	// What was broken off frees its connection a moment later, and Close closes idle ones.
	for range 10 {
		require.NoError(t, c.Close(t.Context()))
		if err = goleak.Find(already); err == nil {
			return
		}
	}
	require.NoError(t, err)
}
