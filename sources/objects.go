package sources

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// objects reads Git's objects for many readers at once, and proves each against its hash: go-git
// takes the word of a pack's index, and a disk may have damaged either.
type objects struct {
	mu      *sync.Mutex // go-git's storage fills its indexes as it reads
	storer  storer.EncodedObjectStorer
	damaged func() // told when an object proves missing or wrong; may be nil

	trees listings
}

// listings remembers listings of directories by the hashes of their trees, and sizes of files: commits after each
// other have nearly all of them in common, and a size is asked for before each read. It forgets all when it has many.
type listings struct {
	mu    sync.Mutex
	known map[string][]node
	whole map[string]bool // trees of which all that lies below is known to be there
	sizes map[plumbing.Hash]int64
	nodes int
}

// maxNodes is how many entries of directories are remembered, of some 100 bytes each.
const maxNodes = 500_000

func (l *listings) get(id string) ([]node, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list, ok := l.known[id]
	return list, ok
}

func (l *listings) put(id string, list []node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.room(1 + len(list))
	l.known[id] = list
}

// room makes room for some nodes more.
func (l *listings) room(n int) {
	if l.nodes += n; l.known == nil || l.nodes > maxNodes {
		l.known, l.whole, l.sizes, l.nodes = map[string][]node{}, map[string]bool{}, map[plumbing.Hash]int64{}, n
	}
}

func (l *listings) sizeOf(id plumbing.Hash) (size int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	size, ok = l.sizes[id]
	return size, ok
}

func (l *listings) setSize(id plumbing.Hash, size int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.room(1)
	l.sizes[id] = size
}

func (l *listings) isWhole(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.whole[id]
}

func (l *listings) setWhole(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[id] != nil { // else all was forgotten meanwhile
		l.whole[id] = true
	}
}

func (o *objects) has(id plumbing.Hash) (has bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer func() { has = recover() == nil && has }()
	if o.storer.HasEncodedObject(id) == nil {
		return true
	}
	// go-git looks into a repository that objects are borrowed from only when it reads.
	_, err := o.storer.EncodedObject(plumbing.AnyObject, id)
	return err == nil
}

// size is the object's, in bytes, without reading it.
func (o *objects) size(id plumbing.Hash) (size int64, err error) {
	if size, ok := o.trees.sizeOf(id); ok {
		return size, nil
	}
	defer func() {
		if err == nil {
			o.trees.setSize(id, size)
		}
	}()
	o.mu.Lock()
	defer o.mu.Unlock()
	defer func() { err = o.check(id, recover(), err) }()
	if size, err = o.storer.EncodedObjectSize(id); err == nil {
		return size, nil
	}
	obj, err := o.storer.EncodedObject(plumbing.AnyObject, id)
	if err != nil {
		return 0, err
	}
	return obj.Size(), nil
}

// read returns the content of the object of that type, of at most limit bytes.
func (o *objects) read(t plumbing.ObjectType, id plumbing.Hash, limit int64) (data []byte, err error) {
	size, err := o.size(id)
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, tooLarge(size, limit)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	defer func() { err = o.check(id, recover(), err) }()
	obj, err := o.storer.EncodedObject(t, id)
	if err != nil {
		return nil, err
	}
	r, err := obj.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if data, err = readBounded(r, limit); err != nil {
		return nil, err
	}
	if plumbing.ComputeHash(t, data) != id {
		return nil, errors.New("content does not match its hash")
	}
	return data, nil
}

// check turns whatever reading an object came to into ErrDamaged; go-git panics on some damage.
func (o *objects) check(id plumbing.Hash, panicked any, err error) error {
	if panicked == nil && (err == nil || errors.Is(err, ErrTooLarge)) {
		return err
	}
	if o.damaged != nil {
		o.damaged()
	}
	if panicked != nil {
		err = fmt.Errorf("%v", panicked)
	}
	return fail(ErrDamaged, "%s: %s", id, cleanText(err.Error()))
}

// decode reads an object into go-git's form of it.
func (o *objects) decode(t plumbing.ObjectType, id plumbing.Hash, limit int64, into object.Object) error {
	data, err := o.read(t, id, limit)
	if err != nil {
		return err
	}
	obj := &plumbing.MemoryObject{}
	obj.SetType(t)
	if _, err := obj.Write(data); err != nil {
		return err
	}
	if err := into.Decode(obj); err != nil {
		return fail(ErrDamaged, "%s %s: %v", t, id, err)
	}
	return nil
}

func (o *objects) commit(id plumbing.Hash) (*object.Commit, error) {
	c := new(object.Commit)
	if err := o.decode(plumbing.CommitObject, id, maxCommit, c); err != nil {
		return nil, err
	}
	return c, nil
}

// maxPeel bounds how many tags may point to tags.
const maxPeel = 8

// peel returns the commit to which a tag points; a commit is its own.
func (o *objects) peel(id plumbing.Hash) (*object.Commit, error) {
	for range maxPeel {
		if !o.isTag(id) {
			return o.commit(id)
		}
		tag := new(object.Tag)
		if err := o.decode(plumbing.TagObject, id, maxCommit, tag); err != nil {
			return nil, err
		}
		if tag.TargetType != plumbing.CommitObject && tag.TargetType != plumbing.TagObject {
			return nil, fail(ErrRefNotFound, "tag %s points to a %s, not to a commit", tag.Name, tag.TargetType)
		}
		id = tag.Target
	}
	return nil, fail(ErrRefNotFound, "tag %s points to more than %d tags in a row", id, maxPeel)
}

func (o *objects) isTag(id plumbing.Hash) (is bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer func() {
		if recover() != nil {
			is = false
		}
	}()
	_, err := o.storer.EncodedObject(plumbing.TagObject, id)
	return err == nil
}

// commitTree is the nodes of a commit, below one of its directories.
type commitTree struct {
	objects *objects
	top     node
}

func newCommitTree(o *objects, c *object.Commit) *commitTree {
	return &commitTree{
		objects: o,
		top:     node{name: ".", mode: fs.ModeDir | 0o555, time: c.Committer.When.UTC(), id: c.TreeHash.String()},
	}
}

// below makes dir, which no link may lead through, the root.
func (c *commitTree) below(dir string) error {
	for part := range strings.SplitSeq(dir, "/") {
		if part == "." {
			continue
		}
		list, err := c.listTree(c.top)
		if err != nil {
			return err
		}
		n, ok := pick(list, part)
		if !ok || !n.mode.IsDir() {
			return fail(ErrPathNotFound, "the commit has no directory %s", dir)
		}
		c.top = n
		c.top.name = "."
	}
	return nil
}

func (c *commitTree) root() node { return c.top }

func (c *commitTree) list(dir string) ([]node, error) {
	list, err := c.listTree(c.top)
	for part := range strings.SplitSeq(dir, "/") {
		if err != nil || part == "." {
			continue
		}
		n, ok := pick(list, part)
		if !ok {
			return nil, fs.ErrNotExist
		}
		list, err = c.listTree(n)
	}
	return list, err
}

func (c *commitTree) find(dir, name string) (node, error) {
	list, err := c.list(dir)
	if err != nil {
		return node{}, err
	}
	n, ok := pick(list, name)
	if !ok {
		return node{}, fs.ErrNotExist
	}
	return n, nil
}

func (c *commitTree) listTree(n node) ([]node, error) {
	if list, ok := c.objects.trees.get(n.id); ok {
		return list, nil
	}
	t := new(object.Tree)
	if err := c.objects.decode(plumbing.TreeObject, plumbing.NewHash(n.id), maxTreeObject, t); err != nil {
		return nil, err
	}
	list := make([]node, 0, len(t.Entries))
	for _, e := range t.Entries {
		if isDotGit(e.Name) {
			return nil, fail(ErrBadName, "%q in a commit", e.Name)
		}
		list = append(list, node{name: e.Name, mode: modeOf(e.Mode), id: e.Hash.String()})
	}
	list, err := checkListing(list)
	if err != nil {
		return nil, err
	}
	c.objects.trees.put(n.id, list)
	return list, nil
}

func (c *commitTree) size(_ string, n node) (int64, error) {
	return c.objects.size(plumbing.NewHash(n.id))
}

func (c *commitTree) read(_ string, n node, limit int64) ([]byte, error) {
	return c.objects.read(plumbing.BlobObject, plumbing.NewHash(n.id), limit)
}

// verify proves that the tree is whole: every directory's listing, that every file is there, and
// the bytes of every file of at most maxRead bytes (larger ones are never served).
func (c *commitTree) verify(dir node, maxRead int64) error {
	if maxRead == 0 && c.objects.trees.isWhole(dir.id) {
		return nil
	}
	list, err := c.listTree(dir)
	if err != nil {
		return err
	}
	for _, n := range list {
		id := plumbing.NewHash(n.id)
		switch {
		case n.mode.IsDir():
			err = c.verify(n, maxRead)
		case n.mode.Type() == fs.ModeIrregular:
		case !c.objects.has(id):
			err = fail(ErrDamaged, "%s: file %s is missing", id, n.name)
		case maxRead > 0:
			_, err = c.objects.read(plumbing.BlobObject, id, maxRead)
			if errors.Is(err, ErrTooLarge) {
				err = nil
			}
		}
		if err != nil {
			return err
		}
	}
	c.objects.trees.setWhole(dir.id)
	return nil
}

// commitFS is the file system of a commit.
type commitFS struct{ tree }

// Identity is what a file, directory or link is: its type and the hash under which Git stores its
// content, which for a directory covers all that lies below. Links are not followed. Errors are those
// of a file system, such as fs.ErrNotExist.
func (f *commitFS) Identity(name string) (string, error) {
	p, err := f.walk("stat", name, false)
	if err != nil {
		return "", err
	}
	return p.identity(), nil
}

func (n node) identity() string {
	if n.id == "" {
		return ""
	}
	return n.mode.String() + " " + n.id
}

// snapshotOf is the snapshot of a commit below dir, found whole; it lacks only FetchedAt. With readAll
// every file that can be served is read once, else that it is there must do.
func snapshotOf(o *objects, c *object.Commit, dir string, maxFile int64, readAll bool) (Snapshot, error) {
	t := newCommitTree(o, c)
	if err := t.below(dir); err != nil {
		return Snapshot{}, err
	}
	maxRead := int64(0)
	if readAll {
		maxRead = maxFile
	}
	if err := t.verify(t.top, maxRead); err != nil {
		return Snapshot{}, err
	}
	return Snapshot{Commit: commitOf(c), FS: &commitFS{tree{nodes: t, maxFile: maxFile}}}, nil
}

func modeOf(m filemode.FileMode) fs.FileMode {
	switch m {
	case filemode.Dir:
		return fs.ModeDir | 0o555
	case filemode.Symlink:
		return fs.ModeSymlink | 0o777
	case filemode.Submodule:
		return fs.ModeIrregular
	case filemode.Executable:
		return 0o555
	}
	return 0o444
}
