package testenv_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/testenv"
)

// childVariable makes the test binary a program that starts servers and never stops them.
const childVariable = "MILLWRIGHT_TESTENV_CHILD"

// child is what the test binary does instead of testing, or nil.
func child() func() {
	if os.Getenv(childVariable) == "" {
		return nil
	}
	return func() {
		env, err := testenv.Start(context.Background(), testenv.Options{})
		if err == nil {
			_, err = env.StartCluster(context.Background(), "orphan")
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin) // until the test closes it
		panic("as a test might")
	}
}

// Whatever ends the process that started them, servers must not survive it: they would pile up on
// a developer's machine, and hold ports and memory in CI.
func TestServersEndWithTheirProcess(t *testing.T) {
	for name, end := range map[string]func(p *os.Process, input io.Closer) error{
		"kill -9": func(p *os.Process, _ io.Closer) error { return p.Kill() },
		"Ctrl-C":  func(p *os.Process, _ io.Closer) error { return p.Signal(os.Interrupt) },
		"panic":   func(_ *os.Process, input io.Closer) error { return input.Close() }, // see child
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childVariable+"=1", "TMPDIR="+t.TempDir())
			input, err := cmd.StdinPipe()
			require.NoError(t, err)
			output, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			lines := bufio.NewScanner(output)
			require.True(t, lines.Scan())
			require.Equal(t, "ready", lines.Text())
			servers := children(t, cmd.Process.Pid)
			require.Len(t, servers, 2, "etcd and kube-apiserver")

			require.NoError(t, end(cmd.Process, input))
			require.Error(t, cmd.Wait())
			for _, pid := range servers {
				require.Eventually(t, func() bool { return !alive(pid) }, 30*time.Second, 20*time.Millisecond)
			}
		})
	}
}

// children are the processes whose parent is pid.
func children(t *testing.T, pid int) (pids []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range stats {
		child, parent, _ := readStat(path)
		if parent == pid {
			pids = append(pids, child)
		}
	}
	return pids
}

// alive is false for a process that is gone or only waits to be reaped.
func alive(pid int) bool {
	_, _, state := readStat(fmt.Sprintf("/proc/%d/stat", pid))
	return state != "" && state != "Z"
}

// readStat reads "pid (name) state parent …"; a name may hold anything, so what follows it counts from the end.
func readStat(path string) (pid, parent int, state string) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, ""
	}
	head, rest, _ := strings.Cut(string(content), " ")
	rest = rest[strings.LastIndex(rest, ")")+2:]
	fields := strings.Fields(rest)
	pid, _ = strconv.Atoi(head)
	parent, _ = strconv.Atoi(fields[1])
	return pid, parent, fields[0]
}
