package journal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// recorder is one whose notes another can take up.
func recorder(t *testing.T, dir string) *Recorder {
	t.Helper()
	r, err := NewRecorder(t.Context(), inventory.FileNotes(dir), "agent mgmt-1 (7)", "v1")
	require.NoError(t, err)
	return r
}

// pass makes a pass of a plan whose ready changes come to a result, and returns the runs that it made.
func pass(t *testing.T, r *Recorder, changes []plan.Change, result Result, bound map[string]string) []Run {
	t.Helper()
	before := len(r.waiting())
	p := Pass{Fleet: "acme", Source: Source{Commit: "c1"}, Now: noon, Changes: changes, Bound: bound}
	var outcomes []Outcome
	for _, c := range changes {
		if c.Ready() {
			p.Ready = append(p.Ready, c)
			o := Outcome{ID: c.ID, Result: result, At: noon.Add(time.Second), Took: 250 * time.Millisecond}
			if result == Failed {
				o.Err = errors.New("503")
			}
			outcomes = append(outcomes, o)
		}
	}
	require.NoError(t, r.Begin(t.Context(), p))
	r.End(t.Context(), noon.Add(2*time.Second), outcomes)
	require.NoError(t, r.Flush())
	return r.waiting()[before:]
}

var drifted = plan.Change{
	ID: vpc("acme"), Entity: "tenant/acme", Action: plan.Update, Status: plan.Drifted, Causes: []plan.Cause{plan.CauseDrift}, Impact: kinds.Network,
	Fields: []plan.Field{
		{Name: "name", Old: "bobs", New: "acme", Who: []state.Writer{{Name: "bob", Time: noon}}},
		{Name: "password", Old: "hunter2", New: "secret", Sensitive: true},
		{Name: "notes", Old: strings.Repeat("x", 5000), New: "short"},
	},
}

// A change is told with its fields, its time and by whose leave it was; sensitive values never, long ones by digest.
func TestWhatARunSays(t *testing.T) {
	c := drifted
	c.Consent = &plan.Consent{Approval: "cap-17", By: "olga@example.com", Verified: true, Commit: "a1"}
	runs := pass(t, recorder(t, t.TempDir()), []plan.Change{c}, Done, nil)
	require.Len(t, runs, 1)
	require.Equal(t, []Change{{
		Address: "netris/dc1/vpc/acme", Entity: "tenant/acme", Action: plan.Update, Causes: []plan.Cause{plan.CauseDrift}, Impact: "network",
		Fields: []Field{
			{Path: "name", Old: "bobs", New: "acme", Who: []state.Writer{{Name: "bob", Time: noon}}},
			{Path: "password", Sensitive: true},
			{Path: "notes", Old: "sha256:0b4fff0e4d57d4f7a0e7f0e5 (5002 bytes)", New: "short"},
		},
		Approval: &Approval{Name: "cap-17", By: "olga@example.com", Verified: true, Commit: "a1"},
		Result:   Done, Time: noon.Add(time.Second), Milliseconds: 250,
	}}, mendDigest(runs[0].Changes))
	text, err := Encode(runs[0])
	require.NoError(t, err)
	for _, secret := range []string{"hunter2", "secret\"", "xxxx"} {
		require.NotContains(t, string(text)+runs[0].Message(), secret)
	}
	require.Contains(t, runs[0].Message(), "~ update netris/dc1/vpc/acme: done, drifted by bob, approved by olga@example.com")
}

// mendDigest checks a digest's form and puts a short one in its place.
func mendDigest(changes []Change) []Change {
	if old, ok := changes[0].Fields[2].Old.(string); ok && len(old) == len("sha256: (5002 bytes)")+64 {
		changes[0].Fields[2].Old = "sha256:0b4fff0e4d57d4f7a0e7f0e5 (5002 bytes)"
	}
	return changes
}

// Drift that is left, and who is bound, are told once, when they begin and when they end, through restarts too.
func TestNewsIsToldOnce(t *testing.T) {
	dir := t.TempDir()
	held := drifted
	held.Held = []plan.Hold{{By: "observe-only"}}
	insync := plan.Change{ID: drifted.ID, Entity: drifted.Entity, Action: plan.Nothing, Status: plan.InSync}
	unknown := insync
	unknown.Status = plan.Unknown
	r := recorder(t, dir)
	runs := pass(t, r, []plan.Change{held}, Done, map[string]string{"gpu-1": "p-acme/n1", "gpu-2": ""})
	require.Len(t, runs, 1)
	require.Empty(t, runs[0].Changes)
	require.Equal(t, "drifted", string(runs[0].Drift[0].Status))
	require.Equal(t, []string{"observe-only"}, runs[0].Drift[0].Held)
	require.Equal(t, []Binding{{Machine: "gpu-1", To: "p-acme/n1"}}, runs[0].Bindings)
	require.Empty(t, pass(t, r, []plan.Change{held}, Done, map[string]string{"gpu-1": "p-acme/n1"}))

	r = recorder(t, dir)
	require.Empty(t, pass(t, r, []plan.Change{held}, Done, map[string]string{"gpu-1": "p-acme/n1"}), "after a restart")
	require.Empty(t, pass(t, r, []plan.Change{unknown}, Done, nil), "what cannot be read has not ended")
	runs = pass(t, r, []plan.Change{insync}, Done, map[string]string{"gpu-1": "", "gpu-2": "p-acme/n1"})
	require.Len(t, runs, 1)
	require.Equal(t, []Drift{{Address: "netris/dc1/vpc/acme", Entity: "tenant/acme", Status: plan.InSync, Ended: true}}, runs[0].Drift)
	require.Equal(t, []Binding{{Machine: "gpu-1", Was: "p-acme/n1"}, {Machine: "gpu-2", To: "p-acme/n1"}}, runs[0].Bindings)
	require.Contains(t, runs[0].Message(), "1 as wanted again, 2 bound")
	require.Empty(t, pass(t, recorder(t, dir), []plan.Change{insync}, Done, nil))
}

// What fails again and again in the same way is one run, until something else comes of it.
func TestTheSameFailureIsToldOnce(t *testing.T) {
	r := recorder(t, t.TempDir())
	one := plan.Change{ID: vpc("acme"), Action: plan.Create}
	other := plan.Change{ID: vpc("globex"), Action: plan.Create}
	require.Len(t, pass(t, r, []plan.Change{one}, Failed, nil), 1)
	for range 3 {
		require.Empty(t, pass(t, r, []plan.Change{one}, Failed, nil))
	}
	require.Len(t, pass(t, r, []plan.Change{one, other}, Failed, nil), 1)
	require.Empty(t, pass(t, r, []plan.Change{other}, Failed, nil))
	require.Len(t, pass(t, r, []plan.Change{one}, Refused, nil), 1, "another outcome")
	require.Len(t, pass(t, r, []plan.Change{one}, Done, nil), 1)
	require.Len(t, pass(t, r, []plan.Change{one}, Failed, nil), 1, "it had worked in between")
	all, err := r.notes.All(t.Context())
	require.NoError(t, err)
	n := 0
	for name := range all {
		if strings.HasPrefix(name, runNote) {
			n++
		}
	}
	require.Equal(t, len(r.waiting()), n, "nothing is left of passes that were no news")
}

// A run whose end nobody wrote down says so, and how things stood when the next process looked.
func TestLostOutcomes(t *testing.T) {
	dir := t.TempDir()
	r := recorder(t, dir)
	a, b, c := plan.Change{ID: vpc("a"), Action: plan.Create}, plan.Change{ID: vpc("b"), Action: plan.Create}, plan.Change{ID: vpc("c"), Action: plan.Delete}
	require.NoError(t, r.Begin(t.Context(), Pass{Fleet: "acme", Now: noon, Changes: []plan.Change{a, b, c}, Ready: []plan.Change{a, b, c}}))

	r = recorder(t, dir)
	a.Action, a.Status, b.Status = plan.Nothing, plan.InSync, plan.Unknown
	require.NoError(t, r.Begin(t.Context(), Pass{Fleet: "acme", Now: noon.Add(time.Hour), Changes: []plan.Change{a, b}}))
	runs := r.waiting()
	require.Len(t, runs, 1)
	require.True(t, runs[0].Lost)
	require.Equal(t, noon.Add(time.Hour), runs[0].Ended)
	for i, observed := range []plan.Status{plan.InSync, plan.Unknown, ""} {
		require.Equal(t, Unrecorded, runs[0].Changes[i].Result)
		require.Equal(t, observed, runs[0].Changes[i].Observed)
	}
	require.Contains(t, runs[0].Message(), "The process ended before it could write down the outcome.")
	require.Empty(t, recorder(t, dir).lost)
}

// A pass that cannot be written down does not begin, and an end that could not be is told of before the next.
func TestNotesThatFail(t *testing.T) {
	r := recorder(t, t.TempDir())
	c := plan.Change{ID: vpc("a"), Action: plan.Create}
	p := Pass{Fleet: "acme", Now: noon, Changes: []plan.Change{c}, Ready: []plan.Change{c}}
	good := r.notes
	r.notes = failing{good}
	require.ErrorContains(t, r.Begin(t.Context(), p), "the disk is full")
	r.notes = good
	require.NoError(t, r.Begin(t.Context(), p))
	r.notes = failing{good}
	r.End(t.Context(), noon, []Outcome{{ID: c.ID, Result: Done}})
	require.ErrorContains(t, r.Begin(t.Context(), p), "the disk is full")
	r.notes = good
	require.NoError(t, r.Flush(), "said once")
}

type failing struct{ Notes }

func (failing) Put(context.Context, string, []byte) error { return errors.New("the disk is full") }

// BenchmarkGrowth makes a journal of 1,000 runs of three changes each, and says how large one run is on disk, packed
// as it is now and then.
func BenchmarkGrowth(b *testing.B) {
	const runs = 1000
	for b.Loop() {
		dir := filepath.Join(b.TempDir(), fmt.Sprint("journal-", b.N))
		r, err := Create(dir, "acme")
		require.NoError(b, err)
		for n := range runs {
			run := sample(n)
			run.Began = noon.Add(time.Duration(n) * 15 * time.Minute)
			run.Ended = run.Began
			_, err := r.Append("acme", run, nil)
			require.NoError(b, err)
		}
		size, files := diskOf(b, dir)
		b.ReportMetric(float64(size)/runs, "bytes/run")
		b.ReportMetric(float64(files), "files")
	}
}
