package scaffold

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

var example = CI{Fleet: "fleet", Version: "v1.2.3", Organisation: "example", Platform: "platform",
	Tenants: []Owner{{Path: "tenants/acme/", Teams: []string{"acme-admins", "Acme Ops!"}}, {Path: "tenants/small.cue", Teams: []string{"small"}}}}

// parsed is a file of jobs as YAML.
func parsed(t *testing.T, forge, name string) (doc map[string]any, text string) {
	t.Helper()
	ci := example
	ci.Forge = forge
	text = ci.Files()[name]
	require.NotEmpty(t, text, name)
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &doc))
	require.NotContains(t, text, "@FLEET@")
	require.NotContains(t, text, "@VERSION@")
	require.Contains(t, text, "cmd/millwright@v1.2.3")
	return doc, text
}

func get(t *testing.T, v any, path ...string) any {
	t.Helper()
	for _, key := range path {
		m, ok := v.(map[string]any)
		require.True(t, ok, path)
		v = m[key]
	}
	return v
}

// expressions in a script would be put into it as they are, whoever wrote them.
var expression = regexp.MustCompile(`\$\{\{`)

func steps(t *testing.T, job any) (uses []string, all []map[string]any) {
	t.Helper()
	for _, s := range get(t, job, "steps").([]any) {
		step := s.(map[string]any)
		all = append(all, step)
		if u, ok := step["uses"].(string); ok {
			uses = append(uses, u)
		}
		if run, ok := step["run"].(string); ok {
			require.NotRegexp(t, expression, run, "what others wrote comes to a script by its environment")
		}
	}
	return uses, all
}

// On GitHub the job that runs what the pull request says has no secret and may change nothing; the one that may runs
// nothing of it, does not check it out, and may do no more than comment and set statuses.
func TestGitHubJobs(t *testing.T) {
	plan, text := parsed(t, "github", ".github/workflows/fleet.yml")
	require.Equal(t, "pull_request", plan["on"], "never pull_request_target, which has secrets")
	require.Equal(t, map[string]any{"contents": "read"}, plan["permissions"])
	require.NotContains(t, text, "secrets.")
	require.NotContains(t, text, "github.token")
	job := get(t, plan, "jobs", "plan")
	require.Nil(t, get(t, job, "permissions"))
	_, all := steps(t, job)
	checkout := all[0]
	require.Regexp(t, `^actions/checkout@`, checkout["uses"])
	require.Equal(t, false, get(t, checkout, "with", "persist-credentials"))
	require.EqualValues(t, 0, get(t, checkout, "with", "fetch-depth"), "a plan needs the history")
	require.Contains(t, all[len(all)-2]["uses"], "upload-artifact")
	require.Contains(t, all[len(all)-1]["run"], "-ne 3", "what policy blocks fails the job, once its plan is there to be shown")

	comment, text := parsed(t, "github", ".github/workflows/fleet-comment.yml")
	require.Equal(t, []any{plan["name"]}, get(t, comment, "on", "workflow_run", "workflows"))
	require.Len(t, comment["on"], 1)
	require.Empty(t, comment["permissions"])
	job = get(t, comment, "jobs", "comment")
	require.Equal(t, map[string]any{"actions": "read", "pull-requests": "write", "statuses": "write"}, get(t, job, "permissions"))
	require.Contains(t, get(t, job, "if"), "workflow_run.event == 'pull_request' && ")
	uses, shown := steps(t, job)
	for _, step := range shown[1:] {
		require.Equal(t, "steps.plan.outcome == 'success'", step["if"], "a run without a plan has nothing to show")
	}
	for _, u := range uses {
		require.NotContains(t, u, "checkout")
	}
	for _, bad := range []string{"git clone", "git fetch", "git checkout", "gh pr checkout", "secrets."} {
		require.NotContains(t, text, bad)
	}
	require.Contains(t, text, `--commit "$HEAD"`, "what the plan is of is not believed")
}

// So it is on GitLab: the job with the token fetches no code, and only it is in the environment that has the token.
func TestGitLabJobs(t *testing.T) {
	doc, _ := parsed(t, "gitlab", ".gitlab/fleet.yml")
	plan, comment := doc["fleet-plan"], doc["fleet-comment"]
	require.Nil(t, get(t, plan, "environment"))
	require.Equal(t, "0", get(t, plan, "variables", "GIT_DEPTH"))
	for _, line := range get(t, plan, "script").([]any) {
		require.NotContains(t, line, "TOKEN")
		require.NotContains(t, line, "millwright comment")
	}
	require.Equal(t, "none", get(t, comment, "variables", "GIT_STRATEGY"))
	require.Equal(t, "fleet-comment", get(t, comment, "environment", "name"))
	for _, line := range get(t, comment, "script").([]any) {
		require.NotRegexp(t, `\bgit\b`, line)
	}
	require.Equal(t, "always", get(t, comment, "rules").([]any)[0].(map[string]any)["when"], "what policy blocks is shown")
	require.Equal(t, "always", get(t, plan, "artifacts", "when"))
	require.Contains(t, get(t, comment, "rules").([]any)[0].(map[string]any)["if"], "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID")

	ci := example
	ci.Forge = "gitlab"
	require.Contains(t, ci.Files()[".gitlab-ci.yml"], ".gitlab/fleet.yml")
}

// Tenants own what is theirs, and the platform the rest; teams are named as forges name them.
func TestCodeOwners(t *testing.T) {
	ci := example
	ci.Forge = "github"
	lines := []string{}
	for line := range strings.Lines(ci.Files()[".github/CODEOWNERS"]) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	require.Equal(t, []string{"* @example/platform", "/fleet/tenants/acme/ @example/acme-admins @example/acme-ops", "/fleet/tenants/small.cue @example/small"}, lines)
	ci.Fleet = "."
	require.Contains(t, ci.Files()[".github/CODEOWNERS"], "\n/tenants/acme/ ")
}

// What is there is left as it is, and only what is other than it would be is named. The hook can be run.
func TestWriteMissing(t *testing.T) {
	dir := t.TempDir()
	files := Files{"a/b": "new", "hook": "#!/bin/sh\n", "same": "same"}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "a"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a/b"), []byte("mine"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "same"), []byte("same"), 0o644))
	kept, err := files.WriteMissing(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"a/b"}, kept)
	mine, err := os.ReadFile(filepath.Join(dir, "a/b"))
	require.NoError(t, err)
	require.Equal(t, "mine", string(mine))
	info, err := os.Stat(filepath.Join(dir, "hook"))
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&0o100)

	outside := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
	_, err = Files{"link/x": "x"}.WriteMissing(dir)
	require.Error(t, err)
	require.NoFileExists(t, filepath.Join(outside, "x"))
}

// The example judges by the rules that a new fleet begins with, word for word, so that mending one mends both.
func TestExampleHasTheStarterRules(t *testing.T) {
	const of = "policy/rules/"
	entries, err := os.ReadDir("new/" + of)
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	for _, e := range entries {
		want, err := os.ReadFile("new/" + of + e.Name())
		require.NoError(t, err)
		got, err := os.ReadFile("../../../fleet-example/" + of + e.Name())
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), e.Name())
	}
}
