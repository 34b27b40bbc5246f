package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/journal"
)

// example is the fleet that every script begins with.
const example = "../../fleet-example"

// cueCommand is CUE's own command, of the version that is built in.
const cueCommand = "cuelang.org/go/cmd/cue@v0.17.1"

var update = flag.Bool("update", false, "write golden files, and the lines of ARCHITECTURE.md that a test knows, anew")

// plainWorker names the variable that tells a command of a race build which program compiles for it.
const plainWorker = "MILLWRIGHT_TEST_WORKER"

// TestMain lets scripts run this test binary as the command millwright, which starts itself again as
// its own compile worker. A race build would not run under a worker's memory limit, so that its
// worker is a plain build.
func TestMain(m *testing.M) {
	fleet.WorkerMain()
	testscript.Main(testMain{m}, map[string]func(){"millwright": func() {
		if worker := os.Getenv(plainWorker); worker != "" {
			workerProgram = func() (string, error) { return worker, nil }
		}
		main()
	}})
}

type testMain struct{ *testing.M }

func (m testMain) Run() int {
	flag.Parse()
	if isRaceBuild() {
		dir, err := os.MkdirTemp("", "millwright-worker-*")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		worker := filepath.Join(dir, "worker")
		if out, err := exec.Command("go", "build", "-o", worker, "../../internal/fleet/testdata/worker").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the worker: %v\n%s", err, out)
			return 1
		}
		if err := os.Setenv(plainWorker, worker); err != nil {
			panic(err)
		}
	}
	return m.M.Run()
}

func isRaceBuild() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// TestScripts runs the scripts that specify the command line. Beside testscript's own they have the
// commands below.
//
// The condition "cue" holds where the real cue command can be had; it is $CUE then.
func TestScripts(t *testing.T) {
	tools := t.TempDir()
	cue := sync.OnceValue(func() bool {
		command := exec.Command("go", "install", cueCommand)
		command.Env = append(os.Environ(), "GOBIN="+tools, "GOFLAGS=")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Logf("%s cannot be had: %v\n%s", cueCommand, err, out)
		}
		return err == nil
	})
	testscript.Run(t, testscript.Params{
		Condition: func(condition string) (bool, error) {
			if condition != "cue" {
				return false, fmt.Errorf("no such condition")
			}
			return !testing.Short() && cue(), nil
		},
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv(plainWorker, os.Getenv(plainWorker))
			env.Setenv("CUE", filepath.Join(tools, "cue"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fleet":      copyExample,
			"edit":       edit,
			"exits":      exitsWith,
			"sparse":     sparse,
			"agent":      fakeAgent,
			"runs":       appendRuns,
			"age":        age,
			"repository": serveCharts,
		},
	})
}

// copyExample is "fleet dir": dir is a copy of fleet-example.
func copyExample(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.CopyFS(ts.MkAbs(args[0]), os.DirFS(example)))
}

// edit is "edit file old new": what stands once in the file is replaced.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if n := strings.Count(text, args[1]); n != 1 {
		ts.Fatalf("%q stands %d times in %s, not once", args[1], n, args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o644))
}

// exitsWith is "exits code command args...": the command's exit code is that one.
func exitsWith(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// sparse is "sparse file size": the file is so many MiB of nothing.
func sparse(ts *testscript.TestScript, _ bool, args []string) {
	mib, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(f.Truncate(mib << 20))
	ts.Check(f.Close())
}

var agoPattern = regexp.MustCompile(`"ago ([0-9a-z]+)"`)

// age is "age file...": each "ago 5m" in them becomes the time of five minutes ago.
func age(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := agoPattern.ReplaceAllStringFunc(ts.ReadFile(name), func(s string) string {
			d, err := time.ParseDuration(agoPattern.FindStringSubmatch(s)[1])
			ts.Check(err)
			return strconv.Quote(time.Now().Add(-d).UTC().Format(time.RFC3339))
		})
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o644))
	}
}

// appendRuns is "runs journal ref repository file": the runs in the file, one after another, are appended to the ref
// of the journal; of each the commit is a revision of the repository.
func appendRuns(ts *testscript.TestScript, _ bool, args []string) {
	j, err := journal.Create(ts.MkAbs(args[0]), args[1])
	ts.Check(err)
	for d := json.NewDecoder(strings.NewReader(ts.ReadFile(args[3]))); d.More(); {
		run := journal.Run{Fleet: "example", Millwright: version, By: "agent mgmt-1 (7)"}
		ts.Check(d.Decode(&run))
		cmd := exec.Command("git", "rev-parse", run.Source.Commit)
		cmd.Dir = ts.MkAbs(args[2])
		out, err := cmd.Output()
		ts.Check(err)
		run.Source.Commit = strings.TrimSpace(string(out))
		_, err = j.Append(args[1], run, nil)
		ts.Check(err)
	}
}

// fakeAgent is "agent status file": a server answers requests for a report with that status and the
// file; its address is in $AGENT.
func fakeAgent(ts *testscript.TestScript, _ bool, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	body := ts.ReadFile(args[1])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/api/v1/report" {
			status = http.StatusNotFound
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	ts.Defer(server.Close)
	ts.Setenv("AGENT", strings.TrimPrefix(server.URL, "http://"))
}
