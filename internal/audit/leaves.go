package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// entitiesOf are all that a fleet has, by address.
func entitiesOf(f *fleet.Fleet) map[string]any {
	all := make(map[string]any, len(f.Machines)+len(f.Segments)+len(f.Tenants))
	if f.Platform != nil {
		all["platform"] = f.Platform
	}
	if f.Policy != nil {
		all["policy"] = f.Policy
	}
	add(all, "class", f.Classes)
	add(all, "image", f.Images)
	add(all, "machine", f.Machines)
	add(all, "profile", f.Profiles)
	add(all, "segment", f.Segments)
	add(all, "site", f.Sites)
	add(all, "stack", f.Stacks)
	add(all, "tenant", f.Tenants)
	return all
}

func add[V any](to map[string]any, kind string, from map[string]*V) {
	for name, v := range from {
		to[kind+"/"+name] = v
	}
}

// facts are what follows for entities from others: the pool and the tenant that a machine is allocated to, the
// tenant of a segment, what serves a pool, and how many machines and GPUs a tenant has to use.
func facts(f *fleet.Fleet) map[string][]Leaf {
	all := make(map[string][]Leaf, len(f.Machines))
	for _, p := range f.Pools() {
		tenant := "tenant/" + p.Tenant
		at := state.Path{"cluster", p.Cluster, "pool", p.Name, "machines"}
		all[tenant] = append(all[tenant], Leaf{at.String(), text(slices.Concat([]string{}, p.Machines))})
		for _, name := range p.Machines {
			if machine := "machine/" + name; all[machine] == nil {
				all[machine] = []Leaf{{"pool", text(p.Address())}, {"tenant", text(p.Tenant)}}
			}
		}
	}
	for name := range f.Segments {
		if tenant := f.TenantOf(name); tenant != "" {
			all["segment/"+name] = []Leaf{{"tenant", text(tenant)}}
		}
	}
	hosts, gpus := map[string]int{}, map[string]int{}
	for _, p := range f.Pools() {
		for _, name := range p.Machines {
			m := f.Machines[name]
			if m == nil || m.Lifecycle == fleet.Retired || m.Lifecycle == fleet.RMA || f.Leaving(p.Tenant, p.Cluster) != "" {
				continue
			}
			hosts[p.Tenant]++
			if class := f.Classes[m.Class]; class != nil && class.GPUs != nil {
				gpus[p.Tenant] += class.GPUs.Count
			}
		}
	}
	for name := range f.Tenants {
		tenant := "tenant/" + name
		all[tenant] = append(all[tenant], Leaf{"gpus", text(gpus[name])}, Leaf{"hosts", text(hosts[name])})
	}
	return all
}

// leaves are an entity's values, sorted by path.
func leaves(entity any, facts []Leaf) []Leaf {
	data, err := json.Marshal(entity)
	var plain any
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		err = d.Decode(&plain)
	}
	if err != nil {
		panic(err) // the model is plain data
	}
	all := flatten(slices.Clone(facts), nil, plain)
	slices.SortFunc(all, func(a, b Leaf) int { return strings.Compare(a.Path, b.Path) })
	return all
}

func flatten(to []Leaf, at state.Path, v any) []Leaf {
	switch v := v.(type) {
	case map[string]any:
		for key, x := range v {
			to = flatten(to, at.Join(key), x)
		}
		if len(v) > 0 {
			return to
		}
	case []any:
		if slices.ContainsFunc(v, composite) {
			for i, x := range v {
				to = flatten(to, at.Join(state.Index(i)), x)
			}
			return to
		}
	}
	return append(to, Leaf{at.String(), text(v)})
}

func composite(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// text is a value as JSON.
func text(v any) Value {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("write %T as JSON: %v", v, err)) // it came of JSON, or is plain
	}
	return Value(strings.TrimSuffix(b.String(), "\n"))
}
