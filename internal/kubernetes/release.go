package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"millwright.dev/millwright/internal/plan"
)

// release takes our mark off an object and hands what we own of it to the manager
// "millwright-released", in one patch. Every value stays as it is: applying an empty set in our own
// name would remove them, and the server would refuse to lose those that the kind requires.
func (c *Cluster) release(ctx context.Context, ch plan.Change, r resource) (*unstructured.Unstructured, error) {
	for try := 1; ; try++ {
		u, err := c.get(ctx, ch.ID, r)
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if string(u.GetUID()) != ch.Live.Remote {
			return nil, c.explain(ctx, ch, r, ch.Live.Remote, nil)
		}
		body, err := releasePatch(ch, u)
		if err != nil {
			return nil, err
		}
		out, err := c.merge(ctx, ch, r, body)
		if apierrors.IsConflict(err) && try < tries {
			continue // it changed between the two requests
		}
		if apierrors.IsConflict(err) {
			return nil, c.explain(ctx, ch, r, ch.Live.Remote, err)
		}
		return out, err
	}
}

func (c *Cluster) merge(ctx context.Context, ch plan.Change, r resource, body []byte) (out *unstructured.Unstructured, err error) {
	err = again(ctx, func() (err error) {
		ctx, cancel := c.request(ctx)
		defer cancel()
		out, err = c.in(r, ch.ID.Namespace).Patch(ctx, ch.ID.Name, types.MergePatchType, body,
			metav1.PatchOptions{FieldManager: releasedManager, FieldValidation: metav1.FieldValidationStrict})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("release %s: %w", ch.ID, err)
	}
	return out, nil
}

// releasePatch is valid for exactly the version of the object that it was made from.
func releasePatch(ch plan.Change, u *unstructured.Unstructured) ([]byte, error) {
	entries := u.GetManagedFields()
	for i := range entries {
		if entries[i].Manager == managerOf(ch.ID) && entries[i].Operation == metav1.ManagedFieldsOperationApply {
			entries[i].Manager = releasedManager
			if ch.ID.Part != "" {
				entries[i].Manager += "/" + ch.ID.Part
			}
		}
	}
	metadata := map[string]any{
		"uid": u.GetUID(), "resourceVersion": u.GetResourceVersion(), "managedFields": entries,
	}
	if ch.ID.Part == "" {
		metadata["labels"] = map[string]any{fleetLabel: nil}
		metadata["annotations"] = map[string]any{idAnnotation: nil}
	}
	body, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return nil, fmt.Errorf("release %s: %w", ch.ID, err)
	}
	return body, nil
}
