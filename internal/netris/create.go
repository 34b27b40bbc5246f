package netris

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/target/rest"
)

// create makes the object, unless it is there. A POST that got no answer is never sent again here: it
// may still be under way, there is no idempotency key, and names need not be unique. It is looked for a
// few times; if it does not show, the next round looks again.
func (w *write) create(ctx context.Context) (item, error) {
	var body map[string]any
	var lost error
	for attempt := 0; ; attempt++ {
		found, err := w.find(ctx)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return found[0], w.ours(found)
		}
		if attempt == rest.Attempts {
			return nil, fmt.Errorf("it does not show: %w", lost)
		}
		if body == nil {
			if body, err = w.newBody(ctx); err != nil {
				return nil, err
			}
		}
		if lost == nil || answered(lost) {
			var data any
			if data, err = w.api.do(ctx, http.MethodPost, w.k.path, body); err == nil {
				return w.confirm(ctx, data)
			}
			if !transient(err) {
				return nil, err
			}
			lost = err
		}
		if err := w.api.Pause(ctx, attempt+1); err != nil {
			return nil, err
		}
	}
}

// newBody is the POST for what is wanted, with every field that the vendor's client sends.
func (w *write) newBody(ctx context.Context) (map[string]any, error) {
	body, err := w.names.body(ctx, w.k, w.want)
	if err != nil {
		return nil, err
	}
	for field, unset := range w.k.always {
		if body[field] == nil {
			body[field] = unset
		}
	}
	if w.k.tagged {
		tags, _ := body["tags"].([]any)
		body["tags"] = append(slices.Clone(tags), anys(w.mark(w.change.ID))...)
	}
	if w.k.fill != nil {
		w.k.fill(body)
	}
	return body, nil
}

// ours decides whether what a creation finds is the same creation, done earlier.
func (w *write) ours(found []item) error {
	if len(found) > 1 {
		return fmt.Errorf("%w: %w", target.ErrHeld, ambiguous(w.change.ID, found))
	}
	same := w.bears(found[0], w.change.ID)
	if !w.k.tagged { // such a kind can bear no mark: being just as wanted must do
		same = covers(w.want, w.value(w.k, found[0]))
	}
	if !same {
		return fmt.Errorf("%w: it stands there already, with the id %s, and is not of our making", target.ErrHeld, found[0].remote())
	}
	return nil
}
