package netris_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/netris"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/target/conformance"
)

func logins(w *world) int {
	n := 0
	for _, e := range w.site.Log() {
		if e.Verb == http.MethodPost && e.Path == "/api/auth" {
			n++
		}
	}
	return n
}

func TestOptionsAreChecked(t *testing.T) {
	good := netris.Options{URL: "https://netris.dc1.example.com", Fleet: "example", Credentials: func(context.Context) (string, string, error) { return "", "", nil }}
	for name, spoil := range map[string]func(*netris.Options){
		"host":        func(o *netris.Options) { o.URL = "netris.dc1.example.com" },
		"scheme":      func(o *netris.Options) { o.URL = "ftp://netris.dc1.example.com" },
		"password":    func(o *netris.Options) { o.URL = "https://a:hunter2@netris.dc1.example.com" },
		"fleet":       func(o *netris.Options) { o.Fleet = "no tag!" },
		"credentials": func(o *netris.Options) { o.Credentials = nil },
	} {
		bad := good
		spoil(&bad)
		_, err := netris.New(dc1, bad)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err := netris.New(state.Target{System: state.Redfish, Name: "gpu-001"}, good)
	require.Error(t, err)
	_, err = netris.New(dc1, good)
	require.NoError(t, err)
}

// Many requests that meet the end of a session log in once, and none is lost or repeated.
func TestAnEndedSessionIsRenewedOnce(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	mustMake(t, c, everything...)
	require.Equal(t, 1, logins(w), "one session serves all")
	w.netris.Restart()
	mustMake(t, c, member("acme-train", "gpu-001"))
	require.Equal(t, 2, logins(w))
	w.netris.Restart()
	require.NoError(t, c.Observe(t.Context(), target.Query{}).Err)
	require.Equal(t, 3, logins(w), "a dozen lists at once")
}

// A wrong password is tried once, however often we are asked, until it changes: lock-outs are real.
func TestAWrongPasswordIsTriedOnce(t *testing.T) {
	w := newWorld(t)
	var secret atomic.Value
	secret.Store("wrong horse")
	c := w.client(func(o *netris.Options) {
		o.Credentials = func(context.Context) (string, string, error) { return user, secret.Load().(string), nil }
	})
	for range 3 {
		live := c.Observe(t.Context(), target.Query{})
		require.ErrorIs(t, live.Err, netris.ErrUnauthorised)
		require.NotContains(t, live.Err.Error(), "horse")
		require.ErrorIs(t, apply(t, c, creation(tenant))[tenant.ID].Err, netris.ErrUnauthorised)
	}
	require.Equal(t, 1, logins(w))
	secret.Store(password)
	require.NoError(t, c.Observe(t.Context(), target.Query{}).Err)
	require.Equal(t, 2, logins(w))
}

func TestCredentialsThatCannotBeReadAreSaid(t *testing.T) {
	w := newWorld(t)
	c := w.client(func(o *netris.Options) {
		o.Credentials = func(context.Context) (string, string, error) {
			return "", "", errors.New("secret netris-credentials is not there")
		}
	})
	require.ErrorContains(t, c.Observe(t.Context(), target.Query{}).Err, "netris-credentials")
	require.Zero(t, logins(w))
}

// A quote in a password broke the vendor's client, which pastes its login together.
func TestAPasswordMayHaveAnyCharacter(t *testing.T) {
	const odd = `pa"ss\w}o{rd` + "\u00e9\n"
	w := newWorld(t, func(o *simulate.NetrisOptions) { o.Password = odd })
	c := w.client(func(o *netris.Options) {
		o.Credentials = func(context.Context) (string, string, error) { return user, odd, nil }
	})
	require.NoError(t, c.Observe(t.Context(), target.Query{}).Err)
}

func TestAtMostFourRequestsAtOnce(t *testing.T) {
	w := newWorld(t)
	var now, most atomic.Int32
	c := w.client(through(func(next http.RoundTripper) http.RoundTripper {
		return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
			n := now.Add(1)
			defer now.Add(-1)
			for {
				was := most.Load()
				if n <= was || most.CompareAndSwap(was, n) {
					break
				}
			}
			return next.RoundTrip(r)
		})
	}))
	for i := range 20 {
		w.made("/api/v2/vpc", map[string]any{"name": fmt.Sprintf("vpc-%d", i), "adminTenant": map[string]any{"id": 1}})
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { c.Observe(t.Context(), target.Query{}) })
	}
	all.Wait()
	require.LessOrEqual(t, most.Load(), int32(4))
	require.Greater(t, most.Load(), int32(1))
}

// Each request has a deadline of its own, whatever the caller's.
func TestARequestDoesNotWaitForEver(t *testing.T) {
	w := newWorld(t)
	c := w.client(func(o *netris.Options) { o.RequestTimeout = 10 * time.Millisecond }, through(func(next http.RoundTripper) http.RoundTripper {
		return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
	}))
	live := c.Observe(t.Context(), target.Query{})
	require.ErrorIs(t, live.Err, netris.ErrUnreachable)
}

// A controller that is away costs a few requests, then none for a while, and comes back by itself.
func TestTheBreakerOpensAndClosesAgain(t *testing.T) {
	w := newWorld(t)
	var (
		mu    sync.Mutex
		clock = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		sent  atomic.Int32
		away  atomic.Bool
	)
	c := w.client(func(o *netris.Options) {
		o.Clock = func() time.Time { mu.Lock(); defer mu.Unlock(); return clock }
	}, through(func(next http.RoundTripper) http.RoundTripper {
		return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
			sent.Add(1)
			if away.Load() {
				return nil, errors.New("no route to host")
			}
			return next.RoundTrip(r)
		})
	}))
	away.Store(true)
	for range 5 {
		require.ErrorIs(t, c.Observe(t.Context(), target.Query{}).Err, netris.ErrUnreachable)
	}
	require.LessOrEqual(t, sent.Load(), int32(8), "five failures, and what was on its way by then")
	before := sent.Load()
	err := c.Observe(t.Context(), target.Query{}).Err
	require.ErrorIs(t, err, netris.ErrUnreachable)
	require.ErrorContains(t, err, "no route to host", "the reason stays in sight")
	require.Equal(t, before, sent.Load())

	away.Store(false)
	mu.Lock()
	clock = clock.Add(2 * time.Minute)
	mu.Unlock()
	require.NoError(t, c.Observe(t.Context(), target.Query{}).Err)
}

// fake is a controller that answers everything but logins by one function.
func fake(t *testing.T, handle http.HandlerFunc) *netris.Controller {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/auth" {
			http.SetCookie(w, &http.Cookie{Name: "connect.sid", Value: "1", Path: "/"})
			fmt.Fprint(w, `{"isSuccess":true}`)
			return
		}
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := netris.New(dc1, netris.Options{
		URL: server.URL + "/api", Fleet: fleet, Transport: transport,
		Credentials: func(context.Context) (string, string, error) { return user, password, nil },
		Sleep:       func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
	require.NoError(t, err)
	return c
}

// The vendor's descriptions differ on the envelope; all of these are one VPC with the id 12.
func TestAnswersAreReadLeniently(t *testing.T) {
	for name, vpcs := range map[string]string{
		"full":             `{"data":[{"id":12,"name":"acme","tags":[],"guestTenant":[]}],"errors":{},"message":"","isSuccess":true,"meta":{"apiVersion":"v2","statusCode":200}}`,
		"null lists":       `{"data":[{"id":12,"name":"acme","tags":null,"guestTenant":null}],"isSuccess":true,"meta":{"apiVersion":2}}`,
		"id as text":       `{"data":[{"id":"12","name":"acme"}],"isSuccess":true}`,
		"no isSuccess":     `{"data":[{"id":12,"name":"acme"}]}`,
		"errors as a list": `{"data":[{"id":12,"name":"acme"}],"errors":[],"isSuccess":true}`,
		"one object":       `{"data":{"id":12,"name":"acme"},"isSuccess":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := fake(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/api/v2/vpc" {
					fmt.Fprint(w, vpcs)
					return
				}
				fmt.Fprint(w, `{"data":null,"isSuccess":true}`)
			})
			live := c.Observe(t.Context(), target.Query{Want: []state.Object{vpc}})
			require.NoError(t, live.Err)
			o := live.Objects[vpc.ID]
			require.Equal(t, "12", o.Remote)
			require.Equal(t, []any{}, o.Value["tags"])
			require.Equal(t, []any{}, o.Value["guestTenant"])
		})
	}
}

// Both forms of a cluster's status are documented.
func TestBothFormsOfAStatusAreRead(t *testing.T) {
	for status, health := range map[string]state.HealthState{
		`"provisioning"`: state.Progressing, `{"label":"Provisioning","value":"provisioning"}`: state.Progressing,
		`{"label":"Provisioning"}`: state.Progressing,
		`"active"`:                 state.Healthy, `{"label":"Active","value":"active"}`: state.Healthy, `"disabled"`: state.Unhealthy,
		`"something new"`: state.Progressing,
	} {
		c := fake(t, func(w http.ResponseWriter, r *http.Request) {
			data := "null"
			if r.URL.Path == "/api/v2/server-cluster" {
				data = `[{"id":23,"name":"acme-train","state":"active","status":` + status + `,"servers":[],"resources":{}}]`
			}
			fmt.Fprintf(w, `{"data":%s,"isSuccess":true}`, data)
		})
		live := c.Observe(t.Context(), target.Query{})
		require.Equal(t, health, live.Objects[cluster.ID].Health.State, status)
	}
}

// What went wrong is said with the request, the controller's own words, and what to do.
func TestRefusalsAreToldInTheControllersWords(t *testing.T) {
	for want, handle := range map[string]http.HandlerFunc{
		"POST /api/tenants: the controller answered 400: Bad name. (name: too long)": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"isSuccess":false,"message":"Bad name.","errors":{"name":"too long"}}`)
		},
		"POST /api/tenants: the controller answered 200: Not today.": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"isSuccess":false,"message":"Not today."}`)
		},
		"the controller answered 502: Bad Gateway": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>nginx</html>", http.StatusBadGateway)
		},
		"write that address as the site's Netris URL": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example.com"+r.URL.Path, http.StatusMovedPermanently)
		},
		"not the JSON that was expected": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>log in</html>") },
	} {
		c := fake(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				fmt.Fprint(w, `{"data":[],"isSuccess":true}`)
				return
			}
			handle(w, r)
		})
		require.ErrorContains(t, apply(t, c, creation(tenant))[tenant.ID].Err, want)
	}
}

// A 301 would make net/http repeat a POST as a GET, and another host would be sent our session.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer elsewhere.Close()
	c := fake(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusMovedPermanently)
	})
	require.ErrorContains(t, c.Observe(t.Context(), target.Query{}).Err, elsewhere.URL)
	require.Zero(t, followed.Load())
}

// Numbers that we know nothing of are sent back as they came, beyond what a float64 can hold.
func TestLargeNumbersSurvive(t *testing.T) {
	const large = "9223372036854775807"
	var put string
	c := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			text, _ := io.ReadAll(r.Body)
			put = string(text)
		}
		data := "[]"
		if strings.HasPrefix(r.URL.Path, "/api/tenants") {
			data = `[{"id":7,"name":"acme","description":"` + map[bool]string{true: "Acme Robotics", false: ""}[put != ""] + `","quota":` + large + `}]`
		}
		fmt.Fprintf(w, `{"data":%s,"isSuccess":true}`, data)
	})
	must(t, c, update(tenant, present(t, c, tenant.ID)))
	require.Contains(t, put, `"quota":`+large)
}
