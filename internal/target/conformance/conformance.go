// Package conformance is the suite that every system passes: what internal/target promises, tried on
// a real or simulated target. A system's test calls [Run] with a function that makes a [Suite], and
// keeps its own tests for what only that system can do. The package knows no concrete system.
package conformance

import (
	"testing"
	"time"

	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// System is what the suite tries: every system reads and writes.
type System interface {
	target.Reader
	target.Writer
}

// Suite is one target made for one test, and what must be doable behind the client's back. Fields
// that are said to be optional may be nil: what needs them is then left out.
type Suite struct {
	// Open makes a new client of the same target, as a restarted process would.
	Open func(t *testing.T) System
	// Objects are desired objects in the order in which they are made; none is there yet, unless
	// Intrinsic. They are deleted in the reverse order.
	Objects []state.Object
	// Intrinsic: the objects are there by nature and can be neither created nor deleted.
	Intrinsic bool
	// Marked: the target can carry our mark on these objects.
	Marked bool
	// Update is an object as Objects has it, with other values for some fields and nothing added or
	// left out. The update must be harmless: one request, no staged step.
	Update func(o state.Object) state.Object
	// Ignore (optional) tells the fields that the target reports otherwise than they were written, or
	// changes by itself.
	Ignore func(path state.Path) bool

	// Patience bounds each wait for a target that works on after its answer; 30 s if zero.
	Patience time.Duration

	// Tamper has somebody else change a field that the desired object names.
	Tamper func(t *testing.T, id state.ID)
	// Extend (optional) has somebody else set a field that the desired object does not name.
	Extend func(t *testing.T, id state.ID)
	// Foreign has somebody else make an object under that name, with other values than o's and without
	// our mark; not needed if Intrinsic. What o stands on is there by then.
	Foreign func(t *testing.T, o state.Object)
	// Break makes the target unreachable until mend is called.
	Break func(t *testing.T) (mend func())
	// Stall (optional) makes the target accept requests and answer none until mend is called.
	Stall func(t *testing.T) (mend func())
	// LoseAnswer (optional) lets the next state-changing request take effect and breaks the connection
	// in place of the answer.
	LoseAnswer func(t *testing.T)
	// Count (optional) is how many objects stand under that name, where a target allows several.
	Count func(t *testing.T, id state.ID) int
	// Writes counts the state-changing requests that the target has seen; logins and dry runs are none.
	Writes func() int
}

// Run tries everything, each point on a Suite of its own.
func Run(t *testing.T, start func(t *testing.T) Suite) {
	for _, point := range []struct {
		name      string
		intrinsic bool // makes sense for intrinsic objects, too
		try       func(t *testing.T, s Suite)
	}{
		{"what is not there is absent, not unknown", false, absent},
		{"observing writes nothing", true, observingWritesNothing},
		{"concurrent observation is safe", true, concurrent},
		{"an unreachable target is unknown", true, unreachable},
		{"what is made reads back as it was wanted", false, create},
		{"making it twice makes it once", false, createTwice},
		{"what somebody else made is not overwritten", false, createOverForeign},
		{"what somebody else made is taken over when told", false, adopt},
		{"an update touches only what it names", true, update},
		{"the same update twice is as once", true, updateTwice},
		{"tampering is seen and mended", true, tamper},
		{"an object that was replaced is held", false, stale},
		{"what is gone may be deleted again", false, remove},
		{"a cancelled apply sends nothing", true, cancelled},
		{"a stalled target does not hang an apply", true, stalled},
		{"a caller may stop listening", true, stopListening},
		{"a lost answer leaves one object", false, lostAnswerToCreate},
		{"a lost answer to an update is made good", true, lostAnswerToUpdate},
	} {
		t.Run(point.name, func(t *testing.T) {
			s := start(t)
			if s.Intrinsic && !point.intrinsic {
				t.Skip("these objects are neither created nor deleted")
			}
			point.try(t, s)
		})
	}
}
