package sources

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// After a restart with a dead remote, the last good commit is there with its age.
func TestRestartWithDeadRemote(t *testing.T) {
	r := newRepo(t)
	hash := r.put("file", "good")
	s := serve(t, r)
	fetched := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	opts := Options{URL: s.url, Credentials: password, Dir: t.TempDir(), Now: func() time.Time { return fetched }}
	fetch(t, open(t, opts))
	s.Close()

	opts.Now = func() time.Time { return fetched.Add(time.Hour) }
	g := open(t, opts)
	last, ok := g.Last()
	require.True(t, ok)
	require.Equal(t, hash, last.Commit.Hash)
	require.Equal(t, fetched, last.FetchedAt)
	require.Equal(t, "good", read(t, last.FS, "file"))
	_, err := g.Fetch(t.Context())
	require.ErrorIs(t, err, ErrUnreachable)
	require.ErrorContains(t, err, "fetched 1h0m0s before")
}

// A restart goes on from what was fetched.
func TestRestartFetchesIncrementally(t *testing.T) {
	r := newRepo(t)
	r.put("file", strings.Repeat("x", 100))
	opts := Options{URL: r.dir, Dir: t.TempDir()}
	fetch(t, open(t, opts))
	r.put("other", "new")
	g := open(t, opts)
	require.Equal(t, "new", read(t, fetch(t, g).FS, "other"))
	require.Equal(t, 2, g.clone.packs)
}

// A cache of another remote or ref is never taken for this one's.
func TestCacheOfAnotherSourceIsDiscarded(t *testing.T) {
	r := newRepo(t)
	r.put("file", "x")
	r.git("branch", "other")
	dir := t.TempDir()
	fetch(t, open(t, Options{URL: r.dir, Ref: "main", Dir: dir}))
	for _, opts := range []Options{
		{URL: r.dir, Ref: "other", Dir: dir},
		{URL: "https://git.example.com/fleet.git", Ref: "main", Dir: dir},
	} {
		_, ok := open(t, opts).Last()
		require.False(t, ok)
	}
}

// Another Path of the same commit is served from the same objects, if the commit has it.
func TestPathMayChangeBetweenStarts(t *testing.T) {
	r := newRepo(t)
	r.write("a/file", "a")
	r.put("b/file", "b")
	dir := t.TempDir()
	fetch(t, open(t, Options{URL: r.dir, Path: "a", Dir: dir}))
	last, ok := open(t, Options{URL: r.dir, Path: "b", Dir: dir}).Last()
	require.True(t, ok)
	require.Equal(t, "b", read(t, last.FS, "file"))

	g := open(t, Options{URL: r.dir, Path: "c", Dir: dir})
	_, ok = g.Last()
	require.False(t, ok)
	r.put("c/file", "c")
	require.Equal(t, "c", read(t, fetch(t, g).FS, "file"))
}

// Whatever happens to the cache directory between two runs, what is served is right or nothing is,
// and the next fetch repairs it.
func TestDamagedCacheIsNeverServed(t *testing.T) {
	damage := map[string]func(t *testing.T, dir string){
		"record cut":     func(t *testing.T, dir string) { cut(t, filepath.Join(dir, recordFile)) },
		"record emptied": func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, recordFile), nil) },
		"record leads out": func(t *testing.T, dir string) {
			replace(t, filepath.Join(dir, recordFile), `"clone-`, `"clone-/../../`)
		},
		"record of a later": func(t *testing.T, dir string) {
			replace(t, filepath.Join(dir, recordFile), `"format": 1`, `"format": 2`)
		},
		"clone gone": func(t *testing.T, dir string) {
			for _, clone := range files(t, dir, cloneDirs+"*") {
				require.NoError(t, os.RemoveAll(clone))
			}
		},
		"pack gone":     func(t *testing.T, dir string) { remove(t, dir, "*.pack") },
		"pack cut":      func(t *testing.T, dir string) { cut(t, packs(t, dir, "*.pack")...) },
		"pack emptied":  func(t *testing.T, dir string) { overwrite(t, packs(t, dir, "*.pack")[0], nil) },
		"index gone":    func(t *testing.T, dir string) { remove(t, dir, "*.idx") },
		"index cut":     func(t *testing.T, dir string) { cut(t, packs(t, dir, "*.idx")...) },
		"index emptied": func(t *testing.T, dir string) { overwrite(t, packs(t, dir, "*.idx")[0], nil) },
		"noise in it": func(t *testing.T, dir string) {
			overwrite(t, filepath.Join(dir, cloneDirs+"left/objects"), []byte("x"))
		},
	}
	for name, hurt := range damage {
		t.Run(name, func(t *testing.T) {
			r, opts := filled(t)
			hurt(t, opts.Dir)
			expectRightOrNothing(t, r, opts)
		})
	}
}

// One flipped bit anywhere in the pack or its index is noticed.
func TestFlippedBitsAreNeverServed(t *testing.T) {
	r, opts := filled(t)
	for _, pattern := range []string{"*.pack", "*.idx"} {
		file := packs(t, opts.Dir, pattern)[0]
		whole, err := os.ReadFile(file)
		require.NoError(t, err)
		record, err := os.ReadFile(filepath.Join(opts.Dir, recordFile))
		require.NoError(t, err)
		for at := 0; at < len(whole); at += max(1, len(whole)/30) {
			broken := append([]byte(nil), whole...)
			broken[at] ^= 1 << (at % 8)
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS(opts.Dir)))
			overwrite(t, packs(t, dir, pattern)[0], broken)
			overwrite(t, filepath.Join(dir, recordFile), record)
			expectRightOrNothing(t, r, Options{URL: r.dir, Dir: dir})
		}
	}
}

// Damage while running: the reader gets an error, Last is withdrawn, the next fetch repairs.
func TestDamageWhileRunning(t *testing.T) {
	r, opts := filled(t)
	g := open(t, opts)
	// New, and large, so that none of it is in a buffer already.
	noise := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(noise)
	r.put("noise", string(noise))
	snapshot := fetch(t, g)
	for _, pack := range packs(t, opts.Dir, "*.pack") {
		require.NoError(t, os.Chmod(pack, 0o600))
		require.NoError(t, os.Truncate(pack, 40))
	}
	_, err := fs.ReadFile(snapshot.FS, "noise")
	require.ErrorIs(t, err, ErrDamaged)
	_, ok := g.Last()
	require.False(t, ok)
	require.Equal(t, string(noise), read(t, fetch(t, g).FS, "noise"))
	_, ok = g.Last()
	require.True(t, ok)
}

// A commit that the remote cannot give whole costs us nothing of the one before.
func TestIncompleteRemoteKeepsTheLastGood(t *testing.T) {
	r, opts := filled(t)
	g := open(t, opts)
	fetch(t, g)
	r.put("file", "lost")
	id := r.git("rev-parse", "HEAD:file")
	require.NoError(t, os.Remove(filepath.Join(r.dir, ".git/objects", id[:2], id[2:])))
	_, err := g.Fetch(t.Context())
	require.ErrorIs(t, err, ErrDamaged)
	last, ok := g.Last()
	require.True(t, ok)
	require.Equal(t, content(7), read(t, last.FS, "racks/r7.cue"))
}

func TestUnusableCacheDirectory(t *testing.T) {
	r, opts := filled(t)
	opts.Dir = filepath.Join(r.dir, "racks/r7.cue")
	_, err := Open(t.Context(), opts)
	require.ErrorIs(t, err, ErrCache)
}

// filled is a repository and a cache of it.
func filled(t *testing.T) (*repo, Options) {
	t.Helper()
	r := newRepo(t)
	for i := range 12 {
		r.write("racks/r"+string(rune('0'+i))+".cue", content(i))
	}
	r.commit("add racks")
	opts := Options{URL: r.dir, Dir: filepath.Join(t.TempDir(), "cache")}
	fetch(t, open(t, opts))
	return r, opts
}

func content(i int) string { return strings.Repeat("machine "+string(rune('0'+i))+"\n", 20+i) }

func expectRightOrNothing(t *testing.T, r *repo, opts Options) {
	t.Helper()
	g := open(t, opts)
	head := r.git("rev-parse", "HEAD")
	check := func(snapshot Snapshot) {
		t.Helper()
		require.Equal(t, head, snapshot.Commit.Hash)
		for i := range 12 {
			require.Equal(t, content(i), read(t, snapshot.FS, "racks/r"+string(rune('0'+i))+".cue"))
		}
	}
	if last, ok := g.Last(); ok {
		check(last)
	}
	check(fetch(t, g))
	last, ok := open(t, opts).Last()
	require.True(t, ok, "the repaired cache serves the next start")
	check(last)
}

func files(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found
}

func packs(t *testing.T, dir, pattern string) []string {
	t.Helper()
	return files(t, dir, cloneDirs+"*/objects/pack/"+pattern)
}

func remove(t *testing.T, dir, pattern string) {
	t.Helper()
	for _, file := range packs(t, dir, pattern) {
		require.NoError(t, os.Remove(file))
	}
}

func overwrite(t *testing.T, file string, data []byte) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.RemoveAll(file))
	require.NoError(t, os.WriteFile(file, data, 0o644))
}

func cut(t *testing.T, files ...string) {
	t.Helper()
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		overwrite(t, file, data[:len(data)*2/3])
	}
}

func replace(t *testing.T, file, old, with string) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(data), old)
	overwrite(t, file, []byte(strings.Replace(string(data), old, with, 1)))
}
