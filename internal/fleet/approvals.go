package fleet

import (
	"fmt"
	"strconv"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/schema"
)

// approvals refuses approvals that are not written out in one file. Whoever signed the commit that brought
// a file answers for its bytes; what comes from elsewhere somebody else could change unsigned.
func (ev *evaluation) approvals() {
	const name = "approval"
	found := map[string]*ast.File{}                                  // by approval
	any := ev.value.LookupPath(cue.MakePath(cue.Str(name))).Exists() // also if no file shows it
	refuse := func(n ast.Node, approval, why string) {
		summary, path := "an approval "+why, ""
		if approval != "" {
			summary, path = fmt.Sprintf("approval %s %s", approval, why), address(name, approval)
		}
		ev.add(diag.Diagnostic{Code: "MW370", Summary: summary, Path: path, Pos: position(n.Pos()),
			Hint: "write it in one file, each value as it is: approval: \"cap-17\": fleet.#Approval & {...}; its approver is who signed that file"})
	}
	var loose []ast.Node // what could be an approval without its looking so
	for _, f := range ev.files {
		for _, d := range f.Decls {
			field, ok := d.(*ast.Field)
			if !ok {
				if _, ok := d.(*ast.Comprehension); ok {
					loose = append(loose, d)
				}
				continue
			}
			label, _, err := ast.LabelName(field.Label)
			if err != nil {
				loose = append(loose, field)
				continue
			}
			if label != name {
				continue
			}
			all, ok := field.Value.(*ast.StructLit)
			if !ok {
				refuse(field, "", "is not written out")
				continue
			}
			for _, e := range all.Elts {
				one, isField := e.(*ast.Field)
				of, plain := "", isField
				if isField {
					of, plain = plainLabel(one)
				}
				switch {
				case !plain || !plainApproval(one.Value, schemaName(f)):
					refuse(e, of, "is not written out: it holds more than plain values")
				case found[of] != nil && found[of] != f:
					refuse(e, of, "is written in two files")
				default:
					found[of] = f
				}
			}
		}
	}
	if any {
		for _, n := range loose {
			refuse(n, "", "is not alone: this could add to it")
		}
	}
}

// schemaName is what a file calls the schema.
func schemaName(f *ast.File) string {
	for spec := range f.ImportSpecs() {
		if path, err := strconv.Unquote(spec.Path.Value); err != nil || path != schema.ImportPath {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return "fleet"
	}
	return ""
}

// plainApproval reports whether an approval is plain values, with the schema's definition beside them.
func plainApproval(x ast.Expr, schemaName string) bool {
	switch x := x.(type) {
	case *ast.BinaryExpr:
		return x.Op == token.AND && plainApproval(x.X, schemaName) && plainApproval(x.Y, schemaName)
	case *ast.SelectorExpr:
		of, ok := x.X.(*ast.Ident)
		label, _, err := ast.LabelName(x.Sel)
		return ok && err == nil && of.Name == schemaName && label == "#Approval"
	}
	return plainValue(x)
}

func plainValue(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.BasicLit:
		return true
	case *ast.ListLit:
		for _, e := range x.Elts {
			if !plainValue(e) {
				return false
			}
		}
		return true
	case *ast.StructLit:
		for _, e := range x.Elts {
			if f, ok := e.(*ast.Field); !ok || !plainField(f) {
				return false
			}
		}
		return true
	}
	return false
}

func plainField(f *ast.Field) bool {
	_, ok := plainLabel(f)
	return ok && plainValue(f.Value)
}

// plainLabel is the name of a field that is simply there.
func plainLabel(f *ast.Field) (name string, ok bool) {
	name, _, err := ast.LabelName(f.Label)
	return name, err == nil && f.Constraint == token.ILLEGAL && len(f.Attrs) == 0 && name != "" && name[0] != '#' && name[0] != '_'
}
