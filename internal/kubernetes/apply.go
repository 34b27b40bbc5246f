package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Apply carries out the changes, as many at once as Options says. A caller who stops listening lets
// the requests under way end, and nothing more is sent.
func (c *Cluster) Apply(ctx context.Context, changes []plan.Change) iter.Seq[target.Result] {
	return func(yield func(target.Result) bool) {
		work := make(chan plan.Change)
		results := make(chan target.Result)
		var workers sync.WaitGroup
		for range min(c.options.Concurrency, len(changes)) {
			workers.Go(func() {
				for ch := range work {
					results <- c.carryOut(ctx, ch)
				}
			})
		}
		sent, done := 0, 0
		listening := true
		for done < sent || (listening && sent < len(changes)) {
			next, offer := plan.Change{}, chan plan.Change(nil)
			if listening && sent < len(changes) {
				next, offer = changes[sent], work
			}
			select {
			case offer <- next:
				sent++
			case r := <-results:
				done++
				listening = listening && yield(r)
			}
		}
		close(work)
		workers.Wait()
	}
}

// carryOut does one change. What it does not understand it refuses.
func (c *Cluster) carryOut(ctx context.Context, ch plan.Change) target.Result {
	r := target.Result{ID: ch.ID}
	if err := ctx.Err(); err != nil {
		r.Err = fmt.Errorf("%s %s: %w", ch.Action, ch.ID, err)
		return r
	}
	if r.Err = permissible(ch); r.Err != nil {
		return r
	}
	version := ""
	if ch.Want != nil {
		version = versionOf(ch.Want.Tree)
	}
	api, err := c.catalog.find(ctx, ch.ID.Kind, version, c.options.Now())
	if errors.Is(err, errNoKind) && (ch.Action == plan.Delete || ch.Action == plan.Release) {
		return r // gone, with its whole kind
	}
	if err != nil {
		r.Err = fmt.Errorf("%s %s: %w", ch.Action, ch.ID, err)
		return r
	}
	var u *unstructured.Unstructured
	switch ch.Action {
	case plan.Create:
		u, r.Err = c.create(ctx, ch, api)
	case plan.Update, plan.Adopt:
		u, r.Err = c.update(ctx, ch, api)
	case plan.Delete:
		u, r.Err = c.remove(ctx, ch, api)
		r.Pending = u != nil && ch.ID.Part == ""
	case plan.Release:
		u, r.Err = c.release(ctx, ch, api)
	}
	if r.Err != nil || u == nil {
		return r
	}
	var encoded []encodedAt
	if ch.Want != nil {
		encoded = encodedIn(ch.Want.Tree)
	}
	live := c.live(ch.ID, u, encoded)
	if ch.ID.Part == "" {
		r.Live = &live
	} else if part, ok := c.livePart(ch.ID, ch.Want, live, u); ok {
		r.Live = &part
	}
	return r
}

// permissible refuses what no plan should ever ask for.
func permissible(ch plan.Change) error {
	var why string
	switch ch.Action {
	case plan.Create, plan.Update, plan.Adopt:
		switch {
		case ch.Want == nil:
			why = "nothing is wanted"
		case ch.Want.Mode == state.Observe || ch.Want.ObserveOnly != "":
			why = "it is only observed"
		case ch.Action != plan.Create && ch.Live == nil:
			why = "nobody has looked at it"
		}
	case plan.Delete:
		if kinds.Of(ch.ID).Release == kinds.Leave {
			why = "its kind is let go of, never deleted"
		}
	case plan.Release:
		if ch.Live == nil {
			why = "nobody has looked at it"
		}
	default:
		why = "there is no such action here"
	}
	if why == "" {
		return nil
	}
	return fmt.Errorf("%s %s: %s: %w", ch.Action, ch.ID, why, target.ErrHeld)
}

// tries is how often a request is sent whose answer was lost or was "not now". Every request here
// may be repeated: it carries the uid of its object, or succeeds only where nothing stands yet.
const tries = 3

// again calls send until it succeeds or fails for good, with jittered pauses between.
func again(ctx context.Context, send func() error) error {
	pause := 200 * time.Millisecond
	for try := 1; ; try++ {
		err := send()
		if err == nil || ctx.Err() != nil || try == tries || !repeatable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause/2 + rand.N(pause)):
			pause *= 2
		}
	}
}

// patch sends a server-side apply of u, strictly: a field that the kind does not have is refused.
func (c *Cluster) patch(ctx context.Context, id state.ID, r resource, u *unstructured.Unstructured, options metav1.PatchOptions) (*unstructured.Unstructured, error) {
	options.FieldValidation = metav1.FieldValidationStrict
	body, err := u.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", id, err)
	}
	var out *unstructured.Unstructured
	err = again(ctx, func() (err error) {
		ctx, cancel := c.request(ctx)
		defer cancel()
		out, err = c.in(r, id.Namespace).Patch(ctx, id.Name, types.ApplyPatchType, body, options)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("apply %s: %w", id, err)
	}
	return out, nil
}
