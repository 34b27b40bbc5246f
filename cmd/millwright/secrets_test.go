package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientset "k8s.io/client-go/kubernetes"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/kubernetes"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/testenv"
	"millwright.dev/millwright/internal/view"
	"millwright.dev/millwright/reconcile"
)

// canaries are what a chart writes into its Secret, one commit after the other.
var canaries = []string{"canary-one-5b1f", "canary-two-77ac"}

// withSecret is a copy of the example in which a chart writes a Secret out.
func withSecret(t *testing.T, canary string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(example)))
	chart := filepath.Join(dir, "stacks", "charts", "gpu-limits")
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: registry}\nstringData: {password: {{ .Values.password }}}\n"
	require.NoError(t, os.WriteFile(filepath.Join(chart, "templates", "secret.yaml"), []byte(secret), 0o600))
	values, err := os.OpenFile(filepath.Join(chart, "values.yaml"), os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = values.WriteString("password: " + canary + "\n")
	require.NoError(t, err)
	require.NoError(t, values.Close())
	return dir
}

// noCanary fails if any form of a canary stands in a text.
func noCanary(t *testing.T, where, text string) {
	t.Helper()
	for _, canary := range canaries {
		for _, form := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary))} {
			require.NotContains(t, text, form, where)
		}
	}
}

// No command that needs no cluster shows what a chart writes into a Secret, in whatever form it prints.
func TestNoCommandShowsASecret(t *testing.T) {
	dir, cache := withSecret(t, canaries[0]), t.TempDir()
	const secret = "kubernetes/acme.train/Secret/training/registry"
	for _, args := range [][]string{
		{"validate"}, {"validate", "-o", "json"}, {"validate", "-o", "github"},
		{"render"}, {"render", "-o", "json"},
		{"why", secret}, {"why", secret + ".data.password"}, {"why", secret, "-o", "json"}, {"why", "stack/training"},
		{"charts"}, {"allocate", "--dry-run"}, {"explain", "stack.component"},
	} {
		var out bytes.Buffer
		code := execute(t.Context(), append(args, "-C", dir, "--cache-dir", cache), &out, &out)
		if args[0] == "render" || len(args) > 1 && strings.HasPrefix(args[1], secret) {
			require.Equal(t, exitOK, code, out.String())
			require.Contains(t, out.String(), "registry")
		}
		noCanary(t, strings.Join(args, " "), out.String())
	}
	require.NoError(t, filepath.WalkDir(cache, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		noCanary(t, path, string(text))
		return err
	}))
}

// On a real API server the Secret is what the chart says, is brought up to the next commit, and is put
// right when somebody changes it; plans, reports, logs and what is remembered show none of it.
func TestASecretOfAChartIsAppliedAndNeverShown(t *testing.T) {
	env, err := testenv.Start(t.Context(), testenv.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, env.Stop()) }()
	server, err := env.StartCluster(t.Context(), state.ControlPlane.Name)
	require.NoError(t, err)
	client, err := clientset.NewForConfig(server.Config)
	require.NoError(t, err)
	secrets := client.CoreV1().Secrets("training")
	stored := func() string {
		s, err := secrets.Get(t.Context(), "registry", metav1.GetOptions{})
		require.NoError(t, err)
		return string(s.Data["password"])
	}

	var log bytes.Buffer
	memory := t.TempDir()
	r := &reconcile.Reconciler{
		Open: func(_ context.Context, to state.Target, _ *fleet.Fleet) (target.Reader, error) {
			return kubernetes.New(to, server.Config, kubernetes.Options{Fleet: "test"})
		},
		Memory: inventory.Files(memory), Version: "test", Now: time.Now, Log: slog.New(slog.NewJSONHandler(&log, nil)),
	}
	defer r.Close(t.Context())
	// look shows what a plan says of the Secret; pass also carries it out.
	look := func(want reconcile.Desired) plan.Change {
		p, err := r.Look(t.Context(), want)
		require.NoError(t, err)
		var out bytes.Buffer
		require.NoError(t, view.PlanText(&out, p, view.Style{}))
		require.NoError(t, view.PlanJSON(&out, p))
		noCanary(t, "plan", out.String())
		return *p.Get(state.ID{Target: tenantTarget, Kind: "Secret", Namespace: "training", Name: "registry"})
	}
	pass := func(want reconcile.Desired) {
		out, err := r.Converge(t.Context(), want, 50*time.Millisecond)
		require.NoError(t, err)
		noCanary(t, "report", reportOf(t, out.Report))
	}
	for i, canary := range canaries {
		want := secretIn(t, withSecret(t, canary))
		want.Source.Commit = canary[:len("canary-one")]
		c := look(want)
		require.Equal(t, []plan.Cause{plan.CauseCommit}, c.Causes)
		require.Equal(t, []plan.Action{plan.Create, plan.Update}[i], c.Action)
		pass(want)
		require.Equal(t, canary, stored())
		require.Equal(t, plan.InSync, look(want).Status)

		_, err := secrets.Patch(t.Context(), "registry", types.MergePatchType, []byte(`{"stringData":{"password":"theirs"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
		require.NoError(t, err)
		require.Equal(t, []plan.Cause{plan.CauseDrift}, look(want).Causes)
		pass(want)
		require.Equal(t, canary, stored())
	}
	noCanary(t, "log", log.String())
	require.Contains(t, log.String(), "kubectl-edit")
	files, err := os.ReadDir(memory)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(memory, f.Name()))
		require.NoError(t, err)
		noCanary(t, f.Name(), string(text))
	}
}

var tenantTarget = state.Target{System: state.Kubernetes, Name: "acme.train"}

// secretIn is what a fleet wants of the Secret and its namespace alone: the cluster that they wait for
// is there.
func secretIn(t *testing.T, dir string) reconcile.Desired {
	t.Helper()
	var out bytes.Buffer
	want, _, err := (&globals{stdout: &out, stderr: &out}).compileDirectory(t.Context(), dir, false)
	require.NoError(t, err, out.String())
	var objects []state.Object
	for _, o := range want.Set.Of(tenantTarget) {
		if o.ID.Kind == "Secret" || o.ID.Kind == "Namespace" {
			o.After = nil
			objects = append(objects, o)
		}
	}
	want.Set, err = state.NewSet(objects, []state.Entity{{Name: "cluster/acme/train"}})
	require.NoError(t, err)
	return want
}

func reportOf(t *testing.T, r report.Report) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, view.ReportText(&out, r, time.Now(), view.Style{}))
	require.NoError(t, view.JSON(&out, r))
	return out.String()
}
