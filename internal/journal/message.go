package journal

import (
	"fmt"
	"strings"
	"unicode"
)

const (
	// maxListed bounds how many changes, drifts and bindings a message lists each; the file has them all.
	maxListed = 40
	// maxLine bounds, in characters, what a line of a message says.
	maxLine = 200

	trailerRun      = "Run"
	trailerSequence = "Sequence"
	trailerFleet    = "Fleet"
	trailerSource   = "Source-Commit"
)

// Message is the commit message of a run: what a person wants to know first, and trailers for Git.
func (r Run) Message() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", line(r.subject()))
	if r.Lost {
		fmt.Fprintf(&b, "\nThe process ended before it could write down the outcome. How things stood when the\nnext one looked is what is said here.\n")
	}
	if r.Follows != "" {
		fmt.Fprintf(&b, "\nWhat came before, up to commit %s, was lost with its disk.\n", r.Follows)
	}
	section(&b, "", len(r.Changes), func(i int) string { return r.Changes[i].line() })
	section(&b, "Changed by others:", len(r.Drift), func(i int) string { return r.Drift[i].line() })
	section(&b, "Bound by others:", len(r.Bindings), func(i int) string { return r.Bindings[i].line() })
	fmt.Fprintf(&b, "\n%s: %s\n%s: %d\n%s: %s\n%s: %s\n", trailerRun, line(r.ID), trailerSequence, r.Sequence,
		trailerFleet, line(r.Fleet), trailerSource, line(r.Source.Commit))
	return b.String()
}

func (r Run) subject() string {
	var said []string
	count := r.Count()
	for _, result := range []Result{Done, Pending, Failed, Refused, Unsent, Unrecorded} {
		if n := count[result]; n > 0 {
			said = append(said, fmt.Sprintf("%d %s", n, result))
		}
	}
	ended := 0
	for _, d := range r.Drift {
		if d.Ended {
			ended++
		}
	}
	if n := len(r.Drift) - ended; n > 0 {
		said = append(said, fmt.Sprintf("%d drifted", n))
	}
	if ended > 0 {
		said = append(said, fmt.Sprintf("%d as wanted again", ended))
	}
	if n := len(r.Bindings); n > 0 {
		said = append(said, fmt.Sprintf("%d bound", n))
	}
	commit := r.Source.Commit
	return fmt.Sprintf("Run %d: %s, at %s", r.Sequence, strings.Join(said, ", "), commit[:min(len(commit), 12)])
}

func section(b *strings.Builder, title string, n int, at func(int) string) {
	if n == 0 {
		return
	}
	b.WriteString("\n")
	if title != "" {
		b.WriteString(title + "\n")
	}
	for i := range min(n, maxListed) {
		b.WriteString(line(at(i)) + "\n")
	}
	if n > maxListed {
		fmt.Fprintf(b, "  and %d more, in the file\n", n-maxListed)
	}
}

func (c Change) line() string {
	what := string(c.Action)
	if c.Step != "" {
		what = string(c.Step)
	}
	s := fmt.Sprintf("%s %s %s: %s", c.Action.Sign(), what, c.Address, c.Result)
	if c.Observed != "" {
		s += ", then " + string(c.Observed)
	}
	if who := writers(c.Fields); who != "" {
		s += ", drifted by " + who
	}
	switch a := c.Approval; {
	case a == nil:
	case a.Window != "":
		s += ", in window " + a.Window
	case a.Verified:
		s += ", approved by " + a.By
	default:
		s += ", approved by " + a.By + " as it is said"
	}
	if c.Error != "" {
		s += ": " + c.Error
	}
	return s
}

func (d Drift) line() string {
	if d.Ended {
		return fmt.Sprintf("  %s: as wanted again", d.Address)
	}
	s := fmt.Sprintf("  %s: %s", d.Address, d.Status)
	if who := writers(d.Fields); who != "" {
		s += ", by " + who
	}
	return s
}

func (b Binding) line() string {
	switch {
	case b.To == "":
		return fmt.Sprintf("  %s: let go by %s", b.Machine, b.Was)
	case b.Was != "":
		return fmt.Sprintf("  %s: to %s, before to %s", b.Machine, b.To, b.Was)
	}
	return fmt.Sprintf("  %s: to %s", b.Machine, b.To)
}

// writers names who wrote fields, each once.
func writers(fields []Field) string {
	var names []string
	seen := map[string]bool{}
	for _, f := range fields {
		for _, w := range f.Who {
			if !seen[w.Name] {
				seen[w.Name] = true
				names = append(names, w.Name)
			}
		}
	}
	return strings.Join(names, ", ")
}

// line makes one line of a text that others had a part in, so that none of it can pass for a trailer.
func line(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if cut := []rune(text); len(cut) > maxLine {
		text = string(cut[:maxLine]) + "…"
	}
	return text
}
