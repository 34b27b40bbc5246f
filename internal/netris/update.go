package netris

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/target/rest"
)

// update sets the wanted fields on a fresh copy of the object and puts all of it back, since a PUT
// replaces. Adopting is an update, since both set the mark; releasing takes the mark off.
func (w *write) update(ctx context.Context) (item, error) {
	var lost error
	for attempt := 0; ; attempt++ {
		o, err := w.observed(ctx)
		switch {
		case err != nil:
			return nil, err
		case o == nil && w.change.Action == plan.Release:
			return nil, nil
		case o == nil:
			return nil, fmt.Errorf("%w: it is gone", target.ErrHeld)
		}
		body, err := w.changedBody(ctx, o)
		if err != nil || body == nil || provisioning(o) {
			return o, err
		}
		if attempt == rest.Attempts {
			return nil, lost
		}
		path := w.k.path + "/" + o.remote()
		if w.k.v1 {
			path, body["id"] = w.k.path, o.id()
		}
		if _, err = w.api.do(ctx, http.MethodPut, path, body); err == nil {
			return w.confirm(ctx, map[string]any(item{"id": o["id"]}))
		}
		if !transient(err) {
			return nil, err
		}
		lost = err
		if err := w.api.Pause(ctx, attempt+1); err != nil {
			return nil, err
		}
	}
}

// changedBody is the PUT that makes o as wanted, or nil if it is.
func (w *write) changedBody(ctx context.Context, o item) (map[string]any, error) {
	if w.change.Action == plan.Release {
		if !w.bears(o, w.change.ID) {
			return nil, nil
		}
		body := w.k.back(o)
		body["tags"] = anys(w.unmarked(o.tags()))
		w.want = nil
		return w.put(body), nil
	}
	if err := w.mayChange(w.k, w.change.ID, o, w.want); err != nil {
		return nil, err
	}
	if len(uncovered(w.want, w.value(w.k, o))) == 0 && (!w.k.tagged || w.bears(o, w.change.ID)) {
		return nil, nil
	}
	set, err := w.names.body(ctx, w.k, w.want)
	if err != nil {
		return nil, err
	}
	body := w.k.back(o)
	keys := kinds.Of(w.change.ID).Keys
	for field, v := range set {
		body[field] = laidOver(v, body[field], keys[field])
	}
	if w.k.tagged {
		body["tags"] = w.tags(o, w.change.ID, w.want)
	}
	return w.put(body), nil
}

// put is a body without what only a POST takes, and with what follows from the rest of it.
func (w *write) put(body map[string]any) map[string]any {
	for _, field := range w.k.posted {
		delete(body, field)
	}
	if w.k.fill != nil {
		w.k.fill(body)
	}
	return body
}

// mayChange holds an update that would touch what cannot change in place: sent, it would be ignored in
// silence at best. What another fleet has marked is that fleet's.
func (c *Controller) mayChange(k kind, id state.ID, o item, want map[string]any) error {
	if fleet := c.otherFleet(o); fleet != "" {
		return fmt.Errorf("%w: it belongs to the fleet %s", target.ErrHeld, fleet)
	}
	live := c.value(k, o)
	for _, field := range k.fixed(id) {
		if v, named := want[field]; named && !covers(v, live[field]) {
			return fmt.Errorf("%w: %s cannot change in place", target.ErrHeld, field)
		}
	}
	return nil
}

// tags are the tags for an object of ours: those wanted, or if the fleet names none those that it has,
// and our mark.
func (c *Controller) tags(o item, id state.ID, want map[string]any) []any {
	tags, named := want["tags"].([]any)
	if !named {
		tags = anys(c.unmarked(o.tags()))
	}
	return append(slices.Clone(tags), anys(c.mark(id))...)
}
