package web

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"millwright.dev/millwright/internal/state"
)

// MostRuns is how many runs the dashboard is given at most: the journal itself has all of them.
const MostRuns = 500

// MostDeeds is at how many deeds of those runs no older one is added.
const MostDeeds = 50_000

// Runs are the latest passes that did something or found something new, as far as they were read. They are never
// changed once they are made.
type Runs struct {
	// List has the newest first.
	List []Run
	// Error says why no more could be read; empty if nothing is wrong.
	Error string
}

// Run is one pass.
type Run struct {
	// ID is the run's for ever; Number counts the runs of the journal, and is 0 for readers whose business the
	// others are not.
	ID     string
	Number int
	By     string // the process that was at work
	// Commit of the fleet was in force.
	Commit, Subject string
	Began           time.Time
	Ended           time.Time // zero for readers of a part of it
	// Lost: the process ended before it could write down what became of the changes.
	Lost  bool
	Deeds []Deed
}

// The kinds of a deed.
const (
	DeedChange  = "change"  // was tried
	DeedDrift   = "drift"   // others changed something that was left as it is, or put it right again
	DeedBinding = "binding" // another system bound a machine or let it go
)

// PutRight is what a deed says of drift that is no more.
const PutRight = "put right"

// Deed is something that a run did or found.
type Deed struct {
	Kind            string
	Address, Entity string
	// Tenant is whose it was while the run's commit was in force; empty where that is nobody or not known.
	Tenant                string
	What                  string // the action, the status of drift, bound or released
	Impact, Result, Error string
	Fields                []DeedField
	More                  int // fields that are not here
	Leave                 *Leave
	Time                  time.Time
	Milliseconds          int64
	Observed              string   // how a change stood whose outcome nobody wrote down
	Held                  []string // the guards that hold drift as it is
}

// DeedField is a field of a deed: what was there, and what Git wants. A sensitive one has no values.
type DeedField struct {
	FieldChange
	Sensitive bool
	Who       []state.Writer
}

// Leave is what allowed a change that needed it: an approval or a window of time.
type Leave struct {
	Approval, Window string
	By               string
	Verified         bool
	Commit           string
}

// SetRuns tells the latest runs. They belong to the store from now on.
func (s *Store) SetRuns(runs *Runs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs, s.owned, s.scopedRuns = runs, nil, nil
	s.advance()
}

// runsFor are the runs for a scope; the caller holds the lock.
func (s *Store) runsFor(scope Scope, floor *scopedFloor) *Runs {
	if s.runs == nil {
		return nil
	}
	if s.owned == nil {
		s.owned = s.past.owned(s.runs)
	}
	key := scope.key()
	runs := s.scopedRuns[key]
	if runs == nil {
		runs = scope.runs(s.owned, s.past, floor)
		if s.scopedRuns == nil {
			s.scopedRuns = map[string]*Runs{}
		}
		s.scopedRuns[key] = runs
	}
	return runs
}

// Name is how a run is called in a URL.
func (r Run) Name() string {
	if r.Number == 0 {
		return r.ID
	}
	return strconv.Itoa(r.Number)
}

// owned are the runs with whose each deed was.
func (p *Past) owned(runs *Runs) *Runs {
	out := &Runs{List: slices.Clone(runs.List), Error: runs.Error}
	for n, at := range p.places(runs) {
		run := &out.List[n]
		run.Deeds = slices.Clone(run.Deeds)
		for i := range run.Deeds {
			run.Deeds[i].Tenant = p.owner(run.Deeds[i].Entity, at)
		}
	}
	return out
}

// places are where in the events each run's commit is. Of one that changed nothing of the fleet it is where the run
// before was: runs follow the branch, and never back. Where nothing is known it is after the last event.
func (p *Past) places(runs *Runs) []int {
	all := make([]int, len(runs.List))
	at := 0
	if p != nil {
		at = len(p.Events)
	}
	for n, run := range slices.Backward(runs.List) {
		if p != nil {
			if known, ok := p.byCommit[run.Commit]; ok {
				at = known
			}
		}
		all[n] = at
	}
	return all
}

// owner is the tenant whose an entity was at a place in the events, "" where that is nobody or not known.
func (p *Past) owner(entity string, at int) string {
	_, _, tenant := entityWords(entity)
	if tenant != "" || p == nil {
		return tenant
	}
	for _, n := range p.byEntity[entity] {
		if n < at {
			continue
		}
		for _, f := range p.Events[n].Fields {
			if f.Path == "tenant" {
				_ = json.Unmarshal([]byte(f.New), &tenant) // which is empty where it was taken away
				return tenant
			}
		}
	}
	return ""
}

// runs is what the scope leaves of runs whose deeds say whose they were: only what was its tenants' at that time.
// What was there before, who did it and why it failed may name others, and so may all fields of a machine or of
// a segment. How many runs there are besides is not for them to know either, and nor is how long they took.
func (s Scope) runs(all *Runs, p *Past, f *scopedFloor) *Runs {
	if s.All {
		return all
	}
	out := &Runs{}
	if all.Error != "" {
		out.Error = withheld
	}
	places := p.places(all)
	for n, run := range all.List {
		own := Run{ID: run.ID, Commit: run.Commit, Began: run.Began, Lost: run.Lost}
		for _, d := range run.Deeds {
			if !s.has(d.Tenant) {
				continue
			}
			// What is for one's own may lie at somebody else's machine.
			if part := f.machineOf(d.Address); part != "" && !s.has(p.owner("machine/"+part, places[n])) {
				continue
			}
			own.Deeds = append(own.Deeds, d.reduced())
		}
		if len(own.Deeds) > 0 {
			out.List = append(out.List, own)
		}
	}
	return out
}

func (d Deed) reduced() Deed {
	if d.Error != "" {
		d.Error = withheld
	}
	d.Leave = nil // it names people of the provider, and may be for others too
	kind, _, _ := entityWords(d.Entity)
	if kind == "machine" || kind == "segment" {
		d.Fields, d.More = nil, 0
		return d
	}
	d.Fields = slices.Clone(d.Fields)
	for i := range d.Fields {
		f := &d.Fields[i]
		if f.Who = nil; f.Old != "" {
			f.Old = `"` + withheld + `"`
		}
	}
	return d
}
