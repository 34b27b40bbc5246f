package ufm

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/target/rest"
)

// Apply carries out the changes in four steps: ports leave, partitions are deleted, partitions are made
// or changed, ports join. Before each step and after it UFM is looked at anew, so that a port joins only
// what it is seen to be free for. All ports that leave, or join, one partition do so by one request.
func (m *Manager) Apply(ctx context.Context, changes []plan.Change) iter.Seq[target.Result] {
	return func(yield func(target.Result) bool) {
		select {
		case m.writes <- struct{}{}:
			defer func() { <-m.writes }()
		case <-ctx.Done():
			emit(yield, failed(changes, ctx.Err()))
			return
		}
		for _, s := range steps {
			var mine []plan.Change
			for _, c := range changes {
				if stepOf(c) == s {
					mine = append(mine, c)
				}
			}
			if len(mine) > 0 && !emit(yield, m.step(ctx, s, mine)) {
				return
			}
		}
	}
}

func emit(yield func(target.Result) bool, results []target.Result) bool {
	return !slices.ContainsFunc(results, func(r target.Result) bool { return !yield(r) })
}

// step is one of the four.
type step int

const (
	leaving step = iota
	removing
	making
	joining
)

var steps = []step{leaving, removing, making, joining}

func stepOf(c plan.Change) step {
	goes := c.Action == plan.Delete || c.Action == plan.Release
	switch {
	case c.ID.Part != "" && goes:
		return leaving
	case goes:
		return removing
	case c.ID.Part != "":
		return joining
	}
	return making
}

// failed is the same error for every change, said of each.
func failed(changes []plan.Change, err error) []target.Result {
	results := make([]target.Result, len(changes))
	for i, c := range changes {
		results[i] = failure(c, err)
	}
	return results
}

func failure(c plan.Change, err error) target.Result {
	return target.Result{ID: c.ID, Err: fmt.Errorf("%s %s: %w", c.Action, c.ID, err)}
}

// edit is one change, laid over what is there.
type edit struct {
	change plan.Change
	pkey   int
	guid   string // of a member
	want   map[string]any
	send   bool  // what is there differs
	err    error // what forbids it
}

// step carries out the changes of one step. Every request may be repeated, since none adds up; one that
// was accepted is looked for and not sent again.
func (m *Manager) step(ctx context.Context, s step, changes []plan.Change) []target.Result {
	var (
		accepted = map[string]bool{}
		done     = map[state.ID]bool{} // the changes of what was accepted
		lost     = map[string]error{}  // why what was sent may not have taken effect, by request
	)
	for attempt := 0; ; attempt++ {
		v, err := m.look(ctx)
		if err != nil {
			return failed(changes, err)
		}
		edits := make([]edit, len(changes))
		for i, c := range changes {
			if edits[i] = v.edit(s, c); edits[i].err != nil && done[c.ID] {
				edits[i].err = errUnread // what stands in the way is what we made
			}
		}
		todo := v.requests(s, edits)
		final := !slices.ContainsFunc(todo, func(r request) bool { return accepted[r.key] || lost[r.key] == nil || transient(lost[r.key]) })
		if len(todo) == 0 || final || attempt == rest.Attempts {
			return m.results(v, edits, todo, lost)
		}
		again := attempt > 0
		for _, r := range todo {
			if accepted[r.key] || lost[r.key] != nil && !transient(lost[r.key]) {
				continue
			}
			if lost[r.key] = m.send(ctx, r); lost[r.key] == nil {
				accepted[r.key], lost[r.key] = true, errUnread
				for _, id := range r.changes {
					done[id] = true
				}
			} else {
				again = true
			}
		}
		if !again {
			continue // what was accepted is there at once, as a rule
		}
		if err := m.api.Pause(ctx, attempt+1); err != nil {
			return failed(changes, err)
		}
	}
}

// errUnread: UFM said yes, and does not show it.
var errUnread = errors.New("was accepted, but does not read back so")

// results are what became of the changes, by the last look.
func (m *Manager) results(v view, edits []edit, todo []request, lost map[string]error) []target.Result {
	undone := map[state.ID]error{}
	for _, r := range todo {
		for _, id := range r.changes {
			undone[id] = lost[r.key]
		}
	}
	list := make([]target.Result, len(edits))
	for i, e := range edits {
		switch {
		case e.err != nil:
			list[i] = failure(e.change, e.err)
		case undone[e.change.ID] != nil:
			list[i] = failure(e.change, undone[e.change.ID])
		default:
			list[i] = target.Result{ID: e.change.ID, Live: m.live(v, e)}
		}
	}
	return list
}

// live is the object of a change as UFM now reports it, or nil if it is gone.
func (m *Manager) live(v view, e edit) *state.LiveObject {
	p := v[e.pkey]
	if p == nil {
		return nil
	}
	live := m.partition(e.pkey, p, v.health())
	if e.guid != "" {
		in, there := p.members[e.guid]
		if !there {
			return nil
		}
		live = m.member(live.ID, e.guid, in)
	}
	return &live
}
