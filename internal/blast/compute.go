package blast

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
)

// Compute says what the plan between two fleets does. Where there was no fleet before, base is an empty one.
// The state of the world is not known here, so that each impact is the greatest that there can be.
func Compute(base, head *fleet.Fleet, p plan.Plan) (Radius, []Entity) {
	c := &computation{base: base, head: head, changes: p.Changes, machines: map[string]*Machine{},
		tenants: map[string]*Tenant{}, segments: map[string]*Segment{}}
	c.places()
	c.costs()
	c.wiped()
	entities := c.entities()
	return c.radius(), entities
}

type computation struct {
	base, head *fleet.Fleet
	changes    []plan.Change
	machines   map[string]*Machine
	tenants    map[string]*Tenant
	segments   map[string]*Segment
}

// serves is the pool that a machine serves, and its tenant; none if the pool is being taken down.
func serves(f *fleet.Fleet, machine string) (pool fleet.PoolRef, ok bool) {
	p, ok := f.PoolOf(machine)
	if !ok || f.Leaving(p.Tenant, p.Cluster) != "" {
		return fleet.PoolRef{}, false
	}
	return p, true
}

// machine is what is known so far of what happens to one.
func (c *computation) machine(name string) *Machine {
	m := c.machines[name]
	if m == nil {
		m = &Machine{Name: name, Joins: !stands(c.base, name) && stands(c.head, name), Leaves: stands(c.base, name) && !stands(c.head, name)}
		for _, f := range []*fleet.Fleet{c.base, c.head} {
			if known := f.Machines[name]; known != nil && known.Role == fleet.RoleControlPlane {
				m.ControlPlane = true
			}
		}
		tenants := map[string]bool{}
		if p, ok := serves(c.base, name); ok {
			m.Was, tenants[p.Tenant] = p.Address(), true
		}
		if p, ok := serves(c.head, name); ok {
			m.Is, tenants[p.Tenant] = p.Address(), true
		}
		m.Tenants = sorted(tenants)
		c.machines[name] = m
	}
	return m
}

// stands reports whether a fleet has a machine to use.
func stands(f *fleet.Fleet, name string) bool {
	m := f.Machines[name]
	return m != nil && m.Lifecycle != fleet.Retired && m.Lifecycle != fleet.RMA
}

func (c *computation) tenant(name string) *Tenant {
	t := c.tenants[name]
	if t == nil {
		t = &Tenant{Name: name}
		for _, f := range []*fleet.Fleet{c.base, c.head} { // the later name counts
			if known := f.Tenants[name]; known != nil {
				t.DisplayName = known.DisplayName
			}
		}
		t.Hosts.Was, t.GPUs.Was = has(c.base, name)
		t.Hosts.Is, t.GPUs.Is = has(c.head, name)
		c.tenants[name] = t
	}
	return t
}

// has is how many machines and GPUs a tenant has to use.
func has(f *fleet.Fleet, tenant string) (hosts, gpus int) {
	for _, p := range f.Pools() {
		if p.Tenant != tenant || f.Leaving(p.Tenant, p.Cluster) != "" {
			continue
		}
		for _, name := range p.Machines {
			if stands(f, name) {
				hosts++
				gpus += gpusOf(f.Classes[f.Machines[name].Class])
			}
		}
	}
	return hosts, gpus
}

func gpusOf(class *fleet.Class) int {
	if class == nil || class.GPUs == nil {
		return 0
	}
	return class.GPUs.Count
}

func (c *computation) segment(name string) *Segment {
	s := c.segments[name]
	if s == nil {
		s = &Segment{Name: name, Tenant: cmp.Or(c.head.TenantOf(name), c.base.TenantOf(name))}
		c.segments[name] = s
	}
	return s
}

// places finds what comes, goes and moves.
func (c *computation) places() {
	for name := range c.head.Machines {
		c.place(name)
	}
	for name := range c.base.Machines {
		if c.head.Machines[name] == nil {
			c.place(name)
		}
	}
	for _, m := range c.machines {
		for _, tenant := range m.Tenants {
			c.tenant(tenant)
		}
		from, to := c.network(c.base, m.Name), c.network(c.head, m.Name)
		if from == to {
			continue
		}
		if from != "" {
			s := c.segment(from)
			s.Leaves = append(s.Leaves, m.Name)
		}
		if to != "" {
			s := c.segment(to)
			s.Joins = append(s.Joins, m.Name)
		}
	}
}

func (c *computation) place(name string) {
	was, ok1 := serves(c.base, name)
	is, ok2 := serves(c.head, name)
	stays := ok1 == ok2 && was.Tenant == is.Tenant && was.Cluster == is.Cluster && was.Name == is.Name
	if stays && stands(c.base, name) == stands(c.head, name) {
		return
	}
	if m := c.machine(name); m.Was != "" && (m.Moves() || m.Leaves) {
		m.Impact = kinds.Reprovision
	}
}

// network is the segment that a machine is in, or none.
func (c *computation) network(f *fleet.Fleet, machine string) string {
	p, ok := serves(f, machine)
	if !ok || !stands(f, machine) {
		return ""
	}
	return f.Tenants[p.Tenant].Clusters[p.Cluster].Segment
}

// costs lays the plan's impacts on those whom they hit.
func (c *computation) costs() {
	for _, ch := range c.changes {
		if ch.Action == plan.Nothing {
			continue
		}
		if name, ok := isMachine(ch); ok && ch.Impact > kinds.None {
			m := c.machine(name)
			m.Impact = max(m.Impact, ch.Impact)
		}
		switch kind, name := split(plan.Owner(ch.Entity)); kind {
		case "tenant":
			t := c.tenant(name)
			t.Impact = max(t.Impact, ch.Impact)
		case "segment":
			s := c.segment(name)
			s.Impact = max(s.Impact, ch.Impact)
		}
	}
}

// wiped finds the machines of tenant clusters that are changed so that their nodes are made anew. Which nodes
// is known where machines leave; else it may be any of them.
func (c *computation) wiped() {
	for _, ch := range c.changes {
		word := strings.Split(ch.Entity, "/")
		if ch.Action == plan.Nothing || ch.Impact < kinds.Reprovision || word[0] != "cluster" || len(word) != 3 || !makesNodes(ch) {
			continue
		}
		members := c.base.Members(word[1], word[2])
		leave := slices.ContainsFunc(members, func(name string) bool {
			m := c.machines[name]
			return m != nil && m.Moves()
		})
		if leave && ch.Impact == kinds.Reprovision && ch.Action == plan.Update {
			continue
		}
		for _, name := range members {
			m := c.machine(name)
			m.Impact = max(m.Impact, kinds.Reprovision)
		}
	}
}

// makesNodes reports whether an object is a tenant cluster itself, and not something in it.
func makesNodes(ch plan.Change) bool {
	return strings.HasPrefix(ch.ID.Kind, "VirtualClusterInstance.")
}

// summed lets tenants and segments feel what happens to their machines.
func (c *computation) summed() {
	for _, m := range c.machines {
		for _, name := range m.Tenants {
			t := c.tenant(name)
			// A machine that comes to a tenant is wiped before, which costs others.
			if m.Was != "" && strings.HasPrefix(m.Was, "pool/"+name+"/") {
				t.Impact = max(t.Impact, m.Impact)
			}
		}
	}
	for _, s := range c.segments {
		if len(s.Joins)+len(s.Leaves) > 0 {
			s.Impact = max(s.Impact, kinds.Network)
		}
		if s.Tenant != "" {
			t := c.tenant(s.Tenant)
			t.Impact = max(t.Impact, s.Impact)
		}
	}
}

func (c *computation) radius() Radius {
	r := Radius{Tenants: []Tenant{}, Machines: []Machine{}, Segments: []Segment{}, Data: []Loss{}, Held: []Held{}}
	for _, name := range sorted(c.tenants) {
		r.Tenants = append(r.Tenants, *c.tenants[name])
	}
	for _, name := range sorted(c.segments) {
		s := c.segments[name]
		slices.Sort(s.Joins)
		slices.Sort(s.Leaves)
		r.Segments = append(r.Segments, *s)
	}
	for _, name := range sorted(c.machines) {
		m := *c.machines[name]
		r.Machines = append(r.Machines, m)
		if m.Impact >= kinds.Reprovision {
			why := "its disks are wiped"
			if m.Was != "" {
				why += ", which hold what " + m.Was + " keeps there"
			}
			r.Data = append(r.Data, Loss{What: "machine/" + name, Entity: "machine/" + name, Why: why})
		}
	}
	for _, ch := range c.changes {
		if ch.Action != plan.Nothing && ch.Impact == kinds.DataLoss {
			r.Data = append(r.Data, Loss{What: ch.ID.String(), Entity: ch.Entity, Why: fmt.Sprintf("%s of what holds data", ch.Action), Held: len(ch.Held) > 0})
		}
		for _, h := range ch.Held {
			r.Held = append(r.Held, Held{What: ch.ID.String(), Hold: h})
		}
	}
	slices.SortFunc(r.Data, func(a, b Loss) int { return cmp.Compare(a.What, b.What) })
	return r
}

// split takes an entity's name apart: its kind and the rest.
func split(entity string) (kind, name string) {
	kind, name, _ = strings.Cut(entity, "/")
	return kind, name
}
