package web

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// screenshots names the variable that says where pictures of every page are kept.
const screenshots = "MILLWRIGHT_SCREENSHOTS"

// browser is a Chromium of the test's own, and all that it complained about.
type browser struct {
	t          *testing.T
	ctx        context.Context
	mu         sync.Mutex
	complaints []string
}

// openBrowser starts a Chromium without a window; without one the test is skipped.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	if *update {
		t.Skip("golden files are not written by a browser")
	}
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		t.Skip("no Chromium here, so the dashboard was not tried in a browser; get one with: apt-get install chromium")
	}
	// The sandbox needs what containers do not give; all that it shows is ours.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, closed := chromedp.NewContext(allocator)
	t.Cleanup(closed)
	b := &browser{t: t, ctx: ctx}
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *network.EventResponseReceived:
			if e.Response.Status >= 400 {
				b.complain(fmt.Sprintf("%d %s", e.Response.Status, e.Response.URL))
			}
		}
	}))
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			b.complain(m.String() + " " + m.URL)
		}
	}()
	return b
}

func (b *browser) complain(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, text)
}

// quiet fails the test if the browser complained since it was last asked.
func (b *browser) quiet(where string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.complaints, where)
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, steps...))
}

// ask evaluates an expression in the page.
func ask[T any](b *browser, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err, expression)
	return v
}

// serve serves a dashboard to the browser until the test ends.
func serve(t *testing.T, d *Dashboard) *httptest.Server {
	server := httptest.NewServer(d)
	t.Cleanup(func() {
		d.endStreams() // which the browser holds open
		server.Close()
	})
	return server
}

// reader is how somebody sees pages: how wide, and light or dark.
type reader struct {
	name          string
	width, height int64
	scheme        string
}

var readers = []reader{{"wide", 1400, 900, "light"}, {"dark", 1400, 900, "dark"}, {"phone", 390, 844, "light"}}

func (b *browser) as(r reader) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(r.width, r.height), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: r.scheme}},
		})
		return err
	}))
}

// scripts says whether pages may run any.
func (b *browser) scripts(run bool) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
		return err
	}))
}

// picture keeps a picture of the page where they are wanted.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv(screenshots)
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.MkdirAll(dir, 0o755))
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}

// named is a URL as a file is called.
func named(url string) string {
	name := strings.Trim(strings.NewReplacer("/", "-", "?", "-", "=", "-", "&", "-", ".", "-").Replace(url), "-")
	if name == "" {
		return "overview"
	}
	return name
}

// TestEveryPageInABrowser opens every page as each reader sees it: nothing may fail to load, no script may
// stumble, nothing may be forbidden by the pages' own policy, and no page may be wider than a phone.
func TestEveryPageInABrowser(t *testing.T) {
	b := openBrowser(t)
	server := serve(t, served(t, filled(t, 320), func(o *Options) { o.Access = gate{} }))
	for _, r := range readers {
		b.as(r)
		for _, url := range append(slices.Clone(everyPage), aRun, "/sign-out") {
			b.do(chromedp.Navigate(server.URL+url), chromedp.WaitReady("main"))
			width := ask[int64](b, `document.documentElement.scrollWidth`)
			require.LessOrEqual(t, width, r.width, "%s is too wide for %s", url, r.name)
			b.picture(r.name + "-" + named(url))
			b.quiet(url)
		}
	}
}
