package journal

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Entry is a run as the journal holds it.
type Entry struct {
	// Commit is the run's in the journal, Parent that of the run before; "" where it is the first.
	Commit, Parent string
	Run            Run
	// Time is the commit's own, in UTC.
	Time time.Time
	// Signed says that the commit bears a signature; by whom, and whether it counts, is to be found out from Raw.
	Signed bool
	// Raw is the commit object as Git hashes it.
	Raw []byte

	tree plumbing.Hash
}

// ErrNotARun is a commit that no Millwright made, or that was changed since.
var ErrNotARun = errors.New("it is no run of a journal")

// Read yields the runs of a ref, the newest first; none if there is no such ref. It proves that each follows the
// one before without a gap, and that no commit did anything to what the journal held already. The first error ends it.
func Read(r *Repository, ref string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		tip, err := r.Tip(ref)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		for e, err := range r.From(tip) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// From is Read, beginning with a commit; "" yields nothing.
func (r *Repository) From(commit string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if commit == "" {
			return
		}
		e, err := r.Entry(commit)
		for err == nil {
			var before Entry
			if e.Parent != "" {
				before, err = r.Entry(e.Parent)
			}
			if err == nil {
				err = r.follows(e, before)
			}
			if err != nil || !yield(e, nil) || e.Parent == "" {
				break
			}
			e = before
		}
		if err != nil {
			yield(Entry{}, err)
		}
	}
}

// Entry reads one commit of a journal and proves that its parts agree.
func (r *Repository) Entry(commit string) (Entry, error) {
	if !plumbing.IsHash(commit) {
		return Entry{}, fmt.Errorf("%q is no full commit hash", commit)
	}
	id := plumbing.NewHash(commit)
	text, err := r.read(plumbing.CommitObject, id)
	if err != nil {
		return Entry{}, err
	}
	c := new(object.Commit)
	if err := r.decode(plumbing.CommitObject, id, c); err != nil {
		return Entry{}, err
	}
	e := Entry{Commit: commit, Time: c.Committer.When.UTC(), Signed: c.PGPSignature != "", Raw: text, tree: c.TreeHash}
	if len(c.ParentHashes) > 1 {
		return Entry{}, notARun(commit, "it joins several histories")
	}
	if len(c.ParentHashes) == 1 {
		e.Parent = c.ParentHashes[0].String()
	}
	said := trailers(c.Message)
	sequence, err := strconv.Atoi(said[trailerSequence])
	if err != nil || sequence < 1 {
		return Entry{}, notARun(commit, "its message names no number of a run")
	}
	file := Run{Sequence: sequence, Began: c.Author.When}.File()
	blob, err := r.find(c.TreeHash, strings.Split(file, "/"))
	if err != nil {
		return Entry{}, notARun(commit, err.Error())
	}
	content, err := r.read(plumbing.BlobObject, blob)
	if err != nil {
		return Entry{}, err
	}
	if e.Run, err = Decode(content); err != nil {
		return Entry{}, fmt.Errorf("commit %s of the journal: %w", commit, err)
	}
	for name, is := range map[string]string{trailerRun: e.Run.ID, trailerSequence: strconv.Itoa(e.Run.Sequence),
		trailerFleet: e.Run.Fleet, trailerSource: e.Run.Source.Commit} {
		if said[name] != line(is) {
			return Entry{}, notARun(commit, fmt.Sprintf("its message says %s: %s, and its file %s", name, said[name], line(is)))
		}
	}
	if e.Run.File() != file {
		return Entry{}, notARun(commit, "its file is not where its run belongs")
	}
	return e, nil
}

func notARun(commit, why string) error {
	return fmt.Errorf("commit %s: %w: %s", commit, ErrNotARun, why)
}

// follows proves that a run comes right after another, or is the first, and that its commit adds its file and
// changes nothing else.
func (r *Repository) follows(e, before Entry) error {
	switch first := e.Parent == ""; {
	case first && e.Run.Sequence != 1 && e.Run.Follows == "":
		return notARun(e.Commit, fmt.Sprintf("run %d has none before it", e.Run.Sequence))
	case !first && e.Run.Sequence != before.Run.Sequence+1:
		return notARun(e.Commit, fmt.Sprintf("run %d comes after run %d", e.Run.Sequence, before.Run.Sequence))
	case !first && e.Run.ID == before.Run.ID:
		return notARun(e.Commit, "it is the run before once more")
	}
	return r.adds(e, before.tree)
}

// adds proves that a tree is another one with the run's file in it and nothing else.
func (r *Repository) adds(e Entry, before plumbing.Hash) error {
	was, is := before, e.tree
	steps := strings.Split(e.Run.File(), "/")
	for i, step := range steps {
		old, err := r.list(was)
		if err != nil {
			return err
		}
		now, err := r.list(is)
		if err != nil {
			return err
		}
		had := map[string]object.TreeEntry{}
		for _, entry := range old {
			had[entry.Name] = entry
		}
		was, is = had[step].Hash, plumbing.ZeroHash
		for _, entry := range now {
			if entry.Name == step {
				is = entry.Hash
			} else if had[entry.Name] != entry {
				return notARun(e.Commit, fmt.Sprintf("it changes %s, which is not its own file", entry.Name))
			}
			delete(had, entry.Name)
		}
		if len(had) > 0 || i == len(steps)-1 && !was.IsZero() {
			return notARun(e.Commit, "it takes away or changes what the journal held before")
		}
	}
	return nil
}

// find is the file at the steps of a path in a tree.
func (r *Repository) find(tree plumbing.Hash, steps []string) (plumbing.Hash, error) {
	entries, err := r.list(tree)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	for _, e := range entries {
		switch {
		case e.Name != steps[0]:
		case len(steps) == 1 && e.Mode == filemode.Regular:
			return e.Hash, nil
		case len(steps) > 1 && e.Mode == filemode.Dir:
			return r.find(e.Hash, steps[1:])
		}
	}
	return plumbing.ZeroHash, fmt.Errorf("it has no file %s", strings.Join(steps, "/"))
}

// trailers are the last lines of a message.
func trailers(message string) map[string]string {
	said := map[string]string{}
	message = strings.TrimRight(message, "\n")
	for l := range strings.SplitSeq(message[strings.LastIndex(message, "\n\n")+1:], "\n") {
		if name, value, ok := strings.Cut(l, ": "); ok {
			said[name] = value
		}
	}
	return said
}
