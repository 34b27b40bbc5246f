package redfish

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Apply carries out the changes one after the other: a BMC does no two things at once well.
func (b *BMC) Apply(ctx context.Context, changes []plan.Change) iter.Seq[target.Result] {
	return func(yield func(target.Result) bool) {
		for _, c := range changes {
			if !yield(b.change(ctx, c)) {
				return
			}
		}
	}
}

func (b *BMC) change(ctx context.Context, c plan.Change) target.Result {
	now, err := b.carryOut(ctx, c)
	if err != nil {
		return target.Result{ID: c.ID, Err: fmt.Errorf("%s %s: %w", c.Action, c.ID, err)}
	}
	return target.Result{ID: c.ID, Live: &now.LiveObject, Pending: c.Step != ""}
}

// carryOut makes what one change says so, and returns the object as it is then.
func (b *BMC) carryOut(ctx context.Context, c plan.Change) (resource, error) {
	switch {
	case c.Action == plan.Release:
		return b.look(ctx, c) // left as it is
	case c.Action != plan.Update && c.Action != plan.Adopt:
		return resource{}, fmt.Errorf("%w: a BMC's objects are there by nature", target.ErrHeld)
	case c.ID.Kind == KindNTP, c.ID.Kind == KindBIOS && c.Step == plan.Stage:
		return b.set(ctx, c)
	case c.ID.Kind == KindBIOS && c.Step == plan.Reset:
		return b.reset(ctx, c)
	}
	return resource{}, fmt.Errorf("%w: %s is not written in step %q", target.ErrHeld, c.ID.Kind, c.Step)
}

// look reads the object of a change, which must be the one that the plan was made for.
func (b *BMC) look(ctx context.Context, c plan.Change) (resource, error) {
	system, err := b.get(ctx, b.opts.System)
	if err != nil {
		return resource{}, err
	}
	now, err := b.read(ctx, c.ID, system)
	if err == nil && c.Live != nil && c.Live.Remote != now.Remote {
		err = fmt.Errorf("%w: it was %s when the plan was made and is %s now", target.ErrHeld, c.Live.Remote, now.Remote)
	}
	return now, err
}

// maxWrites is how often a change is written when somebody else keeps changing its resource.
const maxWrites = 3

// set writes the fields that are not as wanted, and looks until it has seen whether they are: BMCs
// accept and revert, answers get lost, and others write, too.
func (b *BMC) set(ctx context.Context, c plan.Change) (resource, error) {
	var sent bool    // the BMC has had its chance
	var failed error // what it said to that
	for writes := 0; ; {
		now, err := b.look(ctx, c)
		switch {
		case err != nil && failed != nil:
			return now, failed
		case err != nil && sent:
			return now, fmt.Errorf("it was accepted, but could not be read back: %w", err)
		case err != nil:
			return now, err
		}
		left := plan.Compare(c.Want.Tree, now.ahead(), kinds.Of(c.ID))
		switch {
		case len(left) == 0:
			return now, nil
		case failed != nil:
			return now, failed
		case sent:
			return now, fmt.Errorf("%w: it accepted the request and left %s as %v", ErrRefused, left[0].Name, left[0].Old)
		}
		body, err := now.request(c, left)
		if err != nil {
			return now, err
		}
		err = b.patch(ctx, now.to, now.etag, body)
		writes++
		switch {
		case errors.Is(err, errChanged) && writes < maxWrites: // look again, and decide anew
		case err == nil || errors.Is(err, ErrUnreachable):
			sent, failed = true, err
		default:
			return now, err
		}
	}
}

// request is the body that brings the fields left over to what is wanted. Staging beside attributes
// that the fleet does not name is not ours to do: the reset would put those in force, too.
func (r resource) request(c plan.Change, left []plan.Field) (map[string]any, error) {
	if r.ID.Kind == KindNTP {
		return plainMap(c.Want.Tree)
	}
	if err := r.onlyOurs(c.Want.Tree); err != nil {
		return nil, err
	}
	if r.to == "" {
		return nil, fmt.Errorf("%w: the BIOS takes no settings over Redfish", ErrRefused)
	}
	want, err := plainMap(c.Want.Tree)
	if err != nil {
		return nil, err
	}
	attributes := map[string]any{}
	for _, f := range left {
		name := f.Path[len(f.Path)-1]
		attributes[name] = attributesOf(want)[name]
	}
	body := map[string]any{"Attributes": attributes}
	return body, r.whenReset(body)
}

// plainMap is a desired tree as JSON.
func plainMap(t state.Tree) (map[string]any, error) {
	value, err := t.Plain(func(r state.SecretRef) (string, error) {
		return "", fmt.Errorf("%w: %s: a BMC's settings hold no secrets", target.ErrHeld, r)
	})
	if err != nil {
		return nil, err
	}
	body, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: what is wanted is no JSON object", target.ErrHeld)
	}
	return body, nil
}
