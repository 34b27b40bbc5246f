package netris_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/netris"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// TestMain fails the package if a goroutine outlives the tests: an iterator that was left early, a
// session, a connection.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var dc1 = state.Target{System: state.Netris, Name: "dc1"}

const (
	user     = "millwright"
	password = "correct horse"
	fleet    = "example"
)

// world is a simulated controller and all that a test does to it.
type world struct {
	t      *testing.T
	site   *simulate.Site
	netris *simulate.Netris
	server *httptest.Server
	raw    *http.Client // a person with the API, beside the client under test
}

// newWorld has six servers, gpu-001 to gpu-006, and effects that are in force at once.
func newWorld(t *testing.T, options ...func(*simulate.NetrisOptions)) *world {
	t.Helper()
	w := &world{t: t, site: simulate.NewSite(1000)}
	o := simulate.NetrisOptions{Username: user, Password: password, SiteName: "dc1"}
	for i := range 6 {
		name := fmt.Sprintf("gpu-%03d", i+1)
		o.Servers = append(o.Servers, name)
		w.site.AddMachine(name)
	}
	o.Ports, o.Profiles = []string{"swp5@leaf1", "swp6@leaf1"}, []string{"ew-roce"}
	for _, option := range options {
		option(&o)
	}
	w.site.SetRule(simulate.NetrisAsync, false)
	w.site.SetRule(simulate.NetrisLedgerLags, false)
	w.netris = simulate.NewNetris(w.site, o)
	w.server = httptest.NewServer(w.netris)
	t.Cleanup(w.server.Close)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	w.raw = &http.Client{Jar: jar, Transport: &http.Transport{}}
	t.Cleanup(w.raw.CloseIdleConnections)
	return w
}

// slow lets effects and the ledger lag, for ever as far as a test is concerned.
func slow(o *simulate.NetrisOptions) {
	o.Provisioning, o.AgentLoop = 1e6*time.Hour, 1e6*time.Hour
}

// client is a new client, as a restarted process would have it.
func (w *world) client(options ...func(*netris.Options)) *netris.Controller {
	w.t.Helper()
	transport := &http.Transport{}
	o := netris.Options{
		URL: w.server.URL, Fleet: fleet, Transport: transport,
		Credentials: func(context.Context) (string, string, error) { return user, password, nil },
		Sleep:       func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
	for _, option := range options {
		option(&o)
	}
	c, err := netris.New(dc1, o)
	require.NoError(w.t, err)
	w.t.Cleanup(func() {
		_ = c.Close(context.Background())
		transport.CloseIdleConnections()
	})
	return c
}

func through(rt func(http.RoundTripper) http.RoundTripper) func(*netris.Options) {
	return func(o *netris.Options) { o.Transport = rt(o.Transport) }
}

// call is a request by somebody else; it returns the answer's status and data.
func (w *world) call(method, path string, body any) (int, any) {
	w.t.Helper()
	send := func(method, path string, body any) (int, any) {
		text, err := json.Marshal(body)
		require.NoError(w.t, err)
		request, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, bytes.NewReader(text))
		require.NoError(w.t, err)
		response, err := w.raw.Do(request)
		require.NoError(w.t, err)
		defer response.Body.Close()
		text, err = io.ReadAll(response.Body)
		require.NoError(w.t, err)
		var answer struct {
			Data any `json:"data"`
		}
		require.NoError(w.t, json.Unmarshal(text, &answer), "%s", text)
		return response.StatusCode, answer.Data
	}
	status, data := send(method, path, body)
	if status == http.StatusUnauthorized {
		send(http.MethodPost, "/api/auth", map[string]any{"user": user, "password": password})
		status, data = send(method, path, body)
	}
	return status, data
}

// do is a call that must succeed.
func (w *world) do(method, path string, body any) any {
	w.t.Helper()
	status, data := w.call(method, path, body)
	require.Equal(w.t, 2, status/100, "%s %s: %v", method, path, data)
	return data
}

// made does a POST and returns the id of what it made, from either form of the answer.
func (w *world) made(path string, body any) int {
	w.t.Helper()
	data := w.do(http.MethodPost, path, body)
	if list, ok := data.([]any); ok {
		data = list[0]
	}
	return int(data.(map[string]any)["id"].(float64))
}

// named is the object of that name in a list, with ok false if there is none.
func (w *world) named(path, name string) (map[string]any, bool) {
	w.t.Helper()
	return find(w.do(http.MethodGet, path, nil).([]any), name)
}

func find(list []any, name string) (map[string]any, bool) {
	for _, one := range list {
		o := one.(map[string]any)
		if o["name"] == name {
			return o, true
		}
		if children, ok := o["children"].([]any); ok {
			if o, ok := find(children, name); ok {
				return o, true
			}
		}
	}
	return nil, false
}

// count is how many objects of a list have that name.
func (w *world) count(path, name string) int {
	w.t.Helper()
	n := 0
	for _, one := range w.do(http.MethodGet, path, nil).([]any) {
		if one.(map[string]any)["name"] == name {
			n++
		}
	}
	return n
}

// writes are the state-changing requests that arrived, logins apart, as "PUT /api/v2/vpc/2".
func (w *world) writes() []string {
	var list []string
	for _, e := range w.site.Log() {
		switch e.Verb {
		case http.MethodPost, http.MethodPut, http.MethodDelete:
			if e.Path != "/api/auth" {
				list = append(list, e.Verb+" "+e.Path)
			}
		}
	}
	return list
}

func id(kind, name string) state.ID { return state.ID{Target: dc1, Kind: kind, Name: name} }

func memberID(cluster, machine string) state.ID {
	return state.ID{Target: dc1, Kind: "servercluster", Name: cluster, Part: "server/" + machine}
}

func object(id state.ID, value map[string]any) state.Object {
	return state.Object{ID: id, Entity: "tenant/acme", Mode: state.Own, Tree: state.FromPlain(value, state.Origin{})}
}

func ref(name string) map[string]any { return map[string]any{"name": name} }

// with is an object with some fields set otherwise.
func with(o state.Object, fields map[string]any) state.Object {
	value := o.Tree.Masked().(map[string]any)
	for field, v := range fields {
		value[field] = v
	}
	o.Tree = state.FromPlain(value, state.Origin{})
	return o
}

var (
	tenant     = object(id("tenant", "acme"), map[string]any{"name": "acme", "description": "Acme Robotics"})
	vpc        = object(id("vpc", "acme"), map[string]any{"name": "acme", "adminTenant": ref("Admin"), "guestTenant": []any{ref("acme")}, "tags": []any{"tier=gold"}})
	allocation = object(id("allocation", "acme-train-ns"), map[string]any{"name": "acme-train-ns", "prefix": "10.20.0.0/16", "tenant": ref("Admin"), "vpc": ref("acme")})
	subnet     = object(id("subnet", "acme-train-ns"), map[string]any{"name": "acme-train-ns", "prefix": "10.20.1.0/24", "purpose": "common",
		"sites": []any{ref("dc1")}, "tenant": ref("Admin"), "vpc": ref("acme"), "tags": []any{}})
	template = object(id("servercluster-template", "gpu-ib-v1"), map[string]any{"name": "gpu-ib-v1", "vnets": []any{
		map[string]any{"postfix": "ns", "type": "l2vpn", "vlan": "untagged", "vlanID": "auto", "ipFamily": "ipv4", "serverNics": []any{"eth9", "eth10"},
			"ipv4Gateway": "10.20.1.1/24", "ipv4DhcpEnabled": true},
		map[string]any{"postfix": "ib", "type": "netris-ufm", "ufm": "ufm-1", "pkey": "auto"},
	}})
	cluster = object(id("servercluster", "acme-train"), map[string]any{"name": "acme-train", "admin": ref("Admin"), "site": ref("dc1"), "vpc": ref("acme"),
		"srvClusterTemplate": ref("gpu-ib-v1"), "tags": []any{"pool=h100"}})
	everything = []state.Object{tenant, vpc, allocation, subnet, template, cluster}
)

func member(cluster, machine string) state.Object {
	return object(memberID(cluster, machine), map[string]any{"shared": false})
}

func creation(o state.Object) plan.Change {
	return plan.Change{ID: o.ID, Entity: o.Entity, Action: plan.Create, Want: &o}
}

func update(o state.Object, live state.LiveObject) plan.Change {
	return plan.Change{ID: o.ID, Entity: o.Entity, Action: plan.Update, Want: &o, Live: &live, Owned: &state.Owned{ID: o.ID, Remote: live.Remote}}
}

func deletion(live state.LiveObject) plan.Change {
	return plan.Change{ID: live.ID, Action: plan.Delete, Live: &live, Owned: &state.Owned{ID: live.ID, Remote: live.Remote}}
}

// apply carries out changes and returns their results by ID.
func apply(t *testing.T, c *netris.Controller, changes ...plan.Change) map[state.ID]target.Result {
	t.Helper()
	results := map[state.ID]target.Result{}
	for r := range c.Apply(t.Context(), changes) {
		results[r.ID] = r
	}
	require.Len(t, results, len(changes))
	return results
}

// must carries out one change that must succeed.
func must(t *testing.T, c *netris.Controller, change plan.Change) target.Result {
	t.Helper()
	r := apply(t, c, change)[change.ID]
	require.NoError(t, r.Err)
	return r
}

func mustMake(t *testing.T, c *netris.Controller, objects ...state.Object) {
	t.Helper()
	for _, o := range objects {
		must(t, c, creation(o))
	}
}

// present is the object as a client observes it.
func present(t *testing.T, c *netris.Controller, id state.ID) state.LiveObject {
	t.Helper()
	live := c.Observe(t.Context(), target.Query{Want: append([]state.Object{{ID: id}}, everything...)})
	presence, o, err := live.Presence(id)
	require.NoError(t, err)
	require.Equal(t, state.Present, presence, "%s should be there", id)
	return o
}

func absent(t *testing.T, c *netris.Controller, id state.ID) {
	t.Helper()
	live := c.Observe(t.Context(), target.Query{Want: append([]state.Object{{ID: id}}, everything...)})
	presence, _, err := live.Presence(id)
	require.NoError(t, err)
	require.Equal(t, state.Absent, presence, "%s should not be there", id)
}

// isWrite reports whether a request of the client changes something, logins apart.
func isWrite(r *http.Request) bool {
	return r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/api/auth")
}

func tableOf(id state.ID) kinds.Table { return kinds.Of(id) }
