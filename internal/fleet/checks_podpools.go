package fleet

import (
	"fmt"
	"net/netip"
)

// ciliumPool is what the chart of cilium takes pods' addresses from in mode "cluster-pool" if nobody
// says otherwise.
const ciliumPool = "10.0.0.0/8"

// podPools: where the CNI's own values say what pods get addresses from, those lie in the cluster's pod
// network, which is compared with all others, or are compared with them as well. Calico's must lie in it:
// its operator installs nothing otherwise.
func (c clusterCheck) podPools(why string, fixed []network) {
	pools := c.poolsWritten()
	if len(pools) == 0 {
		return
	}
	pods := sound(c.Networking.PodCIDR, "the pod network of "+c.String(), c.at("networking", "podCIDR"))
	beside := append(fixed[:len(fixed):len(fixed)], sound(c.Networking.ServiceCIDR, "the service network of "+c.String(), c.at("networking", "serviceCIDR"))...)
	for _, w := range pools {
		pool, ok := c.network(w.cidr, w.what, w.at)
		if !ok || len(pods) == 0 || partOf(pool.prefix, pods[0].prefix) {
			continue
		}
		if w.cni == "calico" && pool.prefix.Addr().Is4() == pods[0].prefix.Addr().Is4() {
			c.report("MW204", pool.at, fmt.Sprintf("%s is not within %s", pool.what, pods[0].what), "Calico's operator would install nothing: write the same range in both, in a stack of the cluster's own if need be",
				mention{pods[0].at, pods[0].what})
			continue
		}
		c.apartFrom(why, beside, []network{pool})
	}
}

// partOf reports whether all of one network is in another.
func partOf(small, large netip.Prefix) bool {
	return large.Contains(small.Addr()) && small.Bits() >= large.Bits()
}

// podPool is a range that a CNI gives pods addresses from, as its values say.
type podPool struct {
	stated
	cni string // the entry of the catalogue
}

// poolsWritten are the ranges that the values of the cluster's CNI name for pods.
func (c clusterCheck) poolsWritten() []podPool {
	s := c.f.Stacks[c.Stack]
	if s == nil || c.Nodes != NodesPrivate {
		return nil
	}
	var pools []podPool
	add := func(cni, what string, cidr any, path ...string) {
		if text, ok := cidr.(string); ok {
			at := Query{address("stack", c.Stack), joinPath(append([]string{"catalogue", cni, "values"}, path...)...)}
			pools = append(pools, podPool{stated{text, what, at}, cni})
		}
	}
	if k := s.Catalogue["calico"]; k != nil {
		all, _ := valueAt(k.Values, "installation", "calicoNetwork", "ipPools").([]any)
		for i, one := range all {
			pool, _ := one.(map[string]any)
			add("calico", "the pod pool of calico", pool["cidr"], "installation", "calicoNetwork", fmt.Sprintf("ipPools[%d]", i), "cidr")
		}
	}
	if k := s.Catalogue["cilium"]; k != nil {
		ciliumPools(k.Values, func(what string, cidr any, path ...string) {
			add("cilium", what, cidr, append([]string{"ipam"}, path...)...)
		})
	}
	return pools
}

// ciliumPools are the ranges of cilium's modes that do not take them out of the cluster's podCIDR. The
// chart takes a list of ranges as one of them too.
func ciliumPools(values map[string]any, add func(what string, cidr any, path ...string)) {
	const what = "the pod pool of cilium"
	some := func(list any, path ...string) {
		all, many := list.([]any)
		if !many {
			add(what, list, path...)
		}
		last := len(path) - 1
		for i, one := range all {
			add(what, one, append(path[:last:last], fmt.Sprintf("%s[%d]", path[last], i))...)
		}
	}
	operator, _ := valueAt(values, "ipam", "operator").(map[string]any)
	switch valueAt(values, "ipam", "mode") {
	case "cluster-pool":
		const list4, list6 = "clusterPoolIPv4PodCIDRList", "clusterPoolIPv6PodCIDRList"
		if operator[list4] == nil {
			add("the pod pool of cilium's chart", ciliumPool, "mode")
		}
		some(operator[list4], "operator", list4)
		if switchedOn(values, "ipv6", "enabled") {
			some(operator[list6], "operator", list6)
		}
	case "multi-pool":
		const create = "autoCreateCiliumPodIPPools"
		pools, _ := operator[create].(map[string]any)
		for name := range All(pools) {
			for _, family := range []string{"ipv4", "ipv6"} {
				some(valueAt(pools, name, family, "cidrs"), "operator", create, name, family, "cidrs")
			}
		}
	}
}
