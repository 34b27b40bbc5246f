// Package diag is the one shape of a finding: what is wrong, where, clashing with what, and how to
// mend it. Whatever checks something returns Diagnostics; internal/view alone prints them. It knows
// nothing else of Millwright, so that every other package may use it.
package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a finding stops the commit.
type Severity int

const (
	// Error stops: the fleet is invalid, nothing is rendered from it.
	Error Severity = iota
	// Warning informs: the fleet is used.
	Warning
	// Incomplete stops as an error does, but nothing is wrong with the fleet: something that it names
	// is not at hand.
	Incomplete
)

func (s Severity) String() string {
	switch s {
	case Warning:
		return "warning"
	case Incomplete:
		return "incomplete"
	}
	return "error"
}

// BuiltIn begins the names of the built-in schema's files. No file of a repository has such a name: in
// a path nothing stands between two slashes.
const BuiltIn = "schema://"

// Pos is a place in a file of the fleet repository, or of the built-in schema. Line and Column count
// from 1; a Pos with Line 0 names the whole file, the zero Pos no place at all.
type Pos struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// IsValid reports whether p names a place.
func (p Pos) IsValid() bool { return p.File != "" }

// IsBuiltIn reports whether p is a place in the built-in schema.
func (p Pos) IsBuiltIn() bool { return strings.HasPrefix(p.File, BuiltIn) }

// String is file, file:line or file:line:column, whatever is known; "-" for no place.
func (p Pos) String() string {
	switch {
	case p.File == "":
		return "-"
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Compare orders positions by file, line and column.
func (p Pos) Compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Related is another place that takes part in a finding, and what stands there.
type Related struct {
	Pos     Pos    `json:"pos"`
	Message string `json:"message"`
}

// Diagnostic is one finding.
type Diagnostic struct {
	Severity Severity `json:"-"`
	// Code is stable across versions ("MW203"), so that it can be searched for and silenced.
	Code string `json:"code"`
	// Summary is one lower-case sentence without its final period.
	Summary string `json:"summary"`
	// Hint says how to mend it; empty where we don't know.
	Hint string `json:"hint,omitempty"`
	// Path is the entity and field meant, as in "machine/gpu-001.bmc.address"; may be empty.
	Path string `json:"path,omitempty"`
	// Pos is where the user wrote it; the zero Pos where no file is to blame.
	Pos Pos `json:"pos"`
	// Related are the other places, the user's before the schema's.
	Related []Related `json:"related,omitempty"`
}

// Error makes a Diagnostic an error: position, severity, summary and code on one line.
func (d Diagnostic) Error() string {
	var b strings.Builder
	if d.Pos.IsValid() {
		fmt.Fprintf(&b, "%s: ", d.Pos)
	}
	fmt.Fprintf(&b, "%s: %s", d.Severity, d.Summary)
	if d.Code != "" {
		fmt.Fprintf(&b, "  [%s]", d.Code)
	}
	return b.String()
}

// List is several findings as one error; an empty List is no error (use Err).
type List []Diagnostic

// Error joins the findings, one a line.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, d := range l {
		lines[i] = d.Error()
	}
	return strings.Join(lines, "\n")
}

// Err is l as an error if it holds any Error or Incomplete, else nil: warnings alone stop nothing.
func (l List) Err() error {
	if slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity != Warning }) {
		return l
	}
	return nil
}

// Incomplete reports whether l stops only because something is not at hand.
func (l List) Incomplete() bool {
	return l.Err() != nil && !slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Sort orders findings by position, code, path and summary, and drops exact repetitions.
func (l List) Sort() List {
	slices.SortStableFunc(l, func(a, b Diagnostic) int {
		return cmp.Or(a.Pos.Compare(b.Pos), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Summary, b.Summary))
	})
	return slices.CompactFunc(l, func(a, b Diagnostic) bool {
		return a.Pos == b.Pos && a.Code == b.Code && a.Path == b.Path && a.Summary == b.Summary
	})
}
