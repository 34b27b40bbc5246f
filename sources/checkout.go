package sources

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// Checkout is the repository in or around a directory, which is only read. It is opened for questions that are
// asked soon: what others write into it from then on may not be seen.
type Checkout struct {
	dir     string
	below   string // where dir is in the repository: "." at its root, and in a bare one
	repo    *git.Repository
	objects *objects
}

// OpenCheckout opens the repository in or around dir.
func OpenCheckout(dir string) (*Checkout, error) {
	repo, below, err := enclosing(dir)
	if err != nil {
		return nil, err
	}
	return &Checkout{dir: dir, below: below, repo: repo, objects: objectsOf(repo)}, nil
}

// At is a Snapshot of a revision, below the same directory: a branch, a tag, a hash or its beginning, and forms such
// as HEAD~2 or origin/main.
func (c *Checkout) At(rev string) (Snapshot, error) {
	id, err := c.repo.ResolveRevision(plumbing.Revision(rev))
	if err != nil {
		return Snapshot{}, fmt.Errorf("read revision %s of %s: %w", rev, c.dir,
			fail(ErrRefNotFound, "%s; git fetch, or name a branch, tag or commit", cleanText(err.Error())))
	}
	var snapshot Snapshot
	commit, err := c.objects.peel(*id)
	if err == nil {
		snapshot, err = snapshotOf(c.objects, commit, c.below, DefaultMaxFile, false)
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("read revision %s of %s: %w", rev, c.dir, err)
	}
	snapshot.FetchedAt = time.Now().UTC()
	return snapshot, nil
}

// AtRevision is [Checkout.At] of the repository in or around a directory.
func AtRevision(dir, rev string) (Snapshot, error) {
	c, err := OpenCheckout(dir)
	if err != nil {
		return Snapshot{}, fmt.Errorf("read revision %s: %w", rev, err)
	}
	return c.At(rev)
}

// Work is a Snapshot of the directory as [Directory] has it. One that is just what was committed is read from the
// commit, without what Git ignores, so that its files are known to be another commit's without reading them.
func (c *Checkout) Work() (Snapshot, error) {
	files, err := filesOf(c.dir)
	if err != nil {
		return Snapshot{}, err
	}
	s := c.directory(files)
	if s.Dirty || s.Commit.IsZero() {
		return s, nil
	}
	return c.At(s.Commit.Hash)
}

func (c *Checkout) directory(files *directoryFS) Snapshot {
	files.ignores = sync.OnceValue(func() func(string, bool) bool { return ignores(c.repo, c.below) })
	s := Snapshot{FS: files, FetchedAt: time.Now().UTC(), Dirty: true}
	head, err := c.repo.Head()
	if err != nil {
		return s // no commit yet
	}
	commit, err := c.objects.commit(head.Hash())
	if err != nil {
		return s // a commit that is not there does not keep the files from being read
	}
	s.Commit = commitOf(commit)
	s.Dirty = c.isDirty(commit, files)
	return s
}

// Fork finds where head left base, both revisions as [Checkout.At] takes them. What a request to merge changes is
// the difference from there. A history that was not fetched whole is an error, since it cannot tell.
func (c *Checkout) Fork(base, head string) (Fork, error) {
	fail := func(err error) (Fork, error) {
		return Fork{}, fmt.Errorf("find where %s left %s: %w", head, base, err)
	}
	repo := c.repo
	from, err := commitAt(repo, base)
	if err != nil {
		return fail(err)
	}
	to, err := commitAt(repo, head)
	if err != nil {
		return fail(err)
	}
	fork := Fork{Base: from.Hash.String(), Head: to.Hash.String()}
	if from.Hash == to.Hash {
		fork.Commit = fork.Base
		return fork, nil
	}
	common, err := from.MergeBase(to)
	shallow, _ := repo.Storer.(storer.ShallowStorer).Shallow()
	switch {
	case (err != nil || len(common) == 0) && len(shallow) > 0:
		return fail(errors.New("the clone is shallow: fetch the history whole, as by git fetch --unshallow"))
	case err != nil:
		return fail(err)
	case len(common) == 0: // two histories: nothing was left, so that the base itself is compared with
		fork.Commit = fork.Base
		return fork, nil
	}
	fork.Commit = slices.MinFunc(common, func(a, b *object.Commit) int {
		if c := b.Committer.When.Compare(a.Committer.When); c != 0 {
			return c
		}
		return bytes.Compare(a.Hash[:], b.Hash[:])
	}).Hash.String()
	return fork, nil
}

func commitAt(repo *git.Repository, rev string) (*object.Commit, error) {
	id, err := repo.ResolveRevision(plumbing.Revision(rev))
	if err != nil {
		return nil, failWith(rev, err)
	}
	return repo.CommitObject(*id)
}

func failWith(rev string, err error) error {
	return fail(ErrRefNotFound, "%s: %s; git fetch, or name a branch, tag or commit", rev, cleanText(err.Error()))
}

// openLocal opens a repository of this machine, bare or a worktree's, linked ones included, with the
// repositories that it borrows objects from (git clone --shared). It is for one question, asked soon: what
// others write into it from now on is not seen, which spares a look outside the packs for each object.
func openLocal(dir string) (*git.Repository, error) {
	repo, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if err != nil {
		return nil, err
	}
	storage, ok := repo.Storer.(*filesystem.Storage)
	if !ok {
		return repo, nil
	}
	var files billy.Filesystem
	if worktree, err := repo.Worktree(); err == nil {
		files = worktree.Filesystem
	}
	return git.Open(filesystem.NewStorageWithOptions(storage.Filesystem(), cache.NewObjectLRUDefault(),
		filesystem.Options{AlternatesFS: osfs.New("/"), ExclusiveAccess: true, MaxOpenDescriptors: 16}), files)
}

func objectsOf(repo *git.Repository) *objects {
	return &objects{mu: new(sync.Mutex), storer: repo.Storer}
}

// enclosing opens the repository in or around dir, and tells where dir is in it ("." at its root,
// and in a bare one).
func enclosing(dir string) (repo *git.Repository, below string, err error) {
	// Links are resolved first, or dir could not be found again below the worktree's real path.
	abs, err := filepath.EvalSymlinks(dir)
	if err == nil {
		abs, err = filepath.Abs(abs)
	}
	if err != nil {
		return nil, "", err
	}
	for at := abs; ; at = filepath.Dir(at) {
		repo, err = openLocal(at)
		if err == nil {
			rel, err := filepath.Rel(at, abs)
			if _, bare := repo.Worktree(); errors.Is(bare, git.ErrIsBareRepository) {
				rel = "."
			}
			return repo, filepath.ToSlash(rel), err
		}
		if !errors.Is(err, git.ErrRepositoryNotExists) {
			return nil, "", fail(ErrNotRepository, "%s: %s", at, cleanText(err.Error()))
		}
		if at == filepath.Dir(at) {
			return nil, "", fail(ErrNotRepository, "%s is in no repository", dir)
		}
	}
}
