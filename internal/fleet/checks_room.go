package fleet

import (
	"fmt"
	"net/netip"
	"strings"
)

// addressRoom: the subnet of a segment has an address for each machine of its cluster's pools, for the
// gateway, and for what of the API server answers in it.
func (c *checker) addressRoom(name string, s *Segment, subnet network) {
	if !subnet.prefix.Addr().Is4() {
		return // refused as such
	}
	count := 0
	var others []string
	taken := map[netip.Addr]bool{}
	take := func(a netip.Addr, err error, what string) {
		if err == nil && subnet.prefix.Contains(a) && !taken[a] {
			taken[a] = true
			others = append(others, what)
		}
	}
	gateway, err := netip.ParseAddr(s.NorthSouth.Gateway)
	take(gateway, err, "the gateway")
	if t := c.f.Tenants[c.f.TenantOf(name)]; t != nil {
		for _, k := range All(t.Clusters) {
			if k.Segment != name {
				continue
			}
			for _, p := range k.Pools {
				count += p.Count
			}
			endpoint, err := netip.ParseAddrPort(k.ControlPlane.Endpoint) // a name is anywhere
			take(endpoint.Addr(), err, "the API server")
			if v := k.ControlPlane.KubeVip; v != nil {
				router, err := netip.ParsePrefix(v.Gateway)
				take(router.Addr(), err, "kube-vip's gateway")
			}
		}
	}
	need, has := count+len(taken), hostsIn(subnet.prefix.Bits())
	if count == 0 || need <= has {
		return // without machines nobody needs it, and a wrong gateway is told of as such
	}
	fits := subnet.prefix.Bits()
	for fits > 0 && hostsIn(fits) < need {
		fits--
	}
	c.report("MW204", subnet.at, fmt.Sprintf("%s has addresses for %d hosts, and needs %d: %s", subnet.what, has, need,
		strings.Join(append([]string{machines(count)}, others...), ", ")), fmt.Sprintf("the smallest that fits is a /%d", fits))
}

// hostsIn is how many hosts a subnet of IPv4 has addresses for: the first and the last are no host's, but of one or two.
func hostsIn(bits int) int {
	all := 1 << (32 - bits)
	if all > 2 {
		return all - 2
	}
	return all
}
