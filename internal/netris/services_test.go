package netris_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/netris"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/target/conformance"
)

var (
	public  = object(id("allocation", "public"), map[string]any{"name": "public", "prefix": "203.0.113.0/24", "tenant": ref("Admin"), "vpc": ref("VPC-1")})
	natNet  = object(id("subnet", "public-nat"), map[string]any{"name": "public-nat", "prefix": "203.0.113.0/26", "purpose": "nat", "sites": []any{ref("dc1")}, "tenant": ref("Admin"), "vpc": ref("VPC-1"), "tags": []any{}})
	lbNet   = object(id("subnet", "public-lb"), map[string]any{"name": "public-lb", "prefix": "203.0.113.64/26", "purpose": "load-balancer", "sites": []any{ref("dc1")}, "tenant": ref("Admin"), "vpc": ref("VPC-1"), "tags": []any{}})
	other2  = object(id("vpc", "globex"), map[string]any{"name": "globex", "adminTenant": ref("Admin"), "guestTenant": []any{ref("acme")}, "tags": []any{}})
	options = object(id("dhcp-option-set", "storage"), map[string]any{"name": "storage", "description": "storage", "domainSearch": "dc1.example.com",
		"dnsServers": []any{"10.10.255.53"}, "ntpServers": []any{"ntp1.example.com"}, "leaseTime": 3600})
	vnet = object(id("vnet", "acme-storage"), map[string]any{"name": "acme-storage", "sites": []any{ref("dc1")}, "tenant": ref("Admin"), "vpc": ref("acme"),
		"l3vpn": false, "ipFamily": "ipv4", "state": "active", "vlan": 120, "vxlanID": 12000, "tags": []any{"tier=gold"},
		"gateways": []any{map[string]any{"prefix": "10.20.1.1/24", "dhcpEnabled": true, "dhcp": map[string]any{"start": "10.20.1.50", "end": "10.20.1.99", "optionSet": ref("storage")}}},
		"ports":    []any{map[string]any{"name": "swp5@leaf1", "accessMode": true, "state": "active"}, map[string]any{"name": "swp6@leaf1", "accessMode": false, "state": "active"}}})
	peering = object(id("vpc-peering", "acme-to-globex"), map[string]any{"name": "acme-to-globex", "vpcA": ref("acme"), "vpcB": ref("globex")})
	snat    = object(id("nat", "acme-egress"), map[string]any{"name": "acme-egress", "site": ref("dc1"), "vpc": ref("acme"), "action": "SNAT", "protocol": "all",
		"state": "enabled", "sourceAddress": "10.20.0.0/16", "sourcePort": "1-65535", "destinationAddress": "0.0.0.0/0", "destinationPort": "1-65535", "snatToIP": "203.0.113.10/32"})
	dnat = object(id("nat", "acme-publish-api"), map[string]any{"name": "acme-publish-api", "site": ref("dc1"), "vpc": ref("acme"), "action": "DNAT", "protocol": "tcp",
		"state": "enabled", "sourceAddress": "0.0.0.0/0", "sourcePort": "1-65535", "destinationAddress": "203.0.113.11/32", "destinationPort": "443",
		"dnatToIP": "10.20.1.250/32", "dnatToPort": "8443"})
	balancer = object(id("l4lb", "acme-api"), map[string]any{"name": "acme-api", "tenant": ref("Admin"), "site": ref("dc1"), "vpc": ref("acme"), "protocol": "TCP",
		"ip": "203.0.113.70", "port": 443, "status": "enable", "healthCheck": "HTTP", "timeOut": "3000", "requestPath": "/readyz",
		"backendIps": []any{map[string]any{"ip": "10.20.1.5", "port": 8443, "maintenance": false}, map[string]any{"ip": "10.20.1.6", "port": 8443, "maintenance": false}}})
	acl = object(id("acl", "acme-no-ssh"), map[string]any{"name": "acme-no-ssh", "vpc": ref("acme"), "action": "deny", "proto": "tcp", "established": 0, "reverse": "no",
		"comment": "", "src_prefix": "0.0.0.0/0", "src_port_from": 1, "src_port_to": 65535, "dst_prefix": "10.20.1.0/24", "dst_port_from": 22, "dst_port_to": 22})
	services = []state.Object{options, vnet, peering, snat, dnat, balancer, acl}
	ground   = append(everything[:4:4], other2, public, natNet, lbNet)
)

// service is what a test does to one kind: somebody else changes it, and one field of it changes.
type service struct {
	object   state.Object
	on       []state.Object // beside the ground that all stand on
	path     string
	update   map[string]any
	tampered map[string]any // of the body that somebody else writes
}

var serviceTests = []service{
	{object: options, path: "/api/v2/dhcp-option-set", update: map[string]any{"leaseTime": 7200}, tampered: map[string]any{"leaseTime": 999}},
	{object: vnet, on: []state.Object{options}, path: "/api/v2/vnet", update: map[string]any{"tags": []any{"tier=lead"}}, tampered: map[string]any{"vlan": 121}},
	{object: snat, path: "/api/v2/nat", update: map[string]any{"snatToIP": "203.0.113.12/32"}, tampered: map[string]any{"state": "disabled"}},
	{object: dnat, path: "/api/v2/nat", update: map[string]any{"dnatToPort": "9443"}, tampered: map[string]any{"protocol": "udp"}},
	{object: balancer, path: "/api/v2/l4lb", update: map[string]any{"port": 444}, tampered: map[string]any{"status": "disable"}},
	{object: acl, path: "/api/v2/acl", update: map[string]any{"action": "permit"}, tampered: map[string]any{"dst_port_to": 23}},
}

// written is an object as somebody else would write it, by ids and with some fields otherwise.
func (w *world) written(o state.Object, otherwise map[string]any) map[string]any {
	body := with(o, otherwise).Tree.Masked().(map[string]any)
	for field, id := range map[string]int{"tenant": 1, "site": 22, "vpc": 2} {
		if body[field] != nil {
			body[field] = map[string]any{"id": id}
		}
	}
	if o.ID.Kind == "vnet" {
		body["sites"] = []any{map[string]any{"id": 22}}
		body["gateways"].([]any)[0].(map[string]any)["dhcp"].(map[string]any)["optionSet"] = map[string]any{"id": 22}
		for _, port := range body["ports"].([]any) {
			port.(map[string]any)["vlan"] = "auto"
		}
	}
	return body
}

// Each of these kinds passes the suite that every system passes.
func TestServicesConform(t *testing.T) {
	for _, test := range serviceTests {
		t.Run(test.object.ID.Name, func(t *testing.T) {
			conformance.Run(t, func(t *testing.T) conformance.Suite {
				w := newWorld(t)
				mustMake(t, w.client(), append(ground[:len(ground):len(ground)], test.on...)...)
				before := len(w.writes())
				net := conformance.Wire{Writes: isWrite}
				return conformance.Suite{
					Open:    func(*testing.T) conformance.System { return w.client(through(net.Through)) },
					Objects: []state.Object{test.object},
					Marked:  test.object.ID.Kind == "vnet",
					Update:  func(o state.Object) state.Object { return with(o, test.update) },
					Tamper: func(t *testing.T, id state.ID) {
						live := w.client().Observe(t.Context(), target.Query{Want: []state.Object{test.object}}).Objects[id]
						body := w.written(test.object, test.tampered)
						if id.Kind == "vnet" {
							body["tags"] = []any{"millwright-fleet=example", "millwright-id=netris.dc1.vnet.acme-storage"}
						}
						w.do(http.MethodPut, test.path+"/"+live.Remote, body)
					},
					Foreign: func(_ *testing.T, o state.Object) { w.made(test.path, w.written(o, test.update)) },
					Break:   net.Cut, Stall: net.Stall, LoseAnswer: net.LoseAnswer,
					Count: func(_ *testing.T, id state.ID) int {
						return w.count(test.path+"?filterByVpc=2", id.Name)
					},
					Writes: func() int { return len(w.writes()) - before },
				}
			})
		})
	}
}

// Every kind is made by one request, reads back as wanted, is left alone then, and goes by one request.
func TestServicesComeAndGo(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, ground...)
	for _, o := range services {
		before := len(w.writes())
		made := must(t, c, creation(o))
		require.NotNil(t, made.Live, "%s", o.ID)
		require.Len(t, w.writes(), before+1, "%s", o.ID)
		live := w.see(o)
		require.Empty(t, plan.Compare(o.Tree, live.Value, tableOf(o.ID)), "%s reads back as wanted", o.ID)
		must(t, c, update(o, live))
		must(t, w.client(), creation(o))
		require.Len(t, w.writes(), before+1, "%s needs nothing more", o.ID)
	}
	for i := len(services) - 1; i >= 0; i-- {
		before := len(w.writes())
		gone := must(t, c, deletion(w.see(services[i])))
		require.Nil(t, gone.Live)
		require.Len(t, w.writes(), before+1)
	}
}

// see is an object as it is observed by who wants it.
func (w *world) see(o state.Object) state.LiveObject {
	w.t.Helper()
	presence, live, err := w.client().Observe(w.t.Context(), target.Query{Want: []state.Object{o}}).Presence(o.ID)
	require.NoError(w.t, err, "%s", o.ID)
	require.Equal(w.t, state.Present, presence, "%s should be there", o.ID)
	return live
}

// All of it can come and go in one call each: what others stand on first, and last.
func TestServicesPutThemselvesInOrder(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	all := append(append([]state.Object(nil), ground...), services...)
	var up, down []plan.Change
	for i := len(all) - 1; i >= 0; i-- {
		up = append(up, creation(all[i]))
	}
	for id, r := range apply(t, c, up...) {
		require.NoError(t, r.Err, "%s", id)
	}
	live := c.Observe(t.Context(), target.Query{Want: all})
	for _, o := range all {
		down = append(down, deletion(live.Objects[o.ID]))
	}
	for id, r := range apply(t, c, down...) {
		require.NoError(t, r.Err, "%s", id)
	}
	require.Empty(t, c.Observe(t.Context(), target.Query{Want: all}).Objects)
}

func TestServicesThatCannotChangeInPlace(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, append(ground[:len(ground):len(ground)], services...)...)
	before := w.writes()
	for _, o := range []state.Object{
		with(vnet, map[string]any{"l3vpn": true}), with(vnet, map[string]any{"vxlanID": 12001}),
		with(peering, map[string]any{"vpcB": ref("VPC-1")}),
	} {
		r := apply(t, c, update(o, w.see(o)))[o.ID]
		require.ErrorIs(t, r.Err, target.ErrHeld, "%s", o.ID)
		require.ErrorContains(t, r.Err, "cannot change in place")
	}
	for _, o := range []state.Object{with(vnet, map[string]any{"vpc": ref("globex")}), with(snat, map[string]any{"vpc": ref("globex")}),
		with(balancer, map[string]any{"vpc": ref("globex")}), with(acl, map[string]any{"vpc": ref("globex")})} {
		live := w.see(withVPC(o))
		r := apply(t, c, update(o, live))[o.ID]
		require.ErrorIs(t, r.Err, target.ErrHeld, "%s", o.ID)
	}
	require.Equal(t, before, w.writes())
}

// withVPC is the object as it was made, in acme's VPC.
func withVPC(o state.Object) state.Object { return with(o, map[string]any{"vpc": ref("acme")}) }

// An update keeps what it does not name: of the network, of a gateway and of a port, and what was chosen
// for it; a port that is added is told its VLAN.
func TestAVNetKeepsWhatAnUpdateDoesNotName(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, append(ground[:len(ground):len(ground)], options)...)
	small := with(vnet, map[string]any{"ports": []any{map[string]any{"name": "swp5@leaf1", "accessMode": true, "state": "active"}},
		"gateways": []any{map[string]any{"prefix": "10.20.1.1/24", "dhcpEnabled": true}}})
	small = without(small, "vlan", "vxlanID")
	mustMake(t, c, small)
	chosen := w.see(small)
	require.NotZero(t, chosen.Value["vlan"])

	before := w.vnetShown(chosen.Remote)
	wider := with(small, map[string]any{"ports": []any{map[string]any{"name": "swp6@leaf1", "accessMode": false, "state": "active"},
		map[string]any{"name": "swp5@leaf1", "accessMode": true, "state": "active"}}})
	must(t, c, update(wider, chosen))
	after := w.vnetShown(chosen.Remote)
	for _, field := range []string{"vlan", "vxlanID", "gateways", "vpc", "tenant"} {
		require.Equal(t, before[field], after[field], field)
	}
	vlans := map[any]any{}
	for _, port := range after["ports"].([]any) {
		vlans[port.(map[string]any)["port"]] = port.(map[string]any)["vlan"]
	}
	require.Equal(t, map[any]any{"swp5": fmt.Sprint(after["vlan"]), "swp6": fmt.Sprint(after["vlan"])}, vlans)
}

func (w *world) vnetShown(remote string) map[string]any {
	return w.do(http.MethodGet, "/api/v2/vnet/"+remote, nil).(map[string]any)
}

// without is an object that does not name some fields.
func without(o state.Object, fields ...string) state.Object {
	value := o.Tree.Masked().(map[string]any)
	for _, field := range fields {
		delete(value, field)
	}
	o.Tree = state.FromPlain(value, state.Origin{})
	return o
}

// A load balancer that asks for no address keeps the one that it was given.
func TestABalancerKeepsItsAddress(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, ground...)
	auto := without(balancer, "ip")
	mustMake(t, c, auto)
	live := w.see(auto)
	require.Equal(t, "203.0.113.65", live.Value["ip"])
	must(t, c, update(with(auto, map[string]any{"port": 444, "healthCheck": "TCP"}), live))
	live = w.see(auto)
	require.Equal(t, []any{"203.0.113.65", int64(444), "TCP", "3000"}, []any{live.Value["ip"], live.Value["port"], live.Value["healthCheck"], live.Value["timeOut"]})
	must(t, c, update(without(with(auto, map[string]any{"healthCheck": "None"}), "timeOut", "requestPath"), live))
	require.Equal(t, "None", w.see(auto).Value["healthCheck"])
}

// A network that is being provisioned is sent nothing, and is not ready.
func TestAVNetTakesTime(t *testing.T) {
	w := newWorld(t, slow)
	c := w.client()
	mustMake(t, c, append(ground[:len(ground):len(ground)], options)...)
	w.site.SetRule(simulate.NetrisAsync, true)
	r := must(t, c, creation(vnet))
	require.True(t, r.Pending)
	require.Equal(t, state.Progressing, r.Live.Health.State)
	before := w.writes()
	r = must(t, c, update(with(vnet, map[string]any{"vlan": 121}), *r.Live))
	require.True(t, r.Pending)
	require.True(t, must(t, c, deletion(*r.Live)).Pending)
	require.Equal(t, before, w.writes())
}

// A marked network is found although nobody asks for it, and so is every peering, whoever made it; the
// others bear no mark.
func TestWhatBearsOurMarkIsFound(t *testing.T) {
	w := newWorld(t)
	mustMake(t, w.client(), append(ground[:len(ground):len(ground)], services...)...)
	live := w.client().Observe(t.Context(), target.Query{})
	require.Contains(t, live.Objects, vnet.ID)
	require.Equal(t, vnet.ID, live.Objects[vnet.ID].Mark)
	w.made("/api/v2/vpc-peering", map[string]any{"name": "by-hand", "vpcA": map[string]any{"id": 1}, "vpcB": map[string]any{"id": 2}})
	byHand := w.client().Observe(t.Context(), target.Query{}).Objects[id("vpc-peering", "by-hand")]
	require.Equal(t, []any{ref("VPC-1"), ref("acme"), state.ID{}}, []any{byHand.Value["vpcA"], byHand.Value["vpcB"], byHand.Mark})
	require.Contains(t, live.Objects, peering.ID)
	for _, o := range services {
		if o.ID != vnet.ID && o.ID != peering.ID {
			require.NotContains(t, live.Objects, o.ID)
		}
	}
}

// The profile of switches is compared, and never written.
func TestAProfileIsNeverWritten(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	profile := object(id("inventory-profile", "ew-roce"), map[string]any{"name": "ew-roce", "gpuClusterProps": map[string]any{"roce": true}})
	require.Empty(t, plan.Compare(profile.Tree, w.see(profile).Value, tableOf(profile.ID)))
	require.NoError(t, w.netris.SetRoCE("ew-roce", false))
	live := w.see(profile)
	require.Len(t, plan.Compare(profile.Tree, live.Value, tableOf(profile.ID)), 1)
	before := w.writes()
	for _, action := range []plan.Action{plan.Create, plan.Update, plan.Adopt, plan.Delete} {
		r := apply(t, c, plan.Change{ID: profile.ID, Action: action, Want: &profile, Live: &live})[profile.ID]
		require.ErrorIs(t, r.Err, target.ErrHeld, "%s", action)
	}
	require.Equal(t, before, w.writes())
}

func TestTheDefaultOptionsAreNotDeleted(t *testing.T) {
	w := newWorld(t)
	set := object(id("dhcp-option-set", "Default"), map[string]any{"name": "Default"})
	r := apply(t, w.client(), deletion(w.see(set)))[set.ID]
	require.ErrorIs(t, r.Err, target.ErrHeld)
	require.Empty(t, w.writes())
}

var _ conformance.System = (*netris.Controller)(nil)
