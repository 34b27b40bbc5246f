package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
)

// PlanText prints what a plan would do. The sum comes first, and last again; between them the changes
// stand grouped by what people wrote that they are for. What is in sync is only counted.
func PlanText(w io.Writer, pl plan.Plan, s Style) error {
	p := printer{w: w}
	shown := byEntity(pl.Changes)
	p.f("plan of %s: %s\n", s.paint(strong, report.ShortCommit(pl.Commit)), PlanSummary(pl))
	if len(shown) == 0 {
		return p.err
	}
	if signs := legend(shown); signs != "" {
		p.f("  %s\n", s.paint(faint, signs))
	}
	last := "-" // no entity's name
	for _, c := range shown {
		if c.Entity != last {
			p.f("\n%s\n", s.paint(strong, cmp.Or(c.Entity, "(of no entity)")))
			last = c.Entity
		}
		planChange(&p, c, s)
	}
	p.f("\n%s\n", PlanSummary(pl))
	return p.err
}

// byEntity are the changes that are not in sync, sorted by what they are for, then by address.
func byEntity(changes []plan.Change) []plan.Change {
	sorted := slices.DeleteFunc(slices.Clone(changes), func(c plan.Change) bool { return c.Status == plan.InSync })
	slices.SortStableFunc(sorted, func(a, b plan.Change) int {
		return cmp.Or(cmp.Compare(a.Entity, b.Entity), a.ID.Compare(b.ID))
	})
	return sorted
}

// actions are all actions in the order in which they are summed up, with their words.
var actions = []struct {
	action plan.Action
	words  string
}{
	{plan.Create, "to create"}, {plan.Update, "to change"}, {plan.Adopt, "to adopt"},
	{plan.Release, "to release"}, {plan.Replace, "to replace"}, {plan.Delete, "to delete"},
}

// legend explains the signs that are used.
func legend(changes []plan.Change) string {
	var signs []string
	for _, a := range actions {
		if slices.ContainsFunc(changes, func(c plan.Change) bool { return c.Action == a.action }) {
			signs = append(signs, a.action.Sign()+" "+string(a.action))
		}
	}
	return strings.Join(signs, "   ")
}

func planChange(p *printer, c plan.Change, s Style) {
	p.f("  %s %s", s.paint(actionColour(c.Action), c.Action.Sign()), c.ID)
	if c.Action == plan.Nothing {
		p.f("  %s", s.paint(caution, c.Status))
	} else if c.Impact > kinds.None {
		p.f("  %s", s.paint(bad, c.Impact))
	}
	if why := reason(c); why != "" {
		p.f("  (%s)", why)
	}
	p.f("\n")
	if c.Action != plan.Create {
		fields(p, c.Fields, func(f plan.Field) string {
			was, is := masked(f)
			return was + " → " + is + who(f)
		})
	}
	explain(p, c.Held, c.Consent, c.Waits, c.Note, s)
}

// reason says why, where it is not simply that the fleet says so.
func reason(c plan.Change) string {
	switch {
	case c.Step == plan.Stage:
		return "handed over now, in force after a reset"
	case c.Step == plan.Reset:
		return "resets the machine, which puts it in force"
	case c.Action == plan.Nothing:
		return ""
	case c.Status == plan.Missing:
		return "it was ours and is gone"
	case c.Action == plan.Delete, c.Action == plan.Release:
		return "the fleet no longer wants it"
	}
	var causes []string
	for _, cause := range c.Causes {
		if cause != plan.CauseCommit || len(c.Causes) > 1 {
			causes = append(causes, string(cause))
		}
	}
	return strings.Join(causes, ", ")
}

// fields prints a line for each field, the names aligned.
func fields(p *printer, all []plan.Field, say func(plan.Field) string) {
	width := 0
	for _, f := range all {
		width = max(width, min(utf8.RuneCountInString(clean(f.Name)), 40))
	}
	for _, f := range all {
		p.f("      %-*s  %s\n", width, f.Name, say(f))
	}
}

// masked are a field's old and new value as they may be printed.
func masked(f plan.Field) (was, is string) {
	if !f.Sensitive {
		return values(f.Old, f.New)
	}
	hide := func(v any) string {
		if v == nil {
			return value(nil)
		}
		return "(sensitive)"
	}
	return hide(f.Old), hide(f.New)
}

// explain prints what keeps a change from happening, and what else there is to know.
func explain(p *printer, held []plan.Hold, consent *plan.Consent, waits []string, note string, s Style) {
	if consent != nil {
		p.f("      %s\n", sentence(consent.String()))
	}
	for _, h := range held {
		p.f("      %s by %s: %s\n", s.paint(caution, "held"), h.By, sentence(h.Why))
		if h.Until != "" {
			p.f("        until %s\n", sentence(h.Until))
		}
	}
	if n := len(waits); n > 1 {
		p.f("      waits for %s and %d more\n", waits[0], n-1)
	} else if n == 1 {
		p.f("      waits for %s\n", waits[0])
	}
	if note != "" {
		p.f("      %s\n", sentence(note))
	}
}

func actionColour(a plan.Action) string {
	switch a {
	case plan.Create, plan.Adopt:
		return good
	case plan.Delete, plan.Replace:
		return bad
	}
	return caution
}

// who tells who wrote a field, where the target says; else nothing is claimed.
func who(f plan.Field) string {
	var names []string
	for _, w := range f.Who {
		name := w.Name
		if !w.Time.IsZero() {
			name += " at " + w.Time.UTC().Format(time.DateTime) + "Z"
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	return "  by " + strings.Join(names, ", ")
}

// PlanSummary is the one sentence that a plan comes down to; disruption is never left out of it.
func PlanSummary(pl plan.Plan) string {
	todo := map[plan.Action]int{}
	standing := map[plan.Status]int{}
	impacts := map[kinds.Impact]int{}
	for _, c := range pl.Changes {
		if c.Action == plan.Nothing || c.Status == plan.Unknown || c.Status == plan.Held {
			standing[c.Status]++
			continue
		}
		todo[c.Action]++
		impacts[c.Impact]++
	}
	var parts []string
	for _, a := range actions {
		if n := todo[a.action]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, a.words))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "nothing to do")
	}
	for _, status := range worstFirst {
		if n := standing[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, status))
		}
	}
	line := strings.Join(parts, ", ")
	if len(parts) == 1 && len(todo) == 0 {
		line += ": all is as wanted"
	}
	var costs []string
	for impact := kinds.DataLoss; impact > kinds.None; impact-- {
		if n := impacts[impact]; n > 0 {
			costs = append(costs, fmt.Sprintf("%d %s", n, impact))
		}
	}
	if len(costs) > 0 {
		line += "; impact: " + strings.Join(costs, ", ")
	}
	return line
}

// planDocument is the JSON form of a plan.
type planDocument struct {
	Version  int           `json:"version"`
	Complete bool          `json:"complete"`
	Commit   string        `json:"commit,omitempty"`
	Summary  string        `json:"summary"`
	Changes  []plan.Change `json:"changes"`
}

// PlanJSON writes a plan for programs: everything that is not in sync, by address. It is complete if
// everything could be read.
func PlanJSON(w io.Writer, pl plan.Plan) error {
	document := planDocument{Version: FormatVersion, Complete: !pl.Incomplete(), Commit: pl.Commit, Summary: PlanSummary(pl), Changes: []plan.Change{}}
	for _, c := range pl.Changes {
		if c.Status != plan.InSync {
			c.Fields = withoutSecrets(c.Fields)
			document.Changes = append(document.Changes, c)
		}
	}
	return JSON(w, document)
}

// withoutSecrets are fields with the sensitive values masked, whoever forgot to.
func withoutSecrets(all []plan.Field) []plan.Field {
	all = slices.Clone(all)
	for i, f := range all {
		if f.Sensitive {
			was, is := masked(f)
			if f.Old != nil {
				all[i].Old = was
			}
			if f.New != nil {
				all[i].New = is
			}
		}
	}
	return all
}
