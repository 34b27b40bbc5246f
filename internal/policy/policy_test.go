package policy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/fleet/scaffold"
)

// worker is the compiler as a program of its own: a race build would not run under its memory limit.
var worker fleet.Worker

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "policy-worker-*")
	if err != nil {
		panic(err)
	}
	worker.Path = filepath.Join(dir, "worker")
	if out, err := exec.Command("go", "build", "-o", worker.Path, "../fleet/testdata/worker").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the worker: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// starter is the fleet that init writes, with some of its files changed.
func starter(edits map[string]func(string) string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range scaffold.Repository("acme") {
		if edit := edits[name]; edit != nil {
			text = edit(text)
		}
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// tried is what comes of the tests of rules.
func tried(t *testing.T, fsys fstest.MapFS) (Outcome, diag.List) {
	t.Helper()
	l := fleet.NewLoader(fleet.Options{Worker: worker})
	t.Cleanup(l.Close)
	rules, found := l.Rules(t.Context(), fsys)
	require.Empty(t, found)
	out, found, err := Test(t.Context(), rules)
	require.NoError(t, err)
	return out, found
}

// Every rule that a new fleet begins with allows and denies what its tests say, and none is untried.
func TestStarterRules(t *testing.T) {
	out, found := tried(t, starter(nil))
	require.Empty(t, found)
	require.Equal(t, Outcome{Rules: 5, Tests: 13}, out)
}

// A window that is narrowed denies what is outside of it, to the hour, and lets pass what touches no machine.
func TestWindows(t *testing.T) {
	narrow := func(s string) string {
		return strings.Replace(s, `{days: ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], hours: [0, 23]},`,
			`{days: ["monday", "tuesday"], hours: [8, 15]},`, 1)
	}
	test := "package rules\n\nimport \"millwright.dev/fleet\"\n"
	for now, denied := range map[string]string{
		"2026-05-12T08:00:00Z": "", "2026-05-12T15:59:59Z": "", // a Tuesday
		"2026-05-12T07:59:59Z": "machine/a", "2026-05-12T16:00:00Z": "machine/a", "2026-05-13T10:00:00Z": "machine/a",
	} {
		test += fmt.Sprintf("test: %q: fleet.#RuleTest & {plan: {now: %[1]q, machines: [{name: \"a\", impact: \"reboot\"}, {name: \"b\"}]}", now)
		if denied != "" {
			test += fmt.Sprintf(", denied: \"change-windows\": [%q]", denied)
		}
		test += "}\n"
	}
	out, found := tried(t, starter(map[string]func(string) string{
		"policy/rules/rules.cue":      narrow,
		"policy/rules/rules_test.cue": func(string) string { return test },
	}))
	require.NoError(t, found.Err())
	require.Equal(t, 5, out.Tests)
}
