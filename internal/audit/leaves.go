package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// key is an entity's address in its parts, which need not be put together to look it up.
type key struct{ kind, name string }

func (k key) String() string {
	if k.name == "" {
		return k.kind
	}
	return k.kind + "/" + k.name
}

// each goes through all entities of a fleet, in no order.
func each(f *fleet.Fleet) iter.Seq2[key, any] {
	return func(yield func(key, any) bool) {
		if f.Platform != nil && !yield(key{kind: "platform"}, f.Platform) || f.Policy != nil && !yield(key{kind: "policy"}, f.Policy) {
			return
		}
		_ = all("approval", f.Approvals, yield) && all("class", f.Classes, yield) && all("image", f.Images, yield) &&
			all("machine", f.Machines, yield) && all("profile", f.Profiles, yield) &&
			all("segment", f.Segments, yield) && all("site", f.Sites, yield) && all("stack", f.Stacks, yield) && all("tenant", f.Tenants, yield)
	}
}

func all[V any](kind string, from map[string]*V, yield func(key, any) bool) bool {
	for name, v := range from {
		if !yield(key{kind, name}, v) {
			return false
		}
	}
	return true
}

// facts are what follows for entities from others: the pool and the tenant that a machine is allocated to, the
// tenant of a segment, what serves a pool, how many machines and GPUs a tenant has to use, and what files there are
// of stacks and rules.
func facts(f *fleet.Fleet, of content) map[key][]Leaf {
	all := make(map[key][]Leaf, len(f.Machines))
	hosts, gpus := map[string]int{}, map[string]int{}
	for _, p := range f.Pools() {
		tenant := key{"tenant", p.Tenant}
		at := state.Path{"cluster", p.Cluster, "pool", p.Name, "machines"}
		all[tenant] = append(all[tenant], Leaf{at.String(), text(slices.Concat([]string{}, p.Machines))})
		serves := []Leaf{{"pool", text(p.Address())}, {"tenant", text(p.Tenant)}} // the same of all its machines
		leaving := f.Leaving(p.Tenant, p.Cluster) != ""
		for _, name := range p.Machines {
			if machine := (key{"machine", name}); all[machine] == nil {
				all[machine] = serves
			}
			m := f.Machines[name]
			if m == nil || leaving || m.Lifecycle == fleet.Retired || m.Lifecycle == fleet.RMA {
				continue
			}
			hosts[p.Tenant]++
			if class := f.Classes[m.Class]; class != nil && class.GPUs != nil {
				gpus[p.Tenant] += class.GPUs.Count
			}
		}
	}
	for name := range f.Segments {
		if tenant := f.TenantOf(name); tenant != "" {
			all[key{"segment", name}] = []Leaf{{"tenant", text(tenant)}}
		}
	}
	for name := range f.Tenants {
		tenant := key{"tenant", name}
		all[tenant] = append(all[tenant], Leaf{"gpus", text(gpus[name])}, Leaf{"hosts", text(hosts[name])})
	}
	files(f, of, all)
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
	switch v := v.(type) { // what nearly all are
	case json.Number:
		return Value(v)
	case string:
		if !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
			return Value(`"` + v + `"`)
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("write %T as JSON: %v", v, err)) // it came of JSON, or is plain
	}
	return Value(strings.TrimSuffix(b.String(), "\n"))
}
