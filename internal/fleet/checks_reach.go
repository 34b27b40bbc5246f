package fleet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// reach: what is let in and out of segments keeps tenants apart, and its addresses are where they
// have to be.
func (c *checker) reach() {
	fronts, owners := given{}, map[string]owner{}
	for n, s := range All(c.f.Segments) {
		c.peers(n, s)
		c.acls(n, s)
		site := c.f.Sites[s.Site]
		if site == nil {
			continue
		}
		e := address("segment", n)
		own := owner{tenant: c.f.TenantOf(n)}
		public := func(text, use string, at Query) {
			own.at = at
			c.public(site, text, use, own, owners)
		}
		if s.Egress != nil {
			public(s.Egress.Address, PublicNAT, Query{e, "egress.address"})
			c.oneFamily("MW245", Query{e, "egress.address"}, "the public address", s.Egress.Address, "the segment's network", s.NorthSouth.Network)
		}
		for pn, p := range All(s.Publish) {
			in := joinPath("publish", pn)
			public(p.Address, PublicNAT, Query{e, in + ".address"})
			c.front(s.Site, p.Address, p.Protocol, p.Port, Query{e, in + ".port"}, fronts)
			c.inside(n, s, p.To, Query{e, in + ".to.address"})
			c.oneFamily("MW245", Query{e, in + ".from"}, "callers", p.From, "the public address", p.Address)
			c.oneFamily("MW245", Query{e, in + ".to.address"}, "the target", p.To.Address, "the public address", p.Address)
		}
		for bn, b := range All(s.Balancers) {
			in := joinPath("balancer", bn)
			if b.Address != AutoAddress {
				public(b.Address, PublicBalancer, Query{e, in + ".address"})
				c.front(s.Site, b.Address, b.Protocol, b.Port, Query{e, in + ".port"}, fronts)
			} else if !slices.ContainsFunc(values(site.Network.Public), func(p *PublicNetwork) bool { return p.Use == PublicBalancer }) {
				c.report("MW245", Query{e, in}, fmt.Sprintf("site %s has no public network for load balancers to take an address from", s.Site),
					`write one in the site: network: public: NAME: {network: "...", use: "load-balancer"}`)
			}
			for i, to := range b.Backends {
				c.inside(n, s, to, Query{e, in + fmt.Sprintf(".backends[%d].address", i)})
			}
		}
	}
}

func values[V any](m map[string]V) []V {
	var out []V
	for _, v := range All(m) {
		out = append(out, v)
	}
	return out
}

// owner is who uses a public address first, and where that is written.
type owner struct {
	tenant string
	at     Query
}

// public: the address lies in a public network of the site for that use, and is no other tenant's.
func (c *checker) public(site *Site, text, use string, own owner, owners map[string]owner) {
	a, err := netip.ParseAddr(text)
	if err != nil {
		c.report("MW245", own.at, fmt.Sprintf("%q is not an address", text), "")
		return
	}
	found := slices.ContainsFunc(values(site.Network.Public), func(p *PublicNetwork) bool {
		net, err := netip.ParsePrefix(p.Network)
		return err == nil && p.Use == use && net.Contains(a)
	})
	if !found {
		c.report("MW245", own.at, fmt.Sprintf("%s is in no public network of site %s for %s", a, site.Name, use),
			fmt.Sprintf("choose an address of one, or write one in the site: network: public: NAME: {network: \"...\", use: %q}", use))
	}
	key := site.Name + " " + a.String()
	if first, taken := owners[key]; !taken {
		owners[key] = own
	} else if first.tenant != own.tenant {
		c.report("MW246", own.at, fmt.Sprintf("the public address %s is another tenant's already", a), "each tenant has public addresses of its own", mention{first.at, "used here"})
	}
}

// front: one public address, protocol and port lead to one place.
func (c *checker) front(site, text, protocol string, port int, at Query, fronts given) {
	key := fmt.Sprintf("%s %s %s %d", site, text, protocol, port)
	if first, taken := fronts[key]; taken {
		c.report("MW246", at, fmt.Sprintf("port %d of %s (%s) leads elsewhere already", port, text, protocol), "choose another port or address", mention{first, "taken here"})
		return
	}
	fronts[key] = at
}

// oneFamily: what is translated into each other, or compared with one packet, is of one family.
func (c *checker) oneFamily(code string, at Query, what, one, otherwise, other string) {
	if six := strings.Contains(one, ":"); six != strings.Contains(other, ":") {
		c.report(code, at, fmt.Sprintf("%s %s and %s %s are not both IPv4 or both IPv6", what, one, otherwise, other), `anywhere is "0.0.0.0/0" for IPv4 and "::/0" for IPv6`)
	}
}

// inside: an address that something is sent on to is a host's in one of the segment's own networks.
func (c *checker) inside(name string, s *Segment, to SegmentPort, at Query) {
	subnets := []string{s.NorthSouth.Subnet}
	for _, v := range All(s.VNets) {
		if v.Gateway != nil {
			subnets = append(subnets, v.Gateway.Subnet)
		}
	}
	a, err := netip.ParseAddr(to.Address)
	for _, text := range subnets {
		if p, bad := netip.ParsePrefix(text); err == nil && bad == nil && hosts(p, a) {
			return
		}
	}
	c.report("MW245", at, fmt.Sprintf("%s is no host's address in segment %s", to.Address, name), "it lies in one of "+strings.Join(subnets, ", "))
}

// peers: both ends say that they are joined, are in one site, and if they are two tenants' say that too.
func (c *checker) peers(name string, s *Segment) {
	for other, p := range All(s.Peers) {
		o := c.f.Segments[other]
		at := Query{address("segment", name), joinPath("peer", other)}
		if o == nil {
			continue // reported as a reference
		}
		back := Query{address("segment", other), joinPath("peer", name)}
		ours, theirs := c.f.TenantOf(name), c.f.TenantOf(other)
		switch {
		case other == name:
			c.report("MW243", at, "a segment is no peer of itself", "remove it")
		case o.Site != s.Site:
			c.report("MW243", at, fmt.Sprintf("segment %s is in site %s, and each site has a network controller of its own", other, o.Site), "join segments of one site", mention{Query{address("segment", other), "site"}, "its site"})
		case o.Peers[name] == nil:
			c.report("MW243", at, fmt.Sprintf("segment %s does not name %s as a peer", other, name), "both ends must agree: write it there too, or remove it here", mention{Query{Entity: back.Entity}, "the other end"})
		case ours != theirs && p.Tenant != theirs:
			c.report("MW243", at, fmt.Sprintf("segment %s belongs to tenant %s, and isolation between the two would end here", other, theirs),
				fmt.Sprintf("if both want that, write {tenant: %q, reason: \"...\"} here, and the same of %s there", theirs, ours), mention{back, "the other end"})
		case ours == theirs && p.Tenant != "" && p.Tenant != ours:
			c.report("MW243", at, fmt.Sprintf("segment %s does not belong to tenant %s", other, p.Tenant), "leave tenant out", mention{back, "the other end"})
		}
	}
}

// agreed reports whether two segments have both said that they are peers across tenants.
func (f *Fleet) agreed(a, b string) bool {
	one, other := f.Segments[a].Peers[b], f.Segments[b].Peers[a]
	return one != nil && other != nil && one.Tenant == f.TenantOf(b) && other.Tenant == f.TenantOf(a)
}

// acls: a rule can match, and permits nothing of another tenant's that is no peer.
func (c *checker) acls(name string, s *Segment) {
	ours := c.f.TenantOf(name)
	for rn, r := range All(s.ACLs) {
		c.oneFamily("MW244", Query{address("segment", name), joinPath("acl", rn)}, "the source", r.Source.Network, "the destination", r.Destination.Network)
		for _, end := range []struct {
			field string
			ACLEnd
		}{{"source", r.Source}, {"destination", r.Destination}} {
			at := Query{address("segment", name), joinPath("acl", rn, end.field)}
			if end.Ports != nil && r.Protocol != "tcp" && r.Protocol != "udp" {
				c.report("MW244", Query{at.Entity, at.Path + ".ports"}, fmt.Sprintf("%s has no ports", r.Protocol), `name ports for protocol: "tcp" or "udp" only`)
			}
			net, ok := c.network(end.Network, "the rule's network", Query{at.Entity, at.Path + ".network"})
			if !ok || r.Action != "permit" || net.prefix.Bits() == 0 {
				continue
			}
			for other, o := range All(c.f.Segments) {
				theirs, err := netip.ParsePrefix(o.NorthSouth.Network)
				if err != nil || other == name || c.f.TenantOf(other) == ours || !theirs.Overlaps(net.prefix) || c.f.agreed(name, other) {
					continue
				}
				c.report("MW244", net.at, fmt.Sprintf("%s meets the network of segment %s, which is another tenant's", net.what, other),
					"a rule never opens one tenant to another: name a narrower network, or make the two segments peers by both their wills",
					mention{Query{address("segment", other), "northSouth.network"}, "the other tenant's"})
			}
		}
	}
}
