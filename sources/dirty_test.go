package sources

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A directory is dirty when Git says so of its files, whatever was done to them; the reference is git itself.
func TestDirtyAsGitHasIt(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		r := newRepo(t)
		files := []string{"a", "b.log", "dir/c", "dir/deep/d", "dir/deep/e.log", "other/f"}
		r.write(".gitignore", "*.log\n!dir/deep/e.log\n")
		for _, f := range files {
			r.write(f, "content of "+f)
		}
		require.NoError(t, os.Symlink("a", filepath.Join(r.dir, "link")))
		r.git("add", "-A")
		r.git("commit", "-q", "-m", "all")
		for step := range 12 {
			name := files[random.IntN(len(files))]
			f := filepath.Join(r.dir, name)
			what := []string{"write", "same", "remove", "touch", "mode", "link", "new", "new ignored", "empty directory", "commit", "turn"}[random.IntN(11)]
			switch what {
			case "write": // of the same size, within the same tick of the clock
				_ = os.WriteFile(f, []byte("Content of "+name), 0o644)
			case "same":
				_ = os.WriteFile(f, []byte("content of a"), 0o644)
			case "remove":
				_ = os.RemoveAll(f)
			case "touch":
				_ = os.Chtimes(f, time.Time{}, time.Unix(1e9+int64(step), 0))
			case "mode":
				_ = os.Chmod(f, 0o755)
			case "link":
				_ = os.Remove(filepath.Join(r.dir, "link"))
				_ = os.Symlink([]string{"a", "b"}[step%2], filepath.Join(r.dir, "link"))
			case "new":
				_ = os.WriteFile(f+"-new", nil, 0o644)
			case "new ignored":
				_ = os.WriteFile(f+"-new.log", nil, 0o644)
			case "empty directory":
				_ = os.MkdirAll(f+"-dir/empty", 0o755)
			case "commit":
				r.git("add", "-A")
				r.git("commit", "-q", "--allow-empty", "-m", "more")
			case "turn": // a file becomes a directory
				_ = os.RemoveAll(f)
				_ = os.MkdirAll(f, 0o755)
				_ = os.WriteFile(filepath.Join(f, "inner"), []byte("x"), 0o644)
			}
			for _, below := range []string{".", "dir"} {
				if _, err := os.Stat(filepath.Join(r.dir, below)); err != nil {
					continue
				}
				snapshot, err := Directory(filepath.Join(r.dir, below))
				require.NoError(t, err)
				says := r.git("status", "--porcelain", "--untracked-files=all", "--", below)
				require.Equal(t, says != "", snapshot.Dirty, "seed %d step %d: after %s of %s, in %s git says %q", seed, step, what, name, below, says)
			}
		}
	}
}

// What Git's index has seen is not read again: in a large fleet that would take longer than all else. A file of the
// same size and time is taken for the same, unless the index is no newer than the file.
func TestWhatTheIndexKnowsIsNotRead(t *testing.T) {
	r := newRepo(t)
	r.put("file", "content")
	file := filepath.Join(r.dir, "file")
	long := time.Now().Add(-time.Hour)
	dirty := func(content string) bool {
		require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
		require.NoError(t, os.Chtimes(file, long, long))
		snapshot, err := Directory(r.dir)
		require.NoError(t, err)
		return snapshot.Dirty
	}
	require.False(t, dirty("content"))
	r.git("status") // which writes the file's time into the index
	require.False(t, dirty("CONTENT"), "the file was read")
	require.NoError(t, os.Chtimes(filepath.Join(r.dir, ".git/index"), long, long))
	require.True(t, dirty("CONTENT"), "the index may have been written before the file was")
}
