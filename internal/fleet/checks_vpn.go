package fleet

import (
	"fmt"
	"net/netip"
	"slices"
)

// vpnRange is what addresses in the VPN are taken from.
var vpnRange = netip.MustParsePrefix("100.64.0.0/10")

// vpns: addresses of the VPN are nobody else's. What all clusters meet is compared once, with the first
// of them; what stands in a site, with the first in the site.
func (c *checker) vpns(clusters []clusterCheck) {
	if len(clusters) == 0 {
		return
	}
	meets := func(k clusterCheck, nets ...network) {
		for _, n := range nets {
			if n.prefix.Overlaps(vpnRange) {
				c.report("MW224", n.at, fmt.Sprintf("%s %s %s, which the VPN of %s takes its addresses from", n.what, meet(n.prefix, vpnRange), vpnRange, k),
					`choose another range, or write vpn: "off"`, mention{k.at("privateNodes", "vpn"), "the VPN"})
			}
		}
	}
	if p := c.f.Platform; p != nil {
		meets(clusters[0], sound(p.Networking.PodCIDR, "the platform's pod network", Query{"platform", "networking.podCIDR"})...)
		meets(clusters[0], sound(p.Networking.ServiceCIDR, "the platform's service network", Query{"platform", "networking.serviceCIDR"})...)
	}
	meets(clusters[0], c.nameServers()...)
	for n, s := range All(c.f.Sites) {
		meets(clusters[0], sound(s.Management, "the management network", Query{address("site", n), "management"})...)
		in := func(k clusterCheck) bool { return c.f.SiteOf(k.Cluster) == s }
		if i := slices.IndexFunc(clusters, in); i >= 0 {
			meets(clusters[i], c.siteNetworks(address("site", n), s)...)
		}
	}
	for _, k := range clusters {
		for _, r := range k.inner() {
			meets(k, sound(r.cidr, r.what, r.at)...)
		}
		for _, p := range k.poolsWritten() {
			meets(k, sound(p.cidr, p.what, p.at)...)
		}
		meets(k, k.around()...)
	}
}
