package reconcile

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/sources"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a repository whose looks the test hands out one by one.
type source chan look

func (s source) Fetch(ctx context.Context) (sources.Snapshot, error) {
	select {
	case l := <-s:
		return l.snapshot, l.err
	case <-ctx.Done():
		return sources.Snapshot{}, ctx.Err()
	}
}

func commit(hash string) sources.Snapshot {
	return sources.Snapshot{Commit: sources.Commit{Hash: hash, Signer: &sources.Signer{Principal: "signer of " + hash}}}
}

// watching is an agent at work, and what it published.
type watching struct {
	*run
	looks   source
	reports chan report.Report
	ended   chan error
	stop    func() error
}

type lastGood struct{ kept *kept }

func (l lastGood) LastGood(context.Context) (string, error) { return l.kept.good, nil }

func (l lastGood) SetLastGood(_ context.Context, commit string) error {
	l.kept.good = commit
	return nil
}

// watch runs an agent. Commits that begin with "bad" do not compile, "empty" wants nothing, the others
// want one host.
func watched(x *run, change ...func(*Agent)) *watching {
	w := &watching{run: x, looks: make(source), reports: make(chan report.Report, 1000)}
	poller := sources.NewPoller(w.looks)
	poller.After = func(time.Duration) <-chan time.Time {
		at := make(chan time.Time, 1)
		at <- time.Time{}
		return at
	}
	agent := &Agent{
		Poller: poller,
		Compile: func(_ context.Context, s sources.Snapshot) (Desired, diag.List) {
			switch s.Commit.Hash {
			case "bad":
				return Desired{}, diag.List{{Code: "MW001", Summary: "no such field", Pos: diag.Pos{File: "a.cue", Line: 3}}}
			case "empty":
				return desired("", nil, nil), nil
			}
			return desired(s.Commit.Hash, []string{"gpu-1"}, nil), nil
		},
		LastGood: lastGood{x.kept},
		Recall: func(_ context.Context, hash string) (sources.Snapshot, error) {
			return commit(hash), nil
		},
		Reconciler: x.r, Interval: time.Hour, Pause: time.Hour,
		Publish: func(r report.Report) { w.reports <- r },
		Log:     slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, f := range change {
		f(agent)
	}
	ctx, cancel := context.WithCancel(context.Background())
	x.Cleanup(cancel)
	w.ended = make(chan error, 1)
	go func() { w.ended <- agent.Run(ctx) }()
	w.stop = func() error {
		cancel()
		return <-w.ended
	}
	return w
}

// see hands out a look and waits for a report of which the source says so.
func (w *watching) see(l look, says func(report.Source) bool) report.Report {
	w.Helper()
	w.looks <- l
	deadline := time.After(time.Minute)
	var last report.Report
	for {
		select {
		case last = <-w.reports:
			if says(last.Source) {
				return last
			}
		case <-deadline:
			require.Fail(w, "it is never told", "%+v", last.Source)
		}
	}
}

func inForce(hash string) func(report.Source) bool {
	return func(s report.Source) bool { return s.Commit == hash && s.Error == "" && s.Refused == "" }
}

func refused(hash, bad string) func(report.Source) bool {
	return func(s report.Source) bool { return s.Commit == hash && s.Refused == bad && s.Error != "" }
}

// Whatever becomes of the source, what was good stays in force, also across a restart; nothing is deleted,
// and why the newest commit is not in force is always the true reason.
func TestTheLastGoodCommitStaysInForce(t *testing.T) {
	x := newRun(t, 1)
	var told []string // what is in force, by the agent's word
	w := watched(x, func(a *Agent) { a.InForce = func(d Desired) { told = append(told, d.Source.Commit) } })
	dead := look{err: errors.New("no route to host")}

	r := w.see(dead, func(s report.Source) bool { return s.Error == "no route to host" })
	require.Empty(t, r.Source.Commit)
	require.Zero(t, x.count, "without a commit nothing is done")

	w.see(look{snapshot: commit("c1")}, inForce("c1"))
	require.Equal(t, "c1", x.kept.good)
	r = w.see(look{snapshot: commit("bad")}, refused("c1", "bad"))
	require.Contains(t, r.Source.Error, "a.cue:3")
	r = w.see(dead, func(s report.Source) bool { return s.Error == "no route to host" })
	require.Equal(t, "c1", r.Source.Commit)
	require.Equal(t, "signer of c1", r.Source.Signer)
	r = w.see(look{snapshot: commit("bad")}, func(s report.Source) bool { return s.Error != "no route to host" })
	require.Contains(t, r.Source.Error, "a.cue:3", "the source is back, the commit is still bad")
	r = w.see(look{snapshot: commit("empty")}, refused("c1", "empty"))
	require.Contains(t, r.Source.Error, "wants nothing")
	require.Equal(t, "c1", x.kept.good)
	require.NoError(t, w.stop())
	require.Equal(t, []string{"c1"}, told, "of what is refused nobody is told that it is in force")

	for _, l := range []look{dead, {snapshot: commit("bad")}} {
		x.start()
		w = watched(x)
		r = w.see(l, func(s report.Source) bool { return s.Commit == "c1" })
		require.NotEmpty(t, r.Source.Error)
		w.see(look{snapshot: commit("c1")}, inForce("c1"))
		require.NoError(t, w.stop())
	}
	x.start()
	w = watched(x)
	w.see(look{snapshot: commit("c3")}, inForce("c3"))
	require.NoError(t, w.stop())
	require.Equal(t, "c3", x.kept.good)
	require.NotNil(t, x.objects[hostID("gpu-1")])
	require.Equal(t, []string{"create " + hostID("gpu-1").String()}, x.writes)
}

// An agent whose memory cannot be written stops: what it did it would not know afterwards.
func TestAnAgentWithoutMemoryStops(t *testing.T) {
	x := newRun(t, 1)
	x.process.dead = true // its saves fail
	w := watched(x)
	w.looks <- look{snapshot: commit("c1")}
	select {
	case err := <-w.ended:
		require.ErrorContains(t, err, "write what we own")
	case <-time.After(time.Minute):
		require.Fail(t, "it goes on")
	}
	require.Zero(t, x.count, "without the intent on record nothing is sent")
}
