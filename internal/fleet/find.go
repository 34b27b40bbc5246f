package fleet

import (
	"slices"
	"strconv"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"millwright.dev/millwright/internal/diag"
)

// position is a position of CUE's as ours; the closing file has none.
func position(p token.Pos) diag.Pos {
	if !p.IsValid() || p.Filename() == closingFile {
		return diag.Pos{}
	}
	at := p.Position()
	return diag.Pos{File: at.Filename, Line: at.Line, Column: at.Column}
}

// written finds where the author wrote a field, in the syntax alone: it works on files that do not
// evaluate. A name written out goes before a pattern that covers it. Fields that come of
// comprehensions or references are not found.
func written(files []*ast.File, path []string) []diag.Pos {
	var decls [][]ast.Decl
	for _, f := range files {
		decls = append(decls, f.Decls)
	}
	var exact, pattern []diag.Pos
	for _, d := range decls {
		search(d, path, false, func(n ast.Node, viaPattern bool) {
			if viaPattern {
				pattern = append(pattern, position(n.Pos()))
			} else {
				exact = append(exact, position(n.Pos()))
			}
		})
	}
	return append(exact, pattern...)
}

func search(decls []ast.Decl, path []string, pattern bool, found func(ast.Node, bool)) {
	for _, d := range decls {
		f, ok := d.(*ast.Field)
		if !ok {
			if e, ok := d.(*ast.EmbedDecl); ok {
				searchExpr(e.Expr, path, pattern, found)
			}
			continue
		}
		viaPattern := pattern
		if _, isPattern := f.Label.(*ast.ListLit); isPattern {
			viaPattern = true
		} else if name, _, err := ast.LabelName(f.Label); err != nil || name != path[0] {
			continue
		}
		if len(path) == 1 {
			found(f, viaPattern)
			continue
		}
		searchExpr(f.Value, path[1:], viaPattern, found)
	}
}

func searchExpr(x ast.Expr, path []string, pattern bool, found func(ast.Node, bool)) {
	switch x := x.(type) {
	case *ast.StructLit:
		search(x.Elts, path, pattern, found)
	case *ast.ParenExpr:
		searchExpr(x.X, path, pattern, found)
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			searchExpr(x.X, path, pattern, found)
			searchExpr(x.Y, path, pattern, found)
		}
	case *ast.ListLit:
		i, err := strconv.Atoi(path[0])
		if err != nil || i < 0 || i >= len(x.Elts) || slices.ContainsFunc(x.Elts[:i+1], isOpen) {
			return
		}
		if len(path) == 1 {
			found(x.Elts[i], pattern)
			return
		}
		searchExpr(x.Elts[i], path[1:], pattern, found)
	}
}

// isOpen reports whether a list element may stand for any number of elements.
func isOpen(x ast.Expr) bool {
	switch x.(type) {
	case *ast.Ellipsis, *ast.Comprehension:
		return true
	}
	return false
}

// importPositions are where files import something: CUE names them among the causes of an error in
// whatever was imported, which helps nobody.
func importPositions(files []*ast.File) map[diag.Pos]bool {
	out := map[diag.Pos]bool{}
	for _, f := range files {
		for spec := range f.ImportSpecs() {
			out[position(spec.Pos())] = true
			out[position(spec.Path.Pos())] = true
		}
	}
	return out
}

// forbidden finds what CUE allows and a fleet does not: files pulled in by attributes, values given
// on the command line, numbers whose size is in an exponent.
func forbidden(f *ast.File) diag.List {
	var list diag.List
	report := func(n ast.Node, hint, summary string) {
		list = append(list, diag.Diagnostic{Code: "MW103", Summary: summary, Hint: hint, Pos: position(n.Pos())})
	}
	for _, d := range f.Decls {
		if e, ok := d.(*ast.EmbedDecl); ok {
			report(e, "write it as the value of a field, as in machine: \"gpu-001\": fleet.#Machine & {...}", "a value embedded at the top of a file would open every field of it")
		}
	}
	ast.Walk(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Attribute:
			if key, _ := n.Split(); slices.Contains([]string{"embed", "extern", "if", "ignore", "tag"}, key) {
				report(n, "a fleet is what its CUE files say, the same for everybody; write the value out", "@"+key+" is not allowed in a fleet")
			}
		case *ast.BasicLit:
			if n.Kind == token.FLOAT && hugeExponent(n.Value) {
				report(n, "write the number out", "a number with an exponent beyond two digits is not allowed in a fleet")
			}
		}
		return true
	}, nil)
	return list
}

func hugeExponent(s string) bool {
	for i := range s {
		if s[i] == 'e' || s[i] == 'E' {
			exp := s[i+1:]
			if exp != "" && (exp[0] == '+' || exp[0] == '-') {
				exp = exp[1:]
			}
			return len(exp) > 2
		}
	}
	return false
}
