package reconcile

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

func biosID(machine string) state.ID {
	return state.ID{Target: state.Target{System: state.Redfish, Name: machine}, Kind: "bios"}
}

// held asserts that nothing is written in several passes, also across a restart, and that a machine's BIOS is
// held because it may have been ours.
func (x *run) held(d Desired, machine string) {
	x.Helper()
	before, writes := x.count, len(x.writes)
	for n := range 6 {
		out := x.pass(d)
		c := out.Plan.Get(biosID(machine))
		require.Equal(x, plan.Held, c.Status, "pass %d", n)
		require.Equal(x, "memory", c.Held[0].By)
		require.Equal(x, "the fleet adopts "+biosID(machine).String(), c.Held[0].Until)
		if n == 2 {
			x.start()
		}
	}
	require.Equal(x, before, x.count, "%v", x.writes[writes:])
}

// A BMC bears no mark, so that with our memory lost its settings look like those of a machine that we meet for
// the first time. Our marks elsewhere tell that we do not: nothing is written and nothing is reset, also when
// the marks are remembered again, until the fleet says so.
func TestLostMemoryResetsNothing(t *testing.T) {
	x := newRun(t, 3)
	x.controlPlane("cp-1", "cp-2")
	d := desired("c1", machines, nil)
	x.settle(d)
	clear(x.kept.memory)
	x.start()
	x.put(biosID("cp-1"), m{"Attributes": m{"Workload": "Default"}})
	x.held(d, "cp-1")

	d.Fleet.Policy.Adopt = []string{biosID("cp-1").String()}
	x.settle(d)
	require.Equal(t, 2, x.host["cp-1"].resets)
	require.Equal(t, 1, x.host["cp-2"].resets)
}

// Nor does the loss of one machine's memory reset it; a machine that joins a running installation looks
// the same, so that its first reset waits for a word in Git, too.
func TestAMachineWithoutMemoryIsNotReset(t *testing.T) {
	for name, prepare := range map[string]func(x *run){
		"lost": func(x *run) {
			x.settle(desired("c1", machines[:3], nil))
			delete(x.kept.memory, biosID("cp-2").Target)
			x.start()
			x.put(biosID("cp-2"), m{"Attributes": m{"Workload": "Default"}})
		},
		"new": func(x *run) { x.settle(desired("c1", []string{"cp-1", "gpu-1"}, nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			x := newRun(t, 3)
			x.controlPlane("cp-1", "cp-2")
			prepare(x)
			x.held(desired("c2", machines[:3], nil), "cp-2")
		})
	}
}

// With nothing remembered and the marks not to be seen, it is not known whether anything is ours: BMCs that
// could be written are left alone until it is.
func TestNothingIsMetBlindly(t *testing.T) {
	x := newRun(t, 3)
	x.controlPlane("cp-1")
	d := desired("c1", machines[:3], nil)
	blind, open := true, x.r.Open
	x.r.Open = func(ctx context.Context, to state.Target, f *fleet.Fleet) (target.Reader, error) {
		if blind && to == state.ControlPlane {
			return nil, errors.New("no route to host")
		}
		return open(ctx, to, f)
	}
	for range 3 {
		out := x.pass(d)
		c := out.Plan.Get(biosID("cp-1"))
		require.Equal(t, plan.Held, c.Status)
		require.Contains(t, c.Held[0].Until, "can be read")
	}
	require.Zero(t, x.count)
	blind = false
	x.controlPlane("cp-2")
	x.settle(d)
	require.Equal(t, 1, x.host["cp-1"].resets)
}
