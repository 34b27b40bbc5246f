package render

import (
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// siteNetworks renders what sites have beside their tenants' segments: public addresses, DHCP
// options, networks of their own. The profiles that RoCE relies on are compared and never written.
func (r *renderer) siteNetworks() {
	r.defaultPartitions()
	for n, s := range fleet.All(r.fleet.Sites) {
		from := source("site/" + n)
		o := owner{site: s, source: from, vpc: from.of("network.vpc", s.Network.VPC), prefix: n}
		outside := o
		outside.vpc = from.of("network.systemVPC", s.Network.SystemVPC)
		for pn, p := range fleet.All(s.Network.Public) {
			field, name := key("network.public", pn), n+"-"+pn
			allocation := r.allocation(outside, name, field+".network", p.Network)
			r.subnet(outside, name, p.Use, from.of(field+".network", p.Network), from.fixed(""), allocation)
		}
		for dn, d := range fleet.All(s.Network.DHCP) {
			r.optionSet(n, from, key("network.dhcp", dn), n+"-"+dn, d)
		}
		r.vnets(o, "network.vnet", s.Network.VNets)
		for fn, p := range fleet.All(s.Network.Fabric) {
			r.fabricProfile(n, from, key("network.fabric", fn), p)
		}
	}
}

func (r *renderer) optionSet(site string, from source, field, name string, d *fleet.DHCPOptions) {
	texts := func(at string, values []string) state.Tree {
		if len(values) == 0 {
			return from.fixed([]any{})
		}
		return from.texts(field+at, values)
	}
	r.addNetris(site, "dhcp-option-set", name, from, fields{
		"name":         from.because(field, "with its site's name before it", name),
		"description":  from.of(field+".description", d.Description),
		"domainSearch": from.of(field+".domainSearch", d.DomainSearch),
		"dnsServers":   texts(".dns", d.DNS),
		"ntpServers":   texts(".ntp", d.NTP),
		"leaseTime":    from.of(field+".lease", d.Lease),
	})
}

// fabricProfile is only observed: a PUT would have to send back who may log in to the switches, which
// the controller shows under other names than it takes it by.
func (r *renderer) fabricProfile(site string, from source, field string, p *fleet.FabricProfile) {
	r.add(state.Object{
		ID: netrisID(site, "inventory-profile", p.Profile), Entity: string(from), Mode: state.Observe,
		Tree: node(fields{
			"name": from.of(field+".profile", p.Profile),
			"gpuClusterProps": node(fields{
				"roce":                from.of(field+".roce", p.RoCE),
				"roceAdaptiveRouting": from.of(field+".adaptiveRouting", p.AdaptiveRouting),
				"congestionControl":   from.of(field+".congestionControl", p.CongestionControl),
			}),
			"fabricProps": node(fields{"fabricType": from.of(field+".type", p.Type)}),
		}),
	})
}
