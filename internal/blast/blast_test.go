package blast

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// world is a fleet of six machines of eight GPUs: acme has the first two, globex the third.
func world(change ...func(*fleet.Fleet)) *fleet.Fleet {
	f := &fleet.Fleet{
		Platform: &fleet.Platform{}, Policy: &fleet.Policy{},
		Classes:  map[string]*fleet.Class{"gpu": {GPUs: &fleet.GPUs{Model: "H100", Count: 8}}},
		Machines: map[string]*fleet.Machine{},
		Segments: map[string]*fleet.Segment{"acme-net": {}, "globex-net": {}},
		Tenants: map[string]*fleet.Tenant{
			"acme":   {DisplayName: "Acme", Clusters: map[string]*fleet.Cluster{"train": {Segment: "acme-net", Pools: map[string]*fleet.Pool{"a": {Class: "gpu", Count: 2}, "b": {Class: "gpu"}}}}},
			"globex": {DisplayName: "Globex", Clusters: map[string]*fleet.Cluster{"serve": {Segment: "globex-net", Pools: map[string]*fleet.Pool{"c": {Class: "gpu", Count: 1}}}}},
		},
		Allocation: fleet.Allocation{"acme": {"train": {"a": {"m1", "m2"}}}, "globex": {"serve": {"c": {"m3"}}}},
	}
	for n := 1; n <= 6; n++ {
		f.Machines[fmt.Sprint("m", n)] = &fleet.Machine{Lifecycle: fleet.InService, Class: "gpu"}
	}
	for _, c := range change {
		c(f)
	}
	return f
}

func allocate(a fleet.Allocation) func(*fleet.Fleet) {
	return func(f *fleet.Fleet) { f.Allocation = a }
}

// change is one of a plan.
func change(t *testing.T, address, entity string, action plan.Action, impact kinds.Impact) plan.Change {
	t.Helper()
	id, err := state.ParseID(address)
	require.NoError(t, err)
	return plan.Change{ID: id, Entity: entity, Action: action, Impact: impact, Status: plan.Progressing}
}

func machineOf(t *testing.T, r Radius, name string) Machine {
	t.Helper()
	for _, m := range r.Machines {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("%s is not touched", name)
	return Machine{}
}

func tenantOf(t *testing.T, r Radius, name string) Tenant {
	t.Helper()
	for _, m := range r.Tenants {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("%s is not touched", name)
	return Tenant{}
}

func names(entities []Entity) []string {
	var all []string
	for _, e := range entities {
		all = append(all, e.Name+" "+string(e.Change))
	}
	return all
}

// Nothing touches nobody.
func TestSame(t *testing.T) {
	r, entities := Compute(world(), world(), plan.Plan{})
	require.Equal(t, Radius{Tenants: []Tenant{}, Machines: []Machine{}, Segments: []Segment{}, Data: []Loss{}, Held: []Held{}}, r)
	require.Empty(t, entities)
}

// A machine that goes from one tenant to another is wiped on its way; the one loses GPUs, the other gets them.
func TestMove(t *testing.T) {
	head := world(allocate(fleet.Allocation{"acme": {"train": {"a": {"m1"}}}, "globex": {"serve": {"c": {"m3", "m2", "m4"}}}}))
	r, entities := Compute(world(), head, plan.Plan{})
	require.Equal(t, Machine{Name: "m2", Was: "pool/acme/train/a", Is: "pool/globex/serve/c", Tenants: []string{"acme", "globex"}, Impact: kinds.Reprovision}, machineOf(t, r, "m2"))
	require.Equal(t, kinds.None, machineOf(t, r, "m4").Impact, "it served nobody")
	require.Len(t, r.Machines, 2)
	acme, globex := tenantOf(t, r, "acme"), tenantOf(t, r, "globex")
	require.Equal(t, []any{-1, -8, kinds.Reprovision}, []any{acme.Hosts.Gained(), acme.GPUs.Gained(), acme.Impact})
	require.Equal(t, []any{Count{1, 3}, Count{8, 24}, kinds.Network}, []any{globex.Hosts, globex.GPUs, globex.Impact}, "whom it comes to loses nothing")
	require.Equal(t, []Segment{
		{Name: "acme-net", Tenant: "acme", Leaves: []string{"m2"}, Impact: kinds.Network},
		{Name: "globex-net", Tenant: "globex", Joins: []string{"m2", "m4"}, Impact: kinds.Network},
	}, r.Segments)
	require.Len(t, r.Data, 1)
	require.Equal(t, []string{"tenant/acme affected", "tenant/globex affected", "machine/m2 affected", "machine/m4 affected", "segment/acme-net affected", "segment/globex-net affected"}, names(entities))
	require.Equal(t, []Fact{{"hosts", 2, 1}, {"GPUs", 16, 8}}, entities[0].Facts)
	require.Equal(t, []Fact{{"pool", "pool/acme/train/a", "pool/globex/serve/c"}}, entities[2].Facts)
}

// A cluster that is retired gives all its machines up, though the allocation still names them.
func TestRetired(t *testing.T) {
	r, _ := Compute(world(), world(func(f *fleet.Fleet) { f.Tenants["acme"].Retired = true }), plan.Plan{})
	require.Equal(t, Count{2, 0}, tenantOf(t, r, "acme").Hosts)
	require.Equal(t, []string{"m1", "m2"}, r.Dangerous(kinds.Reprovision, kinds.DataLoss))
}

// A machine that goes out of service for good leaves its pool, and the fleet.
func TestMachinesComeAndGo(t *testing.T) {
	r, entities := Compute(world(), world(func(f *fleet.Fleet) {
		f.Machines["m1"] = &fleet.Machine{Lifecycle: fleet.RMA, Class: "gpu"}
		f.Machines["m7"] = &fleet.Machine{Lifecycle: fleet.InService, Class: "gpu"}
		delete(f.Machines, "m6")
	}), plan.Plan{})
	require.True(t, machineOf(t, r, "m1").Leaves)
	require.Equal(t, kinds.Reprovision, machineOf(t, r, "m1").Impact)
	require.Equal(t, Count{2, 1}, tenantOf(t, r, "acme").Hosts)
	require.True(t, machineOf(t, r, "m7").Joins)
	require.True(t, machineOf(t, r, "m6").Leaves)
	require.Equal(t, []string{"tenant/acme affected", "machine/m1 changed", "machine/m6 removed", "machine/m7 added", "segment/acme-net affected"}, names(entities))
	require.Equal(t, "lifecycle", entities[1].Fields[0].Name)
}

// What the plan's objects cost falls on the machines and tenants that they are of.
func TestImpacts(t *testing.T) {
	p := plan.Plan{Changes: []plan.Change{
		change(t, "netris/dc1/vnet/acme-net-storage", "segment/acme-net", plan.Update, kinds.Network),
		change(t, "redfish/m3/bios", "machine/m3", plan.Update, kinds.Reboot),
		change(t, "redfish/m5/bios", "machine/m5", plan.Nothing, kinds.Reboot),
	}}
	r, entities := Compute(world(), world(), p)
	require.Equal(t, []string{"m3"}, r.Dangerous(kinds.Reboot, kinds.Reboot), "of m5 nothing is done")
	require.Equal(t, kinds.Reboot, tenantOf(t, r, "globex").Impact)
	require.Equal(t, kinds.Network, tenantOf(t, r, "acme").Impact)
	require.Equal(t, []string{"tenant/acme affected", "tenant/globex affected", "machine/m3 affected", "machine/m5 affected", "segment/acme-net affected"}, names(entities))
}

const instance = "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train"

// A tenant cluster whose nodes are made anew wipes those that leave it, and if none does perhaps all.
func TestNodesMadeAnew(t *testing.T) {
	p := plan.Plan{Changes: []plan.Change{change(t, instance, "cluster/acme/train", plan.Update, kinds.Reprovision)}}
	r, _ := Compute(world(), world(), p)
	require.Equal(t, []string{"m1", "m2"}, r.Dangerous(kinds.Reprovision, kinds.DataLoss))
	r, _ = Compute(world(), world(allocate(fleet.Allocation{"acme": {"train": {"a": {"m1"}}}, "globex": {"serve": {"c": {"m3"}}}})), p)
	require.Equal(t, []string{"m2"}, r.Dangerous(kinds.Reprovision, kinds.DataLoss))

	p.Changes[0].Action, p.Changes[0].Impact = plan.Delete, kinds.DataLoss
	p.Changes[0].Hold(plan.Hold{By: "retire-first", Why: "it vanished"})
	r, _ = Compute(world(), world(), p)
	require.Equal(t, []string{"m1", "m2"}, r.Dangerous(kinds.Reprovision, kinds.DataLoss))
	require.Equal(t, []string{instance, "machine/m1", "machine/m2"}, []string{r.Data[0].What, r.Data[1].What, r.Data[2].What})
	require.True(t, r.Data[0].Held)
	require.Equal(t, []Held{{What: instance, Hold: plan.Hold{By: "retire-first", Why: "it vanished"}}}, r.Held)
}

// What is edited and changes no object is told too; a stack's versions and values among it.
func TestEdits(t *testing.T) {
	stack := func(version string) func(*fleet.Fleet) {
		return func(f *fleet.Fleet) {
			f.Stacks = map[string]*fleet.Stack{"base": {Catalogue: map[string]*fleet.Chart{"csi": {Version: version, Values: map[string]any{"replicas": len(version)}}}}}
		}
	}
	_, entities := Compute(world(stack("1.9")), world(stack("1.10")), plan.Plan{})
	require.Equal(t, []string{"stack/base changed"}, names(entities))
	require.Equal(t, "catalogue.csi.values.replicas", entities[0].Fields[0].Name)
	require.Equal(t, []any{"1.9", "1.10"}, []any{entities[0].Fields[1].Old, entities[0].Fields[1].New})
}

// A fleet that begins gains all of it.
func TestBeginning(t *testing.T) {
	r, entities := Compute(&fleet.Fleet{}, world(), plan.Plan{})
	require.Equal(t, Count{0, 16}, tenantOf(t, r, "acme").GPUs)
	require.Len(t, r.Machines, 6)
	require.Empty(t, r.Data)
	require.Len(t, entities, 13)
}
