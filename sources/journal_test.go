package sources

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// agent is what keeps a journal and pushes it.
type agent struct {
	t        *testing.T
	recorder *journal.Recorder
	delivery *journal.Delivery
	n        int
}

// newAgent starts one with a disk and notes of its own; it tries again quickly.
func newAgent(t *testing.T, opts Options, sign journal.Sign) *agent {
	t.Helper()
	dir := t.TempDir()
	r, err := journal.NewRecorder(t.Context(), inventory.FileNotes(filepath.Join(dir, "notes")), "agent", "v1")
	require.NoError(t, err)
	repository, err := journal.Create(filepath.Join(dir, "journal.git"), pushed)
	require.NoError(t, err)
	a := &agent{t: t, recorder: r, delivery: &journal.Delivery{
		Recorder: r, Repository: repository, Ref: pushed, Fleet: "acme", Remote: upstream(t, opts), Sign: sign,
		Log: slog.New(slog.DiscardHandler), Rest: 5 * time.Millisecond, RestMax: 20 * time.Millisecond,
	}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.delivery.Run(t.Context())
	}()
	t.Cleanup(func() { <-done })
	return a
}

// run makes a pass that does one thing.
func (a *agent) run() {
	a.t.Helper()
	a.n++
	now := time.Now()
	c := plan.Change{ID: state.ID{Target: state.Target{System: state.Netris, Name: "dc1"}, Kind: "vpc", Name: fmt.Sprint("vpc-", a.n)}, Action: plan.Create}
	p := journal.Pass{Fleet: "acme", Source: journal.Source{Commit: "c1"}, Now: now, Changes: []plan.Change{c}, Ready: []plan.Change{c}}
	require.NoError(a.t, a.recorder.Begin(a.t.Context(), p))
	a.recorder.End(a.t.Context(), now, []journal.Outcome{{ID: c.ID, Result: journal.Done, At: now}})
	require.NoError(a.t, a.recorder.Flush())
}

// until waits for a status of the delivery.
func (a *agent) until(what string, ok func(journal.Status) bool) {
	a.t.Helper()
	require.Eventually(a.t, func() bool { return ok(a.delivery.Status()) }, 30*time.Second, 5*time.Millisecond, "%s: %+v", what, a.delivery.Status())
}

func delivered(s journal.Status) bool { return s.Waiting == 0 && s.Error == "" }

// An agent's journal arrives at real Git servers, signed so that git verifies it; a push that is refused is tried
// again until it is not, and one that would go over somebody else's is not made.
func TestJournalArrives(t *testing.T) {
	newSigning(t) // for ssh-keygen, by which git verifies
	key, file := newKey(t, 3, "")
	sign, err := SSHSigner(file, "")
	require.NoError(t, err)
	eachUpstream(t, func(t *testing.T, there, _ *repo, opts Options) {
		a := newAgent(t, opts, sign)
		a.run()
		a.run()
		a.until("two runs arrive", delivered)
		require.Equal(t, "2", there.git("rev-list", "--count", pushed))
		there.git("config", "gpg.format", "ssh")
		there.git("config", "gpg.ssh.allowedSignersFile", textFile(t, "agent@example.com "+string(ssh.MarshalAuthorizedKey(key.PublicKey()))))
		there.git("verify-commit", pushed, pushed+"^")
		there.git("fsck", "--strict")

		hook := there.dir + "/hooks/pre-receive"
		if opts.URL != there.dir { // a path has no hooks
			require.NoError(t, os.MkdirAll(filepath.Dir(hook), 0o755))
			require.NoError(t, os.WriteFile(hook, []byte("#!/bin/sh\ncat >/dev/null\nexit 1\n"), 0o755))
			a.run()
			a.until("it is refused", func(s journal.Status) bool { return s.Error != "" && !s.Blocked && s.Waiting == 1 })
			require.NoError(t, os.Remove(hook))
			a.until("it arrives when it is not", delivered)
		}

		before := there.git("rev-parse", pushed)
		theirs := there.git("commit-tree", "-m", "theirs", "-p", before, before+"^{tree}")
		there.git("update-ref", pushed, theirs)
		a.run()
		a.until("somebody else's is seen", func(s journal.Status) bool { return s.Blocked && s.Waiting == 1 })
		require.Contains(t, a.delivery.Status().Error, "somebody else pushed to the journal's ref "+pushed)
		require.Equal(t, theirs, there.git("rev-parse", pushed))
		there.git("update-ref", pushed, before)
		a.until("it goes on", delivered)
		require.Equal(t, fmt.Sprint(a.n), there.git("rev-list", "--count", pushed))
	})
}

// An outage of the server delays a journal, and changes nothing in it.
func TestJournalOutlastsAnOutage(t *testing.T) {
	there := newRepo(t)
	there.git("config", "http.receivepack", "true")
	s := serve(t, there)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	a := newAgent(t, Options{URL: s.url, Credentials: password, Transport: transport}, nil)
	a.run()
	a.until("one arrives", delivered)
	s.answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusServiceUnavailable) })
	a.run()
	a.run()
	a.until("two wait", func(s journal.Status) bool { return s.Waiting == 2 && s.Error != "" && !s.Blocked })
	require.NotContains(t, a.delivery.Status().Error, serverPassword)
	s.answer(nil)
	a.until("they arrive", delivered)
	require.Equal(t, "3", there.git("rev-list", "--count", pushed))
}
