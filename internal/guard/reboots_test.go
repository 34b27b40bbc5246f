package guard

import (
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// Of a pool no more machines are restarted at once than policy says, whatever else is down counts, and
// a machine's changes go together.
func TestRebootsPerPool(t *testing.T) {
	const of = "kubernetes/control-plane/HostFirmwareSettings.metal3.io/metal3-system/"
	const components = "kubernetes/control-plane/HostFirmwareComponents.metal3.io/metal3-system/"
	told := func(address string) plan.Change {
		return plan.Change{ID: id(t, address), Action: plan.Update, Status: plan.Progressing, Impact: kinds.Reboot, Want: wanted, Owned: &state.Owned{}, Causes: []plan.Cause{plan.CauseCommit}}
	}
	first := told(of + "m1")
	first.Owned = nil
	harmless := told(of + "m1")
	harmless.Impact = kinds.None
	stateOf := func(in Input, machine, now string) Input {
		at := id(t, "kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/"+machine)
		in.World.Live[state.ControlPlane].Objects[at] = state.LiveObject{ID: at, Value: map[string]any{"status": map[string]any{"provisioning": map[string]any{"state": now}}}}
		return in
	}
	budget := func(n int, in Input) Input {
		in.Fleet.Policy.Reboots.PerPool = n
		return in
	}
	all := func() Input { return manned(0, "m1", "m2", "m3", "m4", "m5") }
	for name, c := range map[string]struct {
		in   Input
		do   []plan.Change
		goes []bool
		held bool
	}{
		"one after the other":       {budget(1, all()), []plan.Change{told(of + "m1"), told(of + "m2"), told(of + "m3")}, []bool{true, false, false}, false},
		"two at once":               {budget(2, all()), []plan.Change{told(of + "m1"), told(of + "m2"), told(of + "m3")}, []bool{true, true, false}, false},
		"both of one machine":       {budget(1, all()), []plan.Change{told(components + "m1"), told(of + "m1"), told(of + "m2")}, []bool{true, true, false}, false},
		"none is allowed":           {budget(0, all()), []plan.Change{told(of + "m1")}, []bool{false}, true},
		"another is down":           {budget(1, stateOf(all(), "m4", "preparing")), []plan.Change{told(of + "m1")}, []bool{false}, false},
		"it is down itself":         {budget(1, stateOf(all(), "m1", "preparing")), []plan.Change{told(of + "m1"), told(of + "m2")}, []bool{true, false}, false},
		"one cannot be read":        {budget(1, manned(0, "m1", "m2", "m3")), []plan.Change{told(of + "m1")}, []bool{false}, false},
		"what is no machine's pool": {budget(1, all()), []plan.Change{told(of + "m5"), told(of + "m1")}, []bool{true, true}, false},
		"for the first time":        {budget(0, all()), []plan.Change{first}, []bool{true}, false},
		"what restarts nothing":     {budget(0, all()), []plan.Change{harmless}, []bool{true}, false},
		"held for something else":   {budget(1, all()), []plan.Change{func() plan.Change { c := told(of + "m1"); c.Hold(plan.Hold{By: "x"}); return c }(), told(of + "m2")}, []bool{false, true}, true},
		"one that is with its vendor": {budget(1, func() Input {
			in := manned(0, "m1", "m2", "m3")
			in.Fleet.Machines["m4"].Lifecycle = fleet.RMA
			return in
		}()), []plan.Change{told(of + "m1")}, []bool{true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := plan.Plan{Changes: c.do}
			Apply(&p, c.in)
			for i := range p.Changes {
				require.Equal(t, c.goes[i], p.Changes[i].Ready(), "%s: %v %v", p.Changes[i].ID, p.Changes[i].Held, p.Changes[i].Waits)
			}
			require.Equal(t, c.held, len(p.Changes[0].Held) > 0)
		})
	}
}
