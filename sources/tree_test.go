package sources

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

// eachTree gives a test the same files as a commit and as a directory.
func eachTree(t *testing.T, fill func(r *repo), test func(t *testing.T, fsys fs.FS)) {
	r := newRepo(t)
	fill(r)
	r.commit("fill")
	t.Run("commit", func(t *testing.T) { test(t, fetch(t, open(t, Options{URL: r.dir})).FS) })
	t.Run("directory", func(t *testing.T) {
		snapshot, err := Directory(r.dir)
		require.NoError(t, err)
		test(t, snapshot.FS)
	})
}

func TestTreeIsAFileSystem(t *testing.T) {
	fill := func(r *repo) {
		r.write("cue.mod/module.cue", "module: \"example.com/fleet\"\n")
		r.write("racks/r1/gpu-001.cue", "package r1\n")
		r.write("racks/r1.cue", "package racks\n") // Git sorts r1 after r1.cue, io/fs before
		r.write("empty", "")
		r.write("run.sh", "#!/bin/sh\n")
		require.NoError(r.t, os.Chmod(filepath.Join(r.dir, "run.sh"), 0o755))
		r.link("racks/r1/gpu-001.cue", "link")
		r.link("racks", "linked")
	}
	eachTree(t, fill, func(t *testing.T, fsys fs.FS) {
		require.NoError(t, fstest.TestFS(fsys, "cue.mod/module.cue", "racks/r1/gpu-001.cue", "racks/r1.cue", "empty", "run.sh", "link", "linked"))

		modes := map[string]fs.FileMode{".": fs.ModeDir | 0o555, "racks": fs.ModeDir | 0o555, "empty": 0o444, "run.sh": 0o555, "link": 0o444}
		for name, want := range modes {
			info, err := fs.Stat(fsys, name)
			require.NoError(t, err)
			require.Equal(t, want, info.Mode(), name)
		}
		info, err := fs.Stat(fsys, "link")
		require.NoError(t, err)
		require.EqualValues(t, len("package r1\n"), info.Size())

		_, err = fs.ReadFile(fsys, "racks")
		require.ErrorContains(t, err, "is a directory")
		_, err = fs.ReadDir(fsys, "run.sh")
		require.ErrorContains(t, err, "not a directory")
		for _, absent := range []string{"absent", "run.sh/x", ".git", ".git/config", "racks/.GIT"} {
			_, err = fs.Stat(fsys, absent)
			require.ErrorIs(t, err, fs.ErrNotExist, absent)
		}
		for _, invalid := range []string{"", "/racks", "racks/", "../fleet", "racks/../empty"} {
			_, err = fsys.Open(invalid)
			require.ErrorIs(t, err, fs.ErrInvalid, invalid)
		}
	})
}

// A link that stays inside leads where it says; any other is refused by name and target.
func TestSymlinks(t *testing.T) {
	fill := func(r *repo) {
		r.write("a/b/file", "inside")
		r.write("a/file", "above")
		r.link("../file", "a/b/up")
		r.link("a/b", "dir")
		r.link("dir/../file", "through")
		r.link("chain", "chain2")
		r.link("dir/file", "chain")
		r.link("./a//b/./file", "untidy")
		r.link(".", "self")
		r.link("nowhere", "dangling")

		r.link("/etc/passwd", "absolute")
		r.link("../outside", "parent")
		r.link("a/../../outside", "detour")
		r.link("self/../outside", "sly")
		r.link("dir/../../../outside", "slyer")
		r.link("loop2", "loop1")
		r.link("loop1", "loop2")
		r.link("knot/x", "knot")
		r.link(".git/config", "secret")
	}
	eachTree(t, fill, func(t *testing.T, fsys fs.FS) {
		for name, want := range map[string]string{
			"dir/file": "inside", "a/b/up": "above", "through": "above", "chain2": "inside",
			"untidy": "inside", "self/self/dir/up": "above",
		} {
			require.Equal(t, want, read(t, fsys, name), name)
		}
		for name, says := range map[string]string{
			"absolute": "absolute -> /etc/passwd leaves the tree",
			"parent":   "parent -> ../outside leaves the tree",
			"detour":   "detour -> a/../../outside leaves the tree",
			"sly":      "leaves the tree",
			"slyer":    "slyer -> dir/../../../outside leaves the tree",
			"loop1":    "leads in a circle",
			"knot":     "knot -> knot/x leads in a circle",
		} {
			_, err := fsys.Open(name)
			require.ErrorIs(t, err, ErrLink, name)
			require.ErrorContains(t, err, says)
			require.ErrorContains(t, err, "open "+name)
			_, err = fs.Stat(fsys, name)
			require.ErrorIs(t, err, ErrLink, name)
		}
		for _, name := range []string{"dangling", "secret"} {
			_, err := fsys.Open(name)
			require.ErrorIs(t, err, fs.ErrNotExist, name)
		}

		// A listing shows links as what they are, also those that nobody may follow.
		entries, err := fs.ReadDir(fsys, ".")
		require.NoError(t, err)
		for _, e := range entries {
			require.Equal(t, e.Name() != "a", e.Type() == fs.ModeSymlink, e.Name())
		}
		info, err := fs.Lstat(fsys, "absolute")
		require.NoError(t, err)
		require.Equal(t, fs.ModeSymlink|0o777, info.Mode())
		target, err := fs.ReadLink(fsys, "absolute")
		require.NoError(t, err)
		require.Equal(t, "/etc/passwd", target)
	})
}

func TestSubmoduleIsRefused(t *testing.T) {
	r := newRepo(t)
	r.write("file", "x")
	id := strings.Repeat("12", 20)
	r.git("update-index", "--add", "--cacheinfo", "160000,"+id+",vendor/module")
	r.git("add", "file")
	r.git("commit", "-qm", "add a submodule")
	fsys := fetch(t, open(t, Options{URL: r.dir})).FS
	require.Equal(t, "x", read(t, fsys, "file"))
	for _, name := range []string{"vendor/module", "vendor/module/file"} {
		_, err := fsys.Open(name)
		require.ErrorIs(t, err, ErrSubmodule)
		require.ErrorContains(t, err, "vendor/module is commit 121212121212 of another repository")
	}
	entries, err := fs.ReadDir(fsys, "vendor")
	require.NoError(t, err)
	require.Equal(t, fs.ModeIrregular, entries[0].Type())
}

// Identities are Git's own hashes: they change with what stands at a path or below, and with nothing
// else. No link is followed for one.
func TestIdentity(t *testing.T) {
	r := newRepo(t)
	r.write("file", "content")
	r.write("dir/a", "a")
	r.write("dir/b", "b")
	r.link("file", "link")
	r.link("/etc/passwd", "out")
	r.commit("fill")
	identities := func() (map[string]string, error) {
		fsys := fetch(t, open(t, Options{URL: r.dir})).FS.(interface {
			Identity(name string) (string, error)
		})
		ids := map[string]string{}
		for _, name := range []string{".", "file", "dir", "dir/a", "dir/b", "link", "out"} {
			id, err := fsys.Identity(name)
			require.NoError(t, err)
			ids[name] = id
		}
		_, err := fsys.Identity("absent")
		return ids, err
	}
	before, err := identities()
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Contains(t, before["file"], r.git("rev-parse", "HEAD:file"))
	require.Contains(t, before["dir"], r.git("rev-parse", "HEAD:dir"))
	require.NotEqual(t, before["file"], before["link"], "a link is not what it leads to")

	r.write("dir/a", "A")
	r.commit("change")
	after, _ := identities()
	for name, changed := range map[string]bool{".": true, "dir": true, "dir/a": true, "file": false, "dir/b": false, "link": false, "out": false} {
		require.Equal(t, changed, before[name] != after[name], name)
	}
}

// A file beyond the limit has a size and no content.
func TestLargeFileIsRefusedUnread(t *testing.T) {
	r := newRepo(t)
	r.put("large", strings.Repeat("x", 1001))
	r.put("largest", strings.Repeat("x", 1000))
	g := open(t, Options{URL: r.dir, MaxFile: 1000, Dir: t.TempDir()})
	fsys := fetch(t, g).FS
	info, err := fs.Stat(fsys, "large")
	require.NoError(t, err)
	require.EqualValues(t, 1001, info.Size())
	_, err = fs.ReadFile(fsys, "large")
	require.ErrorIs(t, err, ErrTooLarge)
	require.ErrorContains(t, err, "read large: too large: at least 1001 bytes, of which 1000 are allowed")
	require.Len(t, read(t, fsys, "largest"), 1000)
	_, ok := open(t, g.opts).Last()
	require.True(t, ok, "a file that is never served does not make a cache damaged")
}

// What the real git would not check out is no file here either.
func TestHostileNamesAreRefused(t *testing.T) {
	for _, name := range []string{"..", ".", ".git", ".GIT", "a\\b", "bad\xff"} {
		r := newRepo(t)
		r.put("file", "x")
		blob := r.git("rev-parse", "HEAD:file")
		tree := r.hashTree(name, blob)
		commit := r.git("commit-tree", "-m", "hostile", tree)
		r.git("update-ref", "refs/heads/main", commit)
		_, err := open(t, Options{URL: r.dir}).Fetch(t.Context())
		require.ErrorIs(t, err, ErrBadName, "%q", name)
	}
}

// A time that no calendar prints does not reach a report, where it could not be encoded.
func TestImpossibleTimes(t *testing.T) {
	r := newRepo(t)
	r.put("file", "x")
	raw := fmt.Sprintf("tree %s\nauthor A <a@example.com> 999999999999999 +0000\ncommitter B <b@example.com> 0 +0000\n\nhello \xff\n", r.git("rev-parse", "HEAD:"))
	r.git("update-ref", "refs/heads/main", r.hashObject("commit", raw))
	c := fetch(t, open(t, Options{URL: r.dir})).Commit
	require.True(t, c.Author.Time.IsZero())
	require.Equal(t, time.Unix(0, 0).UTC(), c.Committer.Time)
	require.Equal(t, "hello \uFFFD", c.Subject)
}
