package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Preview asks the server, by dry run, how each object would read back; the results stand in the
// order of the objects.
func (c *Cluster) Preview(ctx context.Context, objects []state.Object) []target.PreviewResult {
	results := make([]target.PreviewResult, len(objects))
	started := c.options.Now()
	var all errgroup.Group
	all.SetLimit(c.options.Concurrency)
	for i, o := range objects {
		all.Go(func() error {
			results[i] = c.preview(ctx, o, started)
			return nil
		})
	}
	_ = all.Wait() // each result tells its own failure
	return results
}

func (c *Cluster) preview(ctx context.Context, o state.Object, started time.Time) target.PreviewResult {
	result := target.PreviewResult{ID: o.ID}
	r, err := c.catalog.find(ctx, o.ID.Kind, versionOf(o.Tree), started)
	if err != nil {
		result.Unknown = fmt.Errorf("preview %s: %w", o.ID, err)
		return result
	}
	u, used, err := c.manifest(ctx, o, r)
	if errors.Is(err, target.ErrHeld) {
		result.Invalid = err
		return result
	}
	if err == nil {
		err = c.settle(ctx, o.ID, r, u)
	}
	if err != nil {
		result.Unknown = err
		return result
	}
	out, conflicts, err := c.dryRun(ctx, o.ID, r, u)
	for _, f := range conflicts {
		for _, path := range f.paths(o.Tree) {
			result.Conflicts = append(result.Conflicts, target.Conflict{Path: path, Manager: f.manager})
		}
	}
	switch err := used.hide(err); {
	case err == nil:
	case refusedForGood(err):
		result.Invalid = err
		return result
	default:
		result.Unknown = err
		return result
	}
	live := c.live(o.ID, out, encodedIn(o.Tree))
	result.Value = live.Value
	if o.ID.Part != "" {
		part, _ := c.livePart(o.ID, &o, live, out)
		result.Value = part.Value
	}
	return result
}

// settle fits u to whether its object is there already, for those kinds where that makes a
// difference: a part needs its whole, and what is written once is left out the second time.
func (c *Cluster) settle(ctx context.Context, id state.ID, r resource, u *unstructured.Unstructured) error {
	once := len(kinds.Of(id).CreateOnly) > 0
	if id.Part == "" && !once {
		return nil
	}
	there, err := c.get(ctx, id, r)
	switch {
	case apierrors.IsNotFound(err) && id.Part != "":
		return fmt.Errorf("preview %s: %s is not there yet", id, id.Whole())
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	}
	splitCreateOnly(id, r, u)
	u.SetUID(there.GetUID())
	return nil
}

// dryRun applies without effect, as a polite writer would, and if others own fields once more as a
// forceful one.
func (c *Cluster) dryRun(ctx context.Context, id state.ID, r resource, u *unstructured.Unstructured) (*unstructured.Unstructured, []conflict, error) {
	options := metav1.PatchOptions{FieldManager: managerOf(id), DryRun: []string{metav1.DryRunAll}}
	out, err := c.patch(ctx, id, r, u, options)
	conflicts := conflictsIn(err)
	if len(conflicts) > 0 {
		force := true
		options.Force = &force
		out, err = c.patch(ctx, id, r, u, options)
		if err == nil {
			conflicts, _, err = c.beyondBlanks(ctx, id, r, conflicts)
		}
	}
	return out, conflicts, err
}

// refusedForGood tells a refusal of the object itself from a server that cannot say now. A webhook
// that does not support dry runs makes the server answer "bad request", too.
func refusedForGood(err error) bool {
	if strings.Contains(err.Error(), "does not support dry run") {
		return false
	}
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || malformed(err)
}
