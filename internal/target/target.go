// Package target is the contract between Millwright and the systems that it writes: what a system's package
// must do to be observed, previewed and written. Package internal/target/conformance holds the suite
// that every one of them passes. It knows no concrete system.
package target

import (
	"context"
	"errors"
	"iter"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// Query says what to look for.
type Query struct {
	// Want are the desired objects of this target.
	Want []state.Object
	// Owned is what we remember of it.
	Owned []state.Owned
}

// Reader reads one target: one cluster, one BMC, one controller. Planning, drift detection and the
// dashboard need no more than this, so none of them can write by accident.
type Reader interface {
	Target() state.Target
	// Observe returns what is there of q.Want and q.Owned, every object that bears our mark, and
	// whatever gates need to judge them (the members of other server clusters, for instance). What
	// could not be read is in Live.Unknown; what is in neither is, within Live.Covered, absent. An
	// error of the whole target stands in Live.Err. Observe never writes and is safe for concurrent
	// use.
	Observe(ctx context.Context, q Query) state.Live
}

// Writer applies changes to one target. Applying the same change twice leaves the target as once.
type Writer interface {
	// Apply carries out the changes, in any order and concurrently where that is safe, and yields one
	// Result a change as it is known. It sends nothing that a change does not say, and stops early,
	// yielding ctx's error for the rest, when ctx is done.
	Apply(ctx context.Context, changes []plan.Change) iter.Seq[Result]
}

// Previewer is optional: how objects would read back once applied, defaults and all, or why that
// cannot be known yet (no such namespace, CRD, cluster).
type Previewer interface {
	Preview(ctx context.Context, objects []state.Object) []PreviewResult
}

// Watcher is optional: hints that an object may have changed; the answer is always another Observe.
// Watch returns when ctx is done.
type Watcher interface {
	Watch(ctx context.Context, q Query, emit func()) error
}

// Closer is optional: it gives back what the target counts, such as a BMC's session.
type Closer interface {
	Close(ctx context.Context) error
}

// Holder is optional: it holds something in the target that the target counts and that outlives a process
// which is killed, such as a BMC's session.
type Holder interface {
	// Holds names what this connection holds now; "" if nothing.
	Holds(ctx context.Context) string
	// GiveBack gives back what an earlier process held, if it is still there and nobody else's.
	GiveBack(ctx context.Context, held string) error
}

// Result is what became of one change.
type Result struct {
	ID state.ID
	// Live is the object as the target reports it after the write, read back; nil once it is gone.
	Live *state.LiveObject
	// Pending: accepted, but not in force before a reset or before the target has done its part.
	Pending bool
	// Err says why not; ErrHeld in its chain means that nothing was sent and a person must decide.
	Err error
}

// PreviewResult is how one object would read back.
type PreviewResult = plan.Preview

// Conflict is one field owned by another field manager.
type Conflict = plan.Conflict

// ErrHeld marks a refusal of our own: the writer looked again just before sending, and what it saw
// forbids the change.
var ErrHeld = errors.New("held")

// ErrNotYet says that a target does not exist yet: a tenant cluster whose kubeconfig has not been
// published. As long as we own nothing in it, nothing is in it.
var ErrNotYet = errors.New("does not exist yet")
