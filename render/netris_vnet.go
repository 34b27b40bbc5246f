package render

import (
	"net/netip"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// owner is whose V-Nets are rendered, a segment's or a site's, and where they lie.
type owner struct {
	site   *fleet.Site
	source source
	vpc    state.Tree // its name
	prefix string     // of the networks' names, which the whole controller has once
	// allocation is what the networks' subnets are parts of; where there is none each has its own.
	allocation state.ID
	after      []state.ID
}

// vnets renders networks that are made one by one, each with the subnet that its gateway needs.
func (r *renderer) vnets(o owner, field string, vnets map[string]*fleet.VNet) {
	for n, v := range fleet.All(vnets) {
		r.vnet(o, o.prefix+"-"+n, key(field, n), v)
	}
}

func (r *renderer) vnet(o owner, name, field string, v *fleet.VNet) {
	s := o.source
	where := source("site/"+o.site.Name).of("netris.site", o.site.Netris.Site)
	admin := source("site/"+o.site.Name).of("netris.adminTenant", o.site.Netris.AdminTenant)
	tree := fields{
		"name":   s.because(field, "with its owner's name before it", name),
		"sites":  list(named(where)),
		"tenant": named(admin),
		"vpc":    named(o.vpc),
		"l3vpn":  s.because(field+".type", "routed, or one Ethernet segment", v.Type == fleet.VNetL3),
		"state":  s.because(field+".enabled", "as a word", map[bool]string{true: "active", false: "disabled"}[v.Enabled]),
		"ports":  switchPorts(s, field+".ports", v.Ports),
		"tags":   s.fixed([]any{}),
	}
	// What is left to Netris is not named, so that what it chose is never compared.
	if v.VLAN != 0 {
		tree["vlan"] = s.of(field+".vlan", int(v.VLAN))
	}
	if v.VXLAN != 0 {
		tree["vxlanID"] = s.of(field+".vxlan", int(v.VXLAN))
	}
	on := o.after
	if v.Gateway != nil {
		on = []state.ID{r.gatewaySubnet(o, name, field+".gateway", v.Gateway)}
		tree["gateways"] = list(gateway(s, field+".gateway", o.site.Name, v.Gateway))
		tree["ipFamily"] = s.because(field+".gateway.address", "of its family", family(v.Gateway.Address))
		if d := v.Gateway.DHCP; d != nil && d.Options != "" {
			on = append(on, netrisID(o.site.Name, "dhcp-option-set", o.site.Name+"-"+d.Options))
		}
	} else {
		tree["gateways"] = s.fixed([]any{})
	}
	r.addNetris(o.site.Name, "vnet", name, s, tree, on...)
}

// family is that of an address, in Netris's words.
func family(address string) string {
	if a, err := netip.ParseAddr(address); err == nil && a.Is6() {
		return "ipv6"
	}
	return "ipv4"
}

// gatewaySubnet renders the subnet of a gateway: Netris wants it to be there first.
func (r *renderer) gatewaySubnet(o owner, name, field string, g *fleet.Gateway) state.ID {
	on := o.after
	if o.allocation == (state.ID{}) {
		on = []state.ID{r.allocation(o, name, field+".subnet", g.Subnet)}
	}
	return r.subnet(o, name, "common", o.source.of(field+".subnet", g.Subnet), o.source.of(field+".address", g.Address), on...)
}

// allocation renders a part of the address space for one subnet alone.
func (r *renderer) allocation(o owner, name, field, prefix string) state.ID {
	return r.addNetris(o.site.Name, "allocation", name, o.source, fields{
		"name":   o.source.because(field, "with its owner's name before it", name),
		"prefix": o.source.of(field, prefix),
		"tenant": named(source("site/"+o.site.Name).of("netris.adminTenant", o.site.Netris.AdminTenant)),
		"vpc":    named(o.vpc),
	}, o.after...)
}

func (r *renderer) subnet(o owner, name, purpose string, prefix, gateway state.Tree, on ...state.ID) state.ID {
	site := source("site/" + o.site.Name)
	return r.addNetris(o.site.Name, "subnet", name, o.source, fields{
		"name":           o.source.fixed(name),
		"prefix":         prefix,
		"purpose":        o.source.fixed(purpose),
		"defaultGateway": gateway,
		"sites":          list(named(site.of("netris.site", o.site.Netris.Site))),
		"tenant":         named(site.of("netris.adminTenant", o.site.Netris.AdminTenant)),
		"vpc":            named(o.vpc),
		"tags":           o.source.fixed([]any{}),
	}, on...)
}

func gateway(s source, field, site string, g *fleet.Gateway) state.Tree {
	tree := fields{
		"prefix":      s.because(field+".address", "with the length of the subnet's prefix", g.CIDR()),
		"dhcpEnabled": s.because(field, "handed out if dhcp is there", g.DHCP != nil),
	}
	if d := g.DHCP; d != nil {
		dhcp := fields{}
		if d.Start != "" {
			dhcp["start"], dhcp["end"] = s.of(field+".dhcp.start", d.Start), s.of(field+".dhcp.end", d.End)
		}
		if d.Options != "" {
			dhcp["optionSet"] = named(s.because(field+".dhcp.options", "with its site's name before it", site+"-"+d.Options))
		}
		if len(dhcp) > 0 {
			tree["dhcp"] = node(dhcp)
		}
	}
	return node(tree)
}

func switchPorts(s source, field string, ports []fleet.SwitchPort) state.Tree {
	if len(ports) == 0 {
		return s.fixed([]any{})
	}
	items := make([]state.Tree, len(ports))
	for i, p := range ports {
		at := field + state.Index(i)
		items[i] = node(fields{
			"name":       s.of(at+".port", p.Port),
			"accessMode": s.because(at+".tagged", "the opposite", !p.Tagged),
			"state":      s.fixed("active"),
		})
	}
	return list(items...)
}
