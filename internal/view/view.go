// Package view turns values into what people and programs read: text, JSON, YAML and GitHub
// annotations. A view takes a value and a writer; it does not know where the value came from. Begin
// with the function of the value at hand: [Diagnostics], [PlanText], [ReportText], [WhyText], [SetYAML].
//
// What a fleet or a target says may be hostile: text written here never carries control characters or
// invisible ones to a terminal, whoever put them into a value.
package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path"

	"sigs.k8s.io/yaml"

	"millwright.dev/millwright/internal/diag"
)

// FormatVersion is the version of every JSON document that is written here; it is raised when a
// reader of an older version would misread a newer document.
const FormatVersion = 1

// Style says how text may look.
type Style struct {
	// Colour: the writer is a terminal and NO_COLOR is not set.
	Colour bool
	// Base leads from where the reader is to the fleet's root, so that the names of files can be
	// opened; empty where the reader is there.
	Base string
}

// The colours, by meaning.
const (
	good    = "32"
	bad     = "31"
	caution = "33"
	faint   = "2"
	strong  = "1"
)

// paint colours a text, which is made safe first.
func (s Style) paint(code string, text any) painted {
	safe := clean(fmt.Sprint(text))
	if !s.Colour || safe == "" {
		return painted(safe)
	}
	return painted("\x1b[" + code + "m" + safe + "\x1b[0m")
}

// pos is a position as the reader can open it. The built-in schema is no file of theirs.
func (s Style) pos(p diag.Pos) diag.Pos {
	if s.Base != "" && p.File != "" && !p.IsBuiltIn() {
		p.File = path.Join(s.Base, p.File)
	}
	return p
}

// JSON writes a value as indented JSON with a final newline. Characters that a terminal would obey or
// not show are escaped.
func JSON(w io.Writer, v any) error {
	text, err := encode(v)
	if err == nil {
		_, err = w.Write(text)
	}
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return escapeJSON(b.Bytes()), nil
}

// YAML writes a value as one YAML document. One that holds characters which a terminal would obey or
// not show is written in JSON's form, which is YAML too and can escape them all.
func YAML(w io.Writer, v any) error {
	text, err := yaml.Marshal(v) // which refuses some characters that JSON can escape
	if err != nil || hasUnsafe(text) {
		text, err = encode(v)
	}
	if err == nil {
		_, err = w.Write(text)
	}
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	return nil
}
