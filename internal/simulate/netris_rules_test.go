package simulate

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// netrisProofs show, rule by rule, that a careless client is caught: each does what such a client does
// and reports whether the rule showed. It has to with the rule on, and must not with the rule off.
var netrisProofs = map[Rule]func(w *netrisWorld) bool{
	NetrisSession: func(w *netrisWorld) bool {
		w.client.Jar = nil
		return w.call("GET", "/api/v2/vpc", nil).status == 401
	},
	NetrisSessionExpires: func(w *netrisWorld) bool {
		w.sleep(23 * time.Hour)
		require.Equal(w.t, 200, w.call("GET", "/api/auth", nil).status)
		w.sleep(2 * time.Hour)
		return w.call("GET", "/api/auth", nil).status == 401
	},
	NetrisRefsByID: func(w *netrisWorld) bool {
		return w.refused("POST", "/api/v2/vpc", netrisObject{"name": "acme", "adminTenant": netrisObject{"name": "Admin"}})
	},
	NetrisNoIdempotency: func(w *netrisWorld) bool {
		w.vpc("acme")
		w.vpc("acme")
		return len(w.named("/api/v2/vpc", "acme")) == 2
	},
	NetrisTagCharset: func(w *netrisWorld) bool {
		return w.refused("POST", "/api/v2/vpc", netrisObject{"name": "acme", "adminTenant": netrisID(1), "tags": []string{"fleet=a/b"}})
	},
	NetrisListDefaultVPC: func(w *netrisWorld) bool {
		vpc := w.vpc("acme")
		w.create("/api/v2/vnet", netrisObject{"name": "acme-mgmt", "tenant": netrisID(1), "vpc": netrisID(vpc), "vlan": "auto"})
		w.create("/api/v2/ipam/allocation", netrisObject{"name": "acme", "prefix": "10.20.0.0/16", "tenant": netrisID(1), "vpc": netrisID(vpc)})
		require.Len(w.t, w.list(fmt.Sprintf("/api/v2/vnet?filterByVpc=%d", vpc)), 1)
		require.Len(w.t, w.list(fmt.Sprintf("/api/v2/ipam?filterByVpc=%d", vpc)), 1)
		vnets, prefixes := w.list("/api/v2/vnet"), w.list("/api/v2/ipam")
		require.Equal(w.t, len(vnets), len(prefixes))
		return len(vnets) == 0
	},
	NetrisVPCFallback: func(w *netrisWorld) bool {
		vpc := w.vpc("acme")
		w.create("/api/v2/ipam/allocation", netrisObject{"name": "acme", "prefix": "10.20.0.0/16", "tenant": netrisID(1)})
		return len(w.list(fmt.Sprintf("/api/v2/ipam?filterByVpc=%d", vpc))) == 0
	},
	NetrisSystemVPC: func(w *netrisWorld) bool { return w.refused("DELETE", "/api/v2/vpc/1", nil) },
	NetrisPutReplaces: func(w *netrisWorld) bool {
		vpc := w.vpc("acme")
		w.must("PUT", netrisPath("/api/v2/vpc", vpc), netrisObject{"name": "acme-2"})
		got := w.get("/api/v2/vpc", vpc)
		require.Equal(w.t, "acme-2", got["name"])

		cluster := w.cluster("train", w.template(), 101)
		w.must("PUT", netrisPath("/api/v2/server-cluster", cluster), netrisObject{"tags": []string{"fleet=two"}})
		servers := w.get("/api/v2/server-cluster", cluster)["servers"]
		require.Equal(w.t, got["tags"] == nil, len(servers.([]any)) == 0)
		return got["tags"] == nil
	},
	NetrisCreateOnly: netrisProveCreateOnly,
	NetrisCustomData: func(w *netrisWorld) bool {
		require.NotEmpty(w.t, w.get("/api/v2/hw", 101)["customData"])
		w.must("PUT", "/api/v2/hw/server/101", netrisObject{"name": "gpu-001", "tenant": netrisID(1), "site": netrisObject{"name": "dc1"}, "portCount": 11})
		return w.get("/api/v2/hw", 101)["customData"] == ""
	},
	NetrisShowCustom: func(w *netrisWorld) bool {
		require.Contains(w.t, w.list("/api/v2/hw?type=server&showCustom=true")[0], "customData")
		_, shown := w.list("/api/v2/hw?type=server")[0]["customData"]
		return !shown
	},
	NetrisTenantName: func(w *netrisWorld) bool {
		w.create("/api/tenants", netrisObject{"name": "acme"})
		return w.refused("POST", "/api/tenants", netrisObject{"name": "acme", "description": "again"})
	},
	NetrisVNetName: func(w *netrisWorld) bool {
		w.create("/api/v2/vnet", netrisObject{"name": "mgmt", "tenant": netrisID(1), "vpc": netrisID(w.vpc("acme"))})
		direct := w.refused("POST", "/api/v2/vnet", netrisObject{"name": "mgmt", "tenant": netrisID(1), "vpc": netrisID(w.vpc("globex"))})
		template := w.template()
		w.cluster("train", template)
		require.Equal(w.t, direct, w.refused("POST", "/api/v2/server-cluster", netrisClusterOf("train", 0, template, nil)))
		return direct
	},
	NetrisAllocationOverlap: func(w *netrisWorld) bool {
		vpc, other := w.vpc("acme"), w.vpc("globex")
		w.create("/api/v2/ipam/allocation", netrisObject{"name": "a", "prefix": "10.20.0.0/16", "tenant": netrisID(1), "vpc": netrisID(vpc)})
		w.create("/api/v2/ipam/allocation", netrisObject{"name": "b", "prefix": "10.20.0.0/16", "tenant": netrisID(1), "vpc": netrisID(other)})
		return w.refused("POST", "/api/v2/ipam/allocation", netrisObject{"name": "c", "prefix": "10.20.4.0/24", "tenant": netrisID(1), "vpc": netrisID(vpc)})
	},
	NetrisSubnetInAllocation: func(w *netrisWorld) bool {
		vpc, other := w.vpc("acme"), w.vpc("globex")
		w.create("/api/v2/ipam/allocation", netrisObject{"name": "a", "prefix": "10.20.0.0/16", "tenant": netrisID(1), "vpc": netrisID(vpc)})
		w.create("/api/v2/ipam/subnet", netrisSubnetOf(vpc, "10.20.1.0/24", "common"))
		return w.refused("POST", "/api/v2/ipam/subnet", netrisSubnetOf(other, "10.20.1.0/24", "common"))
	},
	NetrisGatewaySubnet: func(w *netrisWorld) bool {
		vpc := w.vpc("acme")
		w.create("/api/v2/ipam/allocation", netrisObject{"name": "a", "prefix": "10.20.0.0/16", "tenant": netrisID(1), "vpc": netrisID(vpc)})
		w.create("/api/v2/ipam/subnet", netrisSubnetOf(vpc, "10.20.1.0/24", "common"))
		w.create("/api/v2/ipam/subnet", netrisSubnetOf(vpc, "10.20.2.0/24", "management"))
		vnet := func(name, gateway string) netrisObject {
			return netrisObject{"name": name, "tenant": netrisID(1), "vpc": netrisID(vpc), "gateways": []netrisObject{{"prefix": gateway}}}
		}
		w.create("/api/v2/vnet", vnet("right", "10.20.1.1/24"))
		none := w.refused("POST", "/api/v2/vnet", vnet("none", "10.20.3.1/24"))
		wrong := w.refused("POST", "/api/v2/vnet", vnet("wrong", "10.20.2.1/24"))
		template := w.create("/api/v2/server-cluster-template", netrisObject{"name": "t", "vnets": []netrisObject{netrisL2VPN("10.20.2.1/24")}})
		ofCluster := w.refused("POST", "/api/v2/server-cluster", netrisClusterOf("train", vpc, template, nil))
		require.Equal(w.t, []bool{none, none}, []bool{wrong, ofCluster})
		return none
	},
	NetrisDeleteInUse:  netrisProveDeleteInUse,
	NetrisTemplateKeys: netrisProveTemplateKeys,
	NetrisTemplateFrozen: func(w *netrisWorld) bool {
		template := w.template()
		edit := netrisObject{"name": "gpu", "vnets": []netrisObject{netrisL2VPN(nil)}}
		w.must("PUT", netrisPath("/api/v2/server-cluster-template", template), edit)
		w.cluster("train", template)
		return w.refused("PUT", netrisPath("/api/v2/server-cluster-template", template), edit)
	},
	NetrisClusterLocked: func(w *netrisWorld) bool {
		first, second := w.template(), w.create("/api/v2/server-cluster-template", netrisObject{"name": "two"})
		cluster := w.cluster("train", first, 101)
		w.must("PUT", netrisPath("/api/v2/server-cluster", cluster), netrisClusterOf("other", w.vpc("other"), second, netrisMembers(101)))
		got := w.get("/api/v2/server-cluster", cluster)
		kept := []bool{got["name"] == "train", got["vpc"].(netrisObject)["name"] == "train",
			got["srvClusterTemplate"].(netrisObject)["name"] == "gpu"}
		require.Equal(w.t, slices.Repeat(kept[:1], 3), kept)
		return kept[0]
	},
	NetrisDedicatedOnce: func(w *netrisWorld) bool {
		template := w.template()
		acme, globex := w.cluster("acme-train", template, 101), w.cluster("globex-infer", template)
		join := netrisObject{"servers": netrisMembers(101)}
		// To be a shared member elsewhere is allowed.
		w.must("PUT", netrisPath("/api/v2/server-cluster", globex), netrisObject{"servers": []netrisObject{{"id": 101, "shared": true}}})
		w.settle()
		held := w.refused("PUT", netrisPath("/api/v2/server-cluster", globex), join)
		w.settle()
		w.must("PUT", netrisPath("/api/v2/server-cluster", globex), netrisObject{})
		w.settle()
		w.must("PUT", netrisPath("/api/v2/server-cluster", acme), netrisObject{})
		leaving := w.refused("PUT", netrisPath("/api/v2/server-cluster", globex), join)
		w.settle()
		require.False(w.t, w.refused("PUT", netrisPath("/api/v2/server-cluster", globex), join), "it has left")
		w.settle()
		require.Equal(w.t, "globex-infer", w.membership("gpu-001"))
		require.Equal(w.t, held, leaving)
		return held
	},
	NetrisSharedOrDedicated: func(w *netrisWorld) bool {
		both := []netrisObject{{"id": 101, "shared": false}, {"id": 101, "shared": true}}
		return w.refused("POST", "/api/v2/server-cluster", netrisClusterOf("train", 0, w.template(), both))
	},
	NetrisServerOwner: func(w *netrisWorld) bool {
		acme := w.create("/api/tenants", netrisObject{"name": "acme"})
		body := netrisClusterOf("train", 0, w.template(), netrisMembers(101))
		body["admin"] = netrisID(acme)
		return w.refused("POST", "/api/v2/server-cluster", body)
	},
	NetrisAsync: func(w *netrisWorld) bool {
		cluster := w.create("/api/v2/server-cluster", netrisClusterOf("train", 0, w.template(), netrisMembers(101)))
		status := w.get("/api/v2/server-cluster", cluster)["status"].(netrisObject)["value"]
		vnet := w.create("/api/v2/vnet", netrisObject{"name": "mgmt", "tenant": netrisID(1)})
		require.Equal(w.t, status == "provisioning", w.get("/api/v2/vnet", vnet)["provisioning"])
		require.Equal(w.t, status == "provisioning", w.membership("gpu-001") == "")
		w.settle()
		require.Equal(w.t, "active", w.get("/api/v2/server-cluster", cluster)["status"].(netrisObject)["value"])
		require.Equal(w.t, false, w.get("/api/v2/vnet", vnet)["provisioning"])
		require.Equal(w.t, "train", w.membership("gpu-001"))
		return status == "provisioning"
	},
	NetrisBusy: func(w *netrisWorld) bool {
		body := netrisClusterOf("train", 0, w.template(), netrisMembers(101))
		cluster := netrisPath("/api/v2/server-cluster", w.create("/api/v2/server-cluster", body))
		vnet := netrisPath("/api/v2/vnet", w.create("/api/v2/vnet", netrisObject{"name": "mgmt", "tenant": netrisID(1)}))
		busy := w.refused("PUT", cluster, netrisObject{"servers": netrisMembers(102)})
		require.Equal(w.t, busy, w.refused("PUT", vnet, netrisObject{"name": "mgmt-2"}))
		require.Equal(w.t, busy, w.refused("PUT", cluster+"/disabled", nil))
		require.Equal(w.t, busy, w.refused("DELETE", vnet, nil))
		w.must("GET", cluster, nil)
		return busy
	},
	NetrisLedgerLags: func(w *netrisWorld) bool {
		w.cluster("train", w.template(), 101)
		require.Equal(w.t, "train", w.membership("gpu-001"))
		early := w.list("/api/v2/pkeyledger")
		w.sleep(10 * time.Second)
		require.Len(w.t, w.list("/api/v2/pkeyledger"), 1)
		return len(early) == 0
	},
}

func netrisSubnetOf(vpc int, prefix, purpose string) netrisObject {
	return netrisObject{"name": "ns", "prefix": prefix, "purpose": purpose, "tenant": netrisID(1), "vpc": netrisID(vpc), "sites": []netrisObject{netrisID(22)}}
}

func netrisL2VPN(gateway any) netrisObject {
	stanza := netrisObject{"postfix": "N-S", "type": "l2vpn", "vlan": "untagged", "vlanID": "auto", "serverNics": []string{"eth9"}}
	if gateway != nil {
		stanza["ipv4Gateway"] = gateway
	}
	return stanza
}

// netrisProveCreateOnly tries to change each field that is settled at creation.
func netrisProveCreateOnly(w *netrisWorld) bool {
	acme, vpc, other := w.create("/api/tenants", netrisObject{"name": "acme"}), w.vpc("acme"), w.vpc("other")
	allocation := netrisObject{"name": "a", "prefix": "10.20.0.0/16", "tenant": netrisID(1), "vpc": netrisID(vpc)}
	allocationID := w.create("/api/v2/ipam/allocation", allocation)
	subnet := netrisSubnetOf(vpc, "10.20.1.0/24", "common")
	subnetID := w.create("/api/v2/ipam/subnet", subnet)
	vnet := netrisObject{"name": "v", "tenant": netrisID(1), "vpc": netrisID(vpc), "vlanAware": false}
	vnetID := w.create("/api/v2/vnet", vnet)
	w.settle()

	w.must("PUT", netrisPath("/api/v2/vpc", vpc), netrisObject{"name": "acme", "adminTenant": netrisID(acme)})
	subnet["prefix"] = "10.20.2.0/24"
	w.must("PUT", netrisPath("/api/v2/ipam/subnet", subnetID), subnet)
	vnet["tenant"], vnet["vpc"], vnet["vlanAware"] = netrisID(acme), netrisID(other), true
	w.must("PUT", netrisPath("/api/v2/vnet", vnetID), vnet)
	w.must("PUT", "/api/v2/hw/server/101", netrisObject{"name": "gpu-001", "tenant": netrisID(1), "site": netrisID(22), "portCount": 12})
	prefix := w.list(fmt.Sprintf("/api/v2/ipam/subnets?filterByVpc=%d", vpc))[0]["prefix"]
	allocation["tenant"], allocation["vpc"] = netrisID(acme), netrisID(other)
	w.must("PUT", netrisPath("/api/v2/ipam/allocation", allocationID), allocation)

	gotVNet := w.get("/api/v2/vnet", vnetID)
	kept := []bool{
		w.get("/api/v2/vpc", vpc)["adminTenant"].(netrisObject)["name"] == "Admin",
		prefix == "10.20.1.0/24",
		gotVNet["tenant"].(netrisObject)["name"] == "Admin", gotVNet["vpc"].(netrisObject)["name"] == "acme", gotVNet["vlanAware"] == false,
		w.get("/api/v2/hw", 101)["portCount"] == 11.0,
		len(w.list(fmt.Sprintf("/api/v2/ipam?filterByVpc=%d", other))) == 0,
	}
	require.Equal(w.t, slices.Repeat(kept[:1], len(kept)), kept)
	return kept[0]
}

// netrisProveDeleteInUse deletes what something else needs, from the leaves to the root.
func netrisProveDeleteInUse(w *netrisWorld) bool {
	acme, vpc := w.create("/api/tenants", netrisObject{"name": "acme"}), w.vpc("acme")
	w.must("PUT", netrisPath("/api/v2/vpc", vpc), netrisObject{"name": "acme", "guestTenant": []netrisObject{netrisID(acme)}})
	allocation := w.create("/api/v2/ipam/allocation", netrisObject{"name": "a", "prefix": "10.20.0.0/16", "tenant": netrisID(1), "vpc": netrisID(vpc)})
	subnet := w.create("/api/v2/ipam/subnet", netrisSubnetOf(vpc, "10.20.1.0/24", "common"))
	w.create("/api/v2/ipam/subnet", netrisSubnetOf(vpc, "10.20.2.0/24", "common"))
	template := w.create("/api/v2/server-cluster-template", netrisObject{"name": "t", "vnets": []netrisObject{netrisL2VPN("10.20.1.1/24")}})
	cluster := w.create("/api/v2/server-cluster", netrisClusterOf("train", vpc, template, netrisMembers(101)))
	w.settle()
	vnet := w.get("/api/v2/server-cluster", cluster)["resources"].(netrisObject)["vnets"].([]any)[0].(netrisObject)["id"]

	var refused []bool
	for _, path := range []string{
		netrisPath("/api/v2/ipam/subnet", subnet), netrisPath("/api/v2/ipam/allocation", allocation),
		fmt.Sprintf("/api/v2/vnet/%v", vnet), "/api/v2/hw/server/101", netrisPath("/api/v2/server-cluster-template", template),
		netrisPath("/api/v2/vpc", vpc), netrisPath("/api/v2/server-cluster", cluster),
	} {
		refused = append(refused, w.refused("DELETE", path, nil))
	}
	if refused[5] { // else the VPC that the tenant is a guest of is gone
		refused = append(refused, w.refused("DELETE", "/api/tenants", netrisID(acme)))
	}
	require.Equal(w.t, slices.Repeat(refused[:1], len(refused)), refused)
	return refused[0]
}

// netrisProveTemplateKeys writes one stanza for each way to get the keys wrong.
func netrisProveTemplateKeys(w *netrisWorld) bool {
	good := map[string]netrisObject{
		"l2vpn": {"postfix": "a", "type": "l2vpn", "vlan": "untagged", "vlanID": "specify", "serverNics": []string{"eth1"},
			"ipv4Gateway": "10.0.0.1/24", "ipv4DhcpEnabled": true},
		"l3vpn":         {"postfix": "b", "type": "l3vpn", "vlan": "untagged", "vlanID": "auto", "ipFamily": "ipv4", "serverNics": []string{"eth1"}},
		"netris-ufm":    {"postfix": "c", "type": "netris-ufm", "ufm": "ufm-1", "pkey": "auto"},
		"netris-nvlink": {"postfix": "d", "type": "netris-nvlink", "partition": "auto"},
	}
	var refused []bool
	write := func(stanza netrisObject) bool {
		return w.refused("POST", "/api/v2/server-cluster-template", netrisObject{"name": "t", "vnets": []netrisObject{stanza}})
	}
	wrong := func(kind, key string, value any) {
		stanza := netrisObject{}
		for k, v := range good[kind] {
			stanza[k] = v
		}
		if stanza[key] = value; value == nil {
			delete(stanza, key)
		}
		refused = append(refused, write(stanza))
	}
	for kind, stanza := range good {
		require.False(w.t, write(stanza), kind)
		for key := range stanza {
			if key != "ipFamily" && key != "ipv4DhcpEnabled" && key != "ipv4Gateway" {
				wrong(kind, key, nil)
			}
		}
	}
	wrong("l2vpn", "type", "infiniband")
	wrong("l2vpn", "vlan", "tagged")
	wrong("l2vpn", "ipv4Gateway", nil) // DHCP needs it
	wrong("l3vpn", "vlanID", "specify")
	wrong("l3vpn", "ipv4Gateway", "10.0.0.1/24")
	wrong("netris-ufm", "pkey", "0x101")
	wrong("netris-ufm", "serverNics", []string{"ib0"})
	wrong("netris-nvlink", "ufm", "ufm-1")
	require.Equal(w.t, slices.Repeat(refused[:1], len(refused)), refused)
	return refused[0]
}

// Every rule catches its careless client while it is in force, and only then.
func TestNetrisRules(t *testing.T) {
	for _, rule := range NetrisRules() {
		for _, on := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/%t", rule, on), func(t *testing.T) {
				require.Contains(t, netrisProofs, rule, "the rule has no proof")
				netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
					w.site.SetRule(rule, on)
					require.Equal(t, on, netrisProofs[rule](w))
				})
			})
		}
	}
}

// NetrisRules lists what the file declares, so that no rule escapes the proofs above.
func TestNetrisRulesAreComplete(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "netris_rules.go", nil, 0)
	require.NoError(t, err)
	var declared []Rule
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok {
			for _, value := range spec.Values {
				text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				require.NoError(t, err)
				declared = append(declared, Rule(text))
			}
		}
		return true
	})
	require.NotEmpty(t, declared)
	require.Equal(t, declared, NetrisRules())
}
