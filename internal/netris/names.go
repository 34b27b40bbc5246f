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
	body := make(map[string]any, len(want))
	for field, v := range want {
		kind, ref := k.refs[field]
		if !ref {
			body[field] = v
			continue
		}
		list, many := v.([]any)
		if !many {
			list = []any{v}
		}
		ids := make([]any, len(list))
		for i, one := range list {
			m, _ := one.(map[string]any)
			name, _ := m["name"].(string)
			id, err := n.id(ctx, kind, name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", field, err)
			}
			ids[i] = map[string]any{"id": id}
		}
		if many {
			body[field] = ids
		} else {
			body[field] = ids[0]
		}
	}
	return body, nil
}

// back is an object as it goes back in a PUT: everything that it came with, fields unknown to us too,
// but what the controller derives; what it refers to by id.
func (k kind) back(o item) map[string]any {
	body := map[string]any{}
	for field, unset := range k.always {
		body[field] = unset
	}
	for field, v := range o {
		if v == nil || slices.Contains(k.derived, field) {
			continue
		}
		if _, ref := k.refs[field]; ref {
			v = byID(v)
		}
		body[field] = v
	}
	return body
}

func byID(v any) any {
	switch r := v.(type) {
	case map[string]any:
		return map[string]any{"id": r["id"]}
	case []any:
		list := make([]any, len(r))
		for i, one := range r {
			list[i] = byID(one)
		}
		return list
	}
	return v
}
