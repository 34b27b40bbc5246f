package fleet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// pools: what a pool wants fits what its machines are, and what it names is there.
func (c *checker) pools() {
	for n, k := range All(c.f.Classes) {
		c.resources(n, k)
	}
	stock := sync.OnceValue(func() map[[2]string][]*Machine { // by class and site; few fleets ask
		all := map[[2]string][]*Machine{}
		for _, m := range c.f.Machines {
			at := [2]string{m.Class, m.Site}
			all[at] = append(all[at], m)
		}
		return all
	})
	for tn, t := range All(c.f.Tenants) {
		for cn, cluster := range All(t.Clusters) {
			for pn, p := range All(cluster.Pools) {
				at := func(field string) Query {
					return Query{address("tenant", tn), joinPath("cluster", cn, "pool", pn) + field}
				}
				c.named(p, at)
				c.floor(pn, p, cluster, at)
				ref := c.f.poolRef(tn, cn, pn)
				c.classless(ref, at)
				if class := c.f.Classes[ref.Class]; class != nil {
					if s := c.f.Segments[cluster.Segment]; s != nil && (len(p.Selector) > 0 || p.Spread == PackLeaves) {
						c.selects(ref, class, s.Site, stock()[[2]string{ref.Class, s.Site}], at)
					}
					c.limits(ref, class, at)
				}
			}
		}
	}
}

// resources: a class offers no more than its machines have.
func (c *checker) resources(name string, k *Class) {
	e := address("class", name)
	have := map[string]float64{"cpu": float64(k.CPUs), "memory": float64(k.Memory) * (1 << 30)}
	if k.GPUs != nil {
		have["nvidia.com/gpu"] = float64(k.GPUs.Count)
	}
	for resource, has := range All(have) {
		if amount(k.Resources[resource]) > has {
			c.report("MW260", Query{e, joinPath("resources", resource)}, fmt.Sprintf("the class offers %s of %s, and a machine has %s", k.Resources[resource], resource, plain(has)),
				"leave it out: it follows from the hardware")
		}
	}
	for resource, reserved := range All(k.Reserved) {
		if amount(reserved) >= amount(k.Resources[resource]) {
			c.report("MW260", Query{e, joinPath("reserved", resource)}, fmt.Sprintf("%s of %s are reserved, and a machine has %s", reserved, resource, orNone(k.Resources[resource])), "nothing would be left for pods")
		}
	}
}

// limits: an automatic pool may want no more than its machines have together, and nothing that they
// don't have.
func (c *checker) limits(ref PoolRef, class *Class, at func(string) Query) {
	p := ref.Pool
	if p.Automatic == nil {
		return
	}
	for resource, limit := range All(p.Automatic.Limits) {
		query := at("." + joinPath("automatic", "limits", resource))
		if resource == "nodes" {
			if all := float64(p.Count - p.Floor); amount(limit) > all {
				c.report("MW260", query, fmt.Sprintf("a limit of %s nodes, and %s can come and go", limit, plain(all)), "count less floor; leave it out, and it follows", mention{at(".count"), "the pool's machines"})
			}
			continue
		}
		each, has := class.Resources[resource]
		if !has {
			c.report("MW263", query, fmt.Sprintf("machines of class %s have no %s", ref.Class, resource), "its resources are "+strings.Join(keys(class.Resources), ", "),
				mention{Query{address("class", ref.Class), ""}, "the class"})
			continue
		}
		if all := amount(each) * float64(p.Count); amount(limit) > all {
			c.report("MW260", query, fmt.Sprintf("a limit of %s of %s, and all that the pool has is %s", limit, resource, plain(all)), "raise count, or lower the limit",
				mention{at(".count"), "the pool's machines"})
		}
	}
	for i, b := range p.Automatic.Budgets {
		if (b.Schedule == "") != (b.Duration == "") {
			c.report("MW268", at(fmt.Sprintf(".automatic.budgets[%d]", i)), "a budget has a schedule and a duration, or neither", "without both it always holds")
		}
	}
}

// floor: a pool is not smaller than it may become, and its parts have names of their own.
func (c *checker) floor(name string, p *Pool, cluster *Cluster, at func(string) Query) {
	if p.Count < p.Floor {
		c.report("MW261", at(".count"), fmt.Sprintf("%s, and the pool may not fall below %d", machines(p.Count), p.Floor), "lower floor in a change of its own, if that is meant",
			mention{at(".floor"), "the floor"})
	}
	part := PoolRef{Name: name}.MoreName()
	if _, taken := cluster.Pools[part]; p.Automatic != nil && taken {
		c.report("MW268", at(""), fmt.Sprintf("what comes and goes of this pool is called %s in vcluster.yaml, and another pool is too", part), "rename one of the two")
	}
}

// selects: there are machines such as the pool wants, and they say what it chooses by.
func (c *checker) selects(ref PoolRef, class *Class, site string, stock []*Machine, at func(string) Query) {
	p := ref.Pool
	fits := func(m *Machine) bool { return matches(m.Labels, p.Selector) }
	if len(p.Selector) > 0 && len(stock) > 0 && !slices.ContainsFunc(stock, fits) {
		c.report("MW263", at(".selector"), fmt.Sprintf("no machine of class %s in site %s bears all of these labels", ref.Class, site), "machines have labels of their own: machine: \"...\": labels: {...}",
			mention{Query{address("class", ref.Class), ""}, "the class"})
	}
	if p.Spread != PackLeaves {
		return
	}
	where := "" // the first by name that does not say its leaf
	for _, m := range stock {
		if fits(m) && m.Leaf() == "" && (where == "" || m.Name < where) {
			where = m.Name
		}
	}
	for _, n := range class.NICs {
		if n.Role == InfiniBand {
			if where != "" {
				c.report("MW263", at(".spread"), fmt.Sprintf("the pool is packed by InfiniBand leaf, and machine %s does not say which is its", where), "write leaf at the first InfiniBand port of each machine of the class",
					mention{Query{address("machine", where), "nics"}, "its ports"})
			}
			return
		}
	}
	c.report("MW263", at(".spread"), fmt.Sprintf("the pool is packed by InfiniBand leaf, and class %s has no InfiniBand port", ref.Class), "pack it by rack: spread: \"pack\"",
		mention{Query{address("class", ref.Class), ""}, "the class"})
}

// units are what the suffix of a Kubernetes quantity multiplies by.
var units = map[string]float64{
	"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
	"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50,
}

// amount is a Kubernetes quantity as a number; the schema has seen to its form.
func amount(quantity string) float64 {
	digits := strings.TrimRight(quantity, "mkMGTPi")
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0
	}
	if by, ok := units[quantity[len(digits):]]; ok {
		n *= by
	}
	return n
}

// plain writes a number for people, in GiB if it is one of bytes.
func plain(n float64) string {
	if n >= 1<<30 {
		return strconv.FormatFloat(n/(1<<30), 'f', -1, 64) + "Gi"
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
