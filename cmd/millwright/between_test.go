package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet/fleettest"
)

// repository is fleet-example in a Git repository, with a change of one tenant on a branch.
func repository(t testing.TB) (dir string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed (package git); plans of branches were not tried")
	}
	dir = t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(example)))
	commitAll(t, dir, "In force")
	file := filepath.Join(dir, "tenants/acme/acme.cue")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), "Acme Robotics", "Acme", 1)), 0o644))
	return dir
}

func commitAll(t testing.TB, dir, message string) {
	t.Helper()
	script := `git init -q && git add -A && git -c user.name=Someone -c user.email=someone@example.com commit -q -m "$1"`
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script, "sh", message)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// A plan between two commits is made where there is no network at all, and no credentials: in a network
// namespace of its own, which has nothing but a loopback device that is down.
func TestPlanBaseNeedsNoNetwork(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("network namespaces are Linux's")
	}
	dir := repository(t)
	isolated := func(command ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), plainWorker + "=" + os.Getenv(plainWorker)}
		cmd.SysProcAttr = inEmptyNetwork()
		return cmd
	}
	devices, err := isolated("cat", "/proc/net/dev").Output()
	if err != nil {
		t.Skipf("this kernel does not give a process a network of its own: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(devices)), "\n")
	require.Len(t, lines, 3, "more than the loopback device is there:\n%s", devices)
	require.Contains(t, lines[2], "lo:")

	out, err := isolated("millwright", "plan", "--base", "HEAD").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "displayName: Acme Robotics → Acme\n")
}

// BenchmarkPlanBaseAgainstCold measures whole processes: `millwright plan --base` of a commit that changes one
// tenant, with the caches warm, as a fraction of compiling and rendering the fleet with nothing cached; and how
// many seconds it takes. It is to be at most a tenth, and two seconds.
func BenchmarkPlanBaseAgainstCold(b *testing.B) {
	tools := b.TempDir()
	build(b, nil, "build", "-o", tools+"/millwright", ".")
	for _, machines := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("machines=%d", machines), func(b *testing.B) {
			dir, cache := b.TempDir(), b.TempDir()
			files := fleettest.Generate(fleettest.Size{Machines: machines, Tenants: machines / 50})
			require.NoError(b, files.Write(dir))
			commitAll(b, dir, "In force")
			packed := exec.CommandContext(b.Context(), "git", "-C", dir, "repack", "-adq") // as a clone has it
			out, err := packed.CombinedOutput()
			require.NoError(b, err, "%s", out)
			const tenant = "tenants/tenant0003/tenant.cue"
			require.Contains(b, files, tenant)
			edit := func(name string) {
				text := strings.Replace(files[tenant], "Tenant 3", name, 1)
				require.NoError(b, os.WriteFile(filepath.Join(dir, tenant), []byte(text), 0o644))
				commitAll(b, dir, name)
			}
			plan := func() time.Duration {
				took, _ := process(b, dir, tools+"/millwright", "plan", "--base", "HEAD~1", "--cache-dir", cache)
				return took
			}
			edit("warm")
			plan()
			var ratios, seconds []float64
			for n := 0; b.Loop(); n++ {
				edit(fmt.Sprint("Changed ", n))
				warm := plan()
				cold, _ := process(b, dir, tools+"/millwright", "validate", "--cache-dir", "")
				ratios, seconds = append(ratios, warm.Seconds()/cold.Seconds()), append(seconds, warm.Seconds())
			}
			b.ReportMetric(median(ratios), "time/cold")
			b.ReportMetric(median(seconds), "s/plan")
		})
	}
}
