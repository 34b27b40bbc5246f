package sources

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// Line is what a branch itself went through: its commits by their first parents, each merge one step.
type Line struct {
	// Commits are the line's, the oldest first.
	Commits []Commit
	// Shallow says that the clone ends before the history does, so that the first commit is not where it began.
	Shallow bool
	// Below is where the fleet is in the repository; "." is its top.
	Below string

	objects *objects
	on      map[string]bool // the line's commits by hash
	damaged atomic.Bool
}

// LineOf is the line that leads to a revision of the repository in or around dir, both as [AtRevision] takes them.
func LineOf(dir, rev string) (*Line, error) {
	repo, below, err := enclosing(dir)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", rev, err)
	}
	tip, err := commitAt(repo, rev)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", rev, err)
	}
	l := &Line{Below: below, objects: objectsOf(repo), on: map[string]bool{}}
	l.objects.damaged = func() { l.damaged.Store(true) }
	var ends []plumbing.Hash
	if shallow, ok := repo.Storer.(storer.ShallowStorer); ok {
		if ends, err = shallow.Shallow(); err != nil {
			return nil, fmt.Errorf("read the history of %s: %w", rev, fail(ErrDamaged, "%s", cleanText(err.Error())))
		}
	}
	if err := l.follow(tip.Hash, ends); err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", rev, err)
	}
	return l, nil
}

// follow reads the line back from its tip, to where it began or to one of the ends of a shallow clone.
func (l *Line) follow(tip plumbing.Hash, ends []plumbing.Hash) error {
	for id := tip; ; {
		c, err := l.objects.commit(id)
		if err != nil {
			return err
		}
		l.Commits = append(l.Commits, commitOf(c))
		l.on[id.String()] = true
		if l.Shallow = slices.Contains(ends, id); l.Shallow || len(c.ParentHashes) == 0 {
			break
		}
		id = c.ParentHashes[0]
	}
	slices.Reverse(l.Commits)
	return nil
}

// At is the snapshot of the line's i-th commit. What of it is missing or damaged shows when it is read; see
// [Line.Damaged].
func (l *Line) At(i int) (Snapshot, error) {
	c, err := l.objects.commit(plumbing.NewHash(l.Commits[i].Hash))
	if err != nil {
		return Snapshot{}, fmt.Errorf("read commit %s: %w", l.Commits[i].Short(), err)
	}
	t := newCommitTree(l.objects, c)
	if err := t.below(l.Below); err != nil {
		return Snapshot{}, fmt.Errorf("read commit %s: %w", l.Commits[i].Short(), err)
	}
	return Snapshot{Commit: l.Commits[i], FS: &commitFS{tree{nodes: t, maxFile: DefaultMaxFile}}, FetchedAt: time.Now().UTC()}, nil
}

// Damaged reports whether something that was read of the line's commits proved missing or wrong, as in a clone
// that left files out.
func (l *Line) Damaged() bool { return l.damaged.Load() }

// maxBranch is how far a merged branch is followed.
const maxBranch = 200

// Authors are who wrote what the i-th commit brought, the last first and each once: of a merge those of the branch
// that was merged, by first parents, else the commit's own author. Of a branch that is not at hand whole it is
// those who are known.
func (l *Line) Authors(i int) []Identity {
	c := l.Commits[i]
	all := []Identity{c.Author}
	if len(c.Parents) < 2 {
		return all
	}
	all = nil
	at := c.Parents[1]
	for range maxBranch {
		if l.on[at] {
			break
		}
		var o object.Commit
		if (&objects{mu: l.objects.mu, storer: l.objects.storer}).decode(plumbing.CommitObject, plumbing.NewHash(at), maxCommit, &o) != nil {
			break
		}
		who := identityOf(o.Author)
		if !slices.ContainsFunc(all, func(known Identity) bool { return known.Name == who.Name && known.Email == who.Email }) {
			all = append(all, who)
		}
		if len(o.ParentHashes) == 0 {
			break
		}
		at = o.ParentHashes[0].String()
	}
	if len(all) == 0 {
		all = append(all, c.Author)
	}
	return all
}
