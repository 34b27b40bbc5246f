// Package audit turns the history of a fleet repository into events: which commit changed which field of what,
// from what to what, and who stands behind it. Fleets are compared as they compile, so that what follows from a
// default, a template or the allocation is told like what was written. Begin with [Open], [Index.Update] and
// [Index.Ask].
//
// What is found is kept in an index, which is made of Git alone and may be lost at any time. Git proves neither
// names nor times: the answers say what the commits say.
package audit

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/sources"
)

// Commit is one step of a branch, and who stands behind it.
type Commit struct {
	Hash    string `json:"hash"`
	Subject string `json:"subject"`
	// Time is when it was merged: its committer's date (UTC).
	Time time.Time `json:"time"`
	// Authors wrote it: for a merge, those of the branch. MergedBy made the merge; empty if it is none.
	Authors  []string `json:"authors"`
	MergedBy string   `json:"mergedBy,omitempty"`
	// ApprovedBy and Tickets are the values of its trailers Approved-by and Change-Ticket.
	ApprovedBy []string `json:"approvedBy,omitempty"`
	Tickets    []string `json:"tickets,omitempty"`
	// Invalid is what kept it from being a fleet; empty if it is one.
	Invalid string `json:"invalid,omitempty"`
}

// commitOf is what is told of the i-th commit of a line.
func commitOf(l *sources.Line, i int) Commit {
	c := l.Commits[i]
	out := Commit{Hash: c.Hash, Subject: c.Subject, Time: c.Committer.Time, ApprovedBy: c.Trailer("Approved-by"), Tickets: c.Trailer("Change-Ticket")}
	for _, who := range l.Authors(i) {
		out.Authors = append(out.Authors, person(who))
	}
	if len(c.Parents) > 1 {
		out.MergedBy = person(c.Author)
	}
	return out
}

func person(who sources.Identity) string {
	switch {
	case who.Email == "":
		return who.Name
	case who.Name == "":
		return "<" + who.Email + ">"
	}
	return who.Name + " <" + who.Email + ">"
}

// Value is a value as JSON; empty for none. A list of plain values is one value.
type Value string

// MarshalJSON writes the value as what it is.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(v), nil }

// Plain is the value as encoding/json decodes it, numbers as they are written; nil for none.
func (v Value) Plain() any {
	d := json.NewDecoder(strings.NewReader(string(v)))
	d.UseNumber()
	var plain any
	if d.Decode(&plain) != nil {
		return nil
	}
	return plain
}

// Leaf is one value of a fleet, and the path to it within its entity.
type Leaf struct {
	Path  string
	Value Value
}

// Change is a value that came, went or became another; Old or New is empty where there was or is none.
type Change struct {
	Path string `json:"path,omitempty"`
	Old  Value  `json:"old,omitempty"`
	New  Value  `json:"new,omitempty"`
	// Sets are the paths within a rendered object that come of the value, where one was asked for.
	Sets []string `json:"sets,omitempty"`
	// Coarse says that those may be as they were: something that they are made of with others changed.
	Coarse bool `json:"coarse,omitempty"`
}

// step is what one commit did to one entity.
type step struct {
	Commit  int // of the index's commits
	Entity  string
	Changes []Change
}

// Index is the history of a branch as events.
type Index struct {
	file, key string
	data      contents
	batch     int // commits that are compiled together
}

// contents are what is kept of an index.
type contents struct {
	Key     string
	Commits []Commit // the oldest first
	Steps   []step   // in the order of their commits
}

// states are the leaves of all entities at some commit, by address, sorted by path.
type states map[string][]Leaf

// replay is the state after the first n commits.
func (x *Index) replay(n int) states {
	all := states{}
	for _, s := range x.data.Steps {
		if s.Commit >= n {
			break
		}
		all.apply(s)
	}
	return all
}

// apply makes of a state the next.
func (all states) apply(s step) {
	old := all[s.Entity]
	leaves := make([]Leaf, 0, len(old)+len(s.Changes))
	changes := s.Changes
	for _, leaf := range old {
		for len(changes) > 0 && changes[0].Path < leaf.Path {
			leaves = appendNew(leaves, changes[0])
			changes = changes[1:]
		}
		if len(changes) > 0 && changes[0].Path == leaf.Path {
			leaf.Value = changes[0].New
			changes = changes[1:]
		}
		leaves = appendNew(leaves, Change{Path: leaf.Path, New: leaf.Value})
	}
	for _, c := range changes {
		leaves = appendNew(leaves, c)
	}
	if len(leaves) == 0 {
		delete(all, s.Entity)
		return
	}
	all[s.Entity] = slices.Clip(leaves)
}

func appendNew(leaves []Leaf, c Change) []Leaf {
	if c.New == "" {
		return leaves
	}
	return append(leaves, Leaf{c.Path, c.New})
}

// between is what leads from one list of leaves to another, both sorted.
func between(old, now []Leaf) []Change {
	var out []Change
	for len(old) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(old) > 0 && old[0].Path < now[0].Path:
			out = append(out, Change{Path: old[0].Path, Old: old[0].Value})
			old = old[1:]
		case len(old) == 0 || now[0].Path < old[0].Path:
			out = append(out, Change{Path: now[0].Path, New: now[0].Value})
			now = now[1:]
		default:
			if old[0].Value != now[0].Value {
				out = append(out, Change{Path: now[0].Path, Old: old[0].Value, New: now[0].Value})
			}
			old, now = old[1:], now[1:]
		}
	}
	return out
}
