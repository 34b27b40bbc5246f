package sources

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Hands are who wrote, committed or is proven to have signed the commits that changed any of some files, or removed
// one of CUE beside or above them, since a commit and all before it: the addresses of authors and committers, and
// the principals of signers. Without files, that changed anything; since a commit that the history does not have,
// or "": since its beginning. Files are named from the fleet's root; a name that ends in a slash is a directory, and
// stands for every file that is or was below it.
//
// A signature counts here whatever time its commit claims, which who signed it chose. Of what nobody signed, who
// signed a merge that brought it answers for it: what it says of its author proves nothing.
func (h *History) Hands(since string, files []string) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := since + "\x00" + strings.Join(files, "\x00")
	known, ok := h.hands[key]
	if !ok {
		known.people, known.err = h.handsIn(since, files)
		h.hands[key] = known
	}
	return known.people, known.err
}

func (h *History) handsIn(since string, files []string) ([]string, error) {
	var before map[plumbing.Hash]bool
	if id := plumbing.NewHash(since); plumbing.IsHash(since) && h.verify.objects.has(id) {
		var err error
		if before, err = h.ancestors(id); err != nil {
			return nil, err
		}
	}
	all, err := h.ancestors(h.head)
	if err != nil {
		return nil, err
	}
	ever := *h.verify
	ever.who = ever.who.whenever()
	dirs := h.above(files)
	people, merged, unsigned := map[string]bool{}, map[string]bool{}, false
	for id := range all {
		if before[id] {
			continue
		}
		c, err := h.commit(id)
		if err != nil {
			return nil, err
		}
		touched, took := len(files) == 0, false
		if !touched {
			if touched, took, err = h.part(c, files, dirs); err != nil {
				return nil, err
			}
		}
		if !touched && !took {
			continue
		}
		who, unproven := ever.signer(c, h.verify.past(c.Committer.When))
		switch {
		case unproven == nil && touched:
			people[who.Principal] = true
		case unproven == nil:
			merged[who.Principal] = true
		case touched:
			unsigned = true
		}
		if touched {
			people[identityOf(c.Author).Email] = true
			people[identityOf(c.Committer).Email] = true
		}
	}
	if unsigned {
		maps.Copy(people, merged)
	}
	names := make([]string, 0, len(people))
	for name := range people {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// touches reports whether a commit made a path other than it is in each of its parents, or, a merge, took it from one
// of them although another had changed it since they parted: that undoes what was changed there.
func (h *History) touches(c *object.Commit, file string) (bool, error) {
	key := commitPlace{c.Hash, file}
	if known, ok := h.touched[key]; ok {
		return known, nil
	}
	is, err := h.touching(c, file)
	if err == nil {
		h.touched[key] = is
	}
	return is, err
}

func (h *History) touching(c *object.Commit, file string) (bool, error) {
	var same, others []plumbing.Hash
	for _, parent := range c.ParentHashes {
		differs, err := h.differs(c, parent, file)
		switch {
		case err != nil:
			return false, err
		case differs:
			others = append(others, parent)
		default:
			same = append(same, parent)
		}
	}
	if len(same) == 0 {
		is, err := h.content(c.Hash, file)
		return len(others) > 0 || !is.IsZero(), err
	}
	for _, other := range others {
		taken, err := h.ancestors(same[0])
		if err != nil {
			return false, err
		}
		left, err := h.ancestors(other)
		if err != nil {
			return false, err
		}
		for id := range left {
			if taken[id] {
				continue
			}
			c, err := h.commit(id)
			if err != nil {
				return false, err
			}
			if touched, err := h.touches(c, file); err != nil || touched {
				return touched, err
			}
		}
	}
	return false, nil
}

// above are the directories that files are in, and those above them in the fleet, as [History.content] takes them.
func (h *History) above(files []string) []string {
	var all []string
	for _, file := range files {
		if strings.HasSuffix(file, "/") {
			continue // no CUE beside a directory says anything of what is below it
		}
		for dir := path.Dir(path.Join(h.below, file)); ; dir = path.Dir(dir) {
			if name := asDirectory(dir); !slices.Contains(all, name) {
				all = append(all, name)
			}
			if dir == path.Clean(h.below) || dir == "." {
				break
			}
		}
	}
	return all
}

// asDirectory is a path as [History.content] takes that of a directory.
func asDirectory(dir string) string { return strings.TrimPrefix(dir+"/", "./") }

// part says which part a commit had in what files are, those among them that it removed from directories: whether it
// touched any, or, a merge, took one so as its first parent did not have it.
func (h *History) part(c *object.Commit, files, dirs []string) (touched, took bool, err error) {
	var all []string
	for _, file := range files {
		at := path.Join(h.below, file)
		if !strings.HasSuffix(file, "/") {
			all = append(all, at)
			continue
		}
		differing, err := h.differing(c, asDirectory(at))
		if err != nil {
			return false, false, err
		}
		all = append(all, differing...)
	}
	for _, dir := range dirs {
		gone, err := h.removed(c, dir)
		if err != nil {
			return false, false, err
		}
		all = append(all, gone...)
	}
	for _, file := range all {
		if touched, err = h.touches(c, file); err != nil || touched {
			return touched, took, err
		}
		if len(c.ParentHashes) > 1 && !took {
			if took, err = h.differs(c, c.ParentHashes[0], file); err != nil {
				return false, false, err
			}
		}
	}
	return false, took, nil
}

// differing are the files below a directory that are not the same in a commit as in one of its parents, or that it
// begins with.
func (h *History) differing(c *object.Commit, dir string) ([]string, error) {
	is, err := h.content(c.Hash, dir)
	if err != nil {
		return nil, err
	}
	before := make([]plumbing.Hash, max(1, len(c.ParentHashes))) // zero is nothing, as before the first commit
	for i, parent := range c.ParentHashes {
		if before[i], err = h.content(parent, dir); err != nil {
			return nil, err
		}
	}
	d := difference{History: h, files: map[string]bool{}}
	for _, was := range before {
		if err := d.between(is, was, dir); err != nil {
			return nil, err
		}
	}
	return slices.Sorted(maps.Keys(d.files)), nil
}

// maxDirectories is how many directories one commit may change of those that are asked about: a tree that holds itself
// many times over would have no end.
const maxDirectories = 10_000

// difference are the paths at which trees do not have the same.
type difference struct {
	*History
	files       map[string]bool
	directories int
}

// between compares two trees, either of which may be none.
func (d *difference) between(is, was plumbing.Hash, dir string) error {
	if is == was {
		return nil
	}
	if d.directories++; d.directories > maxDirectories {
		return fail(ErrTooLarge, "a commit changes more than %d directories", maxDirectories)
	}
	now, err := d.entries(is)
	if err != nil {
		return err
	}
	old, err := d.entries(was)
	if err != nil {
		return err
	}
	both := maps.Clone(old)
	maps.Copy(both, now)
	for name := range both {
		x, y := now[name], old[name] // one that is not there is no directory, and has no hash
		if x != y && (x.Mode != filemode.Dir || y.Mode != filemode.Dir) {
			d.files[dir+name] = true
		}
		if err := d.between(subtree(x), subtree(y), dir+name+"/"); err != nil {
			return err
		}
	}
	return nil
}

// subtree is the hash of an entry that is a directory, else zero.
func subtree(e object.TreeEntry) plumbing.Hash {
	if e.Mode != filemode.Dir {
		return plumbing.ZeroHash
	}
	return e.Hash
}

// entries are those of a tree by name, of none there are none.
func (h *History) entries(tree plumbing.Hash) (map[string]object.TreeEntry, error) {
	if tree.IsZero() {
		return map[string]object.TreeEntry{}, nil
	}
	t := new(object.Tree)
	if err := h.verify.objects.decode(plumbing.TreeObject, tree, maxTreeObject, t); err != nil {
		return nil, err
	}
	all := make(map[string]object.TreeEntry, len(t.Entries))
	for _, e := range t.Entries {
		all[e.Name] = e
	}
	return all, nil
}

// removed are the files of CUE in a directory that a parent of a commit has and the commit has not.
func (h *History) removed(c *object.Commit, dir string) ([]string, error) {
	is, err := h.content(c.Hash, dir)
	if err != nil {
		return nil, err
	}
	left, err := h.names(is)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, parent := range c.ParentHashes {
		was, err := h.content(parent, dir)
		if err != nil {
			return nil, err
		}
		if was == is {
			continue
		}
		names, err := h.names(was)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if !slices.Contains(left, name) {
				all = append(all, dir+name)
			}
		}
	}
	return all, nil
}

// names are those of the CUE files in a directory, which may be none.
func (h *History) names(dir plumbing.Hash) ([]string, error) {
	if known, ok := h.cue[dir]; ok || dir.IsZero() {
		return known, nil
	}
	t := new(object.Tree)
	if err := h.verify.objects.decode(plumbing.TreeObject, dir, maxTreeObject, t); err != nil {
		return nil, err
	}
	var names []string
	for _, e := range t.Entries {
		if path.Ext(e.Name) == ".cue" {
			names = append(names, e.Name)
		}
	}
	h.cue[dir] = names
	return names, nil
}

// differs reports whether a path is not the same in two commits.
func (h *History) differs(c *object.Commit, from plumbing.Hash, file string) (bool, error) {
	is, err := h.content(c.Hash, file)
	if err != nil {
		return false, err
	}
	was, err := h.content(from, file)
	return was != is, err
}
