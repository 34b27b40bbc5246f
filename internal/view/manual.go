package view

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"millwright.dev/millwright/internal/diag"
)

// Entry is what the schema says about one field or type.
type Entry struct {
	Path     string   `json:"path"`
	Doc      string   `json:"doc"`
	Values   []string `json:"values,omitempty"`
	Type     string   `json:"type"`
	Required bool     `json:"required,omitempty"`
	Default  string   `json:"default,omitempty"`
	Example  string   `json:"example,omitempty"`
	Types    []string `json:"types,omitempty"`
	Fields   []string `json:"fields,omitempty"`
	Pos      diag.Pos `json:"pos"`
}

// ManualText prints what the schema says, for a terminal.
func ManualText(w io.Writer, entries []Entry, s Style) error {
	p := printer{w: w}
	for i, e := range entries {
		if i > 0 {
			p.f("\n")
		}
		p.f("%s  %s\n", s.paint(strong, e.Path), s.paint(faint, e.Pos))
		for _, line := range wrapped(e.Doc, 96) {
			p.f("  %s\n", line)
		}
		for _, v := range e.Values {
			p.f("    %s\n", v)
		}
		row := func(name, text string) {
			for i, line := range wrapped(text, 84) {
				if i > 0 {
					name = ""
				}
				p.f("  %-9s %s\n", name, line)
			}
		}
		row("type", e.Type)
		for _, t := range e.Types {
			row("", t)
		}
		if e.Required {
			row("required", "yes")
		}
		row("default", e.Default)
		row("example", e.Example)
		row("fields", strings.Join(e.Fields, ", "))
	}
	return p.err
}

// wrapped cuts a text into lines at its spaces.
func wrapped(text string, width int) []string {
	var lines []string
	for _, word := range strings.Fields(text) {
		last := len(lines) - 1
		if last >= 0 && utf8.RuneCountInString(lines[last])+1+utf8.RuneCountInString(word) <= width {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}

// ManualMarkdown writes the reference page: a chapter a kind, and one of the types that fields share.
func ManualMarkdown(w io.Writer, entries []Entry) error {
	p := printer{w: w}
	p.f("# What a fleet can say\n\nThis page is generated from the schema; change the comments there. `millwright explain` prints the same for one field.\n")
	types := false
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Path, "#"):
			if !types {
				p.f("\n## Types\n")
			}
			types = true
			p.f("\n### `%s`\n", e.Path)
		case strings.Contains(e.Path, "."):
			p.f("\n### `%s`\n", e.Path)
		default:
			p.f("\n## %s\n", e.Path)
		}
		if e.Doc != "" {
			p.f("\n%s\n", e.Doc)
		}
		required := ""
		if e.Required {
			required = ", required"
		}
		p.f("\n- type: %s%s\n", mono(e.Type), required)
		if e.Default != "" {
			p.f("- default: %s\n", mono(e.Default))
		}
		if e.Example != "" {
			p.f("- example: %s\n", mono(e.Example))
		}
		for _, v := range e.Values {
			name, meaning, _ := strings.Cut(v, "  ")
			p.f("- %s: %s\n", mono(name), strings.TrimSpace(meaning))
		}
	}
	return p.err
}

// mono is a text as Markdown's code.
func mono(text string) string {
	if strings.Contains(text, "`") {
		return fmt.Sprintf("`` %s ``", text)
	}
	return "`" + text + "`"
}
