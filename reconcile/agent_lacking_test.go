package reconcile

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/sources"
)

// A commit that only lacks something is not given up: once that is there, it comes into force.
func TestACommitThatLacksSomethingIsTriedAgain(t *testing.T) {
	x := newRun(t, 1)
	var arrived atomic.Bool
	w := watched(x, func(a *Agent) {
		compile := a.Compile
		a.Compile = func(ctx context.Context, s sources.Snapshot) (Desired, diag.List) {
			if s.Commit.Hash == "lacking" && !arrived.Load() {
				return Desired{}, diag.List{{Severity: diag.Incomplete, Code: "MW330", Summary: "a chart is not at hand"}}
			}
			return compile(ctx, s)
		}
	})
	w.see(look{snapshot: commit("c1")}, inForce("c1"))
	r := w.see(look{snapshot: commit("lacking")}, refused("c1", "lacking"))
	require.Contains(t, r.Source.Error, "not at hand")
	arrived.Store(true)
	w.see(look{snapshot: commit("lacking")}, inForce("lacking"))
	require.NoError(t, w.stop())
	require.Equal(t, []string{"create " + hostID("gpu-1").String()}, x.writes)
}
