package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/guard"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
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

// The order of a move is what isolation hangs on: no longer offered, out of the partition and the
// segment, wiped, into the other segment and partition, offered there, and only then asked for.
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
		"delete " + portIDs("acme", "gpu-2")[0].String(),
		"delete " + portIDs("acme", "gpu-2")[1].String(),
		"delete " + memberID("acme", "gpu-2").String(),
		"update " + instanceID("acme").String(),
		"create " + memberID("globex", "gpu-2").String(),
		"create " + portIDs("globex", "gpu-2")[0].String(),
		"create " + portIDs("globex", "gpu-2")[1].String(),
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
	memory := 0
	for target := range x.kept.memory {
		stored, err := x.r.Memory.Load(t.Context(), target)
		require.NoError(t, err)
		for _, o := range stored.Owned {
			require.Empty(t, o.Commit, "nobody knows which commit %s came from", o.ID)
			memory++
		}
	}
	require.Positive(t, memory)
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

// What was made and not recorded is ours all the same: the answers are lost, then the fleet changes its
// mind, and it still goes.
func TestWhatWasMadeIsOursWhateverFollows(t *testing.T) {
	x := newRun(t, 4)
	with := desired("c1", machines[2:4], allocation{"acme": {"gpu-1"}})
	without := desired("c2", machines[2:4], allocation{"acme": nil})
	for range 20 {
		x.pass(with)
		x.faults.lost = 1 // from now on Millwright learns of nothing
	}
	require.Equal(t, []string{"gpu-1"}, asked(x.objects[instanceID("acme")].value))
	x.start()
	x.faults.lost = 0
	x.settle(without)
	x.sound()
	require.Empty(t, x.segmentsOf("gpu-1"))
	require.Empty(t, asked(x.objects[instanceID("acme")].value))
}

// A tug of war is left to the other side, for as long as it lasts, and taken up again after.
func TestAFightIsLeft(t *testing.T) {
	x := newRun(t, 5)
	d := desired("c1", machines[2:3], nil)
	x.settle(d)
	host := x.objects[hostID("gpu-1")]
	changes := func(mode string) { host.value = merge(host.value, m{"spec": m{"automatedCleaningMode": mode}}) }
	corrections := func() (n int) {
		before := x.count
		for range 10 {
			changes("disabled")
			x.pass(d)
		}
		return x.count - before
	}
	require.Equal(t, guard.FightLimit, corrections())
	for range 4 {
		x.now = x.now.Add(fightWindow / 2)
		require.Zero(t, corrections())
	}
	out := x.pass(d)
	require.Equal(t, "fight", out.Plan.Get(hostID("gpu-1")).Held[0].By)

	changes("metadata")
	x.now = x.now.Add(fightWindow)
	x.settle(d)
	require.Equal(t, guard.FightLimit, corrections())
}

// Applying ends when only people can go on, though other things wait for what they must release.
func TestConvergeWaitsForNobody(t *testing.T) {
	x := newRun(t, 6)
	x.put(clusterID("acme"), m{"name": "somebody else's"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	moved := make(chan struct{})
	go func() { // the world goes on by itself
		defer close(moved)
		for ctx.Err() == nil {
			x.world.mu.Lock()
			x.tick()
			x.world.mu.Unlock()
			time.Sleep(time.Millisecond)
		}
	}()
	out, err := x.r.Converge(ctx, desired("c1", machines[2:], allocation{"acme": {"gpu-1"}, "globex": {"gpu-2"}}), time.Millisecond)
	cancel()
	<-moved
	require.NoError(t, err)
	require.Equal(t, "unmarked", out.Plan.Get(clusterID("acme")).Held[0].By)
	require.NotEmpty(t, out.Plan.Get(instanceID("acme")).Waits)
	require.Equal(t, []string{"globex"}, x.segmentsOf("gpu-2"), "the others are served")
}

// One target that cannot be reached is one sick target: the others go on, and it is told apart.
func TestASickTargetIsAloneSick(t *testing.T) {
	x := newRun(t, 7)
	x.controlPlane("cp-1", "cp-2")
	d := desired("c1", machines[:3], nil)
	open := x.r.Open
	x.r.Open = func(ctx context.Context, to state.Target, f *fleet.Fleet) (target.Reader, error) {
		if to.Name == "cp-1" {
			return nil, errors.New("no route to host")
		}
		return open(ctx, to, f)
	}
	var out Outcome
	for range 40 {
		out = x.pass(d)
	}
	require.Equal(t, []report.Unreachable{{Target: "redfish/cp-1", Why: "no route to host", Since: out.Report.Unreachable[0].Since}}, out.Report.Unreachable)
	require.False(t, out.Report.Complete)
	require.Equal(t, "available", kinds.Text(x.objects[hostID("gpu-1")].value, "status", "provisioning", "state"))
	require.Zero(t, x.host["cp-2"].resets, "who knows whether the other one is up")

	x.r.Open = func(context.Context, state.Target, *fleet.Fleet) (target.Reader, error) {
		return nil, fmt.Errorf("no kubeconfig: %w", target.ErrNotYet)
	}
	x.r.open = nil
	out = x.pass(d)
	require.Equal(t, plan.Unknown, out.Plan.Get(hostID("gpu-1")).Status, "a target that we own something in does not become one that is yet to come")
}

// A target that takes a request and never answers holds a pass up once, and then not for a while.
func TestASilentTargetIsLeftAlone(t *testing.T) {
	x := newRun(t, 8)
	d := desired("c1", machines[:2], nil)
	x.controlPlane("cp-1")
	open, looks := x.r.Open, 0
	x.r.Patience = 10 * time.Millisecond
	x.r.Open = func(ctx context.Context, to state.Target, f *fleet.Fleet) (target.Reader, error) {
		reader, err := open(ctx, to, f)
		if to.Name == "cp-1" {
			return silent{reader, &looks}, err
		}
		return reader, err
	}
	var out Outcome
	for range 5 {
		p, err := x.r.Look(t.Context(), d)
		require.NoError(t, err)
		out = x.r.outcome(p, d, 0)
	}
	require.Equal(t, 1, looks)
	require.Equal(t, "redfish/cp-1", out.Report.Unreachable[0].Target)
	require.Len(t, out.Report.Unreachable, 1)
	x.now = x.now.Add(time.Minute)
	_, err := x.r.Look(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, 2, looks)
}

// Targets are connected to at once: each of these waits until the others are at it, too.
func TestTargetsAreConnectedAtOnce(t *testing.T) {
	x := newRun(t, 1)
	x.controlPlane("cp-1", "cp-2")
	open, all := x.r.Open, sync.WaitGroup{}
	all.Add(3)
	x.r.Open = func(ctx context.Context, to state.Target, f *fleet.Fleet) (target.Reader, error) {
		all.Done()
		all.Wait()
		return open(ctx, to, f)
	}
	var seen []string
	x.r.Looked = func(to state.Target, err error, done, all int) {
		seen = append(seen, fmt.Sprintf("%d of %d", done, all))
		require.NoError(t, err, to.String())
	}
	_, err := x.r.Look(t.Context(), desired("c1", machines[:3], nil))
	require.NoError(t, err)
	require.Equal(t, []string{"1 of 3", "2 of 3", "3 of 3"}, seen)
}

// Targets that cannot even be connected to, however many, do not keep the rest from being read in the same
// pass, and not again at all: those that answered come first.
func TestTargetsThatDoNotConnectHoldNobodyUp(t *testing.T) {
	x := newRun(t, 1)
	names := []string{"gpu-1"}
	for i := range 2 * looksAtOnce {
		names = append(names, fmt.Sprintf("cp-%03d", i))
	}
	x.controlPlane(names[1:]...)
	last := names[len(names)-1]
	open, tried, most := x.r.Open, atomic.Int32{}, atomic.Int32{}
	x.r.Patience = 10 * time.Millisecond
	x.r.Open = func(ctx context.Context, to state.Target, f *fleet.Fleet) (target.Reader, error) {
		if to.System != state.Redfish || to.Name == last {
			return open(ctx, to, f)
		}
		for n := tried.Add(1); n > most.Load(); {
			most.Store(n)
		}
		defer tried.Add(-1)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	d := desired("c1", names, nil)
	p, err := x.r.Look(t.Context(), d)
	require.NoError(t, err)
	require.Len(t, x.r.outcome(p, d, 0).Report.Unreachable, len(names)-2)
	require.LessOrEqual(t, most.Load(), int32(looksAtOnce))
	require.NoError(t, x.r.lives[state.Target{System: state.Redfish, Name: last}].Err)
	order := x.r.order()
	require.Equal(t, []string{"control-plane", last}, []string{order[0].Name, order[1].Name})
}

// silent never answers.
type silent struct {
	target.Reader
	looks *int
}

func (s silent) Observe(ctx context.Context, q target.Query) state.Live {
	*s.looks++
	<-ctx.Done()
	return state.Live{Target: s.Target(), Err: ctx.Err()}
}
