package fleet

import (
	"fmt"
	"net/netip"
	"slices"
)

// clusterNetworks: pods and services of a cluster stay apart from what its nodes and its API server
// reach. Those of different clusters never meet.
func (c *checker) clusterNetworks(shared []network) {
	shared = append(shared, c.nameServers()...)
	tenants := c.tenantNetworks()
	for tn, t := range All(c.f.Tenants) {
		for cn, k := range All(t.Clusters) {
			cc := clusterCheck{c, tn, cn, k, t}
			var own []network
			for _, r := range cc.inner() {
				if net, ok := c.network(r.cidr, r.what, r.at); ok {
					own = append(own, net)
				}
			}
			const why = "the cluster's nodes and its API server reach both"
			fixed := slices.Concat(shared, cc.around())
			c.apartFrom(why, fixed, own)
			cc.podPools(why, fixed)
			cc.front(tenants)
		}
	}
}

// nameServers are those that all nodes ask.
func (c *checker) nameServers() []network {
	var nets []network
	if p := c.f.Platform; p != nil {
		for i, text := range p.DNS {
			if a, err := netip.ParseAddr(text); err == nil {
				nets = append(nets, network{netip.PrefixFrom(a, a.BitLen()), Query{"platform", fmt.Sprintf("dns[%d]", i)}, "the name server " + text})
			}
		}
	}
	return nets
}

// stated is a range as it was written, which may be none.
type stated struct {
	cidr, what string
	at         Query
}

// inner are the ranges inside of a cluster.
func (c clusterCheck) inner() []stated {
	return []stated{
		{c.Networking.PodCIDR, "the pod network of " + c.String(), c.at("networking", "podCIDR")},
		{c.Networking.ServiceCIDR, "the service network of " + c.String(), c.at("networking", "serviceCIDR")},
	}
}

// around are the networks that a cluster's nodes are in or have routes to beside what all clusters
// share: its segment, the segments that this one is a peer of, and where the API server answers.
func (c clusterCheck) around() []network {
	s := c.f.Segments[c.Segment]
	if s == nil {
		return nil
	}
	nets := c.ofSegment(c.Segment)
	for n := range All(s.Peers) {
		if n != c.Segment {
			nets = append(nets, c.ofSegment(n)...)
		}
	}
	if answers, ok := c.answers(); ok && !slices.ContainsFunc(nets, func(n network) bool { return n.prefix.Overlaps(answers.prefix) }) {
		nets = append(nets, answers)
	}
	return nets
}

// ofSegment is the network of a segment, if there is one of the name and its network is right.
func (c *checker) ofSegment(name string) []network {
	s := c.f.Segments[name]
	if s == nil {
		return nil
	}
	return sound(s.NorthSouth.Network, "the network of segment "+name, Query{address("segment", name), "northSouth.network"})
}

// tenantNetwork is the network of a segment, and whose it is.
type tenantNetwork struct {
	network
	tenant string
}

// tenantNetworks are those of all segments that serve a tenant.
func (c *checker) tenantNetworks() []tenantNetwork {
	var all []tenantNetwork
	for n := range All(c.f.Segments) {
		if owner := c.f.TenantOf(n); owner != "" {
			for _, net := range c.ofSegment(n) {
				all = append(all, tenantNetwork{net, owner})
			}
		}
	}
	return all
}

// answers is where the API server answers: in kube-vip's network, or else at the endpoint's address.
func (c clusterCheck) answers() (network, bool) {
	if v := c.ControlPlane.KubeVip; v != nil {
		p, err := netip.ParsePrefix(v.Gateway)
		return network{p.Masked(), c.at("controlPlane", "kubeVip", "gateway"), "kube-vip's network " + p.Masked().String()}, err == nil
	}
	e, err := netip.ParseAddrPort(c.ControlPlane.Endpoint)
	a := e.Addr()
	return network{netip.PrefixFrom(a, a.BitLen()), c.at("controlPlane", "endpoint"), "the endpoint " + a.String()}, err == nil
}

// front: the API server answers in no other tenant's network, and kube-vip's gateway is a neighbour of
// the address that it answers on.
func (c clusterCheck) front(tenants []tenantNetwork) {
	answers, ok := c.answers()
	if !ok || c.Nodes != NodesPrivate { // of shared nodes both are refused
		return
	}
	for _, other := range tenants {
		if other.tenant != c.tenant && other.prefix.Overlaps(answers.prefix) {
			c.report("MW204", answers.at, fmt.Sprintf("%s %s %s, which is another tenant's", answers.what, meet(answers.prefix, other.prefix), other.what),
				"the API server would answer in a network that is not its own tenant's", mention{other.at, other.what})
		}
	}
	endpoint, err := netip.ParseAddrPort(c.ControlPlane.Endpoint)
	if c.ControlPlane.KubeVip == nil || err != nil {
		return // a name can be any address
	}
	gateway := netip.MustParsePrefix(c.ControlPlane.KubeVip.Gateway).Addr()
	switch at, of := answers.at, (mention{c.at("controlPlane", "endpoint"), "the endpoint"}); {
	case !answers.prefix.Contains(endpoint.Addr()):
		c.report("MW204", at, fmt.Sprintf("the endpoint %s is not within %s", endpoint.Addr(), answers.what), "kube-vip answers on the endpoint's address, in the network of its gateway", of)
	case gateway == endpoint.Addr():
		c.report("MW204", at, fmt.Sprintf("the gateway %s is the endpoint itself", gateway), "it is the router of the network in which kube-vip answers", of)
	case !hosts(answers.prefix, gateway):
		c.report("MW204", at, fmt.Sprintf("the gateway %s is no host's address in %s", gateway, answers.prefix), "for instance "+netip.PrefixFrom(answers.prefix.Addr().Next(), answers.prefix.Bits()).String())
	}
}
