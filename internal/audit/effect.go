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

	place   map[string]int     // of each commit in the history
	steps   map[string][]int   // the commits that changed an entity, in their order
	changes map[string][]tried // what commits caused, by each address that it is for
}

// tried is a change of a run.
type tried struct {
	run    int // of the runs
	change journal.Change
}

// Lay lays runs, the oldest first, on a history.
func (x *Index) Lay(runs []journal.Run) *Done {
	d := &Done{index: x, runs: runs, place: make(map[string]int, len(x.data.Commits)), steps: map[string][]int{}, changes: map[string][]tried{}}
	for i, c := range x.data.Commits {
		d.place[c.Hash] = i
	}
	for _, s := range x.data.Steps {
		d.steps[s.Entity] = append(d.steps[s.Entity], s.Commit)
	}
	for i, r := range runs {
		at, ok := d.place[r.Source.Commit]
		if !ok {
			at = -1
		}
		d.at = append(d.at, at)
		for _, c := range r.Changes {
			if !slices.Contains(c.Causes, plan.CauseCommit) {
				continue
			}
			for _, address := range regarded(c) {
				d.changes[address] = append(d.changes[address], tried{i, c})
			}
		}
	}
	return d
}

// Effect is when what a commit did to an entity, or to a part of one, was in effect at an address: by the changes for
// that which runs made of the commit and those after it, until the next commit that changed the entity. Nil if the
// commit is not of the history.
func (d *Done) Effect(commit, entity, address string) *Effect {
	from, ok := d.place[commit]
	if !ok {
		return nil
	}
	entity, _ = written(entity)
	for end := strings.LastIndexByte(entity, '.'); d.steps[entity] == nil && end > 0; end = strings.LastIndexByte(entity, '.') {
		entity = entity[:end]
	}
	to := len(d.index.data.Commits)
	if next := slices.IndexFunc(d.steps[entity], func(at int) bool { return at > from }); next >= 0 {
		to = d.steps[entity][next]
	}
	e, runs := &Effect{Before: len(d.at) == 0 || slices.Max(d.at) < from}, map[int]bool{}
	last := map[string]journal.Change{}
	for _, t := range d.changes[address] {
		if at := d.at[t.run]; at >= from && at < to {
			last[t.change.Address+" "+string(t.change.Step)] = t.change
			runs[d.runs[t.run].Sequence] = true
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

// regarded are the addresses that a change is for: the object and what it is part of, the entity and the cluster and
// tenant that it belongs to, and the machine whose name stands in the address.
func regarded(c journal.Change) []string {
	all := map[string]bool{c.Entity: true}
	words := strings.Split(c.Address, "/")
	for i, word := range words {
		all["machine/"+word] = true
		all[strings.Join(words[:i+1], "/")] = true
	}
	switch of := strings.Split(c.Entity, "/"); {
	case of[0] == "cluster" && len(of) == 3:
		all["tenant/"+of[1]] = true
	case of[0] == "pool" && len(of) == 4:
		all["tenant/"+of[1]], all["cluster/"+of[1]+"/"+of[2]] = true, true
	}
	return slices.Sorted(maps.Keys(all))
}

func below(name, above string) bool { return name == above || strings.HasPrefix(name, above+"/") }

// Annotate adds to an answer what came into effect when, and for a machine, or for all, what was bound.
func (d *Done) Annotate(a *Answer, q Query) {
	for i := range a.Events {
		e := &a.Events[i]
		if e.Change != Invalid {
			e.Effect = d.Effect(e.Commit.Hash, e.Entity, cmp.Or(q.Object, e.Entity))
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
			m.Values[i].Effect = d.Effect(v.Commit.Hash, m.Address, m.Address)
		}
	}
	for _, b := range d.bound(Query{Until: m.At}) {
		if m.Address == "machine/"+b.Machine {
			m.Bound = &b
		}
	}
}
