package audit

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/plan"
)

// Effect is what the journal says of when something that was merged came about.
type Effect struct {
	// Time is when the last of its changes was done; zero if none was.
	Time time.Time `json:"time,omitzero"`
	// Runs are the numbers of the runs that did it.
	Runs []int `json:"runs,omitempty"`
	// Done, Pending and Failed count changes by what became of them in the end.
	Done    int `json:"done"`
	Pending int `json:"pending,omitempty"`
	Failed  int `json:"failed,omitempty"`
	// Before says that the journal ends before the commit was in force.
	Before bool `json:"before,omitempty"`
}

// Bound is a machine that another system, such as Platform, bound or let go.
type Bound struct {
	Time time.Time `json:"time"`
	Run  int       `json:"run"`
	journal.Binding
}

// Done is the journal of a fleet, the oldest run first, laid on its history.
type Done struct {
	index *Index
	runs  []journal.Run
	at    []int // the place of each run's commit in the history; -1: it has none there
}

// Lay lays runs, the oldest first, on a history.
func (x *Index) Lay(runs []journal.Run) *Done {
	place := make(map[string]int, len(x.data.Commits))
	for i, c := range x.data.Commits {
		place[c.Hash] = i
	}
	d := &Done{index: x, runs: runs}
	for _, r := range runs {
		at, ok := place[r.Source.Commit]
		if !ok {
			at = -1
		}
		d.at = append(d.at, at)
	}
	return d
}

// Effect is when what a commit did to an address was in effect: by the changes for it that runs made of that commit
// and those after it, until the next commit that changed the same entity. Nil if the commit is not of the history.
func (d *Done) Effect(commit, address string) *Effect {
	from := slices.IndexFunc(d.index.data.Commits, func(c Commit) bool { return c.Hash == commit })
	if from < 0 {
		return nil
	}
	entity, _ := written(address)
	to := len(d.index.data.Commits)
	for _, s := range d.index.data.Steps {
		if s.Commit > from && s.Entity == entity {
			to = s.Commit
			break
		}
	}
	last := map[string]journal.Change{}
	e, runs := &Effect{Before: true}, map[int]bool{}
	for i, r := range d.runs {
		e.Before = e.Before && d.at[i] < from
		if d.at[i] < from || d.at[i] >= to {
			continue
		}
		for _, c := range r.Changes {
			if slices.Contains(c.Causes, plan.CauseCommit) && regards(c, address) {
				last[c.Address+" "+string(c.Step)] = c
				runs[r.Sequence] = true
			}
		}
	}
	for _, c := range last {
		switch c.Result {
		case journal.Done:
			e.Done++
			if c.Time.After(e.Time) {
				e.Time = c.Time
			}
		case journal.Pending:
			e.Pending++
		case journal.Failed, journal.Refused, journal.Unsent, journal.Unrecorded:
			e.Failed++
		}
	}
	e.Runs = slices.Sorted(maps.Keys(runs))
	return e
}

// regards reports whether a change is for an address: the object itself, what is for the entity, a cluster or a pool
// of it, and whatever bears a machine's name.
func regards(c journal.Change, address string) bool {
	kind, name, _ := strings.Cut(address, "/")
	switch kind {
	case "machine":
		if slices.Contains(strings.Split(c.Address, "/"), name) {
			return true
		}
	case "tenant":
		if below(c.Entity, "cluster/"+name) || below(c.Entity, "pool/"+name) {
			return true
		}
	case "cluster":
		if below(c.Entity, "pool/"+name) {
			return true
		}
	}
	return c.Entity == address || below(c.Address, address)
}

func below(name, above string) bool { return name == above || strings.HasPrefix(name, above+"/") }

// Annotate adds to an answer what came into effect when, and for a machine, or for all, what was bound.
func (d *Done) Annotate(a *Answer, q Query) {
	for i := range a.Events {
		e := &a.Events[i]
		if e.Change != Invalid {
			e.Effect = d.Effect(e.Commit.Hash, cmp.Or(q.Object, e.Entity))
		}
	}
	if q.Tenant != "" || q.By != "" || q.Object != "" || a.Address != "" && !strings.HasPrefix(a.Address, "machine/") {
		return
	}
	for _, b := range d.bound(q) {
		if a.Address == "" || a.Address == "machine/"+b.Machine {
			a.Bound = append(a.Bound, b)
		}
	}
	slices.Reverse(a.Bound)
}

func (d *Done) bound(q Query) (all []Bound) {
	for _, r := range d.runs {
		if !q.within(r.Ended) {
			continue
		}
		for _, b := range r.Bindings {
			all = append(all, Bound{r.Ended, r.Sequence, b})
		}
	}
	return all
}

// AnnotateMoment adds to each value when what made it so came into effect, and of a machine to whom it was bound.
func (d *Done) AnnotateMoment(m *Moment) {
	for i, v := range m.Values {
		if v.Commit != nil {
			m.Values[i].Effect = d.Effect(v.Commit.Hash, m.Address)
		}
	}
	for _, b := range d.bound(Query{Until: m.At}) {
		if m.Address == "machine/"+b.Machine {
			m.Bound = &b
		}
	}
}
