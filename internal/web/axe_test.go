package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// axe-core checks pages for those who see little, nothing or no colours. It is fetched for this test only,
// and its licence (MPL-2.0) comes with it.
const (
	axeVersion = "4.14.1"
	axeDigest  = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c" // of axe.min.js
)

// axe is the script, from the cache or from npm; without either the test is skipped.
func axe(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	dir := filepath.Join(cache, "millwright", "tools", "axe-core-"+axeVersion)
	file := filepath.Join(dir, "package", "axe.min.js")
	if _, err := os.Stat(file); err != nil {
		require.NoError(t, os.MkdirAll(dir, 0o755))
		fetch := exec.CommandContext(t.Context(), "npm", "pack", "--silent", "axe-core@"+axeVersion)
		fetch.Dir = dir
		if out, err := fetch.CombinedOutput(); err != nil {
			t.Skipf("no axe-core here, so the pages were not checked with it; npm fetches it where it is installed (apt-get install npm): %v %s", err, out)
		}
		unpack := exec.CommandContext(t.Context(), "tar", "xzf", "axe-core-"+axeVersion+".tgz")
		unpack.Dir = dir
		require.NoError(t, unpack.Run())
	}
	script, err := os.ReadFile(file)
	require.NoError(t, err)
	sum := sha256.Sum256(script)
	require.Equal(t, axeDigest, hex.EncodeToString(sum[:]), "%s is not what this test was written with", file)
	return string(script)
}

// violation is a rule of axe's that a page breaks.
type violation struct {
	ID, Help, Impact string
	Nodes            []struct {
		HTML           string
		FailureSummary string
	}
}

// TestAccessibleInABrowser runs axe-core over every page, light and dark, and over some as a phone shows them.
func TestAccessibleInABrowser(t *testing.T) {
	b := openBrowser(t)
	script := axe(t)
	f, r := world(t, 48)
	r.Source.Error, r.Alarms = "tenants/acme.cue:14: error: no such field", []string{"gpu-0001 is in two segments"}
	r.Time = noon.Add(-3 * staleInWorld)
	store := &Store{}
	store.SetFloor(f)
	store.SetReport(r)
	past := worldPast(f)
	store.SetPast(past)
	store.SetRuns(worldRuns(f, past))
	server := serve(t, served(t, store, func(o *Options) { o.Access = gate{} }))
	for _, reader := range readers {
		b.as(reader)
		pages := append(slices.Clone(everyPage), aRun, "/sign-out")
		if reader.width < 600 {
			pages = []string{"/", "/racks", "/machines", "/plan", "/runs", aRun} // the same elements, otherwise arranged
		}
		for _, url := range pages {
			b.do(chromedp.Navigate(server.URL+url), chromedp.WaitReady("main"))
			b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
				_, err := cdp.Call(ctx, target, runtime.Evaluate, runtime.EvaluateParams{Expression: script})
				return err
			}))
			for _, v := range ask[[]violation](b, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations)`) {
				node := v.Nodes[0]
				t.Errorf("%s for %s breaks %s (%s, %d times): %s\n%s\n%s", url, reader.name, v.ID, v.Impact, len(v.Nodes), v.Help, node.HTML, node.FailureSummary)
			}
		}
	}
}
