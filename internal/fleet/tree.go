package fleet

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/mod/modfile"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/schema"
)

// Limits bound what a repository may cost. A zero field takes its value from [DefaultLimits].
type Limits struct {
	FileBytes int64 // of one CUE file
	TreeBytes int64 // of all CUE files together
	Files     int   // CUE files
	Entries   int   // files and directories of any sort
	Depth     int   // directories within each other

	Memory     uint64 // bytes that a worker process may take
	CPUSeconds int    // that one directory may take to compile, or five times as long by the clock
	Nodes      int    // values that one directory may yield
	Bytes      int    // of JSON that one directory may yield
}

// DefaultLimits leave room for a fleet of 10,000 machines and stop what is only meant to exhaust.
func DefaultLimits() Limits {
	return Limits{
		FileBytes: 1 << 20, TreeBytes: 128 << 20, Files: 20_000, Entries: 500_000, Depth: 32,
		Memory: 2 << 30, CPUSeconds: 10, Nodes: 1_000_000, Bytes: 32 << 20,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	fill(&l.FileBytes, d.FileBytes)
	fill(&l.TreeBytes, d.TreeBytes)
	fill(&l.Files, d.Files)
	fill(&l.Entries, d.Entries)
	fill(&l.Depth, d.Depth)
	fill(&l.Memory, d.Memory)
	fill(&l.CPUSeconds, d.CPUSeconds)
	fill(&l.Nodes, d.Nodes)
	fill(&l.Bytes, d.Bytes)
	return l
}

func fill[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// sourceFile is one CUE file as it was read.
type sourceFile struct {
	Name string
	Data []byte
	sum  [sha256.Size]byte
}

// tree is what of a repository takes part in compilation.
type tree struct {
	dirs     map[string][]sourceFile // by directory ("." is the root), files sorted by name
	module   string                  // the module's import path without its major version
	language string                  // the CUE version that the module asks for
	fsys     fs.FS
}

// readTree reads the CUE files of a repository within limits. What CUE itself passes over is passed
// over: names that begin with "." or "_", and *_test.cue and *_tool.cue.
func readTree(fsys fs.FS, limits Limits) (*tree, diag.List) {
	t := &tree{dirs: map[string][]sourceFile{}, fsys: fsys}
	var list diag.List
	var entries, files int
	var size int64
	refuse := func(name, hint, format string, args ...any) error {
		list = append(list, diag.Diagnostic{Code: "MW100", Summary: fmt.Sprintf(format, args...), Hint: hint, Pos: diag.Pos{File: name}})
		return fs.SkipAll
	}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return refuse(name, "", "cannot be read: %v", reason(err))
		}
		if entries++; entries > limits.Entries {
			return refuse(name, "split the fleet into several repositories", "the repository holds more than %d files and directories", limits.Entries)
		}
		base := path.Base(name)
		if d.IsDir() {
			switch {
			case name == ".":
			case base == "cue.mod" && path.Dir(name) != ".":
				_ = refuse(name, "a fleet is one module: remove this directory", "a CUE module within the fleet's module")
				return fs.SkipDir
			case base == "cue.mod", base[0] == '.', base[0] == '_':
				return fs.SkipDir
			case strings.Count(name, "/")+1 > limits.Depth:
				return refuse(name, "", "directories are nested more than %d deep", limits.Depth)
			}
			return nil
		}
		if !isSource(base) {
			return nil
		}
		if files++; files > limits.Files {
			return refuse(name, "put more than one machine into a file", "the fleet has more than %d CUE files", limits.Files)
		}
		f, msg := readFile(fsys, name, d, limits.FileBytes)
		if msg != "" {
			_ = refuse(name, "", "%s", msg)
			return nil
		}
		if size += int64(len(f.Data)); size > limits.TreeBytes {
			return refuse(name, "split the fleet into several repositories", "the fleet's CUE files are larger than %d MiB together", limits.TreeBytes>>20)
		}
		dir := path.Dir(name)
		t.dirs[dir] = append(t.dirs[dir], f)
		return nil
	})
	if err != nil {
		_ = refuse(".", "", "cannot be read: %v", reason(err))
	}
	if len(list) > 0 {
		return nil, list
	}
	if files == 0 {
		return nil, diag.List{{Code: "MW100", Summary: "there is no CUE file in the repository", Hint: "a copy of fleet-example is a fleet to begin with"}}
	}
	list = append(t.readModule(limits), t.checkVendored(limits)...)
	return t, list
}

func isSource(base string) bool {
	return strings.HasSuffix(base, ".cue") && base[0] != '.' && base[0] != '_' &&
		!strings.HasSuffix(base, "_test.cue") && !strings.HasSuffix(base, "_tool.cue")
}

// readFile reads one file that must be regular, of bounded size and UTF-8; else it says what is wrong.
func readFile(fsys fs.FS, name string, d fs.DirEntry, limit int64) (f sourceFile, msg string) {
	if !d.Type().IsRegular() {
		return f, "not a regular file: CUE files may not be links or devices"
	}
	info, err := d.Info()
	if err != nil {
		return f, fmt.Sprintf("cannot be read: %v", reason(err))
	}
	tooLarge := fmt.Sprintf("larger than the %d KiB that a CUE file may have", limit>>10)
	if info.Size() > limit {
		return f, tooLarge
	}
	r, err := fsys.Open(name)
	if err != nil {
		return f, fmt.Sprintf("cannot be read: %v", reason(err))
	}
	defer func() { _ = r.Close() }()                    // it was only read
	data, err := io.ReadAll(io.LimitReader(r, limit+1)) // a file may grow, or its size be a lie
	switch {
	case err != nil:
		return f, fmt.Sprintf("cannot be read: %v", reason(err))
	case int64(len(data)) > limit:
		return f, tooLarge
	case !utf8.Valid(data):
		return f, "not UTF-8"
	}
	return sourceFile{Name: name, Data: data, sum: sha256.Sum256(data)}, ""
}

// reason is err without the path that a position says already.
func reason(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

const moduleFile = "cue.mod/module.cue"

func (t *tree) readModule(limits Limits) diag.List {
	wrong := func(format string, args ...any) diag.List {
		return diag.List{{
			Code: "MW100", Summary: fmt.Sprintf(format, args...), Pos: diag.Pos{File: moduleFile},
			Hint: "it should hold two lines: module: \"fleet.example.com@v0\" and language: version: \"v0.15.0\"",
		}}
	}
	info, err := fs.Stat(t.fsys, moduleFile)
	if err != nil {
		return wrong("the repository is not a CUE module: %v", reason(err))
	}
	f, msg := readFile(t.fsys, moduleFile, fs.FileInfoToDirEntry(info), min(limits.FileBytes, 64<<10))
	if msg != "" {
		return wrong("%s", msg)
	}
	mod, err := modfile.Parse(f.Data, moduleFile)
	if err != nil {
		return wrong("not a module file: %v", err)
	}
	t.module, _, _ = strings.Cut(mod.QualifiedModule(), "@")
	if mod.Language != nil {
		t.language = mod.Language.Version
	}
	return nil
}

// checkVendored refuses a copy of the schema in the repository that differs from the built-in one:
// editors and `cue vet` read the copy, we compile against ours, and the two must agree.
func (t *tree) checkVendored(limits Limits) diag.List {
	dir := "cue.mod/pkg/" + schema.ImportPath
	entries, err := fs.ReadDir(t.fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	differs := func(name, what string) diag.List {
		return diag.List{{
			Code: "MW100", Summary: what, Pos: diag.Pos{File: path.Join(dir, name)},
			Hint: "copy schema/*.cue of this version of millwright over it, or remove it: millwright brings its own",
		}}
	}
	if err != nil {
		return differs("", fmt.Sprintf("the copy of the schema cannot be read: %v", reason(err)))
	}
	var names []string
	for _, d := range entries {
		if !isSource(d.Name()) {
			continue
		}
		names = append(names, d.Name())
		want, err := fs.ReadFile(schema.Files, d.Name())
		if err != nil {
			return differs(d.Name(), "the copy of the schema has a file that this version of millwright does not know")
		}
		f, msg := readFile(t.fsys, path.Join(dir, d.Name()), d, limits.FileBytes)
		if msg != "" || string(f.Data) != string(want) {
			return differs(d.Name(), "the copy of the schema differs from that of this version of millwright")
		}
	}
	for _, f := range schemaFiles() {
		if name := path.Base(f.Name); !slices.Contains(names, name) {
			return differs(name, "the copy of the schema lacks a file that this version of millwright has")
		}
	}
	return nil
}
