package fleet

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// answerer is where somebody answers: by one port, or by all of its address.
type answerer struct {
	mention
	port string // empty for all
}

// answering are the places that are taken, by address or name.
type answering map[string][]answerer

func (p answering) take(address string, by answerer) { p[address] = append(p[address], by) }

// taken is who answers at a place already.
func (p answering) taken(address string, by answerer) (mention, bool) {
	for _, other := range p[address] {
		if other.port == by.port || other.port == "" || by.port == "" {
			return other.mention, true
		}
	}
	return mention{}, false
}

// endpoints: no two API servers answer at one place, nor where a router or a pod does.
func (c *checker) endpoints() {
	addresses, hosts := answering{}, answering{}
	for n, s := range All(c.f.Segments) {
		addresses.take(s.NorthSouth.Gateway, answerer{mention{Query{address("segment", n), "northSouth.gateway"}, "the gateway of segment " + n}, ""})
	}
	claim := func(all answering, at Query, what, address string, by answerer) {
		if first, taken := all.taken(address, by); taken {
			c.report("MW204", at, fmt.Sprintf("%s is %s too", what, first.message), "only one of the two would be reached, now the one and now the other", first)
		}
		all.take(address, by)
	}
	for tn, t := range All(c.f.Tenants) {
		for cn, k := range All(t.Clusters) {
			cc := clusterCheck{c, tn, cn, k, t}
			if host, port, err := net.SplitHostPort(k.ControlPlane.Endpoint); err == nil {
				at := cc.at("controlPlane", "endpoint")
				if k.ControlPlane.KubeVip != nil { // the address is its own; without, it may be a load balancer's
					port = ""
				}
				claim(addresses, at, "the endpoint "+k.ControlPlane.Endpoint, strings.ToLower(host), answerer{mention{at, "the endpoint of " + cc.String()}, port})
				c.reached(at, host)
			}
			if i := k.ControlPlane.Ingress; i != nil {
				at := cc.at("controlPlane", "ingress", "host")
				claim(hosts, at, "the host "+i.Host, strings.ToLower(i.Host), answerer{mention{at, "the host of " + cc.String()}, ""})
			}
		}
	}
}

// reached: an endpoint's address is one that nodes reach.
func (c *checker) reached(at Query, host string) {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return // a name can be any address
	}
	own := []network{{netip.PrefixFrom(a, a.BitLen()), at, "the endpoint " + host}}
	c.apartFrom("no node reaches an API server there", c.platformNetworks(), own)
}

// amongBMCs: where an API server is to answer, no BMC does. Machines are looked at only if one is to answer in a
// management network, where a load balancer of the provider's may be.
func (c *checker) amongBMCs() {
	at := map[string]mention{}
	for tn, t := range All(c.f.Tenants) {
		for cn, k := range All(t.Clusters) {
			e, err := netip.ParseAddrPort(k.ControlPlane.Endpoint)
			if err != nil {
				continue
			}
			for _, s := range All(c.f.Sites) {
				if p, err := netip.ParsePrefix(s.Management); err == nil && p.Contains(e.Addr()) {
					at[e.Addr().String()] = mention{clusterCheck{c, tn, cn, k, t}.at("controlPlane", "endpoint"), "the endpoint of " + tn + "." + cn}
				}
			}
		}
	}
	if len(at) == 0 {
		return
	}
	for m := range c.known.machines { // findings are sorted in the end
		if endpoint, ok := at[m.BMC.Host()]; ok {
			c.report("MW204", Query{address("machine", m.Name), "bmc.address"}, fmt.Sprintf("the BMC %s is %s too", m.BMC.Host(), endpoint.message), "an API server cannot answer there: write another endpoint", endpoint)
		}
	}
}
