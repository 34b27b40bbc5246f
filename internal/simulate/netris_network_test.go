package simulate

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func init() { maps.Copy(netrisProofs, netrisNetworkProofs) }

// netrisNetworkProofs are those of the rules about what is let in and out of VPCs.
var netrisNetworkProofs = map[Rule]func(w *netrisWorld) bool{
	NetrisForms: func(w *netrisWorld) bool {
		w.public()
		vpc := w.vpc("acme")
		var refused []bool
		for path, body := range map[string]netrisObject{
			"/api/v2/nat":  netrisSNAT(vpc),
			"/api/v2/l4lb": netrisBalancerOf(vpc),
			"/api/v2/vnet": {"name": "storage", "tenant": netrisID(1), "vpc": netrisID(vpc),
				"ports": []netrisObject{{"name": "swp5@leaf1", "vlan": "auto", "state": "active"}}},
		} {
			made := w.create(path, body)
			w.settle()
			shown := w.get(path, made)
			shown["site"] = netrisID(22)        // shown in two fields
			shown["kubenet_info"] = ""          // shown as an object
			shown["destinationAddress"] = "0/0" // replaced below
			if shown["dnatToPort"] != nil {     // shown as a number
				shown["dnatToPort"], shown["destinationAddress"] = "", "0.0.0.0/0"
			}
			refused = append(refused, w.refused("PUT", netrisPath(path, made), shown))
		}
		require.Equal(w.t, []bool{refused[0], refused[0], refused[0]}, refused)
		return refused[0]
	},
	NetrisDefaultOptions: func(w *netrisWorld) bool {
		return w.refused("DELETE", "/api/v2/dhcp-option-set/21", nil)
	},
	NetrisPublicSubnet: func(w *netrisWorld) bool {
		w.public()
		vpc := w.vpc("acme")
		nat, balancer := netrisSNAT(vpc), netrisBalancerOf(vpc)
		nat["snatToIP"], balancer["ip"] = "203.0.113.70/32", "203.0.113.10" // each other's
		swapped := w.refused("POST", "/api/v2/nat", nat)
		require.Equal(w.t, swapped, w.refused("POST", "/api/v2/l4lb", balancer))
		nat["snatToIP"] = "198.51.100.1/32"
		require.Equal(w.t, swapped, w.refused("POST", "/api/v2/nat", nat))
		nat = netrisSNAT(vpc)
		nat["action"], nat["dnatToIP"], nat["destinationAddress"] = "DNAT", "10.20.1.5/32", "198.51.100.1/32"
		require.Equal(w.t, swapped, w.refused("POST", "/api/v2/nat", nat))
		return swapped
	},
	NetrisNoMasquerade: func(w *netrisWorld) bool {
		w.public()
		nat := netrisSNAT(w.vpc("acme"))
		nat["action"] = "MASQUERADE"
		return w.refused("POST", "/api/v2/nat", nat)
	},
	NetrisBalancerName: func(w *netrisWorld) bool {
		w.public()
		vpc := w.vpc("acme")
		w.create("/api/v2/l4lb", netrisBalancerOf(vpc))
		return w.refused("POST", "/api/v2/l4lb", netrisBalancerOf(vpc))
	},
	NetrisCreated: func(w *netrisWorld) bool {
		body := netrisObject{"name": "a-b", "vpcA": netrisID(w.vpc("a")), "vpcB": netrisID(w.vpc("b"))}
		return w.call("POST", "/api/v2/vpc-peering", body).status == 201
	},
}

// public makes a subnet for NAT and one for load balancers in the system's VPC.
func (w *netrisWorld) public() {
	w.create("/api/v2/ipam/allocation", netrisObject{"name": "public", "prefix": "203.0.113.0/24", "tenant": netrisID(1), "vpc": netrisID(1)})
	w.create("/api/v2/ipam/subnet", netrisSubnetOf(1, "203.0.113.0/26", "nat"))
	w.create("/api/v2/ipam/subnet", netrisSubnetOf(1, "203.0.113.64/26", "load-balancer"))
}

func netrisSNAT(vpc int) netrisObject {
	return netrisObject{"name": "out", "action": "SNAT", "protocol": "all", "state": "enabled", "site": netrisID(22), "vpc": netrisID(vpc),
		"sourceAddress": "10.20.0.0/16", "sourcePort": "1-65535", "destinationAddress": "0.0.0.0/0", "destinationPort": "1-65535",
		"snatToIP": "203.0.113.10/32"}
}

func netrisBalancerOf(vpc int) netrisObject {
	return netrisObject{"name": "api", "tenant": netrisID(1), "site": netrisID(22), "vpc": netrisID(vpc), "protocol": "TCP", "ip": "203.0.113.70",
		"port": 443, "status": "enable", "healthCheck": "TCP", "timeOut": "2000", "backendIps": []netrisObject{{"ip": "10.20.1.5", "port": 8443}}}
}

func netrisACLOf(vpc int) netrisObject {
	return netrisObject{"name": "no-ssh", "vpc": netrisID(vpc), "action": "deny", "proto": "tcp", "reverse": "no", "established": 0,
		"src_prefix": "0.0.0.0/0", "dst_prefix": "10.20.1.0/24", "src_port_from": 1, "src_port_to": 65535, "dst_port_from": "22", "dst_port_to": 22}
}

// What lies in a VPC is listed with it, lands in the default one if none is named, and keeps it from
// being deleted.
func TestNetrisServicesLieInVPCs(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		w.public()
		for path, body := range map[string]func(int) netrisObject{"/api/v2/nat": netrisSNAT, "/api/v2/l4lb": netrisBalancerOf, "/api/v2/acl": netrisACLOf} {
			vpc := w.vpc("for " + path)
			made := w.create(path, body(vpc))
			require.Empty(t, w.list(path), path)
			require.Len(t, w.list(fmt.Sprintf("%s?filterByVpc=%d", path, vpc)), 1, path)
			require.True(t, w.refused("DELETE", netrisPath("/api/v2/vpc", vpc), nil), path)

			stray := body(0)
			delete(stray, "vpc")
			stray["name"] = "stray"
			strayed := w.create(path, stray)
			require.Equal(t, "VPC-1", w.get(path, strayed)["vpc"].(netrisObject)["name"], path)
			w.must("DELETE", netrisPath(path, strayed), nil)
			w.must("DELETE", netrisPath(path, made), nil)
			w.must("DELETE", netrisPath("/api/v2/vpc", vpc), nil)
			require.Equal(t, 404, w.call("GET", netrisPath(path, made), nil).status)
			require.Equal(t, 404, w.call("PUT", netrisPath(path, made), body(1)).status)
			require.Equal(t, 404, w.call("DELETE", netrisPath(path, made), nil).status)
		}
	})
}

// Bodies that say what cannot be are refused, field by field.
func TestNetrisServicesRefuse(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		w.public()
		vpc := w.vpc("acme")
		for path, wrong := range map[string]map[string]any{
			"/api/v2/nat": {"action": "snat", "protocol": "sctp", "state": "on", "site": netrisID(9), "vpc": netrisID(99),
				"sourceAddress": "10.20.0.1", "destinationAddress": "", "snatToIP": "203.0.113.10", "name": ""},
			"/api/v2/l4lb": {"protocol": "tcp", "port": 0, "status": "enabled", "healthCheck": "tcp", "tenant": netrisID(9), "site": netrisID(9),
				"vpc": netrisID(99), "timeOut": 2000, "ip": "x", "backendIps": []netrisObject{{"ip": "10.20.1.5", "port": 0}}},
			"/api/v2/acl": {"action": "allow", "proto": "gre", "reverse": false, "src_prefix": "any", "dst_prefix": "10.0.0.1", "vpc": netrisID(99),
				"src_port_from": 0, "dst_port_to": 21, "name": ""},
			"/api/v2/vpc-peering":     {"vpcA": netrisID(99), "vpcB": netrisID(vpc), "name": ""},
			"/api/v2/dhcp-option-set": {"leaseTime": 60, "name": ""},
			"/api/v2/vnet": {"ports": []netrisObject{{"name": "swp9@leaf1", "vlan": "auto", "state": "active"}}, "gateways": []netrisObject{{"prefix": "10.0.0.1/24"}},
				"guestTenants": []netrisObject{netrisID(99)}},
		} {
			for field, value := range wrong {
				body := map[string]netrisObject{"/api/v2/nat": netrisSNAT(vpc), "/api/v2/l4lb": netrisBalancerOf(vpc), "/api/v2/acl": netrisACLOf(vpc),
					"/api/v2/vpc-peering":     {"name": "p", "vpcA": netrisID(vpc), "vpcB": netrisID(1)},
					"/api/v2/dhcp-option-set": {"name": "o"}, "/api/v2/vnet": {"name": "v", "tenant": netrisID(1), "vpc": netrisID(vpc)}}[path]
				body[field] = value
				require.True(t, w.refused("POST", path, body), "%s %s", path, field)
			}
		}
		udp := netrisBalancerOf(vpc)
		udp["protocol"] = "UDP"
		require.True(t, w.refused("POST", "/api/v2/l4lb", udp), "UDP has no check")
	})
}

// A load balancer that asks for no address gets a free one for that purpose, and keeps it.
func TestNetrisBalancerAddress(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		vpc := w.vpc("acme")
		body := netrisBalancerOf(vpc)
		body["automatic"], body["ip"] = true, ""
		require.True(t, w.refused("POST", "/api/v2/l4lb", body), "there is no such subnet")
		w.public()
		first := w.must("POST", "/api/v2/l4lb", body).(netrisObject)
		require.Equal(t, "203.0.113.65", first["ip"])
		body["name"] = "second"
		second := w.must("POST", "/api/v2/l4lb", body).(netrisObject)
		require.Equal(t, "203.0.113.66", second["ip"])
		path := netrisPath("/api/v2/l4lb", int(second["id"].(float64)))
		body["port"] = 444
		w.must("PUT", path, body)
		got := w.must("GET", path, nil).(netrisObject)
		require.Equal(t, []any{"203.0.113.66", 444.0}, []any{got["ip"], got["port"]})
		require.Equal(t, netrisObject{"TCP": netrisObject{"timeOut": "2000", "requestPath": ""}}, got["healthCheck"])
		require.Equal(t, "8443", got["backendIps"].([]any)[0].(netrisObject)["port"])

		require.NoError(t, w.netris.SetBalancerStatus("second", "disable"))
		require.Equal(t, "disable", w.must("GET", path, nil).(netrisObject)["status"])
		require.Error(t, w.netris.SetBalancerStatus("none", "disable"))
	})
}

// A peering shows its ends by id, and keeps them from being deleted.
func TestNetrisPeering(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		a, b := w.vpc("a"), w.vpc("b")
		body := netrisObject{"name": "a-b", "vpcA": netrisID(a), "vpcB": netrisID(b)}
		made := w.create("/api/v2/vpc-peering", body)
		got := w.get("/api/v2/vpc-peering", made)
		require.NotContains(t, got["vpcA"], "name")
		require.True(t, w.refused("DELETE", netrisPath("/api/v2/vpc", b), nil))
		body["vpcB"] = netrisID(a)
		require.True(t, w.refused("PUT", netrisPath("/api/v2/vpc-peering", made), body), "a VPC is no peer of itself")
		body["vpcB"], body["name"] = netrisID(b), "b-a"
		w.must("PUT", netrisPath("/api/v2/vpc-peering", made), body)
		require.Len(t, w.named("/api/v2/vpc-peering", "b-a"), 1)
		w.must("DELETE", netrisPath("/api/v2/vpc-peering", made), nil)
		w.must("DELETE", netrisPath("/api/v2/vpc", b), nil)
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			require.Equal(t, 404, w.call(method, netrisPath("/api/v2/vpc-peering", made), body).status)
		}
	})
}

// A V-Net's ports and gateways read back in another form, with what the controller filled in, and a set
// of options that a gateway hands out stays.
func TestNetrisVNetPortsAndDHCP(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		vpc := w.vpc("acme")
		w.create("/api/v2/ipam/allocation", netrisObject{"name": "a", "prefix": "10.20.0.0/16", "tenant": netrisID(1), "vpc": netrisID(vpc)})
		w.create("/api/v2/ipam/subnet", netrisSubnetOf(vpc, "10.20.2.0/24", "common"))
		options := w.create("/api/v2/dhcp-option-set", netrisObject{"name": "storage", "dnsServers": []string{"10.10.255.53"}})
		body := netrisObject{"name": "storage", "tenant": netrisID(1), "vpc": netrisID(vpc), "vlan": "auto", "gateways": []netrisObject{
			{"prefix": "10.20.2.1/24", "vlan": "", "dhcpEnabled": true}}, "ports": []netrisObject{{"name": "swp6@leaf1", "vlan": "auto", "accessMode": true, "state": "active"}}}
		made := w.create("/api/v2/vnet", body)
		w.settle()
		got := w.get("/api/v2/vnet", made)
		port := got["ports"].([]any)[0].(netrisObject)
		require.Equal(t, []any{502.0, "swp6", "leaf1", fmt.Sprint(got["vlan"])}, []any{port["id"], port["port"], port["switchName"], port["vlan"]})
		dhcp := got["gateways"].([]any)[0].(netrisObject)["dhcp"].(netrisObject)
		require.Equal(t, netrisObject{"start": "10.20.2.2", "end": "10.20.2.254", "optionSet": netrisObject{"id": 21.0, "name": "Default"}}, dhcp)

		body["gateways"] = []netrisObject{{"prefix": "10.20.2.1/24", "dhcpEnabled": true, "dhcp": netrisObject{"start": "10.20.2.9", "end": "10.20.2.99", "optionSet": netrisID(options)}}}
		body["ports"] = []netrisObject{{"id": 501, "vlan": "120", "state": "disabled"}}
		w.must("PUT", netrisPath("/api/v2/vnet", made), body)
		require.True(t, w.refused("DELETE", netrisPath("/api/v2/dhcp-option-set", options), nil))
		w.settle()
		got = w.get("/api/v2/vnet", made)
		require.Equal(t, "storage", got["gateways"].([]any)[0].(netrisObject)["dhcp"].(netrisObject)["optionSet"].(netrisObject)["name"])
		require.Equal(t, "120", got["ports"].([]any)[0].(netrisObject)["vlan"])
		w.must("DELETE", netrisPath("/api/v2/vnet", made), nil)
		w.must("PUT", netrisPath("/api/v2/dhcp-option-set", options), netrisObject{"name": "storage", "leaseTime": 700})
		require.Equal(t, 700.0, w.get("/api/v2/dhcp-option-set", options)["leaseTime"])
		w.must("DELETE", netrisPath("/api/v2/dhcp-option-set", options), nil)
		require.Equal(t, 404, w.call("GET", netrisPath("/api/v2/dhcp-option-set", options), nil).status)
	})
}

// The NVLink agent gives a cluster's members a partition some time after the cluster is active, and
// takes it away when they leave.
func TestNetrisNVLinkLedger(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		template := w.create("/api/v2/server-cluster-template", netrisObject{"name": "nvl", "vnets": []netrisObject{
			netrisL2VPN(nil), {"postfix": "nvl", "type": "netris-nvlink", "partition": "auto"}}})
		cluster := w.cluster("train", template, 101, 102)
		require.Empty(t, w.list("/api/v2/nvlinkledger"))
		w.sleep(10 * time.Second)
		entry := w.list("/api/v2/nvlinkledger")[0]
		require.Len(t, entry["servers"], 2)
		require.Equal(t, "train", entry["srvCluster"].(netrisObject)["name"])
		require.Equal(t, netrisObject{}, entry["custom"])

		w.must("PUT", netrisPath("/api/v2/server-cluster", cluster), netrisObject{"servers": netrisMembers(102)})
		w.sleep(40 * time.Second)
		require.Len(t, w.list("/api/v2/nvlinkledger")[0]["servers"], 1)
		w.must("PUT", netrisPath("/api/v2/server-cluster", cluster), netrisObject{})
		w.sleep(40 * time.Second)
		w.must("DELETE", netrisPath("/api/v2/server-cluster", cluster), nil)
		w.sleep(40 * time.Second)
		require.Empty(t, w.list("/api/v2/nvlinkledger"))
	})
}

// Profiles are there to be read.
func TestNetrisProfiles(t *testing.T) {
	netrisRun(t, NetrisOptions{Profiles: []string{"ew-roce"}}, func(w *netrisWorld) {
		roce := func() any { return w.list("/api/inventoryProfiles")[0]["gpuClusterProps"].(netrisObject)["roce"] }
		require.Equal(t, true, roce())
		require.NoError(t, w.netris.SetRoCE("ew-roce", false))
		require.Equal(t, false, roce())
		require.Error(t, w.netris.SetRoCE("none", false))
	})
}
