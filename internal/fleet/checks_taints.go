package fleet

import "fmt"

// taints: a node has each taint once, by its key and effect; Kubernetes registers no node with two.
func (c *checker) taints() {
	if c.f.Platform != nil {
		for n, p := range All(c.f.Platform.Metal3.Profiles) {
			c.eachOnce(Query{"platform", joinPath("metal3", "profile", n, "taints")}, p.Taints)
			c.eachOnce(Query{"platform", joinPath("metal3", "profile", n, "startupTaints")}, p.StartupTaints)
		}
	}
	for tn, t := range All(c.f.Tenants) {
		for cn, k := range All(t.Clusters) {
			for pn, p := range All(k.Pools) {
				c.eachOnce(Query{address("tenant", tn), joinPath("cluster", cn, "pool", pn, "taints")}, p.Taints)
			}
		}
	}
}

func (c *checker) eachOnce(list Query, taints []Taint) {
	seen := map[[2]string]Query{}
	for i, t := range taints {
		at, key := Query{list.Entity, fmt.Sprintf("%s[%d]", list.Path, i)}, [2]string{t.Key, t.Effect}
		if first, twice := seen[key]; twice {
			c.report("MW268", at, fmt.Sprintf("taint %s is there with effect %s already", t.Key, t.Effect), "a node has each taint once: keep one of the two", mention{first, "the other"})
			continue
		}
		seen[key] = at
	}
}
