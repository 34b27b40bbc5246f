package reconcile

import (
	"cmp"
	"context"
	"sync"

	"millwright.dev/millwright/internal/target"
)

// takeOver keeps in mind what our connections hold in their targets, and gives back what a process before us held
// there and did not give back, since it was killed. Only a pass does so: who merely looks may do it beside the
// agent whose connections those are.
func (r *Reconciler) takeOver(ctx context.Context) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, looksAtOnce)
	for t, reader := range r.open {
		holder, ok := reader.(target.Holder)
		if !ok || r.lives[t].Err != nil {
			continue
		}
		m := r.memory[t]
		if m.left != "" {
			slots <- struct{}{}
			wait.Go(func() {
				defer func() { <-slots }()
				limited, cancel := context.WithTimeout(ctx, cmp.Or(r.Patience, usualPatience))
				defer cancel()
				if err := holder.GiveBack(limited, m.left); err != nil {
					r.Log.Warn("what was held before us will have to end by itself", "target", t.String(), "error", err)
				}
				m.left = ""
			})
		}
		// Where nothing is remembered, a held connection alone would be a memory of a target for ever.
		if held := holder.Holds(ctx); held != m.held && len(m.owned)+len(m.intents) > 0 {
			m.held, m.dirty = held, true
		}
	}
	wait.Wait()
}

// Close ends all watches and gives back every connection, within the context's time.
func (r *Reconciler) Close(ctx context.Context) {
	r.unwatch()
	var wait sync.WaitGroup
	slots := make(chan struct{}, looksAtOnce)
	for t, reader := range r.open {
		closer, ok := reader.(target.Closer)
		if !ok {
			continue
		}
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			held := ""
			if holder, ok := reader.(target.Holder); ok {
				held = holder.Holds(ctx)
			}
			err := closer.Close(ctx)
			// What we held is nobody's to give back any more. It is another's if that one's pass noted it.
			if m := r.memory[t]; err == nil && held != "" && m.held == held {
				m.held, m.dirty = "", true
				err = r.save(ctx, t)
			}
			if err != nil {
				r.Log.Warn("could not close", "target", t.String(), "error", err)
			}
		})
	}
	wait.Wait()
	r.open = nil
}
