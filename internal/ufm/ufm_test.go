package ufm_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/target/conformance"
	"millwright.dev/millwright/internal/ufm"
)

func TestOptionsAreChecked(t *testing.T) {
	good := ufm.Options{URL: "https://ufm.dc1.example.com/ufmRest", Credentials: func(context.Context) (string, string, error) { return "", "", nil }}
	for name, spoil := range map[string]func(*ufm.Options){
		"host":        func(o *ufm.Options) { o.URL = "ufm.dc1.example.com" },
		"scheme":      func(o *ufm.Options) { o.URL = "ftp://ufm.dc1.example.com" },
		"password":    func(o *ufm.Options) { o.URL = "https://a:hunter2@ufm.dc1.example.com" },
		"credentials": func(o *ufm.Options) { o.Credentials = nil },
	} {
		bad := good
		spoil(&bad)
		_, err := ufm.New(ufm1, bad)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err := ufm.New(state.Target{System: state.Netris, Name: "dc1"}, good)
	require.Error(t, err)
	_, err = ufm.New(ufm1, good)
	require.NoError(t, err)
}

// A wrong password is tried once, however often we are asked, until it changes: lock-outs are real.
func TestAWrongPasswordIsTriedOnce(t *testing.T) {
	w := newWorld(t)
	var secret atomic.Value
	secret.Store("wrong horse")
	m := w.client(func(o *ufm.Options) {
		o.Credentials = func(context.Context) (string, string, error) { return user, secret.Load().(string), nil }
	})
	for range 3 {
		err := m.Observe(t.Context(), target.Query{}).Err
		require.ErrorIs(t, err, ufm.ErrUnauthorised)
		require.NotContains(t, err.Error(), "horse")
	}
	require.LessOrEqual(t, len(w.site.Log()), 2, "the two lists of one look")
	secret.Store(password)
	require.NoError(t, m.Observe(t.Context(), target.Query{}).Err)
}

// Every port of every partition is seen, whoever put it there, but for the default partition's, which
// all are in; and as long as that one joins all ports no partition is healthy.
func TestObserveSeesAllMembers(t *testing.T) {
	w := newWorld(t, func(o *simulate.UFMOptions) { o.DefaultMembership = "full" })
	m := w.client()
	mustMake(t, m, acme, member("0x1ab", port1))
	w.byHand("0x900", foreign, false, "limited")
	live := m.Observe(t.Context(), target.Query{})
	require.NoError(t, live.Err)
	require.Len(t, live.Objects, 5)
	require.Equal(t, map[string]any{"guid": foreign, "index0": false, "membership": "limited"}, live.Objects[memberID("0x900", foreign)].Value)
	require.Equal(t, "full", live.Objects[partitionID("0x7fff")].Value["membership"])
	require.Equal(t, state.Unhealthy, live.Objects[acme.ID].Health.State)
	require.Equal(t, []state.Network{{Partitions: []state.Partition{{Fabric: ufm1.Name, Number: acme.ID.Name}}}}, live.Objects[acme.ID].Networks)
	for _, told := range []string{"limited", "-"} {
		w := newWorld(t, func(o *simulate.UFMOptions) { o.DefaultMembership = told })
		require.Equal(t, state.Healthy, present(t, w.client(), partitionID("0x7fff")).Health.State)
	}
}

// A port moves only once it is seen to have left: the change that joins it is held as long as it is
// another partition's own, also if both come at once and the first fails.
func TestAPortHasOnePartition(t *testing.T) {
	w := newWorld(t)
	m := w.client()
	mustMake(t, m, acme, globex, member("0x1ab", port1), member("0x1ab", port2))
	join := creation(member("0x1ac", port1))
	require.ErrorIs(t, apply(t, m, join)[join.ID].Err, target.ErrHeld)

	stuck := w.client(through(func(next http.RoundTripper) http.RoundTripper {
		return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/ufmRest/actions/remove_guids_from_pkey" {
				return nil, errors.New("connection reset by peer")
			}
			return next.RoundTrip(r)
		})
	}))
	leave := deletion(present(t, m, memberID("0x1ab", port1)))
	results := apply(t, stuck, join, leave)
	require.ErrorIs(t, results[leave.ID].Err, ufm.ErrUnreachable)
	require.ErrorIs(t, results[join.ID].Err, target.ErrHeld)

	results = apply(t, m, join, leave)
	require.NoError(t, errors.Join(results[leave.ID].Err, results[join.ID].Err))
	absent(t, m, memberID("0x1ab", port1))
	present(t, m, memberID("0x1ab", port2))
	present(t, m, memberID("0x1ac", port1))
}

// Ports that join one partition do so by one request, as do those that leave it.
func TestChangesOfOnePartitionAreFolded(t *testing.T) {
	w := newWorld(t)
	m := w.client()
	mustMake(t, m, acme)
	before := len(w.writes())
	results := apply(t, m, creation(member("0x1ab", port1)), creation(member("0x1ab", port2)))
	require.NoError(t, errors.Join(results[memberID("0x1ab", port1)].Err, results[memberID("0x1ab", port2)].Err))
	require.Equal(t, []string{"POST /ufmRest/resources/pkeys"}, w.writes()[before:])
	apply(t, m, deletion(present(t, m, memberID("0x1ab", port1))), deletion(present(t, m, memberID("0x1ab", port2))))
	require.Equal(t, []string{"POST /ufmRest/actions/remove_guids_from_pkey"}, w.writes()[before+1:])
}

// A partition goes only when nobody is in it, also if somebody came after the plan was made; and what
// somebody else keeps there stays.
func TestAPartitionWithMembersStays(t *testing.T) {
	w := newWorld(t)
	m := w.client()
	mustMake(t, m, acme, member("0x1ab", port1))
	w.byHand("0x1ab", foreign, false, "full")
	leave, remove := deletion(present(t, m, memberID("0x1ab", port1))), deletion(present(t, m, acme.ID))
	results := apply(t, m, remove, leave)
	require.NoError(t, results[leave.ID].Err)
	require.ErrorIs(t, results[remove.ID].Err, target.ErrHeld)
	present(t, m, memberID("0x1ab", foreign))

	var late atomic.Bool // somebody comes between the list and the last look
	slow := w.client(through(func(next http.RoundTripper) http.RoundTripper {
		return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/ufmRest/resources/pkeys/0x1ab" && late.CompareAndSwap(false, true) {
				w.byHand("0x1ab", foreign, false, "full")
			}
			return next.RoundTrip(r)
		})
	}))
	w.do(http.MethodPost, "/actions/remove_guids_from_pkey", map[string]any{"pkey": "0x1ab", "guids": []string{foreign}})
	require.ErrorIs(t, apply(t, slow, remove)[acme.ID].Err, target.ErrHeld)
	require.True(t, late.Load())
	present(t, m, memberID("0x1ab", foreign))
}

// What no planner should send is refused, not guessed at; nothing is made again that is gone.
func TestUnsoundChangesAreRefused(t *testing.T) {
	w := newWorld(t)
	m := w.client()
	mustMake(t, m, acme)
	before := w.writes()
	gone, port := state.LiveObject{ID: globex.ID, Remote: "0x1ac"}, member("0x1ab", port1)
	for _, change := range []plan.Change{
		{ID: acme.ID, Action: plan.Create},
		{ID: acme.ID, Action: plan.Replace, Want: &acme},
		{ID: acme.ID, Action: plan.Update, Want: &acme},
		{ID: acme.ID, Action: plan.Delete},
		update(globex, gone),
		update(port, gone),
		update(with(acme, map[string]any{"ip_over_ib": false}), present(t, m, acme.ID)),
		creation(member("0x1ac", port1)),
		creation(object(partitionID("0x7fff"), map[string]any{"ip_over_ib": true})),
		creation(member("0x7fff", port1)),
		deletion(state.LiveObject{ID: partitionID("0x7fff")}),
		creation(object(partitionID("0x0"), nil)),
		creation(object(partitionID("0x8001"), nil)),
		creation(object(partitionID("257"), nil)),
		creation(object(state.ID{Target: ufm1, Kind: "vpc", Name: "0x1ab"}, nil)),
		creation(object(memberID("0x1ab", "gpu-001"), nil)),
	} {
		require.Error(t, apply(t, m, change)[change.ID].Err, "%s %s", change.Action, change.ID)
	}
	require.Equal(t, before, w.writes())
	live := m.Observe(t.Context(), target.Query{Want: []state.Object{{ID: partitionID("257")}, {ID: memberID("0x1ab", "gpu-001")}}})
	require.Len(t, live.Unknown, 2)
}

// A list that cannot be read whole leaves all unknown: nobody can tell who is where.
func TestHalfALookIsNone(t *testing.T) {
	w := newWorld(t)
	for _, answer := range []any{map[string]any{"0x1ab": nil}, map[string]any{"0x1ab": map[string]any{"partition": "x"}}, map[string]any{"0x1AB": map[string]any{"guids": []any{}}, "0x1ab": map[string]any{"guids": []any{}}}, map[string]any{"x": map[string]any{}}, "no"} {
		m := w.client(through(func(next http.RoundTripper) http.RoundTripper {
			return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) { return answered(r, answer), nil })
		}))
		require.ErrorIs(t, m.Observe(t.Context(), target.Query{}).Err, ufm.ErrUnreachable)
	}
	w.site.Inject(simulate.Fault{Kind: simulate.FaultError, System: "ufm", Method: http.MethodGet, Times: 2})
	require.NoError(t, w.client().Observe(t.Context(), target.Query{}).Err, "a passing failure is tried again")
}
