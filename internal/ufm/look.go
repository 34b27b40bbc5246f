package ufm

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"

	"millwright.dev/millwright/internal/state"
)

// wirePartition is a partition as UFM answers it. What it has beside we neither need nor write.
type wirePartition struct {
	Name     string       `json:"partition"`
	IPOverIB bool         `json:"ip_over_ib"`
	GUIDs    []wireMember `json:"guids"`
	QoS      *wireQoS     `json:"qos_conf"`
	// Membership is what ports are in the default partition, from UFM 6.19 on.
	Membership string `json:"membership"`
}

type wireMember struct {
	GUID       string `json:"guid"`
	Index0     bool   `json:"index0"`
	Membership string `json:"membership"`
}

type wireQoS struct {
	MTU          json.Number `json:"mtu_limit"`
	ServiceLevel json.Number `json:"service_level"`
	RateLimit    json.Number `json:"rate_limit"`
}

// member is one port's place in a partition.
type member struct {
	index0     bool
	membership string
}

// partition is one partition, with its members by their normal GUIDs.
type partition struct {
	wirePartition
	members map[string]member
}

// view is every partition of the fabric, by key.
type view map[int]*partition

// look reads all partitions. It takes two lists: with both flags in one, UFM leaves out what was asked
// for (an open defect), and without any the answer has another form.
func (m *Manager) look(ctx context.Context) (view, error) {
	var (
		members, qos       map[string]*wirePartition
		errMembers, errQoS error
		both               sync.WaitGroup
	)
	both.Go(func() { errMembers = m.api.get(ctx, "/resources/pkeys?guids_data=true", &members) })
	both.Go(func() { errQoS = m.api.get(ctx, "/resources/pkeys?qos_conf=true", &qos) })
	both.Wait()
	for _, err := range []error{ctx.Err(), errMembers, errQoS} {
		if err != nil {
			return nil, fmt.Errorf("list the partitions: %w", err)
		}
	}
	v := view{}
	for text, wire := range members {
		if wire == nil {
			return nil, fmt.Errorf("list the partitions: %w: %s is null", ErrUnreachable, text)
		}
		pkey, err := parsePKey(text)
		if err != nil || v[pkey] != nil {
			return nil, fmt.Errorf("list the partitions: %w: %s is no key, or there twice", ErrUnreachable, text)
		}
		// That an empty partition has an empty list is our reading. Left out, it is not known who is in it,
		// and a port that is would be taken for free.
		if wire.GUIDs == nil && pkey != DefaultPKey {
			return nil, fmt.Errorf("list the partitions: %w: it does not tell who is in %s", ErrUnreachable, text)
		}
		v[pkey] = wire.normal()
	}
	for text, wire := range qos {
		if pkey, err := parsePKey(text); err == nil && v[pkey] != nil && wire != nil {
			v[pkey].QoS = wire.QoS
		}
	}
	return v, nil
}

func (w wirePartition) normal() *partition {
	p := &partition{wirePartition: w, members: make(map[string]member, len(w.GUIDs))}
	for _, g := range w.GUIDs {
		p.members[normalGUID(g.GUID)] = member{g.Index0, g.Membership}
	}
	return p
}

// one reads one partition with its members; nil if there is none, which UFM says by an empty object.
func (m *Manager) one(ctx context.Context, pkey int) (*partition, error) {
	var wire wirePartition
	err := m.api.get(ctx, "/resources/pkeys/"+PKeyText(pkey)+"?guids_data=true", &wire)
	if hasStatus(err, http.StatusNotFound) || err == nil && wire.Name == "" && wire.GUIDs == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return wire.normal(), nil
}

// elsewhere is another partition that has a port as its own (index0), if there is one.
func (v view) elsewhere(guid string, except int) (pkey int, ok bool) {
	for other, p := range v {
		if in, there := p.members[guid]; there && in.index0 && other != except && other != DefaultPKey {
			return other, true
		}
	}
	return 0, false
}

// value is the partition in the trees' vocabulary.
func (p *partition) value(pkey int) map[string]any {
	v := map[string]any{"pkey": PKeyText(pkey), "partition": p.Name, "ip_over_ib": p.IPOverIB}
	if p.QoS != nil {
		v["qos_conf"] = p.QoS.value()
	}
	if pkey == DefaultPKey {
		v["membership"] = p.Membership
		if p.Membership == "" {
			v["membership"] = untold
		}
	}
	return v
}

// untold is what a UFM before 6.19 says of the default partition.
const untold = "not told by this UFM"

func (q wireQoS) value() map[string]any {
	return map[string]any{"mtu_limit": state.Scalar(q.MTU), "service_level": state.Scalar(q.ServiceLevel), "rate_limit": state.Scalar(q.RateLimit)}
}

func (in member) value(guid string) map[string]any {
	return map[string]any{"guid": guid, "index0": in.index0, "membership": in.membership}
}

// health of every partition is that of the fabric: if ports are full members of the default partition,
// no other one keeps them apart.
func (v view) health() state.Health {
	if d := v[DefaultPKey]; d != nil && d.Membership == "full" {
		return state.Health{State: state.Unhealthy,
			Message: "ports are full members of the default partition, which joins what partitions keep apart: set default_membership = limited in UFM's gv.cfg"}
	}
	return state.Health{State: state.Healthy}
}

// uncovered reports whether want names anything that have does not have so.
func uncovered(want, have map[string]any) bool {
	for field, w := range want {
		inner, ok := w.(map[string]any)
		if ok {
			h, _ := have[field].(map[string]any)
			if uncovered(inner, h) {
				return true
			}
			continue
		}
		if state.Scalar(w) != state.Scalar(have[field]) {
			return true
		}
	}
	return false
}

// laidOver is have with want's keys in place of its own.
func laidOver(want, have map[string]any) map[string]any {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]any{}
	}
	maps.Copy(out, want)
	return out
}
