package sources

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// A fetch gives the commit as Git shows it, and follows the branch as it grows.
func TestFetchFollowsTheBranch(t *testing.T) {
	eachRemote(t, func(t *testing.T, r *repo, opts Options) {
		r.write("tenants/acme.cue", "package tenants\n")
		first := r.commit("add acme\n\nIts first cluster.\n\nApproved-by: carol@example.com\n")
		opts.Ref = "main"
		g := open(t, opts)
		_, ok := g.Last()
		require.False(t, ok, "nothing was fetched yet")

		snapshot := fetch(t, g)
		want := Commit{
			Hash:      first,
			Author:    Identity{"Ada Example", "ada@example.com", time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)},
			Committer: Identity{"Bob Example", "bob@example.com", time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)},
			Subject:   "add acme",
			Body:      "Its first cluster.\n\nApproved-by: carol@example.com",
			Trailers:  []Trailer{{"Approved-by", "carol@example.com"}},
		}
		require.Empty(t, cmp.Diff(want, snapshot.Commit))
		require.Equal(t, time.UTC, snapshot.Commit.Author.Time.Location())
		require.Equal(t, []string{"carol@example.com"}, snapshot.Commit.Trailer("approved-BY"))
		require.Equal(t, "package tenants\n", read(t, snapshot.FS, "tenants/acme.cue"))

		second := r.put("tenants/acme.cue", "package tenants // grown\n")
		grown := fetch(t, g)
		require.Equal(t, second, grown.Commit.Hash)
		require.Equal(t, []string{first}, grown.Commit.Parents)
		require.Empty(t, grown.Rewritten)
		require.Equal(t, "package tenants // grown\n", read(t, grown.FS, "tenants/acme.cue"))
		require.Equal(t, "package tenants\n", read(t, snapshot.FS, "tenants/acme.cue"), "the older snapshot stays readable")

		last, ok := g.Last()
		require.True(t, ok)
		require.Equal(t, second, last.Commit.Hash)
	})
}

// After a restart with a bad newest commit, the agent goes back to the one that was good before.
func TestAtGoesBackToACommitThatWasFetched(t *testing.T) {
	eachRemote(t, func(t *testing.T, r *repo, opts Options) {
		first := r.put("file", "good")
		opts.Ref = "main"
		g := open(t, opts)
		_, err := g.At(t.Context(), first)
		require.ErrorIs(t, err, ErrRefNotFound, "nothing was fetched yet")
		second := r.put("file", "bad")
		require.Equal(t, second, fetch(t, g).Commit.Hash)

		back, err := g.At(t.Context(), first)
		require.NoError(t, err)
		require.Equal(t, first, back.Commit.Hash)
		require.Equal(t, "good", read(t, back.FS, "file"))
		last, ok := g.Last()
		require.True(t, ok)
		require.Equal(t, second, last.Commit.Hash, "going back changes nothing")
		for _, no := range []string{"", "main", strings.Repeat("0", 40)} {
			_, err := g.At(t.Context(), no)
			require.ErrorIs(t, err, ErrRefNotFound)
		}
	})
}

// What a ref may be: nothing, a branch, a tag of either kind, a commit, with and without refs/.
func TestFetchRefs(t *testing.T) {
	eachRemote(t, func(t *testing.T, r *repo, opts Options) {
		old := r.put("file", "old")
		r.git("tag", "light")
		r.git("tag", "-a", "-m", "annotated", "v1")
		r.git("tag", "-a", "-m", "a tag of a tag", "v1-signed-off", "v1")
		r.git("branch", "site/dc1")
		head := r.put("file", "new")
		for ref, want := range map[string]string{
			"": head, "main": head, "refs/heads/main": head,
			"light": old, "v1": old, "v1-signed-off": old, "refs/tags/v1": old, "site/dc1": old,
			old: old, head: head,
		} {
			opts := opts
			opts.Ref = ref
			if opts.Dir != "" {
				opts.Dir = filepath.Join(opts.Dir, fmt.Sprintf("%x", ref))
			}
			require.Equal(t, want, fetch(t, open(t, opts)).Commit.Hash, "ref %q", ref)
		}
	})
}

// A commit's content cannot change, so that once fetched it needs no remote.
func TestCommitHashIsAskedForOnce(t *testing.T) {
	r := newRepo(t)
	old := r.put("file", "old")
	r.put("file", "new")
	s := serve(t, r)
	g := open(t, Options{URL: s.url, Credentials: password, Ref: old})
	require.Equal(t, "old", read(t, fetch(t, g).FS, "file"))
	s.Close()
	require.Equal(t, old, fetch(t, g).Commit.Hash)
}

// A remote that gives any reachable commit is asked for just that one.
func TestCommitHashFromWillingRemote(t *testing.T) {
	r := newRepo(t)
	r.git("config", "uploadpack.allowReachableSHA1InWant", "true")
	old := r.put("file", "old")
	r.put("file", "new")
	g := open(t, Options{URL: serve(t, r).url, Credentials: password, Ref: old})
	require.Equal(t, old, fetch(t, g).Commit.Hash)
	absent := open(t, Options{URL: serve(t, r).url, Credentials: password, Ref: strings.Repeat("ab", 20)})
	_, err := absent.Fetch(t.Context())
	require.ErrorIs(t, err, ErrRefNotFound)
}

func TestPathBecomesTheRoot(t *testing.T) {
	eachRemote(t, func(t *testing.T, r *repo, opts Options) {
		r.write("other/file", "no")
		r.put("sites/dc1/fleet.cue", "yes")
		opts.Path = "sites/dc1/"
		snapshot := fetch(t, open(t, opts))
		require.Equal(t, "yes", read(t, snapshot.FS, "fleet.cue"))
		_, err := fs.Stat(snapshot.FS, "other")
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

// A poll that finds nothing new costs one request; a small commit after a big one costs little.
func TestFetchTransfersOnlyWhatIsNew(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		r := newRepo(t)
		noise := rand.NewChaCha8([32]byte{1})
		big := make([]byte, 1<<20)
		_, _ = noise.Read(big)
		r.put("big", string(big))
		s := serve(t, r)
		g := open(t, Options{URL: s.url, Credentials: password, Dir: dir})
		fetch(t, g)
		require.Greater(t, s.sent.Load(), int64(len(big)))

		before := s.requests.Load()
		first, _ := g.Last()
		again := fetch(t, g)
		require.Equal(t, int64(1), s.requests.Load()-before)
		require.Equal(t, first.Commit, again.Commit)
		require.Same(t, first.FS, again.FS)

		r.put("small", "a few bytes")
		sent := s.sent.Load()
		snapshot := fetch(t, g)
		require.Less(t, s.sent.Load()-sent, int64(10_000))
		require.Equal(t, "a few bytes", read(t, snapshot.FS, "small"))
		require.Equal(t, string(big), read(t, snapshot.FS, "big"))

		// The same holds where the branch was rewritten: what both histories share is not sent again.
		r.git("reset", "-q", "--hard", "HEAD~1")
		r.put("small", "other bytes")
		sent = s.sent.Load()
		require.Equal(t, "other bytes", read(t, fetch(t, g).FS, "small"))
		require.Less(t, s.sent.Load()-sent, int64(10_000))
	}
}

// A rewritten branch and a moved tag are followed, and say what stood there before.
func TestRewrittenHistoryIsFollowedAndSaid(t *testing.T) {
	for _, ref := range []string{"main", "v1"} {
		t.Run(ref, func(t *testing.T) {
			eachRemote(t, func(t *testing.T, r *repo, opts Options) {
				move := func() { r.git("tag", "-f", "-a", "-m", "moved", "v1") }
				base := r.put("file", "base")
				old := r.put("file", "old")
				move()
				opts.Ref = ref
				g := open(t, opts)
				require.Empty(t, fetch(t, g).Rewritten)

				r.git("reset", "-q", "--hard", base)
				rewritten := r.put("file", "rewritten")
				move()
				snapshot := fetch(t, g)
				require.Equal(t, rewritten, snapshot.Commit.Hash)
				require.Equal(t, old, snapshot.Rewritten)
				require.Equal(t, old, fetch(t, g).Rewritten, "it stays true while the commit stands")

				if opts.Dir != "" {
					last, ok := open(t, opts).Last()
					require.True(t, ok)
					require.Equal(t, old, last.Rewritten, "also after a restart")
				}
				if ref == "main" {
					r.put("file", "onwards")
					require.Empty(t, fetch(t, g).Rewritten)
					// Going back to an ancestor is a rewrite too, although nothing is transferred.
					r.git("reset", "-q", "--hard", base)
					back := fetch(t, g)
					require.Equal(t, base, back.Commit.Hash)
					require.NotEmpty(t, back.Rewritten)
				}
			})
		})
	}
}

// After many fetches the clone is made anew; the snapshot before stays readable.
func TestManyPacksAreReplacedByOne(t *testing.T) {
	r := newRepo(t)
	r.put("file", "0")
	cache := t.TempDir()
	g := open(t, Options{URL: r.dir, Dir: cache})
	fetch(t, g)
	g.clone.packs = maxPacks
	old, _ := g.Last()
	r.put("file", "1")
	require.Equal(t, "1", read(t, fetch(t, g).FS, "file"))
	require.Equal(t, 1, g.clone.packs)
	require.Equal(t, "0", read(t, old.FS, "file"))
	clones, err := filepath.Glob(filepath.Join(cache, cloneDirs+"*"))
	require.NoError(t, err)
	require.Len(t, clones, 2)

	open(t, Options{URL: r.dir, Dir: cache})
	clones, err = filepath.Glob(filepath.Join(cache, cloneDirs+"*"))
	require.NoError(t, err)
	require.Len(t, clones, 1, "the next start removes what nobody reads any more")
}

// Readers of a snapshot are many, go on while the next is fetched, and Fetch may be called by all.
func TestConcurrentReadersAndFetches(t *testing.T) {
	eachRemote(t, func(t *testing.T, r *repo, opts Options) {
		for i := range 20 {
			r.write(fmt.Sprintf("racks/r%02d/machine.cue", i), strings.Repeat(fmt.Sprint(i), 200))
		}
		r.commit("add racks")
		g := open(t, opts)
		first := fetch(t, g)
		r.put("racks/r00/machine.cue", "changed")

		var wg sync.WaitGroup
		errs := make(chan error, 100)
		for range 4 {
			wg.Go(func() {
				errs <- fs.WalkDir(first.FS, ".", func(name string, d fs.DirEntry, err error) error {
					if err != nil || d.IsDir() {
						return err
					}
					_, err = fs.ReadFile(first.FS, name)
					return err
				})
			})
			wg.Go(func() {
				snapshot, err := g.Fetch(t.Context())
				if err == nil {
					_, err = fs.ReadFile(snapshot.FS, "racks/r00/machine.cue")
				}
				errs <- err
				g.Last()
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		last, _ := g.Last()
		require.Equal(t, "changed", read(t, last.FS, "racks/r00/machine.cue"))
	})
}

func TestTokenAuthenticates(t *testing.T) {
	r := newRepo(t)
	r.put("file", "content")
	g := open(t, Options{URL: serve(t, r).url, Credentials: func(context.Context) (Credentials, error) {
		return Credentials{Token: serverToken}, nil
	}})
	fetch(t, g)
}
