package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/fleet/fleettest"
	"millwright.dev/millwright/sources"
)

// written is a fleet on disk with the schema that `cue` needs, and a tenant for each 50 machines.
func written(b *testing.B, machines int) string {
	dir := b.TempDir()
	require.NoError(b, fleettest.Generate(fleettest.Size{Machines: machines, Tenants: machines / 50}).Write(dir))
	return dir
}

// tools builds millwright, and `cue` if it is asked for.
func tools(b *testing.B, cue bool) string {
	dir := b.TempDir()
	build(b, nil, "build", "-o", dir+"/millwright", ".")
	if cue {
		build(b, []string{"GOBIN=" + dir, "GOFLAGS="}, "install", cueCommand)
	}
	return dir
}

// BenchmarkColdAgainstCueExport measures whole processes, nothing cached: `millwright validate`, which
// compiles, checks and renders, against `cue export` of the same tree, which renders nothing. It reports
// ratios: below 1 is faster, or leaner. Memory is the largest process of each.
func BenchmarkColdAgainstCueExport(b *testing.B) {
	bin := tools(b, true)
	for _, machines := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("machines=%d", machines), func(b *testing.B) {
			dir := written(b, machines)
			var wall, memory, resident []float64
			for b.Loop() {
				ours, oursRSS := process(b, dir, bin+"/millwright", "validate", "--cache-dir", "")
				peer, peerRSS := process(b, dir, bin+"/cue", "export", "./...")
				wall = append(wall, ours.Seconds()/peer.Seconds())
				memory = append(memory, float64(oursRSS)/float64(peerRSS))
				resident = append(resident, float64(oursRSS)/1024)
			}
			b.ReportMetric(median(wall), "time/cue-export")
			b.ReportMetric(median(memory), "memory/cue-export")
			b.ReportMetric(median(resident), "MB")
		})
	}
}

// BenchmarkGrowth measures what a machine costs in larger fleets, cold, as a ratio to what it costs in one
// of 1,000: at most 1 is linear or better.
func BenchmarkGrowth(b *testing.B) {
	bin := tools(b, false)
	sizes := []int{1000, 3000, 10_000}
	var dirs []string
	for _, machines := range sizes {
		dirs = append(dirs, written(b, machines))
	}
	ratios := map[int][]float64{}
	for b.Loop() {
		var first float64
		for i, machines := range sizes {
			took, _ := process(b, dirs[i], bin+"/millwright", "validate", "--cache-dir", "")
			each := took.Seconds() / float64(machines)
			if i == 0 {
				first = each
			}
			ratios[machines] = append(ratios[machines], each/first)
		}
	}
	for _, machines := range sizes[1:] {
		b.ReportMetric(median(ratios[machines]), fmt.Sprintf("cost-at-%d/cost-at-1000", machines))
	}
}

// BenchmarkWarmAgainstCold measures a second process that finds the cache of the first on disk, as a
// fraction of the first.
func BenchmarkWarmAgainstCold(b *testing.B) {
	bin := tools(b, false)
	dir := written(b, 10_000)
	var ratios []float64
	for b.Loop() {
		cache := b.TempDir()
		cold, _ := process(b, dir, bin+"/millwright", "validate", "--cache-dir", cache)
		warm, _ := process(b, dir, bin+"/millwright", "validate", "--cache-dir", cache)
		ratios = append(ratios, warm.Seconds()/cold.Seconds())
	}
	b.ReportMetric(median(ratios), "time/cold")
}

// BenchmarkOneChangeAgainstCold measures what an agent does with a commit that touches one rack, from
// the snapshot that was fetched up to the new Set, checks included, as a fraction of doing all of it
// anew.
func BenchmarkOneChangeAgainstCold(b *testing.B) {
	worker := b.TempDir() + "/worker"
	build(b, nil, "build", "-o", worker, "../../internal/fleet/testdata/worker")
	for _, machines := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("machines=%d", machines), func(b *testing.B) {
			dir, files := b.TempDir(), fleettest.Generate(fleettest.Size{Machines: machines, Tenants: machines / 50})
			require.NoError(b, files.Write(dir))
			git(b, dir, "init", "-q")
			git(b, dir, "config", "user.name", "bench")
			git(b, dir, "config", "user.email", "bench@example.com")
			repository, err := sources.Open(b.Context(), sources.Options{URL: dir})
			require.NoError(b, err)
			rack := fleettest.RackFile(3)
			commit := func(serial string) sources.Snapshot {
				text := strings.Replace(files[rack], "SN00000024", serial, 1)
				require.NoError(b, os.WriteFile(filepath.Join(dir, filepath.FromSlash(rack)), []byte(text), 0o644))
				git(b, dir, "add", "-A")
				git(b, dir, "commit", "-q", "-m", serial)
				s, err := repository.Fetch(b.Context())
				require.NoError(b, err)
				return s
			}
			compile := func(c *compiler, s sources.Snapshot) time.Duration {
				runtime.GC() // what came before is not paid for here
				began := time.Now()
				_, found := c.compile(b.Context(), s)
				require.NoError(b, found.Err())
				return time.Since(began)
			}
			fresh := func() *compiler {
				return &compiler{Loader: fleet.NewLoader(fleet.Options{Worker: fleet.Worker{Path: worker}})}
			}
			warm := fresh()
			defer warm.Close()
			compile(warm, commit("SN"))
			var ratios []float64
			for n := 0; b.Loop(); n++ {
				snapshot, anew := commit(fmt.Sprintf("SNX%d", n)), fresh()
				cold := compile(anew, snapshot)
				anew.Close()
				ratios = append(ratios, compile(warm, snapshot).Seconds()/cold.Seconds())
			}
			b.ReportMetric(median(ratios), "time/cold")
		})
	}
}

func git(b *testing.B, dir string, args ...string) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(b, err, "git %v: %s", args, out)
}

func build(b *testing.B, env []string, args ...string) {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(b, err, "%s", out)
}

// process runs a command and returns how long it took, and the memory of its largest process in KiB.
func process(b *testing.B, dir string, command ...string) (time.Duration, int64) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	stderr := new(strings.Builder)
	cmd.Stderr = stderr
	began := time.Now()
	require.NoError(b, cmd.Run(), "%s", stderr)
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return time.Since(began), usage.Maxrss
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
