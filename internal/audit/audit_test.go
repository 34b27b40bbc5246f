package audit

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/fleet/fleettest"
	"millwright.dev/millwright/sources"
)

// repo is a fleet's repository, driven by the real git; its commits are an hour apart.
type repo struct {
	testing.TB
	dir   string
	hours int
	files fleettest.Files
}

func newRepo(t testing.TB, size fleettest.Size) *repo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed (package git); histories were not tried")
	}
	r := &repo{TB: t, dir: t.TempDir(), files: fleettest.Generate(size)}
	require.NoError(t, r.files.Write(r.dir))
	r.git("init", "-q", "-b", "main")
	r.commit("The fleet")
	return r
}

func (r *repo) git(args ...string) {
	r.Helper()
	cmd := exec.Command("git", args...)
	date := time.Date(2026, 1, 1, r.hours, 0, 0, 0, time.UTC).Format(time.RFC3339)
	cmd.Dir, cmd.Env = r.dir, append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada Example", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_AUTHOR_DATE="+date,
		"GIT_COMMITTER_NAME=Bob Example", "GIT_COMMITTER_EMAIL=bob@example.com", "GIT_COMMITTER_DATE="+date)
	out, err := cmd.CombinedOutput()
	require.NoError(r, err, "git %v: %s", args, out)
}

func (r *repo) commit(message string) {
	r.Helper()
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", message)
	r.hours++
}

// put writes a file; an empty text removes it.
func (r *repo) put(name, text string) {
	r.Helper()
	file := filepath.Join(r.dir, filepath.FromSlash(name))
	if text == "" {
		require.NoError(r, os.RemoveAll(file))
		return
	}
	require.NoError(r, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(r, os.WriteFile(file, []byte(text), 0o644))
}

func (r *repo) line() *sources.Line {
	r.Helper()
	l, err := sources.LineOf(r.dir, "HEAD")
	require.NoError(r, err)
	return l
}

func loader(t testing.TB) *fleet.Loader {
	l := fleet.NewLoader(fleet.Options{})
	t.Cleanup(l.Close)
	return l
}

// indexed is the history of a repository up to date, kept in dir.
func indexed(r *repo, dir string) *Index {
	r.Helper()
	l := r.line()
	x := Open(dir, l, "test")
	require.NoError(r, x.Update(context.Background(), l, loader(r)))
	return x
}

func equal(t testing.TB, want, got *Index) {
	t.Helper()
	require.Empty(t, cmp.Diff(want.data, got.data, cmpopts.EquateEmpty()))
}

// replace edits a file as it lies there.
func (r *repo) replace(name, old, now string) {
	r.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(name)))
	require.NoError(r, err)
	r.put(name, strings.Replace(string(text), old, now, 1))
}

const (
	tenantFile     = "tenants/tenant0000/tenant.cue"
	commonFile     = "common/common.cue"
	allocationFile = "allocation/allocation.cue"
)

// edit does one thing that people do; some make a fleet that is none, which the next edit mends.
func edit(r *repo, random *rand.Rand, n int) {
	rack := fleettest.RackFile(random.IntN(3))
	r.replace(tenantFile, "displayNam:", "displayName:")
	switch n % 7 {
	case 0:
		r.put(rack, strings.Replace(r.files[rack], `"SN`, fmt.Sprintf(`"X%d-`, random.IntN(9)), random.IntN(4)))
	case 1:
		r.replace(tenantFile, `"Tenant `, fmt.Sprintf(`"Tenant %d`, random.IntN(9)))
	case 2: // what a class says is what its machines are
		r.put(commonFile, strings.Replace(r.files[commonFile], "memory: 2048", fmt.Sprintf("memory: %d", 1024+random.IntN(4)), 1))
	case 3:
		r.replace(tenantFile, "displayName:", "displayNam:")
		r.replace(tenantFile, `"Tenant `, `"Tenant 1`)
	case 4: // a pool gives up a machine
		r.replace(allocationFile, `"gpu-00000", `, "")
		r.replace(tenantFile, "count: 3", "count: 2")
	case 5: // back to what was
		for _, name := range []string{rack, tenantFile, allocationFile, commonFile} {
			r.put(name, r.files[name])
		}
	case 6: // a rack that serves nobody comes, and goes
		r.put(fleettest.RackFile(9), []string{strings.NewReplacer("gpu-000", "gpu-900", "SN000", "SN900", "10.0.0.", "10.9.0.",
			"5c:ff:00:00", "5c:ff:09:00", "d2:03:00", "d2:03:09", "r0000", "r0009").Replace(r.files[fleettest.RackFile(0)]), ""}[n/7%2])
	}
}

// The events, replayed from the beginning, give what each commit is when it is loaded by itself; an index that grew
// commit by commit is that which is made at once, and so is one that was damaged.
func TestReplay(t *testing.T) {
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 7))
	r := newRepo(t, fleettest.Size{Machines: 24, Tenants: 1})
	grown := t.TempDir()
	for n := range 14 {
		edit(r, random, n)
		r.commit(fmt.Sprintf("edit %d", n))
		if n%6 == 0 {
			indexed(r, grown)
		}
	}
	x := indexed(r, t.TempDir())
	equal(t, x, indexed(r, grown))
	l, direct := r.line(), loader(t)
	piecemeal := Open("", l, "test")
	piecemeal.batch = 4
	require.NoError(t, piecemeal.Update(t.Context(), l, direct))
	equal(t, x, piecemeal)

	invalid := 0
	var last states
	for i, c := range x.data.Commits {
		s, err := l.At(i)
		require.NoError(t, err)
		f, found := direct.Load(t.Context(), s.FS)
		require.Equal(t, found.Err() != nil, c.Invalid != "", "%v", found)
		if found.Err() == nil {
			last = states{}
			facts := facts(f, reader{}.of(s.FS.(treeFS)))
			for k, v := range each(f) {
				last[k.String()] = leaves(v, facts[k])
			}
		} else {
			invalid++
		}
		require.Empty(t, cmp.Diff(last, x.replay(i+1)), "commit %d", i)
	}
	require.Equal(t, 2, invalid)
	require.Equal(t, []string{"0", "2", "5", "6", "9", "12", "13"}, commitsOf(t, x, "tenant/tenant0000"))

	files, err := filepath.Glob(filepath.Join(grown, "*.index"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	whole, err := os.ReadFile(files[0])
	require.NoError(t, err)
	for _, broken := range [][]byte{nil, whole[:len(whole)/2], append([]byte{whole[0] ^ 1}, whole[1:]...)} {
		require.NoError(t, os.WriteFile(files[0], broken, 0o600))
		require.Equal(t, len(l.Commits), Open(grown, l, "test").Pending(l))
	}
	equal(t, x, indexed(r, grown))
	again, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.Equal(t, whole, again)
}

// commitsOf are the places of the commits that changed an entity.
func commitsOf(t *testing.T, x *Index, entity string) (all []string) {
	t.Helper()
	for _, s := range x.data.Steps {
		if s.Entity == entity {
			all = append(all, fmt.Sprint(s.Commit))
		}
	}
	return all
}

// An index is read again only by the same version, follows a branch that was rewritten, and compiles nothing that it
// knows.
func TestOpen(t *testing.T) {
	r, dir := newRepo(t, fleettest.Size{Machines: 8, Tenants: 1}), t.TempDir()
	r.put(tenantFile, strings.Replace(r.files[tenantFile], "Tenant 0", "Acme", 1))
	r.commit("Acme")
	before := indexed(r, dir)
	require.Zero(t, Open(dir, r.line(), "test").Pending(r.line()))
	require.Equal(t, 2, Open(dir, r.line(), "other").Pending(r.line()))

	r.git("reset", "-q", "--hard", "HEAD~1")
	r.put(tenantFile, strings.Replace(r.files[tenantFile], "Tenant 0", "Globex", 1))
	r.commit("Globex")
	require.Equal(t, 1, Open(dir, r.line(), "test").Pending(r.line()))
	after := indexed(r, dir)
	equal(t, indexed(r, t.TempDir()), after)
	a, err := after.Ask(Query{Address: "tenant/tenant0000.displayName"})
	require.NoError(t, err)
	require.Equal(t, []Change{{Path: "displayName", Old: `"Tenant 0"`, New: `"Globex"`}}, a.Events[0].Changes)
	require.NotEqual(t, before.data.Commits[1], after.data.Commits[1])
}

// Commits that hold the schema of another version are read by that of this one, and a compiler that does not run is
// no fault of the commits.
func TestUpdate(t *testing.T) {
	r := newRepo(t, fleettest.Size{Machines: 8, Tenants: 1})
	r.put("cue.mod/pkg/millwright.dev/fleet/tenant.cue", "package fleet\n")
	r.commit("An older schema")
	l := r.line()
	x := Open("", l, "test")
	broken := fleet.NewLoader(fleet.Options{Worker: fleet.Worker{Path: filepath.Join(r.dir, "no-such-program")}})
	defer broken.Close()
	require.ErrorContains(t, x.Update(t.Context(), l, broken), "could not be compiled")
	require.Empty(t, x.data.Commits)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, x.Update(ctx, l, loader(t)), context.Canceled)
	require.Empty(t, x.data.Commits)

	require.NoError(t, x.Update(t.Context(), l, loader(t)))
	require.Len(t, x.data.Commits, 2)
	require.Empty(t, x.data.Commits[1].Invalid)
}

// patchy is a loader that runs into a limit at its first fleet, and ends the context at its third.
type patchy struct {
	Loader
	loads  int
	cancel context.CancelFunc
}

func (p *patchy) LoadAll(ctx context.Context, all []fs.FS) iter.Seq2[*fleet.Fleet, diag.List] {
	return func(yield func(*fleet.Fleet, diag.List) bool) {
		for f, list := range p.Loader.LoadAll(ctx, all) {
			switch p.loads++; p.loads {
			case 1:
				f, list = nil, diag.List{{Code: "MW104", Summary: "took too long"}}
			case 3:
				p.cancel()
			}
			if !yield(f, list) {
				return
			}
		}
	}
}

// What ran into a limit once is tried again before it is held against a commit, and what was read before an
// interruption is kept.
func TestUpdateInterrupted(t *testing.T) {
	r, dir := newRepo(t, fleettest.Size{Machines: 8, Tenants: 1}), t.TempDir()
	for n := range 3 {
		r.replace(tenantFile, `"Tenant `, fmt.Sprintf(`"Tenant %d`, n))
		r.commit("edit")
	}
	ctx, cancel := context.WithCancel(t.Context())
	l := r.line()
	x := Open(dir, l, "test")
	require.ErrorIs(t, x.Update(ctx, l, &patchy{Loader: loader(t), cancel: cancel}), context.Canceled)
	require.Equal(t, 2, Open(dir, l, "test").Pending(l))
	require.Empty(t, x.data.Commits[0].Invalid)
	equal(t, indexed(r, t.TempDir()), indexed(r, dir))
}
