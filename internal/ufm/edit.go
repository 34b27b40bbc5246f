package ufm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// edit lays a change over what is there: whether a request is due, or what forbids one.
func (v view) edit(s step, c plan.Change) edit {
	e := edit{change: c}
	if e.pkey, e.err = pkeyOf(c.ID); e.err == nil && c.ID.Part != "" {
		e.guid, e.err = guidOf(c.ID)
	}
	if e.err == nil {
		e.err = e.sound()
	}
	if e.err != nil || c.Action == plan.Release { // nothing of ours is on it
		return e
	}
	p := v[e.pkey]
	switch s {
	case leaving:
		if p != nil {
			_, e.send = p.members[e.guid]
		}
	case removing:
		e.send = p != nil
		if p != nil && len(p.members) > 0 {
			e.err = fmt.Errorf("%w: %d ports are still in it, and would all be cut off", target.ErrHeld, len(p.members))
		}
	case making:
		v.partition(&e, p)
	case joining:
		v.join(&e, p)
	}
	return e
}

// sound reads the desired tree, and refuses what no planner should ask for.
func (e *edit) sound() error {
	c := e.change
	switch c.Action {
	case plan.Create, plan.Update, plan.Adopt:
		if c.Want == nil {
			return errors.New("nothing is wanted")
		}
		want, err := c.Want.Tree.Plain(func(ref state.SecretRef) (string, error) {
			return "", fmt.Errorf("%s cannot be part of an InfiniBand partition", ref)
		})
		if err != nil {
			return err
		}
		e.want, _ = want.(map[string]any)
	case plan.Delete, plan.Release:
	default:
		return errors.New("no request stands for this action")
	}
	if e.pkey == DefaultPKey {
		return fmt.Errorf("%w: the default partition is never written", target.ErrHeld)
	}
	if c.Action != plan.Create && c.Live == nil && c.Owned == nil {
		return fmt.Errorf("%w: it is not known which one was looked at", target.ErrHeld)
	}
	return nil
}

// partition makes one, or sets its quality of service, which is all that can change.
func (v view) partition(e *edit, p *partition) {
	if p == nil {
		e.send = true
		if e.change.Action != plan.Create {
			e.err = fmt.Errorf("%w: it is gone", target.ErrHeld)
		}
		return
	}
	have := p.value(e.pkey)
	if e.send = uncovered(e.want, have); !e.send {
		return
	}
	if e.change.Action == plan.Create {
		e.err = fmt.Errorf("%w: there is a partition %s already, and it is another one", target.ErrHeld, e.change.ID.Name)
		return
	}
	for _, field := range kinds.Of(e.change.ID).Immutable {
		if w, named := e.want[field]; named && state.Scalar(w) != state.Scalar(have[field]) {
			e.err = fmt.Errorf("%w: %s cannot change in place", target.ErrHeld, field)
		}
	}
}

// join adds a port, or changes what kind of member it is. It gets a partition as its own only if no
// other one has it so: UFM has one first place in each port's table of keys.
func (v view) join(e *edit, p *partition) {
	if p == nil {
		e.err = fmt.Errorf("there is no partition %s", e.change.ID.Name)
		return
	}
	in, there := p.members[e.guid]
	switch {
	case there && !uncovered(e.want, in.value(e.guid)):
		return
	case there && e.change.Action == plan.Create:
		e.err = fmt.Errorf("%w: the port is in the partition already, as another kind of member", target.ErrHeld)
		return
	case !there && e.change.Action != plan.Create:
		e.err = fmt.Errorf("%w: the port is no longer in the partition", target.ErrHeld)
		return
	}
	if other, ok := v.elsewhere(e.guid, e.pkey); ok && e.want["index0"] == true {
		e.err = fmt.Errorf("%w: the port is still in the partition %s", target.ErrHeld, PKeyText(other))
		return
	}
	e.send = true
}

// request is one request to UFM, and the changes that it carries out.
type request struct {
	key          string
	method, path string
	body         map[string]any
	pkey         int
	changes      []state.ID
}

// requests are what is to be sent for the edits: one for each partition and kind of member.
func (v view) requests(s step, edits []edit) []request {
	byKey := map[string]*request{}
	for _, e := range edits {
		if !e.send || e.err != nil {
			continue
		}
		r := v.request(s, e)
		known := byKey[r.key]
		if known == nil {
			byKey[r.key] = &r
			known = &r
		} else if e.guid != "" {
			known.body["guids"] = append(known.body["guids"].([]string), e.guid)
		}
		known.changes = append(known.changes, e.change.ID)
	}
	list := make([]request, 0, len(byKey))
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		list = append(list, *byKey[key])
	}
	return list
}

// request is what one edit takes.
func (v view) request(s step, e edit) request {
	pkey := PKeyText(e.pkey)
	r := request{key: pkey, method: http.MethodPost, pkey: e.pkey, body: map[string]any{"pkey": pkey}}
	switch s {
	case leaving:
		// Deprecated, says the documentation, and yet what NVIDIA's own clients use; that the newer form,
		// DELETE of pkeys/{pkey}/guids/{guids}, exists below /ufmRest is not certain.
		r.path = "/actions/remove_guids_from_pkey"
		r.body["guids"] = []string{e.guid}
	case removing:
		r.method, r.path, r.body = http.MethodDelete, "/resources/pkeys/"+pkey, nil
	case making:
		p := v[e.pkey]
		if p == nil {
			r.path = "/resources/pkeys/add"
			r.body["index0"] = false // of members that it is made with, and it is made with none
			r.body["ip_over_ib"] = e.want["ip_over_ib"] == true
			if qos, ok := e.want["qos_conf"].(map[string]any); ok {
				maps.Copy(r.body, qos)
			}
			break
		}
		// It takes all three, so that what nobody wants otherwise goes back as it is.
		have, _ := p.value(e.pkey)["qos_conf"].(map[string]any)
		want, _ := e.want["qos_conf"].(map[string]any)
		r.method, r.path = http.MethodPut, "/resources/pkeys/qos_conf"
		maps.Copy(r.body, laidOver(want, have))
	case joining:
		// POST adds, PUT would replace every member. What is said of the partition is what it is already:
		// left out, it would be UFM's default.
		kind := member{e.want["index0"] == true, fmt.Sprint(e.want["membership"])}
		r.key, r.path = fmt.Sprintf("%s %v", pkey, kind), "/resources/pkeys"
		r.body["ip_over_ib"], r.body["index0"], r.body["membership"] = v[e.pkey].IPOverIB, kind.index0, kind.membership
		r.body["guids"] = []string{e.guid}
	}
	return r
}

// send makes a request. Before a partition is deleted it is looked at once more: the request takes every
// member with it, and knows no condition.
func (m *Manager) send(ctx context.Context, r request) error {
	if r.method != http.MethodDelete {
		return m.api.do(ctx, r.method, r.path, r.body, nil)
	}
	switch p, err := m.one(ctx, r.pkey); {
	case err != nil:
		return err
	case p == nil:
		return nil
	case len(p.members) > 0:
		return fmt.Errorf("%w: %d ports are still in it, and would all be cut off", target.ErrHeld, len(p.members))
	}
	err := m.api.do(ctx, r.method, r.path, nil, nil)
	if hasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}
