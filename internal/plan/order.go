package plan

import (
	"fmt"
	"reflect"
	"slices"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

// order fills in what each change waits for. An edge gates creation, deletion and disruption, and
// means applied and healthy; for anything else an existing predecessor is enough, so that one sick
// machine does not freeze the fleet.
func (p *Plan) order() {
	parts := map[state.ID][]*Change{}
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.ID.Part != "" {
			parts[c.ID.Whole()] = append(parts[c.ID.Whole()], c)
		}
	}
	onIt, onParts := p.leaving()
	for i := range p.Changes {
		c := &p.Changes[i]
		switch c.Action {
		case Create, Update, Adopt:
			for _, e := range c.Want.After {
				p.after(c, e, parts)
			}
			for _, x := range onIt[c.ID] {
				switch {
				case x.Want != nil || !c.takesAway():
				case len(x.Held) > 0:
					c.Hold(Hold{By: x.Held[0].By, Why: fmt.Sprintf("%s needs what this takes away, and is held itself", x.ID), Until: x.Held[0].Until})
				default:
					c.wait(fmt.Sprintf("%s to go first", x.ID))
				}
			}
		case Delete, Release, Replace:
			for _, x := range onIt[c.ID] {
				c.wait(fmt.Sprintf("%s to go first", x.ID))
			}
			for _, x := range onParts[c.ID.Whole()] {
				if c.ID.Part != "" && x.ID != c.ID {
					c.wait(fmt.Sprintf("%s to go first", x.ID))
				}
			}
		}
	}
	p.refuseCycles()
}

// takesAway reports whether an update removes something that others may still need, as a node type that a
// tenant cluster's machines were claimed by.
func (c *Change) takesAway() bool {
	return c.Action == Update && slices.ContainsFunc(c.Fields, func(f Field) bool {
		was, ok1 := f.Old.([]any)
		is, ok2 := f.New.([]any)
		return f.New == nil || ok1 && ok2 && slices.ContainsFunc(was, func(item any) bool {
			return !slices.ContainsFunc(is, func(kept any) bool { return reflect.DeepEqual(item, kept) })
		})
	})
}

func (c *Change) wait(for_ string) {
	for _, w := range c.Waits {
		if w == for_ {
			return
		}
	}
	c.Waits = append(c.Waits, for_)
}

// after makes c wait for one predecessor, and for its parts where the edge reaches below.
func (p *Plan) after(c *Change, e state.Edge, parts map[state.ID][]*Change) {
	gates := c.Action != Update || c.Disruptive()
	before := p.Get(e.On)
	if before == nil {
		if !e.Below {
			c.wait(fmt.Sprintf("%s, which is nowhere", e.On))
		}
	} else if why, ok := satisfied(before, gates); !ok {
		c.wait(fmt.Sprintf("%s %s", e.On, why))
	}
	if !e.Below {
		return
	}
	for _, part := range parts[e.On.Whole()] {
		if !part.ID.Below(e.On) || part.ID == c.ID {
			continue
		}
		if part.Want == nil {
			if part.Owned != nil && (part.Live != nil || part.Status == Unknown) {
				c.wait(fmt.Sprintf("%s to be gone", part.ID))
			}
		} else if why, ok := satisfied(part, gates); !ok {
			c.wait(fmt.Sprintf("%s %s", part.ID, why))
		}
	}
}

// satisfied reports whether a predecessor lets its successors go on, or what it still lacks.
func satisfied(before *Change, gates bool) (why string, ok bool) {
	switch {
	case before.Status == Unknown:
		return "to be readable", false
	case before.Live == nil:
		return "to be there", false
	case before.Action == Create || before.Action == Adopt || before.Action == Replace || before.Action == Delete:
		return "to be applied", false
	case !gates:
		return "", true
	case before.Action == Update && before.Impact > kinds.None:
		return "to be applied", false
	case before.Live.Deleting:
		return "to be gone and made again", false
	case before.Live.Health.State == state.Progressing || before.Live.Health.State == state.Unhealthy:
		return "to be healthy", false
	}
	return "", true
}

// leaving maps an object to what stands on it and must let go first: what is itself to be deleted,
// and what is about to change what it stands on. Edges that reach below are apart, under the object
// whose parts they mean; there only what is to be deleted counts, since what stays waits for the
// parts to go, not they for it. So it is with a single part: a tenant cluster shrinks after its
// machine is no longer offered to it, not before.
func (p *Plan) leaving() (onIt, onParts map[state.ID][]*Change) {
	onIt, onParts = map[state.ID][]*Change{}, map[state.ID][]*Change{}
	for i := range p.Changes {
		x := &p.Changes[i]
		if x.Owned == nil || x.Live == nil && x.Status != Unknown {
			continue
		}
		goes := x.Want == nil
		acts := x.Action != Nothing || x.Status == Unknown
		for _, e := range x.Owned.After {
			if goes || acts && !e.Below && e.On.Part == "" && !stillOn(x.Want, e.On) {
				onIt[e.On] = append(onIt[e.On], x)
			}
			if goes && e.Below {
				onParts[e.On] = append(onParts[e.On], x)
			}
		}
	}
	return onIt, onParts
}

func stillOn(want *state.Object, on state.ID) bool {
	for _, e := range want.After {
		if e.On == on {
			return true
		}
	}
	return false
}

// refuseCycles holds every change whose edges lead back to itself, or that stands on such: no order
// could satisfy them. It takes away what stands on nothing, until only they are left.
func (p *Plan) refuseCycles() {
	left := map[state.ID]int{}
	next := map[state.ID][]*Change{}
	var free []*Change
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.Want != nil {
			for _, e := range c.Want.After {
				if p.Get(e.On) != nil {
					left[c.ID]++
					next[e.On] = append(next[e.On], c)
				}
			}
		}
		if left[c.ID] == 0 {
			free = append(free, c)
		}
	}
	for ; len(free) > 0; free = free[1:] {
		for _, c := range next[free[0].ID] {
			if left[c.ID]--; left[c.ID] == 0 {
				free = append(free, c)
			}
		}
	}
	for i := range p.Changes {
		if c := &p.Changes[i]; left[c.ID] > 0 && c.Action != Nothing {
			c.Hold(Hold{By: "cycle", Why: "what it stands on stands on it", Until: "a release of Millwright mends the order"})
		}
	}
}
