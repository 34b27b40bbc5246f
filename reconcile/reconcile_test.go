package reconcile

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
)

var machines = []string{"cp-1", "cp-2", "gpu-1", "gpu-2", "gpu-3", "gpu-4"}

// From nothing to everything, each control plane machine reset once, and then not one more write.
func TestConvergesFromNothingAndThenIsQuiet(t *testing.T) {
	x := newRun(t, 1)
	x.controlPlane("cp-1", "cp-2")
	d := desired("c1", machines, allocation{"acme": {"gpu-1", "gpu-2"}, "globex": {"gpu-3"}})
	x.settle(d)
	x.sound()
	require.Equal(t, []string{"acme"}, x.segmentsOf("gpu-1"))
	require.Empty(t, x.segmentsOf("gpu-4"))
	require.Equal(t, "acme", x.host["gpu-2"].used)
	require.Equal(t, 1, x.host["cp-1"].resets)
	require.Equal(t, 1, x.host["cp-2"].resets)

	before, kept := x.count, len(x.kept.memory)
	for range 5 {
		x.pass(d)
	}
	x.start() // nor does a restart, or another commit that wants the same
	d.Source.Commit = "c2"
	x.pass(d)
	require.Equal(t, before, x.count, x.tail())
	require.Equal(t, kept, len(x.kept.memory))
}

// The order of a move is what isolation hangs on: no longer offered, out of the segment, wiped, into the
// other segment, offered there, and only then asked for.
func TestTheOrderOfAMove(t *testing.T) {
	x := newRun(t, 2)
	x.settle(desired("c1", machines[2:], allocation{"acme": {"gpu-1", "gpu-2"}, "globex": {"gpu-3"}}))
	require.Equal(t, "acme", x.host["gpu-2"].used)
	x.writes, x.history = nil, nil
	x.settle(desired("c2", machines[2:], allocation{"acme": {"gpu-1"}, "globex": {"gpu-2", "gpu-3"}}))
	x.sound()
	t.Logf("the writes of a move:\n%s", strings.Join(x.writes, "\n"))
	require.Equal(t, []string{
		"delete " + offerID("acme", "gpu-2").String(),
		"delete " + memberID("acme", "gpu-2").String(),
		"update " + instanceID("acme").String(),
		"create " + memberID("globex", "gpu-2").String(),
		"create " + offerID("globex", "gpu-2").String(),
		"update " + instanceID("globex").String(),
	}, x.writes)
	story := x.tail()
	require.Less(t, strings.Index(story, "update  "+instanceID("acme").String()), strings.Index(story, "gpu-2 is available"))
	require.Less(t, strings.Index(story, "gpu-2 is available"), strings.Index(story, "create  "+memberID("globex", "gpu-2").String()))
	require.Equal(t, "globex", x.host["gpu-2"].used)
}

// A memory that is lost costs nothing but care: what is as wanted is remembered again if it bears our
// mark, the rest waits for a person, and nothing is written.
func TestLostMemoryWritesNothing(t *testing.T) {
	x := newRun(t, 3)
	d := desired("c1", machines[2:], allocation{"acme": {"gpu-1", "gpu-2"}})
	x.settle(d)
	before := x.count
	clear(x.kept.memory)
	x.start()
	moved := desired("c2", machines[2:], allocation{"acme": {"gpu-1"}})
	for range 5 {
		out := x.pass(moved)
		for _, i := range out.Report.Items {
			require.Contains(t, []plan.Status{plan.Held, plan.Orphaned, plan.Progressing}, i.Status, i.Address)
		}
	}
	require.Equal(t, before, x.count, x.tail())
}

// An object that cannot be written does not stop the rest, nor for ever: when its target is back all is
// as wanted.
func TestFaultsDelayAndNoMore(t *testing.T) {
	for seed := range uint64(20) {
		x := newRun(t, seed)
		x.controlPlane("cp-1", "cp-2")
		d := desired("c1", machines, allocation{"acme": {"gpu-1", "gpu-2"}, "globex": {"gpu-3"}})
		x.faults = faults{lost: 0.2, refused: 0.2, unreachable: 0.2, unreadable: 0.05, moves: 0.2}
		for range 60 {
			x.pass(d)
		}
		x.faults = faults{}
		x.settle(d)
		x.sound()
	}
}
