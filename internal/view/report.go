package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
)

// ReportText prints how a fleet stands: one line of counts, alarms, then everything that is not in
// sync, the worst first.
func ReportText(w io.Writer, r report.Report, now time.Time, s Style) error {
	p := printer{w: w}
	commit := r.Source.Commit
	if len(commit) > 12 {
		commit = commit[:12]
	}
	if commit == "" {
		commit = "no commit"
	}
	p.f("%s in force, seen %s ago%s\n", s.paint(strong, commit), age(now, r.Time), subject(r.Source.Subject))
	if r.Source.Error != "" {
		p.f("%s the newest commit is not in force: %s\n", s.paint(bad, "!"), strings.ReplaceAll(r.Source.Error, "\n", "\n  "))
		if !r.Source.Fetched.IsZero() {
			p.f("  the source was last read %s ago\n", age(now, r.Source.Fetched))
		}
	}
	for _, a := range r.Alarms {
		p.f("%s isolation: %s\n", s.paint(bad, "!"), a)
	}
	p.f("%s\n", counts(r.Counts))
	for _, u := range r.Unreachable {
		p.f("  %-11s %s  %s  since %s\n", s.paint(caution, "unreachable"), u.Target, value(u.Why), clock(u.Since))
	}
	for _, status := range []plan.Status{plan.Failed, plan.Unknown, plan.Held, plan.Orphaned, plan.Missing, plan.Drifted, plan.Pending, plan.Progressing} {
		for _, i := range r.Items {
			if i.Status == status {
				item(&p, i, s)
			}
		}
	}
	return p.err
}

func item(p *printer, i report.Item, s Style) {
	p.f("  %-11s %s  since %s\n", s.paint(statusColour(i.Status), string(i.Status)), i.Address, clock(i.Since))
	if i.Action != plan.Create && i.Status != plan.Progressing {
		for _, f := range i.Fields {
			p.f("      %s: want %s, have %s%s\n", f.Name, value(f.New), value(f.Old), attributed(f, i))
		}
	}
	for _, h := range i.Held {
		p.f("      held by %s: %s\n", h.By, value(h.Why))
		if h.Until != "" {
			p.f("        until %s\n", h.Until)
		}
	}
	for _, wait := range i.Waits {
		p.f("      waits for %s\n", wait)
	}
	if i.Note != "" {
		p.f("      %s\n", value(i.Note))
	}
}

// attributed says who made a field drift; where the system does not tell, it says that.
func attributed(f plan.Field, i report.Item) string {
	if text := who(f); text != "" {
		return text
	}
	for _, c := range i.Causes {
		if c == plan.CauseDrift {
			return "  by: not told"
		}
	}
	return ""
}

func statusColour(st plan.Status) string {
	switch st {
	case plan.Failed, plan.Missing, plan.Orphaned:
		return bad
	case plan.InSync:
		return good
	}
	return caution
}

func counts(by map[plan.Status]int) string {
	var parts []string
	for _, st := range []plan.Status{plan.InSync, plan.Progressing, plan.Pending, plan.Drifted, plan.Missing, plan.Orphaned, plan.Held, plan.Unknown, plan.Failed} {
		if n := by[st]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, st))
		}
	}
	if len(parts) == 0 {
		return "nothing is owned yet"
	}
	return strings.Join(parts, ", ")
}

func subject(s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf("  (%s)", value(s))
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }

// age is a duration in the largest unit that says enough.
func age(now, t time.Time) string {
	switch d := now.Sub(t); {
	case t.IsZero():
		return "never"
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}
