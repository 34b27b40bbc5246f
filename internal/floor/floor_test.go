package floor_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/floor"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/web"
)

// small is a fleet with one machine that serves a pool and one that is a spare, in the order of their
// names not of their units.
func small() *fleet.Fleet {
	return &fleet.Fleet{
		Sites:   map[string]*fleet.Site{"dc1": {Netris: fleet.Netris{UFM: "ufm-dc1"}, ObserveOnly: &fleet.ObserveOnly{Reason: "we begin"}}},
		Classes: map[string]*fleet.Class{"h100-8x": {Height: 8, GPUs: &fleet.GPUs{Model: "H100", Count: 8}, Image: "noble"}},
		Machines: map[string]*fleet.Machine{
			"a": {Meta: fleet.Meta{Name: "a"}, Site: "dc1", Rack: "r1", Unit: 9, Class: "h100-8x", Lifecycle: fleet.InService, BMC: fleet.BMC{Address: "redfish+https://10.0.0.1/redfish/v1/Systems/1"}},
			"b": {Meta: fleet.Meta{Name: "b"}, Site: "dc1", Rack: "r1", Unit: 1, Class: "h100-8x", Lifecycle: fleet.Spare},
		},
		Segments: map[string]*fleet.Segment{"acme-train": {Meta: fleet.Meta{Name: "acme-train"}, Site: "dc1", NorthSouth: fleet.Ethernet{VLAN: 310}, InfiniBand: &fleet.Partition{PKey: "auto"}}},
		Stacks: map[string]*fleet.Stack{"base": {Meta: fleet.Meta{Name: "base"}, Catalogue: map[string]*fleet.Chart{
			"cni": {Version: "1.0.0", Wave: 1}, "gpu": {Version: "2.0.0", Wave: 2},
		}}},
		Tenants: map[string]*fleet.Tenant{"acme": {DisplayName: "Acme", Admins: []string{"idp:acme-admins", "other:strangers"}, Clusters: map[string]*fleet.Cluster{
			"train": {Kubernetes: "v1.35.2", Stack: "base", Segment: "acme-train", Pools: map[string]*fleet.Pool{"h100": {Class: "h100-8x", Count: 2, Image: "special"}}},
		}}},
		Allocation: fleet.Allocation{"acme": {"train": {"h100": {"a"}}}},
	}
}

// TestOf protects what the dashboard relies on: who has a machine, where it stands, and who may see a
// tenant.
func TestOf(t *testing.T) {
	f := floor.Of("c0ffee", small(), state.Set{})
	require.Equal(t, "c0ffee", f.Commit)
	require.Len(t, f.Machines, 2)
	require.Equal(t, "b", f.Machines[0].Name, "from the bottom of the rack")
	a := f.Machines[1]
	require.Equal(t, "pool/acme/train/h100", a.PoolAddress())
	require.Equal(t, "acme-train", a.Segment)
	require.Equal(t, [4]any{8, 8, "special", "10.0.0.1"}, [4]any{a.Height, a.GPUs, a.Image, a.BMC})
	require.Empty(t, f.Machines[0].PoolAddress())
	require.Equal(t, []string{"acme-admins"}, f.Tenants[0].Groups, "a group of another provider may be called the same")
	require.Equal(t, web.Pool{Tenant: "acme", Cluster: "train", Name: "h100", Class: "h100-8x", Count: 2, GPUs: 8, Machines: []string{"a"}}, f.Tenants[0].Clusters[0].Pools[0])
	require.Equal(t, [5]string{"acme", "train", "310", "auto", "ufm-dc1"}, [5]string{f.Segments[0].Tenant, f.Segments[0].Cluster, f.Segments[0].VLAN, f.Segments[0].PKey, f.Segments[0].UFM})
	require.Equal(t, []string{"cni"}, f.Stacks[0].Components[1].After, "a wave waits for the one before")
	require.Equal(t, []string{"acme/train"}, f.Stacks[0].Clusters)
	require.Equal(t, "we begin", f.Quiet["site/dc1"])
}
