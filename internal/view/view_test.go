package view

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what a view writes with a file of testdata.
func golden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var got bytes.Buffer
	require.NoError(t, write(&got))
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run the test with -update")
	require.Empty(t, cmp.Diff(string(want), got.String()), "%s; -update writes it anew", file)
}

// text is what a view writes.
func text(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, write(&b))
	return b.String()
}

func id(t *testing.T, address string) state.ID {
	t.Helper()
	id, err := state.ParseID(address)
	require.NoError(t, err)
	return id
}

// everything is a plan with each action, each status, a hold, waits and a note.
func everything(t *testing.T) plan.Plan {
	t.Helper()
	of := func(address, entity string, action plan.Action, status plan.Status, more ...func(*plan.Change)) plan.Change {
		c := plan.Change{ID: id(t, address), Entity: entity, Action: action, Status: status, Causes: []plan.Cause{plan.CauseCommit}}
		for _, m := range more {
			m(&c)
		}
		return c
	}
	changed := func(name string, old, new any, who ...state.Writer) func(*plan.Change) {
		return func(c *plan.Change) {
			c.Fields = append(c.Fields, plan.Field{Name: name, Old: old, New: new, Who: who})
		}
	}
	costs := func(i kinds.Impact) func(*plan.Change) { return func(c *plan.Change) { c.Impact = i } }
	by := func(causes ...plan.Cause) func(*plan.Change) { return func(c *plan.Change) { c.Causes = causes } }
	note := func(s string) func(*plan.Change) { return func(c *plan.Change) { c.Note = s } }
	step := func(s plan.Step) func(*plan.Change) { return func(c *plan.Change) { c.Step = s } }
	waits := func(for_ ...string) func(*plan.Change) { return func(c *plan.Change) { c.Waits = for_ } }
	held := func(h plan.Hold) func(*plan.Change) { return func(c *plan.Change) { c.Hold(h) } }
	ten := time.Date(2026, 11, 20, 10, 2, 5, 0, time.UTC)
	return plan.Plan{Commit: strings.Repeat("4f1c2ab0", 5), Changes: []plan.Change{
		of("kubernetes/acme.train/ConfigMap/training/limits", "cluster/acme/train", plan.Update, plan.Drifted, by(plan.CauseDrift),
			changed("data.gpus", "64", "32", state.Writer{Name: "kubectl-edit", Time: ten})),
		of("kubernetes/acme.train/ConfigMap/training/note", "cluster/acme/train", plan.Update, plan.Progressing, by(plan.CauseUpgrade),
			changed("data.text", strings.Repeat("long ", 40)+"old", strings.Repeat("long ", 40)+"new"),
			changed("data.count", "1", int64(1)), changed("data.gone", "x", nil), changed("data.empty", nil, "")),
		of("kubernetes/control-plane/Namespace/vc-acme-train", "cluster/acme/train", plan.Delete, plan.Progressing, costs(kinds.DataLoss)),
		of("netris/dc1/servercluster/acme-train/server/gpu-003", "pool/acme/train/h100", plan.Create, plan.Progressing, costs(kinds.Network),
			changed("shared", nil, false), waits("netris/dc1/servercluster/acme-train", "netris/dc1/server/gpu-003", "redfish/gpu-003/power")),
		of("netris/dc1/servercluster/globex-serve/server/gpu-003", "pool/globex/serve/l40s", plan.Create, plan.Progressing, costs(kinds.Network),
			held(plan.Hold{By: "isolation", Why: "gpu-003 is still in acme's network", Until: "it has left acme-train and was wiped"})),
		of("netris/dc1/subnet/acme-train", "segment/acme-train", plan.Adopt, plan.Progressing, changed("purpose", "load-balancer", "common")),
		of("netris/dc1/vpc/acme-train", "segment/acme-train", plan.Nothing, plan.InSync),
		of("netris/dc1/vpc/old", "segment/old", plan.Release, plan.Progressing, note("left as it is")),
		of("netris/dc1/vpc/stray", "", plan.Nothing, plan.Orphaned, note("bears our mark, and nothing explains it")),
		of("netris/dc1/allocation/acme-train", "segment/acme-train", plan.Replace, plan.Progressing, costs(kinds.Network),
			changed("prefix", "10.20.0.0/16", "10.30.0.0/16"),
			held(plan.Hold{By: "replace", Why: "prefix cannot change in place", Until: "the old one is retired and the new one has another name"})),
		of("netris/dc1/tenant/acme", "tenant/acme", plan.Create, plan.Missing, by(plan.CauseDrift)),
		of("redfish/cp-001/bios", "machine/cp-001", plan.Update, plan.Progressing, costs(kinds.Reboot), step(plan.Stage),
			changed("Attributes.SysProfile", "Custom", "PerfOptimized")),
		of("redfish/cp-002/bios", "machine/cp-002", plan.Update, plan.Progressing, costs(kinds.Reboot), step(plan.Reset), func(c *plan.Change) {
			c.Consent = &plan.Consent{Approval: "cap-17", By: "olga@example.com", Verified: true, Commit: strings.Repeat("77aa55cc", 5), Until: now.Add(time.Hour)}
		}),
		of("redfish/cp-003/bios", "machine/cp-003", plan.Nothing, plan.Pending, note("was told to reset; waits for it to come back")),
		of("redfish/gpu-003/bios", "machine/gpu-003", plan.Nothing, plan.Unknown, note("dial tcp 10.10.0.13:443: i/o timeout")),
		of("redfish/gpu-004/bios", "machine/gpu-004", plan.Nothing, plan.Drifted, by(plan.CauseDrift), changed("Attributes.ProcCStates", "Enabled", "Disabled")),
		of("redfish/gpu-005/bios", "machine/gpu-005", plan.Nothing, plan.Failed, note("HTTP 400: the attribute is read-only")),
		of("kubernetes/control-plane/Secret/metal3-system/copied", "cluster/acme/train", plan.Update, plan.Progressing, by(plan.CauseCommit, plan.CauseDrift), func(c *plan.Change) {
			c.Fields = []plan.Field{{Name: "data.password", Old: "aHVudGVyMg==", New: "(secret a/b[c])", Sensitive: true}}
		}),
	}}
}

// A plan must show every action with its reason, cost and fields, and what is held, waiting or
// unknown, with the sum first and last.
func TestPlanText(t *testing.T) {
	golden(t, "plan.txt", func(w io.Writer) error { return PlanText(w, everything(t), Style{}) })
	golden(t, "plan-colour.txt", func(w io.Writer) error {
		return PlanText(w, plan.Plan{Commit: "uncommitted", Changes: everything(t).Changes[:3]}, Style{Colour: true})
	})
	nothing := plan.Plan{Commit: strings.Repeat("4f1c2ab0", 5) + "-dirty", Changes: []plan.Change{{ID: id(t, "netris/dc1/vpc/a"), Action: plan.Nothing, Status: plan.InSync}}}
	require.Equal(t, "plan of 4f1c2ab04f1c-dirty: nothing to do: all is as wanted\n", text(t, func(w io.Writer) error { return PlanText(w, nothing, Style{}) }))
}

func TestPlanJSON(t *testing.T) {
	golden(t, "plan.json", func(w io.Writer) error { return PlanJSON(w, everything(t)) })
}

// now is when the reports below are read.
var now = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

func aReport() report.Report {
	since := now.Add(-5 * time.Minute)
	r := report.Report{
		Version: 1, Fleet: "example", Time: now.Add(-12 * time.Second), Complete: false,
		Source: report.Source{
			Commit: strings.Repeat("4f1c2ab0", 5), Subject: "Grow acme", Signer: "carol@example.com", Fetched: now.Add(-3 * time.Hour), Refused: strings.Repeat("9d02e71a", 5),
			Error: "tenants/acme/acme.cue:15:11: error: \"four\" is a string  [MW111]\n" + strings.Repeat("tenants/acme/acme.cue:16:1: error: something else  [MW110]\n", 20),
		},
		Counts: map[plan.Status]int{plan.InSync: 120, plan.Unknown: 4, plan.Held: 1, plan.Drifted: 2, plan.Progressing: 15, plan.Failed: 1},
		Alarms: []string{"gpu-009 is in the networks of acme-train and globex-serve"},
		Unreachable: []report.Unreachable{
			{Target: "redfish/gpu-003", Why: "dial tcp 10.10.0.13:443: i/o timeout", Since: now.Add(-26 * time.Hour)},
		},
		Items: []report.Item{
			{Address: "kubernetes/acme.train/ConfigMap/training/limits", Status: plan.Drifted, Since: since, Action: plan.Update, Causes: []plan.Cause{plan.CauseDrift},
				Consent: &plan.Consent{Window: "nights", Until: now.Add(time.Hour)},
				Fields:  []plan.Field{{Name: "data.gpus", Old: "64", New: "32", Who: []state.Writer{{Name: "kubectl-edit", Time: since}}}}},
			{Address: "netris/dc1/servercluster/globex-serve/server/gpu-003", Status: plan.Held, Since: since, Action: plan.Create,
				Held: []plan.Hold{{By: "isolation", Why: "gpu-003 is still in acme's network", Until: "it has left acme-train and was wiped"}}},
			{Address: "redfish/gpu-001/ntp", Status: plan.Drifted, Since: now.Add(-50 * time.Hour), Causes: []plan.Cause{plan.CauseDrift},
				Fields: []plan.Field{{Name: "NTP.NTPServers[0]", Old: "time.example.com", New: "ntp1.dc1.example.com"}, {Name: "NTP.ProtocolEnabled", Old: false, New: true}}},
			{Address: "redfish/gpu-002/bios", Status: plan.Unknown, Since: since, Note: "HTTP 500"},
			{Address: "redfish/gpu-003/bios", Status: plan.Unknown, Since: since, Note: "dial tcp 10.10.0.13:443: i/o timeout"},
			{Address: "redfish/gpu-003/ntp", Status: plan.Unknown, Since: since, Note: "dial tcp 10.10.0.13:443: i/o timeout"},
			{Address: "redfish/gpu-003/power", Status: plan.Unknown, Since: since, Note: "dial tcp 10.10.0.13:443: i/o timeout"},
			{Address: "redfish/gpu-005/bios", Status: plan.Failed, Since: since, Note: "HTTP 400: the attribute is read-only"},
		},
	}
	for i := range 15 {
		r.Items = append(r.Items, report.Item{Address: "redfish/gpu-1" + string(rune('a'+i)) + "/ntp", Status: plan.Progressing, Since: since, Action: plan.Create,
			Waits: []string{"redfish/gpu-003/power"}})
	}
	return r
}

// A report must put what is wrong first: a commit that is refused, isolation, what cannot be reached
// (once, not once an object), then the rest from the worst on, what is merely under way last and cut.
func TestReportText(t *testing.T) {
	golden(t, "report.txt", func(w io.Writer) error { return ReportText(w, aReport(), now, Style{}) })
	golden(t, "report.json", func(w io.Writer) error { return JSON(w, aReport()) })
}

// A report that nobody has renewed looks like good news; its age must be loud.
func TestReportTextOld(t *testing.T) {
	r := report.Report{Version: 1, Time: now.Add(-72 * time.Hour), Complete: true, Source: report.Source{Commit: "4f1c2ab"}, Counts: map[plan.Status]int{plan.InSync: 9}}
	require.Equal(t, "4f1c2ab in force, seen 3 days ago\n! this report is old: nobody has looked since; is the agent running?\n9 in-sync\n",
		text(t, func(w io.Writer) error { return ReportText(w, r, now, Style{}) }))
}

func aWhy() Why {
	machine := state.Origin{Entity: "machine/gpu-001"}
	at := []Place{{Pos: diag.Pos{File: "machines/a.cue", Line: 3, Column: 1}}, {Pos: diag.Pos{File: diag.BuiltIn + "fleet.cue", Line: 21, Column: 12}, Schema: true}}
	return Why{Address: "redfish/gpu-001/ntp", Entity: "machine/gpu-001", Leaves: []WhyLeaf{
		{Path: "NTP.NTPServers[0]", Value: "ntp1", Origin: state.Origin{Entity: "site/dc1", Field: "ntp[0]"}, Places: []Place{
			{Pos: diag.Pos{File: "sites/dc1.cue", Line: 2, Column: 7}}, {Pos: diag.Pos{File: diag.BuiltIn + "site.cue", Line: 32, Column: 28}, Schema: true}}},
		{Path: "NTP.ProtocolEnabled", Value: true, Origin: machine, Places: at},
		{Path: "Name", Value: "gpu-001", Origin: machine, Places: at},
		{Path: "Port", Value: int64(123), Origin: state.Origin{Entity: "site/dc1", Field: "port", Note: "as text"}, Places: []Place{
			{Pos: diag.Pos{File: diag.BuiltIn + "site.cue", Line: 40, Column: 2}, Schema: true, Default: true}}},
	}}
}

func TestWhyText(t *testing.T) {
	files := fstest.MapFS{"sites/dc1.cue": {Data: []byte("site: dc1: {\n\tntp: [\"ntp1\"]\n}\n")}}
	golden(t, "why.txt", func(w io.Writer) error { return WhyText(w, aWhy(), files, Style{Base: "../fleet"}) })
	for i, name := range []string{"why-field.txt", "why-entity.txt", "", "why-default.txt"} {
		if name != "" {
			one := aWhy()
			one.Leaves = one.Leaves[i : i+1]
			golden(t, name, func(w io.Writer) error { return WhyText(w, one, files, Style{Base: "../fleet"}) })
		}
	}
	golden(t, "why.json", func(w io.Writer) error { return WhyJSON(w, aWhy()) })
}

func aSet(t *testing.T) state.Set {
	t.Helper()
	from := state.Origin{Entity: "tenant/acme"}
	set, err := state.NewSet([]state.Object{
		{ID: id(t, "kubernetes/control-plane/Thing.example.com/ns/a"), Entity: "tenant/acme", Mode: state.Own, After: []state.Edge{{On: id(t, "netris/dc1/vpc/b"), Below: true}},
			Tree: state.Map(map[string]state.Tree{
				"token":  state.Secret(state.SecretRef{Namespace: "ns", Name: "s", Key: "k"}, state.Origin{}),
				"values": state.Encode(state.YAML, state.FromPlain(map[string]any{"replicas": 3}, from)),
				"odd":    state.Leaf("a\u202eb\u009b31m\x1b[0m", from),
			}, state.Origin{})},
		{ID: id(t, "netris/dc1/vpc/b"), Entity: "segment/b", Mode: state.Observe, Tree: state.FromPlain(map[string]any{"name": "b", "text": "two\nlines", "yes": "yes", "n": "1e3"}, from)},
		{ID: id(t, "redfish/gpu-001/power"), Entity: "machine/gpu-001", Mode: state.Own, Tree: state.FromPlain(map[string]any{}, from)},
	}, nil)
	require.NoError(t, err)
	return set
}

// What render prints is for kubectl, yq and diff: every document parses, and reads back as the object.
func TestSetYAML(t *testing.T) {
	golden(t, "set.yaml", func(w io.Writer) error { return SetYAML(w, aSet(t)) })
	golden(t, "set.json", func(w io.Writer) error { return SetJSON(w, aSet(t)) })

	documents := strings.Split(text(t, func(w io.Writer) error { return SetYAML(w, aSet(t)) }), "---\n")[1:]
	i := 0
	for o := range aSet(t).All() {
		want, err := json.Marshal(o.Tree.Masked())
		require.NoError(t, err)
		got, err := yaml.YAMLToJSON([]byte(documents[i]))
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got))
		i++
	}
	require.Len(t, documents, i)
}

// hostile is what a fleet, a commit message or a BMC may say to paint on a terminal, to hide itself,
// or to begin another line.
const hostile = "a\x1b[31mb\x07\r\n::error::c\u009b2Jd\u202ee\u2066f\u200bg\xffh\ti"

// TestHostileText puts hostile text into everything that a view prints; nothing of it may be obeyed.
func TestHostileText(t *testing.T) {
	evil := state.ID{Target: state.Target{System: state.Redfish, Name: hostile}, Kind: hostile, Name: hostile}
	fields := []plan.Field{{Name: hostile, Old: hostile, New: map[string]any{hostile: hostile}, Who: []state.Writer{{Name: hostile}}}}
	held := []plan.Hold{{By: hostile, Why: hostile, Until: hostile}}
	consent := &plan.Consent{Approval: hostile, By: hostile}
	pos := diag.Pos{File: hostile, Line: 1, Column: 1}
	found := diag.List{{Code: "MW111", Summary: hostile, Hint: hostile, Pos: pos, Related: []diag.Related{{Pos: pos, Message: hostile}}},
		{Code: "MW111", Summary: "x", Pos: diag.Pos{File: "f.cue", Line: 1, Column: 4}}}
	files := fstest.MapFS{"f.cue": {Data: []byte(hostile + "\n")}}
	p := plan.Plan{Commit: hostile, Changes: []plan.Change{{ID: evil, Entity: hostile, Action: plan.Update, Status: plan.Held, Fields: fields, Held: held, Consent: consent, Waits: []string{hostile}, Note: hostile}}}
	r := report.Report{Source: report.Source{Commit: hostile, Subject: hostile, Signer: hostile, Error: hostile, Refused: hostile}, Alarms: []string{hostile},
		Unreachable: []report.Unreachable{{Target: hostile, Why: hostile}},
		Items:       []report.Item{{Address: hostile, Entity: hostile, Status: plan.Drifted, Fields: fields, Held: held, Consent: consent, Waits: []string{hostile}, Note: hostile}}}
	y := Why{Address: hostile, Entity: "x", Leaves: []WhyLeaf{
		{Path: hostile, Value: hostile, Origin: state.Origin{Entity: hostile, Field: hostile, Note: hostile}, Places: []Place{{Pos: pos}}},
		{Path: "x", Value: hostile, Places: []Place{{Pos: diag.Pos{File: "f.cue", Line: 1}}}}}}
	set, err := state.NewSet([]state.Object{{ID: evil, Entity: hostile, Tree: state.FromPlain(map[string]any{hostile: hostile}, state.Origin{})}}, nil)
	require.NoError(t, err)

	one := y
	one.Leaves = y.Leaves[1:]
	for name, write := range map[string]func(io.Writer) error{
		"findings": func(w io.Writer) error { return Diagnostics(w, found, files, Style{Base: hostile}) },
		"github":   func(w io.Writer) error { return DiagnosticsGitHub(w, found, Style{}) },
		"json":     func(w io.Writer) error { return DiagnosticsJSON(w, found) },
		"plan":     func(w io.Writer) error { return PlanText(w, p, Style{}) },
		"planjson": func(w io.Writer) error { return PlanJSON(w, p) },
		"report":   func(w io.Writer) error { return ReportText(w, r, now, Style{}) },
		"why":      func(w io.Writer) error { return WhyText(w, y, files, Style{}) },
		"whyone":   func(w io.Writer) error { return WhyText(w, one, files, Style{}) },
		"whyjson":  func(w io.Writer) error { return WhyJSON(w, y) },
		"yaml":     func(w io.Writer) error { return SetYAML(w, set) },
		"setjson":  func(w io.Writer) error { return SetJSON(w, set) },
		"clean":    func(w io.Writer) error { _, err := io.WriteString(w, Clean(hostile)); return err },
	} {
		t.Run(name, func(t *testing.T) {
			out := text(t, write)
			for _, r := range out {
				require.True(t, r == '\n' || unicode.IsGraphic(r), "%q in %q", r, out)
			}
			if name != "clean" { // which keeps line breaks, and is for whole messages
				require.NotContains(t, out, "\n::error::c")
			}
		})
	}
}

// GitHub gives a meaning to more than line breaks: percent signs, and in properties colons and commas.
func TestDiagnosticsGitHub(t *testing.T) {
	found := diag.List{
		{Code: "MW111", Summary: "50% of\nit: a, b", Hint: "write 100%", Pos: diag.Pos{File: "a,b:c%.cue", Line: 3, Column: 4}, Related: []diag.Related{{Pos: diag.Pos{File: "d.cue", Line: 1}, Message: "here"}}},
		{Severity: diag.Warning, Code: "MW307", Summary: "the whole file", Pos: diag.Pos{File: "e.cue"}},
		{Code: "MW100", Summary: "no place at all"},
	}
	require.Equal(t, `::error file=fleet/a%2Cb%3Ac%25.cue,line=3,col=4,title=MW111::50%25 of%0Ait: a, b%0Afleet/d.cue:1 here%0Ahint: write 100%25
::warning file=fleet/e.cue,title=MW307::the whole file
::error title=MW100::no place at all
`, text(t, func(w io.Writer) error { return DiagnosticsGitHub(w, found, Style{Base: "fleet"}) }))
}

// The caret stands below what it means, whatever stands before it: tabs, wide text, a line too long.
func TestDiagnosticsExcerpt(t *testing.T) {
	files := fstest.MapFS{"f.cue": {Data: []byte("\t\tcount: \"ä\", x: 1\n" + strings.Repeat("a", 500) + "HERE" + strings.Repeat("b", 500) + "\n")}}
	at := func(line, column int) diag.Diagnostic {
		return diag.Diagnostic{Code: "MW1", Summary: "s", Pos: diag.Pos{File: "f.cue", Line: line, Column: column}}
	}
	golden(t, "excerpt.txt", func(w io.Writer) error {
		return Diagnostics(w, diag.List{at(1, 10), at(1, 10), at(1, 16), at(1, 999), at(2, 501), at(3, 1), at(1, 0),
			{Severity: diag.Warning, Summary: "no code, no place", Hint: "look"}}, files, Style{})
	})
}

// One line that many things share is wrong for all of them, and told once.
func TestDiagnosticsShared(t *testing.T) {
	var found diag.List
	for _, machine := range []string{"a", "b", "c"} {
		found = append(found, diag.Diagnostic{Code: "MW111", Summary: "s", Path: "machine/" + machine, Pos: diag.Pos{File: "f.cue", Line: 1, Column: 2}})
	}
	require.Equal(t, "f.cue:1:2: error: s  [MW111]\n  so it is for machine/b and 1 more\n3 errors\n",
		text(t, func(w io.Writer) error { return Diagnostics(w, found, nil, Style{}) }))
	require.Equal(t, "::error file=f.cue,line=1,col=2,title=MW111::s\n", text(t, func(w io.Writer) error { return DiagnosticsGitHub(w, found, Style{}) }))
	require.Equal(t, 3, strings.Count(text(t, func(w io.Writer) error { return DiagnosticsJSON(w, found) }), `"path"`))
}

// Two values that differ never look the same.
func TestValues(t *testing.T) {
	for _, pair := range [][2]any{{"1", int64(1)}, {"true", true}, {nil, "(not set)"}, {"a\nb", "a⏎b"},
		{strings.Repeat("x", 300) + "a", strings.Repeat("x", 300) + "b"}, {strings.Repeat("x", 300), strings.Repeat("x", 301)}, {"", nil}, {[]any{}, nil}} {
		a, b := values(pair[0], pair[1])
		require.NotEqual(t, a, b)
		require.LessOrEqual(t, len([]rune(a)), longest+1)
	}
}
