package view

import (
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"

	"millwright.dev/millwright/internal/audit"
	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/state"
)

// Why is the answer to where an object's values come from.
type Why struct {
	Address string    `json:"address"`
	Entity  string    `json:"entity"`
	Leaves  []WhyLeaf `json:"leaves"`
	// History says whether what changed last is told of all; nil if nobody asked.
	History *Notice `json:"history,omitempty"`
}

// WhyLeaf is one value and the places that made it what it is.
type WhyLeaf struct {
	Path   string       `json:"path,omitempty"`
	Value  any          `json:"value,omitempty"`
	Origin state.Origin `json:"origin,omitzero"`
	Places []Place      `json:"places"`
	// Changed is the last event of the field that the value comes from; nil where none is known.
	Changed *audit.Event `json:"changed,omitempty"`
}

// Place is a line that took part: the author's, or the schema's, which gives the default if nobody
// wrote a value.
type Place struct {
	Pos     diag.Pos `json:"pos"`
	Schema  bool     `json:"schema,omitempty"`
	Default bool     `json:"default,omitempty"`
}

// WhyText prints the places that made values what they are. For one value these are all of them, the
// author's before the schema's, each with what stands there in files; for several it is the first of
// each, which the others lead from, and values of one place stand together.
func WhyText(w io.Writer, y Why, files fs.FS, s Style) error {
	p := printer{w: w}
	if len(y.Leaves) == 1 {
		whyOne(&p, y, y.Leaves[0], files, s)
		return p.err
	}
	p.f("%s", s.paint(strong, y.Address))
	if y.Entity != y.Address {
		p.f("  for %s", y.Entity)
	}
	p.f("\n")
	for _, group := range byPlace(y.Leaves) {
		width := 0
		for _, leaf := range group {
			width = max(width, min(utf8.RuneCountInString(clean(leaf.Path)), 40))
		}
		for _, leaf := range group {
			p.f("  %-*s = %s\n", width, leaf.Path, value(leaf.Value))
		}
		p.f("      %s\n", s.paint(faint, strings.TrimSpace(firstPlace(group[0], s)+"  "+from(group[0]))))
		if e := group[0].Changed; e != nil {
			p.f("      %s\n", s.paint(faint, lastShort(*e)))
		}
	}
	return p.err
}

func whyOne(p *printer, y Why, leaf WhyLeaf, files fs.FS, s Style) {
	name := y.Address
	if leaf.Path != "" {
		name += "." + leaf.Path
	}
	p.f("%s", s.paint(strong, name))
	if leaf.Origin.Entity != "" {
		p.f(" = %s\n  from %s", value(leaf.Value), from(leaf))
	}
	p.f("\n")
	width := 0
	for _, place := range leaf.Places {
		width = max(width, utf8.RuneCountInString(s.pos(place.Pos).String()))
	}
	for _, place := range leaf.Places {
		line, ok := sourceLine(files, place.Pos)
		switch {
		case place.Default:
			p.f("  %-*s  %s\n", width, s.pos(place.Pos), s.paint(faint, "the schema's default"))
		case place.Schema:
			p.f("  %-*s  %s\n", width, s.pos(place.Pos), s.paint(faint, "the schema's rule"))
		case ok:
			p.f("  %-*s  %s\n", width, s.pos(place.Pos), cut(clean(strings.TrimSpace(line))))
		default:
			p.f("  %s\n", s.pos(place.Pos))
		}
	}
	if leaf.Changed != nil {
		lastText(p, *leaf.Changed, s)
	}
}

// manyChanges is how many values of one change are shown.
const manyChanges = 4

// lastText prints the change that made a value what it is, and who stands behind it.
func lastText(p *printer, e audit.Event, s Style) {
	p.f("  %s %s\n", lastChanged(e), s.paint(strong, commitName(e.Commit)))
	if e.Commit.Hash != "" {
		p.f("    %s\n", s.paint(faint, behind(e.Commit)))
	}
	withText(p, e.With, "    ", s)
	if len(e.Changes) == 0 || e.Change != audit.Changed && len(e.Changes) > 1 {
		p.f("    %s %s\n", e.Entity, e.Change)
		return
	}
	for _, c := range e.Changes[:min(len(e.Changes), manyChanges)] {
		old, now := oldAndNew(c)
		p.f("    %s: %s → %s\n", join(e.Entity, c.Path), old, now)
	}
	if more := len(e.Changes) - manyChanges; more > 0 {
		p.f("    and %s more\n", plural(more, "field"))
	}
}

// lastChanged begins the sentence about a last change. What the value is made of with others may have changed without
// the value.
func lastChanged(e audit.Event) string {
	if len(e.Changes) > 0 && e.Changes[0].Coarse {
		return "what it is made of last changed"
	}
	return "last changed"
}

// lastShort is a change on one line.
func lastShort(e audit.Event) string {
	text := lastChanged(e) + " " + commitName(audit.Commit{})
	if c := e.Commit; c.Hash != "" {
		text = fmt.Sprintf("%s %s in %s %s", lastChanged(e), c.Time.Format(merged), c.Hash[:min(12, len(c.Hash))], behind(c))
	}
	switch {
	case len(e.Changes) == 1:
		old, now := oldAndNew(e.Changes[0])
		if e.Changes[0].Coarse { // the field is another than the one that stands above
			old = e.Changes[0].Path + ": " + old
		}
		return fmt.Sprintf("%s: %s → %s", text, old, now)
	case e.Change != audit.Changed:
		return fmt.Sprintf("%s: %s %s", text, e.Entity, e.Change)
	}
	return fmt.Sprintf("%s: %s", text, plural(len(e.Changes), "field"))
}

// byPlace groups leaves that come of the same field and place, in the order of their first.
func byPlace(leaves []WhyLeaf) [][]WhyLeaf {
	index := map[string]int{}
	var groups [][]WhyLeaf
	for _, leaf := range leaves {
		key := firstPlace(leaf, Style{}) + " " + from(leaf)
		n, ok := index[key]
		if !ok {
			n = len(groups)
			index[key] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], leaf)
	}
	return groups
}

func firstPlace(leaf WhyLeaf, s Style) string {
	if len(leaf.Places) == 0 {
		return ""
	}
	return s.pos(leaf.Places[0].Pos).String()
}

// from is an origin as people read it, with how the value follows from it.
func from(leaf WhyLeaf) string {
	text := leaf.Origin.Entity
	if leaf.Origin.Field != "" {
		text += "." + leaf.Origin.Field
	}
	if len(leaf.Places) > 0 && leaf.Places[0].Default {
		text += ", by default"
	}
	if leaf.Origin.Note != "" {
		text = fmt.Sprintf("%s: %s", text, leaf.Origin.Note)
	}
	return text
}

// WhyJSON writes the answer for programs.
func WhyJSON(w io.Writer, y Why) error {
	return JSON(w, struct {
		Version int `json:"version"`
		Why
	}{FormatVersion, y})
}
