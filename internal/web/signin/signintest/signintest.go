// Package signintest starts a real OpenID Connect provider for tests: npm's oidc-provider, at the versions and
// digests of package-lock.json (licences: MIT and ISC), and drives its pages as a browser does. Begin with [Start].
package signintest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

//go:embed package.json package-lock.json provider.mjs
var files embed.FS

// Client is what the provider calls the dashboard.
const Client = "millwright"

// Secret is what proves it.
const Secret = "a secret of tests"

// Start runs a provider until the test ends, and returns its URL. It sends people back to redirect. InToken has
// it write groups into the ID token; else they are told to those who ask. Where it cannot be had the test is
// skipped, and says so.
func Start(t testing.TB, redirect string, inToken bool) string {
	t.Helper()
	dir := installed(t)
	options, err := json.Marshal(map[string]any{"redirect": redirect, "client": Client, "secret": Secret, "inToken": inToken})
	require.NoError(t, err)
	node := exec.CommandContext(t.Context(), "node", "provider.mjs", string(options))
	var said bytes.Buffer
	node.Dir, node.Stderr, node.WaitDelay = dir, &said, 10*time.Second
	input, err := node.StdinPipe()
	require.NoError(t, err)
	output, err := node.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, node.Start())
	t.Cleanup(func() {
		_ = input.Close()
		_ = node.Wait()
	})
	lines := bufio.NewScanner(output)
	if !lines.Scan() {
		_ = node.Wait()
		t.Fatalf("the provider did not start: %s", said.String())
	}
	go func() { _, _ = io.Copy(io.Discard, output) }()
	return lines.Text()
}

// installed is a directory with the provider, from the cache or from npm.
func installed(t testing.TB) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s here, so signing in was not tried with a real provider; get it with: apt-get install npm", program)
		}
	}
	version, err := exec.CommandContext(t.Context(), "node", "-p", "process.versions.node").Output()
	require.NoError(t, err)
	if major, _, _ := strings.Cut(string(version), "."); len(major) < 2 || major < "20" {
		t.Skipf("node %s is here, so signing in was not tried with a real provider, which needs node 20 or newer (nodejs.org)", version)
	}
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	digest := sha256.New()
	contents := map[string][]byte{}
	for _, name := range []string{"package.json", "package-lock.json", "provider.mjs"} {
		contents[name], err = files.ReadFile(name)
		require.NoError(t, err)
		_, _ = digest.Write(contents[name])
	}
	dir := filepath.Join(cache, "millwright", "tools", "oidc-provider-"+hex.EncodeToString(digest.Sum(nil))[:12])
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(dir), 0o755))
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "oidc-provider-")
	require.NoError(t, err)
	defer os.RemoveAll(fresh)
	for name, content := range contents {
		require.NoError(t, os.WriteFile(filepath.Join(fresh, name), content, 0o644))
	}
	fetch := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
	fetch.Dir = fresh
	if out, err := fetch.CombinedOutput(); err != nil {
		t.Skipf("signing in was not tried with a real provider: npm could not fetch oidc-provider: %v %s", err, out)
	}
	if err := os.Rename(fresh, dir); err != nil { // another test was quicker
		require.DirExists(t, dir)
	}
	return dir
}

// Browser is an HTTP client that keeps cookies and trusts the dashboard's certificate.
func Browser(t testing.TB, dashboard *http.Client) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &http.Client{Transport: dashboard.Transport, Jar: jar, Timeout: time.Minute}
}

// SignIn goes to a page of the dashboard, signs in at the provider under a name, which lists groups with "+"
// between them, and returns what the dashboard shows in the end.
func SignIn(ctx context.Context, browser *http.Client, page, name string) (status int, at *url.URL, text string, err error) {
	w, err := send(ctx, browser, http.MethodGet, page, nil)
	for range 6 {
		if err != nil {
			return 0, nil, "", err
		}
		body, problem := io.ReadAll(w.Body)
		_ = w.Body.Close()
		if problem != nil {
			return 0, nil, "", problem
		}
		action, fields := form(string(body))
		if action == "" || w.Request.URL.Host == mustHost(page) {
			return w.StatusCode, w.Request.URL, string(body), nil
		}
		if fields.Has("login") {
			fields.Set("login", name)
			fields.Set("password", "any")
		}
		to, problem := w.Request.URL.Parse(action)
		if problem != nil {
			return 0, nil, "", problem
		}
		w, err = send(ctx, browser, http.MethodPost, to.String(), fields)
	}
	return 0, nil, "", errors.Join(err, errors.New("the provider asks and asks"))
}

func mustHost(page string) string {
	u, err := url.Parse(page)
	if err != nil {
		return ""
	}
	return u.Host
}

func send(ctx context.Context, browser *http.Client, method, to string, fields url.Values) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(fields.Encode()))
	if err != nil {
		return nil, err
	}
	if fields != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w, err := browser.Do(r)
	if err != nil {
		return nil, fmt.Errorf("go to %s: %w", to, err)
	}
	return w, nil
}

// form is where the first form of a page leads, and its fields.
func form(page string) (action string, fields url.Values) {
	fields = url.Values{}
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return "", fields
	}
	for n := range doc.Descendants() {
		at := map[string]string{}
		for _, a := range n.Attr {
			at[a.Key] = a.Val
		}
		switch n.Data {
		case "form":
			if action == "" {
				action = at["action"]
			}
		case "input":
			if at["name"] != "" {
				fields.Set(at["name"], at["value"])
			}
		}
	}
	return action, fields
}
