package redfish_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/redfish"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

var ntpQuery = target.Query{Owned: []state.Owned{{ID: ntpID}}}

// A session that ended, by disuse or with the BMC's restart, is made anew once, in the middle of a look
// or of a write, which goes through.
func TestAnEndedSessionIsMadeAnew(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"unused":  func(*world) { time.Sleep(20 * time.Second) },
		"restart": func(w *world) { w.bmc.Restart() },
	} {
		for _, method := range []string{http.MethodGet, http.MethodPatch} {
			t.Run(name+" before a "+method, func(t *testing.T) {
				try(t, simulate.BMCOptions{SessionTimeout: 10 * time.Second}, func(w *world) {
					ended := false
					b := w.client(onRequest(func(r *http.Request) {
						if r.Method == method && r.URL.Path == protocolPath && !ended {
							ended = true
							end(w)
						}
					}))
					w.mustUpdate(b, ntp("ntp.example.com"), "")
					require.True(w, ended)
					require.Equal(w, []int{201, 201}, w.logins("POST"))
				})
			})
		}
	}
}

// A BMC may answer single requests 401 while the session goes on: what we make anew must not pile up.
func TestSessionsDoNotPileUp(t *testing.T) {
	try(t, simulate.BMCOptions{Sessions: 2}, func(w *world) {
		b := w.client(instead(func(r *http.Request) *http.Response {
			if r.URL.Path == protocolPath {
				return says(http.StatusUnauthorized, `{}`)
			}
			return nil
		}))
		for range 10 {
			require.ErrorIs(w, b.Observe(w.Context(), ntpQuery).Unknown[ntpID], redfish.ErrUnauthorised)
		}
		require.NotContains(w, w.logins("POST"), http.StatusServiceUnavailable)
		require.NoError(w, b.Close(w.Context()))
		require.Len(w, w.logins("DELETE"), len(w.logins("POST")))
	})
}

// Close gives the session back, also when everything is being cancelled, and ends the client's use.
func TestCloseGivesTheSessionBack(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		b := w.client()
		require.NoError(w, b.Observe(ctx, ntpQuery).Err)
		cancel()
		require.NoError(w, b.Close(ctx))
		require.Equal(w, []int{http.StatusNoContent}, w.logins("DELETE"))

		require.Error(w, b.Observe(w.Context(), ntpQuery).Err)
		require.NoError(w, b.Close(ctx))
		require.Len(w, w.logins("POST"), 1)
	})
}

// A session that ended by itself need not be given back, nor one that never was.
func TestCloseOfWhatHasEnded(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		b := w.client()
		require.NoError(w, w.client().Close(w.Context()))
		w.observe(b, ntpID)
		w.bmc.Restart()
		require.NoError(w, b.Close(w.Context()))
	})
}

// Close does not wait for a BMC that does not answer longer than a process has to end.
func TestCloseIsBounded(t *testing.T) {
	for name, use := range map[string]func(w *world, b *redfish.BMC){
		"with a session": func(w *world, b *redfish.BMC) { w.observe(b, ntpID) },
		"while logging in": func(w *world, b *redfish.BMC) {
			w.site.Inject(simulate.Fault{Kind: simulate.FaultSlow, Delay: time.Hour, Times: 1})
			go b.Observe(w.Context(), ntpQuery)
			synctest.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			try(t, simulate.BMCOptions{}, func(w *world) {
				b := w.client()
				use(w, b)
				w.site.Inject(simulate.Fault{Kind: simulate.FaultSlow, Delay: time.Hour, Times: -1})
				begun := time.Now()
				require.Error(w, b.Close(w.Context()))
				require.Less(w, time.Since(begun), 15*time.Second)
				w.site.ClearFaults()
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// While others hold all sessions the BMC is unreachable for us; when one is free, it is not.
func TestNoSessionIsFree(t *testing.T) {
	try(t, simulate.BMCOptions{Sessions: 1}, func(w *world) {
		other, b := w.client(), w.client()
		w.observe(other, ntpID)
		live := b.Observe(w.Context(), ntpQuery)
		require.ErrorIs(w, live.Err, redfish.ErrUnreachable)
		require.ErrorContains(w, live.Err, "RAC0218")
		require.NoError(w, other.Close(w.Context()))
		w.observe(b, ntpID)
	})
}

// Refused credentials are tried once and then, however often and from however many sides we are asked,
// not again until they change: the account is not locked.
func TestRefusedCredentialsAreTriedOnce(t *testing.T) {
	for name, between := range map[string]middle{
		"401": onAnswer(func(*http.Request, *http.Response) {}),
		"400": onAnswer(func(r *http.Request, resp *http.Response) {
			if isLogin(r) && resp.StatusCode == http.StatusUnauthorized {
				resp.StatusCode = http.StatusBadRequest
			}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			try(t, simulate.BMCOptions{}, func(w *world) {
				b := w.client(between)
				w.secret("guess")
				for range 10 {
					require.ErrorIs(w, b.Observe(w.Context(), ntpQuery).Err, redfish.ErrUnauthorised)
					go b.Observe(w.Context(), ntpQuery)
					time.Sleep(time.Hour)
				}
				require.Equal(w, []int{401}, w.logins("POST"))
				w.secret(password)
				w.observe(b, ntpID)
				require.Equal(w, []int{401, 201}, w.logins("POST"))
			})
		})
	}
}

// A login that names no session is refused: without its token every request would log in again.
func TestALoginWithoutASession(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		b := w.client(onAnswer(func(_ *http.Request, resp *http.Response) { resp.Header.Del("X-Auth-Token") }))
		require.ErrorIs(w, b.Observe(w.Context(), ntpQuery).Err, redfish.ErrRefused)
		require.Len(w, w.logins("POST"), 1)
	})
}

// A session that a killed process left is given back by the next; our own is not, nor one that is another
// user's by now, nor is anything deleted that is no session of this BMC.
func TestWhatAKilledProcessLeft(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		killed := w.client()
		w.observe(killed, ntpID)
		left := killed.Holds(w.Context())
		require.Equal(w, sessionsPath+"/1", left)

		another := w.client(onAnswer(func(r *http.Request, resp *http.Response) {
			if r.URL.Path == left {
				rewrite(&resp.Body, &resp.ContentLength, func(session map[string]any) { session["UserName"] = "ironic" })
			}
		}))
		require.Empty(w, another.Holds(w.Context()))
		require.NoError(w, another.GiveBack(w.Context(), left))
		require.NoError(w, another.GiveBack(w.Context(), another.Holds(w.Context())))
		require.NoError(w, another.GiveBack(w.Context(), "https://bmc.example.com"+left))
		account := w.client(instead(func(r *http.Request) *http.Response {
			if r.Method == http.MethodGet && r.URL.Path == left {
				return says(http.StatusOK, `{"@odata.type": "#ManagerAccount.v1_12_0.ManagerAccount", "UserName": "`+user+`"}`)
			}
			return nil
		}))
		require.NoError(w, account.GiveBack(w.Context(), left))
		require.Empty(w, w.logins("DELETE"))

		next := w.client()
		require.NoError(w, next.GiveBack(w.Context(), left))
		require.Equal(w, []int{http.StatusNoContent}, w.logins("DELETE"))
		require.NoError(w, next.GiveBack(w.Context(), left), "it is gone")
		w.observe(next, ntpID)
		require.Equal(w, sessionsPath+"/4", next.Holds(w.Context()))
	})
}
