package render_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
)

// networked is a small fleet whose network has everything that a network can have.
func networked() *fleet.Fleet {
	f := small()
	site := f.Sites["dc1"]
	site.Network = fleet.SiteNetwork{
		SystemVPC: "VPC-1", VPC: "VPC-1",
		Public: map[string]*fleet.PublicNetwork{
			"edge":  {Network: "203.0.113.0/26", Use: fleet.PublicNAT},
			"front": {Network: "203.0.113.64/26", Use: fleet.PublicBalancer},
		},
		DHCP: map[string]*fleet.DHCPOptions{
			"plain":   {Lease: 86400},
			"storage": {Description: "storage networks", DNS: []string{"10.10.255.53"}, NTP: []string{"ntp1.dc1.example.com"}, DomainSearch: "dc1.example.com", Lease: 3600},
		},
		VNets: map[string]*fleet.VNet{"backup": {
			Type: fleet.VNetL2, VLAN: 90, Enabled: true, Ports: []fleet.SwitchPort{{Port: "swp1@leaf1"}},
			Gateway: &fleet.Gateway{Subnet: "10.60.1.0/24", Address: "10.60.1.1", DHCP: &fleet.DHCP{}},
		}},
		Fabric: map[string]*fleet.FabricProfile{"east-west": {Profile: "ew-roce", RoCE: true, AdaptiveRouting: true, CongestionControl: true, Type: "ew"}},
	}
	acme := f.Segments["acme-train"]
	acme.EastWest = &fleet.EastWestNet{NICs: []string{"eth2", "eth3"}, IPFamily: "ipv4", Fabric: "east-west"}
	acme.NVLink = &fleet.NVLink{Partition: "auto"}
	acme.VNets = map[string]*fleet.VNet{
		"storage": {
			Type: fleet.VNetL2, VLAN: 120, VXLAN: 12000, Enabled: true,
			Gateway: &fleet.Gateway{Subnet: "10.20.2.0/24", Address: "10.20.2.1", DHCP: &fleet.DHCP{Start: "10.20.2.50", End: "10.20.2.99", Options: "storage"}},
			Ports:   []fleet.SwitchPort{{Port: "swp5@leaf1"}, {Port: "swp6@leaf1", Tagged: true}},
		},
		"uplink": {Type: fleet.VNetL3, Ports: []fleet.SwitchPort{{Port: "swp7@leaf1"}}},
	}
	acme.Peers = map[string]*fleet.Peer{"globex-web": {Tenant: "globex", Reason: "joint project"}}
	f.Segments["globex-web"].Peers = map[string]*fleet.Peer{"acme-train": {Tenant: "acme", Reason: "joint project"}, "old-lab": {Tenant: "old", Reason: "left over"}}
	acme.Egress = &fleet.Egress{Address: "203.0.113.10"}
	acme.Publish = map[string]*fleet.Publication{"api": {Address: "203.0.113.11", Port: 443, Protocol: "tcp", From: "198.51.100.0/24", To: fleet.SegmentPort{Address: "10.20.1.250", Port: 8443}}}
	acme.Balancers = map[string]*fleet.Balancer{
		"api": {Address: "203.0.113.70", Port: 443, Protocol: "tcp", Check: "http", Path: "/readyz", Timeout: 3000, Enabled: true,
			Backends: []fleet.SegmentPort{{Address: "10.20.1.5", Port: 8443}, {Address: "10.20.1.6", Port: 8443}}},
		"dns": {Address: fleet.AutoAddress, Port: 53, Protocol: "udp", Check: "tcp", Path: "/", Timeout: 2000, Backends: []fleet.SegmentPort{{Address: "10.20.1.7", Port: 53}}},
	}
	acme.ACLs = map[string]*fleet.ACL{
		"nfs": {Action: "permit", Protocol: "tcp", Source: fleet.ACLEnd{Network: "10.20.1.0/24"}, Destination: fleet.ACLEnd{Network: "10.20.2.0/24", Ports: &fleet.PortRange{From: 2049, To: 2050}}, Reverse: true, Comment: "ticket 4711"},
		"old": {Action: "deny", Protocol: "all", Source: fleet.ACLEnd{Network: "0.0.0.0/0"}, Destination: fleet.ACLEnd{Network: "0.0.0.0/0"}, Established: true},
	}
	return f
}

// onNetris is a set's objects at the network controllers, without the machines' servers and places.
func onNetris(t *testing.T, set state.Set) state.Set {
	t.Helper()
	var objects []state.Object
	for o := range set.All() {
		if o.ID.Target.System == state.Netris && o.ID.Kind != "server" && o.ID.Part == "" {
			objects = append(objects, o)
		}
	}
	out, err := state.NewSet(objects, nil)
	require.NoError(t, err)
	return out
}

func TestGoldenNetwork(t *testing.T) {
	set := mustRender(t, networked(), render.Inputs{})
	golden(t, "network.txt", dump(onNetris(t, set)))
	for o := range set.All() {
		for _, e := range o.After {
			_, ok := set.Get(e.On)
			require.True(t, ok, "%s waits for %s, which is not rendered", o.ID, e.On)
		}
		for path, leaf := range o.Tree.Leaves() {
			_, ok := set.Entity(leaf.Origin().Entity)
			require.True(t, ok, "%s: %s comes from nowhere", o.ID, path)
		}
	}
}

// Two segments are joined by one object, and not with one whose tenant is leaving.
func TestPeersAreJoinedOnce(t *testing.T) {
	var joined []string
	for o := range mustRender(t, networked(), render.Inputs{}).All() {
		if o.ID.Kind == "vpc-peering" {
			joined = append(joined, o.ID.Name)
		}
	}
	require.Equal(t, []string{"acme-train-to-globex-web"}, joined)
}

// What Netris chooses is not named, so that it is never compared.
func TestAutomaticNumbersAreNotNamed(t *testing.T) {
	set := mustRender(t, networked(), render.Inputs{})
	for _, named := range []struct {
		address, field string
		there          bool
	}{
		{"netris/dc1/vnet/acme-train-storage", "vlan", true}, {"netris/dc1/vnet/acme-train-storage", "vxlanID", true},
		{"netris/dc1/vnet/dc1-backup", "vxlanID", false}, {"netris/dc1/vnet/acme-train-uplink", "vlan", false},
		{"netris/dc1/l4lb/acme-train-api", "ip", true}, {"netris/dc1/l4lb/acme-train-dns", "ip", false},
		{"netris/dc1/l4lb/acme-train-dns", "timeOut", false},
	} {
		_, there := must(t, set, named.address).Tree.Get(state.Path{named.field})
		require.Equal(t, named.there, there, "%s %s", named.address, named.field)
	}
	require.Equal(t, state.Observe, must(t, set, "netris/dc1/inventory-profile/ew-roce").Mode)
}

// Addresses of the new family are written in full length too.
func TestPublicAddressesOfIPv6(t *testing.T) {
	f := networked()
	f.Segments["acme-train"].Egress.Address = "2001:db8::10"
	set := mustRender(t, f, render.Inputs{})
	nat := must(t, set, "netris/dc1/nat/acme-train-egress")
	require.Equal(t, "2001:db8::10/128", at(t, nat, "snatToIP"))
	require.Equal(t, "::/0", at(t, nat, "destinationAddress"))
	require.True(t, strings.HasSuffix(at(t, must(t, set, "netris/dc1/nat/acme-train-publish-api"), "dnatToIP").(string), "/32"))
}
