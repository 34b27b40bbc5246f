package main

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/view"
)

// told is a simulated forge that the environment leads to, as it does a job.
func told(t *testing.T, service string) *simulate.Forge {
	t.Helper()
	for _, name := range []string{"GITHUB_ACTIONS", "GITLAB_CI", "GITHUB_TOKEN", "GITLAB_TOKEN", "GITHUB_API_URL", "CI_API_V4_URL", "GITHUB_REPOSITORY", "CI_PROJECT_ID"} {
		t.Setenv(name, "")
	}
	site := simulate.NewSite(1000)
	f := simulate.NewGitHub(site)
	if service == "gitlab" {
		f = simulate.NewGitLab(site)
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	if service == "gitlab" {
		t.Setenv("GITLAB_CI", "true")
		t.Setenv("GITLAB_TOKEN", f.Token)
		t.Setenv("CI_API_V4_URL", server.URL+"/api/v4")
		t.Setenv("CI_PROJECT_ID", "17")
		return f
	}
	t.Setenv("GITHUB_ACTIONS", "true")
	t.Setenv("GITHUB_TOKEN", f.Token)
	t.Setenv("GITHUB_API_URL", server.URL)
	t.Setenv("GITHUB_REPOSITORY", "acme/fleet")
	return f
}

// millwright runs the command as main does.
func millwright(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = execute(t.Context(), args, &out, &err)
	return code, out.String() + err.String()
}

// planFile is the JSON of a comparison of a forge's request.
func planFile(t *testing.T, f *simulate.Forge, change ...func(*blast.Comparison)) string {
	t.Helper()
	c := blast.Comparison{
		Base: blast.Revision{Name: "origin/main", Commit: f.Tip}, Head: blast.Revision{Name: "HEAD", Commit: f.Head}, Incomplete: []string{},
		Entities: []blast.Entity{{Name: "tenant/acme", Change: blast.Changed, Facts: []blast.Fact{{Name: "hosts", Was: 16, Is: 24}}}}, Changes: []plan.Change{},
		Radius: blast.Radius{Tenants: []blast.Tenant{{Name: "acme", DisplayName: "@all </details>", Hosts: blast.Count{Was: 16, Is: 24}}}},
	}
	for _, ch := range change {
		ch(&c)
	}
	var b bytes.Buffer
	require.NoError(t, view.ComparisonJSON(&b, c))
	return fileOf(t, "plan.json", b.Bytes())
}

func fileOf(t *testing.T, name string, text []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

// A plan becomes one comment and a status of the commit that it is of; the next one edits it.
func TestCommentOnARequest(t *testing.T) {
	for _, service := range []string{"github", "gitlab"} {
		t.Run(service, func(t *testing.T) {
			f := told(t, service)
			request := []string{"comment", "--request", strconv.Itoa(f.Number), "--url", "https://ci.example.com/7"}
			code, out := millwright(t, append(request, "--plan", planFile(t, f), "--commit", f.Head)...)
			require.Equal(t, exitOK, code, out)
			require.Len(t, f.Comments(), 1)
			body := f.Comments()[0].Body
			require.True(t, strings.HasPrefix(body, view.CommentMarker))
			require.Contains(t, body, "`@all </details>`")
			require.NotContains(t, body, "Stale")
			require.Equal(t, simulate.ForgeStatus{Commit: f.Head, Name: "millwright/plan", State: "success", Description: "no object changes; touches 1 tenant", URL: "https://ci.example.com/7"}, f.Statuses()[0])

			f.Push(f.Head, strings.Repeat("77aa55cc", 5))
			code, out = millwright(t, append(request, "--plan", planFile(t, f, func(c *blast.Comparison) {
				c.Base.Commit = strings.Repeat("4f1c2ab0", 5)
				c.Incomplete = []string{"a chart is not at hand"}
			}))...)
			require.Equal(t, exitOK, code, out)
			require.Len(t, f.Comments(), 1)
			require.Contains(t, f.Comments()[0].Body, "> **Stale:** `origin/main` has gone on to `77aa55cc77aa` since.")
			last := f.Statuses()[len(f.Statuses())-1]
			require.Contains(t, []string{"failure", "failed"}, last.State, "what is incomplete is no success")
		})
	}
}

// Rules that its base got after a plan was made have not judged it, so that it is no success until it is made again; one
// of a branch that its base has left behind, which the base's own rules judged, is.
func TestCommentOnAPlanThatTheBaseOutran(t *testing.T) {
	for _, service := range []string{"github", "gitlab"} {
		t.Run(service, func(t *testing.T) {
			f := told(t, service)
			planned, request := f.Tip, strconv.Itoa(f.Number)
			behind := func(c *blast.Comparison) {
				c.Base = blast.Revision{Name: "origin/main", Commit: strings.Repeat("0a1b2c3d", 5), Moved: true, Tip: planned}
			}
			code, out := millwright(t, "comment", "--request", request, "--plan", planFile(t, f, behind))
			require.Equal(t, exitOK, code, out)
			require.Contains(t, f.Comments()[0].Body, "> **Stale:**")
			require.Equal(t, "success", f.Statuses()[0].State)

			f.Push(f.Head, strings.Repeat("77aa55cc", 5))
			for _, made := range []string{planFile(t, f, behind), planFile(t, f, func(c *blast.Comparison) { c.Base.Commit = planned })} {
				code, out = millwright(t, "comment", "--request", request, "--plan", made)
				require.Equal(t, exitOK, code, out)
				require.Contains(t, f.Comments()[0].Body, "has gone on to `77aa55cc77aa` since")
				last := f.Statuses()[len(f.Statuses())-1]
				require.Equal(t, "pending", last.State)
				require.Equal(t, "the base has gone on since this was planned, and its rules with it: plan anew", last.Description)
			}
			code, out = millwright(t, "comment", "--request", request, "--plan", planFile(t, f, behind, func(c *blast.Comparison) { c.Incomplete = []string{"a chart is not at hand"} }))
			require.Equal(t, exitOK, code, out)
			require.Contains(t, []string{"failure", "failed"}, f.Statuses()[len(f.Statuses())-1].State, "what is no success anyhow stays so")
		})
	}
}

// What policy blocks is no success, and the comment says by which rule.
func TestCommentOnWhatPolicyBlocks(t *testing.T) {
	for _, service := range []string{"github", "gitlab"} {
		t.Run(service, func(t *testing.T) {
			f := told(t, service)
			code, out := millwright(t, "comment", "--request", strconv.Itoa(f.Number), "--plan", planFile(t, f, func(c *blast.Comparison) {
				c.Policy.Rulings = []blast.Ruling{{Rule: "no-shrink", Of: blast.OfBase, Says: "no tenant shrinks", Denied: []blast.Denied{{At: "tenant/acme", Why: "it shrinks"}}}}
			}))
			require.Equal(t, exitOK, code, out)
			require.Contains(t, f.Comments()[0].Body, "Policy: 0 passed, 1 **blocked**")
			require.Contains(t, f.Comments()[0].Body, "`no-shrink: no tenant shrinks`")
			require.Contains(t, []string{"failure", "failed"}, f.Statuses()[0].State)
			require.Equal(t, "BLOCKED by policy: no object changes; touches 1 tenant", f.Statuses()[0].Description)
		})
	}
}

// What was planned by somebody's job says no more than it may: not of another commit, nor for a request that has
// gone on, nor in a form that is none.
func TestCommentRefuses(t *testing.T) {
	f := told(t, "github")
	other := strings.Repeat("0", 40)
	request := []string{"comment", "--request", "42"}
	for why, args := range map[string][]string{
		"and not of " + other: append(request, "--plan", planFile(t, f), "--commit", other),
		"is at " + f.Head:     append(request, "--plan", planFile(t, f, func(c *blast.Comparison) { c.Head.Commit = other })),
		"which is no commit":  append(request, "--plan", planFile(t, f, func(c *blast.Comparison) { c.Head.Commit += "-dirty" })),
		"decode the plan":     append(request, "--plan", fileOf(t, "plan.json", []byte(`<!-- hello -->`))),
		"answered 404":        {"comment", "--request", "43", "--plan", planFile(t, f)},
		"say what to tell":    {"comment"},
		"read what to tell":   {"comment", "--plan", "nowhere.json"},
		"GitLab":              {"comment", "--gitlab", "--plan", planFile(t, f)},
	} {
		code, out := millwright(t, args...)
		require.Equal(t, exitError, code, why)
		require.Contains(t, out, why)
		require.NotContains(t, out, f.Token)
	}
	require.Empty(t, f.Comments())
	require.Empty(t, f.Statuses())
	t.Setenv("GITHUB_ACTIONS", "")
	_, out := millwright(t, "comment", "--plan", planFile(t, f))
	require.Contains(t, out, "--github or --gitlab")
}

// After the merge a report says of the commit whether it is applied, what drifted since and what is held.
func TestCommentOfAReport(t *testing.T) {
	for _, service := range []string{"github", "gitlab"} {
		for name, c := range map[string]struct {
			counts map[plan.Status]int
			holes  bool
			code   int
			want   [3]string // applied, drifted, held
			says   string
		}{
			"all well":  {map[plan.Status]int{plan.InSync: 7}, false, exitOK, [3]string{"success", "success", "success"}, "7 objects in sync"},
			"under way": {map[plan.Status]int{plan.Progressing: 1}, false, exitOK, [3]string{"pending", "success", "success"}, "1 object under way"},
			"trouble":   {map[plan.Status]int{plan.Failed: 2, plan.Drifted: 1, plan.Held: 3}, false, exitOK, [3]string{"failure", "failure", "pending"}, "3 objects held by isolation, reboot-budget"},
			"unknown":   {map[plan.Status]int{plan.Unknown: 4}, true, exitIncomplete, [3]string{"pending", "pending", "success"}, "4 objects could not be read"},
		} {
			t.Run(service+"/"+name, func(t *testing.T) {
				f := told(t, service)
				r := report.Report{Version: report.FormatVersion, Fleet: "example", Time: time.Unix(0, 0).UTC(), Complete: !c.holes, Source: report.Source{Commit: f.Head}, Counts: c.counts,
					Items: []report.Item{{Status: plan.Held, Held: []plan.Hold{{By: "isolation"}, {By: "reboot-budget"}}}, {Status: plan.Held, Held: []plan.Hold{{By: "isolation"}}}}}
				text, err := json.Marshal(r)
				require.NoError(t, err)
				code, out := millwright(t, "comment", "--report", fileOf(t, "report.json", text), "--commit", f.Head)
				require.Equal(t, c.code, code, out)
				require.Contains(t, out, c.says)
				set := f.Statuses()
				require.Len(t, set, 3)
				for i, name := range []string{"applied", "drifted", "held"} {
					require.Equal(t, "millwright/"+name, set[i].Name)
					require.Equal(t, f.Head, set[i].Commit)
					if service == "github" {
						require.Equal(t, c.want[i], set[i].State, name)
					}
				}
				code, out = millwright(t, "comment", "--report", fileOf(t, "report.json", text), "--commit", strings.Repeat("0", 40))
				require.Equal(t, exitError, code)
				require.Contains(t, out, "nothing can be said of that yet")
			})
		}
	}
}
