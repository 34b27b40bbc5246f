package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
)

// worstFirst are the statuses that somebody should look at, in the order in which they should.
var worstFirst = []plan.Status{plan.Failed, plan.Unknown, plan.Held, plan.Orphaned, plan.Missing, plan.Drifted, plan.Pending, plan.Progressing}

const (
	// stale is the age at which a report says loudly how old it is: no agent works that slowly.
	stale = 10 * time.Minute
	// manyUnderWay is how many objects that are merely under way are listed.
	manyUnderWay = 12
	// manyErrors is how many lines are shown of why a commit is refused.
	manyErrors = 10
)

// ReportText prints how a fleet stands: what is in force, alarms, one line of counts, then everything
// that is not in sync, the worst first.
func ReportText(w io.Writer, r report.Report, now time.Time, s Style) error {
	p := printer{w: w}
	p.f("%s in force", s.paint(strong, report.ShortCommit(r.Source.Commit)))
	if r.Source.Subject != "" {
		p.f(" (%s)", value(r.Source.Subject))
	}
	if r.Source.Signer != "" {
		p.f(" signed by %s", value(r.Source.Signer))
	}
	p.f(", seen %s\n", report.Ago(now, r.Time))
	if now.Sub(r.Time) > stale {
		p.f("%s this report is old: nobody has looked since; is the agent running?\n", s.paint(bad, "!"))
	}
	sourceError(&p, r.Source, now, s)
	for _, a := range r.Alarms {
		p.f("%s isolation: %s\n", s.paint(bad, "!"), sentence(a))
	}
	journalError(&p, r.Journal, now, s)
	p.f("%s", counts(r.Counts))
	if !r.Complete {
		p.f("  %s", s.paint(caution, "(incomplete: not everything could be read)"))
	}
	p.f("\n")

	items := inOrder(r)
	width := 0
	for _, i := range items {
		width = max(width, min(utf8.RuneCountInString(clean(i.Address)), 80))
	}
	for _, u := range r.Unreachable {
		width = max(width, min(utf8.RuneCountInString(clean(u.Target)), 80))
	}
	for _, u := range r.Unreachable {
		row(&p, "unreachable", caution, u.Target, width, since(now, u.Since), s)
		p.f("      %s\n", sentence(u.Why))
		if n := hidden(r, u.Target); n > 0 {
			p.f("      %s there %s unknown\n", plural(n, "object"), isAre(n))
		}
	}
	underWay := 0
	for _, i := range items {
		if i.Status == plan.Progressing {
			if underWay++; underWay > manyUnderWay {
				continue
			}
		}
		row(&p, string(i.Status), statusColour(i.Status), i.Address, width, since(now, i.Since), s)
		item(&p, i, s)
	}
	if more := underWay - manyUnderWay; more > 0 {
		p.f("  and %d more under way\n", more)
	}
	return p.err
}

// sourceError says why the newest commit is not in force.
func sourceError(p *printer, source report.Source, now time.Time, s Style) {
	if source.Error == "" {
		return
	}
	newest := "the newest commit"
	if source.Refused != "" {
		newest += " " + report.ShortCommit(source.Refused)
	}
	lines := strings.Split(strings.TrimSpace(source.Error), "\n")
	more := len(lines) - manyErrors
	lines = lines[:min(len(lines), manyErrors)]
	p.f("%s %s is not in force: %s\n", s.paint(bad, "!"), newest, sentence(lines[0]))
	for _, line := range lines[1:] {
		p.f("    %s\n", sentence(line))
	}
	if more > 0 {
		p.f("    and %d more; `millwright validate` shows all\n", more)
	}
	if !source.Fetched.IsZero() {
		p.f("  the source was last read %s\n", report.Ago(now, source.Fetched))
	}
}

// journalError says why what was done is not on record where it should be.
func journalError(p *printer, j *report.Journal, now time.Time, s Style) {
	if j == nil || j.Error == "" {
		return
	}
	colour, what := caution, "is not written"
	if j.Blocked {
		colour, what = bad, "is blocked"
	}
	p.f("%s the journal %s: %s\n", s.paint(colour, "!"), what, clean(j.Error))
	if j.Waiting > 0 {
		p.f("  %s wait%s, the oldest ended %s\n", plural(j.Waiting, "run"), map[bool]string{true: "s"}[j.Waiting == 1], report.Ago(now, j.Since))
	}
}

// inOrder are the items to list, the worst first. What is unknown because its target cannot be
// reached is told once, with the target.
func inOrder(r report.Report) []report.Item {
	items := slices.DeleteFunc(slices.Clone(r.Items), func(i report.Item) bool {
		return i.Status == plan.Unknown && slices.ContainsFunc(r.Unreachable, func(u report.Unreachable) bool { return at(i, u.Target) })
	})
	slices.SortStableFunc(items, func(a, b report.Item) int {
		return slices.Index(worstFirst, a.Status) - slices.Index(worstFirst, b.Status)
	})
	return items
}

func at(i report.Item, target string) bool { return strings.HasPrefix(i.Address, target+"/") }

// hidden counts the items that are told with their target.
func hidden(r report.Report, target string) int {
	n := 0
	for _, i := range r.Items {
		if i.Status == plan.Unknown && at(i, target) {
			n++
		}
	}
	return n
}

// row is the first line of an item: status, address, since when.
func row(p *printer, status, colour, address string, width int, since string, s Style) {
	p.f("  %s%s  %-*s  %s\n", s.paint(colour, status), strings.Repeat(" ", max(0, len("unreachable")-len(status))), width, address, since)
}

func item(p *printer, i report.Item, s Style) {
	if i.Action != plan.Create && i.Status != plan.Progressing {
		fields(p, i.Fields, func(f plan.Field) string {
			have, want := masked(f)
			return "want " + want + ", have " + have + attributed(f, i)
		})
	}
	explain(p, i.Held, i.Consent, i.Waits, i.Note, s)
}

// attributed says who made a field drift; where the system does not tell, it says that.
func attributed(f plan.Field, i report.Item) string {
	if text := who(f); text != "" {
		return text
	}
	if slices.Contains(i.Causes, plan.CauseDrift) {
		return "  by: not told"
	}
	return ""
}

func statusColour(st plan.Status) string {
	switch st {
	case plan.Failed, plan.Missing, plan.Orphaned:
		return bad
	}
	return caution
}

func counts(by map[plan.Status]int) string {
	var parts []string
	if n := by[plan.InSync]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d %s", n, plan.InSync))
	}
	for _, st := range slices.Backward(worstFirst) {
		if n := by[st]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, st))
		}
	}
	if len(parts) == 0 {
		return "nothing out of sync"
	}
	return strings.Join(parts, ", ")
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// since is a time of day, with the date if that is not today's.
func since(now, t time.Time) string {
	now, t = now.UTC(), t.UTC()
	switch {
	case t.IsZero():
		return ""
	case now.Format(time.DateOnly) == t.Format(time.DateOnly):
		return "since " + t.Format(time.TimeOnly) + "Z"
	}
	return "since " + t.Format("2006-01-02 15:04") + "Z"
}
