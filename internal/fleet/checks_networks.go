package fleet

import (
	"fmt"
	"net/netip"
	"slices"
)

// network is an address range, where it is written and what it is.
type network struct {
	prefix netip.Prefix
	at     Query
	what   string
}

// network parses a range; what is no range in canonical form is reported and not compared.
func (c *checker) network(s, what string, at Query) (network, bool) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		c.report("MW204", at, fmt.Sprintf("%s is not a network: %v", what, err), "")
		return network{}, false
	}
	if p != p.Masked() {
		c.report("MW204", at, fmt.Sprintf("%s %s has host bits", what, s), "write "+p.Masked().String())
		return network{}, false
	}
	return network{p, at, what + " " + s}, true
}

// sound is a range that is checked as such elsewhere: none where it is wrong or not written.
func sound(s, what string, at Query) []network {
	p, err := netip.ParsePrefix(s)
	if err != nil || p != p.Masked() {
		return nil
	}
	return []network{{p, at, what + " " + s}}
}

// meet says how one range meets another that it overlaps.
func meet(a, b netip.Prefix) string {
	switch {
	case a.IsSingleIP():
		return "lies in"
	case b.IsSingleIP():
		return "holds"
	}
	return "overlaps"
}

// apart reports networks that overlap; why says how they meet.
func (c *checker) apart(why string, nets []network) {
	for i, a := range nets {
		for _, b := range nets[i+1:] {
			if a.at != b.at && a.prefix.Overlaps(b.prefix) {
				c.report("MW204", b.at, fmt.Sprintf("%s overlaps %s", b.what, a.what), why, mention{a.at, a.what})
			}
		}
	}
}

// networks: ranges that packets can meet in must not overlap.
func (c *checker) networks() {
	var shared []network // what every tenant's network can meet
	for n, s := range All(c.f.Sites) {
		e := address("site", n)
		if net, ok := c.network(s.Management, "the management network", Query{e, "management"}); ok {
			shared = append(shared, net)
		}
		own := c.siteNetworks(e, s)
		c.apartFrom("the site routes both", shared, own)
		shared = append(shared, own...)
	}
	if p := c.f.Platform; p != nil {
		var own []network
		for _, r := range []struct{ cidr, what, field string }{
			{p.Networking.PodCIDR, "the platform's pod network", "networking.podCIDR"},
			{p.Networking.ServiceCIDR, "the platform's service network", "networking.serviceCIDR"},
		} {
			if net, ok := c.network(r.cidr, r.what, Query{"platform", r.field}); ok {
				own = append(own, net)
			}
		}
		c.apartFrom("the control plane cluster reaches both", shared, own)
		shared = append(shared, own...)
	}
	c.apartFrom("tenant API servers run in the control plane cluster and reach both", shared, c.nodeNetworks())
	c.clusterNetworks(shared)
	c.endpoints()
}

// apartFrom reports networks that overlap fixed ones, or each other.
func (c *checker) apartFrom(why string, fixed, nets []network) {
	for _, b := range nets {
		for _, a := range fixed {
			if a.prefix.Overlaps(b.prefix) {
				c.report("MW204", b.at, fmt.Sprintf("%s %s %s", b.what, meet(b.prefix, a.prefix), a.what), why, mention{a.at, a.what})
			}
		}
	}
	c.apart(why, nets)
}

// platformNetworks are those of the control plane cluster's pods and services, as far as they are right.
func (c *checker) platformNetworks() []network {
	p := c.f.Platform
	if p == nil {
		return nil
	}
	return append(sound(p.Networking.PodCIDR, "the platform's pod network", Query{"platform", "networking.podCIDR"}),
		sound(p.Networking.ServiceCIDR, "the platform's service network", Query{"platform", "networking.serviceCIDR"})...)
}

// nodeNetworks are those of all segments, each checked in itself.
func (c *checker) nodeNetworks() []network {
	var nets []network
	for n, s := range All(c.f.Segments) {
		e := address("segment", n)
		whole, ok := c.network(s.NorthSouth.Network, "the network of segment "+n, Query{e, "northSouth.network"})
		if ok {
			nets = append(nets, whole)
		}
		subnet, ok2 := c.network(s.NorthSouth.Subnet, "the subnet of segment "+n, Query{e, "northSouth.subnet"})
		if ok && ok2 && (!whole.prefix.Contains(subnet.prefix.Addr()) || subnet.prefix.Bits() < whole.prefix.Bits()) {
			c.report("MW204", subnet.at, fmt.Sprintf("%s is not within %s", subnet.what, whole.what), "a subnet is a part of the segment's network", mention{whole.at, whole.what})
		}
		if ok && ok2 {
			c.vnetSubnets(n, s, whole, []network{subnet})
		}
		if ok2 {
			c.addressRoom(n, s, subnet)
		}
		gateway, err := netip.ParseAddr(s.NorthSouth.Gateway)
		at := Query{e, "northSouth.gateway"}
		switch {
		case err != nil:
			c.report("MW204", at, fmt.Sprintf("the gateway is not an address: %v", err), "")
		case ok2 && !subnet.prefix.Contains(gateway):
			c.report("MW204", at, fmt.Sprintf("the gateway %s is not within %s", gateway, subnet.what), "for instance "+subnet.prefix.Addr().Next().String(), mention{subnet.at, subnet.what})
		case ok2 && gateway.Is4() && subnet.prefix.Bits() < 31 && (gateway == subnet.prefix.Addr() || !subnet.prefix.Contains(gateway.Next())):
			c.report("MW204", at, fmt.Sprintf("the gateway %s is the first or last address of %s, which no host can have", gateway, subnet.what), "for instance "+subnet.prefix.Addr().Next().String(), mention{subnet.at, subnet.what})
		}
	}
	return nets
}

// segments: a segment serves one cluster, in a site that has what it needs, with machines that have
// the ports.
func (c *checker) segments() {
	users := map[string]Query{}
	for n, s := range All(c.f.Segments) {
		if site := c.f.Sites[s.Site]; s.InfiniBand != nil && !s.Direct() && site != nil && c.f.UFM(s) == "" {
			c.report("MW205", Query{address("segment", n), "infiniband"}, fmt.Sprintf("the segment has InfiniBand, but site %s names no UFM", s.Site),
				"write netris: ufm: \"...\" in the site, or ufm here, or direct with a ufm of the site", mention{Query{address("site", s.Site), "netris"}, "the site's controller"})
		}
	}
	for tn, t := range All(c.f.Tenants) {
		e := address("tenant", tn)
		for cn, k := range All(t.Clusters) {
			s := c.f.Segments[k.Segment]
			if s == nil {
				continue
			}
			at := Query{e, joinPath("cluster", cn, "segment")}
			if first, taken := users[k.Segment]; taken {
				c.report("MW205", at, fmt.Sprintf("segment %s serves another cluster already", k.Segment),
					"tenants are kept apart by segments of their own: write a second one", mention{first, "used here too"})
			} else {
				users[k.Segment] = at
			}
			for pn, p := range All(k.Pools) {
				field := "class"
				if p.Class == "" {
					field = "selector"
				}
				name := c.f.poolRef(tn, cn, pn).Class
				if class := c.f.Classes[name]; class != nil {
					c.ports(k.Segment, s, name, class, Query{e, joinPath("cluster", cn, "pool", pn, field)})
				}
			}
		}
	}
}

// ports: machines of the class have the ports that the segment joins.
func (c *checker) ports(name string, s *Segment, className string, class *Class, at Query) {
	has := func(match func(ClassNIC) bool) bool { return slices.ContainsFunc(class.NICs, match) }
	for i, port := range s.NorthSouth.NICs {
		if !has(func(n ClassNIC) bool { return n.Name == port && n.Role == NorthSouth }) {
			c.report("MW205", at, fmt.Sprintf("class %s has no north-south port %s, which segment %s joins", className, port, name),
				"a segment joins the same ports of all its machines", mention{Query{address("segment", name), fmt.Sprintf("northSouth.nics[%d]", i)}, "joined here"})
		}
	}
	c.gpuPorts(name, s, className, class, at)
	if s.InfiniBand != nil && !has(func(n ClassNIC) bool { return n.Role == InfiniBand }) {
		c.report("MW205", at, fmt.Sprintf("class %s has no InfiniBand port, but segment %s is a partition of it", className, name),
			"use a segment without infiniband for this class", mention{Query{address("segment", name), "infiniband"}, "the partition"})
	}
}
