package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// installed is a network that machines of one cluster are installed in; without a cluster, those that
// serve none.
type installed struct {
	prefix          netip.Prefix
	tenant, cluster string
}

// leases: the networks that machines are installed in meet neither what Metal3 runs in, nor what their
// cluster has inside, nor another tenant's network. Each is looked at once, at the first of its machines.
func (c *checker) leases(machines []*Machine) {
	first := map[installed]*Machine{}
	for _, m := range machines {
		p, err := netip.ParsePrefix(m.DHCP.Address)
		if err != nil {
			continue // reported of the machine
		}
		pool, _ := c.f.PoolOf(m.Name)
		in := installed{p.Masked(), pool.Tenant, pool.Cluster}
		if first[in] == nil || m.Name < first[in].Name {
			first[in] = m
		}
	}
	if len(first) == 0 {
		return
	}
	tenants := c.tenantNetworks()
	all := slices.SortedFunc(maps.Keys(first), func(a, b installed) int { return cmp.Compare(first[a].Name, first[b].Name) })
	for _, in := range all {
		at := Query{address("machine", first[in].Name), "dhcp.address"}
		c.installedIn(network{in.prefix, at, fmt.Sprintf("the network %s that machine %s is installed in", in.prefix, first[in].Name)}, in, tenants)
	}
}

// installedIn checks one of these networks.
func (c *checker) installedIn(net network, in installed, tenants []tenantNetwork) {
	own := []network{net}
	c.apartFrom("Metal3 runs in the control plane cluster and reaches both", c.platformNetworks(), own)
	if in.cluster == "" {
		return
	}
	t := c.f.Tenants[in.tenant]
	var inner []network
	for _, r := range (clusterCheck{c, in.tenant, in.cluster, t.Clusters[in.cluster], t}).inner() {
		inner = append(inner, sound(r.cidr, r.what, r.at)...)
	}
	c.apartFrom("the machine would take the one for the other", inner, own)
	for _, other := range tenants {
		if other.tenant != in.tenant {
			c.apartFrom("it is another tenant's: install the machine in a network of its own tenant's, or of nobody's", []network{other.network}, own)
		}
	}
}
