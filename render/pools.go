package render

import (
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// autoNodes are the cluster's pools, all served by the one node provider.
func (r *renderer) autoNodes(c cluster) state.Tree {
	static := []state.Tree{}
	for _, p := range c.pools {
		static = append(static, r.staticPool(c, p))
	}
	return list(node(fields{
		"provider": source("platform").of("metal3.nodeProvider", r.fleet.Platform.Metal3.NodeProvider),
		"static":   state.List(static, state.Origin{Entity: string(c.src()), Field: c.at("pool")}),
	}))
}

// staticPool asks for as many machines as are allocated to a pool, of the pool's own node type.
func (r *renderer) staticPool(c cluster, p fleet.PoolRef) state.Tree {
	s := c.src()
	pool := fields{
		"name":     s.because(poolField(p, ""), "the pool's name", p.Name),
		"quantity": s.because(poolField(p, "count"), "as many as are allocated", len(r.serving(p))),
		"nodeTypeSelector": list(node(fields{
			"property": s.fixed("vcluster.com/node-type"),
			"operator": s.fixed("In"),
			"values":   list(s.because(poolField(p, ""), "the pool's node type", p.NodeType())),
		})),
	}
	var taints []state.Tree
	for i, t := range p.Pool.Taints {
		at := poolField(p, "taints") + state.Index(i)
		taints = append(taints, node(fields{
			"key":    s.of(at+".key", t.Key),
			"value":  s.of(at+".value", t.Value),
			"effect": s.of(at+".effect", t.Effect),
		}))
	}
	if taints != nil {
		pool["taints"] = list(taints...)
	}
	if len(p.Pool.Labels) > 0 {
		pool["nodeLabels"] = node(s.labels(poolField(p, "labels"), p.Pool.Labels))
	}
	return node(pool)
}
