package netris_test

import (
	"errors"
	"net/http"
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

// steps are every kind of write, in an order in which each can be done.
func steps() []func(t *testing.T, c *netris.Controller) plan.Change {
	var list []func(*testing.T, *netris.Controller) plan.Change
	for _, o := range append(everything, member("acme-train", "gpu-001")) {
		list = append(list, func(*testing.T, *netris.Controller) plan.Change { return creation(o) })
	}
	for _, o := range []state.Object{
		with(tenant, map[string]any{"description": "Acme"}), with(vpc, map[string]any{"tags": []any{}}),
		with(subnet, map[string]any{"description": "ns"}), with(cluster, map[string]any{"tags": []any{}}),
	} {
		list = append(list, func(t *testing.T, c *netris.Controller) plan.Change { return update(o, present(t, c, o.ID)) })
	}
	for _, id := range []state.ID{memberID("acme-train", "gpu-001"), cluster.ID, template.ID, subnet.ID, allocation.ID, vpc.ID, tenant.ID} {
		list = append(list, func(t *testing.T, c *netris.Controller) plan.Change { return deletion(present(t, c, id)) })
	}
	return list
}

// Whatever becomes of the answer to a write, doing the change again, by the same process or by one that
// was started anew, leaves the controller as once; and nothing is ever made twice.
func TestEveryWriteSurvivesEveryFault(t *testing.T) {
	for name, fault := range map[string]simulate.Fault{
		"the answer is lost":            {Kind: simulate.FaultLostAnswer, Times: 1},
		"every answer is lost":          {Kind: simulate.FaultLostAnswer, Times: 5},
		"the connection is refused":     {Kind: simulate.FaultRefuse, Times: 1},
		"the controller is busy":        {Kind: simulate.FaultError, Times: 2},
		"the controller is slow":        {Kind: simulate.FaultSlow, Times: 3, Delay: 5 * time.Second},
		"the controller is busy longer": {Kind: simulate.FaultError, Times: 5},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.client()
			require.NoError(t, c.Observe(t.Context(), target.Query{}).Err) // logs in
			for i, step := range steps() {
				change := step(t, c)
				for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
					fault.System, fault.Method = "netris", method
					w.site.Inject(fault)
				}
				r := apply(t, c, change)[change.ID]
				w.site.ClearFaults()
				if r.Err != nil {
					require.NotErrorIs(t, r.Err, target.ErrHeld, "step %d", i)
					c = w.client() // killed, and started again
					must(t, c, change)
				}
				if change.Action == plan.Delete {
					absent(t, c, change.ID)
				} else {
					live := present(t, c, change.ID)
					require.Empty(t, plan.Compare(change.Want.Tree, live.Value, tableOf(change.ID)), "step %d", i)
				}
			}
			require.Empty(t, c.Observe(t.Context(), target.Query{}).Objects, "nothing is left over")
		})
	}
}

// A creation whose answer was lost may still be under way: it is looked for, and not sent again.
func TestACreationWithoutAnAnswerIsNotSentTwice(t *testing.T) {
	w := newWorld(t)
	posts := 0
	c := w.client(through(func(next http.RoundTripper) http.RoundTripper {
		return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
			if isWrite(r) {
				posts++
				return nil, errors.New("connection reset by peer") // and the effect comes later, or never
			}
			return next.RoundTrip(r)
		})
	}))
	r := apply(t, c, creation(tenant))[tenant.ID]
	require.ErrorIs(t, r.Err, netris.ErrUnreachable)
	require.Nil(t, r.Live)
	require.Equal(t, 1, posts)
}

// A read that fails in passing is tried again, so that one hiccup is no unknown object.
func TestReadsAreTriedAgain(t *testing.T) {
	w := newWorld(t)
	mustMake(t, w.client(), everything...)
	w.site.Inject(simulate.Fault{Kind: simulate.FaultError, System: "netris", Method: http.MethodGet, Times: 2})
	live := w.client().Observe(t.Context(), target.Query{Want: everything})
	require.NoError(t, live.Err)
	require.Empty(t, live.Unknown)
}

// A gateway that gave up waiting says nothing of what the controller behind it is still doing.
func TestAGatewaysTimeoutIsNoAnswer(t *testing.T) {
	w := newWorld(t)
	posts := 0
	c := w.client(through(func(next http.RoundTripper) http.RoundTripper {
		return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
			if !isWrite(r) {
				return next.RoundTrip(r)
			}
			posts++
			response, err := next.RoundTrip(r)
			if err == nil {
				_ = response.Body.Close()
			}
			return answer(r, http.StatusGatewayTimeout, nil), err
		})
	}))
	mustMake(t, c, tenant, vpc)
	require.Equal(t, 2, posts)
}

// What no planner should send is refused, not guessed at.
func TestUnsoundChangesAreRefused(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, everything...)
	before := w.writes()
	for _, change := range []plan.Change{
		{ID: vpc.ID, Action: plan.Create},
		{ID: vpc.ID, Action: plan.Replace, Want: &vpc},
		{ID: vpc.ID, Action: plan.Update, Want: &vpc},
		{ID: vpc.ID, Action: plan.Delete},
		{ID: cluster.ID, Action: plan.Replace, Want: &cluster},
		{ID: cluster.ID, Action: plan.Adopt},
		{ID: cluster.ID, Action: plan.Update, Want: &cluster},
		{ID: memberID("acme-train", "gpu-001"), Action: plan.Create},
		{ID: id("vnet", "acme"), Action: plan.Create, Want: &vpc},
		{ID: state.ID{Target: dc1, Kind: "vpc", Name: "acme", Part: "tags"}, Action: plan.Create, Want: &vpc},
		{ID: state.ID{Target: dc1, Kind: "servercluster", Name: "acme-train", Part: "vnet/ns"}, Action: plan.Create, Want: &vpc},
	} {
		require.Error(t, apply(t, c, change)[change.ID].Err, "%s %s", change.Action, change.ID)
	}
	require.Equal(t, before, w.writes())
}
