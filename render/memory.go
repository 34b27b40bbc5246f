package render

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

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
	shared     []any         // what every unit may depend on
	units      map[any]*unit // by the machine, the tenant, or the name of what there is once
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
	r := begin(ctx, f, in, re.last)
	r.units()
	set, found := r.finish(in)
	if found.Err() == nil || in.Partial && found.Incomplete() {
		r.next.set, re.last = set, r.next
	}
	return set, found
}

// begin finds out which units there are and which of them are those of a rendering before, which may be nil.
func begin(ctx context.Context, f *fleet.Fleet, in Inputs, last *memory) *renderer {
	r := &renderer{ctx: ctx, fleet: f, files: in.FS, charts: in.Charts, clusters: clustersOf(f),
		last: &memory{}, next: &memory{shared: f.Shared(), units: make(map[any]*unit, len(f.Machines)+len(f.Tenants)+2), components: map[componentKey]*component{}}}
	if last != nil && slices.Equal(last.shared, r.next.shared) {
		r.last = last
	}
	r.all()
	return r
}

// finish makes the set of a rendering out of the last one's.
func (r *renderer) finish(in Inputs) (state.Set, diag.List) {
	var drop []state.ID
	var add []state.Object
	var found diag.List
	for _, c := range r.next.components {
		found = append(found, c.found...) // sorted below
	}
	for of, u := range r.next.units {
		found = append(found, u.found...)
		if old := r.last.units[of]; old != u {
			drop = append(drop, old.ids()...)
			add = append(add, u.objects...)
		}
	}
	for of, u := range r.last.units {
		if r.next.units[of] == nil {
			drop = append(drop, u.ids()...)
		}
	}
	if found = found.Sort(); found.Err() != nil && !(in.Partial && found.Incomplete()) {
		return state.Set{}, r.fleet.Placed(r.ctx, found)
	}
	set, err := r.last.set.Replace(drop, add, entities(r.fleet))
	if err != nil {
		return state.Set{}, append(found, diag.Diagnostic{Code: "MW308", Summary: err.Error()})
	}
	return set, found
}

// Differ renders of two fleets that one loader loaded what is not the same in both: of each, the objects of those
// machines and tenants whose rendering differs in what it is made of, or that the other has not. What is left out
// is the same in both, and was found right if the first was. The findings are of what was rendered.
func Differ(ctx context.Context, was *fleet.Fleet, wasIn Inputs, is *fleet.Fleet, isIn Inputs) (a, b state.Set, foundA, foundB diag.List) {
	old := begin(ctx, was, wasIn, nil)
	now := begin(ctx, is, isIn, old.next)
	same := func(of any) bool { return now.next.units[of] == old.next.units[of] }
	old.todo = slices.DeleteFunc(old.todo, func(j job) bool { return same(j.of) })
	old.units()
	now.units()
	for of := range now.next.units {
		if same(of) {
			delete(now.next.units, of)
			delete(old.next.units, of)
		}
	}
	now.last = &memory{}
	a, foundA = old.finish(wasIn)
	b, foundB = now.finish(isIn)
	return a, b, foundA, foundB
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

// keeps takes the unit of a machine over that serves where it served the last time.
func (r *renderer) keeps(m *fleet.Machine, where serving) bool {
	old := r.last.units[m]
	if old == nil || old.inputs[0] != any(where) {
		return false
	}
	r.next.units[m] = old
	return true
}

// unitOf has the unit of something rendered, or takes it over if its inputs are those of the last time.
func (r *renderer) unitOf(something any, inputs []any, render func(*renderer)) {
	if old := r.last.units[something]; old != nil && slices.Equal(old.inputs, inputs) {
		r.next.units[something] = old
		return
	}
	u := &unit{inputs: inputs}
	r.next.units[something] = u
	r.todo = append(r.todo, job{something, func() {
		own := *r
		own.unit = u
		render(&own)
		own.refuse(u.objects)
		own.outside(u.objects)
		for i := range u.objects {
			o := &u.objects[i]
			o.ObserveOnly = own.observeOnly(*o)
		}
	}})
}

// job renders the unit of something.
type job struct {
	of any
	do func()
}

// units renders what is to be rendered, on all processors: no unit knows of another.
func (r *renderer) units() {
	var next atomic.Int64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for n := next.Add(1); n <= int64(len(r.todo)); n = next.Add(1) {
				r.todo[n-1].do()
			}
		})
	}
	all.Wait()
}

// serving is where a machine serves.
type serving struct {
	tenant *fleet.Tenant
	pool   *fleet.Pool
	class  string // the pool's, which may follow from another machine
	index  int    // in the allocation
}

// serves is where a machine serves: what its unit is made of beside the machine.
func (r *renderer) serves(name string) serving {
	p, ok := r.fleet.PoolOf(name)
	if !ok {
		return serving{}
	}
	return serving{r.fleet.Tenants[p.Tenant], p.Pool, p.Class, slices.Index(p.Machines, name)}
}

// platformInputs are what the platform's unit is made of: the node types of all pools, which are their
// tenants', and the classes of their machines, which may follow from these.
func (r *renderer) platformInputs() []any {
	inputs := []any{}
	for _, t := range fleet.All(r.fleet.Tenants) {
		inputs = append(inputs, t)
	}
	for _, p := range r.fleet.Pools() {
		inputs = append(inputs, p.Class)
	}
	return inputs
}

// tenantInputs are what a tenant's unit is made of beside the tenant: the machines that are allocated to
// it, the components of its stacks, and the tenants that its segments are joined with.
func (r *renderer) tenantInputs(name string) []any {
	var inputs []any
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
