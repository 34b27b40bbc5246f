package reconcile

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Point names a moment at which a crash would hurt most.
type Point string

// The points, in the order in which a change passes them.
const (
	BeforeSend   Point = "before-send"   // the intent and the use of approvals are written, the request is not sent
	AfterEffect  Point = "after-effect"  // the target has done it, we have not noticed
	BeforeRecord Point = "before-record" // we know, and have not written it down
)

func (r *Reconciler) at(p Point) {
	if r.Crash != nil {
		r.Crash(p)
	}
}

// apply sends changes that are ready, target by target at once, and writes down what became of them.
// Results go into the plan, so that its report says what is so afterwards.
func (r *Reconciler) apply(ctx context.Context, ready []plan.Change, p *plan.Plan, d Desired) (applied int, outcomes []journal.Outcome, err error) {
	byTarget := map[state.Target][]plan.Change{}
	for _, c := range ready {
		byTarget[c.ID.Target] = append(byTarget[c.ID.Target], c)
	}
	var (
		wait sync.WaitGroup
		mu   sync.Mutex // guards p, r.corrected, applied, outcomes and errs
		errs []error
	)
	for t, changes := range byTarget {
		wait.Go(func() {
			err := r.applyTo(ctx, t, changes, d, func(c plan.Change, result target.Result, sent time.Time) {
				mu.Lock()
				defer mu.Unlock()
				r.settle(p.Get(c.ID), c, result)
				at := r.Now()
				outcomes = append(outcomes, outcomeOf(c, result, at, at.Sub(sent)))
				if result.Err == nil {
					applied++
				}
				if r.Done != nil {
					r.Done(c, result)
				}
			})
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	wait.Wait()
	return applied, outcomes, errors.Join(errs...)
}

// applyTo applies changes to one target: intents and the use of approvals first, then the requests, then the record.
func (r *Reconciler) applyTo(ctx context.Context, t state.Target, changes []plan.Change, d Desired, done func(plan.Change, target.Result, time.Time)) error {
	m := r.memory[t]
	now := r.Now()
	for _, c := range changes {
		if i, needed := r.intentOf(c, now, d); needed {
			m.intend(i)
		}
		m.spend(c)
	}
	if err := r.save(ctx, t); err != nil {
		return err // without the intent on record, and what approvals are used for, nothing is sent
	}
	writer, ok := r.open[t].(target.Writer)
	if !ok {
		for _, c := range changes {
			done(c, target.Result{ID: c.ID, Err: errNoWriter(t)}, now)
		}
		return nil
	}
	r.at(BeforeSend)
	byID := make(map[state.ID]plan.Change, len(changes))
	for _, c := range changes {
		byID[c.ID] = c
	}
	var results []target.Result
	sent := r.Now()
	for result := range writer.Apply(ctx, changes) {
		r.at(AfterEffect)
		results = append(results, result)
		done(byID[result.ID], result, sent)
	}
	r.at(BeforeRecord)
	for _, result := range results {
		r.record(m, byID[result.ID], result, d)
	}
	return r.save(context.WithoutCancel(ctx), t) // what was done is recorded even if we are told to stop
}

// record brings our memory up to a result. An error leaves the intent open: the next pass looks. Not so
// if nothing was sent: what the intent would then explain was not our doing.
func (r *Reconciler) record(m *memory, c plan.Change, result target.Result, d Desired) {
	if errors.Is(result.Err, target.ErrHeld) {
		m.closeIntent(c.ID)
	}
	if result.Err != nil {
		return
	}
	switch {
	case c.Step != "":
		// A staged change is ours once it is in force, which a later pass sees. A reset's intent stays
		// open until the machine shows that it happened.
		if c.Step == plan.Reset {
			m.accepted(c.ID)
			return
		}
	case c.Action == plan.Release, c.Action == plan.Delete && result.Live == nil:
		m.disown(c.ID)
	case c.Action == plan.Delete: // accepted, not gone yet: ours until it is
		return
	case result.Live != nil:
		m.own(r.ownedBy(*c.Want, result.Live.Remote, d))
	}
	m.closeIntent(c.ID)
}

// settle puts a result into the plan.
func (r *Reconciler) settle(planned *plan.Change, c plan.Change, result target.Result) {
	switch {
	case errors.Is(result.Err, target.ErrHeld):
		planned.Hold(plan.Hold{By: "second-look", Why: result.Err.Error(), Until: "what is there is what the plan saw, or the fleet says what to do"})
		return
	case result.Err != nil:
		planned.Status, planned.Note = plan.Failed, result.Err.Error()
		r.Log.Warn("change failed", "id", c.ID.String(), "action", c.Action, "error", result.Err)
		return
	}
	r.Log.Info("changed", "id", c.ID.String(), "action", c.Action, "step", c.Step, "causes", c.Causes, "by", culprit(c), "consent", consent(c))
	if slices.Contains(c.Causes, plan.CauseDrift) && c.Action == plan.Update {
		if r.corrected == nil {
			r.corrected = map[state.ID][]time.Time{}
		}
		r.corrected[c.ID] = append(r.corrected[c.ID], r.Now())
	}
	planned.Live = result.Live
	planned.Status = plan.Progressing // the next pass sees whether it is in sync
}

// culprit is who made an object drift, as far as its target tells; empty where nothing drifted.
func culprit(c plan.Change) string {
	if !slices.Contains(c.Causes, plan.CauseDrift) {
		return ""
	}
	var names []string
	for _, f := range c.Fields {
		for _, w := range f.Who {
			if !slices.Contains(names, w.Name) {
				names = append(names, w.Name)
			}
		}
	}
	if len(names) == 0 {
		return "not told"
	}
	return strings.Join(names, ", ")
}
