package journal

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/sources"
)

const ref = "refs/heads/acme"

// world is what outlives a process, and the remote. Each process may have a disk of its own.
type world struct {
	t      *testing.T
	notes  string
	disk   string
	remote *Repository
	away   atomic.Bool // the remote does not answer
	now    time.Time
}

func newWorld(t *testing.T, remote bool) *world {
	dir := t.TempDir()
	w := &world{t: t, notes: filepath.Join(dir, "notes"), disk: filepath.Join(dir, "disk"), now: noon}
	if remote {
		var err error
		w.remote, err = Create(filepath.Join(dir, "remote"), ref)
		require.NoError(t, err)
	}
	return w
}

// process is one agent's life.
type process struct {
	*world
	r *Recorder
	d *Delivery
}

type awayRemote struct {
	Remote
	w *world
}

func (a awayRemote) Tip(ctx context.Context, ref string) (string, error) {
	if a.w.away.Load() {
		return "", errors.New("no route to host")
	}
	return a.Remote.Tip(ctx, ref)
}

func (a awayRemote) Push(ctx context.Context, dir, ref, old, commit string) error {
	if a.w.away.Load() {
		return errors.New("no route to host")
	}
	return a.Remote.Push(ctx, dir, ref, old, commit)
}

func (w *world) start() *process {
	w.t.Helper()
	r, err := NewRecorder(context.Background(), inventory.FileNotes(w.notes), "agent mgmt-1 (7)", "v1")
	require.NoError(w.t, err)
	repo, err := Create(w.disk, ref)
	require.NoError(w.t, err)
	d := &Delivery{Recorder: r, Repository: repo, Ref: ref, Fleet: "acme", Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if w.remote != nil {
		up, err := sources.OpenUpstream(sources.Options{URL: w.remote.Dir()})
		require.NoError(w.t, err)
		d.Remote = awayRemote{up, w}
	}
	return &process{w, r, d}
}

func vpc(name string) state.ID {
	return state.ID{Target: state.Target{System: state.Netris, Name: "dc1"}, Kind: "vpc", Name: name}
}

// run makes a pass that creates one object.
func (p *process) run(name string) {
	p.t.Helper()
	p.now = p.now.Add(time.Minute)
	c := plan.Change{ID: vpc(name), Entity: "tenant/" + name, Action: plan.Create, Causes: []plan.Cause{plan.CauseCommit}}
	ctx := context.Background()
	require.NoError(p.t, p.r.Begin(ctx, Pass{Fleet: "acme", Source: Source{Commit: "c1"}, Now: p.now, Changes: []plan.Change{c}, Ready: []plan.Change{c}}))
	p.r.End(ctx, p.now, []Outcome{{ID: c.ID, Result: Done, At: p.now}})
	require.NoError(p.t, p.r.Flush())
}

func (p *process) deliver() error { return p.d.deliver(context.Background()) }

// has are the names of what the runs of a repository made, the oldest first.
func has(t *testing.T, r *Repository) (names []string) {
	t.Helper()
	r, err := Open(r.Dir())
	require.NoError(t, err)
	for e, err := range Read(r, ref) {
		require.NoError(t, err)
		for _, c := range e.Run.Changes {
			names = append([]string{filepath.Base(c.Address)}, names...)
		}
	}
	return names
}

func (p *process) left() int {
	all, err := p.r.notes.All(context.Background())
	require.NoError(p.t, err)
	n := 0
	for name := range all {
		if name[:4] == runNote {
			n++
		}
	}
	return n
}

// Runs are delivered in their order, once each, through restarts, outages and disks that are lost.
func TestDelivery(t *testing.T) {
	w := newWorld(t, true)
	p := w.start()
	require.NoError(t, p.deliver(), "nothing to do")
	p.run("a")
	p.run("b")
	require.NoError(t, p.deliver())
	require.Equal(t, []string{"a", "b"}, has(t, w.remote))
	require.Zero(t, p.left())

	w.away.Store(true)
	p.run("c")
	require.ErrorContains(t, p.deliver(), "no route to host")
	p.run("d")
	require.Error(t, p.deliver())
	require.Equal(t, []string{"a", "b", "c", "d"}, has(t, p.d.Repository), "on disk they are at once")
	require.Equal(t, 2, p.left())

	p = w.start() // whose disk may be stale: nothing is put on it before the remote was asked
	p.run("e")
	require.Error(t, p.deliver())
	require.Equal(t, []string{"a", "b", "c", "d"}, has(t, p.d.Repository))
	w.disk = filepath.Join(t.TempDir(), "fresh")
	p = w.start()
	w.away.Store(false)
	require.NoError(t, p.deliver())
	require.Equal(t, []string{"a", "b", "c", "d", "e"}, has(t, w.remote))
	require.Zero(t, p.left())
	require.Equal(t, has(t, w.remote), has(t, p.d.Repository))
}

// Two agents that take turns go on where the other was, also if one committed what the other has pushed since.
func TestAgentsTakeTurns(t *testing.T) {
	w := newWorld(t, true)
	one, two := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "two")
	w.disk = one
	p := w.start()
	p.run("a")
	require.NoError(t, p.deliver())
	w.away.Store(true)
	p.run("b")
	require.Error(t, p.deliver(), "it is on the first one's disk now")
	w.away.Store(false)
	w.disk = two
	p = w.start()
	p.d.Sign = func([]byte) (string, error) {
		return "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n", nil
	} // another commit
	p.run("c")
	require.NoError(t, p.deliver())
	w.disk = one
	p = w.start()
	p.run("d")
	require.NoError(t, p.deliver())
	require.Equal(t, []string{"a", "b", "c", "d"}, has(t, w.remote))
	require.Equal(t, []string{"a", "b", "c", "d"}, has(t, p.d.Repository))
}

// Whoever else writes to our ref, nothing is pushed over it or after it, through restarts and on any disk, and it goes
// on once the ref is as it was.
func TestForeignPushes(t *testing.T) {
	foreign := func(r *Repository) {
		tip, err := r.Tip(ref)
		require.NoError(t, err)
		c, err := r.read(plumbing.CommitObject, plumbing.NewHash(tip))
		require.NoError(t, err)
		id, err := r.write(plumbing.CommitObject, append(c, "tidied up\n"...))
		require.NoError(t, err)
		require.NoError(t, r.setTip(ref, id.String()))
	}
	for name, test := range map[string]struct {
		meddle func(r *Repository)
		says   string
	}{
		"a commit that is no run": {foreign, "somebody else pushed"},
		"a run of another agent": {func(r *Repository) {
			_, err := r.Append(ref, sample(99), nil)
			require.NoError(t, err)
		}, "which this agent did not make"},
		"the ref is deleted": {func(r *Repository) { require.NoError(t, r.setTip(ref, "")) }, "is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, true)
			w.t = t
			p := w.start()
			p.run("a")
			require.NoError(t, p.deliver())
			before, err := w.remote.Tip(ref)
			require.NoError(t, err)
			test.meddle(w.remote)
			after, err := w.remote.Tip(ref)
			require.NoError(t, err)
			w.disk = filepath.Join(t.TempDir(), "fresh")
			for range 2 {
				p = w.start()
				p.run("b")
				for range 2 {
					err = p.deliver()
					require.ErrorContains(t, err, test.says)
					require.ErrorContains(t, err, "until refs/heads/acme there is commit "+before)
				}
			}
			require.Equal(t, 2, p.left())
			now, err := w.remote.Tip(ref)
			require.NoError(t, err)
			require.Equal(t, after, now, "nothing was pushed")
			require.NotZero(t, p.d.attempt(t.Context()))
			require.True(t, p.d.Status().Blocked)
			require.Equal(t, 2, p.d.Status().Waiting)

			require.NoError(t, w.remote.setTip(ref, before)) // as the message asks for
			require.Zero(t, p.d.attempt(t.Context()))
			require.False(t, p.d.Status().Blocked)
			require.Empty(t, p.d.Status().Error)
			require.Equal(t, []string{"a", "b", "b"}, has(t, w.remote))
		})
	}
	t.Run("while we run", func(t *testing.T) {
		w := newWorld(t, true)
		w.t = t
		p := w.start()
		p.run("a")
		require.NoError(t, p.deliver())
		foreign(w.remote)
		p.run("b")
		require.ErrorContains(t, p.deliver(), "somebody else pushed")
		require.ErrorContains(t, p.deliver(), "which this agent did not make")
		require.Equal(t, []string{"a", "b"}, has(t, p.d.Repository), "it is kept on disk")
	})
}

// What somebody took back in the remote comes back from disk, where all of it is.
func TestARefThatWasSetBackGoesForward(t *testing.T) {
	for _, gone := range []bool{false, true} {
		w := newWorld(t, true)
		p := w.start()
		p.run("a")
		require.NoError(t, p.deliver())
		early, err := w.remote.Tip(ref)
		require.NoError(t, err)
		p.run("b")
		require.NoError(t, p.deliver())
		if gone {
			early = ""
		}
		require.NoError(t, w.remote.setTip(ref, early))
		p.run("c")
		_ = p.deliver() // which finds that the ref moved
		require.NoError(t, p.deliver())
		require.Equal(t, []string{"a", "b", "c"}, has(t, w.remote))
	}
}

// The journal of another fleet is not written to.
func TestAnotherFleetsRef(t *testing.T) {
	w := newWorld(t, true)
	other := sample(1)
	other.Fleet = "globex"
	_, err := w.remote.Append(ref, other, nil)
	require.NoError(t, err)
	p := w.start()
	p.run("a")
	require.ErrorContains(t, p.deliver(), "is that of fleet globex")
}

// Without a remote the journal is on disk. If that is lost, it goes on with a number and a name for what is missing;
// if it is another agent's, nothing is written.
func TestOnDiskAlone(t *testing.T) {
	w := newWorld(t, false)
	p := w.start()
	p.run("a")
	p.run("b")
	require.NoError(t, p.deliver())
	require.Equal(t, []string{"a", "b"}, has(t, p.d.Repository))
	require.Zero(t, p.left())
	tip, err := p.d.Repository.Tip(ref)
	require.NoError(t, err)

	second := newWorld(t, false)
	second.notes = w.notes
	p = second.start()
	p.run("c")
	require.NoError(t, p.deliver())
	require.Equal(t, []string{"c"}, has(t, p.d.Repository))
	entries, err := all(p.d.Repository)
	require.NoError(t, err)
	require.Equal(t, 3, entries[0].Run.Sequence)
	require.Equal(t, tip, entries[0].Run.Follows)

	p = w.start()
	p.run("d")
	require.ErrorContains(t, p.deliver(), "agents that take turns need --journal")
	require.Equal(t, 1, p.left())

	require.NoError(t, os.RemoveAll(second.disk))
}

// A journal that was kept on disk is pushed as a whole once there is where to.
func TestPushedLater(t *testing.T) {
	w := newWorld(t, true)
	remote := w.remote
	w.remote = nil
	p := w.start()
	p.run("a")
	p.run("b")
	require.NoError(t, p.deliver())
	w.remote = remote
	p = w.start()
	require.NoError(t, p.deliver())
	require.Equal(t, []string{"a", "b"}, has(t, remote))
	p.run("c")
	require.NoError(t, p.deliver())
	require.Equal(t, []string{"a", "b", "c"}, has(t, remote))
}

// After a failure it is tried again, ever more rarely and never more often than that.
func TestPauses(t *testing.T) {
	d := &Delivery{}
	for n, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 9: 256 * time.Second, 10: 5 * time.Minute, 1000: 5 * time.Minute} {
		d.failures = n
		got := d.pause()
		require.InDelta(t, want.Seconds(), got.Seconds(), 0.21*want.Seconds(), "failure %d", n)
	}
}

// Run delivers by itself, goes on trying through an outage, and ends when it is told to.
func TestRunDelivers(t *testing.T) {
	w := newWorld(t, true)
	p := w.start()
	p.d.Rest, p.d.RestMax = 10*time.Millisecond, 20*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.d.Run(ctx)
	}()
	settled := func(want int) func() bool {
		return func() bool { return p.d.Status().Waiting == want && (want == 0) == (p.d.Status().Error == "") }
	}
	p.run("a")
	require.Eventually(t, settled(0), 10*time.Second, 5*time.Millisecond)
	w.away.Store(true)
	p.run("b")
	p.run("c")
	require.Eventually(t, settled(2), 10*time.Second, 5*time.Millisecond)
	require.False(t, p.d.Status().Blocked)
	w.away.Store(false)
	require.Eventually(t, settled(0), 10*time.Second, 5*time.Millisecond)
	cancel()
	<-done
	require.Equal(t, []string{"a", "b", "c"}, has(t, w.remote))
}
