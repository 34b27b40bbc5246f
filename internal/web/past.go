package web

import (
	"slices"
	"strings"
	"time"
)

// Past is what the branch of a fleet went through, as far as it was read. It is never changed once it is made.
type Past struct {
	// Head is the newest commit that was read.
	Head string
	// Events are what commits did, the newest first.
	Events []Event

	byEntity map[string][]int // into Events
	byCommit map[string]int   // the first of a commit
}

// indexed is the past, ready to be asked.
func (p *Past) indexed() *Past {
	p.byEntity, p.byCommit = map[string][]int{}, map[string]int{}
	for n, e := range p.Events {
		p.byEntity[e.Entity] = append(p.byEntity[e.Entity], n)
		if _, ok := p.byCommit[e.Commit.Hash]; !ok {
			p.byCommit[e.Commit.Hash] = n
		}
	}
	return p
}

// Event is what one commit did to one entity, or that it was no fleet.
type Event struct {
	Commit *Commit
	// With are the commits right before that were no fleet: what they changed shows here.
	With []*Commit
	// Entity is empty where the commit was no fleet.
	Entity string
	Change string // added, changed, removed or invalid
	Fields []FieldChange
	// Tenants are those whom it concerns: the tenant itself, whose segment it is, and who got, has or lost the
	// machine. Sorted.
	Tenants []string
}

// Commit is a step of the branch, and who stands behind it, as it says itself.
type Commit struct {
	Hash, Subject       string
	Time                time.Time
	Authors             []string
	MergedBy            string
	ApprovedBy, Tickets []string
	Invalid             string
	// Tenants are those whom something of it concerns, and "" where something of it concerns no tenant. Sorted.
	Tenants []string
}

// FieldChange is a value that came, went or became another, as JSON; empty where there is or was none.
type FieldChange struct{ Path, Old, New string }

// SetPast tells what is known of the history. The past belongs to the store from now on.
func (s *Store) SetPast(p *Past) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past, s.pasts, s.owned, s.scopedRuns = p.indexed(), nil, nil, nil
	s.advance()
}

// past is what the scope leaves of a history, which may be nil: of what concerns its tenants, only what is their
// own. Subjects may speak of anybody, and so does who did it where a commit did something to others, too.
func (s Scope) past(p *Past) *Past {
	if p == nil || s.All {
		return p
	}
	out := &Past{Head: p.Head}
	commits := map[*Commit]*Commit{}
	for _, e := range p.Events {
		if !slices.ContainsFunc(e.Tenants, s.has) {
			continue
		}
		fields, ok := s.fields(e)
		if !ok {
			continue
		}
		c := commits[e.Commit]
		if c == nil {
			c = &Commit{Hash: e.Commit.Hash, Time: e.Commit.Time, Tenants: s.Tenants}
			if !slices.ContainsFunc(e.Commit.Tenants, func(t string) bool { return !s.has(t) }) {
				c.Authors, c.MergedBy, c.ApprovedBy, c.Tickets = e.Commit.Authors, e.Commit.MergedBy, e.Commit.ApprovedBy, e.Commit.Tickets
			} else {
				c.Authors = []string{withheld}
			}
			commits[e.Commit] = c
		}
		out.Events = append(out.Events, Event{Commit: c, Entity: e.Entity, Change: e.Change, Fields: fields, Tenants: slices.DeleteFunc(slices.Clone(e.Tenants), func(t string) bool { return !s.has(t) })})
	}
	return out.indexed()
}

// fields are those of an event that the scope may see; it is false if the event is not for it at all.
func (s Scope) fields(e Event) ([]FieldChange, bool) {
	kind, _, tenant := entityWords(e.Entity)
	switch kind {
	case "tenant":
		return e.Fields, s.has(tenant)
	case "machine": // whose it was, and what else is written of it, is not theirs to know
		var own []FieldChange
		for _, f := range e.Fields {
			if f.Path == "tenant" || f.Path == "pool" {
				f.Old, f.New = s.own(f.Old), s.own(f.New)
				own = append(own, f)
			}
		}
		return own, true
	case "segment": // which may name whom it reaches
		return nil, true
	}
	return nil, false
}

// own is a value that names a tenant or a pool, if that is the scope's.
func (s Scope) own(value string) string {
	name := strings.TrimPrefix(strings.Trim(value, `"`), "pool/")
	tenant, _, _ := strings.Cut(name, "/")
	if value == "" || s.has(tenant) {
		return value
	}
	return `"` + withheld + `"`
}

// place is what an address leads to in the events: an entity, and where in it.
type place struct{ entity, at string }

// find takes an address apart. Clusters and pools are written in their tenant. Names have dots as paths have, so
// that the longest name wins of which something is known.
func (p *Past) find(address string) place {
	for end := len(address); end > 0; end-- {
		if end < len(address) && address[end] != '.' && address[end] != '[' {
			continue
		}
		object, field := address[:end], strings.TrimPrefix(address[end:], ".")
		words := strings.Split(object, "/")
		at := ""
		switch {
		case words[0] == "cluster" && len(words) == 3:
			object, at = "tenant/"+words[1], "cluster."+words[2]
		case words[0] == "pool" && len(words) == 4:
			object, at = "tenant/"+words[1], "cluster."+words[2]+".pool."+words[3]
		}
		if len(p.byEntity[object]) > 0 {
			return place{object, strings.Trim(at+"."+field, ".")}
		}
	}
	return place{entity: address}
}

// of is what of an event is about a place; it is false if nothing is.
func (p place) of(e Event) (Event, bool) {
	if e.Entity != p.entity {
		return Event{}, false
	}
	if p.at == "" {
		return e, true
	}
	var fields []FieldChange
	for _, f := range e.Fields {
		if rest, ok := strings.CutPrefix(f.Path, p.at); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			fields = append(fields, f)
		}
	}
	e.Fields = fields
	return e, len(fields) > 0
}

// by reports whether somebody wrote, merged or approved a commit: by a part of their name.
func (c *Commit) by(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(slices.Concat(c.Authors, c.ApprovedBy, []string{c.MergedBy}), func(who string) bool {
		return who != withheld && strings.Contains(strings.ToLower(who), name)
	})
}
