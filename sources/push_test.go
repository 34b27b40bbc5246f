package sources

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const pushed = "refs/heads/acme"

// eachUpstream runs a test with a bare repository over HTTP, over SSH and as a path, and one to push from.
func eachUpstream(t *testing.T, test func(t *testing.T, there, here *repo, opts Options)) {
	bare := func(t *testing.T) (there, here *repo) {
		there = newRepo(t)
		there.git("config", "core.bare", "true")
		there.git("config", "http.receivepack", "true")
		there.dir = filepath.Join(there.dir, ".git")
		return there, newRepo(t)
	}
	t.Run("http", func(t *testing.T) {
		there, here := bare(t)
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		s := serve(t, &repo{t, filepath.Dir(there.dir)})
		test(t, there, here, Options{URL: s.url, Credentials: password, Transport: transport})
	})
	t.Run("ssh", func(t *testing.T) {
		there, here := bare(t)
		s := serveSSH(t, there)
		test(t, there, here, Options{URL: s.url, SSH: s.how})
	})
	t.Run("path", func(t *testing.T) {
		there, here := bare(t)
		test(t, there, here, Options{URL: there.dir})
	})
}

func upstream(t *testing.T, opts Options) *Upstream {
	t.Helper()
	u, err := OpenUpstream(opts)
	require.NoError(t, err)
	return u
}

func gitDir(r *repo) string { return filepath.Join(r.dir, ".git") }

// What is pushed is there for the real git and for the next who fetches, and no more is sent than is new.
func TestPush(t *testing.T) {
	eachUpstream(t, func(t *testing.T, there, here *repo, opts Options) {
		u := upstream(t, opts)
		tip, err := u.Tip(t.Context(), pushed)
		require.NoError(t, err)
		require.Empty(t, tip, "an empty repository")
		old := ""
		for _, content := range []string{"one", "two", "three"} {
			here.write("2026/05/file-"+content, content)
			next := here.put("file", strings.Repeat(content, 1000))
			require.NoError(t, u.Push(t.Context(), gitDir(here), pushed, old, next))
			require.Equal(t, next, there.git("rev-parse", pushed))
			tip, err = u.Tip(t.Context(), pushed)
			require.NoError(t, err)
			require.Equal(t, next, tip)
			old = next
		}
		there.git("fsck", "--strict") // whose exit code says it
		for n := range 120 {          // as a pack, also to a path
			here.write("many/"+strings.Repeat("x", n+1), strings.Repeat("y", n))
		}
		next := here.commit("many")
		require.NoError(t, u.Push(t.Context(), gitDir(here), pushed, old, next))
		there.git("fsck", "--strict") // whose exit code says it

		fresh := newRepo(t)
		require.NoError(t, u.Fetch(t.Context(), gitDir(fresh), pushed, next))
		require.Equal(t, "4", fresh.git("rev-list", "--count", next))
		require.NoError(t, u.Fetch(t.Context(), gitDir(fresh), pushed, next), "again")
	})
}

// Whatever has happened to the ref since, nothing of it is lost by a push.
func TestPushNeverForces(t *testing.T) {
	eachUpstream(t, func(t *testing.T, there, here *repo, opts Options) {
		u := upstream(t, opts)
		first := here.put("file", "one")
		require.NoError(t, u.Push(t.Context(), gitDir(here), pushed, "", first))
		theirs := there.git("commit-tree", "-m", "theirs", "-p", first, first+"^{tree}")
		there.git("update-ref", pushed, theirs)
		ours := here.put("file", "ours")
		for _, old := range []string{first, "", ours} {
			err := u.Push(t.Context(), gitDir(here), pushed, old, ours)
			require.ErrorIs(t, err, ErrRefused)
			require.ErrorContains(t, err, "somebody else pushed to it")
		}
		require.Equal(t, theirs, there.git("rev-parse", pushed))
		here.git("checkout", "-q", "--orphan", "other")
		unrelated := here.put("file", "unrelated")
		there.git("update-ref", pushed, first)
		require.ErrorIs(t, u.Push(t.Context(), gitDir(here), pushed, first, unrelated), ErrRefused)
		require.Equal(t, first, there.git("rev-parse", pushed))
	})
}

// Wherever a remote leads us, what we log in with stays with it: on the way to the refs, and with what is pushed.
func TestPushTakesNoCredentialsElsewhere(t *testing.T) {
	there := newRepo(t)
	there.git("config", "core.bare", "true")
	there.git("config", "http.receivepack", "true")
	behind := serve(t, there)
	at, err := url.Parse(behind.url)
	require.NoError(t, err)
	var mu sync.Mutex
	var shown, asked []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method)
		if with := r.Header.Get("Authorization"); with != "" {
			shown = append(shown, with)
		}
		mu.Unlock()
		r.SetBasicAuth(serverUser, serverPassword) // so that it goes on to the push itself
		httputil.NewSingleHostReverseProxy(&url.URL{Scheme: at.Scheme, Host: at.Host}).ServeHTTP(w, r)
	}))
	defer elsewhere.Close()
	leads := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	}))
	defer leads.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	here := newRepo(t)
	u := upstream(t, Options{URL: leads.URL + at.Path, Credentials: password, Transport: transport})
	require.NoError(t, u.Push(t.Context(), gitDir(here), pushed, "", here.put("file", "one")))
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []string{"GET", "POST"}, asked, "we were led there, and pushed there")
	require.Empty(t, shown)
}

// A refusal says what the other end said, and shows no secret.
func TestPushRefused(t *testing.T) {
	eachUpstream(t, func(t *testing.T, there, here *repo, opts Options) {
		first := here.put("file", "one")
		if opts.URL == there.dir {
			require.NoError(t, os.WriteFile(there.dir+"/config", []byte("[core]\nbare = false\n"), 0o644))
			err := upstream(t, opts).Push(t.Context(), gitDir(here), pushed, "", first)
			require.ErrorIs(t, err, ErrRefused)
			require.ErrorContains(t, err, "is no bare repository")
			return
		}
		require.NoError(t, os.MkdirAll(there.dir+"/hooks", 0o755))
		require.NoError(t, os.WriteFile(there.dir+"/hooks/pre-receive", []byte("#!/bin/sh\ncat >/dev/null\necho \"this branch is protected\" >&2\nexit 1\n"), 0o755))
		err := upstream(t, opts).Push(t.Context(), gitDir(here), pushed, "", first)
		require.ErrorIs(t, err, ErrRefused)
		require.ErrorContains(t, err, "pre-receive hook declined")
		require.ErrorContains(t, err, "this branch is protected")

		if opts.Credentials != nil {
			opts.Credentials = func(context.Context) (Credentials, error) {
				return Credentials{Username: serverUser, Password: "wrong-secret"}, nil
			}
		} else {
			_, opts.SSH.Key = newKey(t, 7, "")
		}
		err = upstream(t, opts).Push(t.Context(), gitDir(here), pushed, "", first)
		require.ErrorIs(t, err, ErrUnauthorized)
		require.NotContains(t, err.Error(), "wrong-secret")
	})
}

// One that does not answer costs no more time than it may.
func TestPushToNobody(t *testing.T) {
	here := newRepo(t)
	first := here.put("file", "one")
	s := serve(t, here)
	silence := make(chan struct{})
	s.answer(func(http.ResponseWriter, *http.Request) { <-silence })
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	u := upstream(t, Options{URL: s.url, Credentials: password, Transport: transport, Timeout: 200 * time.Millisecond})
	err := u.Push(t.Context(), gitDir(here), pushed, "", first)
	close(silence)
	require.ErrorIs(t, err, ErrUnreachable)
	_, err = u.Tip(t.Context(), pushed)
	require.Error(t, err)
	s.Close()
	_, err = u.Tip(t.Context(), pushed)
	require.ErrorIs(t, err, ErrUnreachable)

	mute := serveSSH(t, here)
	mute.mute.Store(true)
	u = upstream(t, Options{URL: mute.url, SSH: mute.how, Timeout: 200 * time.Millisecond})
	require.ErrorIs(t, u.Push(t.Context(), gitDir(here), pushed, "", first), ErrUnreachable)
}

// A lock that we left when we were killed is ours to take away, and nobody else's.
func TestPushAfterBeingKilled(t *testing.T) {
	there, here := newRepo(t), newRepo(t)
	there.git("config", "core.bare", "true")
	first, second := here.put("file", "one"), here.put("file", "two")
	u := upstream(t, Options{URL: gitDir(there)})
	lock := filepath.Join(gitDir(there), pushed+".lock")
	require.NoError(t, os.WriteFile(lock, []byte(first+"\n"), 0o644))
	require.NoError(t, u.Push(t.Context(), gitDir(here), pushed, "", second))
	require.NoFileExists(t, lock)
	require.NoError(t, os.WriteFile(lock, []byte(strings.Repeat("e", 40)+"\n"), 0o644))
	err := u.Push(t.Context(), gitDir(here), pushed, second, here.put("file", "three"))
	require.ErrorContains(t, err, "lock refs/heads/acme")
	require.FileExists(t, lock)
	require.Equal(t, second, there.git("rev-parse", pushed))
}
