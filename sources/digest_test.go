package sources

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever file changes in whatever way, the digest changes; what is put back gives the old one again.
func TestDigest(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	put := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(at(name)), 0o755))
		require.NoError(t, os.WriteFile(at(name), []byte(text), 0o644))
	}
	digest := func() string {
		s, err := Directory(dir)
		require.NoError(t, err)
		d, err := Digest(s.FS)
		require.NoError(t, err)
		return d
	}
	put("a/b.cue", "one")
	put("c", "two")
	require.NoError(t, os.Symlink("c", at("link")))
	first := digest()
	for what, change := range map[string]struct{ do, undo func() }{
		"content":  {func() { put("a/b.cue", "two") }, func() { put("a/b.cue", "one") }},
		"new":      {func() { put("a/.hidden", "") }, func() { _ = os.Remove(at("a/.hidden")) }},
		"gone":     {func() { _ = os.Remove(at("c")) }, func() { put("c", "two") }},
		"name":     {func() { _ = os.Rename(at("c"), at("d")) }, func() { _ = os.Rename(at("d"), at("c")) }},
		"place":    {func() { _ = os.Rename(at("c"), at("a/c")) }, func() { _ = os.Rename(at("a/c"), at("c")) }},
		"mode":     {func() { _ = os.Chmod(at("c"), 0o755) }, func() { _ = os.Chmod(at("c"), 0o644) }},
		"link":     {func() { _ = os.Remove(at("link")); _ = os.Symlink("a", at("link")) }, func() { _ = os.Remove(at("link")); _ = os.Symlink("c", at("link")) }},
		"exchange": {func() { put("a/b.cue", "two"); put("c", "one") }, func() { put("a/b.cue", "one"); put("c", "two") }},
	} {
		change.do()
		require.NotEqual(t, first, digest(), what)
		change.undo()
		require.Equal(t, first, digest(), what)
	}
	require.NoError(t, syscall.Mkfifo(at("pipe"), 0o600))
	s, err := Directory(dir)
	require.NoError(t, err)
	_, err = Digest(s.FS)
	require.ErrorIs(t, err, ErrNotRegular)
}

// The digest of a commit is that of its files, whatever the commit says beside them.
func TestDigestOfACommit(t *testing.T) {
	r := newRepo(t)
	r.put("file", "one")
	r.put("file", "two")
	r.put("file", "one")
	of := func(rev string) string {
		s, err := AtRevision(r.dir, rev)
		require.NoError(t, err)
		d, err := Digest(s.FS)
		require.NoError(t, err)
		return d
	}
	require.Equal(t, of("HEAD"), of("HEAD~2"))
	require.NotEqual(t, of("HEAD"), of("HEAD~1"))
}
