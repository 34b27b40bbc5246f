package reconcile

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/guard"
	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// use takes note of what takes effect by an approval.
func (w *world) use(ch plan.Change) {
	if ch.Consent == nil || ch.Consent.Approval == "" {
		return
	}
	of := ch.Consent.Approval + "@" + ch.Consent.Commit
	if w.used[of] == nil {
		w.used[of] = map[state.ID]bool{}
	}
	w.used[of][ch.ID] = true
}

// oneChange is an approval of one change that wipes a machine, wherever.
func oneChange(x *run) *fleet.Approval {
	return &fleet.Approval{Meta: fleet.Meta{Name: "cap-1"}, For: []string{"cluster/*"}, Impact: "reprovision", Changes: 1,
		Until: x.now.Add(time.Hour).Format(time.RFC3339)}
}

// Killed at each moment that hurts most, the n-th time that it comes: of two changes that want an approval of one,
// one is ever done, though it is another process each time that looks.
func TestAnApprovalIsUsedOnceByAllProcesses(t *testing.T) {
	for _, point := range []Point{BeforeSend, AfterEffect, BeforeRecord} {
		t.Run(string(point), func(t *testing.T) {
			for n := 1; ; n++ {
				x := newRun(t, uint64(n))
				gpus := machines[2:5]
				x.settle(desired("c1", gpus, allocation{"acme": {"gpu-1", "gpu-2"}, "globex": {"gpu-3"}}))
				one := oneChange(x)
				left := x.dieAt(point, n)
				for range 20 {
					x.pass(asking(desired("c2", gpus, allocation{"acme": {"gpu-1"}, "globex": {"gpu-3"}}), one))
				}
				if *left > 0 {
					require.Greater(t, n, 3, "too little happens here to prove anything")
					return
				}
				for range 20 {
					x.pass(asking(desired("c3", gpus, allocation{"acme": {"gpu-1"}, "globex": nil}), one))
				}
				require.Equal(t, map[state.ID]bool{instanceID("acme"): true}, x.used["cap-1@by-olga"], "%d\n%s", n, x.tail())
				require.Equal(t, "globex", x.host["gpu-3"].used, "nobody agreed to that")
				x.sound()
			}
		})
	}
}

// Whether an approval was used is remembered as long as it may count: beyond its end, since clocks are set back, and
// while the fleet has it. What nobody could name the commit of is one with all of its name.
func TestWhatApprovalsWereUsedForIsForgottenLate(t *testing.T) {
	x := newRun(t, 1)
	gpus := machines[2:4]
	apart := func(approvals ...*fleet.Approval) Desired {
		return asking(desired("c2", gpus, allocation{"acme": {"gpu-1"}}), approvals...)
	}
	x.settle(desired("c1", gpus, allocation{"acme": {"gpu-1", "gpu-2"}}))
	one := oneChange(x)
	x.settle(apart(one))
	used := func(d Desired, later time.Duration) []state.ID {
		x.now = x.now.Add(later)
		x.start()
		x.pass(d)
		return x.r.spentOn("cap-1", "by-olga")
	}
	acme := []state.ID{instanceID("acme")}
	require.Equal(t, acme, used(apart(), 0), "an older commit may bring it back")
	require.Equal(t, acme, x.r.spentOn("cap-1", ""), "who gave it may not be told at the moment")
	require.Empty(t, x.r.spentOn("cap-1", "by-carol"), "one of another commit is another")
	require.Empty(t, x.r.spentOn("cap-2", "by-olga"))
	require.Equal(t, acme, used(apart(), time.Hour+spentKept-time.Minute), "clocks are set back")
	require.Equal(t, acme, used(apart(one), time.Hour), "the fleet has it")
	untold := apart(one)
	untold.Approvers.Of["cap-1"] = guard.Approver{Unknown: "its history cannot be read"}
	require.Equal(t, acme, used(untold, 0), "the fleet may have it")
	other := apart(one)
	other.Approvers.Of["cap-1"] = guard.Approver{Commit: "by-carol"}
	require.Empty(t, used(other, 0))
	for target, text := range x.kept.memory {
		require.NotContains(t, text, "cap-1", target)
	}
}

// A target of which nothing is left but what an approval was used for there is not looked at any more: it may be gone,
// and would be told to be out of reach for ever.
func TestWhatIsPastIsNotLookedAt(t *testing.T) {
	x := newRun(t, 1)
	gone := state.Target{System: state.Redfish, Name: "gpu-9"}
	id := state.ID{Target: gone, Kind: "bios"}
	spent := []state.Spent{{Approval: "cap-1", Commit: "by-olga", Until: x.now.Add(time.Hour), IDs: []state.ID{id}}}
	require.NoError(t, x.r.Memory.Save(t.Context(), gone, inventory.Memory{Spent: spent}))
	var looked []state.Target
	see := func(d Desired) {
		x.start()
		x.r.Looked = func(t state.Target, _ error, _, _ int) { looked = append(looked, t) }
		x.pass(d)
		require.Equal(t, []state.ID{id}, x.r.spentOn("cap-1", "by-olga"))
	}
	see(desired("c1", machines[2:3], nil))
	require.NotContains(t, looked, gone)
	require.Contains(t, looked, state.ControlPlane)

	back := desired("c2", machines[2:3], nil)
	objects := append(slices.Collect(back.Set.All()), state.Object{ID: id, Entity: "machine/gpu-1", Mode: state.Own, Tree: state.FromPlain(m{}, state.Origin{})})
	set, err := state.NewSet(objects, nil)
	require.NoError(t, err)
	back.Set = set
	see(back)
	require.Contains(t, looked, gone)
}
