package web

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
)

// withheld stands where a text may name other tenants.
const withheld = "not shown: it may concern others"

// scopedFloor is what a scope leaves of a floor, with what is looked up in it again and again.
type scopedFloor struct {
	Floor
	scope    Scope
	machines map[string]int // index by name
	racks    map[[2]string][]int
	wanted   map[state.System]int // objects
	owners   map[string]string    // tenant by entity, of segments
	ports    map[string]string    // machine by InfiniBand port
}

// floor is what the scope leaves of a floor, which may be nil.
func (s Scope) floor(f *Floor) *scopedFloor {
	out := &scopedFloor{scope: s, machines: map[string]int{}, racks: map[[2]string][]int{}, wanted: map[state.System]int{}, owners: map[string]string{}, ports: map[string]string{}}
	if f == nil {
		return out
	}
	out.Floor = *f
	if !s.All {
		s.reduce(&out.Floor)
	}
	for _, g := range out.Segments {
		out.owners["segment/"+g.Name] = g.Tenant
	}
	for i, m := range out.Machines {
		out.machines[m.Name] = i
		for _, n := range m.NICs {
			if n.Port != "" {
				out.ports[n.Port] = m.Name
			}
		}
		at := [2]string{m.Site, m.Rack}
		out.racks[at] = append(out.racks[at], i)
	}
	if !s.All {
		var kept []state.Object
		for o := range f.Objects.All() {
			if out.shows(o.Entity, o.ID.String()) {
				kept = append(kept, o)
			}
		}
		out.Objects, _ = state.NewSet(kept, nil) // a part of a set has no two objects of one ID
		maps.DeleteFunc(out.Positions, func(entity, _ string) bool { return !out.shows(entity, "") })
	}
	for o := range out.Objects.All() {
		out.wanted[o.ID.Target.System]++
	}
	return out
}

// reduce leaves what is the scope's tenants' in the lists of a floor.
func (s Scope) reduce(f *Floor) {
	f.Tenants = slices.DeleteFunc(slices.Clone(f.Tenants), func(t Tenant) bool { return !s.has(t.Name) })
	f.Machines = slices.DeleteFunc(slices.Clone(f.Machines), func(m Machine) bool { return !s.has(m.Tenant) })
	for i := range f.Machines {
		f.Machines[i].Description = "" // whose it was may stand there
	}
	f.Segments = slices.DeleteFunc(slices.Clone(f.Segments), func(g Segment) bool { return !s.has(g.Tenant) })
	names := map[string]bool{}
	for _, g := range f.Segments {
		names[g.Name] = true
	}
	for i := range f.Segments {
		f.Segments[i].Peers = slices.DeleteFunc(slices.Clone(f.Segments[i].Peers), func(p string) bool { return !names[p] })
	}
	var stacks []Stack
	for _, k := range f.Stacks {
		k.Clusters = slices.DeleteFunc(slices.Clone(k.Clusters), func(c string) bool {
			tenant, _, _ := strings.Cut(c, "/")
			return !s.has(tenant)
		})
		if len(k.Clusters) > 0 {
			stacks = append(stacks, k)
		}
	}
	f.Stacks = stacks
	sites := map[string]bool{}
	for _, m := range f.Machines {
		sites[m.Site] = true
	}
	f.Sites = slices.DeleteFunc(slices.Clone(f.Sites), func(t Site) bool { return !sites[t.Name] })
	for i := range f.Sites {
		f.Sites[i].Description = ""
	}
	quiet := map[string]string{}
	for entity, why := range f.Quiet {
		if _, _, tenant := entityWords(entity); tenant != "" && s.has(tenant) {
			quiet[entity] = why
		}
	}
	f.Quiet, f.Positions = quiet, maps.Clone(f.Positions)
}

func (s Scope) has(tenant string) bool {
	return s.All || tenant != "" && slices.Contains(s.Tenants, tenant)
}

// shows reports whether what is for an entity, at an address, is within the scope.
func (f *scopedFloor) shows(entity, address string) bool {
	if f.scope.All {
		return true
	}
	kind, name, tenant := entityWords(entity)
	switch kind {
	case "tenant", "cluster", "pool":
		if !f.scope.has(tenant) {
			return false
		}
	case "segment":
		if !f.scope.has(f.owners[entity]) {
			return false
		}
	case "machine":
		if _, ok := f.machines[name]; !ok {
			return false
		}
	default:
		return false
	}
	// What is for the machine that one has may lie at somebody else's: its place in another segment.
	part := f.machineOf(address)
	if part == "" {
		return true
	}
	_, own := f.machines[part]
	return own
}

// report is what the scope leaves of a report, which may be nil. What is wanted is the tenant's own; what
// is there, and why something waits, may name others and is left out.
func (s Scope) report(r *report.Report, f *scopedFloor) *report.Report {
	if r == nil || s.All {
		return r
	}
	out := *r
	out.Counts, out.Items, out.Unreachable, out.Alarms, out.Networks = nil, nil, nil, nil, nil
	out.Source.Subject, out.Source.Signer, out.Journal = "", "", nil
	if out.Source.Error != "" {
		out.Source.Error, out.Source.Refused = withheld, ""
	}
	for _, i := range r.Items {
		if f.shows(i.Entity, i.Address) {
			out.Items = append(out.Items, reduced(i, f))
		}
	}
	for _, n := range r.Networks {
		if s.has(n.Tenant) && f.shows(n.Entity, "") { // whose the segment was when they were read, and whose it is
			out.Networks = append(out.Networks, n)
		}
	}
	for _, u := range r.Unreachable {
		if f.reaches(u.Target) {
			u.Why = withheld
			out.Unreachable = append(out.Unreachable, u)
		}
	}
	return &out
}

// reaches reports whether a target is a machine or a cluster of the scope.
func (f *scopedFloor) reaches(target string) bool {
	system, name, _ := strings.Cut(target, "/")
	switch state.System(system) {
	case state.Redfish:
		_, ok := f.machines[name]
		return ok
	case state.Kubernetes:
		tenant, _, ok := strings.Cut(name, ".")
		return ok && f.scope.has(tenant)
	}
	return false
}

func reduced(i report.Item, f *scopedFloor) report.Item {
	i.Fields, i.Held = slices.Clone(i.Fields), slices.Clone(i.Held)
	for n := range i.Fields {
		if i.Fields[n].Old != nil {
			i.Fields[n].Old = withheld
		}
		i.Fields[n].Who = nil
		if i.Fields[n].Origin.Entity != "" && !f.shows(i.Fields[n].Origin.Entity, "") {
			i.Fields[n].Origin = state.Origin{}
		}
	}
	i.Consent = nil // it names people of the provider, and may be for others too
	for n := range i.Held {
		i.Held[n].Why, i.Held[n].Until = withheld, ""
	}
	if i.Note != "" {
		i.Note = withheld
	}
	var waits []string
	for _, w := range i.Waits {
		if o, ok := f.object(w); ok && f.shows(o.Entity, w) {
			waits = append(waits, w)
		} else if !slices.Contains(waits, withheld) {
			waits = append(waits, withheld)
		}
	}
	i.Waits = waits
	return i
}

// object is the desired object at an address.
func (f *scopedFloor) object(address string) (state.Object, bool) {
	id, err := state.ParseID(address)
	if err != nil {
		return state.Object{}, false
	}
	return f.Objects.Get(id)
}

// machineOf is the machine that an address leads to, or "". A port of no machine that the reader may see
// is called by its own name, which no machine has.
func (f *scopedFloor) machineOf(address string) string {
	id, err := state.ParseID(address)
	if err != nil {
		return ""
	}
	part, name, _ := strings.Cut(id.Part, "/")
	switch {
	case id.Target.System == state.Redfish:
		return id.Target.Name
	case id.Target.System == state.UFM && part == "guid":
		return cmp.Or(f.ports[name], name)
	case id.Target.System == state.Netris && part == "server":
		name, _, _ = strings.Cut(name, "/")
		return name
	case id.Target.System == state.Netris && id.Kind == "server", strings.HasSuffix(id.Kind, ".metal3.io"):
		return id.Name
	}
	return ""
}
