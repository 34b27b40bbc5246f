package plan

import (
	"cmp"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

// released is the note of a change whose target keeps what the fleet no longer names.
const released = "what the fleet no longer names stays as it is"

// Between compares what two commits want, rendered against rendered, as if all that the first wants were
// there. Nothing is asked how it is: a change that costs more or less by the state of what it changes
// counts as the most that it can cost. Only what differs is in the plan, and it says of nothing what it
// waits for. Objects of targets that skip names are left out on both sides; nil leaves out none.
func Between(base, head state.Set, skip func(state.Target) bool) Plan {
	p := Plan{}
	in := Input{Want: head}
	old, now := oneByOne(base, skip), oneByOne(head, skip)
	was, ok1 := old()
	is, ok2 := now()
	for ok1 || ok2 {
		order := 0
		switch {
		case !ok2:
			order = -1
		case !ok1:
			order = 1
		default:
			order = was.ID.Compare(is.ID)
		}
		var c Change
		switch {
		case order < 0:
			c = in.removed(was)
		case order > 0:
			c = in.added(is)
		default:
			c = in.both(was, is)
		}
		if c.Status != InSync {
			p.Changes = append(p.Changes, c)
		}
		if order <= 0 {
			was, ok1 = old()
		}
		if order >= 0 {
			is, ok2 = now()
		}
	}
	return p
}

// oneByOne goes through a set in the order of its IDs.
func oneByOne(s state.Set, skip func(state.Target) bool) func() (state.Object, bool) {
	targets := s.Targets()
	if skip != nil {
		targets = slices.DeleteFunc(targets, skip)
	}
	var of []state.Object
	return func() (o state.Object, ok bool) {
		for len(of) == 0 {
			if len(targets) == 0 {
				return o, false
			}
			of, targets = s.Of(targets[0]), targets[1:]
		}
		o, of = of[0], of[1:]
		return o, true
	}
}

// there is an object of which nothing is known but that it is there.
func there(id state.ID) map[state.Target]state.Live {
	return map[state.Target]state.Live{id.Target: {Objects: map[state.ID]state.LiveObject{id: {ID: id}}}}
}

func (in Input) removed(o state.Object) Change {
	if o.Mode == state.Observe {
		return Change{ID: o.ID, Entity: o.Entity, Action: Nothing, Status: Progressing, Causes: []Cause{CauseCommit}, Note: "is no longer observed"}
	}
	in.Live = there(o.ID)
	c := in.unwanted(state.Owned{ID: o.ID, Entity: o.Entity})
	c.Basis = "rendered"
	return c
}

// added plans what only the later commit wants. What is there by nature is changed by being named, and how it
// is now is not known, so that each of its fields counts.
func (in Input) added(o state.Object) Change {
	table := kinds.Of(o.ID)
	c := Change{ID: o.ID, Entity: o.Entity, Action: Nothing, Status: Progressing, Causes: []Cause{CauseCommit}, Basis: "rendered", Want: &o}
	switch {
	case o.Mode == state.Observe:
		c.Note = "is observed from now on"
	case table.Intrinsic:
		c.Fields = fieldsBetween(state.Tree{}, o.Tree, table)
		c.Live = &state.LiveObject{ID: o.ID}
		in.differs(&c, table)
		c.Live = nil
	default:
		c.Action, c.Impact = Create, table.Created
		c.Fields = Compare(o.Tree, nil, table)
	}
	return c
}

func (in Input) both(was, is state.Object) Change {
	c := Change{ID: is.ID, Entity: is.Entity, Action: Nothing, Status: InSync, Basis: "rendered", Want: &is}
	if was.Mode == is.Mode && was.Tree.Equal(is.Tree) {
		return c
	}
	table := kinds.Of(is.ID)
	c.Causes = []Cause{CauseCommit}
	c.Fields = slices.DeleteFunc(fieldsBetween(was.Tree, is.Tree, table), func(f Field) bool {
		return slices.ContainsFunc(table.CreateOnly, func(s string) bool { return within(f.Name, s) })
	})
	switch {
	case is.Mode == state.Observe && was.Mode != state.Observe:
		c.Action, c.Status, c.Note = Release, Progressing, "is observed from now on, and not written"
		return c
	case was.Mode == state.Observe && is.Mode != state.Observe:
		return in.added(is)
	case len(c.Fields) == 0:
		return c
	case is.Mode == state.Observe:
		c.Status, c.Note = Progressing, "observed only"
		return c
	}
	// Kubernetes takes away what we no longer name; other systems keep it.
	all := c.Fields
	if is.ID.Target.System != state.Kubernetes {
		c.Fields = slices.DeleteFunc(slices.Clone(all), func(f Field) bool { return f.New == nil })
		if len(c.Fields) < len(all) {
			c.Note = released
		}
		if len(c.Fields) == 0 {
			c.Action, c.Status, c.Fields = Release, Progressing, all
			return c
		}
	}
	c.Live = &state.LiveObject{ID: is.ID}
	in.differs(&c, table)
	c.Live, c.Fields = nil, all
	return c
}

// FieldsBetween are the fields in which two desired trees differ, in the order of their paths. Items of a list
// that all have a name belong together by it.
func FieldsBetween(old, new state.Tree) []Field { return fieldsBetween(old, new, kinds.Table{}) }

func fieldsBetween(old, new state.Tree, table kinds.Table) []Field {
	b := between{table: table}
	b.walk(nil, old, new)
	return finish(b.fields, table)
}

type between struct {
	table  kinds.Table
	fields []Field
}

// walk compares two trees; one that is not there is the null tree. What comes or goes is told leaf by leaf, since
// what a change costs hangs on leaves.
func (b *between) walk(at state.Path, old, new state.Tree) {
	if inner, ok := old.Encoded(); ok {
		old = inner.Tree
	}
	if inner, ok := new.Encoded(); ok {
		new = inner.Tree
	}
	if old.Equal(new) {
		return
	}
	was, ok1 := old.Fields()
	is, ok2 := new.Fields()
	l, ok3 := old.Items()
	m, ok4 := new.Items()
	switch {
	case ok1 && (ok2 || isNull(new)) && len(was)+len(is) > 0, ok2 && isNull(old) && len(is) > 0:
		b.maps(at, was, is)
	case ok3 && ok4 && slices.Contains(b.table.Sets, generalise(at)):
		if !slices.Equal(canonical(old.Masked().([]any)), canonical(new.Masked().([]any))) {
			b.differs(at, old, new)
		}
	case ok3 && ok4:
		b.lists(at, old, new, l, m)
	default:
		b.differs(at, old, new)
	}
}

func isNull(t state.Tree) bool { return t.IsLeaf() && t.Masked() == nil }

func (b *between) maps(at state.Path, was, is []state.Field) {
	for len(was) > 0 || len(is) > 0 {
		order := 0
		switch {
		case len(is) == 0:
			order = -1
		case len(was) == 0:
			order = 1
		default:
			order = cmp.Compare(was[0].Key, is[0].Key)
		}
		var key string
		var old, new state.Tree
		if order <= 0 {
			key, old, was = was[0].Key, was[0].Tree, was[1:]
		}
		if order >= 0 {
			key, new, is = is[0].Key, is[0].Tree, is[1:]
		}
		b.walk(at.Join(key), old, new)
	}
}

func (b *between) lists(at state.Path, old, new state.Tree, was, is []state.Tree) {
	key := cmp.Or(b.table.Keys[generalise(at)], "name")
	before, ok1 := names(was, key)
	after, ok2 := names(is, key)
	switch {
	case ok1 && ok2 && sameOrder(before, after):
		for i, name := range after {
			old := state.Tree{}
			if j := slices.Index(before, name); j >= 0 {
				old = was[j]
			}
			if old.IsLeaf() {
				b.differs(at.Join(state.Index(i)), old, is[i])
			} else {
				b.walk(at.Join(state.Index(i)), old, is[i])
			}
		}
		for j, name := range before {
			if !slices.Contains(after, name) {
				b.differs(at.Join(state.Index(j)), was[j], state.Tree{})
			}
		}
	case len(was) == len(is):
		for i := range is {
			b.walk(at.Join(state.Index(i)), was[i], is[i])
		}
	default:
		b.differs(at, old, new)
	}
}

// names are what identifies the items of a list; ok is false if some item has none, or two the same.
func names(items []state.Tree, key string) (all []string, ok bool) {
	for _, item := range items {
		name, _ := item.Field(key)
		text, isText := name.Value().(string)
		if !isText || slices.Contains(all, text) {
			return nil, false
		}
		all = append(all, text)
	}
	return all, true
}

// sameOrder reports whether what two lists have in common stands in the same order in both.
func sameOrder(a, b []string) bool {
	in := func(other []string) func(string) bool {
		return func(s string) bool { return !slices.Contains(other, s) }
	}
	return slices.Equal(slices.DeleteFunc(slices.Clone(a), in(b)), slices.DeleteFunc(slices.Clone(b), in(a)))
}

func (b *between) differs(at state.Path, old, new state.Tree) {
	f := Field{Path: at, Old: old.Masked(), New: new.Masked(), Sensitive: hasSecret(old) || hasSecret(new), Origin: firstOrigin(new)}
	if f.New == nil {
		f.Origin = state.Origin{}
	}
	b.fields = append(b.fields, f)
}

// Owner is what a person wrote, and what has a file, of all that an object may be for: a tenant's pools and
// clusters are written with the tenant.
func Owner(entity string) string {
	word := strings.Split(entity, "/")
	if len(word) > 1 && (word[0] == "pool" || word[0] == "cluster") {
		return "tenant/" + word[1]
	}
	return entity
}
