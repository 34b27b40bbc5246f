package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	core "k8s.io/client-go/kubernetes/typed/core/v1"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/kubernetes"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/testenv"
	"millwright.dev/millwright/reconcile"
	"millwright.dev/millwright/sources"
)

// BenchmarkJournal makes passes over 500 objects on a real API server, some of which change, in turns with a journal,
// which is pushed at the same time, and without one. It reports how much longer a pass with one takes: at most
// 0.05 is what the journal may cost.
func BenchmarkJournal(b *testing.B) {
	env, err := testenv.Start(b.Context(), testenv.Options{})
	require.NoError(b, err)
	defer func() { require.NoError(b, env.Stop()) }()
	server, err := env.StartCluster(b.Context(), state.ControlPlane.Name)
	require.NoError(b, err)
	const objects = 500
	for _, changes := range []int{5, 50, 500} {
		b.Run(fmt.Sprintf("changes=%d", changes), func(b *testing.B) {
			namespace := server.Namespace(b)
			client, err := core.NewForConfig(server.Config)
			require.NoError(b, err)
			recorder, delivery := benchJournal(b, inventory.ConfigMapNotes(client, namespace))
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				delivery.Run(ctx)
			}()
			defer func() { cancel(); <-done }()
			r := &reconcile.Reconciler{
				Open: func(_ context.Context, to state.Target, _ *fleet.Fleet) (target.Reader, error) {
					return kubernetes.New(to, server.Config, kubernetes.Options{Fleet: "bench"})
				},
				Memory: inventory.ConfigMaps(client, namespace), Version: "bench", Now: time.Now, Log: slog.New(slog.DiscardHandler),
			}
			defer r.Close(context.Background())
			revision := 0
			pass := func(j reconcile.Journal) time.Duration {
				revision++
				want := benchDesired(b, namespace, objects, changes, revision)
				r.Journal = j
				began := time.Now()
				out, err := r.Pass(b.Context(), want)
				took := time.Since(began)
				require.NoError(b, err)
				require.Contains(b, []int{changes, objects}, out.Applied)
				return took
			}
			pass(nil) // which makes them
			pass(nil)
			var more []float64
			for b.Loop() {
				// Twice in both orders, since what comes first may find another server than what comes second.
				without, with := pass(nil), pass(recorder)
				with += pass(recorder)
				without += pass(nil)
				more = append(more, with.Seconds()/without.Seconds()-1)
			}
			b.ReportMetric(median(more), "more-than-without")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func benchJournal(b *testing.B, notes journal.Notes) (*journal.Recorder, *journal.Delivery) {
	recorder, err := journal.NewRecorder(b.Context(), notes, "bench", "bench")
	require.NoError(b, err)
	dir := b.TempDir()
	const ref = "refs/heads/bench"
	_, err = journal.Create(filepath.Join(dir, "remote.git"), ref)
	require.NoError(b, err)
	here, err := journal.Create(filepath.Join(dir, "journal.git"), ref)
	require.NoError(b, err)
	remote, err := sources.OpenUpstream(sources.Options{URL: filepath.Join(dir, "remote.git")})
	require.NoError(b, err)
	return recorder, &journal.Delivery{Recorder: recorder, Repository: here, Ref: ref, Fleet: "bench", Remote: remote, Log: slog.New(slog.DiscardHandler)}
}

// benchDesired wants so many ConfigMaps, of which some say which revision it is.
func benchDesired(b *testing.B, namespace string, objects, changes, revision int) reconcile.Desired {
	var all []state.Object
	for n := range objects {
		name := fmt.Sprintf("bench-%04d", n)
		said := "the first"
		if n < changes {
			said = fmt.Sprint(revision)
		}
		value := map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name, "namespace": namespace},
			"data": map[string]any{"revision": said, "a": "one", "b": "two", "c": "three"},
		}
		all = append(all, state.Object{
			ID:     state.ID{Target: state.ControlPlane, Kind: "ConfigMap", Namespace: namespace, Name: name},
			Entity: "platform", Mode: state.Own, Tree: state.FromPlain(value, state.Origin{Entity: "platform"}),
		})
	}
	set, err := state.NewSet(all, nil)
	require.NoError(b, err)
	return reconcile.Desired{Set: set, Source: report.Source{Commit: fmt.Sprintf("%040d", revision)}, Fleet: &fleet.Fleet{
		Platform: &fleet.Platform{Fleet: "bench", Cluster: state.ControlPlane.Name}, Policy: &fleet.Policy{},
	}}
}
