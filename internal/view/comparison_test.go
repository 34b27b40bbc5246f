package view

import (
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
)

// aComparison has everything that a comparison can show.
func aComparison(t *testing.T) blast.Comparison {
	t.Helper()
	of := func(address, entity string, action plan.Action, impact kinds.Impact, fields ...plan.Field) plan.Change {
		return plan.Change{ID: id(t, address), Entity: entity, Action: action, Status: plan.Progressing, Impact: impact, Fields: fields, Basis: "rendered"}
	}
	const hold = "cluster/old/x vanished from the fleet without having been retired"
	gone := of("kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-old/x", "cluster/old/x", plan.Delete, kinds.DataLoss)
	gone.Hold(plan.Hold{By: "retire-first", Why: hold, Until: "the entity is back and retired"})
	secret := of("kubernetes/acme.train/Secret/ops/db", "cluster/acme/train", plan.Update, kinds.None, plan.Field{Name: "data.password", Old: "hunter2", New: "hunter3", Sensitive: true})
	watched := of("redfish/gpu-003/power", "machine/gpu-003", plan.Nothing, kinds.None)
	watched.Note = "is no longer observed"
	released := of("netris/dc1/server/gpu-003", "machine/gpu-003", plan.Release, kinds.None, plan.Field{Name: "role", Old: "gpu"})
	c := blast.Comparison{
		Base:       blast.Revision{Name: "origin/main", Commit: strings.Repeat("4f1c2ab0", 5), Subject: "Before", Moved: true, Tip: strings.Repeat("77aa55cc", 5)},
		Head:       blast.Revision{Name: "HEAD", Commit: strings.Repeat("9d02e71a", 5), Subject: "Grow acme"},
		Incomplete: []string{"chart cilium 1.18.2 of https://charts.example.com is not at hand, so that the objects of that stack were not compared: see what stack/base says otherwise (millwright charts fetches it)"},
		Radius: blast.Radius{
			Tenants: []blast.Tenant{
				{Name: "acme", DisplayName: "Acme Robotics", Hosts: blast.Count{Was: 16, Is: 24}, GPUs: blast.Count{Was: 128, Is: 192}, Impact: kinds.Network},
				{Name: "old", DisplayName: "old", Hosts: blast.Count{Was: 1}, GPUs: blast.Count{Was: 8}, Impact: kinds.DataLoss},
			},
			Machines: []blast.Machine{
				{Name: "gpu-003", Was: "pool/old/x/a", Is: "pool/acme/train/h100", Tenants: []string{"acme", "old"}, Impact: kinds.Reprovision},
				{Name: "gpu-007", Was: "pool/acme/train/h100", Is: "pool/acme/train/h100", Tenants: []string{"acme"}, Impact: kinds.Reboot},
				{Name: "gpu-008", Was: "pool/acme/train/h100", Is: "pool/acme/train/h100", Tenants: []string{"acme"}, Impact: kinds.Reboot},
				{Name: "gpu-009", Was: "pool/acme/train/h100", Is: "pool/acme/train/h100", Tenants: []string{"acme"}, Impact: kinds.Reboot},
			},
			Segments: []blast.Segment{{Name: "acme-train", Tenant: "acme", Joins: []string{"gpu-003"}, Impact: kinds.Network}, {Name: "spare", Impact: kinds.Network}},
			Data: []blast.Loss{
				{What: gone.ID.String(), Entity: gone.Entity, Why: "delete of what holds data", Held: true},
				{What: "machine/gpu-003", Entity: "machine/gpu-003", Why: "its disks are wiped"},
			},
			Held: []blast.Held{{What: gone.ID.String(), Hold: gone.Held[0]}},
		},
		Entities: []blast.Entity{
			{Name: "tenant/acme", Pos: diag.Pos{File: "tenants/acme.cue", Line: 14, Column: 2}, Change: blast.Changed, Objects: 2, Impact: kinds.Network,
				Facts:  []blast.Fact{{Name: "hosts", Was: 16, Is: 24}, {Name: "GPUs", Was: 128, Is: 192}},
				Fields: []plan.Field{{Name: "cluster.train.pool.h100.count", Old: 16, New: 24}}},
			{Name: "tenant/old", Pos: diag.Pos{File: "tenants/old.cue", Line: 3}, Change: blast.Removed, Objects: 1, Impact: kinds.DataLoss},
			{Name: "machine/gpu-003", Pos: diag.Pos{File: "machines/a.cue", Line: 1}, Change: blast.Affected, Objects: 2, Impact: kinds.Reprovision,
				Facts: []blast.Fact{{Name: "pool", Was: "pool/old/x/a", Is: "pool/acme/train/h100"}}},
		},
		Changes: []plan.Change{
			secret, of("netris/dc1/servercluster/acme-train/server/gpu-003", "pool/acme/train/h100", plan.Create, kinds.Network), gone, watched, released,
		},
		Approvals: blast.Approvals{File: ".github/CODEOWNERS", Unowned: []string{"README.md"}, Needs: []blast.Approval{
			{Owners: []string{"@example/acme", "ann@example.com"}, Count: 1, Files: []string{"tenants/acme.cue"}},
			{Section: "Hardware", Owners: []string{"@example/dc", "@bob"}, Count: 2, Files: []string{"machines/a.cue", "machines/b.cue", "machines/c.cue", "machines/d.cue"}},
			{Section: "Eyes", Optional: true, Owners: []string{"@example/sec"}, Count: 1, Files: []string{"policy.cue"}},
		}, Given: []blast.Given{
			{Name: "cap-17", By: "olga@example.com", Verified: true, Until: "2026-12-01T00:00:00Z", Reason: "settings agreed with acme"},
			{Name: "cap-9", By: "bob@example.com", Standing: "it ended at 2026-10-01T00:00:00Z", Until: "2026-10-01T00:00:00Z", Reason: "settings agreed with acme"},
		}},
	}
	c.Policy = blast.Policy{Now: "2026-05-12T08:00:00Z", Rulings: []blast.Ruling{
		{Rule: "few-reboots", Of: blast.OfBase, Says: "at most 8 machines restart by one change", Pos: diag.Pos{File: "policy/rules/rules.cue", Line: 50, Column: 7}},
		{Rule: "no-data-loss", Of: blast.OfBase, Says: "data is lost only with consent", Pos: diag.Pos{File: "policy/rules/rules.cue", Line: 36, Column: 7},
			Denied: []blast.Denied{{At: "machine/gpu-003", Why: "its disks are wiped", Pos: diag.Pos{File: "machines/a.cue", Line: 1}}, {At: "plan", Why: "data is at risk in 2 places"}}},
		{Rule: "tiers", Of: blast.OfBase, Says: "every tenant has a tier", Pos: diag.Pos{File: "policy/rules/tiers.cue", Line: 5, Column: 7},
			Failed: diag.Diagnostic{Code: "MW382", Summary: "the rule fails over this plan: undefined field: tier", Pos: diag.Pos{File: "policy/rules/tiers.cue", Line: 7, Column: 50}}},
	}}
	for _, name := range []string{"gpu-007", "gpu-008", "gpu-009"} {
		c.Entities = append(c.Entities, blast.Entity{Name: "machine/" + name, Pos: diag.Pos{File: "machines/b.cue", Line: 2}, Change: blast.Affected, Objects: 1, Impact: kinds.Reboot})
		c.Changes = append(c.Changes, of("redfish/"+name+"/bios", "machine/"+name, plan.Update, kinds.Reboot, plan.Field{Name: "Attributes.SysProfile", Old: "Custom", New: "PerfOptimized"}))
		switch last := &c.Changes[len(c.Changes)-1]; name {
		case "gpu-009":
			last.Hold(plan.Hold{By: "approval", Why: "it costs: reboot, and policy wants that approved", Until: "an approval for it contains it"})
		default:
			last.Consent = &plan.Consent{Approval: "cap-17", By: "olga@example.com", Verified: true}
		}
	}
	return c
}

// A comparison says first what it does to people and machines, and no form leaves that out.
func TestComparison(t *testing.T) {
	c := aComparison(t)
	golden(t, "comparison.txt", func(w io.Writer) error { return ComparisonText(w, c, Style{Base: "fleet"}) })
	golden(t, "comparison.md", func(w io.Writer) error { return ComparisonMarkdown(w, c) })
	golden(t, "comparison.json", func(w io.Writer) error { return ComparisonJSON(w, c) })
	golden(t, "comparison.github", func(w io.Writer) error { return ComparisonGitHub(w, c, Style{Base: "fleet"}) })
	for _, write := range []func(io.Writer) error{
		func(w io.Writer) error { return ComparisonText(w, c, Style{}) },
		func(w io.Writer) error { return ComparisonMarkdown(w, c) },
		func(w io.Writer) error { return ComparisonJSON(w, c) },
	} {
		require.NotContains(t, text(t, write), "hunter")
	}
	nothing := blast.Comparison{Base: c.Base, Head: c.Head}
	nothing.Base.Moved = false
	golden(t, "comparison-nothing.md", func(w io.Writer) error { return ComparisonMarkdown(w, nothing) })
	require.Equal(t, "plan of 9d02e71a9d02 onto origin/main at 4f1c2ab04f1c: no object changes\n", text(t, func(w io.Writer) error { return ComparisonText(w, nothing, Style{}) }))
}

// What the comment is made of travels as JSON: read back it says the same.
func TestComparisonSurvivesJSON(t *testing.T) {
	c := aComparison(t)
	document := text(t, func(w io.Writer) error { return ComparisonJSON(w, c) })
	back, err := DecodeComparison([]byte(document))
	require.NoError(t, err)
	for name, write := range map[string]func(io.Writer, blast.Comparison) error{"json": ComparisonJSON, "markdown": ComparisonMarkdown} {
		require.Equal(t, text(t, func(w io.Writer) error { return write(w, back) }), text(t, func(w io.Writer) error {
			again, err := DecodeComparison([]byte(text(t, func(w io.Writer) error { return ComparisonJSON(w, back) })))
			require.NoError(t, err)
			return write(w, again)
		}), name)
	}
	for bad, why := range map[string]string{
		"{":              "decode the plan",
		`{"version":99}`: "format version 99",
		`{"version":1}`:  "none of two commits",
		strings.Replace(document, `"netris/dc1/server/gpu-003"`, `"nowhere"`, 1): "decode the plan",
	} {
		_, err := DecodeComparison([]byte(bad))
		require.ErrorContains(t, err, why)
	}
	back, err = DecodeComparison([]byte(`{"version":1,"complete":false,"base":{"commit":"a"},"head":{"commit":"b"}}`))
	require.NoError(t, err)
	require.False(t, back.Complete())
	back, err = DecodeComparison([]byte(`{"version":1,"complete":true,"blocked":true,"base":{"commit":"a"},"head":{"commit":"b"}}`))
	require.NoError(t, err)
	require.True(t, back.Policy.Blocked())
}

// hostileText is text that would do something if it were taken for more than text.
const hostileText = "x\n::error::pwn ##[set-env name=A]b |\n</details></code><script>alert(1)</script> @everyone [a](http://evil.example) `` ``` ---> <!-- \x1b[31m \\| **b**"

// withHostile is a comparison with hostileText text wherever text comes from the fleet.
func withHostile(t *testing.T) blast.Comparison {
	c := aComparison(t)
	c.Incomplete = []string{hostileText}
	c.Base.Name, c.Base.Commit, c.Head.Commit, c.Head.Subject = hostileText, hostileText, hostileText, hostileText
	c.Radius.Tenants[0].DisplayName, c.Radius.Tenants[0].Name = hostileText, hostileText
	c.Radius.Segments[0].Name, c.Radius.Segments[0].Joins = hostileText, []string{hostileText}
	c.Radius.Machines[0].Name, c.Radius.Machines[0].Was = hostileText, hostileText
	c.Radius.Data[0].What, c.Radius.Data[0].Why = hostileText, hostileText
	c.Radius.Held[0].Hold = plan.Hold{By: hostileText, Why: hostileText, Until: hostileText}
	c.Entities[0].Fields = []plan.Field{{Name: hostileText, Old: hostileText, New: "::warning::pwn"}, {Name: "::warning::pwn", New: hostileText}, {Name: "/merge", New: 1}}
	c.Entities[0].Pos.File = hostileText
	c.Entities[1].Name = "tenant/" + hostileText
	c.Changes[0].Note = hostileText
	c.Changes[0].ID.Name = hostileText
	c.Changes[1].Consent = &plan.Consent{Approval: hostileText, By: hostileText}
	c.Changes[1].Entity = "pool/" + hostileText
	c.Approvals.Given[1] = blast.Given{Name: hostileText, By: hostileText, Standing: hostileText}
	c.Policy.Differ = true
	for i := range c.Policy.Rulings {
		r := &c.Policy.Rulings[i]
		r.Rule, r.Of, r.Says, r.Pos.File = hostileText, hostileText, hostileText, hostileText
		r.Denied = append(r.Denied, blast.Denied{At: hostileText, Why: "::error::pwn", Pos: diag.Pos{File: hostileText, Line: 1}})
	}
	c.Policy.Rulings[2].Failed.Summary, c.Policy.Rulings[2].Failed.Code = hostileText, hostileText
	c.Approvals.Needs[0].Owners, c.Approvals.Needs[0].Files, c.Approvals.Unowned = []string{hostileText}, []string{hostileText}, []string{hostileText}
	return c
}

// Text out of a fleet stays text: in Markdown it stands in code only, so that it makes no markup, mentions
// nobody and ends no table; a runner of jobs takes none of it for a command.
func TestHostileTextStaysText(t *testing.T) {
	c := withHostile(t)
	md := text(t, func(w io.Writer) error { return ComparisonMarkdown(w, c) })
	bare := withoutCode(t, md)
	for _, bad := range []string{"@everyone", "<script", "evil.example", "**b**", "::error", "\x1b"} {
		require.NotContains(t, bare, bad)
	}
	require.Equal(t, strings.Count(bare, "<details>"), strings.Count(bare, "</details>"))
	require.Equal(t, 1, strings.Count(bare, "-->"), "the marker ends where it ends")
	for line := range strings.Lines(md) {
		require.False(t, strings.HasPrefix(line, "/"), "GitLab carries out %s", line)
		if strings.HasPrefix(line, "| ") {
			cells := strings.Count(line, "|")
			require.Contains(t, []int{3, 5}, cells, "a cell was ended by its text: %s", line)
		}
	}
	for _, write := range []func(io.Writer) error{
		func(w io.Writer) error { return ComparisonText(w, c, Style{}) },
		func(w io.Writer) error { return ComparisonGitHub(w, c, Style{}) },
	} {
		for line := range strings.Lines(text(t, write)) {
			require.NotContains(t, line, "##[")
			if command := strings.TrimSpace(line); strings.HasPrefix(command, "::") {
				require.Regexp(t, `^::(error|warning|notice) (file=[^:,]*,line=\d+,)?title=millwright (plan|policy)::`, command)
			}
		}
	}
}

var summary = regexp.MustCompile("<summary><code>([^<]*)</code></summary>")

// withoutCode is Markdown without what stands in code, by the rules of CommonMark: a fence ends at a line of as
// many backticks, a span at a run of just as many.
func withoutCode(t *testing.T, md string) string {
	t.Helper()
	var out []string
	fence := ""
	for _, line := range strings.Split(md, "\n") {
		ticks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case fence == "" && len(ticks) >= 3 && strings.TrimLeft(line, "`") == "text":
			fence = ticks
		case fence != "" && strings.HasPrefix(line, fence) && strings.Trim(line, "`") == "":
			fence = ""
		case fence == "":
			out = append(out, withoutSpans(line))
		}
	}
	require.Empty(t, fence, "a fence is left open")
	return summary.ReplaceAllString(strings.Join(out, "\n"), "")
}

func withoutSpans(line string) string {
	var b strings.Builder
	for line != "" {
		at := strings.IndexByte(line, '`')
		if at < 0 {
			break
		}
		b.WriteString(line[:at])
		line = line[at:]
		open := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		line = line[len(open):]
		end := regexp.MustCompile("(^|[^`])" + open + "($|[^`])").FindStringIndex(line)
		if end == nil {
			b.WriteString(open)
			continue
		}
		line = strings.TrimPrefix(line[end[0]:][strings.Index(line[end[0]:], open):], open)
	}
	return b.String() + line
}

// However large a change is, its comment fits, says what was cut, and keeps every line about danger.
func TestMarkdownIsCappedAndKeepsDanger(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // a test is to repeat itself
	cut := 0
	for _, size := range []int{0, 1, 10, 100, 1000, 3000} {
		for range 5 {
			c := large(t, random, size)
			md := markdown(c)
			require.LessOrEqual(t, length(md), MarkdownLimit)
			for _, d := range dangers(c.Radius) {
				require.Contains(t, md, code(d.line))
			}
			for _, m := range c.Radius.Machines {
				if m.Impact >= kinds.Reboot {
					require.True(t, told(md, m.Name), "%s of %d machines is lost", m.Name, size)
				}
			}
			if strings.Contains(md, "> **Cut:**") {
				cut++
			} else {
				require.Equal(t, strings.Count(md, "<details>"), strings.Count(md, "</details>"))
			}
		}
	}
	require.Greater(t, cut, 5, "nothing was too large")
}

// told reports whether a machine is named, by itself or within a range.
func told(md, name string) bool {
	if strings.Contains(md, name) {
		return true
	}
	prefix := strings.TrimRight(name, "0123456789")
	for _, r := range regexp.MustCompile(prefix+`(\d+)…`+prefix+`(\d+)`).FindAllStringSubmatch(md, -1) {
		if n := name[len(prefix):]; r[1] <= n && n <= r[2] {
			return true
		}
	}
	return false
}

func large(t *testing.T, random *rand.Rand, size int) blast.Comparison {
	t.Helper()
	c := aComparison(t)
	for n := range size {
		if random.IntN(4) == 0 {
			continue
		}
		name := fmt.Sprintf("m-%06d", n)
		impact := kinds.Impact(random.IntN(int(kinds.DataLoss) + 1))
		c.Radius.Machines = append(c.Radius.Machines, blast.Machine{Name: name, Impact: impact, Was: fmt.Sprintf("pool/t%d/c/p", random.IntN(5))})
		c.Entities = append(c.Entities, blast.Entity{Name: "machine/" + name, Change: blast.Changed, Impact: impact,
			Fields: []plan.Field{{Name: "description", Old: strings.Repeat("`", random.IntN(20)), New: strings.Repeat("é", random.IntN(200))}}})
		c.Radius.Tenants = append(c.Radius.Tenants, blast.Tenant{Name: fmt.Sprint("tenant-", n), DisplayName: strings.Repeat("x", random.IntN(90))})
		c.Approvals.Needs = append(c.Approvals.Needs, blast.Approval{Owners: []string{fmt.Sprint("@o", n)}, Files: []string{strings.Repeat("f", random.IntN(300))}})
	}
	return c
}

// What cannot be kept, though it is dangerous, is said above all else: nobody may judge by such a comment.
func TestTooMuchDangerIsSaid(t *testing.T) {
	c := aComparison(t)
	for n := range 3000 {
		c.Radius.Data = append(c.Radius.Data, blast.Loss{What: fmt.Sprintf("kubernetes/acme.train/PersistentVolumeClaim/ops/data-%d", n), Why: "delete of what holds data"})
	}
	md := markdown(c)
	require.LessOrEqual(t, length(md), MarkdownLimit)
	require.Regexp(t, `> \*\*\d+ lines about danger do not fit below\.\*\* Do not judge by this comment`, md)
	require.Less(t, strings.Index(md, "Do not judge"), strings.Index(md, "| Danger |"))
}

// Policy is told whether or not anything else changes: that rules block, that they differ, and never more than fits.
func TestPolicyIsAlwaysTold(t *testing.T) {
	all := aComparison(t)
	nothing := blast.Comparison{Base: all.Base, Head: all.Head, Policy: all.Policy}
	golden(t, "comparison-blocked.md", func(w io.Writer) error { return ComparisonMarkdown(w, nothing) })
	require.Contains(t, text(t, func(w io.Writer) error { return ComparisonText(w, nothing, Style{}) }), "\npolicy: 1 passed, 2 blocked  [MW381]\n")
	require.Equal(t, "BLOCKED by policy: no object changes", ComparisonSummary(nothing))
	require.Equal(t, "no-data-loss, tiers", Blocking(nothing.Policy))

	nothing.Policy = blast.Policy{Differ: true, Rulings: all.Policy.Rulings[:1]}
	require.Contains(t, markdown(nothing), "Policy: 1 passed\n\n> **Other rules:** ")
	nothing.Policy = blast.Policy{Rulings: all.Policy.Rulings[:1]}
	require.Contains(t, markdown(nothing), "Policy: 1 passed\n")
	nothing.Policy = blast.Policy{}
	require.NotContains(t, markdown(nothing), "olicy")

	for range 5000 {
		all.Policy.Rulings[1].Denied = append(all.Policy.Rulings[1].Denied, blast.Denied{At: strings.Repeat("a", 500), Why: strings.Repeat("`", 50)})
	}
	other := blast.Comparison{Base: all.Base, Head: all.Head}
	for range 2000 {
		other.Policy.Rulings = append(other.Policy.Rulings, all.Policy.Rulings[2])
	}
	require.Regexp(t, `> \*\*Cut:\*\* \d+ policy lines did not fit`, markdown(other))
	require.LessOrEqual(t, length(markdown(other)), MarkdownLimit)
	for _, c := range []blast.Comparison{all, {Base: all.Base, Head: all.Head, Policy: all.Policy}} {
		md := markdown(c)
		require.LessOrEqual(t, length(md), MarkdownLimit)
		require.Contains(t, md, "\n|  | `and 4982 more` |\n")
		require.Contains(t, md, "Policy: 1 passed, 2 **blocked**")
	}
}

func TestRanges(t *testing.T) {
	for want, names := range map[string][]string{
		"a":                          {"a"},
		"gpu-1, gpu-2":               {"gpu-1", "gpu-2"},
		"gpu-08…gpu-11 [4]":          {"gpu-08", "gpu-09", "gpu-10", "gpu-11"},
		"gpu-9, gpu-10":              {"gpu-9", "gpu-10"},
		"a-1, a-3…a-5, b-6, 1-7 [6]": {"a-1", "a-3", "a-4", "a-5", "b-6", "1-7"},
		"a9999999999, a99999999990":  {"a9999999999", "a99999999990"},
	} {
		require.Equal(t, want, ranges(names))
	}
}
