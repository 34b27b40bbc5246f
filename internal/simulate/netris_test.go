package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// The envelope is the documented one, with the API's version in all of its forms.
func TestNetrisEnvelope(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		for _, test := range []struct{ method, path, body, want string }{
			{"POST", "/api/v2/vpc", `{"name":"acme","adminTenant":{"id":1},"unknown":true}`,
				`{"data":{"id":2},"errors":{},"isSuccess":true,"message":"Successfully created.","meta":{"apiVersion":"2","statusCode":200}}`},
			{"POST", "/api/v2/vnet", `{"name":"mgmt","tenant":{"id":1}}`,
				`{"data":[{"id":1001}],"errors":{},"isSuccess":true,"message":"Successfully created.","meta":{"apiVersion":"v2","statusCode":200}}`},
			{"POST", "/api/v2/server-cluster-template", `{}`,
				`{"data":null,"errors":{"name":"name is required"},"isSuccess":false,"message":"name is required","meta":{"apiVersion":2,"statusCode":400}}`},
			{"GET", "/api/v2/vpc/77", ``,
				`{"data":null,"errors":{},"isSuccess":false,"message":"VPC is not found.","meta":{"apiVersion":"2","statusCode":404}}`},
			{"PATCH", "/api/v2/vpc/2", `{}`,
				`{"data":null,"errors":{},"isSuccess":false,"message":"Not found.","meta":{"apiVersion":2,"statusCode":404}}`},
			{"DELETE", "/api/v2/vpc/2", ``,
				`{"data":null,"errors":{},"isSuccess":true,"message":"Successfully deleted.","meta":{"apiVersion":"2","statusCode":200}}`},
			{"GET", "/api/users/permissions", ``,
				`{"data":{"buildVersion":"4.15.0"},"errors":{},"isSuccess":true,"message":"","meta":{"apiVersion":"2","statusCode":200}}`},
		} {
			request, err := http.NewRequest(test.method, netrisBase+test.path, strings.NewReader(test.body))
			require.NoError(t, err)
			response, err := w.client.Do(request)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, test.want, strings.TrimSpace(string(body)), "%s %s", test.method, test.path)
		}
	})
}

// A wrong password opens no session, and a body that is no JSON changes nothing.
func TestNetrisRefusesBadLogins(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		w.client.Jar = nil
		require.Equal(t, 401, w.call("POST", "/api/auth", netrisObject{"user": "agent", "password": "wrong"}).status)
		require.Equal(t, 400, w.call("POST", "/api/auth", "no object").status)
		require.Equal(t, 401, w.call("GET", "/api/auth", nil).status)
	})
}

// A machine moves: it is in one cluster's fabric, in none, in the other's, and the log tells so.
func TestNetrisMovesAMachine(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		template := w.template()
		acme, globex := w.cluster("acme-train", template, 101, 102), w.cluster("globex-infer", template, 103)
		require.Equal(t, "acme-train", w.membership("gpu-001"))

		w.must("PUT", netrisPath("/api/v2/server-cluster", acme), netrisObject{"servers": netrisMembers(102)})
		require.Equal(t, "acme-train", w.membership("gpu-001"), "it has not left yet")
		w.settle()
		require.Empty(t, w.membership("gpu-001"))
		require.Equal(t, "acme-train", w.membership("gpu-002"))

		w.must("PUT", netrisPath("/api/v2/server-cluster", globex), netrisObject{"servers": netrisMembers(103, 101)})
		w.settle()
		require.Equal(t, "globex-infer", w.membership("gpu-001"))
		require.Equal(t, []string{"join acme-train", "leave acme-train", "join globex-infer"}, w.effects("gpu-001"))
		require.Equal(t, []string{"join globex-infer"}, w.effects("gpu-003"))
	})
}

// effects are what happened to a machine in the fabric.
func (w *netrisWorld) effects(machine string) []string {
	var effects []string
	for _, e := range w.site.Log() {
		if e.System == "netris" && e.Target == machine {
			effects = append(effects, e.Verb+" "+e.Detail)
		}
	}
	return effects
}

// Disabling a cluster takes its machines off the fabric, and activating it brings them back; shared
// members never count as the machine's own membership.
func TestNetrisDisablesACluster(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		servers := append(netrisMembers(101), netrisObject{"id": 102, "shared": true})
		cluster := netrisPath("/api/v2/server-cluster", w.create("/api/v2/server-cluster", netrisClusterOf("train", 0, w.template(), servers)))
		w.settle()
		w.must("PUT", cluster+"/disabled", nil)
		w.settle()
		require.Empty(t, w.membership("gpu-001"))
		got := w.must("GET", cluster, nil).(netrisObject)
		require.Equal(t, "disabled", got["state"])
		require.Equal(t, "disabled", got["status"].(netrisObject)["value"])
		require.Len(t, got["servers"], 2)
		w.must("PUT", cluster+"/active", nil)
		w.settle()
		require.Equal(t, "train", w.membership("gpu-001"))
		require.Empty(t, w.effects("gpu-002"))
		require.True(t, w.refused("PUT", cluster+"/paused", nil))
	})
}

// Only what changes the fabric is provisioned: tags, or the same servers in another order, do not.
func TestNetrisProvisionsOnlyChangedMembers(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		cluster := netrisPath("/api/v2/server-cluster", w.cluster("train", w.template(), 101, 102))
		w.must("PUT", cluster, netrisObject{"tags": []string{"fleet=two"}, "servers": netrisMembers(102, 101)})
		got := w.must("GET", cluster, nil).(netrisObject)
		require.Equal(t, "active", got["status"].(netrisObject)["value"])
		require.Equal(t, []any{"fleet=two"}, got["tags"])
		w.settle()
		require.Equal(t, []string{"join train"}, w.effects("gpu-001"))
	})
}

// A cluster makes a VPC, allocations and subnets where it is given none, uses a common subnet that is
// there, and takes away again what it made, save the VPC.
func TestNetrisClusterMakesItsResources(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		auto := netrisObject{"assignType": "auto", "allocation": "10.0.0.0/16", "childSubnetPrefixLength": 24, "hostnum": 1}
		mgmt := netrisL2VPN("specify")
		mgmt["postfix"], mgmt["ipv4DhcpEnabled"] = "mgmt", true
		template := w.create("/api/v2/server-cluster-template", netrisObject{"name": "t", "vnets": []netrisObject{netrisL2VPN(auto), mgmt}})

		body := netrisClusterOf("one", 0, template, nil)
		require.True(t, w.refused("POST", "/api/v2/server-cluster", body), "a gateway was left to be specified")
		require.Empty(t, w.named("/api/v2/vpc", "one"), "a refusal makes nothing")
		body["srvClusterTemplate"] = netrisObject{"id": template, "ipv4Gateways": []netrisObject{{"postfix": "mgmt", "address": "192.168.1.1/24"}}}
		one := w.create("/api/v2/server-cluster", body)
		body["name"] = "two"
		two := w.create("/api/v2/server-cluster", body)
		w.settle()

		gateways := func(cluster int) (found []string) {
			for _, vnet := range w.get("/api/v2/server-cluster", cluster)["resources"].(netrisObject)["vnets"].([]any) {
				for _, gateway := range vnet.(netrisObject)["ipv4Gateways"].([]any) {
					found = append(found, fmt.Sprint(vnet.(netrisObject)["name"], " ", gateway.(netrisObject)["prefix"]))
				}
			}
			return found
		}
		require.Equal(t, []string{"one-N-S 10.0.0.1/24", "one-mgmt 192.168.1.1/24"}, gateways(one))
		require.Equal(t, []string{"two-N-S 10.0.1.1/24", "two-mgmt 192.168.1.1/24"}, gateways(two), "automatic subnets do not overlap, others may")

		vpc := int(w.named("/api/v2/vpc", "one")[0]["id"].(float64))
		resources := w.must("GET", netrisPath("/api/v2/vpc", vpc)+"/resources", nil).([]any)[0].(netrisObject)["resources"].([]any)[0].(netrisObject)
		require.Len(t, resources["vnet"], 2)
		require.Len(t, resources["ipam"], 4)
		w.must("DELETE", netrisPath("/api/v2/server-cluster", one), nil)
		require.Empty(t, w.list(fmt.Sprintf("/api/v2/ipam?filterByVpc=%d", vpc)))
		w.must("DELETE", netrisPath("/api/v2/vpc", vpc), nil)

		given := w.vpc("given")
		w.create("/api/v2/ipam/allocation", netrisObject{"name": "a", "prefix": "192.168.0.0/16", "tenant": netrisID(1), "vpc": netrisID(given)})
		w.create("/api/v2/ipam/subnet", netrisSubnetOf(given, "192.168.1.0/24", "common"))
		body["name"], body["vpc"] = "three", netrisID(given)
		three := w.get("/api/v2/server-cluster", w.create("/api/v2/server-cluster", body))["resources"].(netrisObject)
		require.Equal(t, "10.0.0.0/24", three["subnets"].([]any)[0].(netrisObject)["prefix"], "free again")
		require.Len(t, three["subnets"], 1, "the common subnet is used")
	})
}

// IPAM shows subnets below the allocation that contains them.
func TestNetrisIPAMTree(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		for i, prefix := range []string{"10.1.0.0/16", "2001:db8::/48"} {
			w.create("/api/v2/ipam/allocation", netrisObject{"name": fmt.Sprint("a", i), "prefix": prefix, "tenant": netrisID(1)})
		}
		w.create("/api/v2/ipam/subnet", netrisSubnetOf(1, "2001:db8:0:1::/64", "common"))
		require.True(t, w.refused("POST", "/api/v2/ipam/subnet", netrisSubnetOf(1, "10.1.0.1/24", "common")), "host bits")
		require.True(t, w.refused("POST", "/api/v2/ipam/subnet", netrisSubnetOf(1, "10.1.0.0/24", "anything")), "purpose")
		tree := w.list("/api/v2/ipam")
		require.Empty(t, tree[0]["children"])
		child := tree[1]["children"].([]any)[0].(netrisObject)
		require.Equal(t, []any{1.0, 2.0, "ipv6", "common"}, []any{child["id"], child["allocationID"], child["ipFamily"], child["purpose"]})
	})
}

// Another default VPC is where lists and fallbacks then go.
func TestNetrisDefaultVPCMoves(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		vpc := w.vpc("acme")
		w.must("PUT", netrisPath("/api/v2/vpc", vpc)+"/make-default", nil)
		w.create("/api/v2/vnet", netrisObject{"name": "mgmt", "tenant": netrisID(1)})
		require.Equal(t, "acme", w.list("/api/v2/vnet")[0]["vpc"].(netrisObject)["name"])
		require.True(t, w.refused("DELETE", netrisPath("/api/v2/vpc", vpc), nil))
	})
}

// A restart keeps what is configured and what is under way, and ends every session.
func TestNetrisRestart(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		w.create("/api/v2/server-cluster", netrisClusterOf("train", 0, w.template(), netrisMembers(101)))
		w.netris.Restart()
		require.Equal(t, 401, w.call("GET", "/api/v2/server-cluster", nil).status)
		w.login()
		require.Len(t, w.list("/api/v2/server-cluster"), 1)
		w.settle()
		require.Equal(t, "train", w.membership("gpu-001"))
	})
}

// What a person does in the console is seen by clients, keeps the rules, and is in the log.
func TestNetrisConsole(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		template := w.template()
		cluster := w.cluster("train", template, 101)
		require.NoError(t, w.netris.AddMember("train", "gpu-002"))
		require.Error(t, w.netris.AddMember("train", "gpu-003"), "it is being provisioned")
		w.settle()
		require.Equal(t, "train", w.membership("gpu-002"))
		require.NoError(t, w.netris.RemoveMember("train", "gpu-001"))
		w.settle()
		require.Empty(t, w.membership("gpu-001"))
		require.NoError(t, w.netris.SetClusterTags("train", "by=hand"))
		require.NoError(t, w.netris.SetVPCTags("train", "by=hand"))
		require.Equal(t, []any{"by=hand"}, w.get("/api/v2/server-cluster", cluster)["tags"])
		require.Equal(t, []any{"by=hand"}, w.named("/api/v2/vpc", "train")[0]["tags"])

		w.cluster("other", template)
		require.ErrorContains(t, w.netris.AddMember("other", "gpu-002"), "train")
		require.ErrorContains(t, w.netris.AddMember("other", "gpu-009"), "there is none")
		require.Error(t, w.netris.AddMember("nowhere", "gpu-002"))
		require.Error(t, w.netris.SetVPCTags("train", "a/b"))
		require.Contains(t, w.effects("train"), "by-hand adds the server gpu-002")
	})
}

// Equal requests give equal answers, ids and times included.
func TestNetrisIsDeterministic(t *testing.T) {
	run := func() (transcript []any) {
		netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
			w.cluster("acme-train", w.template(), 101, 102)
			w.sleep(10 * time.Second)
			for _, path := range []string{"/api/tenants", "/api/v2/vpc", "/api/v2/hw?showCustom=true", "/api/v2/vnet?filterByVpc=2",
				"/api/v2/server-cluster", "/api/v2/server-cluster/servers", "/api/v2/server-cluster-template", "/api/v2/pkeyledger", "/api/v2/sites"} {
				transcript = append(transcript, w.must("GET", path, nil))
			}
		})
		return transcript
	}
	first := run()
	require.NotEmpty(t, first[7], "the ledger")
	require.Empty(t, cmp.Diff(first, run()))
}

// On a real wire, an answer that is lost after the effect leaves the object there, and a client that
// sends again without looking makes a second one.
func TestNetrisLostAnswer(t *testing.T) {
	site := NewSite(1)
	netris := NewNetris(site, NetrisOptions{Username: "agent", Password: "secret", SiteName: "dc1"})
	server := httptest.NewTLSServer(netris)
	defer server.Close()
	w := &netrisWorld{t: t, site: site, netris: netris, client: &http.Client{Transport: netrisRedirect{server}}}
	defer server.Client().CloseIdleConnections()
	w.login()

	site.Inject(Fault{Kind: FaultLostAnswer, System: "netris", Target: "dc1", Method: "POST", Times: 1})
	body := netrisObject{"name": "acme", "adminTenant": netrisID(1)}
	_, err := w.try("POST", "/api/v2/vpc", body)
	require.Error(t, err)
	require.Len(t, w.named("/api/v2/vpc", "acme"), 1)
	w.must("POST", "/api/v2/vpc", body)
	require.Len(t, w.named("/api/v2/vpc", "acme"), 2)

	var statuses []int
	for _, e := range site.Log() {
		if e.Verb == "POST" && e.Path == "/api/v2/vpc" {
			statuses = append(statuses, e.Status)
		}
	}
	require.Equal(t, []int{-1, 200}, statuses)
}

// netrisRedirect sends what is meant for the controller's address to a server on this machine.
type netrisRedirect struct{ server *httptest.Server }

func (d netrisRedirect) RoundTrip(r *http.Request) (*http.Response, error) {
	there := r.Clone(r.Context())
	there.URL.Scheme, there.URL.Host = "https", d.server.Listener.Addr().String()
	return d.server.Client().Transport.RoundTrip(there)
}

// Many clients at once get ids of their own and lose no write.
func TestNetrisConcurrently(t *testing.T) {
	site := NewSite(1e6)
	site.AddMachine("gpu-001")
	netris := NewNetris(site, NetrisOptions{SiteName: "dc1", Servers: []string{"gpu-001"}})
	site.SetRule(NetrisSession, false)
	send := func(method, path string, body any) int {
		sent, _ := json.Marshal(body)
		recorder := httptest.NewRecorder()
		netris.ServeHTTP(recorder, httptest.NewRequest(method, path, bytes.NewReader(sent)))
		return recorder.Code
	}
	var clients sync.WaitGroup
	for i := range 20 {
		clients.Go(func() {
			send("POST", "/api/v2/vpc", netrisObject{"name": "acme", "adminTenant": netrisID(1)})
			send("POST", "/api/v2/server-cluster-template", netrisObject{"name": fmt.Sprint(i)})
			send("POST", "/api/v2/server-cluster", netrisClusterOf(fmt.Sprint(i), 0, 7, netrisMembers(101)))
			send("GET", "/api/v2/pkeyledger", nil)
			netris.Restart()
			site.Machine("gpu-001")
		})
	}
	clients.Wait()
	netris.mu.Lock()
	defer netris.mu.Unlock()
	require.Len(t, netris.templates.rows, 20)
	require.Len(t, netris.clusters.rows, 1, "the server can be dedicated to one")
	require.Len(t, netris.vpcs.rows, 1+20+1)
}
