//go:build unix

package web

import (
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// everyPage is one URL of each page of a world, those that show most.
var everyPage = []string{
	"/", "/attention", "/racks", "/racks?page=2", "/machines", "/machines?sort=-status&page=3", "/machines/gpu-0008", "/tenants", "/tenants/acme",
	"/pools", "/pools/acme/train/h100", "/segments", "/segments/acme-train", "/stacks", "/stacks/training", "/drift", "/plan", "/plan?status=held",
	"/o/redfish/gpu-0008/ntp", "/o/kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/gpu-0001", "/search?q=gpu-00", "/search",
	"/history", "/history?address=machine%2Fgpu-0008", "/history?tenant=acme&since=2026-09-26",
	"/runs", "/runs?result=done&tenant=acme&since=2026-09-26",
}

// aRun is the page of a run with some of everything.
const aRun = "/runs/" + runOfAll

// worked is how long this process has been at work, whatever else the machine does.
func worked(t *testing.T) time.Duration {
	t.Helper()
	var used unix.Rusage
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// raced reports whether the race detector slows this build down several times over.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// TestPagesOfALargeFleet holds every page to what it may weigh, and to what it may cost before its first
// byte.
func TestPagesOfALargeFleet(t *testing.T) {
	now := noon
	d := served(t, filled(t, 5000), func(o *Options) { o.Now = func() time.Time { return now } })
	get(t, d, "/") // the first reader of a report joins it with the floor
	for _, url := range append(slices.Clone(everyPage), aRun, "/runs/1") {
		var w *httptest.ResponseRecorder
		took := time.Hour
		for range 3 { // the best of three: what is left over from others is collected meanwhile
			now = now.Add(passable) // and none from the cache
			begun := worked(t)
			w = get(t, d, url)
			took = min(took, worked(t)-begun)
		}
		require.Equal(t, http.StatusOK, w.Code, url)
		require.Less(t, w.Body.Len(), 300_000, url)
		if !raced() {
			require.Less(t, took, 50*time.Millisecond, url)
		}
		t.Logf("%-70s %6d bytes %v", url, w.Body.Len(), took)
	}
}
