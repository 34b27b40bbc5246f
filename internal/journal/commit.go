package journal

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Sign signs the bytes of a commit and returns what goes into its header, as git does with SSH keys.
type Sign func(commit []byte) (signature string, err error)

// Whose commits they are, as far as Git asks: which process it was stands in the run.
const (
	authorName  = "Millwright"
	authorEmail = "millwright@localhost"
)

// Append makes a run the newest of a ref, and gives it the next number. A nil sign does not sign. Only one
// goroutine of one process may append to a ref.
func (r *Repository) Append(ref string, run Run, sign Sign) (Entry, error) {
	tip, err := r.Tip(ref)
	if err != nil {
		return Entry{}, err
	}
	var parents []plumbing.Hash
	var root plumbing.Hash
	if tip != "" {
		last, err := r.Entry(tip)
		if err != nil {
			return Entry{}, err
		}
		run.Sequence, run.Follows = last.Run.Sequence+1, ""
		parents, root = []plumbing.Hash{plumbing.NewHash(tip)}, last.tree
	} else {
		run.Sequence = max(run.Sequence, 1)
	}
	content, err := Encode(run)
	if err != nil {
		return Entry{}, err
	}
	blob, err := r.write(plumbing.BlobObject, content)
	if err != nil {
		return Entry{}, err
	}
	tree, err := r.insert(root, strings.Split(run.File(), "/"), blob)
	if err != nil {
		return Entry{}, err
	}
	c := &object.Commit{
		Author:    object.Signature{Name: authorName, Email: authorEmail, When: run.Began.UTC()},
		Committer: object.Signature{Name: authorName, Email: authorEmail, When: run.Ended.UTC()},
		Message:   run.Message(), TreeHash: tree, ParentHashes: parents,
	}
	if sign != nil {
		unsigned, err := raw(c)
		if err != nil {
			return Entry{}, err
		}
		if c.PGPSignature, err = sign(unsigned); err != nil {
			return Entry{}, fmt.Errorf("sign run %s of the journal: %w", run.ID, err)
		}
	}
	text, err := raw(c)
	if err != nil {
		return Entry{}, err
	}
	id, err := r.write(plumbing.CommitObject, text)
	if err != nil {
		return Entry{}, err
	}
	entry, err := r.Entry(id.String()) // what does not read back would lock us out of our own journal
	if err != nil {
		return Entry{}, fmt.Errorf("refuse to append what could not be read back: %w", err)
	}
	if err := r.setTip(ref, id.String()); err != nil {
		return Entry{}, err
	}
	if entry.Run.Sequence%r.packEvery == 0 {
		err = r.pack()
	}
	return entry, err
}

func raw(c *object.Commit) ([]byte, error) {
	o := &plumbing.MemoryObject{}
	if err := c.Encode(o); err != nil {
		return nil, fmt.Errorf("encode a commit: %w", err)
	}
	reader, err := o.Reader()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

// insert is a tree with one more file in it, at the steps of a path; the zero hash is an empty tree.
func (r *Repository) insert(tree plumbing.Hash, steps []string, blob plumbing.Hash) (plumbing.Hash, error) {
	entries, err := r.list(tree)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	at := slices.IndexFunc(entries, func(e object.TreeEntry) bool { return e.Name == steps[0] })
	entry := object.TreeEntry{Name: steps[0], Mode: filemode.Regular, Hash: blob}
	if len(steps) > 1 {
		entry.Mode = filemode.Dir
		var below plumbing.Hash
		if at >= 0 {
			below = entries[at].Hash
		}
		if entry.Hash, err = r.insert(below, steps[1:], blob); err != nil {
			return plumbing.ZeroHash, err
		}
	}
	switch {
	case at < 0:
		entries = append(entries, entry)
	case entries[at].Mode != entry.Mode || entry.Mode != filemode.Dir:
		return plumbing.ZeroHash, fmt.Errorf("%s is in the journal already", path.Join(steps...))
	default:
		entries[at] = entry
	}
	sort.Sort(object.TreeEntrySorter(entries))
	o := &plumbing.MemoryObject{}
	if err := (&object.Tree{Entries: entries}).Encode(o); err != nil {
		return plumbing.ZeroHash, fmt.Errorf("encode a folder of the journal: %w", err)
	}
	reader, err := o.Reader()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	var content bytes.Buffer
	if _, err := content.ReadFrom(reader); err != nil {
		return plumbing.ZeroHash, err
	}
	return r.write(plumbing.TreeObject, content.Bytes())
}

// list is what is in a tree.
func (r *Repository) list(tree plumbing.Hash) ([]object.TreeEntry, error) {
	if tree.IsZero() {
		return nil, nil
	}
	t := new(object.Tree)
	if err := r.decode(plumbing.TreeObject, tree, t); err != nil {
		return nil, err
	}
	return t.Entries, nil
}

// decode reads an object into go-git's form of it.
func (r *Repository) decode(kind plumbing.ObjectType, id plumbing.Hash, into object.Object) error {
	content, err := r.read(kind, id)
	if err != nil {
		return err
	}
	o := &plumbing.MemoryObject{}
	o.SetType(kind)
	if _, err := o.Write(content); err != nil {
		return err
	}
	if err := into.Decode(o); err != nil {
		return fmt.Errorf("%s %s of the journal is damaged: %w", kind, id, err)
	}
	return nil
}
