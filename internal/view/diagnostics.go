package view

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"

	"millwright.dev/millwright/internal/diag"
)

// Diagnostics prints findings one after the other, each with the line of the file that it means, and
// ends with how many there are. Files is where the lines are read from; nil leaves them out.
func Diagnostics(w io.Writer, found diag.List, files fs.FS, s Style) error {
	p := printer{w: w}
	var last diag.Pos
	for i := 0; i < len(found); i++ {
		d := found[i]
		colour := bad
		if d.Severity == diag.Warning {
			colour = caution
		}
		if d.Pos.IsValid() {
			p.f("%s: ", s.paint(strong, s.pos(d.Pos)))
		}
		p.f("%s: %s", s.paint(colour, d.Severity), d.Summary)
		if d.Code != "" {
			p.f("  [%s]", d.Code)
		}
		p.f("\n")
		if d.Pos != last { // several findings at one place show it once
			excerpt(&p, files, d.Pos, s.paint(colour, "^"))
		}
		last = d.Pos
		for _, r := range d.Related {
			p.f("    %s  %s\n", s.pos(r.Pos), r.Message)
		}
		if d.Hint != "" {
			p.f("  hint: %s\n", d.Hint)
		}
		var others []string // one line that many share is wrong for all of them
		for ; i+1 < len(found) && sameBut(d, found[i+1]); i++ {
			others = append(others, found[i+1].Path)
		}
		switch n := len(others); {
		case n == 1:
			p.f("  so it is for %s\n", others[0])
		case n > 1:
			p.f("  so it is for %s and %d more\n", others[0], n-1)
		}
	}
	if len(found) > 0 {
		p.f("%s\n", tally(found))
	}
	return p.err
}

// sameBut reports whether two findings say the same of different things.
func sameBut(a, b diag.Diagnostic) bool {
	return a.Path != "" && b.Path != "" && a.Pos == b.Pos && a.Code == b.Code && a.Summary == b.Summary && a.Hint == b.Hint && a.Severity == b.Severity
}

// tally says how many findings there are.
func tally(found diag.List) string {
	count := map[diag.Severity]int{}
	for _, d := range found {
		count[d.Severity]++
	}
	var parts []string
	if n := count[diag.Error]; n > 0 {
		parts = append(parts, plural(n, "error"))
	}
	if n := count[diag.Incomplete]; n > 0 {
		parts = append(parts, plural(n, "thing")+" not at hand")
	}
	if n := count[diag.Warning]; n > 0 {
		parts = append(parts, plural(n, "warning"))
	}
	return strings.Join(parts, ", ")
}

// excerpt prints the line that a position names, and a caret below the column.
func excerpt(p *printer, files fs.FS, pos diag.Pos, caret painted) {
	line, ok := sourceLine(files, pos)
	if !ok {
		return
	}
	at := min(max(pos.Column-1, 0), len(line)) // columns count bytes
	before, after := clean(line[:at]), clean(line[at:])
	if n := utf8.RuneCountInString(before); n > longest-8 {
		before = "…" + string([]rune(before)[n-longest/2:])
	}
	p.f("%6d │ %s%s\n", pos.Line, before, cut(after))
	if pos.Column > 0 {
		p.f("       │ %s%s\n", strings.Repeat(" ", utf8.RuneCountInString(before)), caret)
	}
}

// sourceLine is the line that a position names, if it can be shown.
func sourceLine(files fs.FS, pos diag.Pos) (string, bool) {
	if files == nil || pos.Line == 0 || !fs.ValidPath(pos.File) {
		return "", false
	}
	file, err := files.Open(pos.File)
	if err != nil {
		return "", false
	}
	defer func() { _ = file.Close() }()
	scanner := bufio.NewScanner(file) // which gives up at a line of 64 KiB
	for n := 1; scanner.Scan(); n++ {
		if n == pos.Line {
			return scanner.Text(), true
		}
	}
	return "", false
}

// diagnosticsDocument is the JSON form of findings. Its files are named from the fleet's root.
type diagnosticsDocument struct {
	Version  int             `json:"version"`
	Valid    bool            `json:"valid"`
	Findings []findingRecord `json:"findings"`
}

type findingRecord struct {
	Severity string `json:"severity"`
	diag.Diagnostic
}

// DiagnosticsJSON writes findings for programs.
func DiagnosticsJSON(w io.Writer, found diag.List) error {
	document := diagnosticsDocument{Version: FormatVersion, Valid: found.Err() == nil, Findings: []findingRecord{}}
	for _, d := range found {
		document.Findings = append(document.Findings, findingRecord{d.Severity.String(), d})
	}
	return JSON(w, document)
}

// DiagnosticsGitHub writes findings as workflow commands, which GitHub shows at the lines of a pull
// request. A finding without a place is shown beside the run.
func DiagnosticsGitHub(w io.Writer, found diag.List, s Style) error {
	p := printer{w: w}
	for i, d := range found {
		if i > 0 && sameBut(d, found[i-1]) { // GitHub shows few annotations a step
			continue
		}
		message := d.Summary
		for _, r := range d.Related {
			message += fmt.Sprintf("\n%s %s", s.pos(r.Pos), r.Message)
		}
		if d.Hint != "" {
			message += "\nhint: " + d.Hint
		}
		at := s.pos(d.Pos)
		word := "error" // GitHub knows no other that stops
		if d.Severity == diag.Warning {
			word = "warning"
		}
		p.f("::%s ", word)
		if at.File != "" {
			p.f("file=%s,", githubProperty(at.File))
		}
		if at.Line > 0 {
			p.f("line=%d,col=%d,", at.Line, max(at.Column, 1))
		}
		p.f("title=%s::%s\n", githubProperty(cmp.Or(d.Code, "millwright")), githubData(message))
	}
	return p.err
}

// githubData and githubProperty escape what GitHub's workflow commands give a meaning to: a line
// break would end the command and let what follows begin another one.
func githubData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func githubProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(githubData(s))
}
