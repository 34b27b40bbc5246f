package netris_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/target/conformance"
)

// Objects in no default VPC are seen, although a list without a filter leaves them out.
func TestObjectsOutsideTheDefaultVPCAreSeen(t *testing.T) {
	w := newWorld(t)
	mustMake(t, w.client(), everything...)
	require.Empty(t, w.do(http.MethodGet, "/api/v2/ipam", nil), "the trap is there")
	present(t, w.client(), allocation.ID)
	present(t, w.client(), subnet.ID)
}

// Without its VPC an object would land in the default one, in silence.
func TestWhatNamesNoVPCIsNotSent(t *testing.T) {
	w := newWorld(t)
	for _, o := range []state.Object{allocation, subnet, cluster} {
		value := o.Tree.Masked().(map[string]any)
		delete(value, "vpc")
		o.Tree = state.FromPlain(value, state.Origin{})
		r := apply(t, w.client(), creation(o))[o.ID]
		require.ErrorIs(t, r.Err, target.ErrHeld, "%s", o.ID)
	}
	require.Empty(t, w.writes())
}

// The same names in another tenant's VPC are another tenant's business.
func TestNamesAreToldApartByTheirVPC(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	w.made("/api/v2/ipam/allocation", map[string]any{"name": "acme-train-ns", "prefix": "10.20.0.0/16", "tenant": map[string]any{"id": 1}, "vpc": map[string]any{"id": 1}})
	mustMake(t, c, tenant, vpc)
	absent(t, c, allocation.ID)
	mustMake(t, c, allocation)
	require.Equal(t, ref("acme"), present(t, c, allocation.ID).Value["vpc"])

	// Who knows only the name cannot tell which is meant; who remembers the id can.
	live := c.Observe(t.Context(), target.Query{Owned: []state.Owned{{ID: allocation.ID, Remote: "2"}}})
	require.ErrorContains(t, live.Unknown[allocation.ID], "2 objects")
}

// Names of VPCs and clusters need not be unique: two of one name are nobody's to choose from.
func TestDuplicateNamesAreUnknown(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, append(everything, plainTemplate, other, member("globex-train", "gpu-001"))...)
	w.made("/api/v2/vpc", map[string]any{"name": "acme", "adminTenant": map[string]any{"id": 1}})
	template, _ := w.named("/api/v2/server-cluster-template", "plain-v1")
	w.made("/api/v2/server-cluster", map[string]any{"name": "globex-train", "admin": map[string]any{"id": 1}, "site": map[string]any{"id": 22},
		"vpc": map[string]any{"id": 1}, "srvClusterTemplate": map[string]any{"id": template["id"]}, "servers": []any{map[string]any{"id": 102}}})

	live := c.Observe(t.Context(), target.Query{Want: everything})
	for _, id := range []state.ID{vpc.ID, other.ID, memberID("globex-train", "gpu-001"), memberID("globex-train", "gpu-002")} {
		require.ErrorContains(t, live.Unknown[id], "2 objects", "%s", id)
		require.NotContains(t, live.Objects, id)
	}
	before := w.writes()
	for _, o := range []state.Object{vpc, other, member("globex-train", "gpu-003")} {
		require.ErrorIs(t, apply(t, c, creation(o))[o.ID].Err, target.ErrHeld, "%s", o.ID)
	}
	o := with(allocation, map[string]any{"name": "more", "prefix": "10.30.0.0/16"})
	o.ID.Name = "more"
	require.ErrorContains(t, apply(t, c, creation(o))[o.ID].Err, `vpc "acme" cannot be told`)
	require.Equal(t, before, w.writes())
}

// Our own object is recognised by its mark though somebody renamed it.
func TestARenamedObjectIsRecognisedByItsMark(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, tenant, vpc)
	w.do(http.MethodPut, "/api/v2/vpc/2", map[string]any{"name": "renamed", "tags": []any{"tier=gold", "millwright-fleet=example", "millwright-id=netris.dc1.vpc.acme"},
		"guestTenant": []any{map[string]any{"id": 2}}})
	live := present(t, c, vpc.ID)
	require.Equal(t, "renamed", live.Value["name"])
	require.Equal(t, vpc.ID, live.Mark)
	must(t, c, update(vpc, live))
	require.Equal(t, "acme", present(t, c, vpc.ID).Value["name"])
}

// A mark that names another object was copied by hand, and makes nothing ours.
func TestACopiedMarkCountsForNothing(t *testing.T) {
	w := newWorld(t)
	w.made("/api/v2/vpc", map[string]any{"name": "copy", "adminTenant": map[string]any{"id": 1}, "tags": []any{"millwright-fleet=example", "millwright-id=netris.dc1.vpc.acme.old"}})
	live := w.client().Observe(t.Context(), target.Query{Want: []state.Object{{ID: id("vpc", "copy")}}})
	require.Zero(t, live.Objects[id("vpc", "copy")].Mark)
	require.Empty(t, live.Objects[id("vpc", "copy")].Value["tags"])
	require.NotContains(t, live.Objects, id("vpc", "acme.old"))
}

// A list that fails leaves unknown what would be in it, and nothing else.
func TestAListThatFailsLeavesOnlyItsOwnUnknown(t *testing.T) {
	w := newWorld(t)
	objects := append(everything, plainTemplate, other, member("acme-train", "gpu-001"), object(id("server", "gpu-001"), nil))
	mustMake(t, w.client(), objects[:len(objects)-1]...)
	for path, unknown := range map[string][]string{
		"/api/tenants":                    {"tenant"},
		"/api/v2/vpc":                     {"vpc", "allocation", "subnet"},
		"/api/v2/ipam":                    {"allocation", "subnet"},
		"/api/v2/server-cluster-template": {"servercluster-template", "serverclusterserver/gpu-001"},
		"/api/v2/server-cluster":          {"servercluster", "serverclusterserver/gpu-001"},
		"/api/v2/server-cluster/servers":  {"serverclusterserver/gpu-001"},
		"/api/v2/pkeyledger":              {"serverclusterserver/gpu-001"},
		"/api/v2/hw":                      {"server"},
		"/api/v2/server-cluster/23":       nil, // its resources, which are for reports
	} {
		c := w.client(through(func(next http.RoundTripper) http.RoundTripper {
			return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == path {
					return answer(r, http.StatusInternalServerError, nil), nil
				}
				return next.RoundTrip(r)
			})
		}))
		live := c.Observe(t.Context(), target.Query{Want: objects})
		require.NoError(t, live.Err, path)
		for _, o := range objects {
			presence, _, err := live.Presence(o.ID)
			if kind := o.ID.Kind + o.ID.Part; slices.Contains(unknown, kind) {
				require.Equal(t, state.PresenceUnknown, presence, "%s: %s", path, o.ID)
				require.Error(t, err)
			} else {
				require.Equal(t, state.Present, presence, "%s: %s: %v", path, o.ID, err)
			}
		}
	}
}

// What the list of clusters leaves out is asked for, if anything else mentions it.
func TestAClusterThatTheListLeavesOutIsFound(t *testing.T) {
	w := newWorld(t)
	mustMake(t, w.client(), append(everything, plainTemplate, other, member("acme-train", "gpu-001"))...)
	c := w.client(through(func(next http.RoundTripper) http.RoundTripper {
		return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/api/v2/server-cluster" && r.Method == http.MethodGet {
				c, _ := w.named("/api/v2/server-cluster", "globex-train")
				return answer(r, http.StatusOK, []any{c}), nil
			}
			return next.RoundTrip(r)
		})
	}))
	joins := apply(t, c, creation(member("globex-train", "gpu-001")))[memberID("globex-train", "gpu-001")]
	require.ErrorIs(t, joins.Err, target.ErrHeld)
	require.Contains(t, c.Observe(t.Context(), target.Query{}).Objects, memberID("acme-train", "gpu-001"))
}

// References go as ids, ids and what the controller derives do not go back, unknown fields do.
func TestWhatAPutCarries(t *testing.T) {
	w := newWorld(t)
	bodies := map[string]map[string]any{}
	c := w.client(through(func(next http.RoundTripper) http.RoundTripper {
		return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPut {
				bodies[r.URL.Path] = bodyOf(t, r)
			}
			response, err := next.RoundTrip(r)
			if err == nil && r.Method == http.MethodGet && r.URL.Path == "/api/v2/vpc/2" {
				edit(t, response, func(data any) any { data.(map[string]any)["newInNextRelease"] = 1e15 + 1; return data })
			}
			return response, err
		})
	}))
	mustMake(t, c, everything...)
	must(t, c, update(with(vpc, map[string]any{"tags": []any{"tier=lead"}}), present(t, c, vpc.ID)))
	require.Equal(t, map[string]any{
		"name": "acme", "adminTenant": map[string]any{"id": 1.0}, "guestTenant": []any{map[string]any{"id": 2.0}},
		"tags":             []any{"tier=lead", "millwright-fleet=example", "millwright-id=netris.dc1.vpc.acme"},
		"newInNextRelease": 1e15 + 1,
	}, bodies["/api/v2/vpc/2"])
	must(t, c, creation(member("acme-train", "gpu-001")))
	require.Equal(t, map[string]any{
		"tags":    []any{"pool=h100", "millwright-fleet=example", "millwright-id=netris.dc1.servercluster.acme-train"},
		"servers": []any{map[string]any{"id": 101.0, "shared": false}},
	}, bodies["/api/v2/server-cluster/23"], "its PUT takes tags and servers only")
}

// A success that does not read back is none.
func TestAWriteThatDoesNotTakeIsAnError(t *testing.T) {
	w := newWorld(t)
	mustMake(t, w.client(), append(everything, plainTemplate, other)...)
	c := w.client(through(func(next http.RoundTripper) http.RoundTripper {
		return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
			if isWrite(r) {
				return answer(r, http.StatusOK, map[string]any{"id": 2}), nil
			}
			return next.RoundTrip(r)
		})
	}))
	for _, change := range []plan.Change{
		update(with(vpc, map[string]any{"tags": []any{"tier=lead"}}), present(t, c, vpc.ID)),
		creation(member("globex-train", "gpu-001")),
	} {
		r := apply(t, c, change)[change.ID]
		require.ErrorContains(t, r.Err, "does not read back so", "%s", change.ID)
		require.NotErrorIs(t, r.Err, target.ErrHeld)
		require.Nil(t, r.Live)
	}
}

// The agents keep the servers' GUIDs in their customData, and a PUT that leaves it out wipes them.
func TestJoiningAClusterLeavesTheServerAlone(t *testing.T) {
	w := newWorld(t)
	mustMake(t, w.client(), append(everything, member("acme-train", "gpu-001"))...)
	for _, request := range w.writes() {
		require.False(t, strings.Contains(request, "/hw"), request)
	}
	require.True(t, w.site.Rule(simulate.NetrisCustomData))
}
