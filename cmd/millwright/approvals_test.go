package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/testenv"
	"millwright.dev/millwright/reconcile"
	"millwright.dev/millwright/sources"
)

const tinyFleet = `package common

import "millwright.dev/fleet"

platform: fleet.#Platform & {
	fleet: "test"
	vcluster: version: "0.36.0"
	dns: ["10.10.255.53"]
	networking: {podCIDR: "10.40.0.0/16", serviceCIDR: "10.41.0.0/16"}
}
policy: fleet.#Policy & {drift: "kubernetes/ConfigMap": "report"}
`

const leave = `package approvals

import "millwright.dev/fleet"

approval: "cap-17": fleet.#Approval & {
	for: ["kubernetes/control-plane/ConfigMap/default/*"]
	changes: 1, drift: true
	until:  "2999-01-01T00:00:00Z"
	reason: "put it right, agreed with operations"
}
`

// The agent leaves drift on a real API server that policy says to report, whatever approval somebody commits, until
// one comes in a commit that is signed by a person whose signature counts.
func TestAnAgentHeedsASignedApproval(t *testing.T) {
	for _, tool := range []string{"git", "ssh-keygen"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (packages git and openssh-client), without which nothing can be signed", tool)
		}
	}
	dir, key := t.TempDir(), filepath.Join(t.TempDir(), "olga")
	run := func(name string, args ...string) {
		command := exec.Command(name, args...)
		command.Dir, command.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s %v: %s", name, args, out)
	}
	commit := func(file, content string, options ...string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600))
		run("git", "add", "-A")
		run("git", append([]string{"-c", "user.name=Jane", "-c", "user.email=jane@example.com", "-c", "gpg.format=ssh", "-c", "user.signingkey=" + key, "commit", "-q", "-m", file}, options...)...)
	}
	run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key)
	public, err := os.ReadFile(key + ".pub")
	require.NoError(t, err)
	signers := filepath.Join(t.TempDir(), "signers")
	require.NoError(t, os.WriteFile(signers, []byte("olga@example.com "+string(public)), 0o600))
	run("git", "init", "-q", "-b", "main")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "cue.mod"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cue.mod/module.cue"), []byte("module: \"fleet.example.com@v0\"\nlanguage: version: \"v0.15.0\"\n"), 0o600))
	commit("common/common.cue", tinyFleet)

	env, err := testenv.Start(t.Context(), testenv.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, env.Stop()) }()
	server, err := env.StartCluster(t.Context(), state.ControlPlane.Name)
	require.NoError(t, err)
	id := state.ID{Target: state.ControlPlane, Kind: "ConfigMap", Namespace: "default", Name: "watched"}
	set, err := state.NewSet([]state.Object{{ID: id, Entity: "platform", Mode: state.Own, Tree: state.FromPlain(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "watched", "namespace": "default"}, "data": map[string]any{"key": "wanted"},
	}, state.Origin{Entity: "platform"})}}, nil)
	require.NoError(t, err)

	git, err := sources.Open(t.Context(), sources.Options{URL: dir, Signatures: sources.Signatures{AllowedSigners: signers}})
	require.NoError(t, err)
	poller := sources.NewPoller(git)
	poller.Interval = 50 * time.Millisecond
	reports, done := make(chan report.Report, 10_000), make(chan plan.Change, 10)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	agent := &reconcile.Agent{
		Poller: poller, LastGood: nothingGood{}, Approvers: approversOf(git, true),
		Compile: func(ctx context.Context, s sources.Snapshot) (reconcile.Desired, diag.List) {
			f, found := fleet.Load(ctx, s.FS, fleet.Options{})
			return reconcile.Desired{Set: set, Fleet: f}, found
		},
		Reconciler: &reconcile.Reconciler{
			Open: func(_ context.Context, to state.Target, _ *fleet.Fleet) (target.Reader, error) {
				return kubernetes.New(to, server.Config, kubernetes.Options{Fleet: "test"})
			},
			Memory: inventory.Files(t.TempDir()), Version: "test", Now: time.Now, Log: log,
			Done: func(c plan.Change, _ target.Result) { done <- c },
		},
		Interval: 50 * time.Millisecond, Pause: 50 * time.Millisecond, Log: log, Publish: func(r report.Report) { reports <- r },
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- agent.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-ended)
	}()
	// until waits for a report in which the object is held for that reason, or is in sync if there is none.
	until := func(why string) {
		t.Helper()
		last, deadline := report.Report{}, time.After(2*time.Minute)
		for {
			select {
			case last = <-reports:
			case <-deadline:
				require.Fail(t, "it never comes to that", "%s: %+v", why, last)
			}
			if why == "" && last.Complete && len(last.Items) == 0 && last.Source.Commit != "" ||
				why != "" && slices.ContainsFunc(last.Items, func(i report.Item) bool { return len(i.Held) > 0 && strings.Contains(i.Held[0].Why, why) }) {
				return
			}
		}
	}
	until("")
	require.Nil(t, (<-done).Consent, "to make it needed nobody's leave")

	client, err := clientset.NewForConfig(server.Config)
	require.NoError(t, err)
	maps := client.CoreV1().ConfigMaps("default")
	data := func() *corev1.ConfigMap {
		now, err := maps.Get(t.Context(), "watched", metav1.GetOptions{})
		require.NoError(t, err)
		return now
	}
	_, err = maps.Patch(t.Context(), "watched", types.MergePatchType, []byte(`{"data":{"key":"changed"}}`), metav1.PatchOptions{FieldManager: "somebody"})
	require.NoError(t, err)
	until("policy says to report drift of kubernetes/ConfigMap")
	commit("approvals/cap-17.cue", leave)
	until("approval cap-17 does not do: nobody is proven to have signed it (it is not signed)")
	require.False(t, wanted(data()))
	commit("approvals/cap-17.cue", leave+"\n// By Olga.\n", "-S")
	until("")
	require.True(t, wanted(data()))
	require.Equal(t, "approved by olga@example.com (approval cap-17, verified)", (<-done).Consent.String())
}
