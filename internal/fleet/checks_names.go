package fleet

import "fmt"

// names: what is joined into one name in a target system must stay distinct there.
func (c *checker) names() {
	clusters, pools := map[string]Query{}, map[string]Query{}
	twice := func(seen map[string]Query, name string, at Query) {
		if first, taken := seen[name]; taken {
			c.report("MW206", at, fmt.Sprintf("its name in the target systems is %s, as that of %s", name, first.Entity),
				"tenant, cluster and pool are joined by dashes: rename one", mention{first, "the same name"})
			return
		}
		seen[name] = at
	}
	for tn, t := range All(c.f.Tenants) {
		for cn, k := range All(t.Clusters) {
			twice(clusters, tn+"-"+cn, Query{address("tenant", tn), joinPath("cluster", cn)})
			for pn := range All(k.Pools) {
				twice(pools, tn+"-"+cn+"-"+pn, Query{address("tenant", tn), joinPath("cluster", cn, "pool", pn)})
			}
		}
	}
}
