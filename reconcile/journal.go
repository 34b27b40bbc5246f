package reconcile

import (
	"context"
	"errors"
	"sync"
	"time"

	"millwright.dev/millwright/internal/gate"
	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/target"
)

// Journal is told of every pass what it is about to do, and what became of it. What is about to be done is on record
// once Begin returns; its error keeps the pass from going on, as one of our memory does.
type Journal interface {
	// Begin comes before anything is sent.
	Begin(ctx context.Context, p journal.Pass) error
	// End comes after the last result. It does not wait; what goes wrong the next Begin returns.
	End(ctx context.Context, now time.Time, outcomes []journal.Outcome)
}

// begin tells the journal what is about to be done, while our memory is written to the same place; what it returns
// waits until the journal has it, and says if it has not.
func (r *Reconciler) begin(ctx context.Context, p plan.Plan, ready []plan.Change, d Desired) (begun func() error) {
	if r.Journal == nil {
		return func() error { return nil }
	}
	err := errors.New("the journal was not told what is about to be done")
	var wait sync.WaitGroup
	wait.Go(func() {
		err = r.Journal.Begin(ctx, journal.Pass{
			Fleet: d.Fleet.Platform.Fleet, Source: journal.Source{Commit: d.Source.Commit, Subject: d.Source.Subject}, Now: r.Now(),
			Changes: p.Changes, Ready: ready, Bound: gate.Bound(r.world(d)),
		})
	})
	return func() error {
		wait.Wait()
		return err
	}
}

// end tells the journal what became of it, even if we are told to stop.
func (r *Reconciler) end(ctx context.Context, outcomes []journal.Outcome) {
	if r.Journal != nil {
		r.Journal.End(context.WithoutCancel(ctx), r.Now(), outcomes)
	}
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
