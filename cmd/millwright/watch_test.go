package main

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientset "k8s.io/client-go/kubernetes"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/kubernetes"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/testenv"
	"millwright.dev/millwright/reconcile"
	"millwright.dev/millwright/sources"
)

// oneCommit is a repository that never changes.
type oneCommit struct{}

func (oneCommit) Fetch(context.Context) (sources.Snapshot, error) {
	return sources.Snapshot{Commit: sources.Commit{Hash: "c1"}}, nil
}

// nothingGood is an agent's memory of the commit in force, which is not what this is about.
type nothingGood struct{}

func (nothingGood) LastGood(context.Context) (string, error)  { return "", nil }
func (nothingGood) SetLastGood(context.Context, string) error { return nil }

// The agent notices drift on a real API server by watching, and puts it right, although the next look of
// its own is an hour away.
func TestDriftIsNoticedByWatching(t *testing.T) {
	env, err := testenv.Start(t.Context(), testenv.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, env.Stop()) }()
	server, err := env.StartCluster(t.Context(), state.ControlPlane.Name)
	require.NoError(t, err)

	value := map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "watched", "namespace": "default"},
		"data":     map[string]any{"key": "wanted"},
	}
	id := state.ID{Target: state.ControlPlane, Kind: "ConfigMap", Namespace: "default", Name: "watched"}
	set, err := state.NewSet([]state.Object{{
		ID: id, Entity: "platform", Mode: state.Own, Tree: state.FromPlain(value, state.Origin{Entity: "platform"}),
	}}, nil)
	require.NoError(t, err)
	settled := make(chan report.Report, 1000)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	agent := &reconcile.Agent{
		Poller: sources.NewPoller(oneCommit{}),
		Compile: func(context.Context, sources.Snapshot) (reconcile.Desired, diag.List) {
			return reconcile.Desired{Set: set, Fleet: &fleet.Fleet{
				Platform: &fleet.Platform{Fleet: "test", Cluster: state.ControlPlane.Name}, Policy: &fleet.Policy{},
			}}, nil
		},
		LastGood: nothingGood{},
		Reconciler: &reconcile.Reconciler{
			Open: func(_ context.Context, to state.Target, _ *fleet.Fleet) (target.Reader, error) {
				return kubernetes.New(to, server.Config, kubernetes.Options{Fleet: "test"})
			},
			Memory: inventory.Files(t.TempDir()), Version: "test", Now: time.Now, Log: log,
		},
		Interval: time.Hour, Pause: 50 * time.Millisecond, Log: log,
		Publish: func(r report.Report) {
			if r.Complete && len(r.Items) == 0 && r.Source.Commit != "" {
				settled <- r
			}
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- agent.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-ended)
	}()
	select {
	case <-settled:
	case <-time.After(time.Minute):
		require.Fail(t, "it does not settle")
	}

	client, err := clientset.NewForConfig(server.Config)
	require.NoError(t, err)
	maps := client.CoreV1().ConfigMaps("default")
	require.Eventually(t, func() bool { // the watch may begin a moment after the report
		_, err := maps.Patch(t.Context(), "watched", types.MergePatchType, []byte(`{"data":{"key":"changed"}}`), metav1.PatchOptions{})
		require.NoError(t, err)
		return eventually(func() bool {
			now, err := maps.Get(t.Context(), "watched", metav1.GetOptions{})
			require.NoError(t, err)
			return wanted(now)
		}, 2*time.Second)
	}, time.Minute, time.Millisecond)
}

func wanted(m *corev1.ConfigMap) bool { return m.Data["key"] == "wanted" }

// eventually reports whether something came true in time.
func eventually(holds func() bool, within time.Duration) bool {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return false
}
