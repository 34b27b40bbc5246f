package fleet

import (
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
// it serves a few instances only; but it compiles its part of the schema once for all of them, which
// takes longer than a small directory.
type evaluator struct {
	schema   subset
	packages map[string][]*ast.File // that the instance at hand may import
	build    *build.Context
	context  *cue.Context
	left     int // instances that it may still serve
}

// perContext is how many instances share a context: with fewer the schema costs more, with more the
// garbage collector does. Measured on 1,000 machines.
const perContext = 8

// evaluators that wait for an instance that can reach the same part of the schema.
var evaluators struct {
	sync.Mutex
	idle map[string][]*evaluator
}

func newEvaluator(part subset, instances int) *evaluator {
	e := &evaluator{schema: part, context: cuecontext.New(), left: instances}
	e.build = build.NewContext(build.Loader(e.load))
	return e
}

// borrow is an evaluator for one instance. One that imports packages of its own module gets a fresh
// one: contexts remember packages by their path, and the next fleet may have others under it.
func borrow(part subset, packages map[string][]*ast.File) *evaluator {
	if len(packages) > 0 {
		e := newEvaluator(part, 1)
		e.packages = packages
		return e
	}
	evaluators.Lock()
	defer evaluators.Unlock()
	key := part.key()
	idle := evaluators.idle[key]
	if len(idle) == 0 {
		return newEvaluator(part, perContext)
	}
	evaluators.idle[key] = idle[:len(idle)-1]
	return idle[len(idle)-1]
}

// giveBack ends the use of all that was evaluated.
func (e *evaluator) giveBack() {
	e.packages = nil
	if e.left--; e.left <= 0 {
		return
	}
	evaluators.Lock()
	defer evaluators.Unlock()
	if evaluators.idle == nil {
		evaluators.idle = map[string][]*evaluator{}
	}
	evaluators.idle[e.schema.key()] = append(evaluators.idle[e.schema.key()], e)
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
		files, ok = e.schema.parse(), true
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

// parse parses an instance: the author's files, without schema and closing, and the packages that they
// import.
func (in *instance) parse() (files []*ast.File, packages map[string][]*ast.File, list diag.List) {
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
	files = parse(in.Files)
	packages = map[string][]*ast.File{}
	for ip, srcs := range in.Imports {
		packages[ip] = parse(srcs)
	}
	return files, packages, list
}

// evaluate builds an instance out of its files. The value may be used until the evaluator is given
// back, which the caller does.
func evaluate(in *instance) (v cue.Value, files []*ast.File, giveBack func(), list diag.List) {
	files, packages, list := in.parse()
	if len(list) > 0 {
		return cue.Value{}, nil, func() {}, list
	}
	e := borrow(reach(files, packages), packages)
	v, list = e.evaluate(in, files)
	return v, files, e.giveBack, list
}

func (e *evaluator) evaluate(in *instance, files []*ast.File) (cue.Value, diag.List) {
	bi := e.build.NewInstance(in.Dir, e.load)
	for _, f := range files {
		_ = bi.AddSyntax(f) // kept in bi.Err
	}
	end, err := parser.ParseFile(closingFile, closing(in, e.schema))
	if err == nil {
		_ = bi.AddSyntax(end)
		err = bi.Complete()
	}
	if err == nil {
		err = bi.Err
	}
	if err != nil {
		return cue.Value{}, shape(err, nil)
	}
	v := e.context.BuildInstance(bi)
	if bi.ResolutionErr != nil {
		return v, shape(bi.ResolutionErr, nil)
	}
	return v, nil
}
