package web

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// panelQuery is a query and the text that shows its labels.
type panelQuery struct{ where, query, legend string }

// queries are those of all files: of alerts and of dashboards.
func queries(t *testing.T) []panelQuery {
	t.Helper()
	var all []panelQuery
	require.NoError(t, fs.WalkDir(Monitoring(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := fs.ReadFile(Monitoring(), name)
		require.NoError(t, err)
		if strings.HasSuffix(name, ".yaml") {
			var rules struct {
				Groups []struct {
					Rules []struct {
						Alert, Expr string
						Annotations map[string]string
					}
				}
			}
			require.NoError(t, yaml.Unmarshal(text, &rules))
			for _, g := range rules.Groups {
				for _, r := range g.Rules {
					all = append(all, panelQuery{name + ": " + r.Alert, r.Expr, r.Annotations["summary"] + r.Annotations["description"]})
				}
			}
			return nil
		}
		var board struct {
			Templating struct {
				List []struct{ Query any }
			}
			Panels []struct {
				Title   string
				Targets []struct{ Expr, LegendFormat string }
			}
		}
		require.NoError(t, json.Unmarshal(text, &board))
		for _, p := range board.Panels {
			require.NotEmpty(t, p.Targets, p.Title)
			for _, q := range p.Targets {
				all = append(all, panelQuery{name + ": " + p.Title, q.Expr, q.LegendFormat})
			}
		}
		for _, v := range board.Templating.List {
			if q, ok := v.Query.(map[string]any); ok {
				all = append(all, panelQuery{name + ": a variable", fmt.Sprint(q["query"]), ""})
			}
		}
		return nil
	}))
	require.Greater(t, len(all), 15)
	return all
}

var (
	sampleLine   = regexp.MustCompile(`(?m)^(millwright_\w+)(?:\{(.*)\})? \S+$`)
	labelPair    = regexp.MustCompile(`(\w+)="([^"]*)"`)
	selectorPart = regexp.MustCompile(`(millwright_\w+)(?:\{([^}]*)\})?`)
	matcherPart  = regexp.MustCompile(`(\w+)(=~|!~|!=|=)"([^"]*)"`)
	grouping     = regexp.MustCompile(`\b(by|without) \(([^)]*)\)`)
	shownLabel   = regexp.MustCompile(`\{\{ *(?:\$labels\.)?([a-z]\w*) *\}\}`)
)

// TestMonitoringAsksForWhatIsThere holds alerts and dashboards to the metrics: each that is asked for is served, with
// the labels and the values that are chosen by, and what is grouped by or shown is a label of it. What
// is served and nobody looks at is found as well.
func TestMonitoringAsksForWhatIsThere(t *testing.T) {
	metrics := map[string]map[string]map[string]bool{} // values by label by metric
	for _, line := range sampleLine.FindAllStringSubmatch(get(t, served(t, filled(t, 320)), "/metrics").Body.String(), -1) {
		if metrics[line[1]] == nil {
			metrics[line[1]] = map[string]map[string]bool{"job": nil, "instance": nil} // which Prometheus adds
		}
		for _, pair := range labelPair.FindAllStringSubmatch(line[2], -1) {
			if metrics[line[1]][pair[1]] == nil {
				metrics[line[1]][pair[1]] = map[string]bool{}
			}
			metrics[line[1]][pair[1]][pair[2]] = true
		}
	}
	require.Greater(t, len(metrics), 8)
	seen := map[string]bool{}
	for _, q := range queries(t) {
		labels := map[string]bool{}
		for _, s := range selectorPart.FindAllStringSubmatch(q.query, -1) {
			require.Contains(t, metrics, s[1], "%s asks for a metric that is not served", q.where)
			seen[s[1]] = true
			for label := range metrics[s[1]] {
				labels[label] = true
			}
			for _, m := range matcherPart.FindAllStringSubmatch(s[2], -1) {
				require.Contains(t, metrics[s[1]], m[1], "%s: %s has no such label", q.where, s[1])
				for value := range strings.SplitSeq(m[3], "|") {
					if values := metrics[s[1]][m[1]]; values != nil {
						require.True(t, values[value], "%s: %s of %s is never %q", q.where, m[1], s[1], value)
					}
				}
			}
		}
		require.NotEmpty(t, labels, "%s asks for nothing of ours", q.where)
		left := labels
		for _, g := range grouping.FindAllStringSubmatch(q.query, -1) {
			named := strings.Split(g[2], ", ")
			left = map[string]bool{}
			for label := range labels {
				left[label] = slices.Contains(named, label) == (g[1] == "by")
			}
			for _, label := range named {
				require.True(t, labels[label], "%s groups by %s, which nothing bears", q.where, label)
			}
		}
		for _, shown := range shownLabel.FindAllStringSubmatch(q.legend, -1) {
			require.True(t, left[shown[1]], "%s shows %s, which is not there any more", q.where, shown[1])
		}
	}
	for name := range metrics {
		require.True(t, seen[name], "%s is served, and neither an alert nor a dashboard looks at it", name)
	}
}

// TestPromtool has Prometheus read the rules, run their cases, and parse every query of the dashboards.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool here, so Prometheus did not read the alerts and queries; get it with: apt-get install prometheus")
	}
	run := func(args ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
		require.NoError(t, err, "promtool %v: %s", args, out)
	}
	run("check", "rules", "monitoring/alerts.yaml")
	run("test", "rules", "testdata/alerts.yaml")

	var rules []map[string]string // dashboards have no checker of their own, and their queries are ones that rules could ask
	for n, q := range queries(t) {
		if !strings.HasPrefix(q.query, "label_values(") {
			rules = append(rules, map[string]string{"record": fmt.Sprintf("query:%d", n), "expr": strings.ReplaceAll(q.query, "$__rate_interval", "5m")})
		}
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "queries", "rules": rules}}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "queries.yaml")
	require.NoError(t, os.WriteFile(file, text, 0o644))
	run("check", "rules", file)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), "sum by (", "sum by ((", 1)), 0o644))
	require.Error(t, exec.CommandContext(t.Context(), promtool, "check", "rules", file).Run(), "a query that is none is found")
}
