package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/fleet/fleettest"
	"millwright.dev/millwright/internal/floor"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/web"
	"millwright.dev/millwright/sources"
)

// TestDashboardOfARealFleet compiles and renders a generated fleet and shows it: all of it to whoever may
// see all, and to a tenant's administrators nothing that is another tenant's, in whatever system it lies.
func TestDashboardOfARealFleet(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, fleettest.Generate(fleettest.Size{Machines: 240, Tenants: 3}).Write(dir))
	snapshot, err := sources.Directory(dir)
	require.NoError(t, err)
	want, found := testCompiler(t).compile(t.Context(), snapshot)
	require.NoError(t, found.Err())

	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	r := report.Report{Version: report.FormatVersion, Fleet: "generated", Time: now, Complete: true, Source: want.Source}
	for o := range want.Set.All() {
		r.Items = append(r.Items, report.Item{Address: o.ID.String(), Entity: o.Entity, Status: plan.Drifted, Since: now})
	}
	for name := range fleet.All(want.Fleet.Segments) {
		r.Networks = append(r.Networks, report.Networks{Entity: "segment/" + name, Tenant: want.Fleet.TenantOf(name), Networks: []report.Network{
			{Name: report.NetworkInfiniBand, Target: "netris/dc1", Partitions: []state.Partition{{Fabric: "ufm-dc1", Number: "the PKey of " + name}}},
		}})
	}
	store := &web.Store{}
	store.SetFloor(floor.Of(want.Source.Commit, want.Fleet, want.Set))
	store.SetReport(r)
	d := web.New(web.Options{
		Store: store, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: func() time.Time { return now }, StaleAfter: time.Minute, Rate: 1e6, Burst: 1e6,
		Access: web.Proxy{Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, User: userHeader, Groups: groupsHeader, Viewers: []string{"ops"}},
	})
	get := func(path, groups string) (int, string) {
		q := httptest.NewRequest(http.MethodGet, path, nil) // from 192.0.2.1
		q.Header.Set(userHeader, "reader")
		q.Header.Set(groupsHeader, groups)
		w := httptest.NewRecorder()
		d.ServeHTTP(w, q)
		return w.Code, w.Body.String()
	}
	paths := []string{"/", "/racks", "/machines", "/tenants", "/pools", "/segments", "/stacks", "/drift", "/plan", "/attention", "/search?q=0",
		"/api/v1/report", "/api/v1/items?limit=1000", "/api/v1/machines?limit=1000", "/api/v1/pools", "/api/v1/segments", "/api/v1/summary"}
	_, items := get("/api/v1/report", "tenant0000-admins")
	var own report.Report
	require.NoError(t, json.Unmarshal([]byte(items), &own))
	require.Greater(t, len(own.Items), 50)
	for _, i := range own.Items {
		paths = append(paths, "/o/"+i.Address, "/api/v1/objects/"+i.Address)
	}
	require.Contains(t, items, "the PKey of tenant0000-train")
	others := []string{"tenant0001", "tenant0002"}
	for _, m := range fleet.All(want.Fleet.Machines) {
		if p, ok := want.Fleet.PoolOf(m.Name); !ok || p.Tenant != "tenant0000" {
			others = append(others, m.Name)
		}
	}
	for _, path := range paths {
		code, _ := get(path, "ops")
		require.Equal(t, http.StatusOK, code, path)
		code, page := get(path, "tenant0000-admins")
		require.Equal(t, http.StatusOK, code, path)
		for _, name := range others {
			require.NotContains(t, page, name, path)
		}
	}
	for o := range want.Set.All() {
		if code, page := get("/o/"+o.ID.String(), "tenant0000-admins"); code != http.StatusOK {
			require.Equal(t, http.StatusNotFound, code)
			require.NotContains(t, page, o.ID.String())
		}
	}
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) all() iter.Seq[string] {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Lines(l.text.String())
}

// TestDashboardIsServed protects both ways in: this machine's, and a proxy's; and that the address which
// `millwright status` reads is there as long as somebody answers.
func TestDashboardIsServed(t *testing.T) {
	var log lines
	file := filepath.Join(t.TempDir(), "address")
	d := dashboard{listen: "127.0.0.1:0", public: "127.0.0.1:0", proxies: []string{"127.0.0.0/8"}, user: userHeader, groups: groupsHeader, viewers: []string{"ops"}, signingIn: signingIn{session: usualSession}}
	require.NoError(t, d.check())
	ctx, stop := context.WithCancel(t.Context())
	wait, err := d.serve(ctx, &web.Store{}, time.Minute, file, slog.New(slog.NewJSONHandler(&log, nil)))
	require.NoError(t, err)
	var public string
	for line := range log.all() {
		var said struct{ Address string }
		require.NoError(t, json.Unmarshal([]byte(line), &said))
		public = said.Address
	}
	local, err := os.ReadFile(file)
	require.NoError(t, err)
	ask := func(address, groups string) int {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+strings.TrimSpace(address)+"/", nil)
		require.NoError(t, err)
		if groups != "" {
			q.Header.Set(userHeader, "reader")
			q.Header.Set(groupsHeader, groups)
		}
		w, err := http.DefaultClient.Do(q)
		require.NoError(t, err)
		defer w.Body.Close()
		_, err = io.Copy(io.Discard, w.Body)
		require.NoError(t, err)
		return w.StatusCode
	}
	require.Equal(t, http.StatusOK, ask(string(local), ""))
	require.Equal(t, http.StatusForbidden, ask(public, ""))
	require.Equal(t, http.StatusForbidden, ask(public, "strangers"))
	require.Equal(t, http.StatusOK, ask(public, "ops"))
	http.DefaultClient.CloseIdleConnections()
	stop()
	wait()
	require.Eventually(t, func() bool { _, err := os.Stat(file); return os.IsNotExist(err) }, time.Minute, time.Millisecond)
}
