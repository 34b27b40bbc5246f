package render

import (
	"context"
	"maps"
	"slices"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// Renderer renders a fleet again and again, as an agent does: what is made of things that have not
// changed is taken from the last rendering. The result is that of [Render]; only the time differs. The
// zero Renderer is ready. It is not for several goroutines at once.
//
// It goes by identity: a fleet whose loader is the same shares what did not change, and nothing that
// was loaded ever changes.
type Renderer struct{ last *memory }

// memory is a finished rendering.
type memory struct {
	shared     []any // what every unit may depend on
	units      map[string]*unit
	components map[componentKey]*component
	set        state.Set
}

// unit is what is rendered for one machine or one tenant, or for the platform. Beside its inputs it
// depends on nothing but what [fleet.Fleet.Shared] lists: everything but machines, tenants and the
// allocation, of which there are many that change.
type unit struct {
	inputs  []any // compared with ==
	objects []state.Object
	found   diag.List
}

// Render is what the function [Render] does.
func (re *Renderer) Render(ctx context.Context, f *fleet.Fleet, in Inputs) (state.Set, diag.List) {
	r := &renderer{ctx: ctx, fleet: f, files: in.FS, charts: in.Charts, clusters: clustersOf(f),
		last: &memory{}, next: &memory{shared: f.Shared(), units: map[string]*unit{}, components: map[componentKey]*component{}}}
	if re.last != nil && slices.Equal(re.last.shared, r.next.shared) {
		r.last = re.last
	}
	r.all()
	var drop []state.ID
	var add []state.Object
	var found diag.List
	for _, c := range r.next.components {
		found = append(found, c.found...) // sorted below
	}
	for name, u := range fleet.All(r.next.units) {
		found = append(found, u.found...)
		if old := r.last.units[name]; old != u {
			drop = append(drop, old.ids()...)
			add = append(add, u.objects...)
		}
	}
	for name, u := range r.last.units {
		if r.next.units[name] == nil {
			drop = append(drop, u.ids()...)
		}
	}
	if found = found.Sort(); found.Err() != nil {
		return state.Set{}, found
	}
	set, err := r.last.set.Replace(drop, add, r.named)
	if err != nil {
		return state.Set{}, append(found, diag.Diagnostic{Code: "MW308", Summary: err.Error()})
	}
	r.next.set, re.last = set, r.next
	return set, found
}

// ids are the addresses of what was rendered; a unit that is not there has none.
func (u *unit) ids() []state.ID {
	if u == nil {
		return nil
	}
	ids := make([]state.ID, len(u.objects))
	for i, o := range u.objects {
		ids[i] = o.ID
	}
	return ids
}

// unitOf renders a unit, or takes it over if its inputs are those of the last time; without inputs it
// is always rendered.
func (r *renderer) unitOf(name string, inputs []any, render func()) {
	if old := r.last.units[name]; old != nil && inputs != nil && slices.Equal(old.inputs, inputs) {
		r.next.units[name] = old
		return
	}
	r.unit = &unit{inputs: inputs}
	r.next.units[name] = r.unit
	render()
	r.refuse(r.unit.objects)
	r.outside(r.unit.objects)
	for i := range r.unit.objects {
		o := &r.unit.objects[i]
		o.ObserveOnly = r.observeOnly(*o)
	}
}

// machineInputs are what a machine's unit is made of: itself, and the tenant and the place in the
// allocation that it serves in.
func (r *renderer) machineInputs(name string, m *fleet.Machine) []any {
	p, ok := r.fleet.PoolOf(name)
	if !ok {
		return []any{m}
	}
	return []any{m, r.fleet.Tenants[p.Tenant], p.Address(), slices.Index(p.Machines, name)}
}

// tenantInputs are what a tenant's unit is made of: itself, the machines that are allocated to it, the
// components of its stacks, and the tenants that its segments are joined with.
func (r *renderer) tenantInputs(name string, t *fleet.Tenant) []any {
	inputs := []any{t}
	for _, c := range r.clusters[name] {
		if c.Stack != "" {
			parts := r.parts(c)
			for _, n := range slices.Sorted(maps.Keys(parts)) {
				inputs = append(inputs, parts[n])
			}
		}
		if !c.shared() {
			for peer := range fleet.All(c.segment.Peers) {
				inputs = append(inputs, r.fleet.Tenants[r.fleet.TenantOf(peer)])
			}
		}
		for _, p := range c.pools {
			inputs = append(inputs, p.Address())
			for _, m := range p.Machines {
				inputs = append(inputs, m, r.fleet.Machines[m])
			}
		}
	}
	return inputs
}
