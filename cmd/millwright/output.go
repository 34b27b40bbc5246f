package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/view"
)

// outputs are the sinks of -o: "text", "json=plan.json", several at once. What cannot be is refused
// with the flags, before there is work to lose.
type outputs struct {
	forms []string // that the command has; the first is the default
	sinks []sink
}

// sink is where one form of a result goes: a file, or stdout.
type sink struct{ form, file string }

// writer writes one form of a result; the style is that of the sink.
type writer func(io.Writer, view.Style) error

func (o *outputs) flag(cmd *cobra.Command, forms ...string) {
	o.forms = forms
	cmd.Flags().VarP(o, "output", "o", "how to write the result: "+strings.Join(forms, ", ")+"; form=file writes it to a file; may be repeated")
}

// Set takes one value of -o.
func (o *outputs) Set(text string) error {
	form, file, toFile := strings.Cut(text, "=")
	switch {
	case !slices.Contains(o.forms, form):
		return fmt.Errorf("there is no such form; there are %s", strings.Join(o.forms, ", "))
	case toFile && file == "":
		return errors.New("the name of the file is missing")
	case slices.ContainsFunc(o.sinks, func(s sink) bool { return s.file == file }):
		return errors.New("two results cannot go to one place; write one of them as form=file")
	}
	o.sinks = append(o.sinks, sink{form, file})
	return nil
}

// has reports whether one of some forms was asked for.
func (o *outputs) has(forms ...string) bool {
	return slices.ContainsFunc(o.sinks, func(s sink) bool { return slices.Contains(forms, s.form) })
}

// Type is what the help calls a value.
func (o *outputs) Type() string { return "form[=file]" }

func (o *outputs) String() string { return "" }

// write writes the result in every form that was asked for. A file is written only once all of its
// text is there.
func (o *outputs) write(stdout io.Writer, forms map[string]writer) error {
	sinks := o.sinks
	if len(sinks) == 0 {
		sinks = []sink{{form: o.forms[0]}}
	}
	for _, s := range sinks {
		if s.file == "" {
			if err := forms[s.form](stdout, styleOn(stdout)); err != nil {
				return err
			}
			continue
		}
		var text bytes.Buffer
		if err := forms[s.form](&text, view.Style{}); err != nil {
			return err
		}
		if err := os.WriteFile(s.file, text.Bytes(), 0o644); err != nil { //nolint:gosec // results hold no secret, and are for others to read
			return fmt.Errorf("write the result: %w", err)
		}
	}
	return nil
}

// form makes a writer of a view that has no style.
func form[T any](v T, write func(io.Writer, T) error) writer {
	return func(w io.Writer, _ view.Style) error { return write(w, v) }
}
