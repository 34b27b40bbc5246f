package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Remote is the repository that the journal is pushed to. Its methods are called one after the other.
type Remote interface {
	// String names it, without any secret.
	String() string
	// Tip is the commit that a ref points to there; "" if there is no such ref.
	Tip(ctx context.Context, ref string) (commit string, err error)
	// Fetch brings the commit that Tip said, and all that leads to it, into the bare repository in dir.
	Fetch(ctx context.Context, dir, ref, commit string) error
	// Push makes a ref that points to old ("" is no ref yet) point to a commit of the repository in dir, which
	// descends from old. Never by force: if the ref is elsewhere by then, it is an error.
	Push(ctx context.Context, dir, ref, old, commit string) error
}

// Delivery takes what a Recorder has written down into the journal: into the repository on disk and, where there is
// a remote, from there to it. Set the exported fields, then call Run.
type Delivery struct {
	Recorder   *Recorder
	Repository *Repository
	// Ref is the one that this agent alone writes, Fleet whose runs it has.
	Ref, Fleet string
	// Remote is nil where the journal stays on disk.
	Remote Remote
	// Sign signs commits; nil does not.
	Sign Sign
	Log  *slog.Logger
	// Written is called when the repository may have more runs than before; nil is nobody. It must not wait.
	Written func()
	// Rest is how long it waits after the first failure, twice as long after each further one, and RestMax at
	// the most; 1 s and 5 min if zero.
	Rest, RestMax time.Duration

	end      end    // what it ended with when something was last known to be in it for good
	synced   bool   // what is on disk is known to be the journal's end
	there    string // where the remote's ref is, as long as located
	located  bool
	failures int

	mu     sync.Mutex
	status Status
}

// Status is how the journal's delivery stands.
type Status struct {
	Ref    string
	Remote string // "" where the journal stays on disk
	Dir    string
	// Waiting is how many runs are not in the journal for good yet, Since when the oldest of them ended.
	Waiting int
	Since   time.Time
	// Error says why they are not, and what to do; empty if nothing is wrong.
	Error string
	// Blocked: nothing is pushed any more before a person has looked, since somebody else wrote to our ref.
	Blocked bool
}

// Status may be asked from any goroutine.
func (d *Delivery) Status() Status {
	waiting := d.Recorder.waiting()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.status
	s.Ref, s.Dir, s.Waiting = d.Ref, d.Repository.Dir(), len(waiting)
	if d.Remote != nil {
		s.Remote = d.Remote.String()
	}
	if len(waiting) > 0 {
		s.Since = waiting[0].Ended
	}
	return s
}

// attemptLimit bounds one try to reach the remote.
const attemptLimit = 2 * time.Minute

// Run delivers until ctx is done: at once when a run is over, and after a failure again and again, but ever more rarely.
func (d *Delivery) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if wait := d.attempt(ctx); wait > 0 {
			d.rest(ctx, wait)
			continue
		}
		select {
		case <-ctx.Done():
		case <-d.Recorder.wake:
		}
	}
}

// rest waits before another try. What comes meanwhile goes on disk, if that is known to be the journal's end.
func (d *Delivery) rest(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-d.Recorder.wake:
			if !d.synced {
				continue
			}
			if err := d.commit(); err != nil {
				d.Log.Error("a run cannot be written to the journal on disk", "error", err)
			}
		}
	}
}

// attempt tries once, and says how long to wait before another try; 0 is until there is something new.
func (d *Delivery) attempt(ctx context.Context) time.Duration {
	limited, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	err := d.deliver(limited)
	if ctx.Err() != nil {
		return 0
	}
	var foreign *foreignError
	blocked := errors.As(err, &foreign)
	d.mu.Lock()
	was := d.status
	d.status.Error, d.status.Blocked = "", blocked
	if err != nil {
		d.status.Error = err.Error()
	}
	d.mu.Unlock()
	if err == nil {
		if was.Error != "" {
			d.Log.Info("the journal is written again", "ref", d.Ref)
		}
		d.failures = 0
		return 0
	}
	d.failures++
	if was.Error != err.Error() {
		d.Log.Error("the journal cannot be delivered; its runs are kept until it can", "ref", d.Ref, "error", err)
	}
	return d.pause()
}

// pause doubles with each failure, give or take a fifth, so that many agents do not ask one forge at the same moment.
func (d *Delivery) pause() time.Duration {
	rest, most := d.Rest, d.RestMax
	if rest <= 0 {
		rest = time.Second
	}
	if most <= 0 {
		most = 5 * time.Minute
	}
	for range d.failures - 1 {
		if rest *= 2; rest >= most {
			rest = most
			break
		}
	}
	return time.Duration(float64(rest) * (0.8 + 0.4*rand.Float64()))
}

// deliver brings the journal up to what was recorded.
func (d *Delivery) deliver(ctx context.Context) error {
	if d.end == (end{}) {
		var err error
		if d.end, err = d.Recorder.ended(d.Ref); err != nil {
			return err
		}
	}
	if d.synced {
		if err := d.commit(); err != nil {
			return err
		}
	}
	if !d.located {
		var err error
		if d.there, err = d.meet(ctx); err != nil {
			return err
		}
		d.synced, d.located = true, true
		if err := d.commit(); err != nil {
			return err
		}
	}
	tip, err := d.Repository.Tip(d.Ref)
	if err != nil {
		return err
	}
	d.Recorder.at(AfterCommit)
	if d.Remote != nil && tip != d.there {
		d.located = false // whatever comes of it
		if err := d.Remote.Push(ctx, d.Repository.Dir(), d.Ref, d.there, tip); err != nil {
			return fmt.Errorf("push the journal to %s: %w", d.Remote, err)
		}
		d.there, d.located = tip, true
		d.Recorder.at(AfterPush)
	}
	return d.settle(ctx, tip)
}

// commit appends what is not in the repository yet.
func (d *Delivery) commit() error {
	tip, err := d.Repository.Tip(d.Ref)
	if err != nil {
		return err
	}
	queue := d.Recorder.waiting()
	behind, _, err := d.Repository.ending(tip, queue)
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for _, e := range behind {
		has[e.Run.ID] = true
	}
	for _, run := range queue {
		if has[run.ID] {
			continue
		}
		if tip == "" && d.end.Commit != "" {
			run.Sequence, run.Follows = d.end.Sequence+1, d.end.Commit
		}
		e, err := d.Repository.Append(d.Ref, run, d.Sign)
		if err != nil {
			return err
		}
		tip = e.Commit
	}
	if d.Written != nil {
		d.Written()
	}
	return nil
}

// ending are the entries of runs that are among those given and that a commit ends with, the newest first, and the
// commit before them.
func (r *Repository) ending(commit string, among []Run) (found []Entry, before string, err error) {
	wanted := map[string]bool{}
	for _, run := range among {
		wanted[run.ID] = true
	}
	for commit != "" {
		e, err := r.Entry(commit)
		if err != nil {
			return nil, "", err
		}
		if !wanted[e.Run.ID] {
			break
		}
		found, commit = append(found, e), e.Parent
	}
	return found, commit, nil
}

// settle writes down that the journal ends with a commit, and forgets what is in it.
func (d *Delivery) settle(ctx context.Context, tip string) error {
	if tip == "" {
		return nil
	}
	if tip != d.end.Commit {
		e, err := d.Repository.Entry(tip)
		if err != nil {
			return err
		}
		now := end{tip, e.Run.Sequence}
		if err := d.Recorder.setEnd(ctx, d.Ref, now); err != nil {
			return err
		}
		d.end = now
	}
	d.Recorder.at(BeforeDrop)
	in, _, err := d.Repository.ending(tip, d.Recorder.waiting())
	if err != nil {
		return err
	}
	// The oldest first, so that what is left of them is always what the journal ends with.
	for _, e := range slices.Backward(in) {
		if err := d.Recorder.drop(ctx, e.Run.ID); err != nil {
			return err
		}
	}
	return nil
}
