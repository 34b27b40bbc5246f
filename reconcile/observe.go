package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"millwright.dev/millwright/internal/guard"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// observe connects to every target of the set and of our memory and reads it, many at once. What was
// read of a quiet target lately is kept. One that does not answer, or cannot even be connected to, holds up
// the others for Patience at the most, and then not again for a while: one sick target is one sick target.
func (r *Reconciler) observe(ctx context.Context, d Desired) {
	patience := cmp.Or(r.Patience, usualPatience)
	var (
		wait  sync.WaitGroup
		slots = make(chan struct{}, looksAtOnce)
		mu    sync.Mutex // guards next, late and Looked
		now   = r.Now()
		next  = map[state.Target]state.Live{}
		late  = map[state.Target]time.Time{} // until when to leave targets alone
		order = r.order()
	)
	keep := func(t state.Target, live state.Live, until time.Time) {
		mu.Lock()
		defer mu.Unlock()
		next[t] = live
		if !until.IsZero() {
			late[t] = until
		}
		if r.Looked != nil {
			r.Looked(t, live.Err, len(next), len(order))
		}
	}
	for _, t := range order {
		last, seen := r.lives[t]
		if seen && last.Err == nil && !r.busy[t] && now.Sub(last.Time) < r.Keep[t.System] {
			keep(t, last, time.Time{})
			continue
		}
		if until := r.rest[t]; seen && now.Before(until) {
			keep(t, last, until)
			continue
		}
		query := target.Query{Want: d.Set.Of(t), Owned: r.memory[t].expected()}
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			limited, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			live := r.look(limited, t, query, d, now)
			var until time.Time
			if limited.Err() != nil && ctx.Err() == nil {
				until = r.Now().Add(restFactor * patience)
			}
			keep(t, live, until)
		})
	}
	wait.Wait()
	r.lives, r.rest = next, late
}

const (
	usualPatience = 45 * time.Second
	// restFactor is how many times its patience the reconciler leaves a target alone that wore it out.
	restFactor = 4
	// looksAtOnce bounds the connections and the memory of a pass over thousands of machines.
	looksAtOnce = 256
)

// order is the order in which targets are looked at where not all can be at once: those that answered
// last time come first, so that many dead ones do not stand in their way.
func (r *Reconciler) order() []state.Target {
	var order []state.Target
	for t, m := range r.memory {
		if !m.past {
			order = append(order, t)
		}
	}
	slices.SortFunc(order, func(a, b state.Target) int {
		return cmp.Or(cmp.Compare(failed(r.lives[a]), failed(r.lives[b])), a.Compare(b))
	})
	return order
}

func failed(live state.Live) int {
	if live.Err != nil {
		return 1
	}
	return 0
}

// look reads one target. One that could not be connected to is tried again in the next pass.
func (r *Reconciler) look(ctx context.Context, t state.Target, q target.Query, d Desired, now time.Time) state.Live {
	reader, ok := r.connected(t)
	if !ok {
		var err error
		if reader, err = r.Open(ctx, t, d.Fleet); err != nil {
			return unopened(t, q, now, err)
		}
		r.connect(t, reader)
	}
	return reader.Observe(ctx, q)
}

func (r *Reconciler) connected(t state.Target) (target.Reader, bool) {
	r.opening.Lock()
	defer r.opening.Unlock()
	reader, ok := r.open[t]
	return reader, ok
}

func (r *Reconciler) connect(t state.Target, reader target.Reader) {
	r.opening.Lock()
	defer r.opening.Unlock()
	if r.open == nil {
		r.open = map[state.Target]target.Reader{}
	}
	r.open[t] = reader
}

// unopened is what we know of a target that cannot be spoken to: nothing, unless it is still to come
// and nothing of ours can be in it.
func unopened(t state.Target, q target.Query, now time.Time, err error) state.Live {
	if !errors.Is(err, target.ErrNotYet) || len(q.Owned) > 0 {
		return state.Live{Target: t, Time: now, Err: err}
	}
	live := state.Live{Target: t, Time: now, Covered: map[state.ID]bool{}}
	for _, o := range q.Want {
		live.Covered[o.ID] = true
	}
	return live
}

// preview asks the targets that can tell how changed objects would read back.
func (r *Reconciler) preview(ctx context.Context, in plan.Input) map[state.ID]plan.Preview {
	var (
		wait     sync.WaitGroup
		mu       sync.Mutex
		previews = map[state.ID]plan.Preview{}
	)
	for t, reader := range r.open {
		previewer, ok := reader.(target.Previewer)
		if !ok {
			continue
		}
		need := plan.NeedPreview(in, t)
		if len(need) == 0 {
			continue
		}
		wait.Go(func() {
			for _, p := range previewer.Preview(ctx, need) {
				mu.Lock()
				previews[p.ID] = p
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return previews
}

// notice keeps in mind which targets something is under way on: they are read afresh next time.
func (r *Reconciler) notice(p plan.Plan) {
	r.busy = map[state.Target]bool{}
	for _, c := range p.Changes {
		if c.Action != plan.Nothing || c.Status == plan.Progressing || c.Status == plan.Pending || c.Status == plan.Unknown {
			r.busy[c.ID.Target] = true
		}
	}
}

// fightWindow is how long a correction is remembered.
const fightWindow = 15 * time.Minute

// corrections is how often an object was put right lately.
func (r *Reconciler) corrections(id state.ID) int {
	recent := r.corrected[id][:0]
	for _, t := range r.corrected[id] {
		if r.Now().Sub(t) < fightWindow {
			recent = append(recent, t)
		}
	}
	if len(recent) >= guard.FightLimit { // as long as it lasts, it is not forgotten
		for i := range recent {
			recent[i] = r.Now()
		}
	}
	if r.corrected != nil {
		r.corrected[id] = recent
	}
	return len(recent)
}

func splitEntity(entity string) []string { return strings.Split(entity, "/") }

// errNoWriter is a wiring mistake: a system that was opened for reading only was to be written.
func errNoWriter(t state.Target) error {
	return fmt.Errorf("%s was opened for reading only, so nothing was sent", t)
}
