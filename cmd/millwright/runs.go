package main

import (
	"context"
	"log/slog"

	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/past"
	"millwright.dev/millwright/internal/web"
)

// runsReader reads the journal that the agent keeps, for the dashboard, beside the agent's work: all of what is
// shown once, then what was added.
type runsReader struct {
	store *web.Store
	log   *slog.Logger
	grown chan struct{} // the journal was written to, if it was not read since

	repository *journal.Repository // set before anything is said to have grown
	ref        string

	tip  string // what was read up to
	runs []web.Run
	told bool // readers know of them, and that nothing is wrong
}

func newRunsReader(store *web.Store, log *slog.Logger) *runsReader {
	return &runsReader{store: store, log: log, grown: make(chan struct{}, 1)}
}

// begin says where the journal is. It is called once.
func (r *runsReader) begin(repository *journal.Repository, ref string) {
	r.repository, r.ref = repository, ref
	r.written()
}

// written tells that there may be more to read. It never waits.
func (r *runsReader) written() {
	select {
	case r.grown <- struct{}{}:
	default:
	}
}

// missing tells readers why there is no journal.
func (r *runsReader) missing(err error) { r.store.SetRuns(&web.Runs{Error: err.Error()}) }

// follow reads whenever the journal has grown, until ctx is done.
func (r *runsReader) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.grown:
			if err := r.read(ctx); err != nil && ctx.Err() == nil {
				r.log.Warn("the journal cannot be read; the dashboard shows the runs that were read before", "ref", r.ref, "error", err)
				r.store.SetRuns(&web.Runs{List: r.runs, Error: err.Error()})
				r.told = false
			}
		}
	}
}

// read tells the dashboard the newest runs.
func (r *runsReader) read(ctx context.Context) error {
	tip, err := r.repository.Tip(r.ref)
	if err != nil || r.told && tip == r.tip {
		return err
	}
	var fresh []web.Run
	deeds := 0
	for e, err := range r.repository.From(tip) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if e.Commit == r.tip {
			fresh = append(fresh, r.runs...)
			break
		}
		run := past.Run(e.Run)
		fresh = append(fresh, run)
		if deeds += len(run.Deeds); len(fresh) >= web.MostRuns || deeds >= web.MostDeeds {
			break
		}
	}
	r.tip, r.runs, r.told = tip, latest(fresh), true
	r.store.SetRuns(&web.Runs{List: r.runs})
	return nil
}

// latest are the first of these runs, as many as the dashboard takes.
func latest(runs []web.Run) []web.Run {
	deeds := 0
	for n, run := range runs {
		if deeds += len(run.Deeds); n == web.MostRuns || n > 0 && deeds > web.MostDeeds {
			return runs[:n:n]
		}
	}
	return runs
}
