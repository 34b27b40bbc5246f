package fleet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// siteReferences: what a segment names of its site is there.
func (c *checker) siteReferences(name string, s *Segment) {
	site := c.f.Sites[s.Site]
	if site == nil {
		return
	}
	e := address("segment", name)
	if p, err := netip.ParsePrefix(s.NorthSouth.Subnet); err == nil && !p.Addr().Is4() {
		c.report("MW204", Query{e, "northSouth.subnet"}, fmt.Sprintf("the subnet %s is not of IPv4", p), "the network that machines are installed in is IPv4 with Netris's DHCP; a vnet of the segment may be IPv6")
	}
	if s.EastWest != nil && s.EastWest.Fabric != "" {
		c.ofSite(site.Name, "fabric", keys(site.Network.Fabric), s.EastWest.Fabric, Query{e, "eastWest.fabric"})
		if p := site.Network.Fabric[s.EastWest.Fabric]; p != nil && !p.RoCE {
			c.report("MW247", Query{e, "eastWest.fabric"}, fmt.Sprintf("the fabric profile %s of site %s has no RoCE", s.EastWest.Fabric, s.Site),
				"east-west traffic is RoCE and needs lossless queues: name a profile that has them",
				mention{Query{address("site", s.Site), joinPath("network", "fabric", s.EastWest.Fabric, "roce")}, "the profile"})
		}
	}
	for n := range All(s.Peers) {
		mustExist(c, c.f.Segments, "segment", n, Query{e, joinPath("peer", n)})
	}
}

// ofSite reports a name that nothing of the site's network bears.
func (c *checker) ofSite(site, kind string, known []string, name string, at Query) {
	if slices.Contains(known, name) {
		return
	}
	hint := fmt.Sprintf("write network: %s: %q: {...} in the site, or name one that exists", kind, name)
	if near := nearest(name, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	c.report("MW201", at, fmt.Sprintf("site %s has no network.%s %q", site, kind, name), hint)
}

// controllerOf is what tells the Netris controllers of sites apart; one may have several sites.
func (f *Fleet) controllerOf(site string) string {
	if s := f.Sites[site]; s != nil {
		return strings.ToLower(s.Netris.URL)
	}
	return site
}

// controllers: a tenant is made once in a controller, and a site is entered once.
func (c *checker) controllers() {
	type made struct {
		site string
		at   Query
	}
	sites, tenants := map[string]string{}, map[string]made{}
	for n, s := range All(c.f.Sites) {
		key := c.f.controllerOf(n) + " " + s.Netris.Site
		if first, taken := sites[key]; taken {
			c.report("MW249", Query{address("site", n), "netris.site"}, fmt.Sprintf("site %s is %s in Netris, as site %s is", n, s.Netris.Site, first), "each would give out the other's VLANs: write one site",
				mention{Query{address("site", first), "netris.site"}, "the same site"})
			continue
		}
		sites[key] = n
	}
	for tn, t := range All(c.f.Tenants) {
		for cn, k := range All(t.Clusters) {
			s := c.f.Segments[k.Segment]
			if s == nil {
				continue
			}
			at := Query{address("tenant", tn), joinPath("cluster", cn, "segment")}
			key := c.f.controllerOf(s.Site) + " " + tn
			switch first, taken := tenants[key]; {
			case !taken:
				tenants[key] = made{s.Site, at}
			case first.site != s.Site:
				c.report("MW249", at, fmt.Sprintf("tenant %s is in the sites %s and %s of one Netris controller", tn, first.site, s.Site),
					"Millwright makes a tenant once for each site, and this controller would have it twice: give the sites a controller each, or the clusters one site", mention{first.at, "in the other site"})
			}
		}
	}
}

// netrisNames: what Netris keeps by name stays distinct there. A server cluster's networks are called
// by its own name and a postfix; how the two are joined is not documented, so a dash is assumed.
func (c *checker) netrisNames() {
	seen := given{}
	twice := func(site, kind, name string, at Query) {
		key := c.f.controllerOf(site) + " " + kind + " " + name
		if first, taken := seen[key]; taken {
			switch {
			case strings.HasPrefix(at.Entity, "tenant/"):
				return // two clusters of one name are reported as such
			case (kind == "VPC" || kind == "profile") && strings.HasPrefix(at.Entity, "site/") && strings.HasPrefix(first.Entity, "site/") && first.Entity != at.Entity:
				return // sites name VPCs and profiles that are there, and several may have one
			}
			c.report("MW249", at, fmt.Sprintf("its %s is called %s in Netris, as that of %s", kind, name, first.Entity), "rename one", mention{first, "the same name"})
			return
		}
		seen[key] = at
	}
	for tn, t := range All(c.f.Tenants) {
		for cn, k := range All(t.Clusters) {
			s := c.f.Segments[k.Segment]
			if s == nil {
				continue
			}
			at := Query{address("tenant", tn), joinPath("cluster", cn)}
			for _, postfix := range []string{"ns", "ew"} {
				if postfix == "ns" || s.EastWest != nil {
					twice(s.Site, "network", tn+"-"+cn+"-"+postfix, at)
				}
			}
		}
	}
	for n, s := range All(c.f.Segments) {
		twice(s.Site, "subnet", n, Query{address("segment", n), ""})
		twice(s.Site, "VPC", n, Query{address("segment", n), ""})
	}
	for n, s := range All(c.f.Sites) {
		at := func(path ...string) Query {
			return Query{address("site", n), joinPath(append([]string{"network"}, path...)...)}
		}
		twice(n, "VPC", s.Network.SystemVPC, at("systemVPC"))
		if s.Network.VPC != s.Network.SystemVPC {
			twice(n, "VPC", s.Network.VPC, at("vpc"))
		}
		for pn := range All(s.Network.Public) {
			twice(n, "subnet", n+"-"+pn, at("public", pn))
		}
		for fn, p := range All(s.Network.Fabric) {
			twice(n, "profile", p.Profile, at("fabric", fn, "profile"))
		}
	}
	for n, s := range All(c.f.Segments) {
		at := func(path ...string) Query { return Query{address("segment", n), joinPath(path...)} }
		if s.Egress != nil {
			twice(s.Site, "NAT rule", n+"-egress", at("egress"))
		}
		for pn := range All(s.Publish) {
			twice(s.Site, "NAT rule", n+"-publish-"+pn, at("publish", pn))
		}
		for bn := range All(s.Balancers) {
			twice(s.Site, "load balancer", n+"-"+bn, at("balancer", bn))
		}
		for an := range All(s.ACLs) {
			twice(s.Site, "ACL", n+"-"+an, at("acl", an))
		}
	}
	for _, p := range c.f.placedVNets() {
		twice(p.site, "network", p.name, p.whole())
		if p.Gateway != nil {
			twice(p.site, "subnet", p.name, p.whole())
		}
	}
}

// gpuPorts: machines of the class have what the segment joins between GPUs.
func (c *checker) gpuPorts(name string, s *Segment, className string, class *Class, at Query) {
	if s.EastWest != nil {
		for i, port := range s.EastWest.NICs {
			if !slices.ContainsFunc(class.NICs, func(n ClassNIC) bool { return n.Name == port && n.Role == EastWest }) {
				c.report("MW242", at, fmt.Sprintf("class %s has no east-west port %s, which segment %s joins", className, port, name),
					"a segment joins the same ports of all its machines", mention{Query{address("segment", name), fmt.Sprintf("eastWest.nics[%d]", i)}, "joined here"})
			}
		}
	}
	if s.NVLink != nil && class.GPUs == nil {
		c.report("MW242", at, fmt.Sprintf("class %s has no GPUs, but segment %s is an NVLink partition", className, name),
			"use a segment without nvlink for this class", mention{Query{address("segment", name), "nvlink"}, "the partition"})
	}
}
