// Package view turns values into what people and programs read: text, JSON, YAML, Markdown and GitHub
// annotations. A view takes a value and a writer; it does not know where the value came from.
package view

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"
)

// FormatVersion is the version of every JSON document that is written here; it is raised when a
// reader of an older version would misread a newer document.
const FormatVersion = 1

// Style says how text may look.
type Style struct {
	// Colour: the writer is a terminal and NO_COLOR is not set.
	Colour bool
}

// The colours, by meaning.
const (
	good    = "32"
	bad     = "31"
	caution = "33"
	faint   = "2"
	strong  = "1"
)

func (s Style) paint(code, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// JSON writes a value as indented JSON with a final newline.
func JSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// YAML writes a value as one YAML document.
func YAML(w io.Writer, v any) error {
	text, err := yaml.Marshal(v)
	if err == nil {
		_, err = w.Write(text)
	}
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	return nil
}

// printer remembers the first error of a sequence of writes, so that a view reads as what it prints.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) f(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// plural is "1 machine", "2 machines".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// value is a value on one line, as people write it, cut where it gets long.
func value(v any) string {
	const longest = 96
	if v == nil {
		return "(nothing)"
	}
	text, ok := v.(string)
	if !ok {
		encoded, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		text = string(encoded)
	}
	text = strings.ReplaceAll(text, "\n", "⏎")
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest-1]) + "…"
	}
	return text
}
