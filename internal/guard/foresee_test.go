package guard

import (
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// Of a plan between two commits the guards hold what they would hold whatever the world is like, and nothing
// that hangs on how it is.
func TestForesee(t *testing.T) {
	foresee := func(in Input, address string, c plan.Change) string {
		c.ID = id(t, address)
		p := plan.Plan{Changes: []plan.Change{c}}
		Foresee(&p, in)
		return by(p.Changes[0])
	}
	gone := plan.Change{Action: plan.Delete, Status: plan.Progressing, Owned: &state.Owned{}}
	disrupts := plan.Change{Action: plan.Update, Status: plan.Progressing, Impact: kinds.Reboot, Want: wanted}
	held := plan.Change{Action: plan.Update, Want: &state.Object{Mode: state.Own, ObserveOnly: "new here"}}
	require.Equal(t, "observe-only", foresee(input(), ntp, held))
	require.Equal(t, "protected", foresee(input(func(f *fleet.Fleet) { f.Policy.Protect = []string{plain} }), plain, gone))
	require.Equal(t, "maintenance", foresee(input(func(f *fleet.Fleet) { f.Machines["gpu-001"].Lifecycle = fleet.Maintenance }), ntp, disrupts))
	require.Equal(t, "deletion-quota", foresee(input(func(f *fleet.Fleet) { f.Policy.Deletions.Max = 0 }), plain, gone))
	require.Empty(t, foresee(input(), plain, gone))
	require.Empty(t, foresee(input(), ntp, disrupts), "whose turn it is to restart is seen when it is done")
	join := plan.Change{Action: plan.Create, Impact: kinds.Network, Entity: "pool/acme/train/h100", Want: wanted}
	require.Empty(t, foresee(input(), member, join), "whether the machine has left its last tenant is not known here")
}
