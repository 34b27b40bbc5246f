package reconcile

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

type m = map[string]any

// world is everything outside Millwright, in memory: objects that stay as they are told, machines that
// are claimed, wiped and reset in their own time (machine_test.go), and faults. It judges every request
// by what isolation and resets must never see, and keeps what it saw wrong in broken.
type world struct {
	mu      sync.Mutex
	now     time.Time
	rng     *rand.Rand
	objects map[state.ID]*object
	remote  int // the last remote identity given out
	faults  faults
	writes  []string // requests that took effect, in their order
	count   int      // requests of any outcome
	broken  []string
	history []string
	host    map[string]*machine
	touched map[string]bool              // machines that a hand has meddled with
	used    map[string]map[state.ID]bool // what took effect by an approval, by its name and its commit
}

// object is a remote object. A pool label is the part of its host that set it last.
type object struct {
	id      state.ID
	remote  string
	value   m
	pending m
	mark    state.ID
	busy    int // ticks until it is healthy again
	facts   map[string]string
}

// faults are probabilities, each of 0 to 1.
type faults struct {
	lost, refused, unreachable, unreadable, moves float64
}

func newWorld(seed uint64) *world {
	return &world{
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), rng: rand.New(rand.NewPCG(seed, 7)),
		objects: map[state.ID]*object{}, host: map[string]*machine{}, touched: map[string]bool{},
		used: map[string]map[state.ID]bool{},
	}
}

func (w *world) time() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

func (w *world) log(format string, args ...any) {
	w.history = append(w.history, w.now.Format("04:05 ")+fmt.Sprintf(format, args...))
}

func (w *world) breaks(format string, args ...any) {
	w.log("BROKEN: "+format, args...)
	w.broken = append(w.broken, fmt.Sprintf(format, args...))
}

// tail is the end of what happened, for a failing test to show, also while things go on.
func (w *world) tail() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.history[max(0, len(w.history)-80):], "\n")
}

// put makes or changes an object as somebody else would.
func (w *world) put(id state.ID, value m) *object {
	o, ok := w.objects[id]
	if !ok {
		w.remote++
		o = &object{id: id, remote: fmt.Sprint(w.remote)}
		w.objects[id] = o
	}
	o.value = merge(o.value, value)
	return o
}

// process is one run of Millwright, until it is killed: then none of its requests go out any more.
type process struct {
	*world
	dead bool
	// killAt counts requests; the one that makes it zero is the last, sent or not.
	killAt   int
	sendLast bool
}

func (p *process) die() {
	p.mu.Lock()
	p.dead = true
	p.log("killed")
	p.mu.Unlock()
	runtime.Goexit()
}

// connection is a process's view of one target.
type connection struct {
	*process
	to state.Target
}

func (c connection) Target() state.Target { return c.to }

func (c connection) Observe(_ context.Context, q target.Query) state.Live {
	c.mu.Lock()
	defer c.mu.Unlock()
	live := state.Live{Target: c.to, Time: c.now, Objects: map[state.ID]state.LiveObject{}, Unknown: map[state.ID]error{}, Covered: map[state.ID]bool{}}
	if c.chance(c.faults.unreachable) {
		live.Err = errors.New("connection refused")
		return live
	}
	for _, o := range q.Want {
		live.Covered[o.ID] = true
	}
	for _, o := range q.Owned {
		live.Covered[o.ID] = true
	}
	for id, o := range c.objects {
		_, _, isMember := c.joins(id)
		if id.Target != c.to || !live.Covered[id] && o.mark != id && !isMember {
			continue
		}
		if live.Covered[id] && c.chance(c.faults.unreadable) {
			live.Unknown[id] = errors.New("500 internal server error")
			continue
		}
		live.Objects[id] = c.show(o)
	}
	return live
}

func (w *world) show(o *object) state.LiveObject {
	live := state.LiveObject{ID: o.id, Remote: o.remote, Value: clone(o.value), Pending: clone(o.pending), Mark: o.mark, Facts: maps.Clone(o.facts)}
	live.Health = w.health(o)
	return live
}

func (c connection) Apply(_ context.Context, changes []plan.Change) iter.Seq[target.Result] {
	return func(yield func(target.Result) bool) {
		for _, ch := range changes {
			if !yield(c.apply(ch)) {
				return
			}
		}
	}
}

// apply is one request with all that can befall it.
func (c connection) apply(ch plan.Change) target.Result {
	c.mu.Lock()
	result, killed := c.request(ch)
	c.mu.Unlock()
	if killed {
		c.die()
	}
	return result
}

func (c connection) request(ch plan.Change) (result target.Result, killed bool) {
	result.ID = ch.ID
	if c.dead {
		return result, true
	}
	c.count++
	if c.chance(c.faults.moves) {
		c.tick()
	}
	if c.killAt > 0 {
		if c.killAt--; c.killAt == 0 {
			if c.sendLast {
				_, _ = c.effect(ch)
			}
			return result, true
		}
	}
	if c.chance(c.faults.refused) {
		result.Err = errors.New("503 service unavailable")
		return result, false
	}
	o, err := c.effect(ch)
	switch {
	case err != nil:
		result.Err = err
	case c.chance(c.faults.lost):
		c.log("the answer is lost")
		result.Err = errors.New("timeout awaiting response")
	case o != nil:
		live := c.show(o)
		result.Live = &live
	}
	return result, false
}

// effect does what a change says, as the systems' packages and their targets together would.
func (w *world) effect(ch plan.Change) (*object, error) {
	o := w.objects[ch.ID]
	if ch.Live != nil && o != nil && ch.Live.Remote != o.remote {
		return nil, fmt.Errorf("%w: it is another one now", target.ErrHeld)
	}
	w.log("%s %s %s", ch.Action, ch.Step, ch.ID)
	w.use(ch)
	if ch.Action == plan.Delete || ch.Action == plan.Release {
		if o != nil && ch.Action == plan.Delete {
			w.leave(ch.ID)
			delete(w.objects, ch.ID)
		}
		w.writes = append(w.writes, string(ch.Action)+" "+ch.ID.String())
		return nil, nil
	}
	if ch.Live != nil && o == nil {
		return nil, fmt.Errorf("%w: it is gone", target.ErrHeld)
	}
	plain, err := ch.Want.Tree.Plain(nil)
	if err != nil {
		return nil, err
	}
	value := plain.(m)
	if ch.Action == plan.Create && o != nil && o.mark != ch.ID && (kinds.Marked(ch.ID) || !contains(o.value, value)) {
		return nil, fmt.Errorf("%w: something stands there already", target.ErrHeld)
	}
	if err := w.admit(ch); err != nil {
		return nil, err
	}
	w.writes = append(w.writes, strings.TrimSpace(string(ch.Action)+" "+string(ch.Step))+" "+ch.ID.String())
	switch ch.Step {
	case plan.Stage:
		o.pending = value
		return o, nil
	case plan.Reset:
		w.host[ch.ID.Target.Name].reset(w)
		return o, nil
	}
	o = w.put(ch.ID, value)
	if kinds.Marked(ch.ID) {
		o.mark = ch.ID
	}
	w.join(o)
	return o, nil
}

// store is an inventory that survives processes, as JSON like the real ones.
type store struct {
	*process
	kept *kept
}

type kept struct {
	memory map[state.Target]string
	good   string
}

// merge lays one value over another, maps merged, in memory of its own.
func merge(into, from m) m {
	out := make(m, len(into))
	for k, v := range into {
		out[k] = copied(v)
	}
	for k, v := range from {
		below, ok1 := v.(m)
		under, ok2 := out[k].(m)
		if ok1 && ok2 {
			out[k] = merge(under, below)
		} else {
			out[k] = copied(v)
		}
	}
	return out
}

func clone(v m) m {
	if v == nil {
		return nil
	}
	return merge(v, nil)
}

// copied is a value in memory of its own, with numbers in the form of live values.
func copied(v any) any {
	if below, ok := v.(m); ok {
		return clone(below)
	}
	return state.Scalar(v)
}

func contains(have, want m) bool { return reflect.DeepEqual(merge(have, want), clone(have)) }

func (w *world) sorted() []*object {
	return slices.SortedFunc(maps.Values(w.objects), func(a, b *object) int { return a.id.Compare(b.id) })
}
