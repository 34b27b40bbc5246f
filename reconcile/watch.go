package reconcile

import (
	"context"
	"maps"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// watch is one target being watched.
type watch struct {
	kinds string // what it was begun for
	stop  context.CancelFunc
	ended chan struct{}
}

// Watch has hint called, from other goroutines, whenever something may have changed in a target that can
// tell and is open. Call it after every pass: it goes on with the watches there are, and begins those that
// are missing, have ended, or must look for other kinds since. They end with ctx and with Close.
func (r *Reconciler) Watch(ctx context.Context, d Desired, hint func()) {
	for t, reader := range r.open {
		watcher, ok := reader.(target.Watcher)
		if !ok {
			continue
		}
		query := target.Query{Want: d.Set.Of(t), Owned: r.memory[t].list()}
		kinds := kindsOf(query)
		if w, ok := r.watches[t]; ok {
			if w.kinds == kinds && w.going() {
				continue
			}
			w.end()
			delete(r.watches, t)
		}
		if kinds == "" {
			continue
		}
		watching, stop := context.WithCancel(ctx)
		w := watch{kinds, stop, make(chan struct{})}
		go func() {
			defer close(w.ended)
			_ = watcher.Watch(watching, query, hint) // whatever ended it, the next pass begins another
		}()
		if r.watches == nil {
			r.watches = map[state.Target]watch{}
		}
		r.watches[t] = w
	}
}

func (w watch) going() bool {
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}

func (w watch) end() {
	w.stop()
	<-w.ended
}

// unwatch ends all watches.
func (r *Reconciler) unwatch() {
	for _, w := range r.watches {
		w.stop()
	}
	for _, w := range r.watches {
		<-w.ended
	}
	r.watches = nil
}

func kindsOf(q target.Query) string {
	kinds := map[string]bool{}
	for _, o := range q.Want {
		kinds[o.ID.Kind] = true
	}
	for _, o := range q.Owned {
		kinds[o.ID.Kind] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(kinds)), " ")
}
