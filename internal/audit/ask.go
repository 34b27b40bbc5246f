package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/state"
)

// Query is what is asked of an index; a zero field does not choose.
type Query struct {
	// Address is an entity, or a field of one: "machine/gpu-007.tenant". Clusters and pools have addresses, too.
	Address string
	// Object, if not empty, is a rendered object to tell of instead, or a field of it, through where the values come from.
	Object, Field string
	Origins       []Origin
	// Since and Until bound when a commit was merged, both included.
	Since, Until time.Time
	// Tenant is who has to be concerned: the tenant itself, its segments, and the machines that it gets, has or loses.
	Tenant string
	// By is part of the name of an author, of who merged, or of who approved.
	By string
}

// How an entity changed.
const (
	Added   = "added"
	Changed = "changed"
	Removed = "removed"
	Invalid = "invalid" // the commit was no fleet, so that nothing changed
)

// Event is what one commit did to one entity.
type Event struct {
	Commit Commit `json:"commit"`
	// With are the commits right before that were no fleet: what they changed shows here.
	With    []Commit `json:"with,omitempty"`
	Entity  string   `json:"entity,omitempty"`
	Change  string   `json:"change"`
	Changes []Change `json:"fields,omitempty"`
	// Sets are the paths within a rendered object that are there because the entity is, where one was asked for.
	Sets []string `json:"sets,omitempty"`
	// Effect is what the journal says of it; nil where none was at hand.
	Effect *Effect `json:"effect,omitempty"`
}

// Answer are the events that a query chooses, the newest first.
type Answer struct {
	Address string `json:"address,omitempty"`
	// Field is that of the address; empty if it is an entity's.
	Field  string  `json:"field,omitempty"`
	Events []Event `json:"events"`
	// Unknown are what values of a rendered object come from and the history does not know.
	Unknown []Origin `json:"unknown,omitempty"`
	// Bound are the machines that others bound or let go, the newest first, where a journal was at hand.
	Bound []Bound `json:"bound,omitempty"`
}

// Standing is what holds at a moment: a value, and the event that made it so.
type Standing struct {
	Path  string `json:"path,omitempty"`
	Value Value  `json:"value,omitempty"`
	// Commit made it so; nil if nothing did, as no value was there before either.
	Commit *Commit  `json:"commit,omitempty"`
	With   []Commit `json:"with,omitempty"`
	// Effect is what the journal says of it; nil where none was at hand.
	Effect *Effect `json:"effect,omitempty"`
}

// Moment is how an address stood at a time.
type Moment struct {
	Address string     `json:"address"`
	Field   string     `json:"field,omitempty"`
	At      time.Time  `json:"at"`
	Values  []Standing `json:"values"`
	// Bound is to whom a machine was bound, as the journal saw it last; nil where it saw nothing, or none was at hand.
	Bound *Bound `json:"bound,omitempty"`
}

// place is what an address leads to.
type place struct {
	entity string // that the index knows
	object string // that the address names: the entity, or a cluster or pool within it
	at     string // where the object is in the entity
	field  string // within the object
	full   string // the field within the entity
}

func (p place) relative(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, p.at), ".")
}

// within reports whether a path is another or lies below it.
func within(path, at string) bool {
	rest, ok := strings.CutPrefix(path, at)
	return ok && (at == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// find takes an address apart. Names have dots, too, so that the longest that was ever there wins.
func (x *Index) find(address string) (place, error) {
	for end := len(address); end > 0; end-- {
		if end < len(address) && address[end] != '.' && address[end] != '[' {
			continue
		}
		object := address[:end]
		entity, at := written(object)
		if !x.ever(entity, at.String()) {
			continue
		}
		field, err := state.ParsePath(strings.TrimPrefix(address[end:], "."))
		if err != nil {
			return place{}, err
		}
		p := place{entity, object, at.String(), field.String(), slices.Concat(at, field).String()}
		if !x.ever(p.entity, p.full) {
			return place{}, fmt.Errorf("%s never had a field %s; `millwright history %s --at TIME` shows those it had", object, p.field, object)
		}
		return p, nil
	}
	return place{}, x.unknown(address)
}

// written is the entity that another stands in, and where: clusters and pools are written in their tenant.
func written(object string) (entity string, at state.Path) {
	switch words := strings.Split(object, "/"); {
	case words[0] == "cluster" && len(words) == 3:
		return "tenant/" + words[1], state.Path{"cluster", words[2]}
	case words[0] == "pool" && len(words) == 4:
		return "tenant/" + words[1], state.Path{"cluster", words[2], "pool", words[3]}
	}
	return object, nil
}

// ever reports whether an entity ever had something at a path.
func (x *Index) ever(entity, at string) bool {
	return slices.ContainsFunc(x.data.Steps, func(s step) bool {
		return s.Entity == entity && slices.ContainsFunc(s.Changes, func(c Change) bool { return within(c.Path, at) })
	})
}

// manyNames is how many addresses a suggestion lists.
const manyNames = 8

func (x *Index) unknown(address string) error {
	like := map[string]bool{}
	for _, s := range x.data.Steps {
		if strings.Contains(s.Entity, address) {
			like[s.Entity] = true
		}
	}
	hint := ""
	if names := sorted(like); len(names) > 0 {
		hint = "; these contain it:\n  " + strings.Join(names[:min(len(names), manyNames)], "\n  ")
	}
	return fmt.Errorf("%s is no entity that this history knows%s", address, hint)
}

func sorted(set map[string]bool) []string {
	var names []string
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Ask answers a query. An address or a tenant that never was there is an error.
func (x *Index) Ask(q Query) (Answer, error) {
	a := Answer{Events: []Event{}}
	var p place
	if q.Address != "" {
		var err error
		if p, err = x.find(q.Address); err != nil {
			return a, err
		}
		a.Address, a.Field = p.object, p.field
	}
	of := map[string][]part{}
	for i, part := range x.parts(q.Origins) {
		if part.entity == "" {
			a.Unknown = append(a.Unknown, q.Origins[i])
		}
		of[part.entity] = append(of[part.entity], part)
	}
	if q.Object != "" {
		a.Address, a.Field = q.Object, q.Field
	}
	if tenant := "tenant/" + q.Tenant; q.Tenant != "" && !x.ever(tenant, "") {
		return a, x.unknown(tenant)
	}
	x.walk(func(c Commit, with []Commit, steps []step, before states) {
		if !q.chooses(c, with) {
			return
		}
		if c.Invalid != "" && q.Address == "" && q.Object == "" && q.Tenant == "" {
			a.Events = append(a.Events, Event{Commit: c, Change: Invalid})
		}
		for _, s := range slices.Backward(steps) { // since all are turned round in the end
			if q.Address != "" && s.Entity != p.entity || q.Tenant != "" && !concerns(s, before[s.Entity], q.Tenant) {
				continue
			}
			if q.Object != "" {
				for _, e := range slices.Backward(effects(s, before[s.Entity], of[s.Entity])) {
					e.Commit, e.With = c, with
					a.Events = append(a.Events, e)
				}
				continue
			}
			if e, ok := p.event(s, before[s.Entity]); ok {
				e.Commit, e.With = c, with
				a.Events = append(a.Events, e)
			}
		}
	})
	slices.Reverse(a.Events)
	return a, nil
}

// walk goes through the commits, the oldest first, each with the commits right before that were no fleet, with what
// it did, and with the state before.
func (x *Index) walk(visit func(c Commit, with []Commit, steps []step, before states)) {
	all, rest := states{}, x.data.Steps
	var with []Commit
	for i, c := range x.data.Commits {
		n := 0
		for n < len(rest) && rest[n].Commit == i {
			n++
		}
		if c.Invalid != "" {
			visit(c, nil, nil, all)
			with = append(with, c)
			continue
		}
		visit(c, with, rest[:n], all)
		for _, s := range rest[:n] {
			all.apply(s)
		}
		with, rest = nil, rest[n:]
	}
}

// within reports whether a time lies in the query's.
func (q Query) within(t time.Time) bool {
	return (q.Since.IsZero() || !t.Before(q.Since)) && (q.Until.IsZero() || !t.After(q.Until))
}

func (q Query) chooses(c Commit, with []Commit) bool {
	if !q.within(c.Time) {
		return false
	}
	return q.By == "" || slices.ContainsFunc(append([]Commit{c}, with...), func(c Commit) bool {
		return slices.ContainsFunc(slices.Concat(c.Authors, c.ApprovedBy, []string{c.MergedBy}), func(name string) bool {
			return strings.Contains(strings.ToLower(name), strings.ToLower(q.By))
		})
	})
}

// concerns reports whether a step is about a tenant, or about something that is or was the tenant's.
func concerns(s step, before []Leaf, tenant string) bool {
	if s.Entity == "tenant/"+tenant {
		return true
	}
	want := text(tenant)
	return slices.Contains(before, Leaf{"tenant", want}) ||
		slices.ContainsFunc(s.Changes, func(c Change) bool { return c.Path == "tenant" && c.New == want })
}

// event is what a step did to a place; ok is false if it did nothing there.
func (p place) event(s step, before []Leaf) (e Event, ok bool) {
	e = Event{Entity: cmp.Or(p.object, s.Entity), Change: how(s, before, p.at)}
	for _, c := range s.Changes {
		if within(c.Path, p.full) {
			c.Path = p.relative(c.Path)
			e.Changes = append(e.Changes, c)
		}
	}
	return e, len(e.Changes) > 0
}

// how a step changed what stands at a path.
func how(s step, before []Leaf, at string) string {
	var had, gone, came int
	for _, leaf := range before {
		had += count(within(leaf.Path, at))
	}
	for _, c := range s.Changes {
		gone += count(within(c.Path, at) && c.New == "" && c.Old != "")
		came += count(within(c.Path, at) && c.Old == "" && c.New != "")
	}
	switch {
	case had == 0 && came > 0:
		return Added
	case had > 0 && had == gone && came == 0:
		return Removed
	}
	return Changed
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}
