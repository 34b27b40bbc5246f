// Package owners reads CODEOWNERS files: who has to agree when a file changes. It reads what GitHub and GitLab
// document, sections of GitLab's among it. Begin with [Parse] and [File.Of]; [Lint] finds what is wrong with a
// file. It knows no forge and no fleet: which files matter is told.
package owners

import (
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Places are where forges look for the file, in the order in which they do; only the first one found counts.
// GitLab's own place comes last, as it does there.
var Places = []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"}

// File is a CODEOWNERS file.
type File struct {
	Name     string
	Sections []Section
	// Bad are lines that mean nothing, by number.
	Bad map[int]string
}

// Section is a part of a file that is judged by itself. A file without sections is one section without a name.
type Section struct {
	Name     string
	Optional bool // its owners are asked and need not agree
	Count    int  // how many of them have to agree
	Rules    []Rule
}

// Rule is one line.
type Rule struct {
	Line    int
	Pattern string
	Owners  []string // none: nobody owns what it matches
	// Exclude takes files out of the section for good.
	Exclude bool

	match *regexp.Regexp
}

// Owned is who owns a file by one section.
type Owned struct {
	Section  string
	Optional bool
	Count    int
	Owners   []string
	Rule     Rule
}

var (
	sectionPattern = regexp.MustCompile(`^(\^)?\[([^\]]+)\](?:\[(\d+)\])?(?:\s+(.*))?$`)
	ownerPattern   = regexp.MustCompile(`^(@{1,2}[A-Za-z0-9_][A-Za-z0-9_./-]*|[^@\s]+@[^@\s]+\.[^@\s]+)$`)
)

// Parse reads a file. Lines that mean nothing are kept aside, as forges pass over them.
func Parse(name, text string) File {
	f := File{Name: name, Bad: map[int]string{}}
	sections := []*Section{{Count: 1}}
	byName := map[string]*Section{"": sections[0]}
	at, defaults := sections[0], []string(nil)
	for i, line := range strings.Split(text, "\n") {
		n := i + 1
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if m := sectionPattern.FindStringSubmatch(line); m != nil {
			key := strings.ToLower(m[2])
			if byName[key] == nil {
				byName[key] = &Section{Name: m[2], Count: 1}
				sections = append(sections, byName[key])
			}
			at = byName[key]
			at.Optional = m[1] != ""
			if count, err := strconv.Atoi(m[3]); err == nil && count > 0 {
				at.Count = count
			}
			defaults = f.owners(n, strings.Fields(m[4]))
			continue
		}
		rule, ok := f.rule(n, line)
		if !ok {
			continue
		}
		if len(rule.Owners) == 0 && at.Name != "" && f.Bad[n] == "" {
			rule.Owners = defaults
		}
		at.Rules = append(at.Rules, rule)
	}
	for _, s := range sections {
		if len(s.Rules) > 0 {
			f.Sections = append(f.Sections, *s)
		}
	}
	return f
}

// rule reads one line; ok is false if it means nothing.
func (f *File) rule(n int, line string) (r Rule, ok bool) {
	word := words(line)
	r = Rule{Line: n, Pattern: word[0]}
	pattern := word[0]
	if rest, is := strings.CutPrefix(pattern, "!"); is {
		r.Exclude, pattern = true, rest
	}
	match, why := compile(pattern)
	if why != "" {
		f.Bad[n] = why
		return r, false
	}
	r.match = match
	r.Owners = f.owners(n, word[1:])
	return r, len(r.Owners) > 0 || len(word) == 1 || word[1][0] == '#'
}

// owners are the valid ones of some words; a comment ends them.
func (f *File) owners(n int, word []string) []string {
	var all []string
	for _, w := range word {
		if w[0] == '#' {
			break
		}
		if !ownerPattern.MatchString(w) {
			f.Bad[n] = w + " is no owner: @user, @organisation/team or an address of mail"
			continue
		}
		all = append(all, w)
	}
	return all
}

// words splits a line at its spaces, those after a backslash left alone.
func words(line string) []string {
	const space = "\x00"
	all := strings.Fields(strings.ReplaceAll(line, `\ `, space))
	for i := range all {
		all[i] = strings.ReplaceAll(all[i], space, " ")
	}
	return all
}

// compile makes of a pattern what it matches: paths without a slash before them.
func compile(pattern string) (match *regexp.Regexp, why string) {
	switch {
	case pattern == "" || pattern == "/":
		return nil, "the pattern is empty"
	case strings.ContainsAny(pattern, "[]"):
		return nil, "a pattern has no ranges in brackets"
	case strings.Contains(pattern, "***"):
		return nil, "the pattern has three stars in a row"
	}
	pattern = strings.ReplaceAll(pattern, `\#`, "#")
	body := strings.TrimSuffix(pattern, "/")
	anchored := strings.Contains(body, "/")
	body = strings.TrimPrefix(body, "/")
	var b strings.Builder
	b.WriteString("^")
	if !anchored {
		b.WriteString("(?:.*/)?")
	}
	segments := strings.Split(body, "/")
	for i, s := range segments {
		last := i == len(segments)-1
		switch {
		case s == "**" && last:
			b.WriteString(".+")
		case s == "**":
			b.WriteString("(?:.*/)?")
		default:
			b.WriteString(strings.NewReplacer(`\*\*`, ".*", `\*`, "[^/]*", `\?`, "[^/]").Replace(regexp.QuoteMeta(s)))
			if !last {
				b.WriteString("/")
			}
		}
	}
	switch last := segments[len(segments)-1]; {
	case strings.HasSuffix(pattern, "/"):
		b.WriteString("/.*") // a directory is what lies in it
	case last == "**", last == "*" && anchored: // what lies directly there, and no deeper
	default:
		b.WriteString("(?:/.*)?")
	}
	b.WriteString("$")
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, "the pattern cannot be read"
	}
	return re, ""
}

// Matches reports whether a rule speaks of a file.
func (r Rule) Matches(file string) bool { return r.match.MatchString(path.Clean(file)) }

// rule is the one of a section that counts for a file: the last that matches, unless one excludes it.
func (s Section) rule(file string) (r Rule, ok bool) {
	for _, rule := range s.Rules {
		if !rule.Matches(file) {
			continue
		}
		if rule.Exclude {
			return Rule{}, false
		}
		r, ok = rule, true
	}
	return r, ok
}

// Of is who owns a file, section by section; empty if nobody does.
func (f File) Of(file string) []Owned {
	var all []Owned
	for _, s := range f.Sections {
		if r, ok := s.rule(file); ok && len(r.Owners) > 0 {
			all = append(all, Owned{Section: s.Name, Optional: s.Optional, Count: s.Count, Owners: r.Owners, Rule: r})
		}
	}
	return all
}
