package guard

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// noon is a Tuesday.
var noon = time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)

const olga = "olga@example.com"

// approved is the small fleet, in which what reboots needs an approval, with one of Olga's; change makes it another.
func approved(change ...func(*fleet.Approval)) Input {
	a := &fleet.Approval{Meta: fleet.Meta{Name: "cap-17"}, For: []string{"tenant/acme", "machine/gpu-001"}, Impact: "reprovision", Changes: 3,
		From: "2026-05-12T10:00:00Z", Until: "2026-05-12T18:00:00Z", Reason: "acme gives machines back"}
	for _, f := range change {
		f(a)
	}
	in := input(func(f *fleet.Fleet) {
		f.Approvals = map[string]*fleet.Approval{"cap-17": a}
		f.Policy.Approvals.From = "reboot"
	})
	in.Now = noon
	in.Approvers = Approvers{Keys: true, Of: map[string]Approver{"cap-17": {Name: olga, Verified: true, Commit: "c17"}}}
	return in
}

func (in Input) with(change func(*Input)) Input { change(&in); return in }

func (in Input) policy(change func(*fleet.Policy)) Input {
	policy := *in.Fleet.Policy
	change(&policy)
	in.Fleet = &fleet.Fleet{Platform: in.Fleet.Platform, Policy: &policy, Sites: in.Fleet.Sites, Tenants: in.Fleet.Tenants, Machines: in.Fleet.Machines, Approvals: in.Fleet.Approvals}
	return in
}

// An approval lets go ahead what lies within it, and what does not is told why.
func TestApprovalsContain(t *testing.T) {
	bios := "redfish/gpu-001/bios"
	change := func(impact kinds.Impact, causes ...plan.Cause) plan.Change {
		return plan.Change{Action: plan.Update, Status: plan.Progressing, Entity: "machine/gpu-001", Impact: impact, Causes: causes, Want: wanted, Owned: &state.Owned{Commit: "c1"}}
	}
	commit := change(kinds.Reprovision, plan.CauseCommit)
	drift := change(kinds.Reboot, plan.CauseDrift)
	drifts := func(a *fleet.Approval) { a.Drift = true }
	asserted := Approver{Name: olga, Unknown: "it is not signed"}
	yes, no := true, false
	four := func(p *fleet.Policy) { p.Approvals.FourEyes = true }
	brought := func(people []string, err error) func(*Input) {
		return func(in *Input) {
			in.Approvers.Brought = func(since string, _ []string) ([]string, error) {
				if since != "c1" {
					return nil, errors.New("asked of another commit")
				}
				return people, err
			}
		}
	}
	for name, c := range map[string]struct {
		in     Input
		change plan.Change
		why    string // it is held for; empty: not at all
	}{
		"it contains it":           {approved(), commit, ""},
		"without any":              {approved(func(a *fleet.Approval) { a.For = []string{"machine/gpu-002"} }), commit, "policy wants that approved"},
		"for an object":            {approved(func(a *fleet.Approval) { a.For = []string{"redfish/gpu-001"} }), commit, ""},
		"for what begins so":       {approved(func(a *fleet.Approval) { a.For = []string{"machine/gpu-*"} }), commit, ""},
		"for another of that kind": {approved(func(a *fleet.Approval) { a.For = []string{"redfish/gpu-00", "machine/gpu-00", "tenant/*"} }), commit, "policy wants that approved"},
		"for less":                 {approved(func(a *fleet.Approval) { a.Impact = "reboot" }), commit, "approval cap-17 does not do: it is for no worse than reboot"},
		"for an unknown impact":    {approved(func(a *fleet.Approval) { a.Impact = "anything" }), commit, "it is for no worse than none"},
		"less than needs one":      {approved(func(a *fleet.Approval) { a.For = nil }), change(kinds.Network, plan.CauseCommit), ""},
		"it has ended":             {approved().with(func(in *Input) { in.Now = noon.Add(6 * time.Hour) }), commit, "it ended at 2026-05-12T18:00:00Z"},
		"it has just not ended":    {approved().with(func(in *Input) { in.Now = noon.Add(6*time.Hour - 1) }), commit, ""},
		"it has not begun":         {approved().with(func(in *Input) { in.Now = noon.Add(-3 * time.Hour) }), commit, "it begins at 2026-05-12T10:00:00Z"},
		"at once":                  {approved(func(a *fleet.Approval) { a.From = "" }).with(func(in *Input) { in.Now = noon.Add(-24 * time.Hour) }), commit, ""},
		"without an end":           {approved(func(a *fleet.Approval) { a.Until = "" }), commit, "its times cannot be read"},

		"drift, for which it is not": {approved(), drift, "it is not for drift"},
		"drift, for which it is":     {approved(drifts), drift, ""},
		"drift that policy reports":  {approved(drifts).policy(func(p *fleet.Policy) { p.Drift = map[string]string{"redfish/bios": "report"} }), drift, ""},
		"more drift":                 {approved(drifts, func(a *fleet.Approval) { a.Impact = "restart" }), drift, "it is for no worse than restart"},

		"asserted":                        {approved().with(func(in *Input) { in.Approvers.Of["cap-17"] = asserted }), commit, "nobody is proven to have signed it (it is not signed)"},
		"of nobody":                       {approved().with(func(in *Input) { in.Approvers.Of = nil }), commit, "nobody is proven to have signed it"},
		"asserted, where nothing is":      {approved().with(func(in *Input) { in.Approvers.Keys, in.Approvers.Of["cap-17"] = false, asserted }), commit, ""},
		"asserted, which policy counts":   {approved().with(func(in *Input) { in.Approvers.Of["cap-17"] = asserted }).policy(func(p *fleet.Policy) { p.Approvals.Asserted = &yes }), commit, ""},
		"asserted, which policy does not": {approved().with(func(in *Input) { in.Approvers.Keys, in.Approvers.Of["cap-17"] = false, asserted }).policy(func(p *fleet.Policy) { p.Approvals.Asserted = &no }), commit, "nobody is proven"},

		"four eyes":                        {approved().policy(four).with(brought([]string{"jane@example.com"}, nil)), commit, ""},
		"two eyes":                         {approved().policy(four).with(brought([]string{"jane@example.com", "Olga@Example.com"}, nil)), commit, "olga@example.com had a hand in the change"},
		"two eyes, where two do":           {approved().with(brought([]string{olga}, nil)), commit, ""},
		"four eyes, and nobody can tell":   {approved().policy(four).with(brought(nil, errors.New("it is shallow"))), commit, "who brought the change cannot be told (it is shallow)"},
		"four eyes, and nobody knows":      {approved().policy(four), commit, "who brought the change cannot be told here"},
		"four eyes and no commit":          {approved(drifts).policy(four), drift, ""},
		"four eyes, of which two asserted": {approved().policy(four).policy(func(p *fleet.Policy) { p.Approvals.Asserted = &yes }).with(brought(nil, nil)).with(func(in *Input) { in.Approvers.Of["cap-17"] = asserted }), commit, "nobody is proven"},
	} {
		t.Run(name, func(t *testing.T) {
			in := c.in
			in.Fleet.Machines["gpu-001"].Role = fleet.RoleControlPlane // and so in no pool
			in.Fleet.Policy.Resets = map[string]fleet.ResetPolicy{fleet.RoleControlPlane: {AtOnce: 1}}
			p := plan.Plan{Changes: []plan.Change{c.change, {ID: id(t, "redfish/gpu-001/power"), Status: plan.InSync, Live: &state.LiveObject{Value: map[string]any{"PowerState": "On"}}}}}
			p.Changes[0].ID = id(t, bios)
			Apply(&p, in)
			got := p.Changes[0]
			if c.why != "" {
				require.Len(t, got.Held, 1)
				require.Contains(t, got.Held[0].Why, c.why)
				require.Contains(t, got.Held[0].Until, `or an approval for it contains it, with impact: "`+got.Impact.String())
				require.Equal(t, plan.Held, got.Status)
				require.Nil(t, got.Consent)
				return
			}
			require.Empty(t, got.Held)
			require.Equal(t, plan.Progressing, got.Status, "it stands as it did before it asked")
			if name == "less than needs one" {
				require.Nil(t, got.Consent)
				return
			}
			by := in.Approvers.Of["cap-17"]
			require.Equal(t, &plan.Consent{Approval: "cap-17", By: olga, Verified: by.Verified, Commit: by.Commit, Until: noon.Add(6 * time.Hour)}, got.Consent)
		})
	}
}

// All that an approval is for goes by it or nothing does, what it was used for before included.
func TestApprovalsCount(t *testing.T) {
	offers := func(names ...string) plan.Plan {
		var p plan.Plan
		for _, n := range names {
			p.Changes = append(p.Changes, plan.Change{ID: id(t, "kubernetes/acme.train/ConfigMap/ops/"+n), Entity: "cluster/acme/train", Action: plan.Update, Status: plan.Progressing, Impact: kinds.Reboot, Causes: []plan.Cause{plan.CauseCommit}, Want: wanted})
		}
		return p
	}
	held := func(p plan.Plan, in Input) (why string) {
		Apply(&p, in)
		for _, c := range p.Changes {
			require.Equal(t, len(p.Changes[0].Held), len(c.Held))
			require.Equal(t, c.Consent == nil, len(c.Held) > 0)
		}
		if h := p.Changes[0].Held; len(h) > 0 {
			why = h[0].Why
		}
		return why
	}
	require.Empty(t, held(offers("a", "b", "c"), approved()))
	require.Contains(t, held(offers("a", "b", "c", "d"), approved()), "it is for 3 changes, and with this there would be 4")

	spent := func(names ...string) func(*Input) {
		return func(in *Input) {
			in.Spent = func(approval, commit string) (all []state.ID) {
				require.Equal(t, "cap-17@c17", approval+"@"+commit)
				for _, c := range offers(names...).Changes {
					all = append(all, c.ID)
				}
				return all
			}
		}
	}
	require.Empty(t, held(offers("a", "b"), approved().with(spent("x", "a"))), "one that is done again is one")
	require.Contains(t, held(offers("a", "b"), approved().with(spent("x", "y"))), "it is for 3 changes, and with this there would be 4")

	second := approved()
	second.Fleet.Approvals["cap-18"] = &fleet.Approval{Meta: fleet.Meta{Name: "cap-18"}, For: []string{"cluster/acme/train"}, Impact: "reboot", Changes: 9, Until: "2026-05-12T18:00:00Z"}
	second.Approvers.Of["cap-18"] = Approver{Name: "carol@example.com", Verified: true}
	require.Empty(t, held(offers("a", "b", "c", "d"), second), "another is large enough")

	machines := approved(func(a *fleet.Approval) { a.Machines, a.For = 1, []string{"machine/*"} })
	leave := func(names ...string) (p plan.Plan) {
		for _, n := range names {
			p.Changes = append(p.Changes, plan.Change{ID: id(t, "kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/"+n), Action: plan.Update, Impact: kinds.Reboot, Causes: []plan.Cause{plan.CauseCommit}, Want: wanted})
		}
		return p
	}
	machines.Fleet.Machines["gpu-002"] = &fleet.Machine{Meta: fleet.Meta{Name: "gpu-002"}}
	require.Empty(t, held(leave("gpu-001"), machines))
	require.Contains(t, held(leave("gpu-001", "gpu-002"), machines), "it is for 1 machine, and with this there would be 2")
	for _, gone := range []string{host[:len(host)-1] + "9", "ufm/fabric/pkey/0x7/guid/0002c903000e0b72"} {
		machines.Spent = func(string, string) []state.ID { return []state.ID{id(t, gone)} }
		require.Contains(t, held(leave("gpu-001"), machines), "it is for 1 machine, and with this there would be 2", "one that has left the fleet since counts")
	}
}

// Deletions beyond the quota need an approval that says so, and stay in the quota's hands else.
func TestApprovalsOfDeletions(t *testing.T) {
	gone := func() plan.Plan {
		var p plan.Plan
		for _, n := range []string{"a", "b", "c"} {
			p.Changes = append(p.Changes, plan.Change{ID: id(t, "kubernetes/acme.train/ConfigMap/ops/"+n), Entity: "cluster/acme/train", Action: plan.Delete, Status: plan.Progressing, Causes: []plan.Cause{plan.CauseCommit}, Owned: &state.Owned{}})
		}
		return p
	}
	quota := func(f *fleet.Policy) { f.Deletions.Max = 2 }
	p := gone()
	Apply(&p, approved().policy(quota))
	require.Contains(t, p.Changes[0].Held[0].Why, "it is not for deletions beyond the quota")
	require.Contains(t, p.Changes[0].Held[0].Until, `with impact: "none", deletions: true`)
	p = gone()
	Apply(&p, approved(func(a *fleet.Approval) { a.Deletions = true }).policy(quota))
	for _, c := range p.Changes {
		require.Empty(t, c.Held)
		require.Equal(t, "cap-17", c.Consent.Approval)
	}
	// Once some are gone, the others would be few enough to go without anybody's leave.
	p = gone()
	Apply(&p, approved(func(a *fleet.Approval) {
		a.Deletions, a.For = true, []string{p.Changes[0].ID.String(), p.Changes[1].ID.String()}
	}).policy(quota))
	for _, c := range p.Changes {
		require.Equal(t, "deletion-quota", by(c))
		require.Nil(t, c.Consent)
		require.Equal(t, plan.Held, c.Status)
	}
	require.Contains(t, p.Changes[0].Held[0].Why, "once these are gone, 1 more would be deleted without approval")
	p = gone()
	Apply(&p, approved(func(a *fleet.Approval) { a.Deletions, a.For = true, []string{p.Changes[0].ID.String()} }).policy(func(f *fleet.Policy) { f.Deletions.Max = 1 }))
	require.NotNil(t, p.Changes[0].Consent, "the others stay beyond the quota")
	require.Equal(t, "deletion-quota", by(p.Changes[1]))
}

// A plan between two commits shows what the later one has approvals for. No window is open in it, and what was
// brought counts from the earlier one on.
func TestApprovalsAreForeseen(t *testing.T) {
	in := approved().policy(func(p *fleet.Policy) {
		p.Approvals.FourEyes = true
		p.Windows = map[string]fleet.Window{"always": {From: "00:00", To: "00:00", Zone: "UTC", Impact: "reboot"}}
	})
	in.Base = "base"
	var people []string
	in.Approvers.Brought = func(since string, _ []string) ([]string, error) {
		require.Equal(t, "base", since)
		return people, nil
	}
	foresee := func(impact kinds.Impact) plan.Change {
		p := plan.Plan{Changes: []plan.Change{{ID: id(t, plain), Entity: "cluster/acme/train", Action: plan.Update, Impact: impact, Causes: []plan.Cause{plan.CauseCommit}, Want: wanted}}}
		Foresee(&p, in)
		return p.Changes[0]
	}
	require.Equal(t, "cap-17", foresee(kinds.Reprovision).Consent.Approval)
	people = []string{olga}
	c := foresee(kinds.Reboot)
	require.Nil(t, c.Consent)
	require.Contains(t, c.Held[0].Until, "or window always is open (every day from 00:00 to 00:00 UTC)")
}
