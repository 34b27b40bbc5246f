package blast

import (
	"cmp"
	"encoding/json"
	"slices"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// order is how entities follow one another: who is affected first.
var order = []string{"tenant", "machine", "segment", "stack", "class", "image", "site", "profile", "platform", "policy", "approval"}

// entities are all that was changed, or whose objects are, those that people ask for first.
func (c *computation) entities() []Entity {
	all := map[string]*Entity{}
	for name, pair := range differing(c.base, c.head) {
		old, now := pair[0], pair[1]
		e := Entity{Name: name, Change: Changed, Pos: c.head.PosOf(name)}
		switch {
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

// differing are all that was written and is not the very same in both fleets, by address, with what it is in each;
// nil where it is not. The allocation is not among it: it shows in the machines that move.
func differing(base, head *fleet.Fleet) map[string][2]any {
	all := map[string][2]any{}
	pair(all, "platform", base.Platform, head.Platform)
	pair(all, "policy", base.Policy, head.Policy)
	pairs(all, "tenant", base.Tenants, head.Tenants)
	pairs(all, "machine", base.Machines, head.Machines)
	pairs(all, "segment", base.Segments, head.Segments)
	pairs(all, "stack", base.Stacks, head.Stacks)
	pairs(all, "class", base.Classes, head.Classes)
	pairs(all, "image", base.Images, head.Images)
	pairs(all, "site", base.Sites, head.Sites)
	pairs(all, "profile", base.Profiles, head.Profiles)
	pairs(all, "approval", base.Approvals, head.Approvals)
	return all
}

func pairs[V any](all map[string][2]any, kind string, base, head map[string]*V) {
	for name, is := range head {
		if was := base[name]; was != is {
			pair(all, kind+"/"+name, was, is)
		}
	}
	for name, was := range base {
		if head[name] == nil {
			pair(all, kind+"/"+name, was, nil)
		}
	}
}

func pair[V any](all map[string][2]any, name string, was, is *V) {
	if was == is {
		return
	}
	var of [2]any
	if was != nil {
		of[0] = was
	}
	if is != nil {
		of[1] = is
	}
	all[name] = of
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
