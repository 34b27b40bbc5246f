package render

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// What one component may be made of.
const (
	maxFiles     = 2000
	maxFileBytes = 4 << 20
	maxBytes     = 32 << 20
	maxDepth     = 16
	maxObjects   = 5000
)

// repo reads the files of one component from the fleet repository, as many and as large as allowed.
type repo struct {
	fs           fs.FS
	files, bytes int
	read         reads // what was looked at, if it is to be noted
}

// reads are paths that were looked at, with what stood there; an empty text means that nobody knows.
type reads map[string]string

// absent stands for nothing being at a path.
const absent = "absent"

// identify asks a file system that knows it, as that of a commit does, what stands at a path: as long
// as that is the same, so is all that lies below.
func identify(fsys fs.FS, name string) string {
	known, ok := fsys.(interface {
		Identity(name string) (string, error)
	})
	if !ok {
		return ""
	}
	id, err := known.Identity(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return absent
	case err != nil:
		return ""
	}
	return id
}

// unchanged reports whether everything that was looked at is known to stand there still.
func (r reads) unchanged(fsys fs.FS) bool {
	unlinked := map[string]bool{".": true}
	for name, id := range r {
		if id == "" || identify(fsys, name) != id || hasLink(fsys, path.Dir(name), unlinked) {
			return false
		}
	}
	return true
}

// hasLink reports whether a directory or one above it is a link, which an identity tells nothing of and no component
// may be read through. Unlinked are those that are known not to be.
func hasLink(fsys fs.FS, dir string, unlinked map[string]bool) bool {
	if unlinked[dir] {
		return false
	}
	if info, err := fs.Lstat(fsys, dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return true
	}
	unlinked[dir] = true
	return hasLink(fsys, path.Dir(dir), unlinked)
}

// file reads one regular file that no link leads to.
func (r *repo) file(name string) ([]byte, error) {
	info, err := r.stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	r.files++
	r.bytes += int(min(info.Size(), maxFileBytes+1))
	switch {
	case info.Size() > maxFileBytes:
		return nil, fmt.Errorf("%s has %d bytes; at most %d are allowed", name, info.Size(), maxFileBytes)
	case r.files > maxFiles:
		return nil, fmt.Errorf("more than %d files", maxFiles)
	case r.bytes > maxBytes:
		return nil, fmt.Errorf("more than %d bytes of files", maxBytes)
	}
	return fs.ReadFile(r.fs, name)
}

// stat looks at a path every part of which must be in the repository itself: a link could lead out
// of it.
func (r *repo) stat(name string) (fs.FileInfo, error) {
	if r.fs == nil {
		return nil, errors.New("the files of the repository are not at hand")
	}
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("%s is outside the repository", name)
	}
	var info fs.FileInfo
	parts := strings.Split(name, "/")
	for i := range parts {
		at := path.Join(parts[:i+1]...)
		if i == len(parts)-1 && r.read != nil {
			r.read[at] = identify(r.fs, at)
		}
		var err error
		if info, err = fs.Lstat(r.fs, at); err != nil {
			return nil, fmt.Errorf("%s is not in the repository", name)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return nil, fmt.Errorf("%s is a link; only plain files are read", at)
		}
	}
	return info, nil
}

// isDirectory reports whether a path is a directory of the repository that no link leads to.
func (r *repo) isDirectory(name string) bool {
	info, err := r.stat(name)
	return err == nil && info.IsDir()
}

// all reads every file below a directory, by its path from there.
func (r *repo) all(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	var walk func(at string) error
	walk = func(at string) error {
		if strings.Count(at, "/")-strings.Count(dir, "/") > maxDepth {
			return fmt.Errorf("%s is more than %d directories deep", at, maxDepth)
		}
		info, err := r.stat(at)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			files[strings.TrimPrefix(at, dir+"/")], err = r.file(at)
			return err
		}
		entries, err := fs.ReadDir(r.fs, at)
		if err != nil {
			return fmt.Errorf("reading %s: %w", at, err)
		}
		for _, e := range entries {
			if err := walk(path.Join(at, e.Name())); err != nil {
				return err
			}
		}
		return nil
	}
	if info, err := r.stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is no directory", dir)
	}
	return files, walk(dir)
}

// kustomizationNames are the names that kustomize looks for.
var kustomizationNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// kustomizationIn is the kustomization of a directory, which must have exactly one.
func (r *repo) kustomizationIn(dir string) (string, error) {
	found := slices.DeleteFunc(slices.Clone(kustomizationNames), func(name string) bool {
		_, err := r.stat(path.Join(dir, name))
		return err != nil
	})
	if len(found) != 1 {
		return "", fmt.Errorf("%s has %d kustomizations, not one", dir, len(found))
	}
	return path.Join(dir, found[0]), nil
}
