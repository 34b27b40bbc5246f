package sources

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/format/gitignore"
)

// Directory is a Snapshot of a directory as it lies there, for work before the commit. Inside a Git
// worktree it names the commit that is checked out and whether the directory differs from it; files
// that .gitignore names do not count, yet are in FS like all others. Repositories' own .git are not.
// FS reads the files when asked, so what changes meanwhile changes there too.
func Directory(dir string) (Snapshot, error) {
	files, err := filesOf(dir)
	if err != nil {
		return Snapshot{}, err
	}
	c, err := OpenCheckout(dir)
	if err != nil { // outside any repository, or one of a form that go-git cannot read
		return Snapshot{FS: files, FetchedAt: time.Now().UTC()}, nil
	}
	return c.directory(files), nil
}

func filesOf(dir string) (*directoryFS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the directory %s: %w", dir, err)
	}
	return &directoryFS{tree: tree{nodes: &osTree{dir: root}, maxFile: DefaultMaxFile}}, nil
}

// directoryFS is the file system of a directory.
type directoryFS struct {
	tree
	ignores func() func(name string, isDir bool) bool // nil outside of repositories
}

// Ignored reports whether .gitignore files say that a file or directory is none of the repository's.
func (d *directoryFS) Ignored(name string, isDir bool) bool {
	return d.ignores != nil && d.ignores()(name, isDir)
}

// ignores reads the .gitignore files of a repository; what cannot be read ignores nothing.
func ignores(repo *git.Repository, below string) func(name string, isDir bool) bool {
	nothing := func(string, bool) bool { return false }
	worktree, err := repo.Worktree()
	if err != nil {
		return nothing
	}
	patterns, err := gitignore.ReadPatterns(worktree.Filesystem, nil)
	if err != nil {
		return nothing
	}
	matcher := gitignore.NewMatcher(patterns)
	return func(name string, isDir bool) bool {
		return matcher.Match(strings.Split(path.Join(below, name), "/"), isDir)
	}
}

// osTree is the nodes of a directory. os.Root holds even against links that change while we read.
type osTree struct{ dir *os.Root }

func (o *osTree) root() node { return node{name: ".", mode: fs.ModeDir | 0o555} }

func (o *osTree) list(dir string) ([]node, error) {
	f, err := o.dir.Open(dir)
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	infos, err := f.Readdir(maxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, plain(err)
	}
	list := make([]node, 0, len(infos))
	for _, info := range infos {
		if !isDotGit(info.Name()) {
			list = append(list, nodeOf(info))
		}
	}
	return checkListing(list)
}

func (o *osTree) find(dir, name string) (node, error) {
	if isDotGit(name) {
		return node{}, fs.ErrNotExist
	}
	info, err := o.dir.Lstat(path.Join(dir, name))
	if err != nil {
		return node{}, plain(err)
	}
	return nodeOf(info), nil
}

func nodeOf(info fs.FileInfo) node {
	return node{name: info.Name(), mode: asGit(info.Mode()), time: info.ModTime()}
}

func (o *osTree) size(dir string, n node) (int64, error) {
	info, err := o.dir.Lstat(path.Join(dir, n.name))
	if err != nil {
		return 0, plain(err)
	}
	return info.Size(), nil
}

func (o *osTree) read(dir string, n node, limit int64) ([]byte, error) {
	name := path.Join(dir, n.name)
	if n.mode.Type() == fs.ModeSymlink {
		target, err := o.dir.Readlink(name)
		if err == nil && int64(len(target)) > limit {
			return nil, tooLarge(int64(len(target)), limit)
		}
		return []byte(filepath.ToSlash(target)), plain(err)
	}
	f, err := o.dir.Open(name)
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, plain(err)
	}
	if size := info.Size(); size > limit {
		return nil, tooLarge(size, limit)
	}
	return readBounded(f, limit)
}

// asGit keeps of a mode what Git would, so that a directory and its commit look the same.
func asGit(m fs.FileMode) fs.FileMode {
	switch {
	case m.IsDir():
		return fs.ModeDir | 0o555
	case m.Type() == fs.ModeSymlink:
		return fs.ModeSymlink | 0o777
	case !m.IsRegular():
		return fs.ModeIrregular
	case m&0o100 != 0:
		return 0o555
	}
	return 0o444
}

// plain takes the path off an error, since the tree adds the one that was asked for.
func plain(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}
