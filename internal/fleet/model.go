package fleet

import (
	"sync"

	"millwright.dev/millwright/internal/diag"
)

// Fleet is a whole fleet as its repository says it, defaults filled in. Maps are by name; use [All]
// to go through one in order. A Fleet is never changed after Load.
type Fleet struct {
	Platform *Platform
	Policy   *Policy
	Sites    map[string]*Site
	Classes  map[string]*Class
	Images   map[string]*Image
	Machines map[string]*Machine
	Segments map[string]*Segment
	Stacks   map[string]*Stack
	Tenants  map[string]*Tenant
	// Profiles are the fleet's own, beside those that are built in; see Fleet.Profile.
	Profiles map[string]*Profile
	// Approvals change nothing of what is wanted, only what of it may be done.
	Approvals map[string]*Approval
	// Allocation says which machines serve which pool; empty where no allocation file is.
	Allocation Allocation

	once   sync.Once // of index
	index  index     // who serves what, see access.go
	source *source   // what Locate recompiles from
}

// Shared is everything that any other thing in the fleet may be made of, which is all but machines,
// tenants, approvals and the allocation. What a load made again without need is the same pointer as before.
func (f *Fleet) Shared() []any {
	all := []any{f.Platform, f.Policy}
	all = appendAll(all, f.Sites)
	all = appendAll(all, f.Classes)
	all = appendAll(all, f.Images)
	all = appendAll(all, f.Segments)
	all = appendAll(all, f.Profiles)
	return appendAll(all, f.Stacks)
}

func appendAll[V any](to []any, m map[string]V) []any {
	for _, v := range All(m) {
		to = append(to, v)
	}
	return to
}

// Meta is what every entity knows about itself.
type Meta struct {
	// Name is the key under which the entity was written; empty for platform, policy and allocation.
	Name string `json:"-"`
	// Pos is where the entity itself was written, never a place in the schema.
	Pos diag.Pos `json:"-"`
}

// Allocation is which machines serve which pool: tenant, cluster, pool, names in the order given.
type Allocation map[string]map[string]map[string][]string
