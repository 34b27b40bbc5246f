package fleet

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"millwright.dev/millwright/internal/diag"
)

// book is the schema as text: what it says about its fields, and which fields it has where.
type book struct {
	docs        map[diag.Pos]string // by file and line
	definitions map[string]*ast.Field
}

var manual = sync.OnceValue(func() book {
	b := book{docs: map[diag.Pos]string{}, definitions: map[string]*ast.Field{}}
	for _, src := range schemaFiles() {
		f, err := parser.ParseFile(src.Name, src.Data, parser.ParseComments)
		if err != nil {
			continue // parseSchema panics, and its test fails
		}
		for _, d := range f.Decls {
			if field, ok := d.(*ast.Field); ok {
				if name, _, err := ast.LabelName(field.Label); err == nil {
					b.definitions[name] = field
				}
			}
		}
		ast.Walk(f, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok {
				at := position(field.Pos())
				at.Column = 0
				if _, taken := b.docs[at]; !taken {
					b.docs[at] = comment(field)
				}
			}
			return true
		}, nil)
	}
	return b
})

// comment is the first paragraph of a field's doc comment on one line, as far as it is prose.
func comment(f *ast.Field) string {
	var words []string
	for _, g := range ast.Comments(f) {
		if !g.Doc {
			continue
		}
		for _, c := range g.List {
			line := strings.TrimPrefix(c.Text, "//")
			if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "   ") {
				return strings.Join(words, " ")
			}
			words = append(words, strings.TrimSpace(line))
		}
	}
	return strings.Join(words, " ")
}

// documented is what the schema says about the field whose rule stands at p.
func documented(p diag.Pos) string {
	p.Column = 0
	return manual().docs[p]
}

// shelf is what the schema allows in one struct.
type shelf struct {
	names []string                 // of fields, sorted
	form  string                   // of names where any of some form will do: what the schema says about it
	open  bool                     // any names at all will do
	rules []func(name string) bool // that names may fulfil instead
}

// admits reports whether a name may stand there.
func (s shelf) admits(name string) bool {
	return s.open || slices.Contains(s.names, name) || slices.ContainsFunc(s.rules, func(rule func(string) bool) bool { return rule(name) })
}

// allowed looks up what the schema allows within path.
func allowed(path []string) shelf {
	var out shelf
	b := manual()
	for _, k := range everyKind {
		if k.name == path[0] {
			b.visit(b.definitions[k.definition].Value, path[1:], func(x ast.Expr) { b.collect(x, &out) })
		}
	}
	slices.Sort(out.names)
	out.names = slices.Compact(out.names)
	return out
}

// collect adds what a struct of the schema allows; what is no struct holds whatever it likes.
func (b book) collect(x ast.Expr, out *shelf) {
	s, ok := x.(*ast.StructLit)
	if !ok {
		out.open = true
		return
	}
	for _, d := range s.Elts {
		f, ok := d.(*ast.Field)
		if !ok {
			_, ellipsis := d.(*ast.Ellipsis)
			out.open = out.open || ellipsis
			continue
		}
		if pattern, ok := f.Label.(*ast.ListLit); ok {
			rule := b.rule(pattern.Elts[0])
			out.open = out.open || rule == nil
			out.rules = append(out.rules, rule)
			if ref, ok := pattern.Elts[0].(*ast.Ident); ok {
				out.form = comment(b.definitions[ref.Name])
			}
		} else if name, isIdent, err := ast.LabelName(f.Label); err == nil && (!isIdent || !strings.HasPrefix(name, "_")) {
			out.names = append(out.names, name)
		}
	}
}

// rule is what a pattern demands of names: a regular expression, or one of some texts. It is nil for
// what demands something else, which is left to CUE.
func (b book) rule(x ast.Expr) func(name string) bool {
	switch x := x.(type) {
	case *ast.Ident:
		if def := b.definitions[x.Name]; def != nil {
			return b.rule(def.Value)
		}
	case *ast.UnaryExpr:
		if lit, ok := x.X.(*ast.BasicLit); ok && x.Op == token.MAT {
			if expr, err := literal.Unquote(lit.Value); err == nil {
				return regexp.MustCompile(expr).MatchString // CUE compiles it too
			}
		}
	case *ast.BasicLit:
		if text, err := literal.Unquote(x.Value); err == nil {
			return func(name string) bool { return name == text }
		}
	case *ast.BinaryExpr:
		left, right := b.rule(x.X), b.rule(x.Y)
		if left != nil && right != nil && x.Op == token.OR {
			return func(name string) bool { return left(name) || right(name) }
		}
	}
	return nil
}

// nameRule is what the schema demands of the names in a map such as #Machines: its definition reads
// [#Name]: ..., and that of #Name is a regular expression.
func nameRule(definition string) *regexp.Regexp {
	b := manual()
	of := func(definition string) ast.Expr { return b.definitions[definition].Value }
	pattern := of(definition).(*ast.StructLit).Elts[0].(*ast.Field).Label.(*ast.ListLit).Elts[0].(*ast.Ident)
	expr, err := strconv.Unquote(of(pattern.Name).(*ast.UnaryExpr).X.(*ast.BasicLit).Value)
	if err != nil {
		panic(err) // the schema is built in, and parsed
	}
	return regexp.MustCompile(expr)
}

// visit calls found with every expression of the schema that describes what lies at path within x.
func (b book) visit(x ast.Expr, path []string, found func(ast.Expr)) {
	switch x := x.(type) {
	case *ast.Ident:
		if def := b.definitions[x.Name]; def != nil {
			b.visit(def.Value, path, found)
		}
		return
	case *ast.ParenExpr:
		b.visit(x.X, path, found)
		return
	case *ast.BinaryExpr:
		if x.Op == token.AND || x.Op == token.OR {
			b.visit(x.X, path, found)
			b.visit(x.Y, path, found)
		}
		return
	case *ast.StructLit:
		if len(path) == 0 {
			break
		}
		var pattern *ast.Field
		for _, d := range x.Elts {
			f, ok := d.(*ast.Field)
			if !ok {
				continue
			}
			if _, ok := f.Label.(*ast.ListLit); ok {
				pattern = f
			} else if name, _, err := ast.LabelName(f.Label); err == nil && name == path[0] {
				b.visit(f.Value, path[1:], found)
				return
			}
		}
		if pattern != nil {
			b.visit(pattern.Value, path[1:], found)
		}
		return
	case *ast.ListLit:
		if len(path) == 0 || len(x.Elts) == 0 {
			break
		}
		element := x.Elts[0]
		if e, ok := element.(*ast.Ellipsis); ok {
			element = e.Type
		}
		b.visit(element, path[1:], found)
		return
	}
	if len(path) == 0 {
		found(x)
	}
}
