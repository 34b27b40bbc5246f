package view

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
)

// comparisonDocument is the JSON form of a comparison.
type comparisonDocument struct {
	Version  int    `json:"version"`
	Complete bool   `json:"complete"`
	Blocked  bool   `json:"blocked"` // by policy
	Digest   string `json:"digest"`
	Summary  string `json:"summary"`
	// Costs are in words what the impacts in it are worth.
	Costs string `json:"costs"`
	blast.Comparison
}

// assumed is what every reader of a comparison has to know of its impacts.
const assumed = "each impact is the greatest that there can be: how things are now is not known here"

// ComparisonJSON writes all of a comparison for programs.
func ComparisonJSON(w io.Writer, c blast.Comparison) error {
	c.Changes = slices.Clone(c.Changes)
	for i := range c.Changes {
		c.Changes[i].Fields = withoutSecrets(c.Changes[i].Fields)
	}
	return JSON(w, comparisonDocument{Version: FormatVersion, Complete: c.Complete(), Blocked: c.Policy.Blocked(), Digest: ComparisonDigest(c), Summary: ComparisonSummary(c), Costs: assumed, Comparison: c})
}

// DecodeComparison reads what [ComparisonJSON] wrote. The text may come from anybody, so that what it says is no
// more than a claim; one that calls itself incomplete or blocked stays so.
func DecodeComparison(text []byte) (blast.Comparison, error) {
	var d comparisonDocument
	if err := json.Unmarshal(text, &d); err != nil {
		return blast.Comparison{}, fmt.Errorf("decode the plan: %w", err)
	}
	if d.Version != FormatVersion {
		return blast.Comparison{}, fmt.Errorf("the plan has format version %d and this millwright reads %d; use the same version for both", d.Version, FormatVersion)
	}
	if d.Base.Commit == "" || d.Head.Commit == "" {
		return blast.Comparison{}, fmt.Errorf("decode the plan: it is none of two commits, as plan --base writes it")
	}
	if !d.Complete && d.Comparison.Complete() {
		d.Incomplete = []string{"it says that it is incomplete, and not why"}
	}
	if d.Blocked && !d.Policy.Blocked() {
		d.Policy.Rulings = append(d.Policy.Rulings, blast.Ruling{Rule: "unknown", Of: blast.OfBase, Says: "it says that policy blocks it, and not by which rule", Failed: diag.Diagnostic{Code: "MW382", Summary: "the rule is not told"}})
	}
	return d.Comparison, nil
}

// ComparisonDigest identifies what a comparison would do, whichever commits it is of.
func ComparisonDigest(c blast.Comparison) string {
	text, err := json.Marshal(struct {
		Radius  blast.Radius
		Changes []plan.Change
	}{c.Radius, c.Changes})
	if err != nil {
		panic(fmt.Sprintf("view: a comparison holds what JSON cannot: %v", err))
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// ComparisonSummary is the one sentence that a comparison comes down to.
func ComparisonSummary(c blast.Comparison) string {
	todo, held := map[plan.Action]int{}, 0
	for _, ch := range c.Changes {
		todo[ch.Action]++
		if len(ch.Held) > 0 {
			held++
		}
	}
	var parts []string
	for _, a := range actions {
		if n := todo[a.action]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, a.words))
		}
	}
	if held > 0 {
		parts = append(parts, fmt.Sprintf("%d of them held", held))
	}
	if len(parts) == 0 {
		parts = append(parts, "no object changes")
	}
	line := strings.Join(parts, ", ")
	if c.Policy.Blocked() {
		line = "BLOCKED by policy: " + line
	}
	if reach := reach(c.Radius); len(reach) > 0 {
		line += "; " + strings.Join(reach, ", ")
	}
	if !c.Complete() {
		line = "INCOMPLETE: " + line
	}
	return line
}

// reach is a blast radius in a few words, the worst first.
func reach(r blast.Radius) []string {
	var parts []string
	add := func(n int, before, one, after string) {
		if n > 0 {
			parts = append(parts, before+plural(n, one)+after)
		}
	}
	add(len(r.Data), "data at risk in ", "place", "")
	add(len(r.Dangerous(kinds.Reprovision, kinds.DataLoss)), "wipes ", "machine", "")
	add(len(r.Dangerous(kinds.Reboot, kinds.Reboot)), "reboots ", "machine", "")
	moves := 0
	for _, m := range r.Machines {
		if m.Moves() {
			moves++
		}
	}
	add(moves, "moves ", "machine", "")
	gained, lost := 0, 0
	for _, t := range r.Tenants {
		gained += max(0, t.GPUs.Gained())
		lost += max(0, -t.GPUs.Gained())
	}
	add(gained, "", "GPU", " gained")
	add(lost, "", "GPU", " lost")
	add(len(r.Segments), "touches ", "segment", "")
	add(len(r.Tenants), "touches ", "tenant", "")
	return parts
}

// danger is one line about something that is never folded away.
type danger struct {
	what   string // "reboots", "wipes", "data at risk", "held"
	line   string
	impact kinds.Impact
}

// dangers are all lines about machines that restart or are wiped, data at risk, and what is held. Machines are
// told in ranges, so that a thousand of one sort are one line.
func dangers(r blast.Radius) []danger {
	var all []danger
	for _, l := range r.Data {
		if kind, _, _ := strings.Cut(l.What, "/"); kind == "machine" {
			continue // among those that are wiped
		}
		line := l.What + ": " + l.Why
		if l.Held {
			line += "; the agent holds it"
		}
		all = append(all, danger{"data at risk", line, kinds.DataLoss})
	}
	for impact, what := range map[kinds.Impact]string{kinds.DataLoss: "loses data", kinds.Reprovision: "wiped", kinds.Reboot: "reboots"} {
		by := map[string][]string{}
		for _, m := range r.Machines {
			if m.Impact == impact {
				by[whose(m)] = append(by[whose(m)], m.Name)
			}
		}
		for of, names := range by {
			all = append(all, danger{what, ranges(names) + " " + of, impact})
		}
	}
	slices.SortFunc(all, func(a, b danger) int {
		return cmp.Or(cmp.Compare(b.impact, a.impact), cmp.Compare(a.what, b.what), cmp.Compare(a.line, b.line))
	})
	// A hold that many have is told once; which they are stands with what they are for.
	same := map[plan.Hold][]string{}
	var order []plan.Hold
	for _, h := range r.Held {
		if same[h.Hold] == nil {
			order = append(order, h.Hold)
		}
		same[h.Hold] = append(same[h.Hold], h.What)
	}
	for _, h := range order {
		line := "by " + h.By + ": " + some(same[h]) + ": " + h.Why
		if h.Until != "" {
			line += "; until " + h.Until
		}
		all = append(all, danger{"held", line, kinds.None})
	}
	return all
}

// whose says where a machine goes from and to.
func whose(m blast.Machine) string {
	switch {
	case m.Moves() && m.Was == "":
		return "(joins " + m.Is + ")"
	case m.Moves() && m.Is == "":
		return "(leaves " + m.Was + ")"
	case m.Moves():
		return "(from " + m.Was + " to " + m.Is + ")"
	case m.Was != "":
		return "(of " + m.Was + ")"
	case m.ControlPlane:
		return "(of the control plane)"
	}
	return "(serves nobody)"
}

// ranges writes names with the numbers at their ends joined: "gpu-001…gpu-008, x" for nine of them.
func ranges(names []string) string {
	var parts []string
	for i := 0; i < len(names); {
		j := i
		for j+1 < len(names) && follows(names[j], names[j+1]) {
			j++
		}
		switch {
		case j > i+1:
			parts = append(parts, names[i]+"…"+names[j])
		case j > i:
			parts = append(parts, names[i], names[j])
		default:
			parts = append(parts, names[i])
		}
		i = j + 1
	}
	text := strings.Join(parts, ", ")
	if len(names) > 3 {
		text += fmt.Sprintf(" [%d]", len(names))
	}
	return text
}

// follows reports whether two names are the same but for a number at their ends, of as many digits, that is
// higher by one.
func follows(a, b string) bool {
	x, y := strings.TrimRight(a, "0123456789"), strings.TrimRight(b, "0123456789")
	n, m := a[len(x):], b[len(y):]
	if x != y || len(n) != len(m) || n == "" || len(n) > 9 {
		return false
	}
	i, _ := strconv.Atoi(n) // at most nine digits
	j, _ := strconv.Atoi(m)
	return j == i+1
}

// title is what a comparison is of.
func title(c blast.Comparison) string {
	return fmt.Sprintf("%s onto %s at %s", report.ShortCommit(c.Head.Commit), c.Base.Name, report.ShortCommit(c.Base.Commit))
}

// staleLine says that the base went on, or "".
func staleLine(c blast.Comparison) string {
	if !c.Base.Moved {
		return ""
	}
	return fmt.Sprintf("stale: %s has gone on to %s since; what is merged may do something else than what stands here", c.Base.Name, report.ShortCommit(c.Base.Tip))
}

// ComparisonGitHub writes an annotation for each entity that changes, at the place where it is written; what costs
// something comes first, since GitHub shows few.
func ComparisonGitHub(w io.Writer, c blast.Comparison, s Style) error {
	entities := slices.Clone(c.Entities)
	slices.SortStableFunc(entities, func(a, b blast.Entity) int { return cmp.Compare(b.Impact, a.Impact) })
	p, of := printer{w: w}, c.ByEntity()
	for _, reason := range c.Incomplete {
		p.f("::warning title=millwright plan::%s\n", githubText(reason))
	}
	policyGitHub(&p, c.Policy, s)
	for _, e := range entities {
		word := "notice"
		if e.Impact >= kinds.Reboot || isHeld(of[e.Name]) {
			word = "warning"
		}
		at := s.pos(e.Pos)
		p.f("::%s ", word)
		if at.File != "" && !at.IsBuiltIn() {
			p.f("file=%s,line=%d,", noCommand(githubProperty(at.File)), max(at.Line, 1))
		}
		p.f("title=millwright plan::%s\n", githubText(annotation(e, of[e.Name])))
	}
	return p.err
}

func isHeld(changes []plan.Change) bool {
	return slices.ContainsFunc(changes, func(ch plan.Change) bool { return len(ch.Held) > 0 })
}

// annotation is what becomes of an entity, in some lines.
func annotation(e blast.Entity, changes []plan.Change) string {
	line := headline(e)
	for _, f := range e.Facts {
		line += fmt.Sprintf("\n%s: %s → %s", f.Name, value(f.Was), value(f.Is))
	}
	held := map[plan.Hold]int{}
	var order []plan.Hold
	for _, ch := range changes {
		for _, h := range ch.Held {
			if held[h]++; held[h] == 1 {
				order = append(order, h)
			}
		}
	}
	for _, h := range order {
		line += fmt.Sprintf("\n%s held by %s: %s", plural(held[h], "object"), h.By, h.Why)
	}
	return line
}

// headline is an entity with what became of it and what that costs.
func headline(e blast.Entity) string {
	line := e.Name + " " + string(e.Change)
	if e.Objects > 0 {
		line += ", " + plural(e.Objects, "object")
	}
	if e.Impact > kinds.None {
		line += ", " + e.Impact.String()
	}
	return line
}

// githubText is text for the end of a workflow command.
func githubText(text string) string { return noCommand(githubData(text)) }

// noCommand breaks an older form of workflow commands, which may stand anywhere in a line.
func noCommand(text string) string { return strings.ReplaceAll(text, "##[", "## [") }
