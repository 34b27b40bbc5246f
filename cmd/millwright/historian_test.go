package main

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/fleet/fleettest"
	"millwright.dev/millwright/internal/web"
	"millwright.dev/millwright/sources"
)

// TestHistorian has the history of a real repository read beside an agent's work: commit after commit, and again
// from where it was by another process.
func TestHistorian(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed (package git); the history was not read for the dashboard")
	}
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		c := exec.CommandContext(t.Context(), "git", args...)
		c.Dir, c.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ada Example", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Bob", "GIT_COMMITTER_EMAIL=bob@example.com")
		out, err := c.CombinedOutput()
		require.NoError(t, err, "git %v: %s", args, out)
	}
	files := fleettest.Generate(fleettest.Size{Machines: 16, Tenants: 2})
	require.NoError(t, files.Write(dir))
	git("init", "-q", "-b", "main")
	git("add", "-A")
	git("commit", "-q", "-m", "The fleet")
	source, err := sources.Open(t.Context(), sources.Options{URL: dir, Dir: filepath.Join(t.TempDir(), "source")})
	require.NoError(t, err)
	fetch := func() string {
		t.Helper()
		s, err := source.Fetch(t.Context())
		require.NoError(t, err)
		return s.Commit.Hash
	}
	self, err := os.Executable()
	require.NoError(t, err)
	var log lines
	kept := t.TempDir()
	h := &historian{
		git: source, worker: fleet.Worker{Path: cmp.Or(os.Getenv(plainWorker), self)}, dir: kept, store: &web.Store{},
		log: slog.New(slog.NewJSONHandler(&log, nil)), newest: make(chan string, 1),
	}
	past := func() *web.Past { return h.store.Snapshot(web.Scope{All: true}).Past }
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { h.follow(ctx) })
	defer func() { stop(); all.Wait() }()
	require.Nil(t, past())
	first := fetch()
	h.inForce(first)
	require.Eventually(t, func() bool { return past() != nil }, 2*time.Minute, 10*time.Millisecond)
	require.Equal(t, first, past().Head)

	rack := filepath.Join(dir, fleettest.RackFile(0))
	text, err := os.ReadFile(rack)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(rack, []byte(strings.Replace(string(text), `"SN`, `"NEW`, 1)), 0o644))
	git("commit", "-q", "-a", "-m", "Another board", "-m", "Approved-by: carol@example.com")
	second := fetch()
	h.inForce("0000000000000000000000000000000000000000") // which was never fetched, and harms nobody
	h.inForce(second)
	require.Eventually(t, func() bool { return past().Head == second }, 2*time.Minute, 10*time.Millisecond)
	newest := past().Events[0]
	require.Equal(t, "Another board", newest.Commit.Subject)
	require.Equal(t, []string{"carol@example.com"}, newest.Commit.ApprovedBy)
	require.Equal(t, "changed", newest.Change)
	require.Equal(t, "serial", newest.Fields[0].Path)

	before := len(past().Events)
	stop()
	all.Wait()
	h.store = &web.Store{} // another process
	h.worker.Path = filepath.Join(dir, "no such program")
	require.NoError(t, h.read(t.Context(), second), "what was found is kept, so that nothing is compiled")
	require.Len(t, past().Events, before)
}
