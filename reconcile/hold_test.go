package reconcile

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// sessions are those that a BMC has open.
type sessions struct {
	open map[string]bool
	last int
}

// holding is a connection that holds a session from its first look on.
type holding struct {
	connection
	at   *sessions
	held string
}

func (h *holding) Observe(ctx context.Context, q target.Query) state.Live {
	if h.held == "" {
		h.at.last++
		h.held = "/sessions/" + string(rune('0'+h.at.last))
		h.at.open[h.held] = true
	}
	return h.connection.Observe(ctx, q)
}

func (h *holding) Holds(context.Context) string { return h.held }

func (h *holding) GiveBack(_ context.Context, held string) error {
	delete(h.at.open, held)
	return nil
}

func (h *holding) Close(ctx context.Context) error { return h.GiveBack(ctx, h.held) }

// A process that is killed leaves a session at each BMC, which the next one gives back in its first pass. One
// that only looks gives back its own and no other: those are of an agent at work.
func TestWhatAKilledProcessHeldIsGivenBack(t *testing.T) {
	x := newRun(t, 1)
	x.controlPlane("cp-1")
	d, at := desired("c1", []string{"cp-1", "gpu-1"}, nil), &sessions{open: map[string]bool{}}
	start := func() {
		x.start()
		x.r.Open = func(_ context.Context, to state.Target, _ *fleet.Fleet) (target.Reader, error) {
			if to.System == state.Redfish {
				return &holding{connection: connection{x.process, to}, at: at}, nil
			}
			return connection{x.process, to}, nil
		}
	}
	start()
	x.settle(d)
	require.Equal(t, map[string]bool{"/sessions/1": true}, at.open)

	start() // beside the first: "millwright plan"
	_, err := x.r.Look(t.Context(), d)
	require.NoError(t, err)
	x.r.Close(t.Context())
	require.Equal(t, map[string]bool{"/sessions/1": true}, at.open)

	start() // after the first was killed
	x.pass(d)
	require.Equal(t, map[string]bool{"/sessions/3": true}, at.open)
	require.Contains(t, x.kept.memory[biosID("cp-1").Target], "/sessions/3")
	x.r.Close(t.Context())
	require.Empty(t, at.open)
	require.NotContains(t, x.kept.memory[biosID("cp-1").Target], "/sessions/")
}
