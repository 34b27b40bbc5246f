package journal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// Notes is where runs are until they are in the journal for good: it outlives the process, and its disk where it
// lies in the cluster.
type Notes interface {
	// Put writes a note or replaces it, durably and as a whole.
	Put(ctx context.Context, name string, text []byte) error
	// All are the notes that are there.
	All(ctx context.Context) (map[string][]byte, error)
	// Drop removes a note, if there is one.
	Drop(ctx context.Context, name string) error
}

// Pass is what is about to be done, and what was seen before.
type Pass struct {
	Fleet  string
	Source Source
	Now    time.Time
	// Changes are the whole plan's, Ready those that are carried out now.
	Changes, Ready []plan.Change
	// Bound are the machines that were looked at and whose they are, as "namespace/name"; "" is nobody's.
	Bound map[string]string
}

// Outcome is what became of one change of a pass.
type Outcome struct {
	ID     state.ID
	Result Result
	Err    error
	// At is when it was known, Took how long after the changes of its target were handed over.
	At   time.Time
	Took time.Duration
}

// Recorder writes down what is about to be done and what became of it. Make it with [NewRecorder], and let
// [Delivery.Run] take its runs into the journal. Only the process that may act may have one.
type Recorder struct {
	notes       Notes
	by, version string
	crash       func(Point)

	// Owned by whoever makes passes.
	open    *Run       // of this process
	newest  time.Time  // of an ID
	ending  chan error // what comes of writing down the end of the run before; nil if that is known
	lost    []Run
	known   known
	ends    map[string][]byte // what the refs ended with when we began
	failing map[string]bool   // what failed when it was tried last, which is news once

	mu    sync.Mutex
	queue []Run // ended, and not known to be in the journal for good
	wake  chan struct{}
}

// Point is a moment at which a crash would hurt most.
type Point string

// The points, in the order in which a run passes them.
const (
	AfterBegin  Point = "after-begin"  // the run is begun, nothing is sent
	BeforeEnd   Point = "before-end"   // everything is done, and not written down
	AfterEnd    Point = "after-end"    // it is written down, and not in the repository
	AfterCommit Point = "after-commit" // it is in the repository, and not pushed
	AfterPush   Point = "after-push"   // it is pushed, and that is not written down
	BeforeDrop  Point = "before-drop"  // that is written down, and the note is still there
)

func (r *Recorder) at(p Point) {
	if r.crash != nil {
		r.crash(p)
	}
}

const (
	runNote   = "run/"
	knownNote = "known"
	endNote   = "end/"
)

// NewRecorder takes up what an earlier process left in the notes. By is this process, version Millwright's.
func NewRecorder(ctx context.Context, notes Notes, by, version string) (*Recorder, error) {
	r := &Recorder{notes: notes, by: by, version: version, ends: map[string][]byte{}, failing: map[string]bool{}, wake: make(chan struct{}, 1)}
	all, err := notes.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is not in the journal yet: %w", err)
	}
	if r.known, err = decodeKnown(all[knownNote]); err != nil {
		return nil, err
	}
	for name, text := range all {
		if ref, ok := strings.CutPrefix(name, endNote); ok {
			r.ends[ref] = text
		}
		if !strings.HasPrefix(name, runNote) {
			continue
		}
		run, err := Decode(text)
		if err != nil {
			return nil, fmt.Errorf("read what is not in the journal yet: %w", err)
		}
		r.seen(run.ID)
		if run.Ended.IsZero() {
			r.lost = append(r.lost, run)
		} else {
			r.queue = append(r.queue, run)
		}
	}
	byID := func(a, b Run) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(r.lost, byID)
	slices.SortFunc(r.queue, byID)
	for _, run := range r.queue {
		r.known.learn(run)
	}
	return r, nil
}

// Begin writes down what a pass is about to do, before anything is sent, and what was found that is news. What an
// earlier process began is closed by how it stands now. If it fails, nothing may be sent.
func (r *Recorder) Begin(ctx context.Context, p Pass) error {
	if err := r.Flush(); err != nil {
		return err
	}
	for len(r.lost) > 0 {
		run := observed(r.lost[0], p)
		if err := r.end(ctx, run); err != nil {
			return err
		}
		r.lost = r.lost[1:]
	}
	run := Run{
		Version: FormatVersion, ID: r.newID(p.Now), Fleet: p.Fleet, By: r.by, Millwright: r.version, Source: p.Source, Began: p.Now.UTC().Truncate(time.Millisecond),
		Drift: r.known.drifted(p), Bindings: r.known.bound(p),
	}
	for _, c := range p.Ready {
		run.Changes = append(run.Changes, changeOf(c))
	}
	switch {
	case len(run.Changes) > 0:
		if err := r.put(ctx, run); err != nil {
			return err
		}
		r.open = &run
		r.at(AfterBegin)
	case len(run.Drift)+len(run.Bindings) > 0:
		run.Ended = run.Began
		return r.end(ctx, run)
	}
	return nil
}

// Flush waits until the end of the last run is written down, and says if it could not be. Call it before the
// process ends.
func (r *Recorder) Flush() error {
	if r.ending == nil {
		return nil
	}
	err, written := <-r.ending
	r.ending = nil
	if !written && err == nil {
		err = errors.New("the end of the last run was not written down")
	}
	return err
}

// End writes down what became of the changes that Begin was told of, while the next pass looks; the next Begin, or
// Flush, says if it could not. It does nothing if there were none.
func (r *Recorder) End(ctx context.Context, now time.Time, outcomes []Outcome) {
	if r.open == nil {
		return
	}
	run, news := r.results(now, outcomes)
	r.ending = make(chan error, 1)
	go func() {
		defer close(r.ending)
		r.at(BeforeEnd)
		r.ending <- r.finish(ctx, run, news)
	}()
}

// finish writes down a run's end, or forgets it if it is no news.
func (r *Recorder) finish(ctx context.Context, run Run, news bool) error {
	if news {
		return r.end(ctx, run)
	}
	if err := r.notes.Drop(ctx, runNote+run.ID); err != nil {
		return fmt.Errorf("forget run %s, in which nothing happened but what failed before: %w", run.ID, err)
	}
	return nil
}

// results puts outcomes into the run that is open, which is then no more, and says whether any is news.
func (r *Recorder) results(now time.Time, outcomes []Outcome) (Run, bool) {
	run := *r.open
	r.open, run.Ended = nil, now.UTC().Truncate(time.Millisecond)
	of := make(map[string]Outcome, len(outcomes))
	for _, o := range outcomes {
		of[o.ID.String()] = o
	}
	news := len(run.Drift)+len(run.Bindings) > 0
	for i := range run.Changes {
		c := &run.Changes[i]
		o, ok := of[c.Address]
		if !ok {
			o = Outcome{Result: Unsent}
		}
		c.Result = o.Result
		if o.Err != nil {
			c.Error = o.Err.Error()
		}
		if ok {
			c.Time, c.Milliseconds = o.At.UTC().Truncate(time.Millisecond), o.Took.Milliseconds()
		}
		news = r.news(*c) || news
	}
	return run, news
}

// news reports whether a result is worth a run: something was done, or failed that did not fail when it was tried
// last. What is refused each minute would else be a run each minute.
func (r *Recorder) news(c Change) bool {
	key := strings.Join([]string{c.Address, string(c.Action), string(c.Step), string(c.Result)}, " ")
	if c.Result == Done || c.Result == Pending {
		for _, result := range []Result{Failed, Refused, Unsent} {
			delete(r.failing, strings.TrimSuffix(key, string(c.Result))+string(result))
		}
		return true
	}
	known := r.failing[key]
	r.failing[key] = true
	return !known
}

// end writes down a run that is over, and hands it on.
func (r *Recorder) end(ctx context.Context, run Run) error {
	if err := r.put(ctx, run); err != nil {
		return err
	}
	if r.known.learn(run) {
		text, err := r.known.encode()
		if err == nil {
			err = r.notes.Put(ctx, knownNote, text)
		}
		if err != nil {
			return fmt.Errorf("write down what was found: %w", err)
		}
	}
	r.at(AfterEnd)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(r.queue, run)
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return nil
}

// putLimit bounds how long writing down may hold up what is to be done.
const putLimit = 20 * time.Second

func (r *Recorder) put(ctx context.Context, run Run) error {
	text, err := Encode(run)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, putLimit, errors.New("it took too long"))
	defer cancel()
	if err := r.notes.Put(ctx, runNote+run.ID, text); err != nil {
		return fmt.Errorf("write down run %s for the journal: %w", run.ID, err)
	}
	return nil
}

// waiting are the runs that are over and not known to be in the journal for good, the oldest first.
func (r *Recorder) waiting() []Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.queue)
}

// drop forgets a run that is in the journal for good.
func (r *Recorder) drop(ctx context.Context, id string) error {
	if err := r.notes.Drop(ctx, runNote+id); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = slices.DeleteFunc(r.queue, func(run Run) bool { return run.ID == id })
	return nil
}

// end is what a ref ended with when something was last known to be in the journal for good.
type end struct {
	Commit   string `json:"commit"`
	Sequence int    `json:"sequence"`
}

// ended is what a ref ended with when this process began.
func (r *Recorder) ended(ref string) (e end, err error) {
	if text := r.ends[ref]; len(text) > 0 {
		err = json.Unmarshal(text, &e)
	}
	if err != nil {
		return e, fmt.Errorf("read what the journal ended with: %w", err)
	}
	return e, nil
}

func (r *Recorder) setEnd(ctx context.Context, ref string, e end) error {
	text, err := json.Marshal(e)
	if err == nil {
		err = r.notes.Put(ctx, endNote+ref, text)
	}
	if err != nil {
		return fmt.Errorf("write down what the journal ends with: %w", err)
	}
	return nil
}

const idTime = "20060102T150405.000Z"

// newID sorts after those of all runs that are waiting, also if the clock was set back.
func (r *Recorder) newID(now time.Time) string {
	now = now.UTC().Truncate(time.Millisecond)
	if !now.After(r.newest) {
		now = r.newest.Add(time.Millisecond)
	}
	r.newest = now
	return now.Format(idTime) + "-" + strings.ToLower(rand.Text()[:8])
}

// seen has new IDs sort after one.
func (r *Recorder) seen(id string) {
	if at, err := time.Parse(idTime, id[:min(len(id), len(idTime))]); err == nil && at.After(r.newest) {
		r.newest = at
	}
}

// observed closes a run whose process ended before it could.
func observed(run Run, p Pass) Run {
	run.Lost, run.Ended = true, p.Now.UTC().Truncate(time.Millisecond)
	status := map[string]plan.Status{}
	for _, c := range p.Changes {
		status[c.ID.String()] = c.Status
	}
	run.Changes = slices.Clone(run.Changes)
	for i := range run.Changes {
		run.Changes[i].Observed = status[run.Changes[i].Address]
	}
	return run
}
