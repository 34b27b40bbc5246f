package fleet

import (
	"fmt"
	"net/netip"
)

// placed is a V-Net with where it is written and what Netris will call it.
type placed struct {
	*VNet
	entity, path string // "segment/acme-train", "vnet.storage"
	site, name   string
	tenant       string // whose it is; empty for the provider
}

func (p placed) at(field string) Query { return Query{p.entity, p.path + "." + field} }
func (p placed) whole() Query          { return Query{p.entity, p.path} }

// placedVNets are all V-Nets that the fleet makes one by one.
func (f *Fleet) placedVNets() []placed {
	var all []placed
	for n, s := range All(f.Sites) {
		for vn, v := range All(s.Network.VNets) {
			all = append(all, placed{v, address("site", n), joinPath("network", "vnet", vn), n, n + "-" + vn, ""})
		}
	}
	for n, s := range All(f.Segments) {
		for vn, v := range All(s.VNets) {
			all = append(all, placed{v, address("segment", n), joinPath("vnet", vn), s.Site, n + "-" + vn, f.TenantOf(n)})
		}
	}
	return all
}

// numbers that were given out, by site and number, and where.
type given map[string]Query

// vnets: each V-Net is sound, and shares with others neither numbers nor names nor ports.
func (c *checker) vnets() {
	vlans, vxlans := given{}, given{}
	members := map[string][]portUse{}
	for _, p := range c.f.placedVNets() {
		site := c.f.Sites[p.site]
		if site == nil {
			continue
		}
		c.number(p, "vlan", "VLAN", "site "+p.site, p.VLAN, site.Network.VLANs, vlans)
		c.number(p, "vxlan", "VXLAN", "the fabric of "+c.f.controllerOf(p.site), p.VXLAN, site.Network.VXLANs, vxlans)
		if p.Type == VNetL3 && (p.VLAN != 0 || p.Gateway != nil) {
			c.report("MW241", p.at("type"), "an L3 network has neither a VLAN nor a gateway", `leave out vlan and gateway, or make it type: "l2"`)
		}
		c.gateway(p, site)
		for i, port := range p.Ports {
			at := Query{p.entity, p.path + fmt.Sprintf(".ports[%d]", i)}
			c.port(p, port, at, members)
		}
	}
	c.netrisNames()
	c.controllers()
}

// number: a number given by hand is in the site's range, and no other network within the same bounds has it.
func (c *checker) number(p placed, field, what, within string, n VLAN, in Range, seen given) {
	if n == 0 {
		return
	}
	at := p.at(field)
	if int(n) < in.First || int(n) > in.Last {
		c.report("MW240", at, fmt.Sprintf("%s %d is not within %d to %d", what, n, in.First, in.Last), `choose one of the site's range, or "auto"`,
			mention{Query{address("site", p.site), "network." + field + "s"}, "the range"})
	}
	key := fmt.Sprintf("%s %d", within, n)
	if first, taken := seen[key]; taken {
		c.report("MW240", at, fmt.Sprintf("%s %d is given twice in %s", what, n, within), `choose another one, or "auto"`, mention{first, "given here too"})
		return
	}
	seen[key] = at
}

// gateway: the gateway and what DHCP hands out lie in the subnet, and the options exist. Where a
// subnet may lie is checked with all networks.
func (c *checker) gateway(p placed, site *Site) {
	g := p.Gateway
	if g == nil {
		return
	}
	subnet, err := netip.ParsePrefix(g.Subnet)
	if err != nil || subnet != subnet.Masked() {
		return // reported with all networks
	}
	inside := func(field, what, text string) (netip.Addr, bool) {
		if text == "" {
			return netip.Addr{}, false
		}
		a, err := netip.ParseAddr(text)
		if err == nil && hosts(subnet, a) {
			return a, true
		}
		c.report("MW241", p.at(field), fmt.Sprintf("%s %s is no host's address in %s", what, text, subnet), "for instance "+subnet.Addr().Next().String(),
			mention{p.at("gateway.subnet"), "the subnet"})
		return netip.Addr{}, false
	}
	address, _ := inside("gateway.address", "the gateway", g.Address)
	if g.DHCP == nil {
		return
	}
	first, ok1 := inside("gateway.dhcp.start", "the first address handed out", g.DHCP.Start)
	last, ok2 := inside("gateway.dhcp.end", "the last address handed out", g.DHCP.End)
	switch {
	case ok1 && ok2 && last.Less(first):
		c.report("MW241", p.at("gateway.dhcp.end"), fmt.Sprintf("the last address handed out, %s, is before the first, %s", last, first), "swap the two")
	case ok1 && ok2 && !address.Less(first) && !last.Less(address):
		c.report("MW241", p.at("gateway.dhcp"), fmt.Sprintf("the gateway %s would be handed out to a device", address), "begin after it")
	case (g.DHCP.Start == "") != (g.DHCP.End == ""):
		c.report("MW241", p.at("gateway.dhcp"), "a range has a start and an end", "give both, or neither")
	}
	if g.DHCP.Options != "" {
		c.ofSite(site.Name, "dhcp", keys(site.Network.DHCP), g.DHCP.Options, p.at("gateway.dhcp.options"))
	}
}

// hosts reports whether an address of the subnet can be a host's.
func hosts(subnet netip.Prefix, a netip.Addr) bool {
	if !subnet.Contains(a) {
		return false
	}
	return !a.Is4() || subnet.Bits() >= 31 || a != subnet.Addr() && subnet.Contains(a.Next())
}

// portUse is one network's use of a switch port.
type portUse struct {
	placed
	tagged bool
	at     Query
}

// port: a port has one untagged network, and two tenants share it only where both have it tagged.
func (c *checker) port(p placed, port SwitchPort, at Query, members map[string][]portUse) {
	key := p.site + " " + port.Port
	for _, other := range members[key] {
		switch {
		case other.entity == p.entity && other.path == p.path:
			c.report("MW246", at, fmt.Sprintf("port %s is in the network already", port.Port), "leave one of the two out", mention{other.at, "here too"})
		case !port.Tagged && !other.tagged:
			c.report("MW246", at, fmt.Sprintf("port %s carries another network untagged already", port.Port), "tag one of them, or use another port", mention{other.at, "untagged here too"})
		case p.tenant != other.tenant && (!port.Tagged || !other.tagged):
			c.report("MW246", at, fmt.Sprintf("port %s belongs to another tenant's network too", port.Port), "two tenants share a port only where both have it tagged", mention{other.at, "the other's"})
		default:
			continue
		}
		return
	}
	members[key] = append(members[key], portUse{p, port.Tagged, at})
}

// siteNetworks are the site's own networks, which no tenant's may meet.
func (c *checker) siteNetworks(entity string, s *Site) []network {
	var nets []network
	for n, p := range All(s.Network.Public) {
		if net, ok := c.network(p.Network, "the public network "+n, Query{entity, joinPath("network", "public", n, "network")}); ok {
			nets = append(nets, net)
		}
	}
	for n, v := range All(s.Network.VNets) {
		if v.Gateway != nil {
			if net, ok := c.network(v.Gateway.Subnet, "the network "+n, Query{entity, joinPath("network", "vnet", n, "gateway", "subnet")}); ok {
				nets = append(nets, net)
			}
		}
	}
	return nets
}

// vnetSubnets: those of a segment's V-Nets are parts of its network, and meet nothing else of it.
func (c *checker) vnetSubnets(name string, s *Segment, whole network, nodes []network) {
	within := nodes
	for n, v := range All(s.VNets) {
		if v.Gateway == nil {
			continue
		}
		at := Query{address("segment", name), joinPath("vnet", n, "gateway", "subnet")}
		net, ok := c.network(v.Gateway.Subnet, "the subnet of network "+n, at)
		if !ok {
			continue
		}
		if !whole.prefix.Contains(net.prefix.Addr()) || net.prefix.Bits() < whole.prefix.Bits() {
			c.report("MW241", at, fmt.Sprintf("%s is not within %s", net.what, whole.what), "a segment's networks are parts of its address space", mention{whole.at, whole.what})
			continue
		}
		for _, other := range within {
			if other.prefix.Overlaps(net.prefix) {
				c.report("MW241", at, fmt.Sprintf("%s overlaps %s", net.what, other.what), "two networks of a segment have addresses of their own", mention{other.at, other.what})
			}
		}
		within = append(within, net)
	}
}
