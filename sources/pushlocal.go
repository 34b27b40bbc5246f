package sources

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

func newLock() *sync.Mutex { return new(sync.Mutex) }

// between are the objects that a commit has and an ancestor of it does not, by first parents; all, if the ancestor is
// the zero hash. Only what differs is read, so that it does not take longer as a history grows.
func between(o *objects, old, commit plumbing.Hash) ([]plumbing.Hash, error) {
	var ids []plumbing.Hash
	seen := map[plumbing.Hash]bool{}
	for commit != old {
		c, err := o.commit(commit)
		if err != nil {
			return nil, err
		}
		ids = append(ids, commit)
		var before, tree plumbing.Hash
		commit, tree = plumbing.ZeroHash, c.TreeHash
		if len(c.ParentHashes) > 0 {
			parent, err := o.commit(c.ParentHashes[0])
			if err != nil {
				return nil, err
			}
			commit, before = c.ParentHashes[0], parent.TreeHash
		} else if !old.IsZero() {
			return nil, fail(ErrRefused, "it does not descend from %s", old)
		}
		if err := newIn(o, tree, before, seen, &ids); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// newIn adds what is in one tree and not at the same place of another.
func newIn(o *objects, tree, before plumbing.Hash, seen map[plumbing.Hash]bool, ids *[]plumbing.Hash) error {
	if tree == before || seen[tree] {
		return nil
	}
	seen[tree] = true
	*ids = append(*ids, tree)
	now, was := new(object.Tree), new(object.Tree)
	if err := o.decode(plumbing.TreeObject, tree, maxTreeObject, now); err != nil {
		return err
	}
	if !before.IsZero() {
		if err := o.decode(plumbing.TreeObject, before, maxTreeObject, was); err != nil {
			return err
		}
	}
	had := map[string]object.TreeEntry{}
	for _, e := range was.Entries {
		had[e.Name] = e
	}
	for _, e := range now.Entries {
		old := had[e.Name]
		switch {
		case old == e || seen[e.Hash]:
		case modeOf(e.Mode).IsDir():
			if !modeOf(old.Mode).IsDir() {
				old.Hash = plumbing.ZeroHash
			}
			if err := newIn(o, e.Hash, old.Hash, seen, ids); err != nil {
				return err
			}
		default:
			seen[e.Hash] = true
			*ids = append(*ids, e.Hash)
		}
	}
	return nil
}

// fewObjects is how many a push to a path writes one by one; more come as a pack.
const fewObjects = 100

// pushLocal writes objects into a bare repository on this machine, without running git, then moves its ref as git
// does: by a lock that is the ref's new content.
func pushLocal(dir string, from *filesystem.Storage, ids []plumbing.Hash, change *packp.Command) error {
	if _, err := os.Stat(dir); err != nil {
		return fail(ErrUnreachable, "%s", cleanText(err.Error()))
	}
	repo, err := openLocal(dir)
	if err != nil {
		return fail(ErrNotRepository, "%s: %s", dir, cleanText(err.Error()))
	}
	if config, err := repo.Config(); err != nil || !config.Core.IsBare {
		return fail(ErrRefused, "%s is no bare repository (make one with `git init --bare`)", dir)
	}
	into := bareStorage(dir)
	if err := copyObjects(into, from, ids); err != nil {
		return fail(ErrCache, "write to %s: %s", dir, cleanText(err.Error()))
	}
	if err := syncObjects(dir, ids); err != nil {
		return fail(ErrCache, "write to %s: %s", dir, cleanText(err.Error()))
	}
	return moveRef(dir, into, ids, change)
}

func copyObjects(into, from *filesystem.Storage, ids []plumbing.Hash) error {
	if len(ids) > fewObjects {
		w, err := into.PackfileWriter()
		if err != nil {
			return err
		}
		_, err = packfile.NewEncoder(w, from, false).Encode(ids, packWindow)
		return errors.Join(err, w.Close())
	}
	for _, id := range ids {
		o, err := from.EncodedObject(plumbing.AnyObject, id)
		if err != nil {
			return err
		}
		if _, err := into.SetEncodedObject(o); err != nil {
			return err
		}
	}
	return nil
}

// syncObjects has the objects on disk for good: those that are files, and all packs if some are not.
func syncObjects(dir string, ids []plumbing.Hash) error {
	packed := false
	for _, id := range ids {
		folder := filepath.Join(dir, "objects", id.String()[:2])
		err := syncPath(filepath.Join(folder, id.String()[2:]))
		if errors.Is(err, fs.ErrNotExist) {
			packed = true
			continue
		}
		if err := errors.Join(err, syncPath(folder)); err != nil {
			return err
		}
	}
	if !packed {
		return nil
	}
	packs := filepath.Join(dir, "objects", "pack")
	entries, err := os.ReadDir(packs)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := syncPath(filepath.Join(packs, e.Name())); err != nil {
			return err
		}
	}
	return syncPath(packs)
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// moveRef makes a ref point to a commit if it points where it should. A lock that one of us left when it was killed
// holds one of the commits that are pushed again now.
func moveRef(dir string, into *filesystem.Storage, ids []plumbing.Hash, change *packp.Command) error {
	path := filepath.Join(dir, filepath.FromSlash(change.Name.String()))
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = lockRef(path, ids, change)
	}
	if err != nil {
		return fail(ErrCache, "lock %s: %s", change.Name, cleanText(err.Error()))
	}
	defer os.Remove(path + ".lock") // after the rename there is nothing to remove
	var is plumbing.Hash
	found, err := into.Reference(change.Name)
	switch {
	case err == nil:
		is = found.Hash()
	case !errors.Is(err, plumbing.ErrReferenceNotFound):
		return fail(ErrCache, "read %s: %s", change.Name, cleanText(err.Error()))
	}
	if is != change.Old {
		return moved(change, is)
	}
	if err := errors.Join(os.Rename(path+".lock", path), syncPath(filepath.Dir(path))); err != nil {
		return fail(ErrCache, "write %s: %s", change.Name, cleanText(err.Error()))
	}
	return nil
}

// lockRef makes the lock, which appears with its whole content or not at all.
func lockRef(path string, ids []plumbing.Hash, change *packp.Command) error {
	f, err := os.CreateTemp(filepath.Dir(filepath.Dir(path)), ".lock-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintln(f, change.New)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	err = os.Link(f.Name(), path+".lock")
	if errors.Is(err, fs.ErrExist) {
		held, readErr := os.ReadFile(path + ".lock")
		if readErr == nil && slices.Contains(ids, plumbing.NewHash(strings.TrimSpace(string(held)))) {
			err = errors.Join(os.Remove(path+".lock"), os.Link(f.Name(), path+".lock"))
		}
	}
	return err
}
