package netris_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/netris"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/target/conformance"
)

// other is a second cluster, in the same VPC for brevity, without InfiniBand.
var (
	plainTemplate = object(id("servercluster-template", "plain-v1"), map[string]any{"name": "plain-v1", "vnets": []any{}})
	other         = object(id("servercluster", "globex-train"), map[string]any{"name": "globex-train", "admin": ref("Admin"), "site": ref("dc1"),
		"vpc": ref("acme"), "srvClusterTemplate": ref("plain-v1"), "tags": []any{}})
)

func servers(w *world, cluster string) map[string]bool {
	c, ok := w.named("/api/v2/server-cluster", cluster)
	require.True(w.t, ok)
	shared := map[string]bool{}
	for _, s := range c["servers"].([]any) {
		shared[s.(map[string]any)["name"].(string)] = s.(map[string]any)["shared"].(bool)
	}
	return shared
}

// Members that no change names stay as they are, the foreign and the shared ones too.
func TestAllChangesOfAClusterGoIntoOnePut(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, everything...)
	w.do(http.MethodPut, "/api/v2/server-cluster/23", map[string]any{"tags": []any{"pool=h100", "millwright-fleet=example", "millwright-id=netris.dc1.servercluster.acme-train"},
		"servers": []any{map[string]any{"id": 101}, map[string]any{"id": 102, "shared": true}, map[string]any{"id": 103}}})
	before := len(w.writes())

	results := apply(t, c,
		deletion(present(t, c, memberID("acme-train", "gpu-001"))),
		creation(member("acme-train", "gpu-004")),
		creation(member("acme-train", "gpu-005")),
		update(with(cluster, map[string]any{"tags": []any{"pool=b200"}}), present(t, c, cluster.ID)),
	)
	for id, r := range results {
		require.NoError(t, r.Err, "%s", id)
	}
	require.Equal(t, []string{"PUT /api/v2/server-cluster/23"}, w.writes()[before:])
	require.Equal(t, map[string]bool{"gpu-002": true, "gpu-003": false, "gpu-004": false, "gpu-005": false}, servers(w, "acme-train"))
	live := present(t, c, cluster.ID)
	require.Equal(t, []any{"pool=b200"}, live.Value["tags"])
	require.Equal(t, cluster.ID, live.Mark)
}

// A fact that a gate stands on: every member of every cluster is seen, whoever made it.
func TestEveryMemberOfEveryClusterIsObserved(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, append(everything, member("acme-train", "gpu-001"))...)
	w.made("/api/v2/server-cluster", map[string]any{"name": "by-hand", "admin": map[string]any{"id": 1}, "site": map[string]any{"id": 22}, "vpc": map[string]any{"id": 1},
		"srvClusterTemplate": map[string]any{"id": w.made("/api/v2/server-cluster-template", map[string]any{"name": "t", "vnets": []any{}})},
		"servers":            []any{map[string]any{"id": 102}, map[string]any{"id": 101, "shared": true}}})

	live := c.Observe(t.Context(), target.Query{})
	require.NoError(t, live.Err)
	require.Empty(t, live.Unknown)
	mine := live.Objects[memberID("acme-train", "gpu-001")]
	require.Equal(t, mine.ID, mine.Mark)
	require.Equal(t, false, mine.Value["shared"])
	require.Equal(t, "ufm-1/0x100", mine.Facts[netris.FactPKeys])
	theirs := live.Objects[memberID("by-hand", "gpu-002")]
	require.Zero(t, theirs.Mark)
	require.Equal(t, false, theirs.Value["shared"])
	require.Equal(t, true, live.Objects[memberID("by-hand", "gpu-001")].Value["shared"])
	require.Contains(t, live.Objects, id("servercluster", "by-hand"))
}

func TestAMachineThatIsDedicatedElsewhereIsNotAdded(t *testing.T) {
	w := newWorld(t)
	w.site.SetRule(simulate.NetrisDedicatedOnce, false) // the controller would let us
	c := w.client()
	mustMake(t, c, append(everything, plainTemplate, other, member("acme-train", "gpu-001"))...)
	before := w.writes()
	results := apply(t, c, creation(member("globex-train", "gpu-001")))
	require.ErrorIs(t, results[memberID("globex-train", "gpu-001")].Err, target.ErrHeld)
	require.ErrorContains(t, results[memberID("globex-train", "gpu-001")].Err, "acme-train")
	require.Equal(t, before, w.writes())

	// It holds nobody up who comes in the same request.
	results = apply(t, c, creation(member("globex-train", "gpu-001")), creation(member("globex-train", "gpu-002")))
	require.ErrorIs(t, results[memberID("globex-train", "gpu-001")].Err, target.ErrHeld)
	require.NoError(t, results[memberID("globex-train", "gpu-002")].Err)
	require.Equal(t, map[string]bool{"gpu-002": false}, servers(w, "globex-train"))

	// Once it has left, it may come.
	must(t, c, deletion(present(t, c, memberID("acme-train", "gpu-001"))))
	must(t, c, creation(member("globex-train", "gpu-001")))
}

// Off the cluster's list is not out of the fabric: the ledger still has the machine in A's partition.
func TestAMachineStillInTheLedgerHasNotLeft(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, append(everything, plainTemplate, other, member("acme-train", "gpu-001"))...)
	w.site.SetRule(simulate.NetrisLedgerLags, true) // twenty seconds in a thousandth of the time
	gone := deletion(present(t, c, memberID("acme-train", "gpu-001")))
	w.freezeLedger(func(c *netris.Controller) {
		r := must(t, c, gone)
		require.True(t, r.Pending)
		require.NotNil(t, r.Live)
		require.True(t, r.Live.Deleting)

		seen := present(t, c, memberID("acme-train", "gpu-001"))
		require.True(t, seen.Deleting)
		require.Equal(t, state.Progressing, seen.Health.State)
		require.Equal(t, "ufm-1/0x100", seen.Facts[netris.FactPKeys])

		joins := apply(t, c, creation(member("globex-train", "gpu-001")))[memberID("globex-train", "gpu-001")]
		require.ErrorIs(t, joins.Err, target.ErrHeld)
	})
	require.Eventually(t, func() bool {
		_, there := c.Observe(t.Context(), target.Query{}).Objects[memberID("acme-train", "gpu-001")]
		return !there
	}, 10*time.Second, 5*time.Millisecond, "the agent takes it out")
	must(t, c, creation(member("globex-train", "gpu-001")))
}

// freezeLedger calls back with a client for which the ledger stays as it is now.
func (w *world) freezeLedger(during func(*netris.Controller)) {
	ledger := w.do(http.MethodGet, "/api/v2/pkeyledger", nil)
	during(w.client(through(func(next http.RoundTripper) http.RoundTripper {
		return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/api/v2/pkeyledger" {
				return answer(r, http.StatusOK, ledger), nil
			}
			return next.RoundTrip(r)
		})
	})))
}

// A deleted cluster whose partition the agent has not dissolved still has its machines.
func TestAPartitionOutlivesItsCluster(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, append(everything, plainTemplate, other, member("acme-train", "gpu-001"))...)
	w.freezeLedger(func(c *netris.Controller) {
		must(t, c, deletion(present(t, c, memberID("acme-train", "gpu-001"))))
		must(t, c, deletion(present(t, c, cluster.ID)))
		seen := c.Observe(t.Context(), target.Query{})
		require.True(t, seen.Objects[memberID("acme-train", "gpu-001")].Deleting)
		joins := apply(t, c, creation(member("globex-train", "gpu-001")))[memberID("globex-train", "gpu-001")]
		require.ErrorIs(t, joins.Err, target.ErrHeld)
	})
}

// While a cluster is being provisioned it is sent nothing, and what is due stays due.
func TestNothingIsSentWhileAClusterIsProvisioning(t *testing.T) {
	w := newWorld(t, slow)
	c := w.client()
	mustMake(t, c, everything...)
	mustMake(t, c, member("acme-train", "gpu-001"))
	live := present(t, c, memberID("acme-train", "gpu-001"))
	w.site.SetRule(simulate.NetrisAsync, true)
	r := must(t, c, deletion(live))
	require.True(t, r.Pending, "accepted, and not yet in force")
	require.True(t, r.Live.Deleting)
	before := w.writes()

	r = must(t, c, creation(member("acme-train", "gpu-002")))
	require.True(t, r.Pending)
	require.Nil(t, r.Live)
	r = must(t, c, update(with(cluster, map[string]any{"tags": []any{"x"}}), present(t, c, cluster.ID)))
	require.True(t, r.Pending)
	r = must(t, c, deletion(present(t, c, cluster.ID)))
	require.True(t, r.Pending)
	require.Equal(t, before, w.writes())
	require.Equal(t, state.Progressing, present(t, c, cluster.ID).Health.State)
}

// Without InfiniBand nothing names who leaves while a cluster is being provisioned; who remembers that
// the machine was there is not told that it is gone.
func TestWhoLeavesIsRememberedUntilTheClusterIsActive(t *testing.T) {
	w := newWorld(t)
	mustMake(t, w.client(), tenant, vpc, plainTemplate, other, member("globex-train", "gpu-001"))
	var busy atomic.Bool // from the PUT until we say so
	c := w.client(through(func(next http.RoundTripper) http.RoundTripper {
		s := &spoiler{t: t, next: next}
		s.data("/api/v2/server-cluster", func(o map[string]any) {
			if _, isCluster := o["status"]; isCluster && busy.Load() {
				o["status"] = "provisioning"
			}
		})
		s.request = func(r *http.Request) *http.Request {
			busy.Store(busy.Load() || r.Method == http.MethodPut)
			return r
		}
		return s
	}))
	live := present(t, c, memberID("globex-train", "gpu-001"))
	r := must(t, c, deletion(live))
	require.True(t, r.Pending)
	require.True(t, r.Live.Deleting)
	require.Equal(t, live.Remote, r.Live.Remote)

	remember := target.Query{Owned: []state.Owned{{ID: live.ID, Remote: live.Remote}}}
	_, o, err := c.Observe(t.Context(), remember).Presence(live.ID)
	require.NoError(t, err)
	require.True(t, o.Deleting)
	require.Equal(t, live.Remote, o.Remote)

	busy.Store(false)
	presence, _, err := c.Observe(t.Context(), remember).Presence(live.ID)
	require.NoError(t, err)
	require.Equal(t, state.Absent, presence)
}

// A member of a cluster with InfiniBand does its work only once the ledger has it in a partition.
func TestAMemberIsHealthyOnceTheLedgerHasIt(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, everything...)
	w.freezeLedger(func(c *netris.Controller) {
		must(t, c, creation(member("acme-train", "gpu-001")))
		health := present(t, c, memberID("acme-train", "gpu-001")).Health
		require.Equal(t, state.Progressing, health.State)
		require.Contains(t, health.Message, "ufm-1")
	})
	require.Equal(t, state.Healthy, present(t, c, memberID("acme-train", "gpu-001")).Health.State)
}

func TestADisabledClusterIsUnhealthy(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, append(everything, member("acme-train", "gpu-001"))...)
	w.do(http.MethodPut, "/api/v2/server-cluster/23/disabled", nil)
	require.Equal(t, state.Unhealthy, present(t, c, cluster.ID).Health.State)
	require.Equal(t, state.Unhealthy, present(t, c, memberID("acme-train", "gpu-001")).Health.State)
}

func TestAClusterWithServersIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, append(everything, member("acme-train", "gpu-001"))...)
	before := w.writes()
	r := apply(t, c, deletion(present(t, c, cluster.ID)))[cluster.ID]
	require.ErrorIs(t, r.Err, target.ErrHeld)
	require.ErrorContains(t, r.Err, "gpu-001")
	require.Equal(t, before, w.writes())
}

// A change is for the cluster that was looked at, not for another one of its name.
func TestMembersOfAReplacedClusterAreHeld(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, append(everything, member("acme-train", "gpu-001"))...)
	live := present(t, c, memberID("acme-train", "gpu-001"))
	must(t, c, deletion(live))
	must(t, c, deletion(present(t, c, cluster.ID)))
	mustMake(t, c, cluster, member("acme-train", "gpu-001"))
	r := apply(t, c, deletion(live))[live.ID]
	require.ErrorIs(t, r.Err, target.ErrHeld)
	require.Equal(t, map[string]bool{"gpu-001": false}, servers(w, "acme-train"))
}

func TestAMemberThatCannotBeResolvedIsRefused(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, everything...)
	for _, change := range []plan.Change{creation(member("acme-train", "gpu-999")), creation(member("nowhere", "gpu-001"))} {
		r := apply(t, c, change)[change.ID]
		require.Error(t, r.Err)
		require.ErrorContains(t, r.Err, "there is no")
	}
}

func TestAnotherFleetsClusterIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, append(everything, member("acme-train", "gpu-001"))...)
	live := present(t, c, memberID("acme-train", "gpu-001"))
	require.NoError(t, w.netris.SetClusterTags("acme-train", "millwright-fleet=other"))
	before := w.writes()
	for _, change := range []plan.Change{deletion(live), creation(member("acme-train", "gpu-002")), update(with(cluster, map[string]any{"tags": []any{}}), present(t, c, cluster.ID))} {
		require.ErrorIs(t, apply(t, c, change)[change.ID].Err, target.ErrHeld, "%s", change.ID)
	}
	require.Equal(t, before, w.writes())
}
