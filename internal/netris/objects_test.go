package netris_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Every kind is made, is left alone when it is as wanted, is changed in the field named, and goes, in
// exactly the requests that it takes.
func TestEachKindIsMadeChangedAndDeletedByOneRequestEach(t *testing.T) {
	for _, test := range []struct {
		object state.Object
		change map[string]any
		path   string // of the collection
		put    string // of the change, %s being the id
	}{
		{tenant, map[string]any{"description": "Acme"}, "/api/tenants", "/api/tenants"},
		{vpc, map[string]any{"tags": []any{"tier=lead"}}, "/api/v2/vpc", "/api/v2/vpc/%s"},
		{allocation, map[string]any{"prefix": "10.20.0.0/16", "description": "north-south"}, "/api/v2/ipam/allocation", "/api/v2/ipam/allocation/%s"},
		{subnet, map[string]any{"purpose": "management"}, "/api/v2/ipam/subnet", "/api/v2/ipam/subnet/%s"},
		{template, map[string]any{"name": "gpu-ib-v1"}, "/api/v2/server-cluster-template", ""},
		{cluster, map[string]any{"tags": []any{"pool=b200"}}, "/api/v2/server-cluster", "/api/v2/server-cluster/%s"},
		{member("acme-train", "gpu-001"), nil, "", ""},
	} {
		t.Run(test.object.ID.Kind+test.object.ID.Part, func(t *testing.T) {
			w := newWorld(t)
			c := w.client()
			for _, o := range everything {
				if o.ID == test.object.ID {
					break
				}
				must(t, c, creation(o))
			}
			absent(t, c, test.object.ID)
			before := len(w.writes())
			fresh := func() []string {
				all := w.writes()
				defer func() { before = len(all) }()
				return all[before:]
			}

			made := must(t, c, creation(test.object))
			require.NotNil(t, made.Live)
			if test.path != "" {
				require.Equal(t, []string{"POST " + test.path}, fresh())
			} else {
				require.Equal(t, []string{"PUT /api/v2/server-cluster/23"}, fresh())
			}
			live := present(t, w.client(), test.object.ID)
			require.Equal(t, made.Live.Remote, live.Remote)
			require.Empty(t, plan.Compare(test.object.Tree, live.Value, tableOf(test.object.ID)), "reads back as wanted")
			require.Equal(t, state.Healthy, live.Health.State)

			must(t, c, update(test.object, live))
			must(t, c, creation(test.object))
			require.Empty(t, fresh(), "nothing is sent for what is as wanted")

			if test.put != "" {
				changed := with(test.object, test.change)
				must(t, c, update(changed, live))
				put := test.put
				if put != test.path {
					put = fmt.Sprintf(put, live.Remote)
				}
				require.Equal(t, []string{"PUT " + put}, fresh())
				live = present(t, c, test.object.ID)
				require.Empty(t, plan.Compare(changed.Tree, live.Value, tableOf(test.object.ID)))
			}

			gone := must(t, c, deletion(live))
			require.Nil(t, gone.Live)
			require.Len(t, fresh(), 1)
			absent(t, c, test.object.ID)
			must(t, w.client(), deletion(live))
			require.Empty(t, fresh(), "what is gone needs no request")
		})
	}
}

// All of a tenant can come in one call: what others stand on goes first, and backwards on the way down.
func TestOneCallPutsItselfInOrder(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	var up []plan.Change
	for i := len(everything) - 1; i >= 0; i-- {
		up = append(up, creation(everything[i]))
	}
	up = append(up, creation(member("acme-train", "gpu-001")), creation(member("acme-train", "gpu-002")))
	for id, r := range apply(t, c, up...) {
		require.NoError(t, r.Err, "%s", id)
	}

	live := c.Observe(t.Context(), target.Query{Want: everything})
	var down []plan.Change
	for _, o := range everything {
		down = append(down, deletion(live.Objects[o.ID]))
	}
	for _, machine := range []string{"gpu-001", "gpu-002"} {
		down = append(down, deletion(live.Objects[memberID("acme-train", machine)]))
	}
	for id, r := range apply(t, c, down...) {
		require.NoError(t, r.Err, "%s", id)
		require.Nil(t, r.Live, "%s", id)
	}
	live = c.Observe(t.Context(), target.Query{Want: everything})
	require.Empty(t, live.Objects)
}

func TestFieldsThatCannotChangeAreHeldBeforeAnythingIsSent(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, everything...)
	mustMake(t, c, with(tenant, nil), object(id("tenant", "globex"), map[string]any{"name": "globex", "description": ""}))
	before := w.writes()
	for _, o := range []state.Object{
		with(vpc, map[string]any{"adminTenant": ref("globex")}),
		with(allocation, map[string]any{"prefix": "10.30.0.0/16"}),
		with(allocation, map[string]any{"tenant": ref("globex")}),
		with(subnet, map[string]any{"prefix": "10.20.2.0/24"}),
		with(template, map[string]any{"vnets": []any{}}),
		with(cluster, map[string]any{"site": ref("dc2")}),
	} {
		r := apply(t, c, update(o, present(t, c, o.ID)))[o.ID]
		require.ErrorIs(t, r.Err, target.ErrHeld, "%s", o.ID)
		require.ErrorContains(t, r.Err, "cannot change in place")
	}
	require.Equal(t, before, w.writes())
}

// A PUT replaces: what we do not know, and what others set, must go back with it.
func TestAnUpdateKeepsWhatItDoesNotName(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, everything...)
	s, _ := w.named("/api/v2/ipam?filterByVpc=2", "acme-train-ns")
	s = s["children"].([]any)[0].(map[string]any)
	s["description"], s["globalRouting"] = "set in the console", true
	w.do(http.MethodPut, "/api/v2/ipam/subnet/1", s)

	must(t, c, update(with(subnet, map[string]any{"purpose": "management"}), present(t, c, subnet.ID)))
	live := present(t, c, subnet.ID)
	require.Equal(t, "set in the console", live.Value["description"])
	require.Equal(t, true, live.Value["globalRouting"])
	require.Equal(t, "management", live.Value["purpose"])
	require.Equal(t, subnet.ID, live.Mark)
}

func TestReleasingTakesOurMarkOffAndLeavesTheRest(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, everything...)
	for _, o := range []state.Object{vpc, subnet, cluster} {
		before := present(t, c, o.ID)
		require.Equal(t, o.ID, before.Mark)
		must(t, c, plan.Change{ID: o.ID, Action: plan.Release, Live: &before})
		after := present(t, c, o.ID)
		require.Zero(t, after.Mark)
		require.Equal(t, before.Value, after.Value, "the mark is no part of the value")
	}
	for _, o := range []state.Object{tenant, allocation, template} {
		before, requests := present(t, c, o.ID), w.writes()
		must(t, c, plan.Change{ID: o.ID, Action: plan.Release, Live: &before})
		require.Equal(t, requests, w.writes(), "%s bears no mark", o.ID)
	}
}

func TestAnotherFleetsObjectIsNotTakenOver(t *testing.T) {
	w := newWorld(t)
	w.made("/api/tenants", map[string]any{"name": "acme"})
	w.made("/api/v2/vpc", map[string]any{"name": "acme", "adminTenant": map[string]any{"id": 1}, "tags": []any{"millwright-fleet=other", "millwright-id=netris.dc1.vpc.acme"}})
	c := w.client()
	live := present(t, c, vpc.ID)
	require.Zero(t, live.Mark)
	require.Contains(t, live.Value["tags"], "millwright-fleet=other")
	change := update(vpc, live)
	change.Action = plan.Adopt
	r := apply(t, c, change)[vpc.ID]
	require.ErrorIs(t, r.Err, target.ErrHeld)
	require.ErrorContains(t, r.Err, "other")
}

// A server is there by nature: it is observed and never written.
func TestAServerIsNeverWritten(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	server := object(id("server", "gpu-001"), map[string]any{"name": "gpu-001"})
	live := present(t, c, server.ID)
	require.Equal(t, "gpu-001", live.Value["name"])
	for _, action := range []plan.Action{plan.Create, plan.Update, plan.Adopt, plan.Delete} {
		r := apply(t, c, plan.Change{ID: server.ID, Action: action, Want: &server, Live: &live})[server.ID]
		require.ErrorIs(t, r.Err, target.ErrHeld, "%s", action)
	}
	must(t, c, plan.Change{ID: server.ID, Action: plan.Release, Live: &live})
	require.Empty(t, w.writes())
}

func TestABlockedDeletionSaysByWhat(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, everything...)
	r := apply(t, c, deletion(present(t, c, vpc.ID)))[vpc.ID]
	require.ErrorContains(t, r.Err, "vnet acme-train-ns")
	require.ErrorContains(t, r.Err, "ipam 10.20.1.0/24")
	r = apply(t, c, deletion(present(t, c, template.ID)))[template.ID]
	require.ErrorContains(t, r.Err, "acme-train")
}

func TestTheDefaultVPCIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	r := apply(t, c, deletion(present(t, c, id("vpc", "VPC-1"))))[id("vpc", "VPC-1")]
	require.ErrorIs(t, r.Err, target.ErrHeld)
	require.Empty(t, w.writes())
}
