package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// onlyNew is a resourceVersion that no stored object has. The server compares it only if there is an
// object, so that an apply that carries it creates, and never merges into what somebody else made.
const onlyNew = "1"

// create makes an object. If one stands there already that bears our mark, an earlier create got
// through and its answer was lost; then it is brought to what is wanted now.
func (c *Cluster) create(ctx context.Context, ch plan.Change, r resource) (*unstructured.Unstructured, error) {
	u, used, err := c.manifest(ctx, *ch.Want, r)
	if err != nil {
		return nil, err
	}
	if ch.ID.Part != "" {
		return c.createPart(ctx, ch, r, u, used)
	}
	first, manager := u, fieldManager
	once := splitCreateOnly(ch.ID, r, u)
	if once != nil {
		c.setMark(ch.ID, once)
		first, manager = once, createManager
	}
	made, err := c.createNew(ctx, ch.ID, r, first, manager)
	switch {
	case apierrors.IsConflict(err):
		if made, err = c.get(ctx, ch.ID, r); err != nil {
			return nil, err
		}
		if c.mark(ch.ID, made) != ch.ID {
			return nil, fmt.Errorf("create %s: something stands there that is not ours (uid %s): %w", ch.ID, made.GetUID(), target.ErrHeld)
		}
	case err != nil:
		return nil, used.hide(err)
	case once == nil:
		return made, nil
	}
	u.SetUID(made.GetUID())
	return c.applyTo(ctx, ch, r, u, used)
}

// createNew applies u where nothing stands yet; else the error is a conflict.
func (c *Cluster) createNew(ctx context.Context, id state.ID, r resource, u *unstructured.Unstructured, manager string) (*unstructured.Unstructured, error) {
	u = u.DeepCopy()
	u.SetResourceVersion(onlyNew)
	made, err := c.patch(ctx, id, r, u, metav1.PatchOptions{FieldManager: manager})
	if err == nil || !strings.Contains(err.Error(), "resourceVersion should not be set") {
		return made, err
	}
	// An aggregated API server that stores elsewhere may mind. Then we look, and hope for the moment between.
	if there, err := c.get(ctx, id, r); !apierrors.IsNotFound(err) {
		if err != nil {
			return nil, err
		}
		return nil, apierrors.NewConflict(r.GroupResource(), id.Name, fmt.Errorf("there is one with uid %s", there.GetUID()))
	}
	u.SetResourceVersion("")
	return c.patch(ctx, id, r, u, metav1.PatchOptions{FieldManager: manager})
}

// createPart applies a part to the object it is a part of, which must be there.
func (c *Cluster) createPart(ctx context.Context, ch plan.Change, r resource, u *unstructured.Unstructured, used secrets) (*unstructured.Unstructured, error) {
	whole, err := c.get(ctx, ch.ID, r)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("create %s: %s is not there, and is not made for it: %w", ch.ID, ch.ID.Whole(), target.ErrHeld)
	}
	if err != nil {
		return nil, err
	}
	u.SetUID(whole.GetUID())
	return c.applyTo(ctx, ch, r, u, used)
}

// update brings the object that was observed to what is wanted, and no other: an object that was
// replaced or is gone is held.
func (c *Cluster) update(ctx context.Context, ch plan.Change, r resource) (*unstructured.Unstructured, error) {
	if err := refuseGivingUp(ch); err != nil {
		return nil, err
	}
	u, used, err := c.manifest(ctx, *ch.Want, r)
	if err != nil {
		return nil, err
	}
	splitCreateOnly(ch.ID, r, u)
	u.SetUID(types.UID(ch.Live.Remote))
	return c.applyTo(ctx, ch, r, u, used)
}

// refuseGivingUp holds an apply that would take a provisioner's field away, because our manager
// somehow owns it.
func refuseGivingUp(ch plan.Change) error {
	if ch.ID.Kind != "BareMetalHost.metal3.io" || ch.Live.Writers == nil {
		return nil
	}
	for _, field := range hostFields {
		ours := func(w state.Writer) bool { return w.Name == managerOf(ch.ID) }
		if slices.ContainsFunc(ch.Live.Writers(state.Path{"spec", field}), ours) {
			return fmt.Errorf("%s: our manager owns spec.%s, and an apply would remove it: %w", ch.ID, field, target.ErrHeld)
		}
	}
	return nil
}

// applyTo applies u, which carries the uid of the object that is meant. Others' fields are
// overridden only as mayForce allows.
func (c *Cluster) applyTo(ctx context.Context, ch plan.Change, r resource, u *unstructured.Unstructured, used secrets) (*unstructured.Unstructured, error) {
	options := metav1.PatchOptions{FieldManager: managerOf(ch.ID)}
	out, err := c.patch(ctx, ch.ID, r, u, options)
	if conflicts := conflictsIn(err); len(conflicts) > 0 {
		var version string
		if conflicts, version, err = c.beyondBlanks(ctx, ch.ID, r, conflicts); err != nil {
			return nil, err
		}
		if err := c.mayForce(ch, conflicts); err != nil {
			return nil, err
		}
		force := true
		options.Force = &force
		u.SetResourceVersion(version)
		out, err = c.patch(ctx, ch.ID, r, u, options)
	}
	if otherObject(err) {
		return nil, c.explain(ctx, ch, r, string(u.GetUID()), err)
	}
	return out, used.hide(err)
}

// otherObject reports whether an apply was refused because the object is not the one whose uid it
// carries: kube-apiserver 1.35 answers "conflict" if there is none, and "metadata.uid is immutable" if
// there is another.
func otherObject(err error) bool {
	var refusal apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &refusal) || refusal.Status().Details == nil {
		return apierrors.IsConflict(err)
	}
	return slices.ContainsFunc(refusal.Status().Details.Causes, func(cause metav1.StatusCause) bool {
		return cause.Field == "metadata.uid"
	})
}

// explain says of a refused precondition what stands there now.
func (c *Cluster) explain(ctx context.Context, ch plan.Change, r resource, uid string, refusal error) error {
	now, err := c.get(ctx, ch.ID, r)
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%s %s: it is gone since it was looked at: %w", ch.Action, ch.ID, target.ErrHeld)
	case err != nil:
		return errors.Join(refusal, err)
	case string(now.GetUID()) != uid:
		return fmt.Errorf("%s %s: it was replaced since it was looked at (uid %s, was %s): %w", ch.Action, ch.ID, now.GetUID(), uid, target.ErrHeld)
	}
	return refusal
}

// remove deletes the object that was observed, its dependents in the background. What is gone
// already is a success. The object is returned if finalizers keep it for now.
func (c *Cluster) remove(ctx context.Context, ch plan.Change, r resource) (*unstructured.Unstructured, error) {
	if ch.Live == nil {
		_, err := c.get(ctx, ch.ID, r)
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, errors.Join(err, fmt.Errorf("delete %s: nobody has looked at it: %w", ch.ID, target.ErrHeld))
	}
	if ch.ID.Part != "" {
		return c.removePart(ctx, ch, r)
	}
	background, uid := metav1.DeletePropagationBackground, types.UID(ch.Live.Remote)
	err := again(ctx, func() error {
		ctx, cancel := c.request(ctx)
		defer cancel()
		return c.in(r, ch.ID.Namespace).Delete(ctx, ch.ID.Name, metav1.DeleteOptions{
			Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &background,
		})
	})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case apierrors.IsConflict(err):
		return nil, c.explain(ctx, ch, r, ch.Live.Remote, err)
	case err != nil:
		return nil, fmt.Errorf("delete %s: %w", ch.ID, err)
	}
	left, err := c.get(ctx, ch.ID, r)
	if apierrors.IsNotFound(err) || (err == nil && left.GetUID() != uid) {
		return nil, nil
	}
	return left, err
}

// removePart takes a part's fields away by applying nothing in its manager's name. The object itself
// is never deleted, and if it is gone, so is its part.
func (c *Cluster) removePart(ctx context.Context, ch plan.Change, r resource) (*unstructured.Unstructured, error) {
	u, err := c.patch(ctx, ch.ID, r, stub(ch.ID, r, ch.Live.Remote), metav1.PatchOptions{FieldManager: managerOf(ch.ID)})
	if !otherObject(err) {
		return u, err
	}
	_, gone := c.get(ctx, ch.ID, r)
	if apierrors.IsNotFound(gone) {
		return nil, nil
	}
	return nil, c.explain(ctx, ch, r, ch.Live.Remote, err)
}
