package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"millwright.dev/millwright/internal/fleet/scaffold"
)

// The jobs that init writes do what they are for: the scripts of GitHub's are run as they stand, one after the
// other, from a pull request to its comment.
func TestJobsRun(t *testing.T) {
	for _, tool := range []string{"git", "bash"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (package %s); the jobs were not run", tool, tool)
		}
	}
	f := told(t, "github")
	dir := repository(t)
	commitAll(t, dir, "A pull request")
	rev := func(name string) string {
		cmd := exec.CommandContext(t.Context(), "git", "rev-parse", name)
		cmd.Dir = dir
		out, err := cmd.Output()
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	f.Push(rev("HEAD"), rev("HEAD~1"))
	files := scaffold.CI{Forge: "github", Fleet: ".", Version: "v1", Organisation: "example", Platform: "platform"}.Files()
	temp := t.TempDir()
	is := strings.NewReplacer(
		"origin/${{ github.base_ref }}", "HEAD~1",
		"${{ github.event.pull_request.number }}", strconv.Itoa(f.Number),
		"${{ github.event.workflow_run.head_sha }}", f.Head,
		"${{ github.event.workflow_run.html_url }}", "https://ci.example.com/7",
		"${{ github.token }}", f.Token,
	)
	for _, name := range []string{"fleet.yml", "fleet-comment.yml"} {
		var doc struct {
			Env  map[string]string
			Jobs map[string]struct {
				Steps []struct {
					Name, Run string
					Env       map[string]string
				}
			}
		}
		require.NoError(t, yaml.Unmarshal([]byte(files[".github/workflows/"+name]), &doc))
		for _, job := range doc.Jobs {
			for _, step := range job.Steps {
				if step.Run == "" || strings.HasPrefix(step.Run, "go install") {
					continue
				}
				cmd := exec.CommandContext(t.Context(), "bash", "-e", "-c", step.Run)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "RUNNER_TEMP="+temp, "GITHUB_STEP_SUMMARY="+filepath.Join(temp, "summary"), "XDG_CACHE_HOME="+temp)
				for _, env := range []map[string]string{doc.Env, step.Env} {
					for k, v := range env {
						cmd.Env = append(cmd.Env, k+"="+is.Replace(v))
					}
				}
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s, %s:\n%s", name, step.Name, out)
			}
		}
	}
	require.Len(t, f.Comments(), 1)
	require.Contains(t, f.Comments()[0].Body, "displayName: Acme Robotics → Acme")
	require.NotContains(t, f.Comments()[0].Body, "Stale")
	require.Equal(t, "success", f.Statuses()[0].State)
	summary, err := os.ReadFile(filepath.Join(temp, "summary"))
	require.NoError(t, err)
	require.Contains(t, string(summary), "### millwright plan")
}
