package sources

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// maxHistory is how many commits are looked at to find who brought something.
const maxHistory = 50_000

// History says who brought what a commit holds. It is made of Git's objects alone, and takes no name for more
// than it is: what a commit says anybody can write, and only a [Signer] is proven. Signatures have to count
// now: who answers for a file by a key that no longer counts does not answer for it any more.
type History struct {
	head   plumbing.Hash
	below  string // the fleet's directory in the repository
	verify *verifier
	known  *bringings

	mu      sync.Mutex
	commits map[plumbing.Hash]*object.Commit
	places  map[treePlace]plumbing.Hash
	touched map[commitPlace]bool
	cue     map[plumbing.Hash][]string // names of the CUE files in a directory
	hands   map[string]handsOrError
}

// treePlace is a path below a directory of that content.
type treePlace struct {
	tree plumbing.Hash
	path string
}

// commitPlace is a path in a commit.
type commitPlace struct {
	commit plumbing.Hash
	path   string
}

type handsOrError struct {
	people []string
	err    error
}

// bringings are what was found out about files, so that the next commit costs what it adds.
type bringings struct {
	mu   sync.Mutex
	file map[string]bringing
}

type bringing struct{ head, content, by plumbing.Hash }

// Brought is the commit that made a file what it is.
type Brought struct {
	// Commit has a Signer only if its signature counts now; else Unsigned says why it has none.
	Commit   Commit
	Unsigned string
}

// History is that of a commit among those transferred; the remote is not asked. Keys are read anew.
func (g *Git) History(hash string) (*History, error) {
	g.mu.Lock()
	c := g.clone
	g.mu.Unlock()
	if c == nil || !plumbing.IsHash(hash) || !c.now.has(plumbing.NewHash(hash)) {
		return nil, fmt.Errorf("history of commit %s of %s: %w", short(hash), g, fail(ErrRefNotFound, "it is not among what was fetched"))
	}
	who, err := g.opts.Signatures.check()
	if err != nil {
		return nil, fmt.Errorf("history of commit %s of %s: %w", short(hash), g, err)
	}
	return newHistory(plumbing.NewHash(hash), g.opts.Path, g.verifier(c.now, who), &g.brought), nil
}

// HistoryOf is that of a revision of the repository in or around dir, both as [AtRevision] takes them.
func HistoryOf(dir, rev string, s Signatures) (*History, error) {
	repo, below, err := enclosing(dir)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", rev, err)
	}
	head, err := commitAt(repo, rev)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", rev, err)
	}
	who, err := s.check()
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", rev, err)
	}
	v := &verifier{Signatures: s, who: who, objects: objectsOf(repo), now: time.Now().UTC()}
	return newHistory(head.Hash, below, v, new(bringings)), nil
}

func newHistory(head plumbing.Hash, below string, v *verifier, known *bringings) *History {
	return &History{head: head, below: below, verify: v, known: known,
		commits: map[plumbing.Hash]*object.Commit{}, places: map[treePlace]plumbing.Hash{}, touched: map[commitPlace]bool{}, cue: map[plumbing.Hash][]string{}, hands: map[string]handsOrError{}}
}

// Files are those of the commit, below the fleet's directory.
func (h *History) Files() (fs.FS, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := h.commit(h.head)
	if err != nil {
		return nil, err
	}
	s, err := snapshotOf(h.verify.objects, c, h.below, DefaultMaxFile, false)
	return s.FS, err
}

// Verifies reports whether there are keys to verify signatures with.
func (h *History) Verifies() bool { return h.verify.known() }

// Brought finds the commit that made a file what it is. The file is named from the fleet's root, and has to be a
// plain one: what a link leads to is changed without it.
//
// Where a merge took the file from one of its parents, it is the parent's commit, as that of who wrote and signed
// it. Not so if another of them had had it from there and had left it: then the merge brought it back, and
// who signed it long ago did not. Which parent is the first makes no difference: whoever merges chooses that.
func (h *History) Brought(file string) (Brought, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	by, err := h.bringer(path.Join(h.below, file))
	var c *object.Commit
	if err == nil {
		c, err = h.commit(by)
	}
	if err != nil {
		return Brought{}, fmt.Errorf("find who brought %s: %w", cleanText(file), err)
	}
	b := Brought{Commit: commitOf(c)}
	if !h.verify.known() {
		b.Unsigned = "no keys are given to verify signatures with"
	} else if who, err := h.verify.signer(c, h.verify.now); err != nil {
		b.Unsigned = cleanText(err.Error())
	} else {
		b.Commit.Signer = &who
	}
	return b, nil
}

func (h *History) bringer(file string) (plumbing.Hash, error) {
	h.known.mu.Lock()
	defer h.known.mu.Unlock()
	content, err := h.content(h.head, file)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if content.IsZero() {
		return plumbing.ZeroHash, fail(ErrPathNotFound, "the commit has no such plain file")
	}
	at := h.head
	type without struct{ merge, parent plumbing.Hash }
	var lacking []without // parents of merges that were not so, of the newest merge first
	for steps := 0; ; steps++ {
		if steps > maxHistory {
			return at, fail(ErrTooLarge, "it is in none of the last %d commits", maxHistory)
		}
		if known := h.known.file[file]; known.head == at && known.content == content {
			at = known.by
			break
		}
		c, err := h.commit(at)
		if err != nil {
			return at, err
		}
		next := plumbing.ZeroHash
		for _, parent := range c.ParentHashes {
			was, err := h.content(parent, file)
			switch {
			case err != nil:
				return at, err
			case was != content && len(c.ParentHashes) > 1:
				lacking = append(lacking, without{c.Hash, parent})
			case was == content && next.IsZero():
				next = parent
			}
		}
		if next.IsZero() {
			break
		}
		at = next
	}
	for _, l := range lacking {
		before, err := h.ancestors(l.parent)
		if err != nil {
			return at, err
		}
		if before[at] {
			at = l.merge
			break
		}
	}
	if h.known.file == nil {
		h.known.file = map[string]bringing{}
	}
	h.known.file[file] = bringing{head: h.head, content: content, by: at}
	return at, nil
}

// ancestors are a commit and all before it.
func (h *History) ancestors(from plumbing.Hash) (map[plumbing.Hash]bool, error) {
	seen := map[plumbing.Hash]bool{from: true}
	for queue := []plumbing.Hash{from}; len(queue) > 0; queue = queue[1:] {
		c, err := h.commit(queue[0])
		if err != nil {
			return nil, err
		}
		for _, parent := range c.ParentHashes {
			if !seen[parent] {
				seen[parent] = true
				queue = append(queue, parent)
			}
		}
		if len(seen) > maxHistory {
			return nil, fail(ErrTooLarge, "there are more than %d commits", maxHistory)
		}
	}
	return seen, nil
}

func (h *History) commit(id plumbing.Hash) (*object.Commit, error) {
	if c := h.commits[id]; c != nil {
		return c, nil
	}
	if !h.verify.objects.has(id) {
		return nil, fail(ErrRefNotFound, "commit %s is not there, as in a shallow clone: fetch the history whole", short(id.String()))
	}
	c, err := h.verify.objects.commit(id)
	if err == nil {
		h.commits[id] = c
	}
	return c, err
}

// content is the hash of a plain file's content in a commit, or of a directory whose path ends in a slash, or is
// empty; zero if there is none at the path.
func (h *History) content(commit plumbing.Hash, file string) (plumbing.Hash, error) {
	c, err := h.commit(commit)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return h.place(treePlace{c.TreeHash, file})
}

func (h *History) place(p treePlace) (plumbing.Hash, error) {
	if p.path == "" {
		return p.tree, nil
	}
	if id, ok := h.places[p]; ok {
		return id, nil
	}
	t := new(object.Tree)
	if err := h.verify.objects.decode(plumbing.TreeObject, p.tree, maxTreeObject, t); err != nil {
		return plumbing.ZeroHash, err
	}
	name, rest, deeper := strings.Cut(p.path, "/")
	id := plumbing.ZeroHash
	for _, e := range t.Entries {
		plain := e.Mode == filemode.Regular || e.Mode == filemode.Executable || e.Mode == filemode.Deprecated
		switch {
		case e.Name != name:
		case deeper && e.Mode == filemode.Dir:
			var err error
			if id, err = h.place(treePlace{e.Hash, rest}); err != nil {
				return id, err
			}
		case !deeper && plain:
			id = e.Hash
		}
	}
	h.places[p] = id
	return id, nil
}
