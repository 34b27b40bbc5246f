package owners

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/diag"
)

// Must is a file that somebody has to own, and what it is: "the file of tenant acme".
type Must struct {
	File, What string
	// Governance: who may change it decides what others may do.
	Governance bool
}

// Lint finds what is wrong with a file. Files are all of the repository; must are those of them that somebody has
// to own. Its findings:
//
//	MW360  a tenant whose file nobody owns
//	MW361  a line that others, further down, leave nothing to
//	MW362  the policy, an approval, or CODEOWNERS itself, that nobody owns
//	MW363  a line that matches no file (a warning)
//	MW364  a line that cannot be read, so that forges pass over it
func Lint(f File, files []string, must []Must) diag.List {
	var found diag.List
	report := func(severity diag.Severity, code string, line int, summary, hint string) {
		d := diag.Diagnostic{Severity: severity, Code: code, Summary: summary, Hint: hint, Pos: diag.Pos{File: f.Name, Line: line}}
		if line > 0 {
			d.Pos.Column = 1
		}
		found = append(found, d)
	}
	for _, n := range slices.Sorted(maps.Keys(f.Bad)) {
		report(diag.Error, "MW364", n, "this line cannot be read: "+f.Bad[n], "whoever it was to name is not asked; mend it or take it out")
	}
	for _, m := range must {
		if owned(f, m.File) {
			continue
		}
		code, hint := "MW360", fmt.Sprintf("add a line: /%s @who-decides", m.File)
		if m.Governance {
			code, hint = "MW362", hint+"; else anybody who may merge can change who decides"
		}
		report(diag.Error, code, 0, fmt.Sprintf("nobody owns %s, %s", m.File, m.What), hint)
	}
	for _, s := range f.Sections {
		f.lintRules(s, files, report)
	}
	return found.Sort()
}

// owned reports whether somebody has to agree when a file changes.
func owned(f File, file string) bool {
	return slices.ContainsFunc(f.Of(file), func(o Owned) bool { return !o.Optional })
}

func (f File) lintRules(s Section, files []string, report func(diag.Severity, string, int, string, string)) {
	matches, counts := map[int]int{}, map[int]bool{}
	over := map[int]int{} // by line: a later one that took a file from it
	for _, file := range files {
		winner, ok := s.rule(file)
		if ok {
			counts[winner.Line] = true
		}
		for _, r := range s.Rules {
			if !r.Matches(file) {
				continue
			}
			matches[r.Line]++
			if ok && r.Line != winner.Line {
				over[r.Line] = winner.Line
			}
		}
	}
	for _, r := range s.Rules {
		switch {
		case r.Exclude:
		case matches[r.Line] == 0:
			report(diag.Warning, "MW363", r.Line, r.Pattern+" matches no file of the repository", "take the line out, or mend the pattern if it was meant for one")
		case !counts[r.Line]:
			by := "an exclusion"
			if over[r.Line] > 0 {
				by = fmt.Sprintf("line %d", over[r.Line])
			}
			report(diag.Error, "MW361", r.Line, fmt.Sprintf("%s owns nothing: all that it matches is taken by %s", strings.TrimSpace(r.Pattern), by),
				"the last line that matches counts: put general lines first, and special ones below them")
		}
	}
}
