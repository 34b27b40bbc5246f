package kinds

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/state"
)

func id(t *testing.T, address string) state.ID {
	t.Helper()
	parsed, err := state.ParseID(address)
	require.NoError(t, err)
	return parsed
}

const host = "kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/gpu-001"

// What carries tenants is never made again by guess nor thrown away lightly. (The list is design's.)
func TestWhatCarriesTenantsIsProtected(t *testing.T) {
	for _, address := range []string{
		host,
		"kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train",
		"kubernetes/control-plane/Namespace/vc-acme-train",
		"kubernetes/acme.train/PersistentVolumeClaim/ops/data",
		"kubernetes/acme.train/CustomResourceDefinition.apiextensions.k8s.io/widgets.example.com",
		"netris/dc1/servercluster/acme-train",
		"netris/dc1/vpc/acme",
		"netris/dc1/vnet/acme-storage",
	} {
		require.True(t, Of(id(t, address)).Protected, address)
	}
}

// Letting go of a host or of a BMC's settings leaves them as they are: deleting a host wipes it.
func TestSomeThingsAreLeftNotDeleted(t *testing.T) {
	for _, address := range []string{host, host + "/dhcp", "redfish/gpu-001/bios", "redfish/gpu-001/ntp", "netris/dc1/server/gpu-001",
		"netris/dc1/inventory-profile/ew-roce", "kubernetes/control-plane/HostFirmwareComponents.metal3.io/metal3-system/gpu-001"} {
		require.Equal(t, Leave, Of(id(t, address)).Release, address)
	}
	require.Equal(t, Delete, Of(id(t, host+"/pool/acme/train/h100")).Release, "a label is only a label")
	require.Equal(t, Table{Release: Delete}, Of(id(t, "kubernetes/acme.train/ConfigMap/ops/settings")), "plain objects of a stack")
}

// A part has a table of its own: joining a segment costs what making the segment does not.
func TestPartsHaveTheirOwnTable(t *testing.T) {
	member := Of(id(t, "netris/dc1/servercluster/acme-train/server/gpu-001"))
	require.Equal(t, Network, member.Created)
	require.Equal(t, Network, member.Removed)
	require.False(t, member.Protected)
	require.Equal(t, None, Of(id(t, "netris/dc1/servercluster/acme-train")).Created)
}

func TestMembership(t *testing.T) {
	cluster, machine, ok := Membership(id(t, "netris/dc1/servercluster/acme-train/server/gpu-001"))
	require.True(t, ok)
	require.Equal(t, []string{"acme-train", "gpu-001"}, []string{cluster, machine})
	for _, address := range []string{"netris/dc1/servercluster/acme-train", "netris/dc1/servercluster/acme-train/other/gpu-001", "netris/dc1/server/gpu-001", host} {
		_, _, ok := Membership(id(t, address))
		require.False(t, ok, address)
	}
	_, _, ok = Membership(state.ID{Target: state.Target{System: state.Netris}, Kind: "servercluster", Name: "a", Part: "server/"})
	require.False(t, ok)
}

// Without a mark an object of these kinds is somebody else's; of the others nothing can be said by marks.
func TestMarked(t *testing.T) {
	for address, can := range map[string]bool{
		host: true, host + "/pool/acme/train/h100": true,
		"netris/dc1/vpc/a": true, "netris/dc1/subnet/a": true, "netris/dc1/servercluster/a": true,
		"netris/dc1/servercluster/a/server/gpu-001": false, "netris/dc1/tenant/a": false, "netris/dc1/allocation/a": false,
		"netris/dc1/servercluster-template/a": false, "redfish/gpu-001/bios": false,
	} {
		require.Equal(t, can, Marked(id(t, address)), address)
	}
}

// What a change costs depends on the object as it is, and an unknown cost is the worst.
func TestImpacts(t *testing.T) {
	change := func(address, path string, old, new any, state_ string) Impact {
		p, err := state.ParsePath(path)
		require.NoError(t, err)
		live := state.LiveObject{Value: map[string]any{"status": map[string]any{"provisioning": map[string]any{"state": state_}}}}
		return Of(id(t, address)).Changed(p, old, new, live)
	}
	require.Equal(t, Reboot, change(host, "spec.raid.level", "0", "1", "available"))
	require.Equal(t, None, change(host, "spec.raid.level", "0", "1", "provisioned"))
	require.Equal(t, None, change(host, "metadata.labels.x", "0", "1", "available"))
	require.Equal(t, Reboot, change("redfish/gpu-001/bios", "Attributes.A", "0", "1", ""))
	const instance = "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train"
	const nodes = "spec.template.helmRelease.values.privateNodes.autoNodes"
	require.Equal(t, None, change(instance, nodes+"[0].static[0].quantity", int64(1), int64(2), ""))
	require.Equal(t, Reprovision, change(instance, nodes+"[0].static[0].quantity", int64(2), int64(1), ""))
	require.Equal(t, Reprovision, change(instance, nodes+"[0].static[0].quantity", "2", int64(3), ""))
	require.Equal(t, None, change(instance, nodes+"[0].static[0].taints", nil, []any{}, ""))
	require.Equal(t, Reprovision, change(instance, nodes+"[0].static[0].name", "a", "b", ""))
	require.Equal(t, None, change(instance, nodes+"[0].dynamic[0].limits.nodes", "2", "10", ""))
	require.Equal(t, Reprovision, change(instance, nodes+"[0].dynamic[0].limits.nodes", "10", "2", ""))
	require.Equal(t, Reprovision, change(instance, nodes+"[0].dynamic[0].disruption.budgets[0].nodes", "1", "10%", ""))
	require.Equal(t, Restart, change(instance, "spec.template.helmRelease.values.sync", nil, "x", ""))
	require.Equal(t, Network, change(host+"/dhcp", `metadata.annotations["metal3.vcluster.com/gateway"]`, "10.0.0.1", "10.0.0.2", "available"))
	const firmware = "kubernetes/control-plane/HostFirmwareComponents.metal3.io/metal3-system/gpu-001"
	require.Equal(t, Reboot, change(firmware, "spec.updates[0].url", "a", "b", ""))
	require.True(t, Of(id(t, firmware)).Intrinsic, "Metal3 makes it along with the host")
	require.Equal(t, Delete, Of(id(t, "kubernetes/control-plane/HostUpdatePolicy.metal3.io/metal3-system/gpu-001")).Release,
		"left behind, it would allow more than Git says")
	require.Equal(t, None, change(instance, "spec.displayName", "a", "b", ""))

	for i := None; i <= DataLoss; i++ {
		text, err := json.Marshal(i)
		require.NoError(t, err)
		var back Impact
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, i, back)
	}
	var i Impact
	require.NoError(t, json.Unmarshal([]byte(`"something new"`), &i))
	require.Equal(t, DataLoss, i)
}

// Paths in the tables are written as they are compared with: a misspelt one would protect nothing.
func TestPathsInTablesParse(t *testing.T) {
	for name, table := range tables {
		all := [][]string{table.CreateOnly, table.Immutable, table.Sets, table.Sensitive}
		for key := range table.Keys {
			all = append(all, []string{key})
		}
		for _, paths := range all {
			for _, path := range paths {
				p, err := state.ParsePath(path)
				require.NoError(t, err, name)
				require.Equal(t, path, p.String(), name)
			}
		}
		require.NotEmpty(t, table.Release, "%s says nothing of being let go", name)
	}
}

// What lets traffic in and out, or keeps it, is not changed in passing; a comment is.
func TestNetworkChangesTouchTraffic(t *testing.T) {
	impact := func(address, field string) Impact {
		path, err := state.ParsePath(field)
		require.NoError(t, err)
		return Of(id(t, address)).Changed(path, "a", "b", state.LiveObject{})
	}
	for address, fields := range map[string][]string{
		"netris/dc1/vnet/acme-storage": {"vlan", "state", "gateways[0].prefix", "ports[1].name"},
		"netris/dc1/nat/acme-egress":   {"snatToIP"},
		"netris/dc1/l4lb/acme-api":     {"backendIps"},
		"netris/dc1/acl/acme-no-ssh":   {"action"},
	} {
		for _, field := range fields {
			require.Equal(t, Network, impact(address, field), "%s %s", address, field)
		}
		require.Equal(t, Network, Of(id(t, address)).Removed, address)
	}
	require.Equal(t, None, impact("netris/dc1/vnet/acme-storage", "tags"))
	require.Equal(t, None, impact("netris/dc1/acl/acme-no-ssh", "comment"))
	for _, address := range []string{"netris/dc1/vpc-peering/a-to-b", "netris/dc1/acl/acme-no-ssh"} {
		require.Equal(t, Network, Of(id(t, address)).Created, address)
	}
}

// A subnet carries the same gateway as the template that is held for it; what DHCP hands out beside addresses
// is how machines find others.
func TestGatewaysAndNameServersTouchTraffic(t *testing.T) {
	cost := func(address, field string) Impact {
		path, err := state.ParsePath(field)
		require.NoError(t, err)
		return Of(id(t, address)).Changed(path, "a", "b", state.LiveObject{})
	}
	const subnet, options = "netris/dc1/subnet/acme-train", "netris/dc1/dhcp-option-set/dc1-common"
	require.Equal(t, Network, cost(subnet, "defaultGateway"))
	require.Equal(t, Network, cost(subnet, "sites"))
	require.Equal(t, None, cost(subnet, "tags"))
	require.Equal(t, Network, cost(options, "dnsServers[0]"))
	require.Equal(t, Network, cost(options, "domainSearch"))
	require.Equal(t, None, cost(options, "description"))
	require.Equal(t, None, cost(options, "leaseTime"))
}
