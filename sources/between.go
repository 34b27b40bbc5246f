package sources

import (
	"crypto/sha1" //nolint:gosec // Git's own name of a file's content, which nothing is trusted for
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
)

// Root is the top of the repository in or around a directory, and the directory's place in it: "." at the
// top itself. Outside any repository the directory is its own top.
func Root(dir string) (root, below string, err error) {
	_, below, err = enclosing(dir)
	if errors.Is(err, ErrNotRepository) {
		return dir, ".", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("find the repository around %s: %w", dir, err)
	}
	root = dir
	if below != "." { // what lies above a link is not what lies above the directory that it leads to
		if root, err = filepath.EvalSymlinks(dir); err != nil {
			return "", "", fmt.Errorf("find the repository around %s: %w", dir, err)
		}
	}
	for at := below; at != "."; at = path.Dir(at) {
		root = filepath.Join(root, "..")
	}
	return root, below, nil
}

// Fork is where two lines of history part.
type Fork struct {
	// Commit is the newest commit that both have; Base and Head are where the two stand now.
	Commit, Base, Head string
}

// Moved reports whether the base has gone on since head left it.
func (f Fork) Moved() bool { return f.Commit != f.Base }

// ChangedFiles are the files that differ between two snapshots, sorted, without those new ones of a directory that
// Git ignores. Submodules are not looked into.
func ChangedFiles(base, head fs.FS) ([]string, error) {
	var files []string
	if err := changedBelow(base, head, ".", &files); err != nil {
		return nil, fmt.Errorf("compare the files of two revisions: %w", err)
	}
	slices.Sort(files)
	return files, nil
}

// Files are all files of a snapshot, sorted, without those of a directory that Git ignores.
func Files(fsys fs.FS) ([]string, error) {
	var files []string
	list, err := fs.ReadDir(fsys, ".")
	for _, e := range list {
		if err == nil {
			err = allBelow(fsys, e.Name(), e, &files)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("list the files of a revision: %w", err)
	}
	slices.Sort(files)
	return files, nil
}

func changedBelow(base, head fs.FS, dir string, files *[]string) error {
	was, err := entriesOf(base, dir)
	if err != nil {
		return err
	}
	is, err := entriesOf(head, dir)
	if err != nil {
		return err
	}
	for name, old := range was {
		at, now := path.Join(dir, name), is[name]
		switch {
		case now == nil || now.IsDir() != old.IsDir():
			err = allBelow(base, at, old, files)
			if err == nil && now != nil {
				err = allBelow(head, at, now, files)
			}
		case old.Type() == fs.ModeIrregular && now.Type() == fs.ModeIrregular:
		case same(base, head, at, old, now):
		case old.IsDir():
			err = changedBelow(base, head, at, files)
		default:
			*files = append(*files, at)
		}
		if err != nil {
			return err
		}
	}
	for name, now := range is {
		if was[name] == nil {
			if err := allBelow(head, path.Join(dir, name), now, files); err != nil {
				return err
			}
		}
	}
	return nil
}

func entriesOf(fsys fs.FS, dir string) (map[string]fs.DirEntry, error) {
	list, err := fs.ReadDir(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	all := make(map[string]fs.DirEntry, len(list))
	for _, e := range list {
		all[e.Name()] = e
	}
	return all, err
}

// allBelow adds a file, or all that a directory holds.
func allBelow(fsys fs.FS, at string, e fs.DirEntry, files *[]string) error {
	if d, ok := fsys.(*directoryFS); ok && d.Ignored(at, e.IsDir()) {
		return nil
	}
	if !e.IsDir() {
		*files = append(*files, at)
		return nil
	}
	list, err := fs.ReadDir(fsys, at)
	for _, below := range list {
		if err == nil {
			err = allBelow(fsys, path.Join(at, below.Name()), below, files)
		}
	}
	return err
}

// same reports whether both have the same at a place, without reading what Git has a hash of. Of two
// directories it may not know.
func same(base, head fs.FS, at string, old, now fs.DirEntry) bool {
	x, y := identity(base, at, old), identity(head, at, now)
	return x != "" && x == y
}

// identity is what stands at a place as Git would name it; empty where that is not known.
func identity(fsys fs.FS, at string, e fs.DirEntry) string {
	if known, ok := fsys.(interface{ Identity(string) (string, error) }); ok {
		id, err := known.Identity(at)
		if err != nil {
			return ""
		}
		return id
	}
	var content []byte
	var err error
	switch {
	case e.Type().IsRegular():
		content, err = fs.ReadFile(fsys, at)
	case e.Type() == fs.ModeSymlink:
		var target string
		target, err = fs.ReadLink(fsys, at)
		content = []byte(target)
	default:
		return ""
	}
	info, statErr := e.Info()
	if err != nil || statErr != nil {
		return ""
	}
	hash := sha1.New() //nolint:gosec // as above
	fmt.Fprintf(hash, "blob %d\x00", len(content))
	hash.Write(content)
	return info.Mode().String() + " " + hex.EncodeToString(hash.Sum(nil))
}
