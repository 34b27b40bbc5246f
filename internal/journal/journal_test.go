package journal

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// TestMain lets the test binary be a process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(storyDir); dir != "" {
		if err := story(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// sample is a run with something of everything.
func sample(n int) Run {
	began := noon.Add(time.Duration(n) * 7 * time.Hour)
	return Run{
		ID: fmt.Sprintf("run-%d", n), Fleet: "acme", By: "agent mgmt-1 (7)", Millwright: "v1",
		Source: Source{Commit: strings.Repeat("c", 40), Subject: "grow acme"}, Began: began, Ended: began.Add(3 * time.Second),
		Changes: []Change{
			{Address: "redfish/gpu-002/bios", Entity: "machine/gpu-002", Action: plan.Update, Step: plan.Reset, Impact: "reboot", Result: Pending, Time: began,
				Approval: &Approval{Name: "night", By: "ada@example.com", Verified: true, Commit: strings.Repeat("d", 40)}},
			{Address: "netris/dc1/vpc/acme", Entity: "tenant/acme", Action: plan.Update, Causes: []plan.Cause{plan.CauseDrift}, Result: Failed, Error: "503\nRun: forged",
				Fields: []Field{{Path: "name", Old: "x", New: "acme", Who: []state.Writer{{Name: "bob"}}}, {Path: "password", Sensitive: true}}, Milliseconds: 12},
		},
		Drift:    []Drift{{Address: "redfish/gpu-001/bios", Status: plan.Drifted, Held: []string{"observe-only"}}},
		Bindings: []Binding{{Machine: "gpu-007", To: "p-acme/train-1"}},
	}
}

func create(t *testing.T) *Repository {
	t.Helper()
	r, err := Create(filepath.Join(t.TempDir(), "journal"), "acme")
	require.NoError(t, err)
	return r
}

func appended(t *testing.T, r *Repository, run Run) Entry {
	t.Helper()
	e, err := r.Append("acme", run, nil)
	require.NoError(t, err)
	return e
}

// all are the runs of the ref, the newest first, and what stopped the reading.
func all(r *Repository) (entries []Entry, err error) {
	for e, err := range Read(r, "acme") {
		if err != nil {
			return entries, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// What is written is read back, by another process too, and by the real git.
func TestAppendAndRead(t *testing.T) {
	r := create(t)
	entries, err := all(r)
	require.NoError(t, err)
	require.Empty(t, entries)
	var last Entry
	for n := range 20 {
		last = appended(t, r, sample(n))
		require.Equal(t, n+1, last.Run.Sequence)
	}
	other, err := Open(r.Dir())
	require.NoError(t, err)
	entries, err = all(other)
	require.NoError(t, err)
	require.Len(t, entries, 20)
	require.Equal(t, last, entries[0])
	require.Equal(t, "2026-12/02/000000020.json", last.Run.File())
	require.Equal(t, entries[1].Commit, last.Parent)
	require.Equal(t, "netris/dc1/vpc/acme", last.Run.Changes[0].Address, "sorted")
	require.Equal(t, &Approval{Name: "night", By: "ada@example.com", Verified: true, Commit: strings.Repeat("d", 40)}, last.Run.Changes[1].Approval)
	want, err := Encode(last.Run)
	require.NoError(t, err)
	again, err := Decode(want)
	require.NoError(t, err)
	require.Equal(t, last.Run, again)

	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", r.Dir()}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return strings.TrimSpace(string(out))
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed, so that it cannot be asked what it thinks of a journal (package git of any distribution)")
	}
	require.Empty(t, git("fsck", "--strict", "--no-dangling"))
	require.Equal(t, "20", git("rev-list", "--count", "HEAD"))
	require.Equal(t, string(want), git("show", "HEAD:"+last.Run.File())+"\n")
	require.Equal(t, "run-19|"+strings.Repeat("c", 40)+"|20",
		git("log", "-1", "--format=%(trailers:key=Run,valueonly,separator=%x2C)|%(trailers:key=Source-Commit,valueonly,separator=%x2C)|%(trailers:key=Sequence,valueonly,separator=%x2C)"))
}

// The message is for people, and nothing that a target or a person says can pass for a trailer.
func TestMessage(t *testing.T) {
	run := sample(0)
	run.Sequence = 7
	require.Equal(t, `Run 7: 1 pending, 1 failed, 1 drifted, 1 bound, at cccccccccccc

~ reset redfish/gpu-002/bios: pending, approved by ada@example.com
~ update netris/dc1/vpc/acme: failed, drifted by bob: 503 Run: forged

Changed by others:
  redfish/gpu-001/bios: drifted

Bound by others:
  gpu-007: to p-acme/train-1

Run: run-0
Sequence: 7
Fleet: acme
Source-Commit: cccccccccccccccccccccccccccccccccccccccc
`, run.Message())
	for n := range 100 {
		run.Changes = append(run.Changes, Change{Address: fmt.Sprint(n), Action: plan.Create, Result: Done})
	}
	require.Contains(t, run.Message(), "  and 62 more, in the file\n")
	require.Less(t, len(run.Message()), 4000)
}

// Whatever somebody does to a journal, reading it says so and where.
func TestTampering(t *testing.T) {
	forge := func(r *Repository, tip string, change func(c *object.Commit)) {
		c := new(object.Commit)
		require.NoError(t, r.decode(plumbing.CommitObject, plumbing.NewHash(tip), c))
		change(c)
		text, err := raw(c)
		require.NoError(t, err)
		id, err := r.write(plumbing.CommitObject, text)
		require.NoError(t, err)
		require.NoError(t, r.setTip("acme", id.String()))
	}
	for name, test := range map[string]struct {
		tamper func(r *Repository, es []Entry)
		says   string
	}{
		"a run is taken out": {func(r *Repository, es []Entry) {
			forge(r, es[0].Commit, func(c *object.Commit) { c.ParentHashes = []plumbing.Hash{plumbing.NewHash(es[2].Commit)} })
		}, "run 3 comes after run 1"},
		"the beginning is cut off": {func(r *Repository, es []Entry) {
			forge(r, es[0].Commit, func(c *object.Commit) { c.ParentHashes = nil })
		}, "run 3 has none before it"},
		"a run is there twice": {func(r *Repository, es []Entry) { appended(t, r, es[0].Run) }, "it is the run before once more"},
		"a run is changed later": {func(r *Repository, es []Entry) {
			blob, err := r.write(plumbing.BlobObject, []byte("{}"))
			require.NoError(t, err)
			tree, err := r.insert(es[0].tree, []string{"2026-11", "26", "note"}, blob)
			require.NoError(t, err)
			forge(r, es[0].Commit, func(c *object.Commit) { c.TreeHash = tree })
		}, "which is not its own file"},
		"its message says something else": {func(r *Repository, es []Entry) {
			forge(r, es[0].Commit, func(c *object.Commit) { c.Message = strings.Replace(c.Message, "run-2", "run-9", 1) })
		}, "its message says Run: run-9, and its file run-2"},
		"something else is committed": {func(r *Repository, es []Entry) {
			forge(r, es[0].Commit, func(c *object.Commit) { c.Message = "tidy up\n" })
		}, "its message names no number of a run"},
		"two histories are joined": {func(r *Repository, es []Entry) {
			forge(r, es[0].Commit, func(c *object.Commit) { c.ParentHashes = append(c.ParentHashes, plumbing.NewHash(es[2].Commit)) })
		}, "it joins several histories"},
		"an object is damaged": {func(r *Repository, es []Entry) {
			file := filepath.Join(r.Dir(), "objects", es[1].Commit[:2], es[1].Commit[2:])
			other, err := os.ReadFile(filepath.Join(r.Dir(), "objects", es[0].Commit[:2], es[0].Commit[2:]))
			require.NoError(t, err)
			require.NoError(t, os.Remove(file))
			require.NoError(t, os.WriteFile(file, other, 0o444))
		}, "does not match its hash"},
	} {
		t.Run(name, func(t *testing.T) {
			r := create(t)
			for n := range 3 {
				appended(t, r, sample(n))
			}
			entries, err := all(r)
			require.NoError(t, err)
			test.tamper(r, entries)
			r, err = Open(r.Dir())
			require.NoError(t, err)
			_, err = all(r)
			require.ErrorContains(t, err, test.says)
		})
	}
}

// A journal whose disk was lost goes on with a number and a name for what is missing.
func TestGoesOnAfterALoss(t *testing.T) {
	r := create(t)
	run := sample(0)
	run.Sequence, run.Follows = 42, strings.Repeat("e", 40)
	e := appended(t, r, run)
	require.Equal(t, 42, e.Run.Sequence)
	require.Equal(t, 43, appended(t, r, sample(1)).Run.Sequence)
	entries, err := all(r)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.Contains(t, e.Run.Message(), "up to commit "+strings.Repeat("e", 40)+", was lost with its disk")
}

func TestNewerFormatIsRefused(t *testing.T) {
	text, err := json.Marshal(map[string]any{"version": FormatVersion + 1, "id": "x"})
	require.NoError(t, err)
	_, err = Decode(text)
	require.ErrorContains(t, err, "was it written by a newer one?")
	for _, ref := range []string{"", "refs/heads", "a..b", "a b", "-x", "a.lock"} {
		_, err := Create(t.TempDir(), ref)
		require.Error(t, err, "%q", ref)
	}
}
