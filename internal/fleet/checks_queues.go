package fleet

import (
	"fmt"
	"slices"
	"strings"
)

// Kueue takes so many labels and taints in a ResourceFlavor.
const maxFlavor = 8

// kaiResources are what the queues of KAI have quotas of.
var kaiResources = []string{"cpu", "memory", "nvidia.com/gpu"}

// queues: schedulers have the queues that are written, and what queues and namespaces are promised is
// there.
func (c *checker) queues() {
	for tn, t := range All(c.f.Tenants) {
		for cn, k := range All(t.Clusters) {
			cc := clusterCheck{c, tn, cn, k, t}
			for qn, q := range All(k.Queues) {
				cc.scheduler(qn, q)
				cc.quota(qn, q)
			}
			cc.guarantees()
			cc.namespaceQuotas()
		}
	}
}

// scheduler: the stack has the queue's scheduler, which can have such a queue.
func (c clusterCheck) scheduler(name string, q *Queue) {
	refuse := func(summary, hint string, path ...string) {
		c.report("MW293", c.at(append([]string{"queue", name}, path...)...), summary, hint)
	}
	var have []string
	if s := c.f.Stacks[c.Stack]; s != nil {
		have = s.Queueing()
	}
	switch by := c.f.SchedulerOf(c.Cluster, q); {
	case len(have) == 0:
		refuse(fmt.Sprintf("the stack of %s has no scheduler whose queues Millwright writes", c), "put kueue, volcano or kai-scheduler into the stack's catalogue; Run:ai makes its queues itself")
	case by == "":
		refuse(fmt.Sprintf("the stack of %s has several schedulers, %s, and queue %s does not say whose it is", c, strings.Join(have, " and "), name), "write scheduler in the queue")
	case !slices.Contains(have, by):
		refuse(fmt.Sprintf("queue %s is one of %s, which the stack of %s does not have", name, by, c), "it has "+strings.Join(have, " and "), "scheduler")
	case by == SchedulerKueue:
		c.flavors(name, q)
	default:
		if len(q.Namespaces) > 0 {
			refuse(fmt.Sprintf("%s has no queues of namespaces", by), "leave namespaces out: each pod says which queue is its", "namespaces")
		}
		for pool, amounts := range All(q.Quota) {
			for resource := range All(amounts) {
				if by == SchedulerKAI && !slices.Contains(kaiResources, resource) {
					refuse(fmt.Sprintf("queues of %s have no quota of %s", by, resource), "they have quotas of "+strings.Join(kaiResources, ", "), "quota", pool, resource)
				}
			}
		}
	}
}

// flavors: Kueue can tell the queue's pools from the cluster's others.
func (c clusterCheck) flavors(name string, q *Queue) {
	for pn := range All(q.Quota) {
		p := c.Pools[pn]
		if p == nil {
			continue // told elsewhere
		}
		at := c.at("queue", name, "quota", pn)
		if len(p.Labels) > maxFlavor || len(p.Taints) > maxFlavor {
			c.report("MW293", at, fmt.Sprintf("pool %s has more than %d labels or taints, and Kueue's flavors have no more", pn, maxFlavor), "leave out some of the pool's", mention{c.at("pool", pn), "the pool"})
		}
		for other, o := range All(c.Pools) {
			if other != pn && !disjoint(p.Labels, o.Labels) {
				c.report("MW293", at, fmt.Sprintf("Kueue cannot tell pool %s from pool %s, so that jobs of one quota would run on the other's machines", pn, other),
					"give both a label in common with different values; machines that have joined already get it when they join again", mention{c.at("pool", pn), "the pool"}, mention{c.at("pool", other), "the other"})
				break
			}
		}
	}
}

// quota: a queue names pools, resources and namespaces that there are, and is promised something.
func (c clusterCheck) quota(name string, q *Queue) {
	some := false
	for pn, amounts := range All(q.Quota) {
		p := c.Pools[pn]
		if p == nil {
			c.report("MW291", c.at("queue", name, "quota", pn), fmt.Sprintf("cluster %s has no pool %s", c, pn), hintNames("its pools are", keys(c.Pools)))
			some = true
			continue
		}
		of := c.classOf(pn)
		class := c.f.Classes[of]
		if class == nil {
			return // told elsewhere
		}
		for resource, a := range All(amounts) {
			some = some || amount(a) > 0
			if _, has := class.Resources[resource]; !has {
				c.report("MW291", c.at("queue", name, "quota", pn, resource), fmt.Sprintf("machines of class %s have no %s", of, resource), hintNames("its resources are", keys(class.Resources)),
					mention{Query{address("class", of), ""}, "the class"})
			}
		}
	}
	if !some {
		c.report("MW296", c.at("queue", name, "quota"), fmt.Sprintf("queue %s of %s is promised nothing", name, c), "write what it is guaranteed of which pool, or remove the queue")
	}
	for i, ns := range q.Namespaces {
		if c.Namespaces[ns] == nil {
			c.report("MW292", c.at("queue", name, fmt.Sprintf("namespaces[%d]", i)), fmt.Sprintf("cluster %s has no namespace %s", c, ns), hintNames("write namespace: "+ns+": {}, or name one that it has:", keys(c.Namespaces)))
		}
	}
}

func hintNames(what string, names []string) string {
	if len(names) == 0 {
		names = []string{"none"}
	}
	return what + " " + strings.Join(names, ", ")
}

// slightly is by how much sums may differ for being made of fractions.
const slightly = 1 + 1e-9

// guarantees: the queues of a cluster are together promised no more than its pools have.
func (c clusterCheck) guarantees() {
	for pn, p := range All(c.Pools) {
		class := c.f.Classes[c.classOf(pn)]
		if class == nil {
			continue
		}
		has := class.usable(p.Count)
		sum, told := map[string]float64{}, map[string]bool{}
		for qn, q := range All(c.Queues) {
			for resource, a := range All(q.Quota[pn]) {
				sum[resource] += amount(a)
				if _, known := class.Resources[resource]; known && !told[resource] && sum[resource] > has[resource]*slightly {
					told[resource] = true
					c.report("MW290", c.at("queue", qn, "quota", pn, resource), fmt.Sprintf("the queues of %s up to this one are promised %s of %s, and pool %s has %s", c, plain(sum[resource]), resource, pn, plain(has[resource])),
						"lower the quotas, or raise the pool's count", mention{c.at("pool", pn, "count"), "the pool's machines"})
				}
			}
		}
	}
}

// usable is what pods can have of so many machines of a class.
func (k *Class) usable(machines int) map[string]float64 {
	all := map[string]float64{}
	for resource, a := range k.Resources {
		all[resource] = float64(machines) * (amount(a) - amount(k.Reserved[resource]))
	}
	return all
}

// namespaceQuotas: no namespace of a cluster is promised more than all its pools have. Together they may be:
// a quota keeps nothing free, but then not all can have theirs at once.
func (c clusterCheck) namespaceQuotas() {
	has := map[string]float64{"cpu": 0, "memory": 0, "nvidia.com/gpu": 0}
	machines := 0
	for pn, p := range c.Pools {
		if class := c.f.Classes[c.classOf(pn)]; class != nil {
			machines += p.Count
			for resource, n := range class.usable(p.Count) {
				has[resource] += n
			}
		}
	}
	if machines == 0 {
		return // shared nodes, or none for now
	}
	sum, told := map[string]float64{}, map[string]bool{}
	for name, n := range All(c.Namespaces) {
		for resource, quota := range All(n.Quota) {
			asked := strings.TrimPrefix(resource, "requests.")
			most, known := has[asked]
			if !known {
				continue
			}
			at, a := c.at("namespace", name, "quota", resource), amount(quota)
			sum[resource] += a
			switch {
			case a > most*slightly:
				told[resource] = true
				c.report("MW294", at, fmt.Sprintf("the pods of namespace %s may ask for %s of %s, and all pools of %s together have %s", name, quota, asked, c, plain(most)), "lower the quota, or raise a pool's count")
			case sum[resource] > most*slightly && !told[resource]:
				told[resource] = true
				c.warn("MW295", at, fmt.Sprintf("the namespaces of %s up to this one may ask for %s of %s together, and all its pools have %s", c, plain(sum[resource]), asked, plain(most)),
					"that is right where they do not need it at the same time; a queue guarantees what it promises")
			}
		}
	}
}
