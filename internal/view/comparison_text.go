package view

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
)

// ComparisonText prints what a change does: what it reaches first, then entity by entity with their objects and
// their fields, and who has to agree. What restarts or wipes machines, may lose data or is held stands above all
// else, in full.
func ComparisonText(w io.Writer, c blast.Comparison, s Style) error {
	var b bytes.Buffer
	p := printer{w: &b}
	p.f("plan of %s: %s\n", s.paint(strong, title(c)), ComparisonSummary(c))
	if text := staleLine(c); text != "" {
		p.f("%s\n", s.paint(caution, text))
	}
	for _, reason := range c.Incomplete {
		p.f("%s %s\n", s.paint(caution, "not compared:"), sentence(reason))
	}
	policyText(&p, c.Policy, s)
	if c.Differs() {
		radiusText(&p, c, s)
		for _, group := range groups(c) {
			groupText(&p, group, s)
		}
		approvalsText(&p, c, s)
		p.f("\n%s\n%s\n", ComparisonSummary(c), s.paint(faint, assumed))
	}
	if p.err != nil {
		return p.err
	}
	_, err := io.WriteString(w, harmless(b.String()))
	return err
}

// harmless is text that no runner of jobs takes for a command to it.
func harmless(text string) string {
	text = noCommand(text)
	if !strings.Contains(text, "::") {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if at := strings.TrimLeft(line, " \t"); strings.HasPrefix(at, "::") {
			lines[i] = line[:len(line)-len(at)] + "· " + at
		}
	}
	return strings.Join(lines, "\n")
}

func radiusText(p *printer, c blast.Comparison, s Style) {
	for _, d := range dangers(c.Radius) {
		colour := bad
		if d.what == "held" {
			colour = caution
		}
		p.f("  %s  %s\n", s.paint(colour, fmt.Sprintf("%-12s", d.what)), d.line)
	}
	for _, t := range c.Radius.Tenants {
		p.f("  %-12s  %s\n", "tenant", tenantLine(t))
	}
	for _, g := range c.Radius.Segments {
		p.f("  %-12s  %s\n", "segment", segmentLine(g))
	}
}

func tenantLine(t blast.Tenant) string {
	line := t.Name
	if t.DisplayName != "" && t.DisplayName != t.Name {
		line += " (" + cut(clean(t.DisplayName)) + ")"
	}
	line += ": hosts " + count(t.Hosts) + ", GPUs " + count(t.GPUs)
	if t.Impact > kinds.None {
		line += ", " + t.Impact.String()
	}
	return line
}

func count(c blast.Count) string {
	if c.Gained() == 0 {
		return fmt.Sprint(c.Is)
	}
	return fmt.Sprintf("%d → %d", c.Was, c.Is)
}

func segmentLine(g blast.Segment) string {
	line := g.Name
	if g.Tenant != "" {
		line += " of tenant " + g.Tenant
	}
	if len(g.Joins) > 0 {
		line += ": joined by " + ranges(g.Joins)
	}
	if len(g.Leaves) > 0 {
		line += ": left by " + ranges(g.Leaves)
	}
	if len(g.Joins)+len(g.Leaves) == 0 {
		line += ": changed"
		if g.Impact > kinds.None {
			line += ", " + g.Impact.String()
		}
	}
	return line
}

// group are entities that the same happens to, told once.
type group struct {
	names  []string
	entity blast.Entity // the first of them
	body   string
}

// groups puts together what changes in the same way, as the machines of a class do.
func groups(c blast.Comparison) []group {
	byEntity := c.ByEntity()
	var all []group
	at := map[string]int{}
	for _, e := range c.Entities {
		body := entityBody(e, byEntity[e.Name])
		kind, name, _ := strings.Cut(e.Name, "/")
		key := fmt.Sprintf("%s %s %s %s", kind, e.Change, e.Impact, strings.ReplaceAll(body, name, "\x00"))
		if i, ok := at[key]; ok && kind == "machine" {
			all[i].names = append(all[i].names, name)
			continue
		}
		at[key] = len(all)
		all = append(all, group{names: []string{name}, entity: e, body: body})
	}
	return all
}

// entityBody is an entity's own fields, then its objects with theirs, each line safe to show.
func entityBody(e blast.Entity, changes []plan.Change) string {
	var b strings.Builder
	p := printer{w: &b}
	for _, f := range e.Facts {
		p.f("%s: %s → %s\n", f.Name, value(f.Was), value(f.Is))
	}
	for _, f := range e.Fields {
		was, is := masked(f)
		p.f("%s: %s → %s\n", cut(clean(f.Name)), was, is)
	}
	for _, ch := range changes {
		sign := ch.Action.Sign()
		p.f("%s %s", sign, ch.ID)
		if ch.Impact > kinds.None {
			p.f("  %s", ch.Impact)
		}
		p.f("\n")
		if ch.Action != plan.Create {
			for _, f := range ch.Fields {
				was, is := masked(f)
				if f.New == nil && ch.ID.Target.System != "kubernetes" {
					is = "(left as it is)"
				}
				p.f("    %s: %s → %s\n", cut(clean(f.Name)), was, is)
			}
		}
		if ch.Consent != nil {
			p.f("    %s\n", sentence(ch.Consent.String()))
		}
		for _, h := range ch.Held {
			p.f("    held by %s: %s\n", h.By, sentence(h.Why))
		}
		if ch.Note != "" {
			p.f("    %s\n", sentence(ch.Note))
		}
	}
	return b.String()
}

func groupText(p *printer, g group, s Style) {
	p.f("\n%s  %s\n", s.paint(strong, groupTitle(g)), s.paint(faint, s.pos(g.entity.Pos)))
	if len(g.names) > 1 {
		p.f("  as of %s:\n", g.entity.Name)
	}
	for line := range strings.Lines(g.body) {
		p.f("  %s\n", strings.TrimSuffix(line, "\n"))
	}
}

// groupTitle names an entity or several, and what became of them.
func groupTitle(g group) string {
	if len(g.names) == 1 {
		return headline(g.entity)
	}
	kind, _, _ := strings.Cut(g.entity.Name, "/")
	return plural(len(g.names), kind) + " " + strings.TrimPrefix(headline(g.entity), g.entity.Name+" ") + ": " + ranges(g.names)
}

func approvalsText(p *printer, c blast.Comparison, s Style) {
	p.f("\n%s\n", s.paint(strong, "approvals"))
	for _, line := range append(approvalLines(c.Approvals), consentLines(c)...) {
		p.f("  %s\n", line)
	}
}

// approvalLines say who has to agree, and to what.
func approvalLines(a blast.Approvals) []string {
	if a.File == "" {
		return []string{"nobody in particular: there is no CODEOWNERS file"}
	}
	var lines []string
	for _, n := range a.Needs {
		line := strings.Join(n.Owners, " or ")
		if n.Count > 1 {
			line = fmt.Sprintf("%d of %s", n.Count, strings.Join(n.Owners, ", "))
		}
		if n.Optional {
			line += " (asked, not needed)"
		}
		if n.Section != "" {
			line += " for " + n.Section
		}
		lines = append(lines, line+": "+some(n.Files))
	}
	if len(a.Unowned) > 0 {
		lines = append(lines, "nobody in particular: "+some(a.Unowned))
	}
	if len(lines) == 0 {
		lines = append(lines, "none: no file changed")
	}
	return lines
}

// some names a few of many.
func some(names []string) string {
	const few = 3
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
