package fleet

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"

	"millwright.dev/millwright/schema"
)

// subset is the part of the schema that an instance can reach: names of definitions, sorted. A rack
// need not pay for what only a stack can say. What is left out could not have mattered: a definition
// acts only where it is referred to.
type subset []string

func (s subset) key() string { return strings.Join(s, " ") }

// definition is one of the schema's, with what it refers to.
type definition struct {
	file  int // into schemaFiles
	needs []string
}

// definitions are all that the schema has, by name.
var definitions = sync.OnceValue(func() map[string]definition {
	all := map[string]definition{}
	for i, f := range parseSchema() {
		for _, d := range f.Decls {
			if field, ok := d.(*ast.Field); ok {
				name, _, _ := ast.LabelName(field.Label)
				d := definition{file: i}
				ast.Walk(field.Value, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok && (strings.HasPrefix(id.Name, "#") || strings.HasPrefix(id.Name, "_")) {
						d.needs = append(d.needs, id.Name)
					}
					return true
				}, nil)
				all[name] = d
			}
		}
	}
	return all
})

// everything is the whole schema.
var everything = sync.OnceValue(func() subset { return slices.Sorted(maps.Keys(definitions())) })

// reach is what the files of an instance and of the packages that it imports can reach. Where that
// cannot be told from the syntax, it is everything.
func reach(files []*ast.File, packages map[string][]*ast.File) subset {
	found := map[string]bool{}
	for _, f := range files {
		if !topLevel(f, found) || !mentioned(f, found) {
			return everything()
		}
	}
	for _, p := range packages {
		for _, f := range p {
			if !mentioned(f, found) {
				return everything()
			}
		}
	}
	return closure(found)
}

// topLevel notes the definitions that close the top-level fields of a file; ok is false if some are
// not written out.
func topLevel(f *ast.File, found map[string]bool) (ok bool) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.Package, *ast.ImportDecl, *ast.CommentGroup, *ast.LetClause, *ast.Attribute:
		case *ast.Field:
			name, isIdent, err := ast.LabelName(d.Label)
			if err != nil {
				return false
			}
			if isIdent && (name[0] == '#' || name[0] == '_') {
				continue
			}
			for _, k := range everyKind {
				if k.name == name {
					found[k.definition] = true
				}
			}
		default:
			return false
		}
	}
	return true
}

// mentioned notes the definitions that a file selects from the schema; ok is false if it does anything
// else with it.
func mentioned(f *ast.File, found map[string]bool) (ok bool) {
	name := ""
	for spec := range f.ImportSpecs() {
		if ip, err := strconv.Unquote(spec.Path.Value); err == nil && ip == schema.ImportPath {
			if name != "" {
				return false
			}
			name = "fleet"
			if spec.Name != nil {
				name = spec.Name.Name
			}
		}
	}
	ok = true
	ast.Walk(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportDecl:
			return false
		case *ast.SelectorExpr:
			if id, is := n.X.(*ast.Ident); is && id.Name == name {
				if label, _, err := ast.LabelName(n.Sel); err == nil {
					found[label] = true
					return false
				}
			}
		case *ast.Ident:
			ok = ok && (name == "" || n.Name != name)
		}
		return true
	}, nil)
	return ok
}

// closure adds what definitions refer to.
func closure(found map[string]bool) subset {
	todo := slices.Collect(maps.Keys(found))
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, n := range definitions()[name].needs {
			if !found[n] {
				found[n] = true
				todo = append(todo, n)
			}
		}
	}
	var s subset
	for name := range found {
		if _, ok := definitions()[name]; ok {
			s = append(s, name)
		}
	}
	slices.Sort(s)
	return s
}

// parse parses the part of the schema afresh: building an instance marks the syntax tree. Positions
// are those of the whole.
func (s subset) parse() []*ast.File {
	want := make([]bool, len(schemaFiles()))
	for _, name := range s {
		want[definitions()[name].file] = true
	}
	var out []*ast.File
	for i, src := range schemaFiles() {
		if !want[i] {
			continue
		}
		f := parseSchemaFile(src)
		used := map[string]bool{}
		f.Decls = slices.DeleteFunc(f.Decls, func(d ast.Decl) bool {
			field, ok := d.(*ast.Field)
			if !ok {
				return false
			}
			name, _, _ := ast.LabelName(field.Label)
			if _, keep := slices.BinarySearch(s, name); !keep {
				return true
			}
			ast.Walk(field.Value, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					used[id.Name] = true
				}
				return true
			}, nil)
			return false
		})
		dropImports(f, used)
		out = append(out, f)
	}
	return out
}

// dropImports removes the imports that nothing uses any more, which would be errors.
func dropImports(f *ast.File, used map[string]bool) {
	f.Decls = slices.DeleteFunc(f.Decls, func(d ast.Decl) bool {
		imports, ok := d.(*ast.ImportDecl)
		if !ok {
			return false
		}
		imports.Specs = slices.DeleteFunc(imports.Specs, func(spec *ast.ImportSpec) bool {
			ip, err := strconv.Unquote(spec.Path.Value)
			return err == nil && !used[ast.ParseImportPath(ip).Qualifier]
		})
		return len(imports.Specs) == 0
	})
}

// parseSchema parses all of the schema.
func parseSchema() []*ast.File {
	var out []*ast.File
	for _, src := range schemaFiles() {
		out = append(out, parseSchemaFile(src))
	}
	return out
}

func parseSchemaFile(src sourceFile) *ast.File {
	f, err := parser.ParseFile(src.Name, src.Data, parser.Version(schema.Language))
	if err != nil {
		panic("the built-in schema does not parse: " + err.Error())
	}
	return f
}
