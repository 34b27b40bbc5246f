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

// sourceFile is one CUE file as it was read, by this process or, where Data is nil, by one before; see filled.
type sourceFile struct {
	Name string
	Data []byte
	size int64 // bytes
	sum  [sha256.Size]byte
	id   string // of the file system; see identify
}

// tree is what of a repository takes part in compilation.
type tree struct {
	dirs     map[string][]sourceFile // by directory ("." is the root), files sorted by name
	root     *directory
	vendored string // what the copy of the schema is to the file system, if it agrees; see identify
	module   string // the module's import path without its major version
	language string // the CUE version that the module asks for
	moduleID string // what the module file is to the file system, "-…" for no link; see identify
	fsys     fs.FS
}

// directory is one directory as it was read, with all that lies below.
type directory struct {
	id    string // of the file system; see identify
	files []sourceFile
	dirs  map[string]*directory // by their paths
	count counts
}

// counts are what limits are held against.
type counts struct {
	entries, files int
	bytes          int64
}

func (c *counts) add(d counts) {
	c.entries += d.entries
	c.files += d.files
	c.bytes += d.bytes
}

// identify asks a file system that knows it, as that of a commit does, what a file or directory is:
// as long as that stays the same, so does everything at that path and below. Empty: it does not know.
func identify(fsys fs.FS, name string) string {
	if known, ok := fsys.(interface {
		Identity(name string) (string, error)
	}); ok {
		if id, err := known.Identity(name); err == nil {
			return id
		}
	}
	return ""
}

// identifyEntry is identify for an entry of a listing, which may know by itself.
func identifyEntry(fsys fs.FS, name string, e fs.DirEntry) string {
	if known, ok := e.(interface{ Identity() string }); ok {
		return known.Identity()
	}
	return identify(fsys, name)
}

// readTree reads the CUE files of a repository within limits. What CUE itself passes over is passed
// over: names that begin with "." or "_", and *_test.cue and *_tool.cue. What has not changed since
// last, a tree that was read before or nil, is not read again, nor are files whose heads are known.
func readTree(fsys fs.FS, limits Limits, last *tree, heads map[string]parsed) (*tree, diag.List) {
	r := reader{fsys: fsys, limits: limits, heads: heads}
	var before *directory
	if last != nil {
		before = last.root
	}
	root := r.directory(".", identify(fsys, "."), before)
	if len(r.found) > 0 {
		return nil, r.found
	}
	if root.count.files == 0 {
		return nil, diag.List{{Code: "MW100", Summary: "there is no CUE file in the repository", Hint: "`millwright init` writes a small fleet to begin with"}}
	}
	t := &tree{dirs: map[string][]sourceFile{}, root: root, fsys: fsys}
	t.list(".", root)
	var list diag.List
	if t.moduleID = identify(fsys, moduleFile); strings.HasPrefix(t.moduleID, "-") && last != nil && t.moduleID == last.moduleID {
		t.module, t.language = last.module, last.language
	} else {
		list = t.readModule(limits)
	}
	if t.vendored = identify(fsys, vendoredSchema); t.vendored == "" || last == nil || t.vendored != last.vendored {
		list = append(list, t.checkVendored(limits)...)
	}
	return t, list
}

// list fills in dirs.
func (t *tree) list(at string, d *directory) {
	if len(d.files) > 0 {
		t.dirs[at] = d.files
	}
	for name, sub := range d.dirs {
		t.list(name, sub)
	}
}

// reader reads a tree; it stops at what is found to be too large.
type reader struct {
	fsys   fs.FS
	limits Limits
	heads  map[string]parsed
	all    counts
	found  diag.List
	full   bool
}

func (r *reader) refuse(name, hint, format string, args ...any) {
	r.found = append(r.found, diag.Diagnostic{Code: "MW100", Summary: fmt.Sprintf(format, args...), Hint: hint, Pos: diag.Pos{File: name}})
}

// directory reads a directory, or takes over what it was before.
func (r *reader) directory(name, id string, last *directory) *directory {
	d := &directory{id: id, dirs: map[string]*directory{}}
	if last != nil && d.id != "" && d.id == last.id {
		r.count(name, last.count)
		return last
	}
	if last == nil {
		last = &directory{}
	}
	entries, err := fs.ReadDir(r.fsys, name)
	if err != nil {
		r.refuse(name, "", "cannot be read: %v", reason(err))
		r.full = true
	}
	for _, e := range entries {
		if r.full {
			break
		}
		r.entry(d, path.Join(name, e.Name()), e, last)
	}
	return d
}

// entry reads one file or directory within d.
func (r *reader) entry(d *directory, name string, e fs.DirEntry, last *directory) {
	one := counts{entries: 1}
	base := e.Name()
	switch {
	case e.IsDir() && base == "cue.mod" && path.Dir(name) != ".":
		r.refuse(name, "a fleet is one module: remove this directory", "a CUE module within the fleet's module")
	case e.IsDir() && (base == "cue.mod" || base[0] == '.' || base[0] == '_'):
	case e.IsDir() && strings.Count(name, "/")+1 > r.limits.Depth:
		r.refuse(name, "", "directories are nested more than %d deep", r.limits.Depth)
		r.full = true
	case e.IsDir():
		r.count(name, one)
		sub := r.directory(name, identifyEntry(r.fsys, name, e), last.dirs[name])
		d.dirs[name] = sub
		d.count.add(one)
		d.count.add(sub.count)
		return
	case isSource(base):
		f, msg := r.file(name, e, last)
		if msg != "" {
			r.refuse(name, "", "%s", msg)
			break
		}
		d.files = append(d.files, f)
		one.files, one.bytes = 1, f.size
	}
	r.count(name, one)
	d.count.add(one)
}

// file reads a file, or takes over what it was before.
func (r *reader) file(name string, e fs.DirEntry, last *directory) (sourceFile, string) {
	id := identifyEntry(r.fsys, name, e)
	i, known := slices.BinarySearchFunc(last.files, name, func(f sourceFile, name string) int { return strings.Compare(f.Name, name) })
	if known && id != "" && last.files[i].id == id {
		return last.files[i], ""
	}
	if head, known := r.heads[name]; known && id != "" && head.id == id && head.size <= r.limits.FileBytes {
		return head.sourceFile, ""
	}
	f, msg := readFile(r.fsys, name, e, r.limits.FileBytes)
	f.id = id
	return f, msg
}

// count adds up what was read, as far as it may go.
func (r *reader) count(name string, c counts) {
	r.all.add(c)
	switch {
	case r.full:
		return
	case r.all.entries > r.limits.Entries:
		r.refuse(name, "split the fleet into several repositories", "the repository holds more than %d files and directories", r.limits.Entries)
	case r.all.files > r.limits.Files:
		r.refuse(name, "put more than one machine into a file", "the fleet has more than %d CUE files", r.limits.Files)
	case r.all.bytes > r.limits.TreeBytes:
		r.refuse(name, "split the fleet into several repositories", "the fleet's CUE files are larger than %d MiB together", r.limits.TreeBytes>>20)
	default:
		return
	}
	r.full = true
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
	return sourceFile{Name: name, Data: data, size: int64(len(data)), sum: sha256.Sum256(data)}, ""
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

// vendoredSchema is where a repository has its copy of the schema.
const vendoredSchema = "cue.mod/pkg/" + schema.ImportPath

// checkVendored refuses a copy of the schema in the repository that differs from the built-in one:
// editors and `cue vet` read the copy, we compile against ours, and the two must agree.
func (t *tree) checkVendored(limits Limits) diag.List {
	const dir = vendoredSchema
	entries, err := fs.ReadDir(t.fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	differs := func(name, what string) diag.List {
		return diag.List{{
			Code: "MW100", Summary: what, Pos: diag.Pos{File: path.Join(dir, name)},
			Hint: "`millwright schema cue.mod/pkg/millwright.dev/fleet` writes it anew",
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
