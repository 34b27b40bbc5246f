// Package past makes of the history of a fleet and of the runs of its journal what the dashboard shows of them, so
// that the dashboard need not know what reads one. Begin with [Of] and [Run]. It reads no repository.
package past

import (
	"maps"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/audit"
	"millwright.dev/millwright/internal/web"
)

// Of is the past that the events of a branch make, the newest first; head is the commit up to which it was read.
func Of(events []audit.Event, head string) *web.Past {
	p := &web.Past{Head: head, Events: make([]web.Event, len(events))}
	commits := map[string]*web.Commit{}
	commit := func(c audit.Commit) *web.Commit {
		if commits[c.Hash] == nil {
			commits[c.Hash] = &web.Commit{Hash: c.Hash, Subject: c.Subject, Time: c.Time, Authors: c.Authors, MergedBy: c.MergedBy, ApprovedBy: c.ApprovedBy, Tickets: c.Tickets, Invalid: c.Invalid}
		}
		return commits[c.Hash]
	}
	concerned := map[*web.Commit]map[string]bool{}
	has := map[string]string{} // who has a machine or a segment
	for n, e := range slices.Backward(events) {
		out := web.Event{Commit: commit(e.Commit), Entity: e.Entity, Change: e.Change, Fields: make([]web.FieldChange, len(e.Changes))}
		for _, c := range e.With {
			out.With = append(out.With, commit(c))
		}
		for i, c := range e.Changes {
			out.Fields[i] = web.FieldChange{Path: c.Path, Old: string(c.Old), New: string(c.New)}
		}
		out.Tenants = tenants(e, has)
		p.Events[n] = out
		of := concerned[out.Commit]
		if of == nil {
			of = map[string]bool{}
			concerned[out.Commit] = of
		}
		for _, t := range out.Tenants {
			of[t] = true
		}
		if len(out.Tenants) == 0 || len(out.With) > 0 { // what those were for is not known
			of[""] = true
		}
	}
	for c, of := range concerned {
		c.Tenants = slices.Sorted(maps.Keys(of))
	}
	return p
}

// tenants are those whom an event concerns. It notes who has what from then on.
func tenants(e audit.Event, has map[string]string) []string {
	kind, name, _ := strings.Cut(e.Entity, "/")
	if kind == "tenant" {
		return []string{name}
	}
	concerned := map[string]bool{has[e.Entity]: true}
	for _, c := range e.Changes {
		if c.Path != "tenant" {
			continue
		}
		now, _ := c.New.Plain().(string)
		if concerned[now] = true; now == "" {
			delete(has, e.Entity)
			continue
		}
		has[e.Entity] = now
	}
	delete(concerned, "")
	return slices.Sorted(maps.Keys(concerned))
}
