package simulate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A tenant is written through its collection, and cannot go while anything is its own.
func TestNetrisTenants(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		acme := w.create("/api/tenants", netrisObject{"name": "acme", "description": "robots"})
		w.must("PUT", "/api/tenants", netrisObject{"id": acme, "name": "acme-2"})
		got := w.named("/api/tenants", "acme-2")[0]
		require.Equal(t, []any{2.0, ""}, []any{got["id"], got["description"]})
		require.True(t, w.refused("PUT", "/api/tenants", netrisObject{"id": acme, "name": "Admin"}))
		require.Equal(t, 404, w.call("PUT", "/api/tenants", netrisObject{"id": 99, "name": "x"}).status)
		require.Equal(t, 404, w.call("DELETE", "/api/tenants", netrisID(99)).status)

		own := func(path string, body netrisObject, owner string) (release func()) {
			body[owner] = netrisID(acme)
			made := w.create(path, body)
			w.settle()
			return func() { w.must("DELETE", netrisPath(path, made), nil) }
		}
		w.create("/api/v2/ipam/allocation", netrisObject{"name": "a", "prefix": "10.20.0.0/16", "tenant": netrisID(1)})
		for _, thing := range []struct {
			path, owner string
			body        netrisObject
		}{
			{"/api/v2/vpc", "adminTenant", netrisObject{"name": "acme"}},
			{"/api/v2/ipam/allocation", "tenant", netrisObject{"name": "b", "prefix": "10.21.0.0/16"}},
			{"/api/v2/ipam/subnet", "tenant", netrisSubnetOf(1, "10.20.1.0/24", "common")},
			{"/api/v2/hw/server", "tenant", netrisObject{"name": "gpu-900", "site": netrisID(22)}},
			{"/api/v2/vnet", "tenant", netrisObject{"name": "mgmt"}},
			{"/api/v2/server-cluster", "admin", netrisClusterOf("train", 1, w.template(), nil)},
		} {
			release := own(thing.path, thing.body, thing.owner)
			require.True(t, w.refused("DELETE", "/api/tenants", netrisID(acme)), thing.path)
			release()
		}
		w.must("DELETE", "/api/tenants", netrisID(acme))
	})
}

// A server takes references by name, keeps numbers within their range, and has no GUIDs until an agent
// has seen it.
func TestNetrisServers(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		body := netrisObject{"name": "gpu-900", "tenant": netrisObject{"name": "Admin"}, "site": netrisObject{"name": "dc1"},
			"portCount": 11, "asn": 65100, "tags": []string{"iface.eth11=ipmi"}}
		server := w.create("/api/v2/hw/server", body)
		got := w.get("/api/v2/hw", server)
		require.Equal(t, []any{"server", 65100.0, ""}, []any{got["type"], got["asn"], got["customData"]})
		require.NotNil(t, w.get("/api/v2/hw", 101)["asn"], "assigned where none was asked for")
		require.Empty(t, w.list("/api/v2/hw?type=switch"))
		require.Len(t, w.list("/api/v2/hw?type=server"), 5)

		body["portCount"] = 65
		require.True(t, w.refused("POST", "/api/v2/hw/server", body))
		body["portCount"], body["site"] = 11, netrisObject{"name": "dc2"}
		require.True(t, w.refused("POST", "/api/v2/hw/server", body))
		w.must("DELETE", netrisPath("/api/v2/hw/server", server), nil)
		require.Equal(t, 404, w.call("GET", netrisPath("/api/v2/hw", server), nil).status)
	})
}

// A template comes back as it was written, with an id added to each stanza, and can be written back so.
func TestNetrisTemplates(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		template := w.template()
		got := w.get("/api/v2/server-cluster-template", template)
		ufm := got["vnets"].([]any)[1].(netrisObject)
		require.Equal(t, netrisObject{"id": 702.0, "postfix": "E-W", "type": "netris-ufm", "ufm": "ufm-1", "pkey": "auto"}, ufm)
		w.must("PUT", netrisPath("/api/v2/server-cluster-template", template), got)
		require.Equal(t, got["vnets"], w.get("/api/v2/server-cluster-template", template)["vnets"])
		w.must("DELETE", netrisPath("/api/v2/server-cluster-template", template), nil)
		require.Empty(t, w.list("/api/v2/server-cluster-template"))
	})
}

// A V-Net has the VLAN and VXLAN that were asked for, else numbers that stay with it.
func TestNetrisVNetNumbers(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		vlan := func(body netrisObject) netrisObject {
			body["tenant"] = netrisID(1)
			return w.get("/api/v2/vnet", w.create("/api/v2/vnet", body))
		}
		require.Equal(t, 567.0, vlan(netrisObject{"name": "a", "vlan": "567"})["vlan"])
		require.Equal(t, 568.0, vlan(netrisObject{"name": "b", "vlan": 568})["vlan"])
		require.Equal(t, 0.0, vlan(netrisObject{"name": "c", "l3vpn": true})["vlan"])
		require.Equal(t, 9000.0, vlan(netrisObject{"name": "d", "vxlanID": 9000})["vxlanID"])
		auto := vlan(netrisObject{"name": "e", "vlan": "auto"})
		require.NotZero(t, auto["vlan"])
		require.True(t, w.refused("POST", "/api/v2/vnet", netrisObject{"name": "f", "tenant": netrisID(1), "l3vpn": true,
			"gateways": []netrisObject{{"prefix": "10.0.0.1/24"}}}))

		w.settle()
		path := netrisPath("/api/v2/vnet", int(auto["id"].(float64)))
		w.must("PUT", path, netrisObject{"name": "e", "vlan": "auto", "state": "disabled"})
		w.settle()
		got := w.must("GET", path, nil).(netrisObject)
		require.Equal(t, []any{auto["vlan"], auto["vxlanID"], "disabled"}, []any{got["vlan"], got["vxlanID"], got["state"]})
		w.must("DELETE", path, nil)
		require.Equal(t, 404, w.call("GET", path, nil).status)
	})
}

// Every path with an id answers 404 for one that is not there, and every POST refuses a body without
// what it needs, or with a reference to nothing.
func TestNetrisRefusesWhatIsNotThere(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		for _, path := range []string{"/api/v2/vpc", "/api/v2/vnet", "/api/v2/server-cluster", "/api/v2/server-cluster-template",
			"/api/v2/hw/server", "/api/v2/ipam/allocation", "/api/v2/ipam/subnet"} {
			for _, method := range []string{"PUT", "DELETE"} {
				require.Equal(t, 404, w.call(method, path+"/9999", netrisObject{"name": "x"}).status, "%s %s", method, path)
				require.Equal(t, 404, w.call(method, path+"/x", netrisObject{"name": "x"}).status, "%s %s", method, path)
			}
			require.True(t, w.refused("POST", path, netrisObject{}), path)
			require.True(t, w.refused("POST", path, "no object"), path)
		}
		template := w.template()
		for field, wrong := range map[string]any{"admin": netrisID(9), "site": netrisID(9), "srvClusterTemplate": netrisID(99),
			"vpc": netrisID(99), "servers": netrisMembers(999), "tags": []string{"a b"}, "name": ""} {
			body := netrisClusterOf("train", 0, template, nil)
			body[field] = wrong
			require.True(t, w.refused("POST", "/api/v2/server-cluster", body), field)
		}
		require.Empty(t, w.list("/api/v2/server-cluster"))
		require.True(t, w.refused("GET", "/api/v2/vnet?filterByVpc=acme", nil))
	})
}
