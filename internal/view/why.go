package view

import (
	"io"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/state"
)

// Why is the answer to where an object's values come from.
type Why struct {
	Address string    `json:"address"`
	Entity  string    `json:"entity"`
	Leaves  []WhyLeaf `json:"leaves"`
}

// WhyLeaf is one value and the places that made it what it is.
type WhyLeaf struct {
	Path   string       `json:"path,omitempty"`
	Value  any          `json:"value,omitempty"`
	Origin state.Origin `json:"origin,omitzero"`
	Places []Place      `json:"places"`
}

// Place is a line that took part: the author's, or the schema's, which gives the default if nobody
// wrote a value.
type Place struct {
	Pos     diag.Pos `json:"pos"`
	Schema  bool     `json:"schema,omitempty"`
	Default bool     `json:"default,omitempty"`
}

// WhyText prints each value with the places that made it so, the author's before the schema's.
func WhyText(w io.Writer, y Why, s Style) error {
	p := printer{w: w}
	p.f("%s", s.paint(strong, y.Address))
	if y.Entity != y.Address {
		p.f("  for %s", y.Entity)
	}
	p.f("\n")
	for _, leaf := range y.Leaves {
		switch {
		case leaf.Path != "" && leaf.Origin.Entity != "":
			p.f("  %s = %s\n", leaf.Path, value(leaf.Value))
		case leaf.Path != "":
			p.f("  %s\n", leaf.Path)
		}
		for i, place := range leaf.Places {
			note := ""
			switch {
			case i == 0 && leaf.Origin.Entity != "":
				note = "  " + field(leaf.Origin)
			case place.Default:
				note = "  schema, default"
			case place.Schema:
				note = "  schema"
			}
			p.f("      %s%s\n", place.Pos, s.paint(faint, note))
		}
	}
	return p.err
}

// field is an origin as people read it, with how the value was derived from it.
func field(o state.Origin) string {
	text := o.Entity
	if o.Field != "" {
		text += "." + o.Field
	}
	if o.Note != "" {
		text += "  (" + o.Note + ")"
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
