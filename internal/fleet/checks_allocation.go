package fleet

import "fmt"

// allocation: the file fits the pools, and the machines fit them too.
func (c *checker) allocation() {
	type holder struct {
		tenant, cluster, pool string
		index                 int
	}
	place := func(h holder) Query { // written out where there is a finding alone
		return Query{"allocation", joinPath(h.tenant, h.cluster, h.pool) + fmt.Sprintf("[%d]", h.index)}
	}
	holders := make(map[string]holder, len(c.f.lookup().byMachine))
	for tn, clusters := range All(c.f.Allocation) {
		for cn, pools := range All(clusters) {
			for pn, machines := range All(pools) {
				at, known := c.f.lookup().byName[[3]string{tn, cn, pn}]
				if !known {
					c.report("MW203", Query{"allocation", joinPath(tn, cn, pn)}, fmt.Sprintf("there is no pool %s/%s/%s", tn, cn, pn), "`millwright allocate` removes it")
				}
				for i, name := range machines {
					own := holder{tn, cn, pn, i}
					if first, taken := holders[name]; taken {
						c.report("MW203", place(own), fmt.Sprintf("machine %s is allocated twice", name), "a machine serves one pool of one tenant: remove one of the two", mention{place(first), "allocated here too"})
						continue
					}
					holders[name] = own
					if m := c.f.Machines[name]; m == nil {
						c.report("MW203", place(own), fmt.Sprintf("there is no machine %q", name), "remove it, and run `millwright allocate` for another")
					} else if known {
						c.fits(c.f.Pools()[at], m, func() Query { return place(own) })
					}
				}
			}
		}
	}
	c.counts()
}

// fits: an allocated machine is one that its pool may have.
func (c *checker) fits(p PoolRef, m *Machine, at func() Query) {
	refuse := func(field, hint, format string, args ...any) {
		c.report("MW203", at(), fmt.Sprintf(format, args...), hint, mention{Query{address("machine", m.Name), field}, "the machine"})
	}
	if m.Lifecycle != InService && m.Lifecycle != Maintenance {
		refuse("lifecycle", "take it out of the allocation first: `millwright allocate` finds another", "machine %s is %s and cannot serve a pool", m.Name, m.Lifecycle)
	}
	if m.Role != RoleWorker {
		refuse("role", "", "machine %s carries the control plane and cannot serve a pool", m.Name)
	}
	if m.Provisioning != ProvisioningMetal3 {
		refuse("provisioning", "machines of pools are provisioned by Metal3", "nobody installs machine %s: its provisioning is %s", m.Name, m.Provisioning)
	}
	switch {
	case m.Class == p.Class:
	case p.Pool.Class == "":
		refuse("class", "name the class in the pool, or let `millwright allocate` choose anew", "machine %s is of class %s, and others of %s are of %s", m.Name, m.Class, p.Address(), p.Class)
	default:
		refuse("class", "", "machine %s is of class %s, %s wants %s", m.Name, m.Class, p.Address(), p.Class)
	}
	if s := c.f.Segments[c.f.Tenants[p.Tenant].Clusters[p.Cluster].Segment]; s != nil && m.Site != s.Site {
		refuse("site", "", "machine %s stands in site %s, cluster %s.%s is in %s", m.Name, m.Site, p.Tenant, p.Cluster, s.Site)
	}
	if !matches(m.Labels, p.Pool.Selector) {
		refuse("labels", "", "machine %s lacks the labels that %s selects by", m.Name, p.Address())
	}
}

func matches(labels, selector map[string]string) bool {
	for k, v := range selector {
		if have, ok := labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// counts: each pool has as many machines as it wants, and the site has as many to give.
func (c *checker) counts() {
	for _, p := range c.f.Pools() {
		have := len(p.Machines)
		if have == p.Pool.Count || c.f.Leaving(p.Tenant, p.Cluster) != "" {
			continue
		}
		at := Query{address("tenant", p.Tenant), joinPath("cluster", p.Cluster, "pool", p.Name, "count")}
		hint := "`millwright allocate` gives it what it lacks"
		if have > p.Pool.Count {
			hint = "`millwright allocate` takes the last ones back"
		} else if free := len(c.f.candidates(p)); free < p.Pool.Count-have {
			has := "class " + p.Class
			if p.Class == "" {
				has = "its labels"
			}
			hint = fmt.Sprintf("%s free in its site that has %s: lower count, add machines, or take some from another pool", only(free), has)
		}
		var related []mention
		if _, ok := c.f.source.homes["allocation"]; ok {
			related = append(related, mention{Query{"allocation", joinPath(p.Tenant, p.Cluster, p.Name)}, "the machines allocated"})
		}
		c.report("MW203", at, fmt.Sprintf("%s wants %s, %d allocated", p.Address(), machines(p.Pool.Count), have), hint, related...)
	}
}

// candidates are the machines that a pool could still get, sorted by name.
func (f *Fleet) candidates(p PoolRef) []*Machine {
	segment := f.Segments[f.Tenants[p.Tenant].Clusters[p.Cluster].Segment]
	if segment == nil {
		return nil
	}
	taken := f.allocated()
	var out []*Machine
	for n, m := range All(f.Machines) {
		if !taken[n] && m.Lifecycle == InService && m.Role == RoleWorker && m.Provisioning == ProvisioningMetal3 &&
			(m.Class == p.Class || p.Class == "") && m.Site == segment.Site && matches(m.Labels, p.Pool.Selector) {
			out = append(out, m)
		}
	}
	return out
}

// allocated are the machines that the allocation names, whatever pool it names them for.
func (f *Fleet) allocated() map[string]bool {
	out := map[string]bool{}
	for _, clusters := range f.Allocation {
		for _, pools := range clusters {
			for _, machines := range pools {
				for _, m := range machines {
					out[m] = true
				}
			}
		}
	}
	return out
}

func machines(n int) string {
	if n == 1 {
		return "1 machine"
	}
	return fmt.Sprintf("%d machines", n)
}

func only(n int) string {
	switch n {
	case 0:
		return "no further machine is"
	case 1:
		return "only 1 further machine is"
	}
	return fmt.Sprintf("only %d further machines are", n)
}
