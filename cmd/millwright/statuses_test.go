package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet/scaffold"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
)

// The timer that init writes tells the forge what the agent beside it says: each thing once, what changed when it
// has, of a refused commit that it is, and nothing where the agent does not answer. Its unit is run as it stands.
func TestStatusesOfTheAgent(t *testing.T) {
	for _, service := range []string{"github", "gitlab"} {
		t.Run(service, func(t *testing.T) {
			f := told(t, service)
			var now atomic.Pointer[report.Report]
			agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.URL.Path != "/api/v1/report" {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				_ = json.NewEncoder(w).Encode(now.Load())
			}))
			defer agent.Close()
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "agent.address"), []byte(strings.TrimPrefix(agent.URL, "http://")+"\n"), 0o600))
			args := unit(t, service, map[string]string{"STATE_DIR": dir, "CACHE_DIRECTORY": filepath.Join(dir, "cache")})
			says := func(complete bool, refused string, counts map[plan.Status]int) {
				now.Store(&report.Report{Version: report.FormatVersion, Time: time.Unix(0, 0).UTC(), Complete: complete,
					Source: report.Source{Commit: f.Head, Refused: refused, Error: "tenants/acme.cue:3:2: no"}, Counts: counts})
			}

			says(true, "", map[plan.Status]int{plan.InSync: 7})
			code, out := millwright(t, args...)
			require.Equal(t, exitOK, code, out)
			require.Len(t, f.Statuses(), 3)
			code, out = millwright(t, args...)
			require.Equal(t, exitOK, code, out)
			require.Empty(t, out)
			require.Len(t, f.Statuses(), 3, "what is known is not told again")

			bad := strings.Repeat("bad0", 10)
			says(false, bad, map[plan.Status]int{plan.InSync: 6, plan.Drifted: 1})
			code, out = millwright(t, args...)
			require.Equal(t, exitIncomplete, code, out)
			set := f.Statuses()[3:]
			require.Len(t, set, 3, "%v", set)
			require.Equal(t, []string{"millwright/applied", "millwright/drifted", "millwright/applied"}, []string{set[0].Name, set[1].Name, set[2].Name})
			require.Equal(t, "1 object drifted or missing", set[1].Description)
			require.Equal(t, bad, set[2].Commit)
			require.Equal(t, "refused, and the last good commit stays in force: tenants/acme.cue:3:2: no", set[2].Description)
			require.Contains(t, []string{"failure", "failed"}, set[2].State)

			says(true, "", map[plan.Status]int{plan.InSync: 7})
			code, out = millwright(t, args...)
			require.Equal(t, exitOK, code, out)
			require.Len(t, f.Statuses(), 8, "and what is so again is told again")
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "cache")))
			code, out = millwright(t, args...)
			require.Equal(t, exitOK, code, out)

			before := len(f.Statuses())
			require.NoError(t, report.Save(filepath.Join(dir, "report.json"), *now.Load()))
			agent.Close()
			code, out = millwright(t, args...)
			require.Equal(t, exitError, code)
			require.Contains(t, out, "ask the agent at")
			require.NotContains(t, out, f.Token)
			require.Len(t, f.Statuses(), before)
		})
	}
	told(t, "github")
	code, out := millwright(t, "comment", "--state-dir", t.TempDir())
	require.Equal(t, exitError, code)
	require.Contains(t, out, "find the agent")
	code, out = millwright(t, "comment", "--state-dir", t.TempDir(), "--report", "x.json")
	require.Equal(t, exitError, code)
	require.Contains(t, out, "one of --plan, --report, --agent and --state-dir")
}

// unit are the arguments of the command that the systemd unit of init starts.
func unit(t *testing.T, service string, env map[string]string) []string {
	t.Helper()
	files := scaffold.CI{Forge: service, Fleet: ".", Version: "v1", Organisation: "example", Platform: "platform"}.Files()
	require.Contains(t, files["."+service+"/millwright-statuses.timer"], "OnUnitActiveSec=1min")
	for line := range strings.Lines(files["."+service+"/millwright-statuses.service"]) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "ExecStart=/usr/local/bin/millwright ")
		if !ok {
			continue
		}
		for name, value := range env {
			require.Contains(t, command, "${"+name+"}")
			command = strings.ReplaceAll(command, "${"+name+"}", value)
		}
		require.NotContains(t, command, "$")
		return strings.Fields(command)
	}
	require.Fail(t, fmt.Sprintf("the unit of %s starts no millwright", service))
	return nil
}
