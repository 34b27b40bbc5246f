package fleet

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/token"
)

var (
	defaultPattern = regexp.MustCompile(`(?:^|\s)Default: (.*?)\.(?:\s|$)`)
	typePattern    = regexp.MustCompile(`#[A-Z][A-Za-z0-9]*`)
	examplePattern = regexp.MustCompile(`(?:^|\s)Examples?: (.*?)\.(?:\s|$)`)
)

// describe puts together what the schema says about a place.
func (b book) describe(path string, p place) Field {
	f := Field{Path: path, Type: b.words(p.value), Required: p.field.Constraint == token.NOT, Pos: position(p.field.Pos())}
	text, values := docOf(p.field)
	if strings.HasPrefix(text, "#") && strings.Contains(text, ": see #") || text == "" {
		// It is the type that has something to say.
		if id, ok := b.innermost(p.value).(*ast.Ident); ok && b.definitions[id.Name] != nil {
			text, values = docOf(b.definitions[id.Name])
			f.Pos = position(b.definitions[id.Name].Pos())
		}
	}
	text, f.Default = cut(text, defaultPattern)
	f.Doc, f.Example = cut(text, examplePattern)
	f.Values = values
	if literal := b.defaultOf(p.value); literal != "" && literal != `""` {
		f.Default = literal
	}
	if f.Default == "none" {
		f.Default = ""
	}
	f.Fields = namesOf(b.members(p.value))
	for _, name := range typePattern.FindAllString(f.Type, -1) {
		if def := b.definitions[name]; def != nil && len(b.members(def.Value)) == 0 {
			meaning, _ := docOf(def)
			f.Types = append(f.Types, meaning+" It is "+b.words(def.Value)+".")
		}
	}
	return f
}

// cut takes the sentence that a pattern finds out of a text.
func cut(text string, pattern *regexp.Regexp) (rest, found string) {
	at := pattern.FindStringSubmatchIndex(text)
	if at == nil {
		return text, ""
	}
	return strings.TrimSpace(text[:at[0]] + " " + text[at[1]:]), text[at[2]:at[3]]
}

// docOf is a field's doc comment: its prose on one line, and its table of values.
func docOf(f *ast.Field) (prose string, values []string) {
	var words []string
	for _, g := range ast.Comments(f) {
		if !g.Doc {
			continue
		}
		for _, c := range g.List {
			line := strings.TrimPrefix(c.Text, "//")
			if strings.HasPrefix(line, "   ") {
				values = append(values, strings.TrimSpace(line))
			} else if strings.TrimSpace(line) != "" {
				words = append(words, strings.TrimSpace(line))
			}
		}
	}
	return strings.Join(words, " "), values
}

// defaultOf is the literal that an expression marks as its default, if it marks one.
func (b book) defaultOf(x ast.Expr) string {
	for _, alt := range flat(x, token.OR) {
		if u, ok := alt.(*ast.UnaryExpr); ok && u.Op == token.MUL {
			if lit, ok := u.X.(*ast.BasicLit); ok {
				return lit.Value
			}
		}
	}
	return ""
}

// flat are the operands of a chain of one operator.
func flat(x ast.Expr, op token.Token) []ast.Expr {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return flat(x.X, op)
	case *ast.BinaryExpr:
		if x.Op == op {
			return append(flat(x.X, op), flat(x.Y, op)...)
		}
	}
	return []ast.Expr{x}
}

// words say what an expression admits.
func (b book) words(x ast.Expr) string {
	if alternatives := flat(x, token.OR); len(alternatives) > 1 {
		return b.choice(alternatives)
	}
	if conjuncts := flat(x, token.AND); len(conjuncts) > 1 {
		return b.bounded(conjuncts)
	}
	switch x := x.(type) {
	case *ast.ParenExpr:
		return b.words(x.X)
	case *ast.Ident:
		if word := basic[x.Name]; word != "" {
			return word
		}
	case *ast.BasicLit:
		return "only " + x.Value
	case *ast.UnaryExpr:
		switch x.Op {
		case token.MUL:
			return b.words(x.X)
		case token.MAT:
			return "text that matches " + code(x.X)
		case token.NMAT:
			return "text that does not match " + code(x.X)
		}
	case *ast.StructLit:
		in := b.inside(x)
		switch {
		case in == nil && len(b.members(x)) == 0:
			return "anything"
		case in == nil || isMixed(x):
			return "struct"
		}
		return "map of " + b.words(in)
	case *ast.CallExpr:
		if calls[code(x.Fun)] == "" {
			return "computed from " + code(x.Args[0])
		}
	case *ast.ListLit:
		if isComputed(x) {
			return "list, computed"
		}
		text := "list"
		if in := b.inside(x); in != nil {
			text += " of " + b.words(in)
		}
		if n := len(x.Elts) - 1; n > 0 {
			text += fmt.Sprintf(", at least %d", n)
		}
		return text
	}
	return code(x)
}

var basic = map[string]string{
	"string": "text", "int": "a whole number", "bool": "true or false", "number": "a number", "float": "a number", "_": "anything",
}

// isComputed reports whether the elements of a list come of others.
func isComputed(x *ast.ListLit) bool {
	return slices.ContainsFunc(x.Elts, func(e ast.Expr) bool { _, is := e.(*ast.Comprehension); return is })
}

// isMixed reports whether a struct has fields of its own beside a rule for all others.
func isMixed(x *ast.StructLit) bool {
	for _, d := range x.Elts {
		if f, ok := d.(*ast.Field); ok {
			if _, pattern := f.Label.(*ast.ListLit); !pattern {
				return true
			}
		}
	}
	return false
}

// choice is one of several. A default goes without saying where a wider alternative admits it.
func (b book) choice(alternatives []ast.Expr) string {
	var literals, others []string
	for _, x := range alternatives {
		u, isDefault := x.(*ast.UnaryExpr)
		if isDefault = isDefault && u.Op == token.MUL; isDefault {
			x = u.X
		}
		switch lit, ok := x.(*ast.BasicLit); {
		case ok && isDefault && b.anyOther(alternatives, lit):
		case ok:
			literals = append(literals, lit.Value)
		case !isDefault: // a default that is computed is one of what the others admit
			others = append(others, b.words(x))
		}
	}
	if len(literals) > 1 || len(literals) == 1 && len(others) > 0 {
		others = append([]string{"one of " + strings.Join(literals, ", ")}, others...)
		if len(literals) == 1 {
			others[0] = literals[0]
		}
	} else if len(literals) == 1 {
		others = []string{"only " + literals[0]}
	}
	return strings.Join(others, ", or ")
}

// anyOther reports whether an alternative that is no literal admits values of a literal's kind.
func (b book) anyOther(alternatives []ast.Expr, lit *ast.BasicLit) bool {
	for _, x := range alternatives {
		if u, ok := x.(*ast.UnaryExpr); ok && u.Op == token.MUL {
			continue
		}
		if _, ok := x.(*ast.BasicLit); !ok && b.kindOf(x) == b.kindOf(lit) {
			return true
		}
	}
	return false
}

// kindOf is the kind of literal that an expression of text or numbers admits.
func (b book) kindOf(x ast.Expr) token.Token {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return b.kindOf(x.X)
	case *ast.BasicLit:
		if x.Kind == token.FALSE {
			return token.TRUE
		}
		return x.Kind
	case *ast.UnaryExpr:
		if x.Op == token.MAT || x.Op == token.NMAT {
			return token.STRING
		}
		return b.kindOf(x.X)
	case *ast.BinaryExpr:
		return b.kindOf(x.X)
	case *ast.Ident:
		switch x.Name {
		case "string":
			return token.STRING
		case "int":
			return token.INT
		case "bool":
			return token.TRUE
		}
		if f := b.definitions[x.Name]; f != nil {
			return b.kindOf(f.Value)
		}
	}
	return token.ILLEGAL
}

// bounded is something with bounds.
func (b book) bounded(conjuncts []ast.Expr) string {
	var what, bounds []string
	var least, most string
	for _, x := range conjuncts {
		u, _ := x.(*ast.UnaryExpr)
		c, _ := x.(*ast.CallExpr)
		switch {
		case u != nil && u.Op == token.GEQ:
			least = code(u.X)
		case u != nil && u.Op == token.LEQ:
			most = code(u.X)
		case u != nil && u.Op == token.NEQ && code(u.X) == `""`:
			bounds = append(bounds, "not empty")
		case c != nil && len(c.Args) == 1 && calls[code(c.Fun)] != "":
			bounds = append(bounds, fmt.Sprintf(calls[code(c.Fun)], code(c.Args[0])))
		case isType(x):
			what = append(what, b.words(x))
		default:
			bounds = append(bounds, code(x))
		}
	}
	text := strings.Join(what, " and ")
	switch {
	case least != "" && most != "":
		text += " from " + least + " to " + most
	case least != "":
		text += ", at least " + least
	case most != "":
		text += ", at most " + most
	}
	return strings.Join(append([]string{text}, bounds...), ", ")
}

// isType reports whether an expression says what something is, not only what else must hold of it.
func isType(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident, *ast.StructLit, *ast.ListLit, *ast.BinaryExpr, *ast.ParenExpr:
		return true
	case *ast.UnaryExpr:
		return x.Op == token.MAT
	}
	return false
}

// calls are the validators of CUE that have words of their own.
var calls = map[string]string{
	"list.MaxItems": "at most %s", "list.MinItems": "at least %s", "strings.MaxRunes": "at most %s characters", "strings.MinRunes": "at least %s characters",
}

// code is an expression as CUE, on one line.
func code(x ast.Expr) string {
	text, err := format.Node(x, format.Simplify())
	if err != nil {
		return "" // it was parsed: it can be written
	}
	return strings.Join(strings.Fields(string(text)), " ")
}
