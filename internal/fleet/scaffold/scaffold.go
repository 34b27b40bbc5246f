// Package scaffold holds what people begin with: the schema as a module of CUE, a small fleet
// repository that validates, and the jobs of its pull requests. Begin with [Repository], or with [CI] for a
// fleet that is there. It knows the schema's text and no fleet.
package scaffold

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"millwright.dev/millwright/schema"
)

// Files are texts by their paths, with forward slashes.
type Files map[string]string

// Vendored is where CUE's own tools look for the schema in a fleet repository.
const Vendored = "cue.mod/pkg/" + schema.ImportPath

//go:embed all:new
var newFiles embed.FS

// Schema is the schema as a module, which may lie in a repository's [Vendored] directory too.
func Schema() Files { return read(schema.Files) }

// Repository is a small fleet of that name, with its copy of the schema. It validates as it is.
func Repository(name string) Files {
	sub, err := fs.Sub(newFiles, "new")
	if err != nil {
		panic(err) // the name is constant
	}
	files := read(sub)
	for file, text := range files {
		files[file] = strings.ReplaceAll(text, "FLEET", name)
	}
	for file, text := range Schema() {
		files[path.Join(Vendored, file)] = text
	}
	return files
}

// read takes all files of an embedded file system.
func read(fsys fs.FS) Files {
	files := Files{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		files[name] = string(text)
		return err
	})
	if err != nil {
		panic(err) // embedded
	}
	return files
}

// WriteNew writes files into a directory that is not there yet, or has nothing in it but a new Git
// repository. It replaces nothing.
func (f Files) WriteNew(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look into the directory: %w", err)
	}
	for _, e := range entries {
		if e.Name() != ".git" {
			return fmt.Errorf("%s is not empty: it holds %s; choose another directory", dir, e.Name())
		}
	}
	return f.write(dir, os.O_EXCL)
}

// copyBegins is how a copy of the schema is recognised.
var copyBegins = regexp.MustCompile(`^// Package fleet defines what a fleet repository may say\.`)

// WriteSchema writes the schema's files into a directory that is new, empty or holds another version
// of them; files of that version which this one does not have are removed.
func (f Files) WriteSchema(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look into the directory: %w", err)
	}
	if len(entries) > 0 {
		text, err := os.ReadFile(filepath.Join(dir, "fleet.cue"))
		if err != nil || !copyBegins.Match(text) {
			return fmt.Errorf("%s holds something else than a copy of the schema; choose another directory", dir)
		}
	}
	if err := f.write(dir, os.O_TRUNC); err != nil {
		return err
	}
	for _, e := range entries {
		if _, ours := f[e.Name()]; ours || path.Ext(e.Name()) != ".cue" || !e.Type().IsRegular() {
			continue
		}
		file := filepath.Join(dir, e.Name())
		if text, err := os.ReadFile(file); err != nil || !strings.Contains("\n"+string(text), "\npackage fleet\n") {
			return fmt.Errorf("%s is no file of the schema: remove it", file)
		}
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("remove a file of another version: %w", err)
		}
	}
	return nil
}

// write writes the files below a directory. No link in it leads out of it.
func (f Files) write(dir string, flag int) error {
	fail := func(err error) error { return fmt.Errorf("write into %s: %w", dir, err) }
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fail(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = root.Close() }()
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return fail(err)
		}
		file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|flag, 0o644)
		if err != nil {
			return fail(err)
		}
		_, err = file.WriteString(f[name])
		if err := errors.Join(err, file.Close()); err != nil {
			return fail(err)
		}
	}
	return nil
}
