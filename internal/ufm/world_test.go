package ufm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/ufm"
)

// TestMain fails the package if a goroutine outlives the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ufm1 = state.Target{System: state.UFM, Name: "ufm-1"}

const (
	user     = "millwright"
	password = "correct horse"
	port1    = "b83fd20300aa0101"
	port2    = "b83fd20300aa0102"
	foreign  = "0011223344556677"
)

// world is a simulated UFM and all that a test does to it.
type world struct {
	t      *testing.T
	site   *simulate.Site
	server *httptest.Server
	raw    *http.Client // a person with the API, beside the client under test
}

func newWorld(t *testing.T, options ...func(*simulate.UFMOptions)) *world {
	t.Helper()
	w := &world{t: t, site: simulate.NewSite(1000), raw: &http.Client{Transport: &http.Transport{}}}
	o := simulate.UFMOptions{Name: "ufm-1", Username: user, Password: password}
	for _, option := range options {
		option(&o)
	}
	w.server = httptest.NewServer(simulate.NewUFM(w.site, o))
	t.Cleanup(w.server.Close)
	t.Cleanup(w.raw.CloseIdleConnections)
	return w
}

// client is a new client, as a restarted process would have it.
func (w *world) client(options ...func(*ufm.Options)) *ufm.Manager {
	w.t.Helper()
	transport := &http.Transport{}
	o := ufm.Options{
		URL: w.server.URL, Transport: transport,
		Credentials: func(context.Context) (string, string, error) { return user, password, nil },
		Sleep:       func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
	for _, option := range options {
		option(&o)
	}
	m, err := ufm.New(ufm1, o)
	require.NoError(w.t, err)
	w.t.Cleanup(func() {
		_ = m.Close(context.Background())
		transport.CloseIdleConnections()
	})
	return m
}

func through(rt func(http.RoundTripper) http.RoundTripper) func(*ufm.Options) {
	return func(o *ufm.Options) { o.Transport = rt(o.Transport) }
}

// do is a request by somebody else, which must succeed.
func (w *world) do(method, path string, body any) {
	w.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(w.t, err)
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+"/ufmRest"+path, bytes.NewReader(text))
	require.NoError(w.t, err)
	request.SetBasicAuth(user, password)
	response, err := w.raw.Do(request)
	require.NoError(w.t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, response.StatusCode, "%s %s: %s", method, path, answer)
}

// byHand adds a port to a partition, as somebody else does.
func (w *world) byHand(pkey, guid string, index0 bool, membership string) {
	w.do(http.MethodPost, "/resources/pkeys", map[string]any{"pkey": pkey, "guids": []string{guid}, "index0": index0, "membership": membership, "ip_over_ib": true})
}

// writes are the state-changing requests that arrived.
func (w *world) writes() []string {
	var list []string
	for _, e := range w.site.Log() {
		if e.Verb != http.MethodGet {
			list = append(list, e.Verb+" "+e.Path)
		}
	}
	return list
}

func partitionID(pkey string) state.ID {
	return state.ID{Target: ufm1, Kind: "pkey", Name: pkey}
}

func memberID(pkey, guid string) state.ID {
	id := partitionID(pkey)
	id.Part = "guid/" + guid
	return id
}

func object(id state.ID, value map[string]any) state.Object {
	return state.Object{ID: id, Entity: "tenant/acme", Mode: state.Own, Tree: state.FromPlain(value, state.Origin{})}
}

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
	acme = object(partitionID("0x1ab"), map[string]any{"ip_over_ib": true,
		"qos_conf": map[string]any{"mtu_limit": 4, "service_level": 3, "rate_limit": 100}})
	globex = object(partitionID("0x1ac"), map[string]any{"ip_over_ib": false})
)

func member(pkey, guid string) state.Object {
	return object(memberID(pkey, guid), map[string]any{"index0": true, "membership": "full"})
}

func creation(o state.Object) plan.Change {
	return plan.Change{ID: o.ID, Entity: o.Entity, Action: plan.Create, Want: &o}
}

func update(o state.Object, live state.LiveObject) plan.Change {
	return plan.Change{ID: o.ID, Action: plan.Update, Want: &o, Live: &live, Owned: &state.Owned{ID: o.ID, Remote: live.Remote}}
}

func deletion(live state.LiveObject) plan.Change {
	return plan.Change{ID: live.ID, Action: plan.Delete, Live: &live, Owned: &state.Owned{ID: live.ID, Remote: live.Remote}}
}

// apply carries out changes and returns their results by ID.
func apply(t *testing.T, m *ufm.Manager, changes ...plan.Change) map[state.ID]target.Result {
	t.Helper()
	results := map[state.ID]target.Result{}
	for r := range m.Apply(t.Context(), changes) {
		results[r.ID] = r
	}
	require.Len(t, results, len(changes))
	return results
}

func mustMake(t *testing.T, m *ufm.Manager, objects ...state.Object) {
	t.Helper()
	for _, o := range objects {
		require.NoError(t, apply(t, m, creation(o))[o.ID].Err)
	}
}

// presence is whether and how a client observes an object.
func presence(t *testing.T, m *ufm.Manager, id state.ID) (state.Presence, state.LiveObject) {
	t.Helper()
	p, o, err := m.Observe(t.Context(), target.Query{Want: []state.Object{{ID: id}}}).Presence(id)
	require.NoError(t, err)
	return p, o
}

func present(t *testing.T, m *ufm.Manager, id state.ID) state.LiveObject {
	t.Helper()
	p, o := presence(t, m, id)
	require.Equal(t, state.Present, p, "%s should be there", id)
	return o
}

func absent(t *testing.T, m *ufm.Manager, id state.ID) {
	t.Helper()
	p, _ := presence(t, m, id)
	require.Equal(t, state.Absent, p, "%s should not be there", id)
}

// answered is a response with a JSON body.
func answered(r *http.Request, body any) *http.Response {
	text, _ := json.Marshal(body)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(text))), Request: r}
}
