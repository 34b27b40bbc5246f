package netris

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/target/rest"
)

// write is one change of one whole object under way.
type write struct {
	*pass
	k      kind
	change plan.Change
	// want is the desired value, in the trees' vocabulary; nil where nothing is wanted.
	want map[string]any
	// vpc is where IPAM is looked at, and vpcName its name.
	vpc     int64
	vpcName string
	// deleting: the deletion was accepted, and the object is still there.
	deleting bool
}

// prepare reads the desired tree and finds the VPC that the object lies in.
func (w *write) prepare(ctx context.Context) (err error) {
	if w.change.Want != nil {
		value, err := w.change.Want.Tree.Plain(func(ref state.SecretRef) (string, error) {
			return "", fmt.Errorf("%s cannot be part of a Netris object", ref)
		})
		if err != nil {
			return err
		}
		w.want, _ = value.(map[string]any)
		w.vpcName = vpcOf(w.change.Want.Tree)
		// Left out, the object would land in the default VPC.
		if w.k.refs["vpc"] != "" && w.vpcName == "" {
			return fmt.Errorf("%w: it names no VPC", target.ErrHeld)
		}
	}
	if !w.k.inVPC {
		return nil
	}
	if w.change.Live != nil {
		vpc, _ := w.change.Live.Value["vpc"].(map[string]any)
		w.vpcName = item(vpc).name()
	}
	w.vpc, err = w.names.id(ctx, kindVPC, w.vpcName)
	return err
}

// find lists what stands under the object's name, or bears its mark.
func (w *write) find(ctx context.Context) ([]item, error) {
	listed := w.list(ctx, w.k, w.vpc)
	return w.matches(w.k, w.change.ID, scope{vpc: w.vpcName}, listed.items), listed.err
}

// confirm reads back what a write was accepted for, and says what did not take.
func (w *write) confirm(ctx context.Context, data any) (item, error) {
	remote := ""
	if answer := items(data); len(answer) == 1 && answer[0].id() != 0 {
		remote = answer[0].remote()
	}
	for attempt := 1; ; attempt++ {
		var found []item
		var err error
		if remote != "" {
			found, err = w.byRemote(ctx, remote)
		} else {
			found, err = w.find(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("was accepted, and cannot be read back: %w", err)
		}
		missing := []string{"all of it"}
		if len(found) == 1 {
			missing = uncovered(w.want, w.value(w.k, found[0]))
			if w.k.tagged && w.bears(found[0], w.change.ID) == (w.change.Action == plan.Release) {
				missing = append(missing, "our mark")
			}
			if len(missing) == 0 {
				return found[0], nil
			}
		}
		if attempt == rest.Attempts {
			return nil, fmt.Errorf("was accepted, but does not read back so: %s", strings.Join(missing, ", "))
		}
		if err := w.api.Pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

// byRemote is the object with that id, or none.
func (w *write) byRemote(ctx context.Context, remote string) ([]item, error) {
	listed := listed{}
	if w.k.byID {
		listed = w.formed(ctx, w.k, w.read(ctx, w.k.path+"/"+remote))
		if hasStatus(listed.err, http.StatusNotFound) {
			return nil, nil
		}
	} else {
		listed = w.list(ctx, w.k, w.vpc)
	}
	return slices.DeleteFunc(listed.items, func(o item) bool { return o.remote() != remote }), listed.err
}

// errUnseen holds a change that does not say which object was looked at.
var errUnseen = fmt.Errorf("%w: it is not known which one was looked at", target.ErrHeld)

// seen is the identity of the object that a change was planned for, or "".
func seen(change plan.Change) string {
	switch {
	case change.Live != nil:
		return change.Live.Remote
	case change.Owned != nil:
		return change.Owned.Remote
	}
	return ""
}

// observed is the object that the change was planned for, as it is now; nil if nothing is there any
// more. Something else in its place holds the change.
func (w *write) observed(ctx context.Context) (item, error) {
	remote := seen(w.change)
	if remote == "" {
		return nil, errUnseen
	}
	found, err := w.byRemote(ctx, remote)
	if err != nil || len(found) == 1 {
		return first(found), err
	}
	others, err := w.find(ctx)
	if err == nil && len(others) > 0 {
		err = fmt.Errorf("%w: the id was %q when it was looked at, and is %s now: it was replaced", target.ErrHeld, remote, others[0].remote())
	}
	return nil, err
}

func first(found []item) item {
	if len(found) == 0 {
		return nil
	}
	return found[0]
}
