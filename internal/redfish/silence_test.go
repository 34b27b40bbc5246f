package redfish_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/redfish"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
)

// A BMC that does not answer, from the first or within a session, is asked ever more rarely, and again
// at the latest some minutes after it has come back.
func TestSilence(t *testing.T) {
	for name, fault := range map[string]simulate.Fault{
		"broken":  {Kind: simulate.FaultRefuse, Times: -1},
		"stalled": {Kind: simulate.FaultSlow, Delay: 24 * time.Hour, Times: -1},
		"503":     {Kind: simulate.FaultError, Times: -1},
	} {
		for _, within := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in a session: %t", name, within), func(t *testing.T) {
				try(t, simulate.BMCOptions{}, func(w *world) { silent(w, fault, within) })
			})
		}
	}
}

func silent(w *world, fault simulate.Fault, within bool) {
	var sent []time.Time
	b := w.client(onRequest(func(*http.Request) { sent = append(sent, time.Now()) }))
	if within {
		w.observe(b, ntpID)
		sent = nil
	}
	w.site.Inject(fault)
	begun := time.Now()
	for time.Since(begun) < 2*time.Hour {
		live := b.Observe(w.Context(), ntpQuery)
		require.ErrorIs(w, live.Err, redfish.ErrUnreachable)
		presence, _, err := live.Presence(ntpID)
		require.Equal(w, state.PresenceUnknown, presence)
		require.Error(w, err)
		time.Sleep(time.Second)
	}
	require.Less(w, len(sent), 60)
	require.Greater(w, len(sent), 15, "it is tried now and then")
	require.Greater(w, sent[len(sent)-1].Sub(sent[len(sent)-2]), 2*time.Minute, "the pauses grow")

	w.site.ClearFaults()
	time.Sleep(10 * time.Minute)
	w.observe(b, ntpID)
	w.site.Inject(simulate.Fault{Kind: simulate.FaultError, Times: 1})
	require.Error(w, b.Observe(w.Context(), ntpQuery).Err)
	w.observe(b, ntpID) // one slip is no silence
}

// That somebody stops waiting, or asks when it is too late, makes a BMC neither a silent one nor one
// that answers.
func TestCancellingIsNoFailure(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		b := w.client()
		late, cancel := context.WithDeadline(w.Context(), time.Now())
		defer cancel()
		for range 10 {
			require.ErrorIs(w, b.Observe(late, ntpQuery).Err, context.DeadlineExceeded)
		}
		w.site.Inject(simulate.Fault{Kind: simulate.FaultSlow, Delay: time.Minute, Times: 10})
		for range 10 {
			ctx, cancel := context.WithCancel(w.Context())
			time.AfterFunc(time.Second, cancel)
			err := b.Observe(ctx, ntpQuery).Err
			require.ErrorIs(w, err, context.Canceled)
			require.NotErrorIs(w, err, redfish.ErrUnreachable)
		}
		w.observe(b, ntpID)

		w.site.Inject(simulate.Fault{Kind: simulate.FaultError, Times: 2})
		w.site.Inject(simulate.Fault{Kind: simulate.FaultSlow, Delay: time.Minute, Times: 1})
		w.site.Inject(simulate.Fault{Kind: simulate.FaultError, Times: -1})
		for range 2 {
			require.ErrorContains(w, b.Observe(w.Context(), ntpQuery).Err, "status 503")
		}
		ctx, cancel := context.WithCancel(w.Context())
		time.AfterFunc(time.Second, cancel)
		require.ErrorIs(w, b.Observe(ctx, ntpQuery).Err, context.Canceled)
		require.ErrorContains(w, b.Observe(w.Context(), ntpQuery).Err, "status 503")
		require.ErrorContains(w, b.Observe(w.Context(), ntpQuery).Err, "left alone")
	})
}
