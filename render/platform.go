package render

import (
	"strings"

	"millwright.dev/millwright/internal/state"
)

const platformAPI = "management.loft.sh/v1"

const (
	kindTeam     = "Team.management.loft.sh"
	kindProject  = "Project.management.loft.sh"
	kindProvider = "NodeProvider.management.loft.sh"
	kindImage    = "OSImage.management.loft.sh"
	kindInstance = "VirtualClusterInstance.management.loft.sh"
	kindRole     = "ClusterRoleTemplate.management.loft.sh"
)

// platform renders what vCluster Platform has once: the node types of all pools with what these are
// installed with, the provider's own people, and what Platform itself is to be.
func (r *renderer) platform() {
	r.provider(append(r.images(), r.installing()...))
	r.identity()
	r.platformValues()
	r.standalone()
}

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
