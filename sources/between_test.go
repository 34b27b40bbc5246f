package sources

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// forked is a repository whose branch "change" left "main" at the first commit, after which main went on.
func forked(t *testing.T) (dir string, git func(args ...string) string) {
	t.Helper()
	dir = t.TempDir()
	git = func(args ...string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), "git", args...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		require.NoError(t, err, "git %v: %s", args, out)
		return strings.TrimSpace(string(out))
	}
	write(t, dir, map[string]string{"a": "1", "fleet/b": "1", "fleet/deep/c": "1", "fleet/link.txt": "1", ".gitignore": "/out/\n*.log\n"})
	git("init", "-q", "-b", "main")
	git("config", "user.name", "Ada Example")
	git("config", "user.email", "ada@example.com")
	git("add", "-A")
	git("commit", "-q", "-m", "first")
	git("switch", "-q", "-c", "change")
	write(t, dir, map[string]string{"fleet/b": "2"})
	git("commit", "-q", "-a", "-m", "theirs")
	git("switch", "-q", "main")
	write(t, dir, map[string]string{"a": "2"})
	git("commit", "-q", "-a", "-m", "ours")
	git("switch", "-q", "change")
	return dir, git
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
}

// What a request changes is the difference from where it left its base, not what the base did since.
func TestFork(t *testing.T) {
	dir, git := forked(t)
	forkOf := func(dir, base, head string) (Fork, error) {
		c, err := OpenCheckout(dir)
		require.NoError(t, err)
		return c.Fork(base, head)
	}
	f, err := forkOf(filepath.Join(dir, "fleet"), "main", "HEAD")
	require.NoError(t, err)
	require.Equal(t, Fork{Commit: git("rev-parse", "main~1"), Base: git("rev-parse", "main"), Head: git("rev-parse", "change")}, f)
	require.True(t, f.Moved())
	f, err = forkOf(dir, "HEAD", "HEAD")
	require.NoError(t, err)
	require.False(t, f.Moved())
	_, err = forkOf(dir, "no-such", "HEAD")
	require.ErrorIs(t, err, ErrRefNotFound)

	git("switch", "-q", "--orphan", "other")
	git("commit", "-q", "--allow-empty", "-m", "alone")
	f, err = forkOf(dir, "main", "HEAD")
	require.NoError(t, err)
	require.Equal(t, f.Base, f.Commit, "nothing in common: main itself is what it is compared with")

	shallow := filepath.Join(t.TempDir(), "shallow")
	git("clone", "-q", "--depth=1", "--no-single-branch", "file://"+dir, shallow)
	_, err = forkOf(shallow, "origin/main", "origin/change")
	require.ErrorContains(t, err, "git fetch --unshallow")
}

func TestRoot(t *testing.T) {
	dir, _ := forked(t)
	root, below, err := Root(filepath.Join(dir, "fleet", "deep"))
	require.NoError(t, err)
	top, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	require.Equal(t, []string{top, "fleet/deep"}, []string{root, below})
	link := filepath.Join(t.TempDir(), "link") // what lies above a link is not what lies above where it leads
	require.NoError(t, os.Symlink(filepath.Join(dir, "fleet", "deep"), link))
	root, below, err = Root(link)
	require.NoError(t, err)
	require.Equal(t, []string{top, "fleet/deep"}, []string{root, below})
	alone := t.TempDir()
	root, below, err = Root(alone)
	require.NoError(t, err)
	require.Equal(t, []string{alone, "."}, []string{root, below})
}

// A directory and the commit that it was checked out from have no difference, whatever is ignored lies in it;
// each change of a file is one, as Git itself says.
func TestChangedFiles(t *testing.T) {
	dir, git := forked(t)
	base, err := AtRevision(dir, "change")
	require.NoError(t, err)
	changed := func() []string {
		t.Helper()
		here, err := Directory(dir)
		require.NoError(t, err)
		files, err := ChangedFiles(base.FS, here.FS)
		require.NoError(t, err)
		return files
	}
	write(t, dir, map[string]string{"out/x": "1", "fleet/x.log": "1"})
	require.Empty(t, changed())

	write(t, dir, map[string]string{"a": "3", "fleet/new/d": "1"})
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "fleet/deep")))
	require.NoError(t, os.Remove(filepath.Join(dir, "fleet/link.txt")))
	require.NoError(t, os.Symlink("b", filepath.Join(dir, "fleet/link.txt")))
	require.NoError(t, os.Chmod(filepath.Join(dir, "fleet/b"), 0o755))
	want := []string{"a", "fleet/b", "fleet/deep/c", "fleet/link.txt", "fleet/new/d"}
	require.Equal(t, want, changed())
	git("add", "-A")
	require.Equal(t, want, strings.Fields(git("diff", "--cached", "--no-renames", "--name-only", "change")), "Git says otherwise")
	git("commit", "-q", "-m", "all of it")
	head, err := AtRevision(dir, "HEAD")
	require.NoError(t, err)
	files, err := ChangedFiles(base.FS, head.FS)
	require.NoError(t, err)
	require.Equal(t, want, files)

	all, err := Files(head.FS)
	require.NoError(t, err)
	require.Equal(t, strings.Fields(git("ls-files")), all)
	here, err := Directory(dir)
	require.NoError(t, err)
	all, err = Files(here.FS)
	require.NoError(t, err)
	require.Equal(t, strings.Fields(git("ls-files")), all, "what is ignored is not listed")

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "fleet/new")))
	write(t, dir, map[string]string{"fleet/new": "a file now"})
	base = head
	require.Equal(t, []string{"fleet/new", "fleet/new/d"}, changed())
}
