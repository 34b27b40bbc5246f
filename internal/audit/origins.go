package audit

import (
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// Origin is a field of an entity that values of a rendered object come from. An empty field is the entity's being there.
type Origin struct {
	Entity string `json:"entity"`
	Field  string `json:"field,omitempty"`
	// Beside are further fields of the entity that the same values are made of: which of them makes which, nobody knows.
	Beside []string `json:"-"`
	// Sets are the paths of those values within the object.
	Sets []string `json:"sets,omitempty"`
}

// Origins are what the values of an object below a path come from, each once, in the order of the values.
func Origins(f *fleet.Fleet, o state.Object, at state.Path) []Origin {
	var all []Origin
	index := map[[2]string]int{}
	for path, leaf := range o.Tree.Leaves() {
		if !path.HasPrefix(at) {
			continue
		}
		from := RenderedOf(f, leaf.Origin())
		i, ok := index[[2]string{from.Entity, from.Field}]
		if !ok {
			i = len(all)
			index[[2]string{from.Entity, from.Field}] = i
			all = append(all, from)
		}
		all[i].Sets = append(all[i].Sets, path.String())
	}
	return all
}

// madeOf are the fields that a part of a stack is rendered of, beside the one that its objects name.
var madeOf = map[string][]string{
	"component.path":    {"files", "values"},
	"catalogue.version": {"chart", "digest", "hooks", "repository", "values"},
}

// RenderedOf is the origin of a rendered value as histories have it.
func RenderedOf(f *fleet.Fleet, o state.Origin) Origin {
	from := OriginOf(f, o)
	path, err := state.ParsePath(from.Field)
	if err != nil || len(path) != 3 || state.EntityKind(from.Entity) != "stack" {
		return from
	}
	for _, name := range madeOf[path[0]+"."+path[2]] {
		from.Beside = append(from.Beside, path[:2].Join(name).String())
	}
	return from
}

// OriginOf is an origin as histories have it: a machine's place in the allocation, which others move, is its pool.
func OriginOf(f *fleet.Fleet, o state.Origin) Origin {
	path, err := state.ParsePath(o.Field)
	if o.Entity != "allocation" || err != nil || len(path) < 3 {
		return Origin{Entity: o.Entity, Field: o.Field}
	}
	machines := f.Allocation[path[0]][path[1]][path[2]]
	if len(path) > 3 {
		for i, name := range machines {
			if state.Index(i) == path[3] {
				return Origin{Entity: "machine/" + name, Field: "pool"}
			}
		}
	}
	return Origin{Entity: "tenant/" + path[0], Field: state.Path{"cluster", path[1], "pool", path[2], "machines"}.String()}
}

// part is where an origin stands in the index.
type part struct {
	entity string
	path   string
	// element is the place within a list of plain values, which the index knows as one; -1 for none.
	element int
	// being says that only whether there is something at the path counts: for what has an address of its own, whose
	// name it is then, and where the field that was asked for never had a value.
	being bool
	// beside are further paths that the same values are made of.
	beside []string
	sets   []string
}

// parts are the places of origins, in their order; one whose entity the history does not know has none.
func (x *Index) parts(origins []Origin) []part {
	paths := map[string][]string{} // that entities ever had, sorted
	for _, o := range origins {
		entity, _ := written(o.Entity)
		paths[entity] = nil
	}
	for _, s := range x.data.Steps {
		known, asked := paths[s.Entity]
		if !asked {
			continue
		}
		for _, c := range s.Changes {
			known = append(known, c.Path)
		}
		paths[s.Entity] = known
	}
	for entity, all := range paths {
		slices.Sort(all)
		paths[entity] = slices.Compact(all)
	}
	parts := make([]part, len(origins))
	for i, o := range origins {
		entity, at := written(o.Entity)
		if field, err := state.ParsePath(o.Field); err == nil && paths[entity] != nil {
			parts[i] = partOf(entity, slices.Concat(at, field), len(field) == 0 || addressed(entity, slices.Concat(at, field)), paths[entity], o.Sets)
			parts[i].beside = o.Beside
		}
	}
	return parts
}

// addressed reports whether a cluster or a pool stands at a path of an entity.
func addressed(entity string, path state.Path) bool {
	return strings.HasPrefix(entity, "tenant/") && (len(path) == 2 && path[0] == "cluster" || len(path) == 4 && path[0] == "cluster" && path[2] == "pool")
}

func partOf(entity string, path state.Path, being bool, known, sets []string) part {
	ever := func(p state.Path) bool {
		return len(p) == 0 || slices.ContainsFunc(known, func(k string) bool { return within(k, p.String()) })
	}
	for i := len(path); ; i-- {
		p := part{entity: entity, path: path[:i].String(), element: -1, being: being || i < len(path), sets: sets}
		if !ever(path[:i]) {
			continue
		}
		if len(path) == i+1 && slices.Contains(known, p.path) {
			if n, err := strconv.Atoi(strings.Trim(path[i], "[]")); err == nil && state.Index(n) == path[i] {
				p.element, p.being = n, being
			}
		}
		return p
	}
}

// effect is what a step did to a part; ok is false if it did nothing there.
func (p part) effect(s step, before []Leaf) (e Event, ok bool) {
	e = Event{Entity: s.Entity, Change: how(s, before, p.path)}
	if p.being {
		e.Entity = joined(s.Entity, p.path)
		e.Sets = p.sets
		return e, e.Change == Added || e.Change == Removed
	}
	coarse := len(p.beside) > 0 && e.Change == Changed // else all that it is made of came or went together
	for _, c := range s.Changes {
		if !within(c.Path, p.path) && !(coarse && slices.ContainsFunc(p.beside, func(at string) bool { return within(c.Path, at) })) {
			continue
		}
		c.Coarse = coarse
		if p.element >= 0 && c.Path == p.path {
			c.Path += state.Index(p.element)
			if c.Old, c.New = item(c.Old, p.element), item(c.New, p.element); c.Old == c.New {
				continue
			}
		}
		c.Sets = p.sets
		e.Changes = append(e.Changes, c)
	}
	return e, len(e.Changes) > 0
}

// item is an element of a list; empty if the list has none there.
func item(list Value, i int) Value {
	var all []json.RawMessage
	if list == "" || json.Unmarshal([]byte(list), &all) != nil || i >= len(all) {
		return ""
	}
	return Value(all[i])
}

func joined(entity, path string) string {
	if path == "" || path[0] == '[' {
		return entity + path
	}
	return entity + "." + path
}

// effects are what a step did to parts: what happened to their fields in one event, and one for each part that came
// or went.
func effects(s step, before []Leaf, parts []part) (all []Event) {
	fields := Event{Entity: s.Entity, Change: how(s, before, "")}
	at := map[string]int{}
	for _, p := range parts {
		e, ok := p.effect(s, before)
		if !ok {
			continue
		}
		if p.being && p.path == "" {
			fields.Sets = append(fields.Sets, p.sets...)
			continue
		}
		if p.being {
			all = append(all, e)
			continue
		}
		for _, c := range e.Changes {
			i, known := at[c.Path]
			if !known {
				at[c.Path] = len(fields.Changes)
				fields.Changes = append(fields.Changes, c)
				continue
			}
			sets := slices.Concat(fields.Changes[i].Sets, c.Sets)
			slices.Sort(sets)
			fields.Changes[i].Sets = slices.Compact(sets)
		}
	}
	slices.SortFunc(all, func(a, b Event) int { return strings.Compare(a.Entity, b.Entity) })
	slices.SortFunc(fields.Changes, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	if len(fields.Changes)+len(fields.Sets) > 0 {
		all = append([]Event{fields}, all...)
	}
	return all
}

// Last tells for each origin which event was the last that changed it; nil where the history knows none.
func (x *Index) Last(origins []Origin) []*Event {
	last, parts, of := make([]*Event, len(origins)), x.parts(origins), map[string][]int{}
	for i, p := range parts {
		of[p.entity] = append(of[p.entity], i)
	}
	x.walk(func(c Commit, with []Commit, steps []step, before states) {
		for _, s := range steps {
			for _, i := range of[s.Entity] {
				if e, ok := parts[i].effect(s, before[s.Entity]); ok {
					e.Commit, e.With = c, with
					last[i] = &e
				}
			}
		}
	})
	return last
}

// Draft is the history with one step more: what a fleet that is not committed yet makes of these entities. It stands in
// a directory; committed is the tree of the line's last commit, nil if that has no fleet. The step's commit has no hash.
func (x *Index) Draft(f *fleet.Fleet, committed, directory fs.FS, entities ...string) (*Index, error) {
	files, err := draft(committed, directory)
	if err != nil {
		return nil, err
	}
	d := &Index{data: x.data}
	follows, now := facts(f, files), x.replay(len(x.data.Commits))
	d.data.Commits = append(slices.Clip(d.data.Commits), Commit{})
	d.data.Steps = slices.Clip(d.data.Steps)
	there, asked := map[string][]Leaf{}, map[string]bool{}
	for _, name := range entities {
		entity, _ := written(name)
		asked[entity] = true
	}
	for k, v := range each(f) {
		if name := k.String(); asked[name] {
			there[name] = leaves(v, follows[k])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		if changes := between(now[name], there[name]); len(changes) > 0 {
			d.data.Steps = append(d.data.Steps, step{Commit: len(x.data.Commits), Entity: name, Changes: changes})
		}
	}
	return d, nil
}
