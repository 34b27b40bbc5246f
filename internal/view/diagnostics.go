package view

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"millwright.dev/millwright/internal/diag"
)

// Diagnostics prints findings one after the other, each with the line of the file that it means, and
// ends with how many there are. Files is where the lines are read from; nil leaves them out.
func Diagnostics(w io.Writer, found diag.List, files fs.FS, s Style) error {
	p := printer{w: w}
	for _, d := range found {
		colour := bad
		if d.Severity == diag.Warning {
			colour = caution
		}
		if d.Pos.IsValid() {
			p.f("%s: ", s.paint(strong, d.Pos.String()))
		}
		p.f("%s: %s  [%s]\n", s.paint(colour, d.Severity.String()), d.Summary, d.Code)
		if line, ok := sourceLine(files, d.Pos); ok {
			p.f("%6d │ %s\n", d.Pos.Line, line)
			p.f("       │ %s%s\n", padding(line, d.Pos.Column), s.paint(colour, "^"))
		}
		for _, r := range d.Related {
			p.f("    %s  %s\n", r.Pos, r.Message)
		}
		if d.Hint != "" {
			p.f("  hint: %s\n", d.Hint)
		}
	}
	errors, warnings := count(found)
	switch {
	case errors > 0 && warnings > 0:
		p.f("%s, %s\n", plural(errors, "error"), plural(warnings, "warning"))
	case errors > 0:
		p.f("%s\n", plural(errors, "error"))
	case warnings > 0:
		p.f("%s\n", plural(warnings, "warning"))
	}
	return p.err
}

func count(found diag.List) (errors, warnings int) {
	for _, d := range found {
		if d.Severity == diag.Warning {
			warnings++
		} else {
			errors++
		}
	}
	return errors, warnings
}

// longestLine bounds what of a hostile file gets on a terminal.
const longestLine = 160

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
	scanner := bufio.NewScanner(file)
	for n := 1; scanner.Scan(); n++ {
		if n == pos.Line {
			line := strings.ToValidUTF8(scanner.Text(), "?")
			if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' }) {
				return "", false // control characters could paint over the terminal
			}
			return line[:min(len(line), longestLine)], true
		}
	}
	return "", false
}

// padding is as wide as the part of a line before a column, tabs kept.
func padding(line string, column int) string {
	var b strings.Builder
	for i, r := range line {
		if i >= column-1 {
			break
		}
		if r == '\t' {
			b.WriteRune('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// diagnosticsDocument is the JSON form of findings.
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
// request.
func DiagnosticsGitHub(w io.Writer, found diag.List) error {
	p := printer{w: w}
	for _, d := range found {
		message := d.Summary
		for _, r := range d.Related {
			message += fmt.Sprintf("\n%s %s", r.Pos, r.Message)
		}
		if d.Hint != "" {
			message += "\nhint: " + d.Hint
		}
		p.f("::%s file=%s,line=%d,col=%d,title=%s::%s\n", d.Severity, githubProperty(d.Pos.File), d.Pos.Line, d.Pos.Column, githubProperty(d.Code), githubData(message))
	}
	return p.err
}

// githubData and githubProperty escape what GitHub's workflow commands give a meaning to.
func githubData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func githubProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(githubData(s))
}
