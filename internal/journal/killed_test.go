package journal

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/sources"
)

// storyLength is how many runs the story of killed processes has.
const storyLength = 3

// The environment of a process that is to be killed: where it works, and at which point for which time.
const storyDir, storyPoint, storyTime = "MILLWRIGHT_TEST_JOURNAL", "MILLWRIGHT_TEST_POINT", "MILLWRIGHT_TEST_TIME"

// story is one life of a process: it does what is not done yet, each effect a file that is made before the run is
// ended, delivers after each run, and is killed by SIGKILL at a point.
func story(dir string) error {
	ctx := context.Background()
	left, err := strconv.Atoi(os.Getenv(storyTime))
	if err != nil {
		return err
	}
	r, err := NewRecorder(ctx, inventory.FileNotes(filepath.Join(dir, "notes")), "agent", "v1")
	if err != nil {
		return err
	}
	r.crash = func(p Point) {
		if string(p) != os.Getenv(storyPoint) {
			return
		}
		if left--; left == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	repository, err := Create(filepath.Join(dir, "disk"), ref)
	if err != nil {
		return err
	}
	up, err := sources.OpenUpstream(sources.Options{URL: filepath.Join(dir, "remote")})
	if err != nil {
		return err
	}
	d := &Delivery{Recorder: r, Repository: repository, Ref: ref, Fleet: "acme", Remote: up, Log: slog.New(slog.DiscardHandler)}
	for range storyLength + 1 { // the last pass finds all done
		p := Pass{Fleet: "acme", Source: Source{Commit: "c1"}, Now: noon}
		for n := range storyLength {
			c := plan.Change{ID: vpc(fmt.Sprint("vpc-", n)), Action: plan.Nothing, Status: plan.InSync}
			if _, err := os.Stat(filepath.Join(dir, "world", c.ID.Name)); err != nil {
				c.Action, c.Status = plan.Create, plan.Progressing
			}
			p.Changes = append(p.Changes, c)
			if len(p.Ready) == 0 && c.Action == plan.Create {
				p.Ready = append(p.Ready, c)
			}
		}
		if err := r.Begin(ctx, p); err != nil {
			return err
		}
		for _, c := range p.Ready {
			if err := os.WriteFile(filepath.Join(dir, "world", c.ID.Name), nil, 0o600); err != nil {
				return err
			}
			r.End(ctx, noon, []Outcome{{ID: c.ID, Result: Done, At: noon}})
			if err := r.Flush(); err != nil {
				return err
			}
		}
		if err := d.deliver(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Killed by SIGKILL at each moment that hurts most, for the n-th time that it comes, the next process leaves no gap
// and nothing twice: each effect is in one run that did it, or in one whose outcome was not recorded.
func TestKilled(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	live := func(dir string, point Point, n int) (killed bool) {
		cmd := exec.Command(program, "-test.run=none")
		cmd.Env = append(os.Environ(), storyDir+"="+dir, storyPoint+"="+string(point), storyTime+"="+strconv.Itoa(n))
		out, err := cmd.CombinedOutput()
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return true
		}
		require.NoError(t, err, "%s", out)
		return false
	}
	for _, point := range []Point{AfterBegin, BeforeEnd, AfterEnd, AfterCommit, AfterPush, BeforeDrop} {
		t.Run(string(point), func(t *testing.T) {
			for _, n := range []int{1, storyLength} {
				dir := t.TempDir()
				require.NoError(t, os.Mkdir(filepath.Join(dir, "world"), 0o700))
				remote, err := Create(filepath.Join(dir, "remote"), ref)
				require.NoError(t, err)
				killed := live(dir, point, n)
				require.True(t, killed, "the point does not come so often")
				for again := 1; live(dir, point, 2) && again < 20; again++ { // the next ones may be, too
				}
				require.False(t, live(dir, "never", 1))
				told := map[string]int{}
				ids := map[string]bool{}
				entries, err := all(remote)
				require.NoError(t, err)
				for _, e := range entries {
					require.False(t, ids[e.Run.ID])
					ids[e.Run.ID] = true
					for _, c := range e.Run.Changes {
						if c.Result == Done || c.Observed == plan.InSync {
							told[filepath.Base(c.Address)]++
						}
					}
				}
				for n := range storyLength {
					require.Equal(t, 1, told[fmt.Sprintf("vpc-%d", n)], "vpc-%d", n)
				}
				left, err := filepath.Glob(filepath.Join(dir, "notes", "*run*"))
				require.NoError(t, err)
				require.Empty(t, left)
				here, err := Open(filepath.Join(dir, "disk"))
				require.NoError(t, err)
				kept, err := all(here)
				require.NoError(t, err)
				require.Equal(t, len(entries), len(kept))
			}
		})
	}
}
