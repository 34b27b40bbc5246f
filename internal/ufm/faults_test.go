package ufm_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/target/conformance"
	"millwright.dev/millwright/internal/ufm"
)

// steps are every kind of write, in an order in which each can be done.
func steps() []func(t *testing.T, m *ufm.Manager) plan.Change {
	var list []func(*testing.T, *ufm.Manager) plan.Change
	port := member("0x1ab", port1)
	for _, o := range []state.Object{acme, port} {
		list = append(list, func(*testing.T, *ufm.Manager) plan.Change { return creation(o) })
	}
	for _, o := range []state.Object{with(acme, map[string]any{"qos_conf": map[string]any{"mtu_limit": 2}}), with(port, map[string]any{"membership": "limited"})} {
		list = append(list, func(t *testing.T, m *ufm.Manager) plan.Change { return update(o, present(t, m, o.ID)) })
	}
	for _, id := range []state.ID{port.ID, acme.ID} {
		list = append(list, func(t *testing.T, m *ufm.Manager) plan.Change { return deletion(present(t, m, id)) })
	}
	return list
}

// Whatever becomes of the answer to a write, doing the change again, by the same process or by one that
// was started anew, leaves UFM as once, and somebody else's port where it was.
func TestEveryWriteSurvivesEveryFault(t *testing.T) {
	for name, fault := range map[string]simulate.Fault{
		"the answer is lost":        {Kind: simulate.FaultLostAnswer, Times: 1},
		"every answer is lost":      {Kind: simulate.FaultLostAnswer, Times: 5},
		"the connection is refused": {Kind: simulate.FaultRefuse, Times: 1},
		"UFM is busy":               {Kind: simulate.FaultError, Times: 2},
		"UFM is slow":               {Kind: simulate.FaultSlow, Times: 3, Delay: 5 * time.Second},
		"UFM is busy longer":        {Kind: simulate.FaultError, Times: 5},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.byHand("0x300", foreign, false, "full")
			m := w.client()
			for i, step := range steps() {
				change := step(t, m)
				for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
					fault.System, fault.Method = "ufm", method
					w.site.Inject(fault)
				}
				r := apply(t, m, change)[change.ID]
				w.site.ClearFaults()
				if r.Err != nil {
					require.NotErrorIs(t, r.Err, target.ErrHeld, "step %d", i)
					m = w.client() // killed, and started again
					require.NoError(t, apply(t, m, change)[change.ID].Err)
				}
				if change.Action == plan.Delete {
					absent(t, m, change.ID)
				} else {
					require.Empty(t, plan.Compare(change.Want.Tree, present(t, m, change.ID).Value, kinds.Of(change.ID)), "step %d", i)
				}
				present(t, m, memberID("0x300", foreign))
			}
			require.Len(t, m.Observe(t.Context(), target.Query{}).Objects, 3, "what somebody else made, and the default partition")
		})
	}
}

// A UFM that does not answer costs one time-out a request at first, and after some none for a while.
func TestASilentUFMIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var sent atomic.Int64
	m := w.client(func(o *ufm.Options) {
		o.Clock, o.RequestTimeout = func() time.Time { return now }, time.Millisecond
	}, through(func(http.RoundTripper) http.RoundTripper {
		return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
			sent.Add(1)
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
	}))
	change := creation(acme)
	for range 3 {
		require.ErrorIs(t, apply(t, m, change)[acme.ID].Err, ufm.ErrUnreachable)
	}
	tried := sent.Load()
	err := apply(t, m, change)[acme.ID].Err
	require.ErrorIs(t, err, target.ErrTripped)
	require.ErrorIs(t, err, ufm.ErrUnreachable)
	require.False(t, errors.Is(err, target.ErrHeld))
	require.Equal(t, tried, sent.Load())
	now = now.Add(time.Hour)
	require.ErrorIs(t, apply(t, m, change)[acme.ID].Err, ufm.ErrUnreachable)
	require.Greater(t, sent.Load(), tried)
}

// Nothing is sent wherever UFM points to: a redirect would carry the password along.
func TestRedirectsAreNotFollowed(t *testing.T) {
	w := newWorld(t)
	m := w.client(through(func(http.RoundTripper) http.RoundTripper {
		return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
			answer := answered(r, nil)
			answer.StatusCode = http.StatusFound
			answer.Header.Set("Location", "https://elsewhere.example.com/")
			return answer, nil
		})
	}))
	err := m.Observe(t.Context(), target.Query{}).Err
	require.ErrorIs(t, err, ufm.ErrUnreachable)
	require.ErrorContains(t, err, "elsewhere.example.com")
	require.NotContains(t, err.Error(), "horse")
}
