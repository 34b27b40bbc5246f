package view

import (
	"io"

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

// setDocument is the JSON form of a set.
type setDocument struct {
	Version int            `json:"version"`
	Objects []objectRecord `json:"objects"`
}

type objectRecord struct {
	ID     state.ID     `json:"id"`
	Entity string       `json:"entity"`
	Mode   state.Mode   `json:"mode"`
	After  []state.Edge `json:"after,omitempty"`
	Object any          `json:"object"`
}

// SetJSON writes what a commit wants for programs.
func SetJSON(w io.Writer, set state.Set) error {
	document := setDocument{Version: FormatVersion, Objects: []objectRecord{}}
	for o := range set.All() {
		document.Objects = append(document.Objects, objectRecord{o.ID, o.Entity, o.Mode, o.After, o.Tree.Masked()})
	}
	return JSON(w, document)
}
