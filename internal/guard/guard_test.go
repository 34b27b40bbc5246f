package guard

import (
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/gate"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

const (
	host   = "kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/gpu-001"
	offer  = host + "/pool/acme/train/h100"
	member = "netris/dc1/servercluster/acme-train/server/gpu-001"
	ntp    = "redfish/gpu-001/ntp"
	plain  = "kubernetes/acme.train/ConfigMap/ops/settings"
)

func id(t testing.TB, address string) state.ID {
	t.Helper()
	parsed, err := state.ParseID(address)
	require.NoError(t, err)
	return parsed
}

// input is a small fleet whose policy allows everything; change makes it stricter.
func input(change ...func(*fleet.Fleet)) Input {
	f := &fleet.Fleet{
		Platform: &fleet.Platform{Cluster: "control-plane", Metal3: fleet.PlatformMetal3{Namespace: "metal3-system"}},
		Policy:   &fleet.Policy{Deletions: fleet.DeletionPolicy{Max: 100, Percent: 100}, Resets: map[string]fleet.ResetPolicy{}},
		Sites:    map[string]*fleet.Site{"dc1": {}, "dc2": {}},
		Tenants:  map[string]*fleet.Tenant{"acme": {}},
		Machines: map[string]*fleet.Machine{"gpu-001": {Meta: fleet.Meta{Name: "gpu-001"}, Site: "dc1", Role: fleet.RoleWorker, Lifecycle: fleet.InService}},
	}
	for _, c := range change {
		c(f)
	}
	return Input{Fleet: f, Owned: 100, World: gate.World{Hosts: state.ControlPlane, Namespace: "metal3-system"}}
}

// after is what the guards make of one change.
func after(t testing.TB, in Input, address string, c plan.Change) plan.Change {
	t.Helper()
	c.ID = id(t, address)
	p := plan.Plan{Changes: []plan.Change{c}}
	Apply(&p, in)
	return p.Changes[0]
}

func by(c plan.Change) string {
	if len(c.Held) == 0 {
		return ""
	}
	return c.Held[0].By
}

var (
	drifted = []plan.Cause{plan.CauseDrift}
	wanted  = &state.Object{Mode: state.Own}
)

// Each guard holds what it is for and nothing else.
func TestGuards(t *testing.T) {
	update := func(impact kinds.Impact, causes ...plan.Cause) plan.Change {
		return plan.Change{Action: plan.Update, Status: plan.Progressing, Impact: impact, Causes: causes, Want: wanted}
	}
	gone := func(action plan.Action, entity string) plan.Change {
		return plan.Change{Action: action, Status: plan.Progressing, Entity: entity, Owned: &state.Owned{}}
	}
	says := func(kind, what string) func(*fleet.Fleet) {
		return func(f *fleet.Fleet) { f.Policy.Drift = map[string]string{kind: what} }
	}
	maintained := func(f *fleet.Fleet) { f.Machines["gpu-001"].Lifecycle = fleet.Maintenance }
	siteOnly := func(f *fleet.Fleet) { f.Sites["dc1"].ObserveOnly = &fleet.ObserveOnly{Reason: "new here"} }
	tenantOnly := func(f *fleet.Fleet) { f.Tenants["acme"].ObserveOnly = &fleet.ObserveOnly{Reason: "new here"} }
	kindOnly := func(kind string) func(*fleet.Fleet) {
		return func(f *fleet.Fleet) { f.Policy.ObserveOnly = map[string]fleet.ObserveOnly{kind: {Reason: "new here"}} }
	}
	only := update(kinds.None, plan.CauseCommit)
	only.Want = &state.Object{ObserveOnly: "new here"}
	for name, c := range map[string]struct {
		in      Input
		address string
		change  plan.Change
		held    string
	}{
		"harmless commit":               {input(), ntp, update(kinds.None, plan.CauseCommit), ""},
		"disruptive commit":             {input(), plain, update(kinds.Reprovision, plan.CauseCommit), ""},
		"harmless drift":                {input(), ntp, update(kinds.None, drifted...), ""},
		"disruptive drift":              {input(), ntp, update(kinds.Restart, drifted...), "drift-policy"},
		"disruptive drift and a commit": {input(), ntp, update(kinds.Restart, plan.CauseCommit, plan.CauseDrift), ""},
		"drift that policy corrects":    {input(says("redfish/ntp", "correct")), ntp, update(kinds.Reboot, drifted...), ""},
		"drift that policy reports":     {input(says("redfish/ntp", "report")), ntp, update(kinds.None, drifted...), "drift-policy"},
		"policy of another kind":        {input(says("redfish/bios", "report")), ntp, update(kinds.None, drifted...), ""},

		"observed only":                            {input(), plain, only, "observe-only"},
		"an unwanted object of an observed kind":   {input(kindOnly("netris/servercluster/server")), member, gone(plan.Delete, ""), "observe-only"},
		"a part of an observed kind":               {input(kindOnly("netris/servercluster")), member, gone(plan.Delete, ""), "observe-only"},
		"another observed kind":                    {input(kindOnly("netris/vpc")), member, gone(plan.Delete, ""), ""},
		"an unwanted object at an observed site":   {input(siteOnly), "netris/dc1/vpc/acme", gone(plan.Delete, ""), "observe-only"},
		"one at another site":                      {input(siteOnly), "netris/dc2/vpc/acme", gone(plan.Delete, ""), ""},
		"the label of a machine there":             {input(siteOnly), offer, gone(plan.Delete, "pool/acme/train/h100"), "observe-only"},
		"the BMC of a machine there":               {input(siteOnly), ntp, gone(plan.Release, "machine/gpu-001"), "observe-only"},
		"an unwanted object of an observed tenant": {input(tenantOnly), plain, gone(plan.Delete, "cluster/acme/train"), "observe-only"},
		"one of a similar name":                    {input(tenantOnly), plain, gone(plan.Delete, "cluster/acme2/train"), ""},

		"deleting what policy protects": {input(func(f *fleet.Fleet) { f.Policy.Protect = []string{plain} }), plain, gone(plan.Delete, ""), "protected"},
		"deleting something beside it":  {input(func(f *fleet.Fleet) { f.Policy.Protect = []string{plain + "2"} }), plain, gone(plan.Delete, ""), ""},
		"changing what policy protects": {input(func(f *fleet.Fleet) { f.Policy.Protect = []string{plain} }), plain, update(kinds.None, plan.CauseCommit), ""},

		"disturbing a machine under maintenance": {input(maintained), host, update(kinds.Reboot, plan.CauseCommit), "maintenance"},
		"its membership":                         {input(maintained), member, plan.Change{Action: plan.Delete, Impact: kinds.Network, Owned: &state.Owned{}}, "maintenance"},
		"what disturbs it not":                   {input(maintained), ntp, update(kinds.None, plan.CauseCommit), ""},

		"a machine that is not clean": {input(), member, plan.Change{Action: plan.Create, Want: wanted, Entity: "pool/acme/train/h100"}, "isolation"},
		"nothing to do":               {input(kindOnly("redfish/ntp")), ntp, plan.Change{Action: plan.Nothing, Status: plan.InSync, Want: wanted}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := after(t, c.in, c.address, c.change)
			require.Equal(t, c.held, by(got))
			require.Equal(t, c.held != "", got.Status == plan.Held)
			for _, h := range got.Held {
				require.NotEmpty(t, h.Why)
				require.NotEmpty(t, h.Until)
			}
		})
	}
}

// What is changed back again and again is left to the one who does it, and a commit is not a fight.
func TestFightsAreLeft(t *testing.T) {
	in := input()
	times := 0
	in.Corrected = func(state.ID) int { return times }
	correct := plan.Change{Action: plan.Update, Causes: drifted, Want: wanted}
	for times = range FightLimit {
		require.Empty(t, by(after(t, in, ntp, correct)))
	}
	times = FightLimit
	require.Equal(t, "fight", by(after(t, in, ntp, correct)))
	correct.Causes = []plan.Cause{plan.CauseCommit}
	require.Empty(t, by(after(t, in, ntp, correct)))
}

// Either no deletion of a commit goes through or all do: half a mistake is no better than a whole.
func TestDeletionQuotaIsAllOrNothing(t *testing.T) {
	gone := func(i int, status plan.Status) plan.Change {
		c := plan.Change{ID: id(t, plain), Action: plan.Delete, Status: status, Owned: &state.Owned{}}
		c.ID.Name = string(rune('a' + i))
		if status == plan.Unknown {
			c.Action = plan.Nothing
		}
		return c
	}
	for name, c := range map[string]struct {
		max, percent, owned int
		deleted, unreadable int
		held                bool
	}{
		"none":                      {max: 0, percent: 0, owned: 10},
		"at the limit":              {max: 3, percent: 30, owned: 10, deleted: 3},
		"one too many":              {max: 3, percent: 100, owned: 10, deleted: 4, held: true},
		"too large a part":          {max: 100, percent: 30, owned: 10, deleted: 4, held: true},
		"nothing owned in all":      {max: 100, percent: 100, owned: 0, deleted: 2, held: true},
		"the rest cannot be read":   {max: 3, percent: 100, owned: 10, deleted: 2, unreadable: 2, held: true},
		"little, some of it hidden": {max: 4, percent: 100, owned: 10, deleted: 2, unreadable: 2},
	} {
		t.Run(name, func(t *testing.T) {
			in := input(func(f *fleet.Fleet) { f.Policy.Deletions = fleet.DeletionPolicy{Max: c.max, Percent: c.percent} })
			in.Owned = c.owned
			var p plan.Plan
			for i := range c.deleted {
				p.Changes = append(p.Changes, gone(i, plan.Progressing))
			}
			for i := range c.unreadable {
				p.Changes = append(p.Changes, gone(c.deleted+i, plan.Unknown))
			}
			p.Changes = append(p.Changes, plan.Change{ID: id(t, ntp), Action: plan.Update, Want: wanted})
			Apply(&p, in)
			held := 0
			for _, ch := range p.Changes {
				if by(ch) == "deletion-quota" {
					held++
				}
			}
			require.Equal(t, c.held, held > 0)
			if c.held {
				require.Equal(t, c.deleted, held, "all of them")
			}
			require.Empty(t, by(p.Changes[len(p.Changes)-1]), "what deletes nothing goes on")
		})
	}
}

func TestKindsAreNamedAsPolicyNamesThem(t *testing.T) {
	require.Equal(t, "redfish/ntp", Kind(id(t, ntp)))
	require.Equal(t, "netris/servercluster/server", Kind(id(t, member)))
	require.Equal(t, "netris/servercluster", Kind(id(t, member).Whole()))
	require.Equal(t, "kubernetes/BareMetalHost.metal3.io", Kind(id(t, host)))
}

// Who waits for a machine that Platform keeps elsewhere is told the command that gives it back.
func TestAKeptMachineIsGivenBackByHand(t *testing.T) {
	in := input()
	in.World.Live = map[state.Target]state.Live{
		state.ControlPlane: {Objects: map[state.ID]state.LiveObject{id(t, host): {ID: id(t, host), Value: map[string]any{
			"spec":   map[string]any{"consumerRef": map[string]any{"kind": "NodeClaim", "namespace": "p-globex", "name": "serve-h100-x7"}},
			"status": map[string]any{"provisioning": map[string]any{"state": "provisioned"}},
		}}}},
		{System: state.Netris, Name: "dc1"}: {},
	}
	c := after(t, in, member, plan.Change{Action: plan.Create, Want: &state.Object{}, Entity: "pool/acme/train/h100"})
	require.Equal(t, "isolation", by(c))
	require.Contains(t, c.Held[0].Until, "`kubectl -n p-globex delete nodeclaims.management.loft.sh serve-h100-x7`")
}
