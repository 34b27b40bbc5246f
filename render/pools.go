package render

import (
	"strconv"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// autoNodes are the cluster's pools, all served by the one node provider: what is always there, and
// what Platform installs as pods need it.
func (r *renderer) autoNodes(c cluster) state.Tree {
	static, dynamic := []state.Tree{}, []state.Tree{}
	for _, p := range c.pools {
		if p.Pool.Automatic != nil {
			dynamic = append(dynamic, r.dynamicPool(c, p))
		}
		static = append(static, r.staticPool(c, p))
	}
	entry := fields{
		"provider": source("platform").of("metal3.nodeProvider", r.fleet.Platform.Metal3.NodeProvider),
		"static":   state.List(static, state.Origin{Entity: string(c.src()), Field: c.at("pool")}),
	}
	if len(dynamic) > 0 {
		entry["dynamic"] = list(dynamic...)
	}
	return list(node(entry))
}

// pool is what both sorts say of a pool under a name.
func (r *renderer) pool(c cluster, p fleet.PoolRef, name state.Tree) fields {
	s := c.src()
	pool := fields{
		"name": name,
		"nodeTypeSelector": list(node(fields{
			"property": s.fixed("vcluster.com/node-type"),
			"operator": s.fixed("In"),
			"values":   list(s.because(poolField(p, ""), "the pool's node type", p.NodeType())),
		})),
	}
	if len(p.Pool.Taints) > 0 {
		pool["taints"] = taints(s, poolField(p, "taints"), p.Pool.Taints)
	}
	if len(p.Pool.Labels) > 0 {
		pool["nodeLabels"] = node(s.labels(poolField(p, "labels"), p.Pool.Labels))
	}
	if p.Pool.Profile != "" {
		pool["profile"] = s.of(poolField(p, "profile"), p.Pool.Profile)
	}
	if p.Pool.Drain != "" {
		pool["terminationGracePeriod"] = s.of(poolField(p, "drain"), p.Pool.Drain)
	}
	return pool
}

// staticPool asks for as many machines as are allocated to a pool, of the pool's own node type; of an
// automatic pool for as many as are always there.
func (r *renderer) staticPool(c cluster, p fleet.PoolRef) state.Tree {
	s := c.src()
	pool := r.pool(c, p, s.because(poolField(p, ""), "the pool's name", p.Name))
	pool["quantity"] = s.because(poolField(p, "count"), "as many as are allocated", len(r.serving(p)))
	if p.Pool.Automatic != nil {
		pool["quantity"] = s.because(poolField(p, "floor"), "or as many as are allocated, if less", min(p.Pool.Floor, len(r.serving(p))))
	}
	return node(pool)
}

// dynamicPool lets Platform install machines of a pool as pods need them: never more than are
// allocated, and none of those that are always there twice.
func (r *renderer) dynamicPool(c cluster, p fleet.PoolRef) state.Tree {
	s, a := c.src(), p.Pool.Automatic
	at := poolField(p, "automatic")
	limits := s.labels(at+".limits", a.Limits)
	if a.Limits["nodes"] == "" {
		limits["nodes"] = s.because(poolField(p, "count"), "as many as are allocated, without the floor", strconv.Itoa(max(0, len(r.serving(p))-p.Pool.Floor)))
	}
	var budgets []state.Tree
	for i, b := range a.Budgets {
		at := at + ".budgets" + state.Index(i)
		budget := fields{"nodes": s.of(at+".nodes", b.Nodes)}
		if b.Schedule != "" {
			budget["schedule"] = s.of(at+".schedule", b.Schedule)
		}
		if b.Duration != "" {
			budget["duration"] = s.of(at+".duration", b.Duration)
		}
		budgets = append(budgets, node(budget))
	}
	pool := r.pool(c, p, s.because(poolField(p, ""), "the part of the pool that comes and goes", p.MoreName()))
	pool["limits"] = node(limits)
	pool["disruption"] = node(fields{
		"consolidationPolicy": s.of(at+".consolidate", a.Consolidate),
		"consolidateAfter":    s.of(at+".consolidateAfter", a.ConsolidateAfter),
		"budgets":             list(budgets...),
	})
	pool["expireAfter"] = s.of(at+".expireAfter", a.ExpireAfter)
	if a.Weight != 0 {
		pool["weight"] = s.of(at+".weight", a.Weight)
	}
	return node(pool)
}
