package simulate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const netrisBase = "http://netris.dc1.example.com"

// netrisWorld is a site with a controller and a plain HTTP client of it. Time is the bubble's.
type netrisWorld struct {
	t      *testing.T
	site   *Site
	netris *Netris
	client *http.Client
}

// netrisObject is one object of the controller, as decoded.
type netrisObject = map[string]any

// netrisAnswerBody is the envelope, as a client reads it.
type netrisAnswerBody struct {
	status    int
	Data      any            `json:"data"`
	Errors    map[string]any `json:"errors"`
	Message   string         `json:"message"`
	IsSuccess bool           `json:"isSuccess"`
	Meta      netrisObject   `json:"meta"`
}

// netrisDirect is a wire without sockets, which synctest can see through.
type netrisDirect struct{ handler http.Handler }

func (d netrisDirect) RoundTrip(r *http.Request) (response *http.Response, err error) {
	defer func() {
		broken := recover()
		if aborted, ok := broken.(error); ok && errors.Is(aborted, http.ErrAbortHandler) {
			response, err = nil, io.ErrUnexpectedEOF
		} else if broken != nil {
			panic(broken)
		}
	}()
	arrived := r.Clone(r.Context())
	if arrived.Body == nil {
		arrived.Body = http.NoBody
	}
	recorder := httptest.NewRecorder()
	d.handler.ServeHTTP(recorder, arrived)
	response = recorder.Result()
	response.Request = r
	return response, nil
}

// netrisRun runs a test in a bubble with a site of four machines and a logged-in client.
func netrisRun(t *testing.T, opts NetrisOptions, test func(*netrisWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		site := NewSite(1)
		for i := range 4 {
			name := fmt.Sprintf("gpu-%03d", i+1)
			site.AddMachine(name)
			opts.Servers = append(opts.Servers, name)
		}
		opts.Username, opts.Password, opts.SiteName = "agent", "secret", "dc1"
		opts.Ports = []string{"swp5@leaf1", "swp6@leaf1"}
		w := &netrisWorld{t: t, site: site, netris: NewNetris(site, opts)}
		w.client = &http.Client{Transport: netrisDirect{w.netris}}
		w.login()
		test(w)
	})
}

func (w *netrisWorld) login() {
	jar, err := cookiejar.New(nil)
	require.NoError(w.t, err)
	w.client.Jar = jar
	require.Equal(w.t, 200, w.call("POST", "/api/auth", netrisObject{"user": "agent", "password": "secret", "auth_scheme_id": 1}).status)
}

// try sends one request, whose answer may be lost.
func (w *netrisWorld) try(method, path string, body any) (netrisAnswerBody, error) {
	sent, err := json.Marshal(body)
	require.NoError(w.t, err)
	request, err := http.NewRequest(method, netrisBase+path, bytes.NewReader(sent))
	require.NoError(w.t, err)
	response, err := w.client.Do(request)
	if err != nil {
		return netrisAnswerBody{}, err
	}
	defer response.Body.Close()
	answer := netrisAnswerBody{status: response.StatusCode}
	require.NoError(w.t, json.NewDecoder(response.Body).Decode(&answer))
	require.Equal(w.t, answer.status/100 == 2, answer.IsSuccess, answer.Message)
	require.EqualValues(w.t, answer.status, answer.Meta["statusCode"])
	return answer, nil
}

func (w *netrisWorld) call(method, path string, body any) netrisAnswerBody {
	answer, err := w.try(method, path, body)
	require.NoError(w.t, err)
	return answer
}

// must sends a request that has to succeed and returns its data.
func (w *netrisWorld) must(method, path string, body any) any {
	answer := w.call(method, path, body)
	require.Equal(w.t, 2, answer.status/100, "%s %s: %s %v", method, path, answer.Message, answer.Errors)
	return answer.Data
}

// refused reports whether a request is answered 400 with the reason; anything else must be a success.
func (w *netrisWorld) refused(method, path string, body any) bool {
	answer := w.call(method, path, body)
	if answer.status == 200 {
		return false
	}
	require.Equal(w.t, 400, answer.status, answer.Message)
	require.NotEmpty(w.t, answer.Message)
	require.NotEmpty(w.t, answer.Errors)
	return true
}

// create makes an object and returns its id, from either form of the answer.
func (w *netrisWorld) create(path string, body any) int {
	data := w.must("POST", path, body)
	if list, ok := data.([]any); ok {
		require.Len(w.t, list, 1)
		data = list[0]
	}
	return int(data.(netrisObject)["id"].(float64))
}

func (w *netrisWorld) get(path string, id int) netrisObject {
	return w.must("GET", fmt.Sprintf("%s/%d", path, id), nil).(netrisObject)
}

func (w *netrisWorld) list(path string) []netrisObject {
	var list []netrisObject
	for _, entry := range w.must("GET", path, nil).([]any) {
		list = append(list, entry.(netrisObject))
	}
	return list
}

// named are the objects of the name in a list.
func (w *netrisWorld) named(path, name string) []netrisObject {
	var found []netrisObject
	for _, o := range w.list(path) {
		if o["name"] == name {
			found = append(found, o)
		}
	}
	return found
}

func netrisPath(path string, id int) string { return fmt.Sprintf("%s/%d", path, id) }

func netrisID(id int) netrisObject { return netrisObject{"id": id} }

func netrisMembers(ids ...int) []netrisObject {
	list := []netrisObject{}
	for _, server := range ids {
		list = append(list, netrisObject{"id": server, "shared": false})
	}
	return list
}

// The objects that most tests need.

func (w *netrisWorld) vpc(name string) int {
	return w.create("/api/v2/vpc", netrisObject{"name": name, "adminTenant": netrisID(1), "tags": []string{"fleet=one"}})
}

func (w *netrisWorld) template() int {
	return w.create("/api/v2/server-cluster-template", netrisObject{"name": "gpu", "vnets": []netrisObject{
		{"postfix": "N-S", "type": "l2vpn", "vlan": "untagged", "vlanID": "auto", "serverNics": []string{"eth9"}},
		{"postfix": "E-W", "type": "netris-ufm", "ufm": "ufm-1", "pkey": "auto"},
	}})
}

func netrisClusterOf(name string, vpc, template int, servers []netrisObject) netrisObject {
	return netrisObject{"name": name, "admin": netrisID(1), "site": netrisID(22), "vpc": netrisID(vpc), "srvClusterTemplate": netrisID(template),
		"tags": []string{"fleet=one"}, "servers": servers}
}

// cluster makes a server cluster in a VPC of its own and waits until it is active.
func (w *netrisWorld) cluster(name string, template int, servers ...int) int {
	c := w.create("/api/v2/server-cluster", netrisClusterOf(name, w.vpc(name), template, netrisMembers(servers...)))
	w.settle()
	return c
}

// settle waits until clusters are active, not until the ledger follows.
func (w *netrisWorld) settle() { w.sleep(21 * time.Second) }

func (w *netrisWorld) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *netrisWorld) membership(machine string) string {
	m, ok := w.site.Machine(machine)
	require.True(w.t, ok)
	return m.Membership
}
