package guard

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// Whatever the plan and the approvals, what is let go lies within an approval that is in force and counts, as much
// of it as that is for, and no guard that holds for another reason lets go of anything.
func TestConsentIsContained(t *testing.T) {
	let, kept := 0, 0
	for seed := range uint64(5_000) {
		r := rand.New(rand.NewPCG(seed, 17))
		pick := func(all ...string) string { return all[r.IntN(len(all))] }
		impacts := []string{"none", "restart", "network", "reboot", "reprovision", "data-loss"}
		hours := func() string {
			if h := r.IntN(30) - 3; h >= 0 {
				return time.Date(2026, 5, 12, h, 0, 0, 0, time.UTC).Format(time.RFC3339)
			}
			return ""
		}
		in := input(func(f *fleet.Fleet) {
			f.Approvals = map[string]*fleet.Approval{}
			f.Policy.Deletions = fleet.DeletionPolicy{Max: r.IntN(4), Percent: 100}
			f.Policy.Approvals.From = pick(append(impacts[1:], fleet.Never)...)
			f.Policy.Approvals.FourEyes = r.IntN(4) == 0
			if say := r.IntN(2) == 0; r.IntN(2) == 0 {
				f.Policy.Approvals.Asserted = &say
			}
			f.Policy.Drift = map[string]string{"kubernetes/ConfigMap": pick("correct", "report"), "kubernetes/Secret": "correct"}
			f.Policy.ObserveOnly = map[string]fleet.ObserveOnly{"kubernetes/Lease": {Reason: "only looked at"}}
			f.Policy.Protect = []string{"kubernetes/acme.train/Service/ops/o0"}
			f.Tenants["globex"] = &fleet.Tenant{}
			for i := range r.IntN(4) {
				name := fmt.Sprintf("cap-%d", i)
				f.Approvals[name] = &fleet.Approval{Meta: fleet.Meta{Name: name}, Impact: pick(impacts...), Changes: 1 + r.IntN(6), Machines: r.IntN(3),
					Drift: r.IntN(2) == 0, Deletions: r.IntN(2) == 0, From: hours(), Until: hours(),
					For: []string{pick("tenant/acme", "tenant/globex", "cluster/acme/train", "kubernetes/acme.train/*", "machine/gpu-001", "tenant/*", "netris/dc1/servercluster/acme-train")}}
			}
		})
		in.Now = noon
		in.Approvers = Approvers{Keys: r.IntN(2) == 0, Of: map[string]Approver{}}
		guilty := pick(olga, "carol@example.com")
		in.Approvers.Brought = func(string, []string) ([]string, error) { return []string{guilty}, nil }
		for name := range in.Fleet.Approvals {
			in.Approvers.Of[name] = Approver{Name: pick(olga, "carol@example.com"), Verified: r.IntN(3) > 0}
		}
		in.Corrected = func(id state.ID) int { return map[bool]int{true: FightLimit}[id.Name == "o1"] }
		var p plan.Plan
		tenants := []string{"acme", "globex"}
		for i := range 2 + r.IntN(10) {
			tenant := tenants[r.IntN(2)]
			c := plan.Change{Entity: "cluster/" + tenant + "/train", Impact: kinds.Impact(r.IntN(6)), Status: plan.Progressing, Causes: []plan.Cause{plan.CauseCommit}}
			c.ID = id(t, fmt.Sprintf("kubernetes/%s.train/%s/ops/o%d", tenant, pick("ConfigMap", "Secret", "Lease", "Service", "Pod"), i))
			switch r.IntN(4) {
			case 0:
				c.Action, c.Owned = plan.Delete, &state.Owned{}
			case 1:
				c.Action, c.Want, c.Status, c.Causes = plan.Update, wanted, plan.Drifted, drifted
			case 2: // a machine comes in, and nothing is known of it
				c.ID, c.Entity = id(t, "netris/dc1/servercluster/"+tenant+"-train/server/gpu-001"), "pool/"+tenant+"/train/h100"
				c.Action, c.Want = plan.Create, wanted
			default:
				c.Action, c.Want, c.Owned = plan.Update, wanted, &state.Owned{}
			}
			p.Changes = append(p.Changes, c)
		}
		bare := plan.Plan{Changes: slices.Clone(p.Changes)}
		none := in
		none.Fleet = in.policy(func(*fleet.Policy) {}).Fleet
		none.Fleet.Approvals = nil
		Apply(&bare, none)
		Apply(&p, in)

		used, machines := map[string]map[state.ID]bool{}, map[string]map[string]bool{}
		for i, c := range p.Changes {
			without := bare.Changes[i]
			strict := func(c plan.Change) (by []string) {
				for _, h := range c.Held {
					if !plan.MayConsent(h.By) {
						by = append(by, h.By)
					}
				}
				return by
			}
			require.Equal(t, strict(without), strict(c), "seed %d: %s", seed, c.ID)
			if strings.HasPrefix(c.ID.String(), "netris/") {
				require.Contains(t, strict(c), "isolation", "seed %d", seed)
			}
			if c.Consent == nil {
				require.Equal(t, len(without.Held), len(c.Held), "seed %d: %s is let go by nobody's leave", seed, c.ID)
				kept += len(c.Held)
				continue
			}
			let++
			a, by := in.Fleet.Approvals[c.Consent.Approval], in.Approvers.Of[c.Consent.Approval]
			require.NotNil(t, a, "seed %d", seed)
			if used[a.Name] == nil {
				used[a.Name], machines[a.Name] = map[state.ID]bool{}, map[string]bool{}
			}
			used[a.Name][c.ID] = true
			if strings.HasPrefix(c.ID.String(), "netris/") {
				machines[a.Name]["gpu-001"] = true
			}
			asserted := !in.Approvers.Keys
			if say := in.Fleet.Policy.Approvals.Asserted; say != nil {
				asserted = *say
			}
			require.True(t, by.Verified || asserted && !in.Fleet.Policy.Approvals.FourEyes, "seed %d: %s does not count", seed, a.Name)
			require.LessOrEqual(t, a.From, noon.Format(time.RFC3339), "seed %d", seed)
			require.Greater(t, a.Until, noon.Format(time.RFC3339), "seed %d", seed)
			require.LessOrEqual(t, c.Impact, kinds.Impact(slices.Index(impacts, a.Impact)), "seed %d: %s", seed, c.ID)
			if slices.Contains(c.Causes, plan.CauseDrift) {
				require.True(t, a.Drift, "seed %d", seed)
			} else {
				require.False(t, in.Fleet.Policy.Approvals.FourEyes && by.Name == guilty, "seed %d: two eyes", seed)
			}
			if slices.ContainsFunc(without.Held, func(h plan.Hold) bool { return h.By == "deletion-quota" }) {
				require.True(t, a.Deletions, "seed %d", seed)
			}
			tenant := strings.Split(c.Entity, "/")[1]
			machine, pool := strings.HasPrefix(c.ID.String(), "netris/"), strings.HasPrefix(c.Entity, "pool/")
			require.True(t, map[string]bool{
				"tenant/" + tenant: true, "tenant/*": true,
				"cluster/acme/train": tenant == "acme", "kubernetes/acme.train/*": tenant == "acme" && !machine,
				"machine/gpu-001": machine, "netris/dc1/servercluster/acme-train": pool && tenant == "acme",
			}[a.For[0]], "seed %d: %s is not for %s", seed, a.For[0], c.ID)
		}
		for name, ids := range used {
			require.LessOrEqual(t, len(ids), in.Fleet.Approvals[name].Changes, "seed %d", seed)
			if most := in.Fleet.Approvals[name].Machines; most > 0 {
				require.LessOrEqual(t, len(machines[name]), most, "seed %d", seed)
			}
		}
	}
	require.Greater(t, let, 300, "hardly anything is let go")
	require.Greater(t, kept, 300, "hardly anything is kept")
}
