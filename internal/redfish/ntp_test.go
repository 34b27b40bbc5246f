package redfish_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/redfish"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Time servers are set at once, and not written again while they are as wanted.
func TestTimeServers(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		b := w.client()
		live := w.mustUpdate(b, ntp("ntp1.example.com", "ntp2.example.com"), "")
		require.Equal(w, []any{"ntp1.example.com", "ntp2.example.com"}, kinds.Lookup(live.Value, "NTP", "NTPServers"))
		require.Equal(w, []string{"ntp1.example.com", "ntp2.example.com"}, w.machine().NTP)
		require.True(w, w.machine().NTPEnabled)

		w.mustUpdate(b, ntp("ntp1.example.com", "ntp2.example.com"), "")
		require.Len(w, w.writes(), 1)
	})
}

// A list of fixed length, filled up with nothing, is neither drift nor a refusal.
func TestTimeServersInAListOfFixedLength(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		b := w.client(shows(protocolPath, func(services map[string]any) {
			ntp := services["NTP"].(map[string]any)
			ntp["NTPServers"] = append(ntp["NTPServers"].([]any), "", nil)
		}))
		w.mustUpdate(b, ntp("ntp.example.com"), "")
		require.Equal(w, []any{"ntp.example.com"}, kinds.Lookup(w.observe(b, ntpID).Value, "NTP", "NTPServers"))
	})
}

// A BMC that accepts and silently keeps what it had has refused.
func TestARevertedWriteIsRefused(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		b := w.client(onAnswer(func(r *http.Request, _ *http.Response) {
			if r.Method == http.MethodPatch {
				w.edit(func(m *simulate.Machine) { m.NTP = []string{"factory.example.com"} })
			}
		}))
		r := w.update(b, ntp("ntp.example.com"), "")
		require.ErrorIs(w, r.Err, redfish.ErrRefused)
		require.ErrorContains(w, r.Err, "factory.example.com")
		require.Nil(w, r.Live)
		require.Len(w, w.writes(), 1)
	})
}

// What somebody changes between our look and our write is looked at again, and not written over
// unseen; who keeps changing it wins.
func TestChangesInBetweenAreSeen(t *testing.T) {
	for name, others := range map[string]struct {
		times, writes int
		set           string
		ok            bool
	}{
		"once":             {1, 2, "elsewhere.example.com", true},
		"to what is right": {1, 1, "ntp.example.com", true},
		"again and again":  {99, 3, "elsewhere.example.com", false},
	} {
		t.Run(name, func(t *testing.T) {
			try(t, simulate.BMCOptions{}, func(w *world) {
				left := others.times
				b := w.client(onRequest(func(r *http.Request) {
					if r.Method == http.MethodPatch && left > 0 {
						left--
						w.edit(func(m *simulate.Machine) { m.NTP, m.NTPEnabled = []string{others.set}, left%2 == 0 })
					}
				}))
				r := w.update(b, ntp("ntp.example.com"), "")
				require.Len(w, w.writes(), others.writes)
				if others.ok {
					require.NoError(w, r.Err)
					require.Equal(w, []string{"ntp.example.com"}, w.machine().NTP)
					return
				}
				require.ErrorIs(w, r.Err, redfish.ErrRefused)
				require.ErrorContains(w, r.Err, "somebody else")
				require.Equal(w, []string{others.set}, w.machine().NTP)
			})
		})
	}
}

// After a lost answer we look: the write is not sent again, whether or not it took effect.
func TestALostAnswerToAWrite(t *testing.T) {
	for name, lost := range map[string]struct {
		fault simulate.FaultKind
		ok    bool
	}{
		"with effect":    {simulate.FaultLostAnswer, true},
		"without effect": {simulate.FaultRefuse, false},
		"busy":           {simulate.FaultError, false},
	} {
		t.Run(name, func(t *testing.T) {
			try(t, simulate.BMCOptions{}, func(w *world) {
				b := w.client()
				w.site.Inject(simulate.Fault{Kind: lost.fault, Method: http.MethodPatch, Times: 1})
				r := w.update(b, ntp("ntp.example.com"), "")
				require.Len(w, w.writes(), 1)
				if lost.ok {
					require.NoError(w, r.Err)
					return
				}
				require.ErrorIs(w, r.Err, redfish.ErrUnreachable)
				w.mustUpdate(b, ntp("ntp.example.com"), "") // what the next pass does
			})
		})
	}
}

// A BMC that is gone right after a write leaves it open whether that counts: it is no success, and only
// called accepted if it was.
func TestAWriteThatCannotBeReadBack(t *testing.T) {
	for name, answered := range map[string]bool{"answered": true, "not answered": false} {
		t.Run(name, func(t *testing.T) {
			try(t, simulate.BMCOptions{}, func(w *world) {
				gone := false
				b := w.client(func(next http.RoundTripper) http.RoundTripper {
					return roundTrip(func(r *http.Request) (*http.Response, error) {
						if gone {
							return nil, errors.New("no route to host")
						}
						if gone = r.Method == http.MethodPatch; gone && !answered {
							return nil, errors.New("connection reset by peer")
						}
						return next.RoundTrip(r)
					})
				})
				r := w.update(b, ntp("ntp.example.com"), "")
				require.ErrorIs(w, r.Err, redfish.ErrUnreachable)
				require.Nil(w, r.Live)
				require.Equal(w, answered, strings.Contains(r.Err.Error(), "it was accepted"), "%v", r.Err)
			})
		})
	}
}

// What a BMC refuses is told in its words, and nothing has changed.
func TestARefusedWrite(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		r := w.update(w.client(), ntp("a.example.com", "b.example.com", "c.example.com", "d.example.com"), "")
		require.ErrorIs(w, r.Err, redfish.ErrRefused)
		require.ErrorContains(w, r.Err, "ArraySizeTooLong NTPServers has 4 entries, of which 3 fit")
		require.Empty(w, w.machine().NTP)
	})
}

// What a BMC has by nature is neither made nor deleted, power is only watched, and letting go leaves
// things as they are: none of it sends a write.
func TestWhatIsNeverSent(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		b := w.client()
		off := object(powerID, map[string]any{"PowerState": "Off"})
		for _, c := range []plan.Change{
			{ID: powerID, Action: plan.Update, Want: &off},
			{ID: ntpID, Action: plan.Create, Want: new(ntp("ntp.example.com"))},
			{ID: ntpID, Action: plan.Delete},
			{ID: biosID, Action: plan.Update, Want: new(bios(map[string]any{"ProcCStates": "Disabled"}))},
			{ID: ntpID, Action: plan.Update, Want: new(ntp("ntp.example.com")), Live: &state.LiveObject{Remote: "/redfish/v1/Managers/2/NetworkProtocol"}},
		} {
			require.ErrorIs(w, apply(w.Context(), b, c).Err, target.ErrHeld, "%s %s", c.Action, c.ID)
		}
		r := apply(w.Context(), b, plan.Change{ID: ntpID, Action: plan.Release})
		require.NoError(w, r.Err)
		require.NotNil(w, r.Live)
		require.Empty(w, w.writes())
	})
}
