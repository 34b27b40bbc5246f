package fleet

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/schema"
)

// instance is the unit of compilation: the files of one directory, those of the same package in the
// directories above it, and the packages that these import.
type instance struct {
	Dir      string
	Package  string
	Language string
	Files    []sourceFile            // from the root down
	Imports  map[string][]sourceFile // packages of this module by import path
	Leaf     bool                    // its entities count; those of other instances are context
	Tests    bool                    // it is the rules with their tests

	key  digest // of everything above and of what compiles it
	fsys fs.FS  // that the files are in
}

// filled is the instance with the content of files that a process before this one has read.
func (in *instance) filled() (*instance, error) {
	out := *in
	var err error
	fill := func(files []sourceFile) []sourceFile {
		all := slices.Clone(files)
		for i, f := range all {
			if f.Data == nil && err == nil {
				all[i].Data, err = content(in.fsys, f)
			}
		}
		return all
	}
	out.Files = fill(in.Files)
	out.Imports = make(map[string][]sourceFile, len(in.Imports))
	for path, files := range in.Imports {
		out.Imports[path] = fill(files)
	}
	return &out, err
}

// content reads a file that is to be as it was.
func content(fsys fs.FS, f sourceFile) ([]byte, error) {
	data, err := fs.ReadFile(fsys, f.Name)
	if err == nil && sha256.Sum256(data) != f.sum {
		err = fmt.Errorf("%s is not what was compiled before under its name; remove the cache directory", f.Name)
	}
	return data, err
}

type digest [sha256.Size]byte

// compilerVersion is part of every digest: raise it when the same files yield something else.
const compilerVersion = "1"

// schemaFiles are the built-in schema, named as positions name it.
var schemaFiles = sync.OnceValue(func() []sourceFile {
	names, err := fs.Glob(schema.Files, "*.cue")
	if err != nil || len(names) == 0 {
		panic("the schema is not embedded")
	}
	files := make([]sourceFile, len(names))
	for i, n := range names {
		data, err := fs.ReadFile(schema.Files, n)
		if err != nil {
			panic(err)
		}
		files[i] = sourceFile{Name: diag.BuiltIn + n, Data: data, sum: sha256.Sum256(data)}
	}
	return files
})

// parsed is the head of a file: what decides which instances it belongs to.
type parsed struct {
	sourceFile
	pkg     string
	imports []importSpec
}

type importSpec struct {
	Path string
	Pos  diag.Pos
}

// planner cuts a tree into instances.
type planner struct {
	tree  *tree
	heads map[string][]parsed // by directory
	last  map[string]parsed   // heads that were parsed before, by file
	list  diag.List
	pkgs  map[string]*localPackage // by import path, with the qualifier if it has one
	base  [sha256.Size]byte        // digest of what all instances have in common
}

type localPackage struct {
	files   []parsed
	closure []string // import paths of the local packages it needs, itself among them, sorted
	busy    bool     // being resolved: meeting it again is a cycle
}

// plan lists the instances of a tree in the order of their directories. It takes the heads of files
// that have not changed from last, and leaves there those of all files.
func plan(t *tree, last map[string]parsed) ([]*instance, diag.List) {
	p := &planner{tree: t, last: last, heads: map[string][]parsed{}, pkgs: map[string]*localPackage{}}
	h := sha256.New()
	fmt.Fprintf(h, "millwright fleet %s\nmodule %s language %s\n", compilerVersion, t.module, t.language)
	for _, f := range schemaFiles() {
		fmt.Fprintf(h, "%s %x\n", f.Name, f.sum)
	}
	h.Sum(p.base[:0])

	dirs := slices.Sorted(maps.Keys(t.dirs))
	for _, dir := range dirs {
		p.readHeads(dir)
	}
	if len(p.list) > 0 {
		return nil, p.list
	}
	clear(last)
	for _, heads := range p.heads {
		for _, h := range heads {
			last[h.Name] = h
		}
	}
	shared := map[string]bool{} // directories with another of the same package below
	for _, dir := range dirs {
		for _, above := range ancestors(path.Dir(dir)) {
			if h := p.heads[above]; above != dir && len(h) > 0 && h[0].pkg == p.heads[dir][0].pkg {
				shared[above] = true
			}
		}
	}
	var out []*instance
	for _, dir := range dirs {
		in := &instance{Dir: dir, Package: p.heads[dir][0].pkg, Language: t.language, Leaf: !shared[dir], fsys: t.fsys}
		p.complete(in)
		out = append(out, in)
	}
	return out, p.list
}

// readHeads parses package clauses and imports of a directory's files.
func (p *planner) readHeads(dir string) {
	for _, src := range p.tree.dirs[dir] {
		if head, ok := p.last[src.Name]; ok && head.sum == src.sum && p.fits(dir, head) {
			head.sourceFile = src
			p.heads[dir] = append(p.heads[dir], head)
			continue
		}
		if src.Data == nil {
			var err error
			if src.Data, err = content(p.tree.fsys, src); err != nil {
				p.list = append(p.list, diag.Diagnostic{Code: "MW100", Summary: fmt.Sprintf("cannot be read: %v", reason(err)), Pos: diag.Pos{File: src.Name}})
				continue
			}
		}
		f, err := parser.ParseFile(src.Name, src.Data, parser.ImportsOnly)
		if err != nil {
			// The head may be broken; then a full parse finds more in the same file.
			_, full := parser.ParseFile(src.Name, src.Data, parser.AllErrors)
			p.list = append(p.list, shape(cmp.Or(full, err), nil)...)
			continue
		}
		head := parsed{sourceFile: src, pkg: f.PackageName()}
		if head.pkg == "" || head.pkg == "_" {
			p.list = append(p.list, diag.Diagnostic{
				Code: "MW101", Summary: "the file does not say which package it belongs to",
				Hint: "begin it with a package clause, as in: package tenants", Pos: diag.Pos{File: src.Name, Line: 1},
			})
			continue
		}
		for spec := range f.ImportSpecs() {
			ip, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				ip = spec.Path.Value
			}
			head.imports = append(head.imports, importSpec{Path: ip, Pos: position(spec.Pos())})
		}
		if first := p.heads[dir]; !p.fits(dir, head) {
			p.list = append(p.list, diag.Diagnostic{
				Code: "MW101", Summary: fmt.Sprintf("the file belongs to package %s, but its directory to package %s", head.pkg, first[0].pkg),
				Hint: "all files of a directory belong to one package: change the clause, or move the file",
				Pos:  packagePos(f), Related: []diag.Related{{Pos: diag.Pos{File: first[0].Name, Line: 1}, Message: "package " + first[0].pkg}},
			})
			continue
		}
		p.heads[dir] = append(p.heads[dir], head)
	}
}

// fits reports whether a file belongs to the package of the directory's other files.
func (p *planner) fits(dir string, head parsed) bool {
	others := p.heads[dir]
	return len(others) == 0 || others[0].pkg == head.pkg
}

func packagePos(f *ast.File) diag.Pos {
	for _, d := range f.Decls {
		if pkg, ok := d.(*ast.Package); ok {
			return position(pkg.Name.Pos())
		}
	}
	return diag.Pos{File: f.Filename}
}

// files are those of a package in dir and in the directories above, from the root down.
func (p *planner) files(dir, pkg string) []parsed {
	var out []parsed
	for _, d := range ancestors(dir) {
		if heads := p.heads[d]; len(heads) > 0 && heads[0].pkg == pkg {
			out = append(out, heads...)
		}
	}
	return out
}

// ancestors are ".", "a", "a/b" for "a/b".
func ancestors(dir string) []string {
	out := []string{"."}
	if dir == "." {
		return out
	}
	for i := range dir {
		if dir[i] == '/' {
			out = append(out, dir[:i])
		}
	}
	return append(out, dir)
}

// complete fills in the files, imports and digest of an instance.
func (p *planner) complete(in *instance) {
	files := p.files(in.Dir, in.Package)
	need := map[string]bool{}
	for _, f := range files {
		for _, imp := range f.imports {
			for _, dep := range p.resolve(imp, nil) {
				need[dep] = true
			}
		}
	}
	all := append(make([]byte, 0, 1024), p.base[:]...)
	name := func(s string) { all = append(append(all, s...), 0) } // no name has a NUL
	name(in.Dir)
	name(in.Package)
	all = strconv.AppendBool(all, in.Leaf)
	for _, f := range files {
		in.Files = append(in.Files, f.sourceFile)
		name(f.Name)
		all = append(all, f.sum[:]...)
	}
	in.Imports = map[string][]sourceFile{}
	for _, ip := range slices.Sorted(maps.Keys(need)) {
		for _, f := range p.pkgs[ip].files {
			in.Imports[ip] = append(in.Imports[ip], f.sourceFile)
			name(ip)
			name(f.Name)
			all = append(all, f.sum[:]...)
		}
	}
	in.key = sha256.Sum256(all)
}

// resolve finds a package of this module and all that it needs in turn. Packages of CUE itself and
// the schema need nothing. stack is the way that led here, for the message about a cycle.
func (p *planner) resolve(imp importSpec, stack []string) []string {
	fail := func(hint, format string, args ...any) []string {
		p.list = append(p.list, diag.Diagnostic{Code: "MW102", Summary: fmt.Sprintf(format, args...), Hint: hint, Pos: imp.Pos})
		return nil
	}
	if imp.Path == schema.ImportPath || builtin(imp.Path) {
		return nil
	}
	parts := ast.ParseImportPath(imp.Path)
	sub, ok := strings.CutPrefix(parts.Path, p.tree.module)
	if !ok || sub != "" && sub[0] != '/' {
		return fail(fmt.Sprintf("a fleet may import CUE's own packages, %q and packages of its own module %q", schema.ImportPath, p.tree.module),
			"package %q is not in this repository", imp.Path)
	}
	known := p.pkgs[imp.Path]
	if known != nil {
		if known.busy {
			return fail("break the circle: move what both need into a third package", "packages import each other: %s", strings.Join(append(stack, imp.Path), " → "))
		}
		return known.closure
	}
	dir := path.Clean("." + sub)
	heads := p.heads[dir]
	if len(heads) == 0 || heads[0].pkg != parts.Qualifier {
		return fail(fmt.Sprintf("it would be package %s in directory %s", parts.Qualifier, dir), "package %q is not in this repository", imp.Path)
	}
	pkg := &localPackage{files: p.files(dir, parts.Qualifier), busy: true}
	p.pkgs[imp.Path] = pkg
	need := map[string]bool{imp.Path: true}
	for _, f := range pkg.files {
		for _, next := range f.imports {
			for _, dep := range p.resolve(next, append(stack, imp.Path)) {
				need[dep] = true
			}
		}
	}
	pkg.closure, pkg.busy = slices.Sorted(maps.Keys(need)), false
	return pkg.closure
}

// builtins are the packages that CUE brings along, but those that act on the world (tool/...).
var builtins = map[string]bool{
	"crypto/ed25519": true, "crypto/hmac": true, "crypto/md5": true, "crypto/sha1": true, "crypto/sha256": true, "crypto/sha512": true,
	"encoding/base64": true, "encoding/csv": true, "encoding/hex": true, "encoding/json": true, "encoding/toml": true, "encoding/yaml": true,
	"html": true, "list": true, "math": true, "math/bits": true, "net": true, "path": true, "regexp": true, "strconv": true, "strings": true,
	"struct": true, "text/tabwriter": true, "text/template": true, "time": true, "uuid": true,
}

// builtin reports whether CUE brings a package along.
func builtin(importPath string) bool {
	return builtins[ast.ParseImportPath(importPath).Path]
}
