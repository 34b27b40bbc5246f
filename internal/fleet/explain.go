package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"millwright.dev/millwright/internal/diag"
)

// evaluation is one instance while it is compiled.
type evaluation struct {
	in      *instance
	files   []*ast.File // the author's
	imports map[diag.Pos]bool
	value   cue.Value
	budget  budget
	out     compiled
}

// topLevel refuses regular fields that are no kind of ours: a misspelt "machnes" would otherwise be
// a value of the author's own, and its machines would not exist.
func (ev *evaluation) topLevel(v cue.Value) {
	it, err := v.Fields()
	if err != nil {
		return // Validate says it better
	}
	known := ev.in.kinds()
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = k.name
	}
	for it.Next() {
		name := it.Selector().Unquoted()
		if slices.Contains(names, name) {
			continue
		}
		if name == "rule" && !ev.in.isRules() {
			ev.add(diag.Diagnostic{Code: "MW380", Summary: "a rule outside of " + RulesDir, Hint: "move its file to " + RulesDir + ", and into package " + rulesPackage,
				Pos: cmp.Or(ev.place([]string{name}), position(it.Value().Pos()))})
			continue
		}
		hint := "the fields are " + strings.Join(names, ", ") + "; what is the author's own is hidden (_" + name + ") or a definition (#" + name + ")"
		if near := nearest(name, names); near != "" {
			hint = "did you mean " + near + "?"
		}
		pos := ev.place([]string{name})
		if !pos.IsValid() {
			pos = position(it.Value().Pos())
		}
		ev.add(diag.Diagnostic{Code: "MW110", Summary: ev.in.whole() + " no field " + strconv.Quote(name), Hint: hint, Pos: pos})
	}
}

func (ev *evaluation) add(list ...diag.Diagnostic) {
	ev.out.Findings = append(ev.out.Findings, list...)
}

// explain collects everything that is wrong with a value that does not validate. CUE lets one
// conflict hide what is missing elsewhere, so each part is validated by itself.
func (ev *evaluation) explain(v cue.Value, err error) {
	ev.add(shape(err, ev)...)
	for _, k := range ev.in.kinds() {
		f := v.LookupPath(cue.MakePath(cue.Str(k.name)))
		if !f.Exists() {
			continue
		}
		if !k.many {
			ev.parts(f, 0)
			continue
		}
		if it, err := f.Fields(); err == nil {
			for it.Next() {
				if name := it.Selector().Unquoted(); !nameRule(k.definition).MatchString(name) {
					ev.add(ev.unknown([]string{k.name, name}))
				}
				ev.parts(it.Value(), 0)
			}
		}
	}
	ev.out.Findings = ev.withoutComputed(strongest(ev.out.Findings.Sort()))
}

// withoutComputed drops findings about values that nobody wrote and that have none only because they
// are computed from something else in the same entity that is wrong.
func (ev *evaluation) withoutComputed(list diag.List) diag.List {
	entity := func(path string) string { name, _, _ := strings.Cut(path, "."); return name }
	wrong := map[string]bool{}
	for _, d := range list {
		wrong[entity(d.Path)] = wrong[entity(d.Path)] || d.Code == "MW111" || d.Code == "MW113"
	}
	return slices.DeleteFunc(list, func(d diag.Diagnostic) bool {
		return d.Code == "MW112" && strings.Contains(d.Summary, noValue) && wrong[entity(d.Path)] &&
			len(written(ev.files, splitPath(strings.Replace(d.Path, "/", ".", 1)))) == 0
	})
}

// noValue is in the summary of a finding about a value that is not concrete.
const noValue = "has no value, only a constraint"

// strongest drops findings about a field that another finding explains better: a value that
// contradicts the schema is also incomplete, what stands in a value of a wrong type or in an unknown
// field does not matter, and what is computed from a wrong value is wrong too.
func strongest(list diag.List) diag.List {
	wrong, unknown := map[string]bool{}, map[string]bool{}
	for _, d := range list {
		switch d.Code {
		case "MW112":
		case "MW110":
			unknown[d.Path] = true
			wrong[d.Path] = true
		default:
			wrong[d.Path] = wrong[d.Path] || !consequence(d)
		}
	}
	missing := map[string]bool{}
	return slices.DeleteFunc(list, func(d diag.Diagnostic) bool {
		switch {
		case d.Path == "":
			return false
		case d.Code == "MW112":
			again := missing[d.Path]
			missing[d.Path] = true
			return again || wrong[d.Path] || within(d.Path, wrong)
		case d.Code == "MW110":
			return within(d.Path, unknown)
		}
		return consequence(d) && wrong[d.Path]
	})
}

// consequence reports whether a finding only repeats, for what is computed from it, that something
// else is wrong, or is the empty head of a list of alternatives.
func consequence(d diag.Diagnostic) bool {
	return strings.HasPrefix(d.Summary, "invalid interpolation: ") || strings.HasSuffix(d.Summary, "in empty disjunction:")
}

// within reports whether a field lies in another one of a set.
func within(path string, in map[string]bool) bool {
	for i := range path {
		if (path[i] == '.' || path[i] == '[') && in[path[:i]] {
			return true
		}
	}
	return false
}

// maxParts bounds how many elements of a list are looked at.
const maxParts = 1000

func (ev *evaluation) parts(v cue.Value, depth int) {
	err := v.Validate(validation...)
	if err == nil || depth > maxDepth {
		return
	}
	ev.add(shape(err, ev)...)
	for i := range maxParts { // of a list; a struct has none
		element := v.LookupPath(cue.MakePath(cue.Index(i)))
		if !element.Exists() {
			break
		}
		ev.parts(element, depth+1)
	}
	it, err := v.Fields(cue.Optional(true))
	if err != nil {
		return
	}
	path := pathOf(v)
	rules := allowed(path)
	for it.Next() {
		if it.Selector().LabelType() != cue.StringLabel {
			continue // what a list allows beyond its elements
		}
		name := it.Selector().Unquoted()
		switch it.FieldType().ConstraintType() {
		case cue.RequiredConstraint:
			ev.missing(append(path, name), it.Value())
		case 0:
			if !rules.admits(name) {
				d := ev.unknown(append(path, name))
				if len(written(ev.files, append(path, name))) == 0 { // it comes of a template
					d.Pos = cmp.Or(authors(it.Value()), d.Pos)
				}
				ev.add(d)
			}
			ev.parts(it.Value(), depth+1)
		}
	}
}

// unknown is the finding about a field that the schema does not have, or about a name that it does
// not allow.
func (ev *evaluation) unknown(path []string) diag.Diagnostic {
	rules := allowed(path[:len(path)-1])
	for len(path) > 2 && (slices.Contains(rules.names, path[len(path)-1]) || isIndex(path[len(path)-1])) {
		// The field is fine: CUE means the name above it, which fits no pattern.
		path = path[:len(path)-1]
		rules = allowed(path[:len(path)-1])
	}
	field := path[len(path)-1]
	d := diag.Diagnostic{Code: "MW110", Path: fieldPath(path), Pos: ev.place(path)}
	d.Summary = fmt.Sprintf("the schema has no field %q here", field)
	switch near := nearest(field, rules.names); {
	case near != "":
		d.Hint = "did you mean " + near + "?"
	case rules.form != "":
		d.Summary = fmt.Sprintf("%q is not allowed as a name here", field)
		d.Hint = rules.form
	case len(rules.names) > 0:
		d.Hint = "the fields here are " + strings.Join(rules.names, ", ")
	}
	return d
}

func isIndex(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// missing reports a required field that nobody wrote.
func (ev *evaluation) missing(path []string, rule cue.Value) {
	d := diag.Diagnostic{
		Code: "MW112", Summary: "the required field " + path[len(path)-1] + " is missing",
		Path: fieldPath(path), Pos: ev.place(path),
	}
	for _, p := range conjuncts(rule) {
		if p.Schema && d.Hint == "" {
			d.Hint = documented(p.Pos)
			d.Related = append(d.Related, diag.Related{Pos: p.Pos, Message: "the schema's rule"})
		}
	}
	ev.add(d)
}

// pathOf is a value's path as plain names and numbers.
func pathOf(v cue.Value) []string {
	var out []string
	for _, s := range v.Path().Selectors() {
		switch s.LabelType() {
		case cue.IndexLabel:
			out = append(out, strconv.Itoa(s.Index()))
		case cue.StringLabel:
			out = append(out, s.Unquoted())
		default:
			out = append(out, s.String())
		}
	}
	return out
}

// place is where the author wrote a field, or failing that what holds it.
func (ev *evaluation) place(path []string) diag.Pos {
	for n := len(path); n > 0; n-- {
		if at := written(ev.files, path[:n]); len(at) > 0 {
			return at[0]
		}
	}
	return diag.Pos{}
}

// posOf is where an entity was written.
func (ev *evaluation) posOf(kind, name string, v cue.Value) diag.Pos {
	path := []string{kind}
	if name != "" {
		path = append(path, name)
	}
	if at := written(ev.files, path); len(at) > 0 {
		return at[0]
	}
	return cmp.Or(authors(v), diag.Pos{File: ev.in.Files[len(ev.in.Files)-1].Name})
}

// authors is the first place of a value that is not the schema's.
func authors(v cue.Value) diag.Pos {
	for _, p := range conjuncts(v) {
		if !p.Schema {
			return p.Pos
		}
	}
	return diag.Pos{}
}

// nearest is the candidate that a misspelt name most likely means, or "".
func nearest(name string, candidates []string) string {
	best, least := "", max(1, len(name)/3)+1
	for _, c := range candidates {
		d := distance(strings.ToLower(name), strings.ToLower(c))
		if d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is the number of letters to change, add, remove or swap with a neighbour.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
