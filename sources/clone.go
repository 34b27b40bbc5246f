package sources

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/memory"
)

const (
	// maxPacks is how many fetches a clone takes before the next one replaces it, since every object
	// is looked for in each of its packs.
	maxPacks = 64
	// maxHaves is how many of our commits a fetch tells the remote, so that a branch that was
	// rewritten costs no more than what is new in it.
	maxHaves = 256
	// objectCache is how many bytes of unpacked objects a clone keeps, mostly bases of deltas.
	objectCache = 32 << 20
)

// clone is the objects fetched so far, on disk or in memory. Only its fetch writes; each fetch that
// brought something replaces now, so that readers of the one before are never disturbed.
type clone struct {
	dir     string          // a bare repository, or empty
	memory  *memory.Storage // where dir is empty
	packs   int
	now     *objects
	damaged atomic.Bool // a snapshot handed out found an object missing or wrong
}

// newClone makes an empty clone, in a new directory below parent unless that is empty.
func newClone(parent string) (*clone, error) {
	if parent == "" {
		return &clone{memory: memory.NewStorage()}, nil
	}
	dir, err := os.MkdirTemp(parent, cloneDirs)
	if err != nil {
		return nil, err
	}
	c := &clone{dir: dir}
	return c, c.storage().Init()
}

// openClone opens a clone that an earlier process left in dir.
func openClone(dir string, packs int) *clone {
	c := &clone{dir: dir, packs: packs}
	c.now = c.reader()
	return c
}

// storage opens what is there now. Nobody else writes to it, which spares go-git a look for each
// object outside the packs; the few files that stay open are closed when it is forgotten.
func (c *clone) storage() *filesystem.Storage {
	return filesystem.NewStorageWithOptions(osfs.New(c.dir), cache.NewObjectLRU(objectCache),
		filesystem.Options{ExclusiveAccess: true, MaxOpenDescriptors: 16})
}

func (c *clone) reader() *objects {
	if c.dir == "" {
		return &objects{mu: new(sync.Mutex), storer: c.memory}
	}
	return &objects{mu: new(sync.Mutex), storer: c.storage()}
}

// fetch takes what wants lead to from the remote, of at most maxBytes as it travels. last is the
// commit we have, or the zero hash.
func (c *clone) fetch(ctx context.Context, from remote, wants []plumbing.Hash, last plumbing.Hash, maxBytes int64) error {
	var haves []plumbing.Hash
	var known storer.EncodedObjectStorer = memory.NewStorage()
	if c.now != nil {
		haves = ancestry(c.now, last, maxHaves)
		known = c.now.storer
	}
	spool, err := c.newSpool()
	if err != nil {
		return err
	}
	defer func() { _ = spool.Close() }()
	if err := from.pack(ctx, &boundedWriter{w: spool, left: maxBytes, limit: maxBytes}, wants, haves, known); err != nil {
		return err
	}
	pack, err := spool.rewound()
	if err != nil {
		return err
	}
	if err := c.store(pack); err != nil && !errors.Is(err, packfile.ErrEmptyPackfile) {
		return err
	}
	c.packs++
	c.now = c.reader()
	return nil
}

// store unpacks beside what there is, not into it: see objects.
func (c *clone) store(pack io.Reader) error {
	if c.dir != "" {
		return packfile.UpdateObjectStorage(c.storage(), pack)
	}
	next := memory.NewStorage()
	if err := packfile.UpdateObjectStorage(next, pack); err != nil {
		return err
	}
	maps.Copy(next.Objects, c.memory.Objects)
	c.memory = next
	return nil
}

func (c *clone) remove() {
	if c.dir != "" {
		_ = os.RemoveAll(c.dir) // what stays is removed by the next Open
	}
}

// ancestry lists up to limit commits, from the given one towards its ancestors.
func ancestry(o *objects, from plumbing.Hash, limit int) []plumbing.Hash {
	var found []plumbing.Hash
	walkHistory(o, from, func(id plumbing.Hash) bool {
		found = append(found, id)
		return len(found) < limit
	})
	return found
}

// descends reports whether old is to or one of its ancestors.
func descends(o *objects, to, old plumbing.Hash) bool {
	found := false
	walkHistory(o, to, func(id plumbing.Hash) bool {
		found = id == old
		return !found
	})
	return found
}

// walkHistory visits a commit and its ancestors, nearest first, as far as they are there.
func walkHistory(o *objects, from plumbing.Hash, visit func(plumbing.Hash) bool) {
	seen := map[plumbing.Hash]bool{from: true}
	for queue := []plumbing.Hash{from}; len(queue) > 0; queue = queue[1:] {
		if !o.has(queue[0]) {
			continue // where a shallow remote's history ends
		}
		if !visit(queue[0]) {
			return
		}
		c, err := o.commit(queue[0])
		if err != nil {
			continue
		}
		for _, parent := range c.ParentHashes {
			if !seen[parent] {
				seen[parent] = true
				queue = append(queue, parent)
			}
		}
	}
}

// spool holds a pack while it arrives, so that a remote which breaks off leaves nothing half-stored.
type spool struct {
	buffer bytes.Buffer
	file   *os.File // instead of buffer, if not nil
}

func (c *clone) newSpool() (*spool, error) {
	if c.dir == "" {
		return &spool{}, nil
	}
	f, err := os.CreateTemp(c.dir, "incoming-*")
	return &spool{file: f}, err
}

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil {
		return s.buffer.Write(p)
	}
	return s.file.Write(p)
}

func (s *spool) rewound() (io.Reader, error) {
	if s.file == nil {
		return &s.buffer, nil
	}
	_, err := s.file.Seek(0, io.SeekStart)
	return s.file, err
}

func (s *spool) Close() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}

type boundedWriter struct {
	w           io.Writer
	left, limit int64
}

func (b *boundedWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > b.left {
		return 0, fail(ErrTooLarge, "the repository's pack is more than %d bytes", b.limit)
	}
	b.left -= int64(len(p))
	return b.w.Write(p)
}
