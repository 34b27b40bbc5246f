package fleet

import (
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// The checks of networks let a fleet pass that says all that a network can say, and find every value
// where it was written.
func TestNetworkIsAccepted(t *testing.T) {
	a, err := txtar.ParseFile("testdata/network.txtar")
	require.NoError(t, err)
	f, list := Load(t.Context(), fixture(t, a), Options{})
	require.Empty(t, printed(list))

	site, seg := f.Sites["dc1"].Network, f.Segments["a"]
	require.Equal(t, SiteNetwork{
		VLANs: Range{100, 199}, VXLANs: Range{12000, 12999}, SystemVPC: "VPC-1", VPC: "provider",
		Public: map[string]*PublicNetwork{"edge": {"203.0.113.0/26", PublicNAT}, "front": {"203.0.113.64/26", PublicBalancer}},
		DHCP:   map[string]*DHCPOptions{"storage": {"storage networks", []string{"10.10.255.53"}, []string{"ntp1.example.com"}, "example.com", 3600}},
		VNets: map[string]*VNet{"backup": {Type: VNetL2, VLAN: 101, Gateway: &Gateway{"10.60.1.0/24", "10.60.1.1", &DHCP{}},
			Ports: []SwitchPort{{Port: "swp1@leaf1"}}, Enabled: true}},
		Fabric: map[string]*FabricProfile{"ew": {Profile: "ew-roce", RoCE: true, Type: "ew-plane1"}},
	}, site)
	require.Equal(t, &EastWestNet{NICs: []string{"eth1"}, IPFamily: "ipv4", Fabric: "ew"}, seg.EastWest)
	require.Equal(t, &NVLink{"auto"}, seg.NVLink)
	require.Equal(t, &VNet{Type: VNetL2, VLAN: 120, VXLAN: 12120, Enabled: true, Ports: []SwitchPort{{"swp5@leaf1", false}, {"swp6@leaf1", true}},
		Gateway: &Gateway{"10.20.2.0/24", "10.20.2.1", &DHCP{"10.20.2.50", "10.20.2.99", "storage"}}}, seg.VNets["storage"])
	require.Equal(t, &VNet{Type: VNetL3, Ports: []SwitchPort{{"swp7@leaf1", false}}}, seg.VNets["uplink"])
	require.Equal(t, &Balancer{Address: AutoAddress, Port: 53, Protocol: "udp", Backends: []SegmentPort{{"10.20.1.7", 53}}, Check: "tcp", Path: "/", Timeout: 2000}, seg.Balancers["dns"])
	require.Equal(t, &ACL{Action: "deny", Protocol: "all", Source: ACLEnd{Network: "0.0.0.0/0"}, Destination: ACLEnd{Network: "0.0.0.0/0"}, Established: true}, seg.ACLs["rest"])

	for _, q := range []Query{
		{"site/dc1", "network.dhcp.storage.dns[0]"}, {"site/dc1", "network.fabric.ew.type"}, {"site/dc1", "network.public.edge.network"},
		{"segment/a", "vnet.storage.gateway.dhcp.options"}, {"segment/a", "vnet.storage.ports[1].tagged"}, {"segment/a", "publish.api.to.port"},
		{"segment/a", "balancer.api.backends[1].address"}, {"segment/a", "acl.nfs.destination.ports.from"}, {"segment/a", "peer.b.reason"},
	} {
		places, err := f.LocateAll(t.Context(), []Query{q})
		require.NoError(t, err)
		require.NotEmpty(t, places[0], "%v", q)
		require.False(t, places[0][0].Schema, "%v is written in the fleet", q)
		require.Positive(t, places[0][0].Pos.Line)
	}
}
