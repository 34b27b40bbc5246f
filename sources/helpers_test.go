package sources

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gitEnv keeps the tests from the configuration of whoever runs them, and makes hashes repeatable.
var gitEnv = append(os.Environ(),
	"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
	"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=gc.auto", "GIT_CONFIG_VALUE_0=0",
	"GIT_AUTHOR_NAME=Ada Example", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_AUTHOR_DATE=2026-03-01T10:00:00+0200",
	"GIT_COMMITTER_NAME=Bob Example", "GIT_COMMITTER_EMAIL=bob@example.com", "GIT_COMMITTER_DATE=2026-03-02T10:00:00-0500",
)

// repo is a repository with a worktree, driven by the real git.
type repo struct {
	t   *testing.T
	dir string
}

func newRepo(t *testing.T) *repo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed; these tests compare with the real one (package git of any distribution)")
	}
	r := &repo{t, filepath.Join(t.TempDir(), "fleet")}
	require.NoError(t, os.Mkdir(r.dir, 0o755))
	r.git("init", "-q", "-b", "main")
	return r
}

func (r *repo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = r.dir, gitEnv
	out, err := cmd.CombinedOutput()
	require.NoError(r.t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

func (r *repo) write(name, content string) {
	r.t.Helper()
	file := filepath.Join(r.dir, name)
	require.NoError(r.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(r.t, os.WriteFile(file, []byte(content), 0o644))
}

func (r *repo) link(target, name string) {
	r.t.Helper()
	require.NoError(r.t, os.Symlink(target, filepath.Join(r.dir, name)))
}

// commit commits all that lies there, and returns the hash.
func (r *repo) commit(message string) string {
	r.t.Helper()
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "--cleanup=verbatim", "-m", message)
	return r.git("rev-parse", "HEAD")
}

// put writes one file and commits it.
func (r *repo) put(name, content string) string {
	r.t.Helper()
	r.write(name, content)
	return r.commit("change " + name)
}

// server is git's own http-backend behind net/http, which asks for a name and a password or a token.
type server struct {
	*httptest.Server
	url string
	// requests and sent count the calls, and the bytes of their answers.
	requests, sent atomic.Int64
	// respond, if set, answers instead.
	respond atomic.Pointer[http.HandlerFunc]
}

const (
	serverUser     = "millwright"
	serverPassword = "pass-word/with+signs"
	serverToken    = "token-0123456789"
)

func serve(t *testing.T, r *repo) *server {
	t.Helper()
	git, err := exec.LookPath("git")
	require.NoError(t, err)
	backend := filepath.Join(r.git("--exec-path"), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Skipf("%s is missing; it comes with the full git package (on some distributions git-core or git-daemon)", backend)
	}
	cgiHandler := &cgi.Handler{
		Path: git, Args: []string{"http-backend"}, Stderr: io.Discard, Logger: log.New(io.Discard, "", 0),
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(r.dir), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull},
	}
	s := new(server)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s.requests.Add(1)
		counted := &countingWriter{w, &s.sent}
		if respond := s.respond.Load(); respond != nil {
			(*respond)(counted, req)
			return
		}
		user, password, _ := req.BasicAuth()
		ok := user == serverUser && subtle.ConstantTimeCompare([]byte(password), []byte(serverPassword)) == 1
		if !ok && req.Header.Get("Authorization") != "Bearer "+serverToken {
			w.Header().Set("WWW-Authenticate", `Basic realm="fleet"`)
			// Some servers repeat what they were sent. Nobody may see it.
			http.Error(counted, "refused: "+req.Header.Get("Authorization")+" "+password, http.StatusUnauthorized)
			return
		}
		cgiHandler.ServeHTTP(counted, req)
	}))
	t.Cleanup(s.Close)
	s.url = s.URL + "/fleet/.git"
	return s
}

// answer makes the server give one answer to everything; nil makes it a Git server again.
func (s *server) answer(h http.HandlerFunc) {
	if h == nil {
		s.respond.Store(nil)
		return
	}
	s.respond.Store(&h)
}

type countingWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

func password(context.Context) (Credentials, error) {
	return Credentials{Username: serverUser, Password: serverPassword}, nil
}

// open opens a source whose connections end with the test.
func open(t *testing.T, opts Options) *Git {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	opts.Transport = transport
	g, err := Open(t.Context(), opts)
	require.NoError(t, err)
	return g
}

func fetch(t *testing.T, g *Git) Snapshot {
	t.Helper()
	snapshot, err := g.Fetch(t.Context())
	require.NoError(t, err)
	return snapshot
}

func read(t *testing.T, fsys fs.FS, name string) string {
	t.Helper()
	data, err := fs.ReadFile(fsys, name)
	require.NoError(t, err)
	return string(data)
}

// eachRemote runs a test against the same repository over HTTP, over SSH and as a path, in memory and on disk.
func eachRemote(t *testing.T, test func(t *testing.T, r *repo, opts Options)) {
	for _, disk := range []bool{false, true} {
		name := map[bool]string{false: "memory", true: "disk"}[disk]
		dir := func(t *testing.T) string {
			if disk {
				return filepath.Join(t.TempDir(), "cache")
			}
			return ""
		}
		t.Run("http/"+name, func(t *testing.T) {
			r := newRepo(t)
			test(t, r, Options{URL: serve(t, r).url, Credentials: password, Dir: dir(t)})
		})
		t.Run("ssh/"+name, func(t *testing.T) {
			r := newRepo(t)
			s := serveSSH(t, r)
			test(t, r, Options{URL: s.url, SSH: s.how, Dir: dir(t)})
		})
		t.Run("path/"+name, func(t *testing.T) {
			r := newRepo(t)
			test(t, r, Options{URL: r.dir, Dir: dir(t)})
		})
	}
}

// hashObject stores an object as it is given, which git's own commands would refuse.
func (r *repo) hashObject(kind, content string) string {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "object")
	require.NoError(r.t, os.WriteFile(file, []byte(content), 0o644))
	return r.git("hash-object", "-t", kind, "-w", "--literally", file)
}

// hashTree stores a directory with one file of any name.
func (r *repo) hashTree(name, blob string) string {
	r.t.Helper()
	id, err := hex.DecodeString(blob)
	require.NoError(r.t, err)
	return r.hashObject("tree", "100644 "+name+"\x00"+string(id))
}
