package netris

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/target/rest"
)

// cluster carries out the changes of one server cluster and its members by one PUT of its tags and
// servers, made from a fresh look: members that no change names stay, with every field they came with.
func (p *pass) cluster(ctx context.Context, id state.ID, changes []plan.Change) []target.Result {
	select {
	case p.clusters <- struct{}{}:
		defer func() { <-p.clusters }()
	case <-ctx.Done():
		return failed(changes, ctx.Err())
	}
	var (
		accepted bool
		lost     error // why what was sent may not have taken effect
	)
	for attempt := 0; ; attempt++ {
		f, err := p.fold(ctx, id, changes)
		switch {
		case err != nil:
			return failed(changes, err)
		case !f.dirty() || provisioning(f.cluster):
			return f.results(nil)
		case attempt == rest.Attempts:
			return f.results(lost)
		}
		if !accepted {
			_, err = p.api.do(ctx, http.MethodPut, "/api/v2/server-cluster/"+f.cluster.remote(), map[string]any{"tags": f.tags, "servers": f.servers})
			switch {
			case err == nil:
				accepted, lost = true, errors.New("was accepted, but does not read back so")
				continue
			case !transient(err):
				return f.results(err)
			}
			lost = err
		}
		if err := p.api.Pause(ctx, attempt+1); err != nil {
			return failed(changes, err)
		}
	}
}

// fold is the changes of one cluster laid over what is there.
type fold struct {
	*pass
	id      state.ID
	fabric  fabric
	cluster item // nil if there is none
	// tags and servers are what a PUT would say.
	tags    []any
	servers []any
	edits   []edit
}

// edit is one change, and what it needs.
type edit struct {
	change plan.Change
	send   bool  // what is there differs
	err    error // what forbids it
	server int64 // of a member
}

func (f *fold) dirty() bool {
	return slices.ContainsFunc(f.edits, func(e edit) bool { return e.send && e.err == nil })
}

// fold looks at all clusters and lays the changes over the one that they are for.
func (p *pass) fold(ctx context.Context, id state.ID, changes []plan.Change) (*fold, error) {
	f := &fold{pass: p, id: id, fabric: p.readFabric(ctx)}
	if err := f.fabric.err(); err != nil {
		return nil, fmt.Errorf("look at who is in which server cluster: %w", err)
	}
	k, _, _ := kindNamed(kindCluster)
	switch found := p.matches(k, id, scope{}, f.fabric.clusters.items); len(found) {
	case 0:
	case 1:
		f.cluster = found[0]
		if fleet := p.otherFleet(f.cluster); fleet != "" {
			return nil, fmt.Errorf("%w: the server cluster belongs to the fleet %s", target.ErrHeld, fleet)
		}
		f.tags = anys(f.cluster.tags())
		for _, server := range f.cluster.list("servers") {
			server = maps.Clone(server)
			delete(server, "name")
			f.servers = append(f.servers, map[string]any(server))
		}
	default:
		return nil, fmt.Errorf("%w: %w", target.ErrHeld, ambiguous(id, found))
	}
	for _, change := range changes {
		e := edit{change: change}
		switch {
		case change.Action != plan.Create && seen(change) == "":
			e.err = errUnseen
		case change.Action != plan.Create && seen(change) != f.remote(change):
			f.replaced(&e)
		case change.ID.Part == "":
			f.whole(&e)
		default:
			f.member(ctx, &e)
		}
		f.edits = append(f.edits, e)
	}
	return f, nil
}

// remote is the identity that the object of a change has now.
func (f *fold) remote(change plan.Change) string {
	switch {
	case f.cluster == nil:
		return ""
	case change.ID.Part == "":
		return f.cluster.remote()
	}
	_, machine, _ := kinds.Membership(change.ID)
	for _, m := range f.fabric.members(f.cluster) {
		if m.name == machine {
			return f.cluster.remote() + "/" + decimal(m.server)
		}
	}
	return ""
}

// replaced settles a change whose object is not the one that was looked at.
func (f *fold) replaced(e *edit) {
	now := f.remote(e.change)
	switch {
	case now == "" && (e.change.Action == plan.Delete || e.change.Action == plan.Release):
	case now == "":
		e.err = fmt.Errorf("%w: it is gone", target.ErrHeld)
	default:
		e.err = fmt.Errorf("%w: the id was %s when it was looked at, and is %s now: it was replaced", target.ErrHeld, seen(e.change), now)
	}
}

// whole sets the cluster's own tags, the only field of it that can change.
func (f *fold) whole(e *edit) {
	k, _, _ := kindNamed(kindCluster)
	if f.cluster == nil {
		e.err = fmt.Errorf("%w: it is gone", target.ErrHeld)
		return
	}
	if e.change.Action == plan.Release {
		e.send = f.bears(f.cluster, f.id)
		f.tags = anys(f.unmarked(f.cluster.tags()))
		return
	}
	want, _ := e.change.Want.Tree.Masked().(map[string]any)
	if e.err = f.mayChange(k, f.id, f.cluster, want); e.err != nil {
		return
	}
	e.send = len(uncovered(want, f.value(k, f.cluster))) > 0 || !f.bears(f.cluster, f.id)
	f.tags = f.pass.tags(f.cluster, f.id, want)
}

// member adds, changes or removes one server.
func (f *fold) member(ctx context.Context, e *edit) {
	_, machine, ok := kinds.Membership(e.change.ID)
	switch {
	case !ok:
		e.err = errors.New("a server cluster has no such part")
		return
	case e.change.Action == plan.Release:
		return
	case f.cluster == nil && e.change.Action == plan.Delete:
		return
	case f.cluster == nil:
		e.err = fmt.Errorf("there is no server cluster %q", f.id.Name)
		return
	}
	for _, m := range f.fabric.members(f.cluster) {
		if m.name == machine && !m.leaving {
			e.server = m.server
		}
	}
	at := -1
	if e.server != 0 {
		at = f.place(e.server)
	}
	switch {
	case e.change.Action != plan.Delete:
		f.add(ctx, e, machine, at)
	case at >= 0:
		e.send = true
		f.servers = slices.Delete(f.servers, at, at+1)
	}
}

// place is where a PUT would list a server, or -1.
func (f *fold) place(server int64) int {
	return slices.IndexFunc(f.servers, func(v any) bool { return item(v.(map[string]any)).id() == server })
}

// add makes a server a member, or changes what kind of member it is. It becomes a dedicated one only
// if nothing says that it is still a dedicated member anywhere else.
func (f *fold) add(ctx context.Context, e *edit, machine string, at int) {
	wanted, _ := e.change.Want.Tree.Get(state.Path{"shared"})
	shared, _ := wanted.Value().(bool)
	if at >= 0 {
		entry := f.servers[at].(map[string]any)
		if entry["shared"] == shared || entry["shared"] == nil && !shared {
			return
		}
		if e.change.Action == plan.Create {
			e.err = fmt.Errorf("%w: %s is in the cluster already, as another kind of member", target.ErrHeld, machine)
			return
		}
	} else if e.change.Action != plan.Create {
		e.err = fmt.Errorf("%w: %s is no longer in the cluster", target.ErrHeld, machine)
		return
	}
	if e.server == 0 {
		if e.server, e.err = f.names.id(ctx, kindServer, machine); e.err != nil {
			return
		}
	}
	if other, ok := f.fabric.elsewhere(e.server, f.cluster.id()); ok && !shared {
		e.err = fmt.Errorf("%w: %s is still in the server cluster %s", target.ErrHeld, machine, other.cluster)
		return
	}
	e.send = true
	if at >= 0 {
		f.servers[at].(map[string]any)["shared"] = shared
	} else {
		f.servers = append(f.servers, map[string]any{"id": e.server, "shared": shared})
	}
}

// results are what became of the changes; err is why those that are to be sent were not done.
func (f *fold) results(err error) []target.Result {
	list := make([]target.Result, len(f.edits))
	for i, e := range f.edits {
		r := target.Result{ID: e.change.ID}
		switch {
		case e.err != nil:
			r.Err = fmt.Errorf("%s %s: %w", e.change.Action, e.change.ID, e.err)
		case e.send && err != nil:
			r.Err = fmt.Errorf("%s %s: %w", e.change.Action, e.change.ID, err)
		default:
			r.Live = f.live(e)
			r.Pending = e.send || f.cluster != nil && provisioning(f.cluster) || r.Live != nil && r.Live.Deleting
		}
		list[i] = r
	}
	return list
}

// live is the object of a change as the controller now reports it, or nil if it is gone.
func (f *fold) live(e edit) *state.LiveObject {
	if f.cluster == nil {
		return nil
	}
	if e.change.ID.Part == "" {
		k, _, _ := kindNamed(kindCluster)
		live := f.object(k, f.id, f.cluster)
		return &live
	}
	_, machine, _ := kinds.Membership(e.change.ID)
	for _, m := range f.fabric.members(f.cluster) {
		if m.name == machine {
			live := f.pass.Controller.member(e.change.ID, f.cluster, m)
			return &live
		}
	}
	if e.change.Action == plan.Delete && provisioning(f.cluster) {
		_, server, _ := strings.Cut(seen(e.change), "/")
		live := f.pass.Controller.member(e.change.ID, f.cluster, leaving(f.cluster, number(server), machine))
		return &live
	}
	return nil
}
