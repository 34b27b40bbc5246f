package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// AllocationChange is one machine given to a pool or taken back, and why.
type AllocationChange struct {
	Pool    string // "pool/acme/train/h100"
	Machine string
	Given   bool // else taken back
	Why     string
}

func (c AllocationChange) String() string {
	if c.Given {
		return fmt.Sprintf("+ %s → %s: %s", c.Machine, c.Pool, c.Why)
	}
	return fmt.Sprintf("- %s ← %s: %s", c.Machine, c.Pool, c.Why)
}

// AllocationFile is where a fleet's allocation is written, or is to be: a directory of its own.
func AllocationFile(f *Fleet) string {
	return cmp.Or(f.PosOf("allocation").File, "allocation/allocation.cue")
}

// Allocate gives every pool as many machines as it wants and returns the new allocation file. A
// machine that is allocated and fits stays where it is; a pool that shrinks gives up its last; a pool
// that grows gets machines that serve nobody, those just given up by another pool only if nothing
// else is free. The result depends on the fleet alone. Without changes the file is the same but for
// its formatting.
//
// The fleet may be one whose checks found nothing but MW203. If a pool cannot get what it wants the
// error says so for every such pool, and there is no file.
func Allocate(f *Fleet) (file []byte, changes []AllocationChange, err error) {
	a := &allocator{f: f, byClass: map[string][]*Machine{}, taken: map[string]bool{}, released: map[string]bool{}, next: map[string][]string{}}
	for _, m := range All(f.Machines) {
		a.byClass[m.Class] = append(a.byClass[m.Class], m)
	}
	a.release()
	for _, p := range f.Pools() {
		a.keep(p)
	}
	var short []error
	for _, p := range f.Pools() {
		if f.Leaving(p.Tenant, p.Cluster) != "" {
			continue
		}
		if err := a.grow(p); err != nil {
			short = append(short, err)
		}
	}
	if err := errors.Join(short...); err != nil {
		return nil, nil, err
	}
	return a.file(), a.changes, nil
}

type allocator struct {
	f        *Fleet
	byClass  map[string][]*Machine // sorted by name
	taken    map[string]bool       // machines that serve a pool in the new allocation
	released map[string]bool       // machines that served another in the old one
	next     map[string][]string   // the new allocation by pool address
	changes  []AllocationChange
}

func (a *allocator) take(pool, machine, why string) {
	a.released[machine] = true
	a.changes = append(a.changes, AllocationChange{Pool: pool, Machine: machine, Why: why})
}

// release takes back what pools hold that no longer exist.
func (a *allocator) release() {
	for tn, clusters := range All(a.f.Allocation) {
		for cn, pools := range All(clusters) {
			for pn, machines := range All(pools) {
				if _, known := a.f.lookup().byName[[3]string{tn, cn, pn}]; !known {
					for _, m := range machines {
						a.take(PoolRef{Tenant: tn, Cluster: cn, Name: pn}.Address(), m, "the pool is gone")
					}
				}
			}
		}
	}
}

// keep leaves a pool the machines that fit it, up to its count.
func (a *allocator) keep(p PoolRef) {
	for _, name := range p.Machines {
		why := a.unfit(p, name)
		if what := a.f.Leaving(p.Tenant, p.Cluster); what != "" {
			why = "the " + what + " is retired"
		}
		if why == "" && len(a.next[p.Address()]) == p.Pool.Count {
			why = fmt.Sprintf("the pool wants %d", p.Pool.Count)
		}
		if why != "" {
			a.take(p.Address(), name, why)
			continue
		}
		a.taken[name] = true
		a.next[p.Address()] = append(a.next[p.Address()], name)
	}
}

// unfit says why a pool cannot keep a machine, or nothing.
func (a *allocator) unfit(p PoolRef, name string) string {
	m := a.f.Machines[name]
	site := a.site(p)
	switch {
	case m == nil:
		return "there is no such machine"
	case a.taken[name]:
		return "another pool has it"
	case m.Lifecycle != InService && m.Lifecycle != Maintenance:
		return "it is " + m.Lifecycle
	case m.Role != RoleWorker || m.Provisioning != ProvisioningMetal3:
		return "it is no worker that Metal3 provisions"
	case m.Class != p.Class && p.Class != "":
		return "its class is " + m.Class
	case m.Site != site:
		return "it stands in " + m.Site
	case !matches(m.Labels, p.Pool.Selector):
		return "its labels don't match"
	}
	return ""
}

// site is that of a pool's segment; empty where the segment does not exist.
func (a *allocator) site(p PoolRef) string {
	if s := a.f.Segments[a.f.Tenants[p.Tenant].Clusters[p.Cluster].Segment]; s != nil {
		return s.Site
	}
	return ""
}

// grow gives a pool what it lacks.
func (a *allocator) grow(p PoolRef) error {
	if p.Class == "" {
		p.Class = a.class(p)
	}
	var free []*Machine
	unproved := 0 // free, and not accepted yet
	for _, m := range a.byClass[p.Class] {
		switch {
		case m.Lifecycle != InService || a.unfit(p, m.Name) != "":
		case len(a.f.Unrecorded(m)) > 0:
			unproved++
		default:
			free = append(free, m)
		}
	}
	address := p.Address()
	if lack := p.Pool.Count - len(a.next[address]); lack > len(free) {
		of := "of class " + p.Class
		if p.Class == "" {
			of = "with its labels"
		}
		err := fmt.Errorf("%s wants %d machines %s and has %d: only %d more are free in site %s",
			address, p.Pool.Count, of, len(a.next[address]), len(free), a.site(p))
		if unproved > 0 {
			err = fmt.Errorf("%w; %d more have no record of what their class wants them to be accepted by", err, unproved)
		}
		return err
	}
	for len(a.next[address]) < p.Pool.Count {
		i := a.choose(p, free)
		m := free[i]
		free = slices.Delete(free, i, i+1)
		a.taken[m.Name] = true
		a.next[address] = append(a.next[address], m.Name)
		a.changes = append(a.changes, AllocationChange{Pool: address, Machine: m.Name, Given: true,
			Why: a.why(p, m)})
	}
	return nil
}

// class chooses that of a pool of which only labels are said: of those with enough machines free the
// cheapest, else the one with most, so that the error says how many are missing at the least.
func (a *allocator) class(p PoolRef) string {
	free := map[string]int{}
	for _, class := range keys(a.byClass) {
		for _, m := range a.byClass[class] {
			if m.Lifecycle == InService && a.unfit(p, m.Name) == "" && len(a.f.Unrecorded(m)) == 0 && a.f.Classes[class] != nil {
				free[class]++
			}
		}
	}
	return slices.MaxFunc(append(keys(free), ""), func(x, y string) int {
		return cmp.Or(
			cmp.Compare(min(free[x], p.Pool.Count), min(free[y], p.Pool.Count)),
			-cmp.Compare(a.cost(x), a.cost(y)),
			-cmp.Compare(x, y),
		)
	})
}

func (a *allocator) cost(class string) int {
	if c := a.f.Classes[class]; c != nil {
		return c.Cost
	}
	return 0
}

// domain is where a machine fails together with others, or is near to them: what its pool is spread
// over or packed into.
func domain(p *Pool, m *Machine) string {
	if p.Spread == PackLeaves {
		return m.Leaf()
	}
	return m.Rack
}

// why tells by what a machine was chosen that its pool has now.
func (a *allocator) why(p PoolRef, m *Machine) string {
	d := domain(p.Pool, m)
	there := a.held(p)[d]
	where := "in rack " + d
	if p.Pool.Spread == PackLeaves {
		where = "under leaf " + cmp.Or(d, "(not said)")
	}
	why := fmt.Sprintf("free %s, where the pool has %d now", where, there)
	if a.released[m.Name] {
		why += "; given up by another, since nothing else was free"
	}
	return why
}

// held counts the machines that a pool has, by domain.
func (a *allocator) held(p PoolRef) map[string]int {
	domains := map[string]int{}
	for _, name := range a.next[p.Address()] {
		domains[domain(p.Pool, a.f.Machines[name])]++
	}
	return domains
}

// choose is the index of the machine to give next: from the domain where the pool has fewest (spread)
// or most (pack). Of those that are equal, a pool that is spread takes from the one that has most to
// give, and a pool that is packed from the smallest that is large enough for all that it lacks, so
// that large ones stay whole; there the first by name.
func (a *allocator) choose(p PoolRef, free []*Machine) int {
	left, held := map[string]int{}, a.held(p)
	for _, m := range free {
		left[domain(p.Pool, m)]++
	}
	lack := p.Pool.Count - len(a.next[p.Address()])
	order := func(x, y *Machine) int {
		dx, dy := domain(p.Pool, x), domain(p.Pool, y)
		byHeld, byLeft := cmp.Compare(held[dx], held[dy]), -cmp.Compare(left[dx], left[dy])
		if p.Pool.Spread != SpreadRacks {
			byHeld = -byHeld
			enoughX, enoughY := left[dx] >= lack, left[dy] >= lack
			byLeft = cmp.Or(-compareBool(enoughX, enoughY), byLeft)
			if enoughX && enoughY {
				byLeft = cmp.Compare(left[dx], left[dy])
			}
		}
		return cmp.Or(
			compareBool(a.released[x.Name], a.released[y.Name]),
			byHeld,
			byLeft,
			cmp.Compare(dx, dy),
			cmp.Compare(x.Name, y.Name),
		)
	}
	best := 0
	for i := range free {
		if order(free[i], free[best]) < 0 {
			best = i
		}
	}
	return best
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// file writes the allocation as CUE, one machine a line.
func (a *allocator) file() []byte {
	var b strings.Builder
	b.WriteString("// Which machines serve which pool. `millwright allocate` writes this file; review it like any change.\n" +
		"package allocation\n\nimport \"millwright.dev/fleet\"\n\nallocation: fleet.#Allocation & {\n")
	for _, p := range a.f.Pools() {
		machines := a.next[p.Address()]
		if len(machines) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\t%s: %s: %s: [\n", label(p.Tenant), label(p.Cluster), label(p.Name))
		for _, m := range machines {
			fmt.Fprintf(&b, "\t\t%q,\n", m)
		}
		b.WriteString("\t]\n")
	}
	b.WriteString("}\n")
	return []byte(b.String())
}

// label quotes a name that CUE would not take as it is.
func label(name string) string {
	if ast.IsValidIdent(name) && !token.Lookup(name).IsKeyword() {
		return name
	}
	return strconv.Quote(name)
}
