package render

import (
	"strconv"
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

const platformAPI = "management.loft.sh/v1"

const (
	kindTeam     = "Team.management.loft.sh"
	kindProject  = "Project.management.loft.sh"
	kindProvider = "NodeProvider.management.loft.sh"
	kindImage    = "OSImage.management.loft.sh"
	kindInstance = "VirtualClusterInstance.management.loft.sh"
)

// platform renders what vCluster Platform has once: the node types of all pools, and what these are
// installed with.
func (r *renderer) platform() { r.provider(append(r.images(), r.installing()...)) }

// platformObject is an object of Platform's API with its spec.
func (r *renderer) platformObject(s source, id state.ID, spec fields) state.Tree {
	kind, _, _ := strings.Cut(id.Kind, ".")
	return node(fields{
		"apiVersion": s.fixed(platformAPI),
		"kind":       s.fixed(kind),
		"metadata":   node(r.metadata(s, id, nil)),
		"spec":       node(spec),
	})
}

// owner is the Platform user that owns what Millwright makes there.
func (r *renderer) owner() state.Tree {
	return node(fields{"user": source("platform").of("owner", r.fleet.Platform.Owner)})
}

// team is the tenant's people: the groups at the identity provider.
func (r *renderer) team(name string, t *fleet.Tenant) {
	s := source("tenant/" + name)
	groups := make([]state.Tree, len(t.Admins))
	for i, admin := range t.Admins {
		groups[i] = s.because("admins"+state.Index(i), "the group without its prefix", strings.TrimPrefix(admin, "idp:"))
	}
	id := r.control(kindTeam, "", name)
	r.add(state.Object{ID: id, Entity: string(s), Tree: r.platformObject(s, id, fields{
		"displayName": s.of("displayName", t.DisplayName),
		"owner":       r.owner(),
		"groups":      list(groups...),
	})})
}

// project is what the tenant may do: see and administer its own project, and have as many machines
// of its own node types as are allocated to it. Access rules are always written: without any,
// Platform lets everybody in.
func (r *renderer) project(name string, t *fleet.Tenant) {
	s, p := source("tenant/"+name), r.fleet.Platform
	types, machines := []state.Tree{}, 0
	for _, pool := range r.fleet.Pools() {
		if pool.Tenant == name {
			types = append(types, node(fields{"name": s.because(poolField(pool, ""), "the pool's node type", p.Metal3.NodeProvider+"."+pool.NodeType())}))
			if r.fleet.Leaving(name, pool.Cluster) == "" {
				machines += len(r.serving(pool))
			}
		}
	}
	quota := s.because("cluster", "as many machines as are allocated to clusters that stay", strconv.Itoa(machines))
	team := s.fixed(name)
	id := r.control(kindProject, "", name)
	r.add(state.Object{ID: id, Entity: string(s), After: after(r.control(kindTeam, "", name)), Tree: r.platformObject(s, id, fields{
		"displayName":     s.of("displayName", t.DisplayName),
		"owner":           r.owner(),
		"allowedClusters": list(node(fields{"name": source("platform").of("clusterRef", p.ClusterRef)})),
		// An empty list allows none; no list would allow all.
		"allowedNodeTypes": state.List(types, state.Origin{Entity: string(s), Field: "cluster", Note: "the tenant's own node types"}),
		"quotas": node(fields{"project": node(fields{
			"nodeclaims": quota,
			"nodeclaims.provider=" + p.Metal3.NodeProvider: quota,
		})}),
		"requireTemplate": node(fields{"disabled": s.fixed(true)}), // instances carry their template
		"members": list(node(fields{
			"kind":        s.fixed("Team"),
			"group":       s.fixed("storage.loft.sh"),
			"name":        team,
			"clusterRole": s.fixed("loft-management-project-admin"),
		})),
		"access": list(node(fields{
			"name":         s.fixed("team"),
			"verbs":        s.fixed([]any{"get"}),
			"subresources": s.fixed([]any{"*"}),
			"teams":        list(team),
		})),
	})})
}
