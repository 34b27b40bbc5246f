package netris

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"millwright.dev/millwright/internal/target"
)

// names resolves the names of objects to ids, for one pass. The controller takes a name alone for
// hardware only (OpenAPI), and silently chooses the default VPC where it is given none.
type names struct {
	from *Controller

	mu    sync.Mutex
	known map[string][]item // by kind
}

// id is the id of the one object of that name. A name that was not there a moment ago is looked for
// again, since this pass may have made it.
func (n *names) id(ctx context.Context, kind, name string) (int64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	k, _, _ := kindNamed(kind)
	for fresh := false; ; fresh = true {
		var ids []int64
		for _, o := range n.known[kind] {
			if o.name() == name {
				ids = append(ids, o.id())
			}
		}
		switch {
		case len(ids) == 1:
			return ids[0], nil
		case len(ids) > 1:
			return 0, fmt.Errorf("%w: the %s %q cannot be told from others of that name, which have the ids %v", target.ErrHeld, kind, name, ids)
		case fresh:
			return 0, fmt.Errorf("there is no %s named %q in Netris", kind, name)
		}
		listed := n.from.list(ctx, k, 0)
		if listed.err != nil {
			return 0, fmt.Errorf("look up the %s %q: %w", kind, name, listed.err)
		}
		if n.known == nil {
			n.known = map[string][]item{}
		}
		n.known[kind] = listed.items
	}
}

// body is a desired value as the controller wants it: what it names by name is named by id.
func (n *names) body(ctx context.Context, k kind, want map[string]any) (map[string]any, error) {
	body, _ := copied(want).(map[string]any)
	err := k.eachRef(body, func(kind string, ref map[string]any) (map[string]any, error) {
		name, _ := ref["name"].(string)
		id, err := n.id(ctx, kind, name)
		return map[string]any{"id": id}, err
	})
	return body, err
}

// back is an object as it goes back in a PUT: everything that it came with, fields unknown to us too,
// but what the controller derives; what it refers to by id.
func (k kind) back(o item) map[string]any {
	body := map[string]any{}
	for field, unset := range k.always {
		body[field] = unset
	}
	for field, v := range o {
		if v != nil && !slices.Contains(k.derived, field) {
			body[field] = copied(v)
		}
	}
	_ = k.eachRef(body, func(_ string, ref map[string]any) (map[string]any, error) {
		return map[string]any{"id": ref["id"]}, nil
	})
	return body
}
