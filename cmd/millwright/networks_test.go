package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/fleet/fleettest"
	"millwright.dev/millwright/internal/floor"
	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/netris"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/web"
	"millwright.dev/millwright/reconcile"
	"millwright.dev/millwright/sources"
)

// theNetwork is a controller at which nothing is but the servers of a fleet, and a way to ask it that
// knows nothing of Millwright.
type theNetwork struct {
	t      *testing.T
	server *httptest.Server
	asking *http.Client
	down   atomic.Bool
}

const networkUser, networkPassword = "millwright", "correct horse"

func newNetwork(t *testing.T, f *fleet.Fleet) *theNetwork {
	t.Helper()
	site := simulate.NewSite(1000)
	options := simulate.NetrisOptions{
		Username: networkUser, Password: networkPassword, SiteName: "dc1", UFM: "ufm-dc1", PKeyFirst: 0x2a7, Ports: []string{"swp5@leaf1", "swp6@leaf1"},
	}
	for name := range f.Machines {
		options.Servers = append(options.Servers, name)
		site.AddMachine(name)
	}
	n := &theNetwork{t: t, server: httptest.NewServer(simulate.NewNetris(site, options))}
	t.Cleanup(n.server.Close)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	n.asking = &http.Client{Jar: jar, Transport: &http.Transport{}}
	t.Cleanup(n.asking.CloseIdleConnections)
	login, err := json.Marshal(map[string]any{"user": networkUser, "password": networkPassword, "auth_scheme_id": 1})
	require.NoError(t, err)
	answer, err := n.asking.Post(n.server.URL+"/api/auth", "application/json", bytes.NewReader(login))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return n
}

// open connects to the controller; of all else there is nothing.
func (n *theNetwork) open(_ context.Context, to state.Target, f *fleet.Fleet) (target.Reader, error) {
	if to.System != state.Netris {
		return nil, errors.New("there is none here")
	}
	return netris.New(to, netris.Options{
		URL: n.server.URL, Fleet: f.Platform.Fleet, Transport: n,
		Credentials: func(context.Context) (string, string, error) { return networkUser, networkPassword, nil },
		Sleep:       func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
}

// RoundTrip lets no request through while the controller is down.
func (n *theNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	if n.down.Load() {
		return nil, errors.New("connection refused")
	}
	return n.asking.Transport.RoundTrip(r)
}

// list is what the controller answers to anybody who asks for a list.
func (n *theNetwork) list(path string) []map[string]any {
	n.t.Helper()
	answer, err := n.asking.Get(n.server.URL + path)
	require.NoError(n.t, err)
	defer answer.Body.Close()
	var list struct{ Data []map[string]any }
	require.NoError(n.t, json.NewDecoder(answer.Body).Decode(&list))
	return list.Data
}

// number is a field of the one object of a list whose name, or whose cluster's, is this.
func (n *theNetwork) number(path, name, field string) string {
	n.t.Helper()
	for _, o := range n.list(path) {
		of, _ := o["srvCluster"].(map[string]any)
		if o["name"] == name || of["name"] == name {
			return fmt.Sprint(o[field])
		}
	}
	require.Fail(n.t, "there is no such object", "%s in %s", name, path)
	return ""
}

// TestTheDashboardShowsWhatNetrisChose follows a number from the controller that chose it, which is asked
// for it by somebody else too, by way of the reconciler and its report to the pages and the API; and then
// takes the controller away.
func TestTheDashboardShowsWhatNetrisChose(t *testing.T) {
	files := fleettest.Generate(fleettest.Size{Machines: 40, Tenants: 2})
	const written = "segments/tenant0000-train.cue"
	require.Contains(t, files[written], "infiniband: {}")
	files[written] = strings.Replace(files[written], "infiniband: {}", `infiniband: {}
	nvlink: {}
	vnet: storage: {ports: [{port: "swp5@leaf1"}]}
	vnet: backup: {vlan: 310, ports: [{port: "swp6@leaf1"}]}`, 1)
	dir := t.TempDir()
	require.NoError(t, files.Write(dir))
	snapshot, err := sources.Directory(dir)
	require.NoError(t, err)
	want, found := testCompiler(t).compile(t.Context(), snapshot)
	require.NoError(t, found.Err())

	n := newNetwork(t, want.Fleet)
	r := &reconcile.Reconciler{
		Open: n.open, Memory: inventory.Files(t.TempDir()), Version: "v1", Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	t.Cleanup(func() { r.Close(context.Background()) })
	store := &web.Store{}
	store.SetFloor(floor.Of(want.Source.Commit, want.Fleet, want.Set))
	pass := func() report.Report {
		out, err := r.Pass(t.Context(), want)
		require.NoError(t, err)
		store.SetReport(out.Report)
		return out.Report
	}
	known := func(r report.Report) bool { // all that can be without machines, which there are none of
		for _, of := range r.Networks {
			if of.Entity == "segment/tenant0000-train" {
				return len(of.Networks) == 6
			}
		}
		return false
	}
	var last report.Report
	for begun := time.Now(); !known(last); last = pass() {
		require.Less(t, time.Since(begun), time.Minute, "%v", last.Networks)
	}

	d := web.New(web.Options{Store: store, Access: web.Loopback{}, Log: slog.New(slog.DiscardHandler), Now: time.Now, StaleAfter: time.Hour, Rate: 1e6, Burst: 1e6})
	get := func(path string) string {
		q := httptest.NewRequest(http.MethodGet, path, nil)
		q.RemoteAddr, q.Host = "127.0.0.1:40000", "127.0.0.1:8080"
		w := httptest.NewRecorder()
		d.ServeHTTP(w, q)
		require.Equal(t, http.StatusOK, w.Code, path)
		return w.Body.String()
	}
	vnets := "/api/v2/vnet?filterByVpc=" + n.number("/api/v2/vpc", "tenant0000-train", "id")
	vlan := n.number(vnets, "tenant0000-train-ns", "vlan")
	pkey := n.number("/api/v2/pkeyledger", "tenant0000-train", "pkeyID")
	require.Contains(t, []string{"0x2a7", "0x2a8"}, pkey, "the range begins with those, and two clusters have InfiniBand")
	for _, path := range []string{"/segments/tenant0000-train", "/tenants/tenant0000"} {
		page := get(path)
		for _, shown := range []string{
			"VLAN " + vlan, "VXLAN " + n.number(vnets, "tenant0000-train-ns", "vxlanID"), "PKey " + pkey,
			"VLAN " + n.number(vnets, "tenant0000-train-storage", "vlan"), "VXLAN " + n.number(vnets, "tenant0000-train-storage", "vxlanID"),
			"VXLAN " + n.number(vnets, "tenant0000-train-backup", "vxlanID"), "VXLAN " + n.number("/api/v2/vpc", "tenant0000-train", "vni"),
			"partition " + n.number("/api/v2/nvlinkledger", "tenant0000-train", "partitionID"),
		} {
			require.Contains(t, page, shown+` <span class="quiet">(chosen by Netris)</span>`, path)
		}
		require.Contains(t, page, ">VLAN 310<", "and what Git says is nobody's choice")
	}
	require.Contains(t, get("/segments"), "<td>"+vlan+`<span class="note">chosen by Netris</span>`)
	var api struct {
		Items []struct {
			Name, VLAN string
			Networks   []report.Network
		}
	}
	require.NoError(t, json.Unmarshal([]byte(get("/api/v1/segments?q=tenant0000-train")), &api))
	require.Equal(t, "auto", api.Items[0].VLAN)
	require.Equal(t, "northSouth", api.Items[0].Networks[1].Name)
	require.Equal(t, vlan, fmt.Sprint(api.Items[0].Networks[1].VLAN))

	n.down.Store(true)
	gone := pass()
	require.False(t, gone.Complete)
	require.True(t, known(gone))
	require.Contains(t, get("/segments/tenant0000-train"), "VLAN "+vlan+` <span class="quiet">(chosen by Netris, read `, "it is needed most when the controller is down")
}
