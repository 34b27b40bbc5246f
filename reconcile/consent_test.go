package reconcile

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/guard"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/target"
)

// asking is a fleet in which what wipes machines waits for an approval, with some of those.
func asking(d Desired, approvals ...*fleet.Approval) Desired {
	d.Fleet.Policy.Approvals.From = "reprovision"
	d.Fleet.Approvals = map[string]*fleet.Approval{}
	d.Approvers = guard.Approvers{Keys: true, Of: map[string]guard.Approver{}}
	for _, a := range approvals {
		d.Fleet.Approvals[a.Name] = a
		d.Approvers.Of[a.Name] = guard.Approver{Name: "olga@example.com", Verified: true, Commit: "by-olga"}
	}
	return d
}

func itemOf(r report.Report, address string) report.Item {
	i := slices.IndexFunc(r.Items, func(i report.Item) bool { return i.Address == address })
	if i < 0 {
		return report.Item{}
	}
	return r.Items[i]
}

// What needs an approval is done once there is one, as much of it as the approval is for in all passes together,
// and no longer than it lasts.
func TestWhatIsApprovedIsDoneAndNoMore(t *testing.T) {
	x := newRun(t, 4)
	gpus := machines[2:]
	x.settle(desired("c1", gpus, allocation{"acme": {"gpu-1", "gpu-2"}, "globex": {"gpu-3"}, "initech": {"gpu-4"}}))
	moved := func(commit string, approvals ...*fleet.Approval) Desired {
		return asking(desired(commit, gpus, allocation{"acme": {"gpu-1"}, "globex": {"gpu-2", "gpu-3"}, "initech": {"gpu-4"}}), approvals...)
	}
	acme, globex := instanceID("acme").String(), instanceID("globex").String()
	var out Outcome
	for range 20 {
		out = x.pass(moved("c2"))
	}
	item := itemOf(out.Report, acme)
	require.Equal(t, "approval", item.Held[0].By)
	require.Contains(t, item.Held[0].Until, `an approval for it contains it, with impact: "reprovision"`)
	require.NotContains(t, x.writes, "update "+acme)
	require.Equal(t, "acme", x.host["gpu-2"].used, "nobody wiped it")

	approval := &fleet.Approval{Meta: fleet.Meta{Name: "cap-1"}, For: []string{"cluster/*"}, Impact: "reprovision", Changes: 2, Until: x.now.Add(10 * time.Minute).Format(time.RFC3339)}
	out = x.pass(moved("c3", approval))
	item = itemOf(out.Report, acme)
	require.Equal(t, plan.Progressing, item.Status, "%v", item.Held)
	require.Equal(t, "approved by olga@example.com (approval cap-1, verified)", item.Consent.String())
	x.settle(moved("c3", approval))
	require.Equal(t, "globex", x.host["gpu-2"].used)

	on := func() Desired {
		return asking(desired("c4", gpus, allocation{"acme": {"gpu-1"}, "globex": {"gpu-2"}, "initech": {"gpu-3", "gpu-4"}}), approval)
	}
	x.start() // a process that comes later knows what the approval was used for
	for range 20 {
		out = x.pass(on())
	}
	require.Contains(t, itemOf(out.Report, globex).Held[0].Why, "approval cap-1 does not do: it is for 2 changes, and with this there would be 3")
	x.now = x.now.Add(10 * time.Minute)
	require.Contains(t, itemOf(x.pass(on()).Report, globex).Held[0].Why, "approval cap-1 does not do: it ended at")
	require.Equal(t, "globex", x.host["gpu-3"].used)
	x.sound()
}

// Whatever is approved, by whomever and for how much, whenever windows are open and whoever is killed: no machine
// is ever in two hands, what was done had the leave that it needed, and no approval is used for more than it says.
func TestNoApprovalPutsAMachineInTwoHands(t *testing.T) {
	done, refused := 0, 0
	for seed := range soak(40, 5000) {
		x := newRun(t, seed)
		rng := rand.New(rand.NewPCG(seed, 19))
		pick := func(all ...string) string { return all[rng.IntN(len(all))] }
		gpus, tenants := machines[2:5], []string{"acme", "globex"}
		impacts := []string{"none", "restart", "network", "reboot", "reprovision", "data-loss"}
		lasting := &fleet.Approval{Meta: fleet.Meta{Name: "cap-9"}, For: []string{"tenant/*", "machine/*"}, Impact: "reprovision", Changes: 1 + rng.IntN(6), Drift: true,
			Until: x.now.Add(time.Hour).Format(time.RFC3339)}
		most := map[string]int{"cap-9@by-olga": lasting.Changes}
		for commit := range 4 {
			d := asking(desired(fmt.Sprintf("c%d", commit), gpus, random(rng, gpus, tenants)), lasting)
			policy := d.Fleet.Policy
			policy.Drift, policy.Approvals.From, policy.Deletions.Max = nil, pick(impacts[1:]...), rng.IntN(20)
			if rng.IntN(3) == 0 {
				policy.Windows = map[string]fleet.Window{"always": {From: "00:00", To: "00:00", Zone: "UTC", Impact: pick(impacts[1:]...)}}
			}
			for n := range rng.IntN(4) {
				a := &fleet.Approval{Meta: fleet.Meta{Name: fmt.Sprintf("cap-%d", n)}, For: []string{pick("tenant/*", "tenant/acme", "machine/*", "machine/gpu-2", "netris/*", "kubernetes/*", "ufm/*")},
					Impact: pick(impacts...), Changes: 1 + rng.IntN(12), Drift: rng.IntN(2) == 0, Deletions: rng.IntN(2) == 0,
					Until: x.now.Add(time.Duration(rng.IntN(60)) * time.Second).Format(time.RFC3339)}
				d.Fleet.Approvals[a.Name], most[a.Name+"@"+d.Source.Commit] = a, a.Changes
				d.Approvers.Of[a.Name] = guard.Approver{Name: "olga@example.com", Verified: rng.IntN(4) > 0, Commit: d.Source.Commit}
			}
			least := kinds.Impact(slices.Index(impacts, policy.Approvals.From))
			x.faults = faults{lost: 0.1, unreachable: 0.05, moves: 0.2}
			for range 10 + rng.IntN(40) {
				if rng.IntN(10) == 0 {
					x.hand(rng, gpus, tenants)
				}
				if x.process.killAt == 0 && rng.IntN(10) == 0 {
					x.process.killAt, x.process.sendLast = 1+rng.IntN(4), rng.IntN(2) == 0
				}
				x.r.Done = func(c plan.Change, _ target.Result) {
					drift := slices.Equal(c.Causes, []plan.Cause{plan.CauseDrift})
					if needs := drift && c.Impact > kinds.None || !drift && c.Impact >= least; !needs {
						return
					}
					require.NotNil(t, c.Consent, "seed %d: %s %s costs %s, and nobody agreed\n%s", seed, c.Action, c.ID, c.Impact, x.tail())
					done++
				}
				for _, i := range x.pass(d).Report.Items {
					if slices.ContainsFunc(i.Held, func(h plan.Hold) bool { return h.By == "approval" || h.By == "drift-policy" }) {
						refused++
					}
				}
			}
		}
		require.Empty(t, x.broken, "seed %d\n%s", seed, x.tail())
		for approval, used := range x.used {
			require.LessOrEqual(t, len(used), most[approval], "seed %d: %s was used for %v\n%s", seed, approval, used, x.tail())
		}
	}
	require.Greater(t, done, 100, "hardly anything is approved")
	require.Greater(t, refused, 100, "hardly anything is refused")
}

// Who approved is asked at each look at the source: a key that is taken out of the list counts no more, without
// a new commit.
func TestApproversAreAskedAtEachLook(t *testing.T) {
	x := newRun(t, 1)
	var asked []string
	w := watched(x, func(a *Agent) {
		a.Approvers = func(commit string, f *fleet.Fleet) guard.Approvers {
			require.NotNil(t, f)
			asked = append(asked, commit)
			return guard.Approvers{}
		}
	})
	w.see(look{err: errors.New("no route")}, func(s report.Source) bool { return s.Error == "no route" })
	w.see(look{snapshot: commit("c1")}, inForce("c1"))
	fetched := commit("c1")
	fetched.FetchedAt = time.Unix(7, 0)
	w.see(look{snapshot: fetched}, func(s report.Source) bool { return s.Fetched.Equal(fetched.FetchedAt) })
	w.see(look{snapshot: commit("bad")}, refused("c1", "bad"))
	w.see(look{snapshot: commit("c2")}, inForce("c2"))
	require.NoError(t, w.stop())
	require.Equal(t, []string{"c1", "c1", "c1", "c2"}, asked)
}
