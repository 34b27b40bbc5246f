package reconcile

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/guard"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/sources"
)

// Agent watches a repository and keeps the targets as its newest good commit wants them.
type Agent struct {
	Poller *sources.Poller
	// Compile makes of a snapshot what it wants, or says what is wrong with it.
	Compile func(context.Context, sources.Snapshot) (Desired, diag.List)
	// LastGood remembers which commit was in force last, so that a restart while the newest commit is
	// bad goes back to it; Recall loads a snapshot of it.
	LastGood interface {
		LastGood(ctx context.Context) (commit string, err error)
		SetLastGood(ctx context.Context, commit string) error
	}
	Recall     func(ctx context.Context, commit string) (sources.Snapshot, error)
	Reconciler *Reconciler
	// Interval is the time between passes when nothing is under way, Pause when something is, and at
	// least that long after the last one it looks again when a target hints at a change.
	Interval, Pause time.Duration
	// Publish is told how things stand after every pass.
	Publish func(report.Report)
	// Approvers, if not nil, says who gave the approvals of the commit in force. It is asked at each look at the
	// source, whatever came of that, since keys come and go without a commit.
	Approvers func(commit string, f *fleet.Fleet) guard.Approvers
	// InForce, if not nil, is told what is in force from now on, before the first pass over it.
	InForce func(Desired)
	Log     *slog.Logger

	want    Desired
	inForce bool
	source  report.Source
	refusal string // why source.Refused was
	lacking bool   // it was only because something is not at hand, which may come
}

// look is what one look at the source returned.
type look struct {
	snapshot sources.Snapshot
	err      error
}

// Run works until ctx is done, then gives back its connections and returns nil. Its error is for
// memory that cannot be read or written: the agent must not go on without.
func (a *Agent) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	looks := make(chan look)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for snapshot, err := range a.Poller.Looks(ctx) {
			select {
			case looks <- look{snapshot, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() {
		stop()
		<-finished
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		a.Reconciler.Close(closing)
	}()
	hints := make(chan struct{}, 1) // many hints are one
	hint := func() {
		select {
		case hints <- struct{}{}:
		default:
		}
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	var due time.Time      // when the next pass is
	var rest time.Duration // the least time until then
	for {
		select {
		case <-ctx.Done():
			return nil
		case l := <-looks:
			if err := a.take(ctx, l); err != nil {
				return err
			}
		case <-hints:
			if time.Until(due) > rest {
				due = time.Now().Add(rest)
				timer.Reset(rest)
			}
			continue
		case <-timer.C:
		}
		begun := time.Now()
		wait, err := a.pass(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if a.inForce {
			a.Reconciler.Watch(ctx, a.want, hint)
		}
		rest = max(a.Pause, restAfterPass*time.Since(begun))
		due = time.Now().Add(wait)
		timer.Reset(wait)
	}
}

// restAfterPass is how many times a pass's own length the agent rests before hints let it make another:
// where something changes all the time, it is at work a fifth of the time and not for ever.
const restAfterPass = 4

// take makes a new commit the one in force if it compiles. Whatever fails, the last good one stays.
func (a *Agent) take(ctx context.Context, l look) error {
	defer a.askApprovers()
	var lost *sources.Error
	switch {
	case l.err != nil:
		a.source.Error = l.err.Error()
		if errors.As(l.err, &lost) {
			a.source.Fetched = lost.LastFetched
		}
		a.Log.Warn("no commit can be taken from the source; the last good one stays in force", "error", l.err)
		return a.fallBack(ctx)
	case a.inForce && l.snapshot.Commit.Hash == a.want.Source.Commit:
		a.source.Error, a.source.Refused, a.source.Fetched = "", "", l.snapshot.FetchedAt
		return nil
	case l.snapshot.Commit.Hash == a.source.Refused && !a.lacking:
		a.source.Error, a.source.Fetched = a.refusal, l.snapshot.FetchedAt
		return nil
	}
	if err := a.adopt(ctx, l.snapshot); err != nil {
		var found diag.List
		a.refusal, a.lacking = err.Error(), errors.As(err, &found) && found.Incomplete()
		a.source.Error, a.source.Refused, a.source.Fetched = a.refusal, l.snapshot.Commit.Hash, l.snapshot.FetchedAt
		a.Log.Error("the commit is refused; the last good one stays in force", "commit", l.snapshot.Commit.Short(), "error", err)
		return a.fallBack(ctx)
	}
	a.source.Error, a.source.Refused = "", ""
	if l.snapshot.Rewritten != "" {
		a.Log.Warn("history was rewritten", "before", l.snapshot.Rewritten, "now", l.snapshot.Commit.Hash)
	}
	return a.LastGood.SetLastGood(ctx, l.snapshot.Commit.Hash)
}

// adopt compiles a snapshot and puts it in force.
func (a *Agent) adopt(ctx context.Context, s sources.Snapshot) error {
	want, found := a.Compile(ctx, s)
	if err := found.Err(); err != nil {
		return err
	}
	if want.Set.Len() == 0 {
		return errors.New("the fleet wants nothing at all, which would delete everything; retire what is to go")
	}
	a.source.Commit, a.source.Subject, a.source.Fetched, a.source.Signer = s.Commit.Hash, s.Commit.Subject, s.FetchedAt, ""
	if s.Commit.Signer != nil {
		a.source.Signer = s.Commit.Signer.Principal
	}
	want.Source = a.source
	a.want, a.inForce = want, true
	if a.InForce != nil {
		a.InForce(want)
	}
	a.Log.Info("in force", "commit", s.Commit.Short(), "subject", s.Commit.Subject, "signer", cmp.Or(a.source.Signer, "nobody whose signature counts"))
	return nil
}

func (a *Agent) askApprovers() {
	if a.Approvers != nil && a.inForce {
		a.want.Approvers = a.Approvers(a.want.Source.Commit, a.want.Fleet)
	}
}

// fallBack puts the commit in force that was so before a restart. Without one, nothing is done.
func (a *Agent) fallBack(ctx context.Context) error {
	if a.inForce {
		return nil
	}
	commit, err := a.LastGood.LastGood(ctx)
	if err != nil || commit == "" {
		return err
	}
	snapshot, err := a.Recall(ctx, commit)
	if err == nil {
		err = a.adopt(ctx, snapshot)
	}
	if err != nil {
		a.Log.Error("the last good commit cannot be put in force again; nothing is done", "commit", commit, "error", err)
	}
	return nil
}

// pass makes one pass and says how long to wait before the next.
func (a *Agent) pass(ctx context.Context) (time.Duration, error) {
	if !a.inForce {
		a.Publish(report.Report{Version: report.FormatVersion, Time: a.Reconciler.Now(), Source: a.source})
		return a.Interval, nil
	}
	a.want.Source = a.source
	out, err := a.Reconciler.Pass(ctx, a.want)
	if err != nil {
		return 0, err
	}
	a.Publish(out.Report)
	switch {
	case out.Applied > 0:
		return 0, nil
	case out.Plan.Moving():
		return a.Pause, nil
	}
	return a.Interval, nil
}
