package blast

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// order is how entities follow one another: who is affected first.
var order = []string{"tenant", "machine", "segment", "stack", "class", "image", "site", "profile", "platform", "policy"}

// entities are all that was changed, or whose objects are, those that people ask for first.
func (c *computation) entities() []Entity {
	all := map[string]*Entity{}
	was, is := things(c.base), things(c.head)
	names := maps.Clone(was)
	maps.Copy(names, is)
	for name := range names {
		old, now := was[name], is[name]
		e := Entity{Name: name, Change: Changed, Pos: c.head.PosOf(name)}
		switch {
		case old == now:
			continue
		case old == nil:
			e.Change = Added
		case now == nil:
			e.Change, e.Pos = Removed, c.base.PosOf(name)
		default:
			if e.Fields = plan.FieldsBetween(written(old), written(now)); len(e.Fields) == 0 {
				continue // only its file is new
			}
		}
		all[name] = &e
	}
	affected := func(name string) *Entity {
		e := all[name]
		if e == nil {
			e = &Entity{Name: name, Change: Affected, Pos: c.head.PosOf(name)}
			if !e.Pos.IsValid() {
				e.Pos = c.base.PosOf(name)
			}
			all[name] = e
		}
		return e
	}
	for _, ch := range c.changes {
		e := affected(plan.Owner(ch.Entity))
		e.Objects++
		if ch.Action != plan.Nothing {
			e.Impact = max(e.Impact, ch.Impact)
		}
	}
	for name := range all { // what was edited touches a tenant even if nothing is rendered from it
		switch kind, rest := split(name); kind {
		case "tenant":
			c.tenant(rest)
		case "segment":
			c.segment(rest)
		case "machine":
			c.machine(rest)
		}
	}
	c.summed()
	for name, m := range c.machines {
		e := affected("machine/" + name)
		e.Impact = max(e.Impact, m.Impact)
		if m.Moves() {
			e.Facts = append(e.Facts, Fact{"pool", text(m.Was), text(m.Is)})
		}
	}
	for name, s := range c.segments {
		e := affected("segment/" + name)
		e.Impact = max(e.Impact, s.Impact)
	}
	for name, t := range c.tenants {
		e := affected("tenant/" + name)
		e.Impact = max(e.Impact, t.Impact)
		if t.Hosts.Gained() == 0 && t.GPUs.Gained() == 0 {
			continue
		}
		e.Facts = append(e.Facts, Fact{"hosts", t.Hosts.Was, t.Hosts.Is}, Fact{"GPUs", t.GPUs.Was, t.GPUs.Is})
	}
	list := make([]Entity, 0, len(all))
	for _, e := range all {
		list = append(list, *e)
	}
	slices.SortFunc(list, func(a, b Entity) int {
		return cmp.Or(cmp.Compare(rank(a.Name), rank(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return list
}

func rank(entity string) int {
	kind, _ := split(entity)
	if i := slices.Index(order, kind); i >= 0 {
		return i
	}
	return len(order)
}

// text is a pool's address, or nil for none.
func text(pool string) any {
	if pool == "" {
		return nil
	}
	return pool
}

// things are all that was written, by address. The allocation is not: it shows in the machines that move.
func things(f *fleet.Fleet) map[string]any {
	all := map[string]any{}
	if f.Platform != nil {
		all["platform"] = f.Platform
	}
	if f.Policy != nil {
		all["policy"] = f.Policy
	}
	collect(all, "tenant", f.Tenants)
	collect(all, "machine", f.Machines)
	collect(all, "segment", f.Segments)
	collect(all, "stack", f.Stacks)
	collect(all, "class", f.Classes)
	collect(all, "image", f.Images)
	collect(all, "site", f.Sites)
	collect(all, "profile", f.Profiles)
	return all
}

func collect[V any](all map[string]any, kind string, of map[string]*V) {
	for name, v := range of {
		all[kind+"/"+name] = v
	}
}

// written is what an entity says, defaults filled in.
func written(entity any) state.Tree {
	var plain any
	text, err := json.Marshal(entity)
	if err == nil {
		err = json.Unmarshal(text, &plain)
	}
	if err != nil {
		panic(err) // the model is plain data
	}
	return state.FromPlain(plain, state.Origin{})
}
