package reconcile

import (
	"context"
	"errors"
	"time"

	"millwright.dev/millwright/internal/gate"
	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/target"
)

// Journal is told of every pass what it is about to do, and what became of it. What it is told is on record once it
// returns; an error keeps the pass from going on, as one of our memory does.
type Journal interface {
	// Begin comes before anything is sent.
	Begin(ctx context.Context, p journal.Pass) error
	// End comes after the last result.
	End(ctx context.Context, now time.Time, outcomes []journal.Outcome) error
}

// begin tells the journal what is about to be done.
func (r *Reconciler) begin(ctx context.Context, p plan.Plan, ready []plan.Change, d Desired) error {
	if r.Journal == nil {
		return nil
	}
	return r.Journal.Begin(ctx, journal.Pass{
		Fleet: d.Fleet.Platform.Fleet, Source: journal.Source{Commit: d.Source.Commit, Subject: d.Source.Subject}, Now: r.Now(),
		Changes: p.Changes, Ready: ready, Bound: gate.Bound(r.world(d)),
	})
}

// end tells the journal what became of it, even if we are told to stop.
func (r *Reconciler) end(ctx context.Context, outcomes []journal.Outcome) error {
	if r.Journal == nil {
		return nil
	}
	return r.Journal.End(context.WithoutCancel(ctx), r.Now(), outcomes)
}

// outcomeOf is a result as the journal has it.
func outcomeOf(c plan.Change, result target.Result, at time.Time, took time.Duration) journal.Outcome {
	o := journal.Outcome{ID: c.ID, Result: journal.Done, Err: result.Err, At: at, Took: took}
	switch {
	case errors.Is(result.Err, target.ErrHeld):
		o.Result = journal.Refused
	case result.Err != nil:
		o.Result = journal.Failed
	case result.Pending, c.Step == plan.Reset, c.Action == plan.Delete && result.Live != nil:
		o.Result = journal.Pending
	}
	return o
}
