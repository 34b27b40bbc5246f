package view

import (
	"fmt"
	"io"
	"strings"

	"millwright.dev/millwright/internal/state"
)

// SetYAML prints what a commit wants, one document an object, its address above it.
func SetYAML(w io.Writer, set state.Set) error {
	p := printer{w: w}
	for o := range set.All() {
		p.f("---\n# %s\n# for %s", o.ID, o.Entity)
		if o.Mode != state.Own {
			p.f(", %s", o.Mode)
		}
		p.f("\n")
		if p.err != nil {
			return p.err
		}
		if err := YAML(w, o.Tree.Masked()); err != nil {
			return err
		}
	}
	return p.err
}

// objectRecord is one object in the JSON form of a set.
type objectRecord struct {
	ID     state.ID     `json:"id"`
	Entity string       `json:"entity"`
	Mode   state.Mode   `json:"mode"`
	After  []state.Edge `json:"after,omitempty"`
	Object any          `json:"object"`
}

// SetJSON writes what a commit wants for programs, object by object: a set may be far larger than what
// it is made of.
func SetJSON(w io.Writer, set state.Set) error {
	var err error
	write := func(text string) {
		if err == nil {
			_, err = io.WriteString(w, text)
		}
	}
	write(fmt.Sprintf("{\n  \"version\": %d,\n  \"objects\": [", FormatVersion))
	separator, end := "\n    ", "]\n}\n"
	for o := range set.All() {
		text, encoding := encode(objectRecord{o.ID, o.Entity, o.Mode, o.After, o.Tree.Masked()})
		if encoding != nil {
			return fmt.Errorf("write JSON of %s: %w", o.ID, encoding)
		}
		write(separator + strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n    "))
		separator, end = ",\n    ", "\n  ]\n}\n"
	}
	write(end)
	return err
}
