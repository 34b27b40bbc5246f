package sources

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A failing source says why, since when, and which commit stays in force; then it recovers.
func TestUnreachableKeepsTheLastGoodSnapshot(t *testing.T) {
	r := newRepo(t)
	hash := r.put("file", "good")
	s := serve(t, r)
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	g := open(t, Options{URL: s.url, Ref: "main", Credentials: password, Now: func() time.Time { return now }})
	fetch(t, g)

	s.answer(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "maintenance", http.StatusServiceUnavailable)
	})
	now = now.Add(time.Minute)
	_, err := g.Fetch(t.Context())
	require.ErrorIs(t, err, ErrUnreachable)
	now = now.Add(2 * time.Minute)
	_, err = g.Fetch(t.Context())
	failed, ok := errors.AsType[*Error](err)
	require.True(t, ok)
	require.Equal(t, 2, failed.Failures)
	require.Equal(t, now.Add(-2*time.Minute), failed.Since)
	require.Equal(t, hash, failed.LastCommit)
	require.Equal(t, now.Add(-3*time.Minute), failed.LastFetched)
	require.Equal(t, fmt.Sprintf("fetch %s at main: remote unreachable: unexpected requesting %q status code: 503; "+
		"failing since 2026-05-01T12:01:00Z (2 times in 2m0s); last good commit %s, fetched 3m0s before",
		s.url, s.url+"/info/refs?service=git-upload-pack", hash[:12]), err.Error())

	last, ok := g.Last()
	require.True(t, ok)
	require.Equal(t, "good", read(t, last.FS, "file"))

	s.answer(nil)
	require.Equal(t, now, fetch(t, g).FetchedAt)
	s.answer(http.NotFound)
	_, err = g.Fetch(t.Context())
	require.Equal(t, 1, errorOf(t, err).Failures, "a success begins the count anew")
}

func errorOf(t *testing.T, err error) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	require.True(t, ok, "%v", err)
	return e
}

// Every cause has an error of its own, and the last good snapshot outlives each of them.
func TestEachFailureIsTold(t *testing.T) {
	for name, test := range map[string]struct {
		breakIt func(r *repo, s *server)
		want    error
		says    string
	}{
		"nobody listens":     {func(_ *repo, s *server) { s.Close() }, ErrUnreachable, "connection refused"},
		"server error":       {func(_ *repo, s *server) { s.answer(status(502)) }, ErrUnreachable, "502"},
		"rate limit":         {func(_ *repo, s *server) { s.answer(status(429)) }, ErrUnreachable, "429"},
		"forbidden":          {func(_ *repo, s *server) { s.answer(status(403)) }, ErrUnauthorized, "does not accept the credentials"},
		"not found":          {func(_ *repo, s *server) { s.answer(status(404)) }, ErrNotRepository, "may not see"},
		"a web page":         {func(_ *repo, s *server) { s.answer(page) }, ErrNotRepository, ""},
		"deleted branch":     {func(r *repo, _ *server) { r.git("checkout", "-qb", "other"); r.git("branch", "-D", "main") }, ErrRefNotFound, "no branch or tag main"},
		"branch and tag":     {func(r *repo, _ *server) { r.git("tag", "main") }, ErrRefNotFound, "both a branch and a tag; write refs/heads/main or refs/tags/main"},
		"directory deleted":  {func(r *repo, _ *server) { r.git("rm", "-qr", "dc1"); r.put("file", "x") }, ErrPathNotFound, "the commit has no directory dc1"},
		"directory a file":   {func(r *repo, _ *server) { r.git("rm", "-qr", "dc1"); r.put("dc1", "x") }, ErrPathNotFound, "the commit has no directory dc1"},
		"emptied repository": {func(r *repo, _ *server) { r.git("update-ref", "-d", "refs/heads/main") }, ErrEmpty, "push a first commit"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			good := r.put("dc1/file", "good")
			s := serve(t, r)
			g := open(t, Options{URL: s.url, Ref: "main", Path: "dc1", Credentials: password})
			fetch(t, g)
			test.breakIt(r, s)
			_, err := g.Fetch(t.Context())
			require.ErrorIs(t, err, test.want)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, good, errorOf(t, err).LastCommit)
			last, ok := g.Last()
			require.True(t, ok)
			require.Equal(t, "good", read(t, last.FS, "file"))
		})
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func page(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, "<html><body>Welcome to the forge.</body></html>")
}

// The same causes where the remote is a path.
func TestLocalFailures(t *testing.T) {
	r := newRepo(t)
	for dir, want := range map[string]error{
		r.dir:            ErrEmpty,
		t.TempDir():      ErrNotRepository,
		r.dir + "absent": ErrUnreachable,
	} {
		_, err := open(t, Options{URL: dir}).Fetch(t.Context())
		require.ErrorIs(t, err, want)
		require.ErrorContains(t, err, "no good commit yet")
	}
	r.put("file", "x")
	_, err := open(t, Options{URL: serve(t, r).url, Credentials: password, Ref: strings.Repeat("ab", 20)}).Fetch(t.Context())
	require.ErrorIs(t, err, ErrRefNotFound)
	require.ErrorContains(t, err, "no branch or tag of the remote contains the commit abab")
	for ref, says := range map[string]string{
		"gone":                          "no branch or tag gone, and no full commit hash; branches: main",
		strings.Repeat("ab", 20):        "no commit abab",
		r.git("rev-parse", "HEAD:")[:8]: "no full commit hash",
	} {
		_, err := open(t, Options{URL: r.dir, Ref: ref}).Fetch(t.Context())
		require.ErrorIs(t, err, ErrRefNotFound)
		require.ErrorContains(t, err, says)
	}
	r.git("tag", "a-file", r.git("rev-parse", "HEAD:file"))
	r.git("tag", "-a", "-m", "x", "a-file-too", "a-file")
	_, err = open(t, Options{URL: r.dir, Ref: "a-file-too"}).Fetch(t.Context())
	require.ErrorIs(t, err, ErrRefNotFound)
	require.ErrorContains(t, err, "points to a blob")
	_, err = open(t, Options{URL: r.dir, Ref: "a-file"}).Fetch(t.Context())
	require.Error(t, err)
}

// Whatever the server says, and however the error is printed, the secret is not in it.
func TestWrongCredentialsStaySecret(t *testing.T) {
	r := newRepo(t)
	r.put("file", "x")
	s := serve(t, r)
	const secret = "s3cret/with+signs"
	for _, c := range []Credentials{{Username: "someone", Password: secret}, {Token: secret}} {
		opts := Options{URL: s.url, Credentials: func(context.Context) (Credentials, error) { return c, nil }}
		g := open(t, opts)
		_, err := g.Fetch(t.Context())
		require.ErrorIs(t, err, ErrUnauthorized)
		require.ErrorContains(t, err, "does not accept the credentials")
		for text := range chain(err) {
			require.NotContains(t, text, secret)
			require.NotContains(t, text, base64.StdEncoding.EncodeToString([]byte("someone:"+secret)))
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			require.NotContains(t, fmt.Sprintf(verb, c), secret)
			require.NotContains(t, fmt.Sprintf(verb, g), secret)
		}
		text, err := c.MarshalText()
		require.NoError(t, err)
		require.NotContains(t, string(text), secret)
	}

	_, err := open(t, Options{URL: s.url}).Fetch(t.Context())
	require.ErrorIs(t, err, ErrUnauthorized)
	require.ErrorContains(t, err, "wants credentials and none are configured")

	asked := errors.New("no such Secret")
	_, err = open(t, Options{URL: s.url, Credentials: func(context.Context) (Credentials, error) { return Credentials{}, asked }}).Fetch(t.Context())
	require.ErrorIs(t, err, ErrUnauthorized)
	require.ErrorContains(t, err, "no such Secret")
}

// chain yields every printed form of an error and of all that it wraps.
func chain(err error) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for todo := []error{err}; len(todo) > 0; todo = todo[1:] {
			if !yield(todo[0].Error()) || !yield(fmt.Sprintf("%+v %#v", todo[0], todo[0])) {
				return
			}
			switch e := any(todo[0]).(type) {
			case interface{ Unwrap() error }:
				todo = append(todo, e.Unwrap())
			case interface{ Unwrap() []error }:
				todo = append(todo, e.Unwrap()...)
			}
		}
	}
}

// A remote that accepts the connection and then says nothing is given up at the deadline.
func TestSilentRemote(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	url := "http://" + listener.Addr().String() + "/fleet.git"

	_, err = open(t, Options{URL: url, Timeout: time.Millisecond}).Fetch(t.Context())
	require.ErrorIs(t, err, ErrUnreachable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, 1, errorOf(t, err).Failures)

	// One who no longer wants to know is no failure of the source.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = open(t, Options{URL: url}).Fetch(ctx)
	require.ErrorIs(t, err, context.Canceled)
	_, isFailure := errors.AsType[*Error](err)
	require.False(t, isFailure)
}

// A transfer that breaks off, or is too large, leaves the last good snapshot and no half of another.
func TestBrokenAndOversizedTransfers(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		r := newRepo(t)
		r.put("file", "good")
		s := serve(t, r)
		g := open(t, Options{URL: s.url, Credentials: password, Dir: dir, MaxPack: 100_000})
		fetch(t, g)
		big := strings.Builder{}
		for i := range 60_000 {
			fmt.Fprintf(&big, "%x", i*i*2654435761)
		}
		r.put("file", big.String())
		_, err := g.Fetch(t.Context())
		require.ErrorIs(t, err, ErrTooLarge)

		r.put("file", "small again")
		g.opts.MaxPack = DefaultMaxPack
		backend := s.Config.Handler
		s.answer(func(w http.ResponseWriter, req *http.Request) {
			s.answer(nil)
			backend.ServeHTTP(w, req)
			s.answer(func(w http.ResponseWriter, req *http.Request) {
				s.answer(nil)
				backend.ServeHTTP(&cutWriter{ResponseWriter: w, left: 5000}, req)
			})
		})
		_, err = g.Fetch(t.Context())
		require.ErrorIs(t, err, ErrUnreachable)
		last, ok := g.Last()
		require.True(t, ok)
		require.Equal(t, "good", read(t, last.FS, "file"))
		require.Equal(t, "small again", read(t, fetch(t, g).FS, "file"))
	}
}

// An answer that is no pack, or one without what was asked for, is refused whole.
func TestAnswersThatAreNoPack(t *testing.T) {
	empty := "PACK\x00\x00\x00\x02\x00\x00\x00\x00\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e"
	for name, answer := range map[string]string{
		"nothing":     "",
		"a web page":  "<html></html>",
		"noise":       "0008NAK\n" + line("\x01no pack at all") + "0000",
		"cut":         "0008NAK\n" + line("\x01"+empty[:20]) + "0000",
		"empty":       "0008NAK\n" + line("\x01"+empty) + "0000",
		"its regrets": "0008NAK\n" + line("\x03out of memory") + "0000",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			r.put("file", "good")
			s := serve(t, r)
			g := open(t, Options{URL: s.url, Credentials: password, Dir: t.TempDir()})
			fetch(t, g)
			r.put("file", "new")
			backend := s.Config.Handler
			s.answer(func(w http.ResponseWriter, req *http.Request) {
				if req.Method == http.MethodPost {
					_, _ = w.Write([]byte(answer))
					return
				}
				respond := s.respond.Swap(nil)
				backend.ServeHTTP(w, req)
				s.respond.Store(respond)
			})
			_, err := g.Fetch(t.Context())
			_, isError := errors.AsType[*Error](err)
			require.True(t, isError, "%v", err)
			last, ok := g.Last()
			require.True(t, ok)
			require.Equal(t, "good", read(t, last.FS, "file"))
			s.answer(nil)
			require.Equal(t, "new", read(t, fetch(t, g).FS, "file"))
		})
	}
}

// line is a line of Git's wire format.
func line(content string) string { return fmt.Sprintf("%04x%s", len(content)+4, content) }

// cutWriter drops the connection after some bytes.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return c.ResponseWriter.Write(p)
}

// Options that cannot work are refused before anything is asked, and never repeat a secret.
func TestOptionsRefused(t *testing.T) {
	for says, opts := range map[string]Options{
		"no URL":                                   {},
		"needs a known_hosts file":                 {URL: "git@git.example.com:acme/fleet.git", SSH: SSH{Key: "key"}},
		"needs the file of a deploy key":           {URL: "ssh://git.example.com/acme/fleet.git", SSH: SSH{KnownHosts: "hosts"}},
		"the URL holds a password":                 {URL: "ssh://git:s3cret@git.example.com/acme/fleet.git"},
		"the ssh URL is malformed":                 {URL: "git@git.example.com:-acme"},
		"git:// is not supported":                  {URL: "git://git.example.com/acme/fleet.git"},
		"holds credentials":                        {URL: "https://someone:s3cret@git.example.com/fleet.git"},
		"malformed":                                {URL: "https://someone:s3cret@git.example.com:port/fleet.git"},
		"has a query":                              {URL: "https://git.example.com/fleet.git?token=s3cret"},
		"would go to git.example.com in the clear": {URL: "http://git.example.com/fleet.git", Credentials: password},
		"is no branch, tag or commit hash":         {URL: "https://git.example.com/fleet.git", Ref: "main:other"},
		"is no directory inside the repository":    {URL: "https://git.example.com/fleet.git", Path: "../other"},
	} {
		_, err := Open(t.Context(), opts)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "s3cret")
	}
}
