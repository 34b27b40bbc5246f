package guard

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/gate"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

const portAddress = "ufm/ib-1/pkey/0x101/guid/b83fd20300aa0101"

// partitioned is the small fleet with an InfiniBand fabric that Millwright keeps.
func partitioned(f *fleet.Fleet) {
	f.Sites["dc1"].UFMs = map[string]*fleet.UFM{"ib-1": {PKeys: fleet.Range{First: 0x100, Last: 0x1ff}, Agent: &fleet.UFMAgent{PKeys: fleet.Range{First: 0x200, Last: 0x2ff}}}}
	f.Machines["gpu-001"].NICs = []fleet.NIC{
		{Name: "eth0", Role: fleet.NorthSouth},
		{Name: "ib0", Role: fleet.InfiniBand, GUID: "B8:3F:D2:03:00:AA:01:01"}, {Name: "ib1", Role: fleet.InfiniBand, GUID: "b8:3f:d2:03:00:aa:01:02"},
	}
	f.Segments = map[string]*fleet.Segment{
		"acme-train": {Site: "dc1", InfiniBand: &fleet.Partition{Direct: &fleet.DirectPartition{PKey: 0x101}}, Peers: map[string]*fleet.Peer{"globex-web": {}}},
		"globex-web": {Site: "dc1", Peers: map[string]*fleet.Peer{"acme-train": {}}},
	}
	f.Tenants["acme"] = &fleet.Tenant{Clusters: map[string]*fleet.Cluster{"train": {Segment: "acme-train"}}}
	f.Tenants["globex"] = &fleet.Tenant{Clusters: map[string]*fleet.Cluster{"web": {Segment: "globex-web"}}}
}

// What the fleet says of its networks reaches the gates: whose ports are whose, who must be asked about a
// machine, which partition is which segment's, and which networks may be joined.
func TestFabricOfAFleet(t *testing.T) {
	dc1, ib1 := state.Target{System: state.Netris, Name: "dc1"}, state.Target{System: state.UFM, Name: "ib-1"}
	acme, globex := id(t, "netris/dc1/vpc/acme-train"), id(t, "netris/dc1/vpc/globex-web")
	require.Equal(t, gate.Fabric{
		Ports:    map[string]string{"b83fd20300aa0101": "gpu-001", "b83fd20300aa0102": "gpu-001"},
		Networks: map[string][]state.Target{"gpu-001": {dc1, ib1}},
		Segments: map[state.ID]string{id(t, "ufm/ib-1/pkey/0x101"): "acme-train"},
		Keys:     map[state.Target]gate.Keys{ib1: {Fleet: gate.Range{First: 0x100, Last: 0x1ff}, Agent: gate.Range{First: 0x200, Last: 0x2ff}}},
		VPCs:     map[state.ID]string{acme: "acme", globex: "globex"},
		Joined:   map[[2]state.ID]bool{{acme, globex}: true},
	}, Fabric(input(partitioned).Fleet))
	require.Nil(t, Fabric(input().Fleet).Ports)

	join := plan.Change{Action: plan.Create, Want: wanted, Entity: "pool/acme/train/h100"}
	require.Equal(t, "isolation", by(after(t, input(partitioned), portAddress, join)), "nothing was read")
	require.Equal(t, "isolation", by(after(t, input(partitioned), member, join)), "nor of its other network")
}

// A port is its machine's: what holds the machine holds it.
func TestGuardsOfPorts(t *testing.T) {
	leave := plan.Change{Action: plan.Delete, Impact: kinds.Network, Entity: "pool/acme/train/h100"}
	require.Equal(t, "ufm/pkey/guid", Kind(id(t, portAddress)))
	require.Equal(t, "ufm/pkey", Kind(id(t, "ufm/ib-1/pkey/0x101")))
	require.Empty(t, by(after(t, input(partitioned), portAddress, leave)))
	for name, c := range map[string]struct {
		change func(*fleet.Fleet)
		by     string
	}{
		"maintenance": {func(f *fleet.Fleet) { f.Machines["gpu-001"].Lifecycle = fleet.Maintenance }, "maintenance"},
		"site":        {func(f *fleet.Fleet) { f.Sites["dc1"].ObserveOnly = &fleet.ObserveOnly{Reason: "new site"} }, "observe-only"},
		"kind": {func(f *fleet.Fleet) {
			f.Policy.ObserveOnly = map[string]fleet.ObserveOnly{"ufm/pkey/guid": {Reason: "new kind"}}
		}, "observe-only"},
	} {
		require.Equal(t, c.by, by(after(t, input(partitioned, c.change), portAddress, leave)), name)
	}
	partition := plan.Change{Action: plan.Delete, Entity: "segment/acme-train"}
	observed := input(partitioned, func(f *fleet.Fleet) { f.Sites["dc1"].ObserveOnly = &fleet.ObserveOnly{Reason: "new site"} })
	require.Equal(t, "observe-only", by(after(t, observed, "ufm/ib-1/pkey/0x101", partition)))

	floor := manned(3, "m1", "m2", "m5")
	m5 := floor.Fleet.Machines["m5"]
	m5.NICs, m5.Site = []fleet.NIC{{Role: fleet.InfiniBand, GUID: "b8:3f:d2:03:00:aa:01:01"}}, "dc1"
	floor.Fleet.Sites = map[string]*fleet.Site{"dc1": {UFMs: map[string]*fleet.UFM{"ib-1": {}}}}
	require.Equal(t, "floor", by(after(t, floor, portAddress, leave)))
}

// The eight ports of a machine that leaves count as one deletion, those of two as two.
func TestDeletionQuotaCountsMachinesNotPorts(t *testing.T) {
	f := func(f *fleet.Fleet) {
		partitioned(f)
		f.Policy.Deletions.Max = 1
	}
	leave := func(guids ...string) plan.Plan {
		var p plan.Plan
		for _, guid := range guids {
			p.Changes = append(p.Changes, plan.Change{ID: id(t, fmt.Sprintf("ufm/ib-1/pkey/0x101/guid/%s", guid)), Action: plan.Delete, Entity: "pool/acme/train/h100"})
		}
		return p
	}
	for held, p := range map[bool]plan.Plan{
		false: leave("b83fd20300aa0101", "b83fd20300aa0102"),
		true:  leave("b83fd20300aa0101", "0011223344556677"),
	} {
		Apply(&p, input(f))
		for _, c := range p.Changes {
			require.Equal(t, held, by(c) == "deletion-quota", "%v", c.Held)
		}
	}
}
