package render

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// The kinds that queues are made of, as of Kueue 0.19, Volcano 1.15 and KAI 0.13.
const (
	kueueAPI   = "kueue.x-k8s.io/v1beta2"
	volcanoAPI = "scheduling.volcano.sh/v1beta1"
	kaiAPI     = "scheduling.run.ai/v2"
)

// queues adds the queues of the cluster's schedulers, each after the part of the stack that serves them.
func (in *install) queues() {
	flavored, parent := map[string]bool{}, false
	for name, q := range fleet.All(in.cluster.Queues) {
		switch in.fleet.SchedulerOf(in.cluster.Cluster, q) {
		case fleet.SchedulerKueue:
			for pool := range fleet.All(q.Quota) {
				if !flavored[pool] {
					flavored[pool] = true
					in.flavor(pool)
				}
			}
			in.kueue(name, q)
		case fleet.SchedulerVolcano:
			in.volcano(name, q)
		case fleet.SchedulerKAI:
			if !parent {
				parent = true
				in.kaiParent()
			}
			in.kai(name, q)
		}
	}
}

// queueAt is where a queue is written within its tenant.
func (in *install) queueAt(name string) string { return in.cluster.at(key("queue", name)) }

// queue adds one object of a scheduler, unless a component makes it already.
func (in *install) queue(scheduler, apiVersion, kind, namespace, name, at string, spec fields, on ...state.ID) state.ID {
	c, s := in.cluster, in.cluster.src()
	m := manifest{body: map[string]any{"apiVersion": apiVersion, "kind": kind}}
	id := in.id(m.kind(), namespace, name)
	if by, taken := in.by[id]; taken {
		in.report(diag.Diagnostic{
			Code: "MW308", Summary: fmt.Sprintf("%s is rendered twice: by component %s of stack %s and for a queue of the cluster", id, by, in.stack.Name),
			Hint: "leave it to one of them", Path: string(s) + "." + at, Pos: c.of.Pos,
		})
		return id
	}
	meta := fields{"name": s.because(at, "named after it", name)}
	if namespace != "" {
		meta["namespace"] = s.of(at, namespace)
	}
	tree := fields{"apiVersion": s.fixed(apiVersion), "kind": s.fixed(kind), "metadata": node(meta)}
	if len(spec) > 0 {
		tree["spec"] = node(spec)
	}
	on = slices.Concat([]state.ID{in.instanceID(c)}, in.gates[scheduler], on)
	in.add(state.Object{ID: id, Entity: c.entity(), After: after(unique(on)...), Tree: node(tree)})
	return id
}

// canonical is a quantity as API servers write it, so that it reads back as it was sent.
func canonical(quantity string) string {
	q, err := resource.ParseQuantity(quantity)
	if err != nil {
		return quantity // the schema has its form
	}
	return q.String()
}

// flavor tells Kueue which nodes a pool's are, and what keeps pods off them.
func (in *install) flavor(pool string) {
	s, at := in.cluster.src(), in.cluster.at("pool."+pool)
	p, spec := in.cluster.Pools[pool], fields{}
	if len(p.Labels) > 0 {
		spec["nodeLabels"] = node(s.labels(at+".labels", p.Labels))
	}
	if len(p.Taints) > 0 {
		spec["nodeTaints"] = taints(s, at+".taints", p.Taints)
	}
	in.queue(fleet.SchedulerKueue, kueueAPI, "ResourceFlavor", "", pool, at, spec)
}

// kueue adds a queue of Kueue. All queues of a cluster are in one cohort, in which they lend each other
// what is idle, and take it back.
func (in *install) kueue(name string, q *fleet.Queue) {
	s, at := in.cluster.src(), in.queueAt(name)
	var resources []string
	for _, amounts := range q.Quota {
		for r := range amounts {
			resources = append(resources, r)
		}
	}
	slices.Sort(resources)
	resources = slices.Compact(resources)
	var flavors, covered []state.Tree
	var on []state.ID
	for _, r := range resources {
		covered = append(covered, s.because(at+".quota", "all that it has a quota of", r))
	}
	for pool, amounts := range fleet.All(q.Quota) {
		on = append(on, in.id("ResourceFlavor.kueue.x-k8s.io", "", pool))
		var all []state.Tree
		for _, r := range resources { // the same for each flavor, in the same order: Kueue wants it so
			quota := s.because(at+".quota."+pool, "none of this pool", "0")
			if a, ok := amounts[r]; ok {
				quota = s.of(key(at+".quota."+pool, r), canonical(a))
			}
			of := fields{"name": s.because(at+".quota", "all that it has a quota of", r), "nominalQuota": quota}
			if !q.Borrow {
				of["borrowingLimit"] = s.because(at+".borrow", "nothing of others", "0")
			}
			all = append(all, node(of))
		}
		flavors = append(flavors, node(fields{"name": s.because(at+".quota."+pool, "the pool's", pool), "resources": list(all...)}))
	}
	// That all namespaces may is said by a label which all have: a server makes null of an empty map that
	// was not empty before, and refuses it.
	from := fields{"key": s.fixed("kubernetes.io/metadata.name"), "operator": s.because(at+".namespaces", "none is named, so all may", "Exists")}
	if len(q.Namespaces) > 0 {
		from["operator"], from["values"] = s.because(at+".namespaces", "those alone", "In"), s.texts(at+".namespaces", q.Namespaces)
	}
	clusterQueue := in.queue(fleet.SchedulerKueue, kueueAPI, "ClusterQueue", "", name, at, fields{
		"cohortName":        s.because(in.cluster.at("queue"), "one for all queues of the cluster", in.allQueues()),
		"namespaceSelector": node(fields{"matchExpressions": list(node(from))}),
		"preemption":        node(fields{"reclaimWithinCohort": s.because(at+".borrow", "what others borrowed comes back", "Any")}),
		"resourceGroups":    list(node(fields{"coveredResources": list(covered...), "flavors": list(flavors...)})),
	}, on...)
	for i, ns := range q.Namespaces {
		at := at + ".namespaces" + state.Index(i)
		in.queue(fleet.SchedulerKueue, kueueAPI, "LocalQueue", ns, name, at, fields{"clusterQueue": s.because(at, "the queue that it leads to", name)},
			clusterQueue, in.id("Namespace", "", ns))
	}
}

// allQueues names what holds all queues of the cluster together. No queue can be called so.
func (in *install) allQueues() string { return in.cluster.tenant + "." + in.cluster.name }

// sums are a queue's quotas over all pools, by resource.
func sums(q *fleet.Queue) map[string]resource.Quantity {
	all := map[string]resource.Quantity{}
	for _, amounts := range fleet.All(q.Quota) {
		for r, a := range amounts {
			if add, err := resource.ParseQuantity(a); err == nil {
				sum := all[r]
				sum.Add(add)
				all[r] = sum
			}
		}
	}
	return all
}

// volcano adds a queue of Volcano, which does not tell pools apart.
func (in *install) volcano(name string, q *fleet.Queue) {
	s, at := in.cluster.src(), in.queueAt(name)
	amounts := fields{}
	for r, a := range sums(q) {
		amounts[r] = s.because(at+".quota", "of all pools together", a.String())
	}
	spec := fields{"deserved": node(amounts), "reclaimable": s.because(at+".borrow", "what it borrowed goes back", true)}
	if !q.Borrow {
		spec["capability"] = node(amounts)
	}
	in.queue(fleet.SchedulerVolcano, volcanoAPI, "Queue", "", name, at, spec)
}

// unbounded is no limit in the queues of KAI.
const unbounded = -1

// kaiParent is what the cluster's queues are below: jobs go to queues that have one above.
func (in *install) kaiParent() {
	s, at := in.cluster.src(), in.cluster.at("queue")
	all := s.because(at, "bounded by the queues below", unbounded)
	each := node(fields{"quota": all, "limit": all, "overQuotaWeight": s.because(at, "it has no equal", 1)})
	in.queue(fleet.SchedulerKAI, kaiAPI, "Queue", "", in.allQueues(), at, fields{"resources": node(fields{"cpu": each, "memory": each, "gpu": each})})
}

// kai adds a queue of KAI, which does not tell pools apart and counts in units of its own: thousandths of
// a processor, millions of bytes, GPUs.
func (in *install) kai(name string, q *fleet.Queue) {
	s, at := in.cluster.src(), in.queueAt(name)
	have, resources := sums(q), fields{}
	for kai, r := range map[string]string{"cpu": "cpu", "memory": "memory", "gpu": "nvidia.com/gpu"} {
		of := fields{
			"quota": s.because(at+".quota", "nothing is guaranteed", 0), "limit": s.because(at+".quota", "not bounded", unbounded),
			"overQuotaWeight": s.because(at+".borrow", "all queues alike", 1),
		}
		if sum, ok := have[r]; ok {
			n := map[string]any{"cpu": sum.MilliValue(), "memory": sum.ScaledValue(resource.Mega), "gpu": sum.AsApproximateFloat64()}[kai]
			of["quota"] = s.because(at+".quota", "of all pools together, as KAI counts", n)
			if !q.Borrow {
				of["limit"] = s.because(at+".borrow", "nothing of others", n)
			}
		}
		resources[kai] = node(of)
	}
	parent := in.id("Queue.scheduling.run.ai", "", in.allQueues())
	in.queue(fleet.SchedulerKAI, kaiAPI, "Queue", "", name, at, fields{
		"parentQueue": s.because(in.cluster.at("queue"), "all queues of the cluster are below it", in.allQueues()), "resources": node(resources),
	}, parent)
}
