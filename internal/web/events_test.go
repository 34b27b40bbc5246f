package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// subscriber reads a stream as browsers do: nothing but 200 with the right type is a stream, and a refusal has to
// say when to come again and why, in plain text.
type subscriber struct {
	t    *testing.T
	base string
}

func (s subscriber) open(user string) (leave func(), refused string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/events", nil)
	require.NoError(s.t, err)
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("X-User", user)
	r.Header.Set("X-Groups", "ops")
	w, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	leave = func() {
		cancel()
		_ = w.Body.Close()
	}
	s.t.Cleanup(leave)
	if w.StatusCode == http.StatusOK {
		require.Equal(s.t, "text/event-stream", w.Header.Get("Content-Type"))
		line, err := bufio.NewReader(w.Body).ReadString('\n')
		require.NoError(s.t, err)
		require.Equal(s.t, "retry: 3000\n", line)
		return leave, ""
	}
	seconds, err := strconv.Atoi(w.Header.Get("Retry-After"))
	require.NoError(s.t, err)
	require.Positive(s.t, seconds)
	require.Equal(s.t, "text/plain; charset=utf-8", w.Header.Get("Content-Type"))
	require.Equal(s.t, "no-store", w.Header.Get("Cache-Control"))
	why, err := io.ReadAll(io.LimitReader(w.Body, 1<<10))
	require.NoError(s.t, err)
	return leave, fmt.Sprintf("%d %s", w.StatusCode, strings.TrimSpace(string(why)))
}

// TestOneReaderTakesNobodysStream protects readers from one who has very many pages open: that one is refused, the
// others are not, and a page that is closed gives its place back.
func TestOneReaderTakesNobodysStream(t *testing.T) {
	d := served(t, filled(t, 16), func(o *Options) {
		o.Access = Proxy{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, User: "X-User", Groups: "X-Groups", Viewers: []string{"ops"}}
	})
	s := subscriber{t, serve(t, d).URL}
	var leave func()
	var refused string
	for range manyOfOne {
		leave, refused = s.open("ada@example.com")
		require.Empty(t, refused)
	}
	_, refused = s.open("ada@example.com")
	require.Equal(t, "429 you have 16 pages open that are told of changes, and may have no more; close some", refused)
	_, refused = s.open("bob@example.com")
	require.Empty(t, refused, "another reader behind the same proxy")
	leave()
	require.Eventually(t, func() bool {
		_, refused = s.open("ada@example.com")
		return refused == ""
	}, 30*time.Second, 20*time.Millisecond, "the place of a page that was closed")
}

// TestStreamsAreBounded protects the agent from all readers together, and from remembering those who have gone.
func TestStreamsAreBounded(t *testing.T) {
	var s streams
	reader := func(n int) string { return fmt.Sprintf("user %d", n%(manyStreams/manyOfOne)) }
	for n := range manyStreams {
		status, why := s.enter(reader(n))
		require.Equal(t, http.StatusOK, status, why)
	}
	status, _ := s.enter("user one more")
	require.Equal(t, http.StatusServiceUnavailable, status)
	for n := range manyStreams {
		s.leave(reader(n))
	}
	require.Zero(t, s.open)
	require.Empty(t, s.of)
}

// TestRefusedInABrowser protects a page that was refused: it says so, and is live again once there is a place.
func TestRefusedInABrowser(t *testing.T) {
	b := openBrowser(t)
	d := served(t, filled(t, 16))
	server := serve(t, d)
	b.do(chromedp.Navigate(server.URL + "/"))
	places := func() int {
		d.streams.mu.Lock()
		defer d.streams.mu.Unlock()
		return d.streams.of["127.0.0.1"]
	}
	require.Eventually(t, func() bool { return places() == 1 }, 30*time.Second, 20*time.Millisecond)
	ask[bool](b, `(() => { const wait = setTimeout; window.setTimeout = (f, ms) => wait(f, ms / 100); return true })()`)
	taken := 0
	require.Eventually(t, func() bool {
		server.CloseClientConnections() // the page's stream, which comes back after a while
		if status, _ := d.streams.enter("127.0.0.1"); status == http.StatusOK {
			taken++
		}
		return taken == manyOfOne
	}, 30*time.Second, 20*time.Millisecond)
	b.soon(`document.getElementById("link").textContent.includes("close other pages") && !document.getElementById("link").hidden`, "it is refused")
	d.streams.leave("127.0.0.1")
	b.soon(`document.getElementById("link").hidden`, "it is live again")
	require.Equal(t, manyOfOne, places())
}
