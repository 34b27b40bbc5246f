package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
)

// PlanText prints what a plan would do, grouped by what people wrote it for: first what happens, then
// what is held and why, then what could not be read. What is in sync is only counted.
func PlanText(w io.Writer, pl plan.Plan, s Style) error {
	p := printer{w: w}
	var last string
	for _, c := range byEntity(pl.Changes) {
		if c.Status == plan.InSync {
			continue
		}
		if c.Entity != last {
			if last != "" {
				p.f("\n")
			}
			p.f("%s\n", s.paint(strong, cmp.Or(c.Entity, "(no entity)")))
			last = c.Entity
		}
		planLine(&p, c, s)
	}
	if last != "" {
		p.f("\n")
	}
	p.f("%s\n", PlanSummary(pl))
	return p.err
}

// byEntity sorts changes by what they are for, then by address.
func byEntity(changes []plan.Change) []plan.Change {
	sorted := slices.Clone(changes)
	slices.SortStableFunc(sorted, func(a, b plan.Change) int {
		return cmp.Or(cmp.Compare(a.Entity, b.Entity), a.ID.Compare(b.ID))
	})
	return sorted
}

func planLine(p *printer, c plan.Change, s Style) {
	note := ""
	switch {
	case c.Action != plan.Nothing && c.Impact > kinds.None:
		note = "  " + s.paint(bad, c.Impact.String())
	case c.Action == plan.Nothing:
		note = "  " + s.paint(caution, string(c.Status))
	}
	if c.Step != "" {
		note += "  " + string(c.Step)
	}
	p.f("  %s %s%s%s\n", s.paint(actionColour(c.Action), c.Action.Sign()), c.ID, note, causes(c))
	if c.Action != plan.Create {
		for _, f := range c.Fields {
			p.f("      %s: %s → %s%s\n", f.Name, value(f.Old), value(f.New), who(f))
		}
	}
	for _, h := range c.Held {
		p.f("      %s by %s: %s\n", s.paint(caution, "held"), h.By, h.Why)
		if h.Until != "" {
			p.f("        until %s\n", h.Until)
		}
	}
	for _, wait := range c.Waits {
		p.f("      waits for %s\n", wait)
	}
	if c.Note != "" {
		p.f("      %s\n", value(c.Note))
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

func causes(c plan.Change) string {
	if slices.Contains(c.Causes, plan.CauseDrift) || slices.Contains(c.Causes, plan.CauseUpgrade) {
		var names []string
		for _, cause := range c.Causes {
			names = append(names, string(cause))
		}
		return "  (" + strings.Join(names, ", ") + ")"
	}
	return ""
}

// who tells who wrote a field, where the target says; else nothing is claimed.
func who(f plan.Field) string {
	var names []string
	for _, w := range f.Who {
		name := w.Name
		if !w.Time.IsZero() {
			name += " at " + w.Time.UTC().Format("15:04:05Z")
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	return "  by " + strings.Join(names, ", ")
}

// PlanSummary is the one line that a plan comes down to; disruption is never left out of it.
func PlanSummary(pl plan.Plan) string {
	actions := map[plan.Action]int{}
	impacts := map[kinds.Impact]int{}
	held, unknown := 0, 0
	for _, c := range pl.Changes {
		switch {
		case c.Status == plan.Unknown:
			unknown++
		case len(c.Held) > 0:
			held++
		case c.Action != plan.Nothing:
			actions[c.Action]++
			impacts[c.Impact]++
		}
	}
	var parts []string
	for _, a := range []struct {
		action plan.Action
		words  string
	}{{plan.Create, "to create"}, {plan.Update, "to change"}, {plan.Adopt, "to adopt"}, {plan.Release, "to release"}, {plan.Delete, "to delete"}} {
		if n := actions[a.action]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, a.words))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "nothing to do")
	}
	if held > 0 {
		parts = append(parts, fmt.Sprintf("%d held", held))
	}
	if unknown > 0 {
		parts = append(parts, fmt.Sprintf("%d unknown", unknown))
	}
	line := strings.Join(parts, ", ") + "."
	var costs []string
	for i := kinds.DataLoss; i > kinds.None; i-- {
		if n := impacts[i]; n > 0 {
			costs = append(costs, fmt.Sprintf("%d %s", n, i))
		}
	}
	if len(costs) > 0 {
		line += "  Impact: " + strings.Join(costs, ", ") + "."
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

// PlanJSON writes a plan for programs: everything that is not in sync.
func PlanJSON(w io.Writer, pl plan.Plan) error {
	document := planDocument{Version: FormatVersion, Complete: !pl.Incomplete(), Commit: pl.Commit, Summary: PlanSummary(pl), Changes: []plan.Change{}}
	for _, c := range pl.Changes {
		if c.Status != plan.InSync {
			document.Changes = append(document.Changes, c)
		}
	}
	return JSON(w, document)
}
