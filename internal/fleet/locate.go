package fleet

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"

	"millwright.dev/millwright/internal/diag"
)

// Place is one of the places that made a value what it is.
type Place struct {
	Pos diag.Pos `json:"pos"`
	// Schema says that the place is in the built-in schema: it constrains the value or gives it.
	Schema bool `json:"schema,omitempty"`
	// Default says that nobody wrote the value: the schema's default stands, and this is its line.
	Default bool `json:"default,omitempty"`
}

// Query asks where a field was written.
type Query struct {
	// Entity is "machine/gpu-001", "tenant/acme", "platform" and so on.
	Entity string `json:"entity"`
	// Path is the field within it: "bmc.address", "nics[0].mac", "cluster.train.pool.h100.count".
	// Names with a dot in them are quoted: `labels."example.com/tier"`. Empty means the entity.
	Path string `json:"path,omitempty"`
}

// Locate says where a field of an entity was written: the author's places before the schema's. A
// field that nothing sets is answered with the places of what holds it. Nothing about fields is kept
// in memory: the directory is compiled again, which takes some milliseconds.
func (f *Fleet) Locate(ctx context.Context, entity, path string) ([]Place, error) {
	all, err := f.LocateAll(ctx, []Query{{Entity: entity, Path: path}})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// LocateAll answers many queries, compiling each directory once. The answers have the order of the
// queries.
func (f *Fleet) LocateAll(ctx context.Context, queries []Query) ([][]Place, error) {
	if f.source == nil {
		return nil, fmt.Errorf("locating fields: this fleet was not loaded from files")
	}
	byInstance := map[*instance][]int{}
	var order []*instance
	for i, q := range queries {
		at, ok := f.source.homes[q.Entity]
		in := at.instance
		if !ok {
			return nil, fmt.Errorf("locating %s: the fleet has no such entity", q.Entity)
		}
		if byInstance[in] == nil {
			order = append(order, in)
		}
		byInstance[in] = append(byInstance[in], i)
	}
	answers := make([][]Place, len(queries))
	for _, in := range order {
		var ask []Query
		for _, i := range byInstance[in] {
			ask = append(ask, queries[i])
		}
		out, err := f.source.loader.run(ctx, request{Instance: in, Ask: ask})
		if err != nil {
			return nil, fmt.Errorf("locating fields in %s: %w", in.Dir, err)
		}
		if err := out.Findings.Err(); err != nil {
			return nil, fmt.Errorf("locating fields in %s: %w", in.Dir, err)
		}
		if len(out.Places) != len(ask) {
			return nil, fmt.Errorf("locating fields in %s: %d answers to %d questions", in.Dir, len(out.Places), len(ask))
		}
		for n, i := range byInstance[in] {
			answers[i] = out.Places[n]
		}
	}
	return answers, nil
}

// locate answers queries about one instance.
func locate(in *instance, ask []Query) compiled {
	v, files, giveBack, list := evaluate(in)
	defer giveBack()
	if len(list) > 0 {
		return compiled{Findings: list}
	}
	out := compiled{Places: make([][]Place, len(ask))}
	for i, q := range ask {
		path := append(strings.SplitN(q.Entity, "/", 2), splitPath(q.Path)...)
		for n := len(path); n > 0 && len(out.Places[i]) == 0; n-- {
			out.Places[i] = places(v, written(files, path[:n]), path[:n])
		}
	}
	return out
}

// places are those of one field: what the syntax shows and what the evaluation used.
func places(root cue.Value, syntax []diag.Pos, path []string) []Place {
	v := lookup(root, path)
	if !v.Exists() {
		return nil
	}
	var user, theirs []Place
	for _, p := range syntax {
		user = append(user, Place{Pos: p})
	}
	for _, p := range conjuncts(v) {
		switch {
		case p.Schema && !slices.ContainsFunc(theirs, func(t Place) bool { return sameLine(t.Pos, p.Pos) }):
			theirs = append(theirs, p)
		case !p.Schema && !slices.ContainsFunc(user, func(u Place) bool { return sameLine(u.Pos, p.Pos) }):
			user = append(user, p)
		}
	}
	slices.SortStableFunc(theirs, func(a, b Place) int { return a.Pos.Compare(b.Pos) })
	for i := range theirs {
		theirs[i].Default = len(user) == 0
	}
	return append(user, theirs...)
}

func sameLine(a, b diag.Pos) bool { return a.File == b.File && a.Line == b.Line }

// lookup follows a path of field names and list indices.
func lookup(v cue.Value, path []string) cue.Value {
	for _, p := range path {
		if i, err := strconv.Atoi(p); err == nil && v.IncompleteKind() == cue.ListKind {
			v = v.LookupPath(cue.MakePath(cue.Index(i)))
		} else {
			v = v.LookupPath(cue.MakePath(cue.Str(p)))
		}
	}
	return v
}

// maxConjuncts bounds how many parts of a value are looked at for their position.
const maxConjuncts = 256

// conjuncts are the places of everything that was unified into a value, with what it refers
// to.
func conjuncts(v cue.Value) []Place {
	var out []Place
	left := maxConjuncts
	var visit func(cue.Value)
	visit = func(v cue.Value) {
		if left--; left < 0 {
			return
		}
		op, args := v.Expr()
		if (op == cue.AndOp || op == cue.OrOp) && len(args) > 0 {
			for _, a := range args {
				visit(a)
			}
			return
		}
		at := position(v.Pos())
		if src := v.Source(); src != nil && src.Pos().IsValid() {
			at = position(src.Pos())
		}
		if p := (Place{Pos: at, Schema: at.IsBuiltIn()}); at.IsValid() && !slices.Contains(out, p) {
			out = append(out, p)
		}
		if op != cue.InterpolationOp {
			args = []cue.Value{v}
		}
		for _, a := range args { // what is referred to, or put into the text, was written elsewhere
			if to := cue.Dereference(a); to != a {
				visit(to)
			}
		}
	}
	visit(v)
	return out
}

// splitPath cuts `a."b.c"[0].d` into its parts.
func splitPath(s string) []string {
	var out []string
	for s != "" {
		switch s[0] {
		case '.':
			s = s[1:]
		case '[':
			inner, rest, _ := strings.Cut(s[1:], "]")
			out, s = append(out, inner), rest
		case '"':
			quoted, err := strconv.QuotedPrefix(s)
			if err != nil {
				return append(out, s)
			}
			name, _ := strconv.Unquote(quoted)
			out, s = append(out, name), s[len(quoted):]
		default:
			n := strings.IndexAny(s, ".[")
			if n < 0 {
				n = len(s)
			}
			out, s = append(out, s[:n]), s[n:]
		}
	}
	return out
}

// joinPath is the reverse of splitPath for names and, as "[0]", indices.
func joinPath(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		switch {
		case strings.HasPrefix(p, "["):
		case b.Len() > 0:
			b.WriteByte('.')
		}
		if strings.Contains(p, ".") {
			p = strconv.Quote(p)
		}
		b.WriteString(p)
	}
	return b.String()
}
