package sources

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A directory names the commit that is checked out, and whether it is just that.
func TestDirectoryKnowsItsCommit(t *testing.T) {
	r := newRepo(t)
	snapshot, err := Directory(r.dir)
	require.NoError(t, err)
	require.True(t, snapshot.Commit.IsZero())
	require.True(t, snapshot.Dirty, "nothing is committed yet")

	r.write(".gitignore", "*.log\n")
	r.write("sites/dc1/file", "committed")
	head := r.put("other", "x")
	state := func(dir string) (string, bool) {
		t.Helper()
		snapshot, err := Directory(dir)
		require.NoError(t, err)
		return snapshot.Commit.Hash, snapshot.Dirty
	}
	below := filepath.Join(r.dir, "sites/dc1")
	hash, dirty := state(below)
	require.Equal(t, head, hash)
	require.False(t, dirty)

	r.write("sites/dc1/debug.log", "ignored")
	_, dirty = state(r.dir)
	require.False(t, dirty)
	r.write("other", "changed")
	_, dirty = state(r.dir)
	require.True(t, dirty)
	_, dirty = state(below)
	require.False(t, dirty, "the change is elsewhere")
	r.write("sites/dc1/new", "untracked")
	_, dirty = state(below)
	require.True(t, dirty)

	r.git("worktree", "add", "-q", filepath.Join(t.TempDir(), "linked"), "HEAD")
	linked := strings.Fields(r.git("worktree", "list"))
	for _, dir := range linked {
		if strings.HasSuffix(dir, "/linked") {
			hash, dirty = state(dir)
			require.Equal(t, head, hash)
			require.False(t, dirty)
		}
	}
}

func TestDirectoryOutsideAnyRepository(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600))
	snapshot, err := Directory(dir)
	require.NoError(t, err)
	require.True(t, snapshot.Commit.IsZero())
	require.False(t, snapshot.Dirty)
	require.Equal(t, "x", read(t, snapshot.FS, "file"))

	_, err = Directory(filepath.Join(dir, "absent"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = Directory(filepath.Join(dir, "file"))
	require.Error(t, err)
}

// A pipe would block its reader for ever; a large file would fill the memory.
func TestDirectoryRefusesWhatGitWouldNotHold(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "large"), nil, 0o600))
	require.NoError(t, os.Truncate(filepath.Join(dir, "large"), DefaultMaxFile+1))
	snapshot, err := Directory(dir)
	require.NoError(t, err)
	_, err = fs.ReadFile(snapshot.FS, "pipe")
	require.ErrorIs(t, err, ErrNotRegular)
	_, err = fs.ReadFile(snapshot.FS, "large")
	require.ErrorIs(t, err, ErrTooLarge)
}

// Another revision is read from the same directory of it, whatever lies in the worktree now.
func TestAtRevision(t *testing.T) {
	r := newRepo(t)
	first := r.put("sites/dc1/file", "first")
	r.git("tag", "-a", "-m", "x", "v1")
	second := r.put("sites/dc1/file", "second")
	r.write("sites/dc1/file", "not committed")
	r.git("branch", "review")
	for rev, want := range map[string]string{
		"HEAD": second, "HEAD~1": first, "main": second, "review": second, "v1": first, first: first, first[:8]: first,
	} {
		snapshot, err := AtRevision(filepath.Join(r.dir, "sites"), rev)
		require.NoError(t, err, rev)
		require.Equal(t, want, snapshot.Commit.Hash, rev)
		require.Equal(t, snapshot.Commit.Hash == first, read(t, snapshot.FS, "dc1/file") == "first")
	}
	_, err := AtRevision(r.dir, "absent")
	require.ErrorIs(t, err, ErrRefNotFound)
	require.ErrorContains(t, err, "read revision absent of "+r.dir)
	_, err = AtRevision(t.TempDir(), "HEAD")
	require.ErrorIs(t, err, ErrNotRepository)
}

// A clone that borrows its objects from another (git clone --shared) is read like any other.
func TestBorrowedObjects(t *testing.T) {
	r := newRepo(t)
	hash := r.put("file", "borrowed")
	shared := filepath.Join(t.TempDir(), "shared")
	r.git("clone", "-q", "--shared", r.dir, shared)
	snapshot, err := AtRevision(shared, "HEAD")
	require.NoError(t, err)
	require.Equal(t, hash, snapshot.Commit.Hash)
	info, err := fs.Stat(snapshot.FS, "file")
	require.NoError(t, err)
	require.EqualValues(t, len("borrowed"), info.Size())
	require.Equal(t, "borrowed", read(t, snapshot.FS, "file"))
	require.Equal(t, hash, fetch(t, open(t, Options{URL: shared, Ref: hash})).Commit.Hash)
}
