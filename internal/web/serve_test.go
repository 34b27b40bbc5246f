package web

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHeaders protects what browsers are told with every answer, refusals among them.
func TestHeaders(t *testing.T) {
	d := served(t, filled(t, 16))
	for _, path := range []string{"/", "/api/v1/summary", "/assets/none", "/nothing", "/metrics", asset("live.js")} {
		h := get(t, d, path).Header()
		require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'; style-src 'self'", path)
		require.NotContains(t, h.Get("Content-Security-Policy"), "unsafe", path)
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
		require.Equal(t, "DENY", h.Get("X-Frame-Options"), path)
	}
	require.Equal(t, "no-store", get(t, d, "/").Header().Get("Cache-Control"))
	require.Contains(t, get(t, d, asset("style.css")).Header().Get("Cache-Control"), "immutable")
}

// TestRateLimit protects the agent from a reader that asks too often, and other readers from that one.
func TestRateLimit(t *testing.T) {
	now := noon
	d := served(t, filled(t, 16), func(o *Options) { o.Rate, o.Burst, o.Now = 2, 5, func() time.Time { return now } })
	from := func(address string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = address } }
	for range 5 {
		require.Equal(t, http.StatusOK, get(t, d, "/", from("127.0.0.1:1")).Code)
	}
	w := get(t, d, "/", from("127.0.0.1:2"))
	require.Equal(t, http.StatusTooManyRequests, w.Code, "another port is the same reader")
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	require.Equal(t, http.StatusOK, get(t, d, "/", from("127.0.0.2:1")).Code)
	now = now.Add(time.Second)
	require.Equal(t, http.StatusOK, get(t, d, "/", from("127.0.0.1:1")).Code)

	b := &buckets{rate: 1, burst: 1, levels: map[string]bucket{}}
	for n := range 3 * manyClients {
		b.take(strings.Repeat("x", n%97)+string(rune(n)), noon)
	}
	require.LessOrEqual(t, len(b.levels), manyClients, "clients that are remembered")
}

// TestLog protects that it can be said later who read what, and that machines which ask all the time do
// not drown it.
func TestLog(t *testing.T) {
	var b bytes.Buffer
	d := proxied(t, filled(t, 16))
	d.Log = slog.New(slog.NewJSONHandler(&b, nil))
	get(t, d, "/tenants/acme", by("ops"))
	get(t, d, "/tenants/acme", by("strangers"))
	get(t, d, "/healthz", by("ops"))
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	require.Len(t, lines, 2)
	require.Contains(t, lines[0], `"method":"GET","path":"/tenants/acme","status":200`)
	require.Contains(t, lines[0], `"peer":"10.1.2.3","reader":"reader@example.com"`)
	require.Contains(t, lines[1], `"status":403`)
}

// stream is what a browser is told.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
	ended context.CancelFunc
}

func listen(t *testing.T, base, last string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/events", nil)
	require.NoError(t, err)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	w, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.Body.Close() })
	require.Equal(t, "text/event-stream", w.Header.Get("Content-Type"))
	return &stream{t, bufio.NewScanner(w.Body), cancel}
}

// until reads until a line, and reports whether it came.
func (s *stream) until(line string) bool {
	for s.lines.Scan() {
		if s.lines.Text() == line {
			return true
		}
	}
	return false
}

// TestEvents protects the stream: the id of an event is the sequence, whoever comes back is told of what
// they missed and of nothing else, and streams end when the agent does.
func TestEvents(t *testing.T) {
	f, r := world(t, 16)
	store := &Store{}
	store.SetFloor(f)
	d := served(t, store)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Serve(ctx, listener) }()
	base := "http://" + listener.Addr().String()

	s := listen(t, base, "")
	require.True(t, s.until("retry: 3000"))
	require.True(t, s.until("id: 1"))
	store.SetReport(r)
	require.True(t, s.until("id: 2"))
	back := listen(t, base, "1")
	require.True(t, back.until("id: 2"))
	up := listen(t, base, "2")
	require.True(t, up.until("retry: 3000"))
	store.SetReport(r)
	require.True(t, up.lines.Scan(), "an empty line")
	require.True(t, up.lines.Scan())
	require.Equal(t, "id: 3", up.lines.Text(), "what it had seen it is not told again")

	stop()
	require.False(t, s.until("never"), "the stream ends")
	require.NoError(t, <-ended)
	d.streams.mu.Lock()
	defer d.streams.mu.Unlock()
	require.Zero(t, d.streams.open)
}
