package netris

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/target/rest"
)

// delete takes the object away. What uses it is named where the controller tells.
func (w *write) delete(ctx context.Context) (item, error) {
	var lost error
	for attempt := 0; ; attempt++ {
		o, err := w.observed(ctx)
		if err != nil || o == nil {
			return nil, err
		}
		if w.deleting {
			return o, nil
		}
		if err := w.mayGo(o); err != nil {
			return nil, err
		}
		if provisioning(o) {
			return o, nil
		}
		if attempt == rest.Attempts {
			return nil, lost
		}
		path, body := w.k.path+"/"+o.remote(), any(nil)
		if w.k.v1 {
			path, body = w.k.path, map[string]any{"id": o.id()}
		}
		_, err = w.api.do(ctx, http.MethodDelete, path, body)
		switch {
		case err == nil || hasStatus(err, http.StatusNotFound):
			w.deleting = true
			continue
		case hasStatus(err, http.StatusBadRequest):
			return nil, w.blocked(ctx, o, err)
		case !transient(err):
			return nil, err
		}
		lost = err
		if err := w.api.Pause(ctx, attempt+1); err != nil {
			return nil, err
		}
	}
}

// mayGo holds a deletion that would take along what is not ours to take.
func (w *write) mayGo(o item) error {
	if fleet := w.otherFleet(o); fleet != "" {
		return fmt.Errorf("%w: it belongs to the fleet %s", target.ErrHeld, fleet)
	}
	if o["isSystem"] == true || o["isDefault"] == true {
		return fmt.Errorf("%w: it is the system's or the default one", target.ErrHeld)
	}
	if servers := o.list("servers"); w.k.name == kindCluster && len(servers) > 0 {
		names := make([]string, len(servers))
		for i, server := range servers {
			names[i] = server.name()
		}
		return fmt.Errorf("%w: it still has the servers %s", target.ErrHeld, strings.Join(names, ", "))
	}
	return nil
}

// blocked says what stands in the way of a deletion that was refused.
func (w *write) blocked(ctx context.Context, o item, refusal error) error {
	if w.k.name != kindVPC {
		return fmt.Errorf("is still in use: %w", refusal)
	}
	uses := w.read(ctx, w.k.path+"/"+o.remote()+"/resources")
	if uses.err != nil {
		return errors.Join(refusal, uses.err)
	}
	return fmt.Errorf("is still in use by %s: %w", cmp.Or(strings.Join(resources(uses.items), ", "), "nothing that shows"), refusal)
}

// resources are what a VPC has in it, by kind and name, out of an answer that nests them by site.
func resources(answer []item) []string {
	var names []string
	for _, o := range answer {
		for _, key := range slices.Sorted(maps.Keys(o)) {
			list, ok := o[key].([]any)
			if !ok {
				continue
			}
			for _, one := range items(list) {
				if slices.Contains([]string{"vnet", "ipam", "bgp", "roh", "route"}, key) {
					names = append(names, key+" "+one.name())
				} else {
					names = append(names, resources([]item{one})...)
				}
			}
		}
	}
	return names
}
