package simulate

import (
	"maps"
	"net/netip"
	"slices"
)

// createCluster checks everything before it makes anything.
func (n *Netris) createCluster(call *netrisCall) (any, error) {
	in, err := netrisDecode[netrisClusterBody](n, call, nil)
	if err != nil {
		return nil, err
	}
	if err := n.checkCluster(&in); err != nil {
		return nil, err
	}
	stanzas := n.templates.rows[in.Template.ID].VNets
	plans, err := n.planGateways(in, stanzas)
	if err != nil {
		return nil, err
	}
	if in.VPC.ID == 0 {
		in.VPC.ID = n.vpcs.add(&netrisVPC{netrisVPCBody{Name: in.Name, AdminTenant: in.Admin}, netrisNow()})
	}
	c := &netrisCluster{netrisClusterBody: in, netrisStamps: netrisNow(), state: "active", stanzas: stanzas, wired: map[int]bool{}}
	id := n.clusters.add(c)
	for i, stanza := range stanzas {
		n.addStanza(id, c, stanza, plans[i])
	}
	n.provisionCluster(c)
	return netrisRef{ID: id}, nil
}

func (n *Netris) checkCluster(in *netrisClusterBody) error {
	if err := n.checkName(in.Name); err != nil {
		return err
	}
	if err := n.tenants.resolve("admin", &in.Admin, n.refByName()); err != nil {
		return err
	}
	if err := n.resolveSite("site", &in.Site, n.refByName()); err != nil {
		return err
	}
	if err := n.templates.resolve("srvClusterTemplate", &in.Template.netrisRef, n.refByName()); err != nil {
		return err
	}
	if in.VPC.ID != 0 || in.VPC.Name != "" && n.refByName() {
		if err := n.vpcs.resolve("vpc", &in.VPC, n.refByName()); err != nil {
			return err
		}
	}
	for _, stanza := range n.templates.rows[in.Template.ID].VNets {
		if stanza.ethernet() {
			if err := n.checkVNetName(0, in.Name+"-"+stanza.text("postfix")); err != nil {
				return err
			}
		}
	}
	return n.checkContent(0, in.Admin, in.Tags, in.Servers)
}

// ethernet reports whether a stanza stands for a V-Net: the others are for the UFM and NVLink agents.
func (s netrisStanza) ethernet() bool { return s.text("type") == "l2vpn" || s.text("type") == "l3vpn" }

// addStanza makes the V-Net of a stanza, with the subnets and allocations that its gateways lack.
func (n *Netris) addStanza(id int, c *netrisCluster, stanza netrisStanza, plans []netrisGatewayPlan) {
	if !stanza.ethernet() {
		return
	}
	body := netrisVNetBody{Name: c.Name + "-" + stanza.text("postfix"), State: "active", IPFamily: stanza.text("ipFamily"), VLAN: "auto",
		L3VPN: stanza.text("type") == "l3vpn", Tenant: c.Admin, VPC: c.VPC, Sites: []netrisRef{{ID: netrisSiteID}}}
	if body.IPFamily == "" {
		body.IPFamily = "dual"
	}
	for _, plan := range plans {
		subnet := plan.gateway.Masked()
		if n.subnetFor(c.VPC.ID, plan.gateway) == nil {
			if n.allocationFor(c.VPC.ID, subnet) == 0 {
				c.allocations = append(c.allocations, n.allocations.add(&netrisAllocation{netrisAllocationBody{
					Name: body.Name, Prefix: plan.allocation.String(), Tenant: c.Admin, VPC: c.VPC}, netrisNow()}))
			}
			c.subnets = append(c.subnets, n.subnets.add(&netrisSubnet{netrisSubnetBody{Name: body.Name, Prefix: subnet.String(),
				Purpose: "common", Tenant: c.Admin, VPC: c.VPC, Sites: body.Sites}, netrisNow()}))
		}
		body.Gateways = append(body.Gateways, netrisGateway{Prefix: plan.gateway.String(),
			DHCPEnabled: stanza["ipv4DhcpEnabled"] == true && plan.gateway.Addr().Is4()})
	}
	c.vnets = append(c.vnets, n.addVNet(body, id))
}

// gateways are a V-Net's gateways of one family, as a cluster's resources show them.
func (v *netrisVNet) gateways(ipv4 bool) []any {
	list := []any{}
	for _, g := range v.Gateways {
		if p, err := netip.ParsePrefix(g.Prefix); err == nil && p.Addr().Is4() == ipv4 {
			list = append(list, map[string]any{"prefix": g.Prefix})
		}
	}
	return list
}

// provisionCluster lets the cluster as it now is take effect later.
func (n *Netris) provisionCluster(c *netrisCluster) {
	c.provisioning = true
	c.generation++
	generation := c.generation
	n.later(n.opts.Provisioning, NetrisAsync, func() {
		if c.generation == generation {
			n.settle(c)
		}
	})
}

// settle sets up the fabric as the cluster now says: who left is unwired first, then who joined is wired.
func (n *Netris) settle(c *netrisCluster) {
	want := map[int]bool{}
	if c.state == "active" {
		want = netrisSharing(c.Servers)
	}
	for _, id := range slices.Sorted(maps.Keys(c.wired)) {
		if shared, stays := want[id]; !stays || shared != c.wired[id] {
			n.unwire(c, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if _, wired := c.wired[id]; !wired {
			n.wire(c, id, want[id])
		}
	}
	for _, id := range c.vnets {
		if v, ok := n.vnets.rows[id]; ok {
			v.provisioning, v.State = false, c.state
		}
	}
	c.provisioning = false
	n.wakeAgent()
}

// wire sets up a server's ports. The machine behind a dedicated member is then in the cluster.
func (n *Netris) wire(c *netrisCluster, id int, shared bool) {
	c.wired[id] = shared
	if machine := n.servers.ref(id).Name; !shared {
		n.site.Update(machine, func(m *Machine) { m.Membership = c.Name })
		n.site.Record(Event{System: "netris", Target: machine, Verb: "join", Detail: c.Name})
	}
}

func (n *Netris) unwire(c *netrisCluster, id int) {
	shared := c.wired[id]
	delete(c.wired, id)
	if machine := n.servers.ref(id).Name; !shared {
		n.site.Update(machine, func(m *Machine) {
			if m.Membership == c.Name {
				m.Membership = ""
			}
		})
		n.site.Record(Event{System: "netris", Target: machine, Verb: "leave", Detail: c.Name})
	}
}
