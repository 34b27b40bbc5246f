package sources

import (
	"io/fs"
	"path"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	gitindex "github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// isDirty reports whether the files of the directory differ from those of a commit. It errs on the side of yes:
// what cannot be compared is not known to be the commit's.
func (c *Checkout) isDirty(commit *object.Commit, files *directoryFS) bool {
	t := newCommitTree(c.objects, commit)
	if t.below(c.below) != nil {
		return true
	}
	d := dirt{commit: t, files: files, seen: seenBy(c.repo), top: c.below}
	return d.in(".", t.top)
}

// dirt looks for what differs.
type dirt struct {
	commit *commitTree
	files  *directoryFS
	seen   seen
	top    string
}

// in looks through a directory that the commit has.
func (d dirt) in(dir string, was node) bool {
	then, err := d.commit.listTree(was)
	if err != nil {
		return true
	}
	now, err := d.files.list(dir)
	if err != nil {
		return true
	}
	kept := 0
	for _, n := range now {
		at := path.Join(dir, n.name)
		old, known := pick(then, n.name)
		switch {
		case !known:
			if d.hasNew(at, n) {
				return true
			}
			continue
		case n.mode != old.mode:
			return true
		case n.mode.IsDir():
			if d.in(at, old) {
				return true
			}
		case d.differs(dir, n, old.id):
			return true
		}
		kept++
	}
	return kept < len(then)
}

// hasNew reports whether there is a file that the commit has not, at a place or below, and that is not ignored.
// Git keeps no empty directories.
func (d dirt) hasNew(at string, n node) bool {
	if d.files.Ignored(at, n.mode.IsDir()) {
		return false
	}
	if !n.mode.IsDir() {
		return true
	}
	list, err := d.files.list(at)
	if err != nil {
		return true
	}
	for _, n := range list {
		if d.hasNew(path.Join(at, n.name), n) {
			return true
		}
	}
	return false
}

// differs reports whether a file or link is other than what Git keeps under a hash.
func (d dirt) differs(dir string, n node, id string) bool {
	if e := d.seen.entries[path.Join(d.top, dir, n.name)]; e != nil && e.Hash.String() == id && n.mode.IsRegular() {
		size, err := d.files.size(dir, n)
		// A file that was written when the index was, or after, may have changed without looking so.
		if err == nil && size == int64(e.Size) && n.time.Equal(e.ModifiedAt) && n.time.Before(d.seen.at) {
			return false
		}
	}
	if n.mode.Type() != fs.ModeSymlink && !n.mode.IsRegular() {
		return true
	}
	content, err := d.files.read(dir, n, DefaultMaxFile)
	return err != nil || plumbing.ComputeHash(plumbing.BlobObject, content).String() != id
}

// seen is Git's index: how files were when Git last saw that they are what it keeps, and when that was written.
type seen struct {
	entries map[string]*gitindex.Entry
	at      time.Time
}

// seenBy reads the index; without one every file is read.
func seenBy(repo *git.Repository) seen {
	storage, ok := repo.Storer.(*filesystem.Storage)
	if !ok {
		return seen{}
	}
	info, err := storage.Filesystem().Stat("index") // before it is read: one that is replaced meanwhile is newer
	if err != nil {
		return seen{}
	}
	idx, err := storage.Index()
	if err != nil {
		return seen{}
	}
	s := seen{entries: make(map[string]*gitindex.Entry, len(idx.Entries)), at: info.ModTime()}
	for _, e := range idx.Entries {
		if e.Stage == 0 { // of a conflict there are several, which no commit has
			s.entries[e.Name] = e
		}
	}
	return s
}
