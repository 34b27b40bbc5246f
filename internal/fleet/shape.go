package fleet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/errors"

	"millwright.dev/millwright/internal/diag"
)

// The messages of CUE that are told in our own words. Anything else is passed on as it is.
const (
	cueNotAllowed  = "field not allowed"
	cueRequired    = "field is required but not present"
	cueIncomplete  = "incomplete value %v"
	cueConflict    = "conflicting values %s and %s"
	cueMismatch    = "conflicting values %s and %s (mismatched types %s and %s)"
	cueOutOfBound  = "invalid value %v (out of bound %s)"
	cueUnsatisfied = "invalid value %s (does not satisfy %s)"
	cueDisjunction = "%d errors in empty disjunction:"
	cueLengths     = "incompatible list lengths (%d and %d)"
	cueNotFound    = "reference %q not found"
)

// shape turns errors of CUE into findings: the author's position first, the schema's after it, and
// the alternatives of an empty disjunction folded into one. ev is nil where nothing was evaluated.
func shape(err error, ev *evaluation) diag.List {
	var list diag.List
	all := errors.Errors(err)
	for i := 0; i < len(all); i++ {
		e := all[i]
		format, _ := e.Msg()
		if format == cueDisjunction {
			j := i + 1
			for j < len(all) && slices.Equal(all[j].Path(), e.Path()) {
				j++
			}
			if j > i+1 {
				list = append(list, shaper{ev: ev, e: e}.oneOf(all[i+1:j]))
				i = j - 1
				continue
			}
		}
		list = append(list, shaper{ev: ev, e: e}.one())
	}
	return list
}

type shaper struct {
	ev *evaluation
	e  errors.Error
}

// one shapes a single error.
func (s shaper) one() diag.Diagnostic {
	format, args := s.e.Msg()
	user, theirs := s.positions()
	d := s.begin(user)
	path := s.path()
	field := ""
	if len(path) > 0 {
		field = path[len(path)-1]
	}
	switch format {
	case cueNotAllowed:
		if s.ev != nil && len(path) > 1 {
			pos := d.Pos
			if d = s.ev.unknown(path); d.Path == fieldPath(path) {
				d.Pos = pos // more exact than what the syntax alone shows
			}
			return d
		}
		d.Code, d.Summary = "MW110", "the schema has no such field"
		return d
	case cueRequired:
		d.Code, d.Summary = "MW112", fmt.Sprintf("the required field %s is missing", field)
		d.Pos = s.place()
	case cueIncomplete:
		d.Code, d.Summary = "MW112", fmt.Sprintf("%s "+noValue+": %v", field, text(args, 0))
	case cueConflict:
		d.Code, d.Summary = "MW113", fmt.Sprintf("contradictory values %s and %s", text(args, 0), text(args, 1))
		if len(theirs) > 0 {
			value, want := s.sides(args)
			d.Code, d.Summary = "MW111", fmt.Sprintf("%s is not allowed here, only %s", value, want)
		}
	case cueMismatch:
		d.Code, d.Summary = "MW113", fmt.Sprintf("contradictory values %s and %s", text(args, 0), text(args, 1))
		if len(theirs) > 0 {
			kind, wanted := text(args, 2), text(args, 3)
			value, _ := s.sides(args)
			if value == text(args, 1) {
				kind, wanted = wanted, kind
			}
			d.Code, d.Summary = "MW111", fmt.Sprintf("%s is %s where %s is wanted", value, kindName(kind), kindName(wanted))
		}
	case cueOutOfBound:
		bound := text(args, 1)
		d.Code, d.Summary = "MW111", fmt.Sprintf("%s is out of bounds: it must be %s", text(args, 0), bound)
		if re, ok := strings.CutPrefix(bound, "=~"); ok {
			d.Summary = fmt.Sprintf("%s does not match %s", text(args, 0), re)
		}
	case cueUnsatisfied:
		_, detail, _ := strings.Cut(s.message(), "): ")
		d.Code, d.Summary = "MW111", strings.TrimSuffix(fmt.Sprintf("%s does not satisfy %s: %s", text(args, 0), text(args, 1), detail), ": ")
	case cueLengths:
		d.Code, d.Summary = "MW111", fmt.Sprintf("a list of %v where one of at least %v is wanted", text(args, 0), text(args, 1))
	case cueNotFound:
		d.Code, d.Summary = "MW114", s.message()
	default:
		d.Code, d.Summary = "MW111", s.message()
		if len(path) == 0 {
			d.Code = "MW101"
		}
		if strings.Contains(format, "not found") || strings.Contains(format, "undefined field") {
			d.Code = "MW114"
		}
	}
	s.cite(&d, user, theirs)
	return d
}

// oneOf folds the errors of a disjunction's alternatives.
func (s shaper) oneOf(each []errors.Error) diag.Diagnostic {
	type alternative struct {
		pos  diag.Pos
		text string
	}
	var want []alternative
	var value string
	var user, theirs []diag.Pos
	for _, e := range each {
		sub := shaper{ev: s.ev, e: e}
		u, t := sub.positions()
		user, theirs = append(user, u...), append(theirs, t...)
		format, args := e.Msg()
		alt := alternative{text: text(args, 1)}
		value = text(args, 0)
		if format == cueConflict || format == cueMismatch {
			value, alt.text = sub.sides(args)
		}
		if len(t) > 0 {
			alt.pos = t[0]
		}
		want = append(want, alt)
	}
	slices.SortStableFunc(want, func(a, b alternative) int { return a.pos.Compare(b.pos) })
	var names []string
	for _, w := range want {
		if !slices.Contains(names, w.text) {
			names = append(names, w.text)
		}
	}
	d := s.begin(user)
	d.Code, d.Summary = "MW111", fmt.Sprintf("%s is not one of %s", value, strings.Join(names, ", "))
	var plain []string
	for _, n := range names {
		if p, err := strconv.Unquote(n); err == nil {
			plain = append(plain, p)
		}
	}
	if v, err := strconv.Unquote(value); err == nil {
		if near := nearest(v, plain); near != "" {
			d.Hint = "did you mean " + strconv.Quote(near) + "?"
		}
	}
	if want[0].pos.IsValid() {
		theirs = []diag.Pos{want[0].pos}
	}
	s.cite(&d, user, theirs)
	return d
}

// begin fills in the path and the position.
func (s shaper) begin(user []diag.Pos) diag.Diagnostic {
	d := diag.Diagnostic{Path: fieldPath(s.path())}
	if len(user) > 0 {
		d.Pos = user[0]
	} else {
		d.Pos = s.place()
	}
	return d
}

func (s shaper) place() diag.Pos {
	if s.ev == nil || len(s.path()) == 0 {
		return diag.Pos{}
	}
	return s.ev.place(s.path())
}

// path is the path of the error without the quotes that CUE puts around some names.
func (s shaper) path() []string {
	path := slices.Clone(s.e.Path())
	for i, p := range path {
		if plain, err := strconv.Unquote(p); err == nil {
			path[i] = plain
		}
	}
	return path
}

// positions are the places that CUE names, the author's and the schema's, without repetitions.
func (s shaper) positions() (user, schema []diag.Pos) {
	var skip map[diag.Pos]bool
	if s.ev != nil {
		skip = s.ev.imports
	}
	// The inputs come in the order of the message's values; the position proper may be any of them.
	for _, p := range append(slices.Clone(s.e.InputPositions()), s.e.Position()) {
		at := position(p)
		switch {
		case !at.IsValid() || skip[at] || slices.Contains(user, at) || slices.Contains(schema, at):
		case at.IsBuiltIn():
			schema = append(schema, at)
		default:
			user = append(user, at)
		}
	}
	return user, schema
}

// sides tells the author's value from the schema's: CUE names them in either order, and their
// positions in the same.
func (s shaper) sides(args []any) (value, want string) {
	value, want = text(args, 0), text(args, 1)
	for _, p := range s.e.InputPositions() {
		if p.IsValid() && p.Filename() != closingFile {
			if position(p).IsBuiltIn() {
				return want, value
			}
			break
		}
	}
	return value, want
}

// cite adds the other places, and what the schema says about the field as the hint.
func (s shaper) cite(d *diag.Diagnostic, user, theirs []diag.Pos) {
	if d.Code == "MW113" && len(user) > 1 {
		_, args := s.e.Msg()
		d.Related = append(d.Related, diag.Related{Pos: user[1], Message: "the other value: " + text(args, 1)})
	}
	if len(theirs) == 0 {
		return
	}
	about := documented(theirs[0])
	d.Related = append(d.Related, diag.Related{Pos: theirs[0], Message: "the schema's rule"})
	if d.Hint == "" {
		d.Hint = about
	}
}

// message is CUE's own, without the path in front.
func (s shaper) message() string {
	msg := s.e.Error()
	if path := s.e.Path(); len(path) > 0 {
		msg = strings.TrimPrefix(msg, strings.Join(path, ".")+": ")
	}
	return strings.Join(strings.Fields(msg), " ")
}

// text is one argument of a message, shortened.
func text(args []any, i int) string {
	if i >= len(args) {
		return "?"
	}
	s := strings.Join(strings.Fields(fmt.Sprint(args[i])), " ")
	if r := []rune(s); len(r) > 120 {
		s = string(r[:117]) + "..."
	}
	return s
}

// kindName is a kind of CUE's for people.
func kindName(kind string) string {
	switch kind {
	case "int":
		return "a whole number"
	case "float", "number", "(int|float)":
		return "a number"
	case "bool":
		return "true or false"
	case "string", "list", "struct":
		return "a " + kind
	}
	return kind
}

// fieldPath is a path of CUE's as ours: "machine/gpu-001.nics[0].mac".
func fieldPath(path []string) string {
	if len(path) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(path[0])
	rest := path[1:]
	if isMany(path[0]) && len(rest) > 0 {
		b.WriteString("/" + rest[0])
		rest = rest[1:]
	}
	for _, p := range rest {
		if _, err := strconv.Atoi(p); err == nil {
			b.WriteString("[" + p + "]")
		} else if strings.Contains(p, ".") {
			b.WriteString("." + strconv.Quote(p))
		} else {
			b.WriteString("." + p)
		}
	}
	return b.String()
}

func isMany(kind string) bool {
	for _, k := range everyKind {
		if k.name == kind {
			return k.many
		}
	}
	return false
}
