package fleet

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"

	"millwright.dev/millwright/internal/diag"
)

// Field is what the schema says about one field or type, for people: all of it is read out of the CUE.
type Field struct {
	// Path names the field as [Explain] takes it: "tenant.cluster.nodes", "#CIDR" for a type.
	Path string `json:"path"`
	// Doc is what the field means, without its default and its example.
	Doc string `json:"doc"`
	// Values explain the values to choose from, one a line, where the schema does.
	Values []string `json:"values,omitempty"`
	// Type is what may stand there, in words.
	Type string `json:"type"`
	// Required says that the field must be written.
	Required bool `json:"required,omitempty"`
	// Default is what holds where nothing is written; empty where nothing does.
	Default string `json:"default,omitempty"`
	// Example is one that would be accepted.
	Example string `json:"example,omitempty"`
	// Types explain the types that Type names, one a line.
	Types []string `json:"types,omitempty"`
	// Fields are the names of the fields within.
	Fields []string `json:"fields,omitempty"`
	// Pos is where the schema says so.
	Pos diag.Pos `json:"pos"`
}

// Explain is what the schema says about the field that a path leads to. Names that the author chose
// may be left out or stand there: "tenant.cluster.nodes", "tenant/acme.cluster.train.nodes"; so may
// the indices of lists. A path may begin with a type: "#CIDR", "CIDR".
func Explain(path string) (Field, error) {
	b := manual()
	kind, rest, isAddress := strings.Cut(path, "/")
	if strings.Contains(kind, ".") || !isAddress {
		kind, rest = "", path
	}
	parts := splitPath(strings.TrimPrefix(rest, "fleet."))
	if kind != "" {
		parts = append([]string{kind}, parts...)
	}
	if len(parts) == 0 {
		return Field{}, fmt.Errorf("explaining %q: it names nothing", path)
	}
	if b.definitions["#"+parts[0]] != nil {
		parts[0] = "#" + parts[0] // which a shell takes for a comment
	}
	at, ok := b.root(parts[0])
	if !ok {
		among := kindNames()
		if strings.HasPrefix(parts[0], "#") {
			among = b.roots()
		}
		return Field{}, fmt.Errorf("explaining %s: a fleet has no field %q; %s", path, parts[0], suggestion(parts[0], among))
	}
	at, known, err := b.follow(at, parts[0], parts[1:])
	if err != nil {
		return Field{}, fmt.Errorf("explaining %s: %w", path, err)
	}
	return b.describe(known, at), nil
}

// Manual is what the schema says about every field, kind by kind and in the schema's order, and then
// about every type that is none of the kinds.
func Manual() []Field {
	b := manual()
	var out []Field
	for _, name := range b.roots() {
		p, _ := b.root(name)
		switch {
		case !strings.HasPrefix(name, "#"):
			b.eachField(p, func(path string, p place) { out = append(out, b.describe(path, p)) })
		case len(b.members(p.value)) == 0: // the fields of others stand where they are used
			out = append(out, b.describe(name, p))
		}
	}
	return out
}

// eachField calls found with a place and all within it, by their paths.
func (b book) eachField(p place, found func(path string, p place)) {
	var visit func(path string, p place, within []string)
	visit = func(path string, p place, within []string) {
		found(path, p)
		if id, ok := b.innermost(p.value).(*ast.Ident); ok {
			if slices.Contains(within, id.Name) {
				return // a type that holds itself
			}
			within = append(slices.Clone(within), id.Name)
		}
		for _, m := range b.members(p.value) {
			visit(path+"."+joinPath(m.name), m, within)
		}
	}
	visit(p.name, p, nil)
}

// place is a field of the schema.
type place struct {
	name  string     // empty where it is an element of a list or of a map
	field *ast.Field // that says what the place is
	value ast.Expr
}

// root is where a path begins: at a kind, or at a type.
func (b book) root(name string) (place, bool) {
	definition := name
	for _, k := range everyKind {
		if k.name == name {
			definition = k.definition
		}
	}
	f := b.definitions[definition]
	if f == nil || !strings.HasPrefix(definition, "#") {
		return place{}, false
	}
	return place{name: name, field: f, value: f.Value}, true
}

func kindNames() []string {
	var names []string
	for _, k := range everyKind {
		names = append(names, k.name)
	}
	return names
}

// roots are the names that a path may begin with: those of the kinds, then those of the other types.
func (b book) roots() []string {
	var types []string
	known := map[string]bool{}
	for _, k := range everyKind {
		known[k.definition] = true
		if id, ok := b.innermost(b.definitions[k.definition].Value).(*ast.Ident); ok && k.many {
			known[id.Name] = true
		}
	}
	for name := range b.definitions {
		if !known[name] && strings.HasPrefix(name, "#") {
			types = append(types, name)
		}
	}
	slices.Sort(types)
	return append(kindNames(), types...)
}

// follow goes down a path and says where it came to, without the names that the author chose. What
// fits no field is such a name or an index, unless it reads like a field misspelt and leads nowhere.
func (b book) follow(at place, known string, parts []string) (place, string, error) {
	if len(parts) == 0 {
		return at, known, nil
	}
	members := b.members(at.value)
	for _, m := range members {
		if m.name == parts[0] {
			return b.follow(m, known+"."+joinPath(m.name), parts[1:])
		}
	}
	near := nearest(parts[0], namesOf(members))
	if in := b.inside(at.value); in != nil && (near == "" || len(parts) > 1) {
		end, path, err := b.follow(place{field: at.field, value: in}, known, parts[1:])
		if err == nil || near == "" {
			return end, path, err
		}
	}
	return place{}, "", fmt.Errorf("there is no field %q in %s; %s", parts[0], known, suggestion(parts[0], namesOf(members)))
}

// members are the named fields within an expression, whatever lists and maps are around them.
func (b book) members(x ast.Expr) []place {
	var out []place
	var visit func(decls []ast.Decl)
	visit = func(decls []ast.Decl) {
		for _, d := range decls {
			switch d := d.(type) {
			case *ast.Field:
				name, _, err := ast.LabelName(d.Label)
				if err == nil && !strings.HasPrefix(name, "_") && !slices.Contains(namesOf(out), name) {
					out = append(out, place{name: name, field: d, value: d.Value})
				}
			case *ast.Comprehension:
				if s, ok := d.Value.(*ast.StructLit); ok {
					visit(s.Elts)
				}
			case *ast.EmbedDecl:
				for _, s := range b.structs(d.Expr) {
					visit(s.Elts)
				}
			}
		}
	}
	for _, s := range b.structs(x) {
		visit(s.Elts)
	}
	if in := b.inside(x); len(out) == 0 && in != nil {
		return b.members(in)
	}
	return out
}

// structs are the structs that an expression unifies or chooses from.
func (b book) structs(x ast.Expr) []*ast.StructLit {
	var out []*ast.StructLit
	b.visit(x, nil, func(x ast.Expr) {
		if s, ok := x.(*ast.StructLit); ok {
			out = append(out, s)
		}
	})
	return out
}

// inside is the type of the elements of a list or of a map; nil for anything else.
func (b book) inside(x ast.Expr) ast.Expr {
	var in ast.Expr
	b.visit(x, nil, func(x ast.Expr) {
		switch x := x.(type) {
		case *ast.StructLit:
			for _, d := range x.Elts {
				if f, ok := d.(*ast.Field); ok {
					if _, ok := f.Label.(*ast.ListLit); ok {
						in = f.Value
					}
				}
			}
		case *ast.ListLit:
			for _, e := range x.Elts {
				if e, ok := e.(*ast.Ellipsis); ok && e.Type != nil {
					in = e.Type
				} else if !ok {
					in = e
				}
			}
		}
	})
	return in
}

// innermost is what lists and maps are made of in the end.
func (b book) innermost(x ast.Expr) ast.Expr {
	for range maxDepth {
		in := b.inside(x)
		if in == nil {
			break
		}
		x = in
	}
	return x
}

func namesOf(places []place) []string {
	var names []string
	for _, p := range places {
		names = append(names, p.name)
	}
	return names
}

func suggestion(name string, among []string) string {
	if near := nearest(name, among); near != "" {
		return "did you mean " + near + "?"
	}
	if len(among) == 0 {
		return "it has no fields"
	}
	return "there are " + strings.Join(among, ", ")
}
