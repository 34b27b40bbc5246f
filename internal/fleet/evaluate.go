package fleet

import (
	"fmt"
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/schema"
)

// evaluator builds instances, one at a time. A context of CUE's keeps whatever it ever evaluated, so
// it serves a few instances only; but it compiles the schema once for all of them, which takes longer
// than a small directory.
type evaluator struct {
	packages map[string][]*ast.File // that the instance at hand may import
	build    *build.Context
	context  *cue.Context
	left     int // instances that it may still serve
}

// perContext is how many instances share a context: with fewer the schema costs more, with more the
// garbage collector does. Measured on 1,000 machines.
const perContext = 4

var evaluators = sync.Pool{New: func() any { return newEvaluator(perContext) }}

func newEvaluator(instances int) *evaluator {
	e := &evaluator{context: cuecontext.New(), left: instances}
	e.build = build.NewContext(build.Loader(e.load))
	return e
}

// borrow is an evaluator for one instance. One that imports packages of its own module gets a fresh
// one: contexts remember packages by their path, and the next fleet may have others under it.
func borrow(in *instance) *evaluator {
	if len(in.Imports) > 0 {
		return newEvaluator(1)
	}
	e, _ := evaluators.Get().(*evaluator)
	return e
}

// giveBack ends the use of all that was evaluated.
func (e *evaluator) giveBack() {
	e.packages = nil
	if e.left--; e.left > 0 {
		evaluators.Put(e)
	}
}

// load finds a package that a file imports: CUE's own, the schema, or one of this module that came
// with the instance. There is no other.
func (e *evaluator) load(pos token.Pos, path string) *build.Instance {
	if builtin(path) {
		return nil
	}
	out := e.build.NewInstance(path, e.load)
	out.ImportPath = path
	files, ok := e.packages[path]
	if path == schema.ImportPath {
		files, ok = parseSchema(), true
	}
	if !ok {
		out.Err = errors.Newf(pos, "package %q is not in this repository", path)
		return out
	}
	for _, f := range files {
		if err := out.AddSyntax(f); err != nil {
			return out
		}
	}
	_ = out.Complete() // kept in out.Err
	return out
}

// parseSchema parses the schema afresh: building an instance marks the syntax tree.
func parseSchema() []*ast.File {
	var out []*ast.File
	for _, src := range schemaFiles() {
		f, err := parser.ParseFile(src.Name, src.Data, parser.Version(schema.Language))
		if err != nil {
			panic(fmt.Sprintf("the built-in schema does not parse: %v", err))
		}
		out = append(out, f)
	}
	return out
}

// evaluate parses and builds an instance; the files are the author's, without schema and closing.
func (e *evaluator) evaluate(in *instance) (cue.Value, []*ast.File, diag.List) {
	var list diag.List
	parse := func(files []sourceFile) (out []*ast.File) {
		for _, src := range files {
			f, err := parser.ParseFile(src.Name, src.Data, parser.Version(in.Language), parser.AllErrors)
			if err != nil {
				list = append(list, shape(err, nil)...)
				continue
			}
			list = append(list, forbidden(f)...)
			out = append(out, f)
		}
		return out
	}
	files := parse(in.Files)
	e.packages = map[string][]*ast.File{}
	for ip, srcs := range in.Imports {
		e.packages[ip] = parse(srcs)
	}
	if len(list) > 0 {
		return cue.Value{}, nil, list
	}
	bi := e.build.NewInstance(in.Dir, e.load)
	for _, f := range files {
		_ = bi.AddSyntax(f) // kept in bi.Err
	}
	end, err := parser.ParseFile(closingFile, closing(in.Package))
	if err == nil {
		_ = bi.AddSyntax(end)
		err = bi.Complete()
	}
	if err == nil {
		err = bi.Err
	}
	if err != nil {
		return cue.Value{}, nil, shape(err, nil)
	}
	v := e.context.BuildInstance(bi)
	if bi.ResolutionErr != nil {
		return v, nil, shape(bi.ResolutionErr, nil)
	}
	return v, files, nil
}
