package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/fleet/fleettest"
	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
	"millwright.dev/millwright/sources"
)

// signingKey is a key that signs, whose signature counts as that of name, and its file.
func signingKey(t *testing.T, name string) (sign journal.Sign, counts *sources.Keys, file string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "key"), pem.EncodeToMemory(block), 0o600))
	file = filepath.Join(dir, "key")
	sign, err = sources.SSHSigner(file, "")
	require.NoError(t, err)
	shown, err := ssh.NewPublicKey(public)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "allowed"), append([]byte(name+" "), ssh.MarshalAuthorizedKey(shown)...), 0o600))
	keys, err := sources.LoadKeys(filepath.Join(dir, "allowed"), "")
	require.NoError(t, err)
	return sign, &keys, file
}

// past is a fleet with a history, and the runs that made it so.
type past struct {
	*testing.T
	line *sources.Line
	sets []state.Set
	all  []*fleet.Fleet
	runs []journal.Run
	sign journal.Sign
	keys *sources.Keys
}

func newPast(t *testing.T) *past {
	r := newRepo(t, fleettest.Size{Machines: 24, Tenants: 1})
	for n := range 3 {
		r.replace(tenantFile, `"Tenant `, fmt.Sprintf(`"Tenant %d`, n))
		r.commit("A name")
	}
	r.replace(tenantFile, "count: 3", "count: 2")
	r.replace(allocationFile, `"gpu-00000", `, "")
	r.commit("One machine less")
	p := &past{T: t, line: r.line()}
	p.sign, p.keys, _ = signingKey(t, "agent")
	l := loader(t)
	before := state.Set{}
	for i, c := range p.line.Commits {
		fsys, err := TreeAt(p.line, i)
		require.NoError(t, err)
		f, found := l.Load(t.Context(), fsys)
		require.NoError(t, found.Err())
		set, _ := render.Render(t.Context(), f, render.Inputs{FS: fsys})
		p.sets, p.all = append(p.sets, set), append(p.all, f)
		p.runs = append(p.runs, runOf(i, c, plan.Between(before, set, func(state.Target) bool { return false })))
		before = set
	}
	return p
}

// runOf is the run that carries out a plan.
func runOf(i int, c sources.Commit, p plan.Plan) journal.Run {
	at := c.Committer.Time.Add(time.Minute)
	r := journal.Run{ID: fmt.Sprintf("run-%d", i), Fleet: "generated", Millwright: "v1", Began: at, Ended: at.Add(time.Minute),
		Source: journal.Source{Commit: c.Hash, Subject: c.Subject}, Bindings: []journal.Binding{{Machine: "gpu-00001", To: fmt.Sprint("p/", i)}}}
	for _, ch := range p.Changes {
		if ch.Action == plan.Nothing {
			continue
		}
		done := journal.Change{Address: ch.ID.String(), Entity: ch.Entity, Action: ch.Action, Causes: []plan.Cause{plan.CauseCommit}, Result: journal.Done, Time: at.Add(30 * time.Second)}
		if ch.Action == plan.Update {
			for _, f := range ch.Fields {
				done.Fields = append(done.Fields, journal.Field{Path: f.Name, Old: f.Old, New: f.New, Sensitive: f.Sensitive})
			}
		}
		r.Changes = append(r.Changes, done)
	}
	return r
}

// write is a journal of runs.
func (p *past) write(runs []journal.Run, sign journal.Sign) *journal.Repository {
	p.Helper()
	r, err := journal.Create(filepath.Join(p.TempDir(), "journal.git"), "main")
	require.NoError(p, err)
	for _, run := range runs {
		_, err := r.Append("main", run, sign)
		require.NoError(p, err)
	}
	return r
}

func (p *past) verify(r *journal.Repository, change ...func(*Verify)) Verification {
	p.Helper()
	tip, err := r.Tip("main")
	require.NoError(p, err)
	v := Verify{Journal: r, Ref: "refs/heads/main", Tip: tip, Line: p.line, Fleet: "generated", JournalKeys: p.keys, Version: "v1",
		Wants: func(_ context.Context, i int) (Wanted, error) { return Wanted{Set: p.sets[i], Fleet: p.all[i]}, nil }}
	for _, ch := range change {
		ch(&v)
	}
	out, err := v.Run(p.Context())
	require.NoError(p, err)
	return out
}

func (p *past) clone() []journal.Run {
	runs := slices.Clone(p.runs)
	for i := range runs {
		runs[i].Changes = slices.Clone(runs[i].Changes)
		for j := range runs[i].Changes {
			runs[i].Changes[j].Fields = slices.Clone(runs[i].Changes[j].Fields)
		}
	}
	return runs
}

// updated is a change of a run that wrote values.
func updated(t *testing.T, run *journal.Run) *journal.Change {
	t.Helper()
	i := slices.IndexFunc(run.Changes, func(c journal.Change) bool { return c.Action == plan.Update && len(c.Fields) > 0 })
	require.GreaterOrEqual(t, i, 0)
	return &run.Changes[i]
}

// What is so is proven, and each way to write a journal otherwise is found: by somebody without the agent's key always,
// by somebody with it where the history of the fleet says otherwise, or the newest run was noted.
func TestVerify(t *testing.T) {
	p := newPast(t)
	good := p.write(p.runs, p.sign)
	v := p.verify(good)
	require.Empty(t, v.Wrong)
	require.Equal(t, 5, v.Runs)
	changes := 0
	for _, r := range p.runs {
		changes += len(r.Changes)
	}
	require.Subset(t, v.Proven, []string{
		"runs 1 to 5 follow one another, none missing, doubled or changed",
		"5 of 5 runs are of commits of the fleet's branch, in its order",
		"5 of 5 runs are signed by an allowed signer",
		fmt.Sprintf("%d changes made what the commits want, in the values that the journal holds", changes),
	})
	other, _, _ := signingKey(t, "mallory")

	for name, c := range map[string]struct {
		forge func(runs []journal.Run) []journal.Run
		says  string // where the agent's own key signs; empty: it is not found
	}{
		"a value is changed": {func(runs []journal.Run) []journal.Run {
			updated(t, &runs[2]).Fields[0].New = "another"
			return runs
		}, "the commit wants another value of"},
		"an object is made up": {func(runs []journal.Run) []journal.Run {
			runs[3].Changes[0].Address = "netris/dc1/vpc/made-up"
			return runs
		}, "the commit does not want it"},
		"a deletion is made up": {func(runs []journal.Run) []journal.Run {
			updated(t, &runs[1]).Action = plan.Delete
			return runs
		}, "the commit wants it to be there"},
		"it is for somebody else": {func(runs []journal.Run) []journal.Run {
			updated(t, &runs[1]).Entity = "tenant/other"
			return runs
		}, "and not for tenant/other"},
		"two runs are swapped": {func(runs []journal.Run) []journal.Run {
			runs[1], runs[2] = runs[2], runs[1]
			return runs
		}, "after runs of one that follows that"},
		"a run is there again": {func(runs []journal.Run) []journal.Run { return append(runs[:3:3], runs[1]) }, "it is run 2 once more"},
		"a run is of no commit": {func(runs []journal.Run) []journal.Run {
			runs[4].Source.Commit = strings.Repeat("0", 40)
			return runs
		}, "which is no commit of the fleet's branch"},
		"it is another fleet's": {func(runs []journal.Run) []journal.Run {
			runs[0].Fleet = "globex"
			return runs
		}, "it is of the fleet globex"},
		"an approval is made up": {func(runs []journal.Run) []journal.Run {
			runs[2].Changes[0].Approval = &journal.Approval{By: "ada@example.com", Verified: true, Commit: runs[4].Source.Commit}
			return runs
		}, "does not lead to what was in force"},
		"an approval is none of the fleet's": {func(runs []journal.Run) []journal.Run {
			runs[2].Changes[0].Approval = &journal.Approval{Name: "cap-1", By: "ada@example.com", Verified: true, Commit: runs[1].Source.Commit}
			return runs
		}, `the fleet had no approval "cap-1" then`},
		"a window is none of the fleet's": {func(runs []journal.Run) []journal.Run {
			runs[2].Changes[0].Approval = &journal.Approval{Window: "night"}
			return runs
		}, `the fleet had no window "night" then`},
		"a run is left out":        {func(runs []journal.Run) []journal.Run { return append(runs[:2:2], runs[3:]...) }, ""},
		"the last run is left out": {func(runs []journal.Run) []journal.Run { return runs[:4] }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			q := *p
			q.T = t
			forged := c.forge(p.clone())
			for _, sign := range []journal.Sign{other, nil} {
				require.NotEmpty(t, q.verify(q.write(forged, sign)).Wrong, "without the agent's key")
			}
			own := q.write(forged, p.sign)
			v := q.verify(own)
			if c.says == "" {
				require.Empty(t, v.Wrong)
			} else {
				require.Contains(t, fmt.Sprint(v.Wrong), c.says)
			}
			noted, err := good.Tip("main")
			require.NoError(t, err)
			require.Contains(t, fmt.Sprint(q.verify(own, func(v *Verify) { v.Includes = noted }).Wrong), "which was noted before")
		})
	}

	// What another version rendered, and what a commit wants without its charts, contradicts nothing.
	runs := p.clone()
	updated(t, &runs[2]).Fields[0].New = "another"
	v = p.verify(p.write(runs, p.sign), func(v *Verify) { v.Version = "v2" })
	require.Empty(t, v.Wrong)
	require.Contains(t, v.Unproven, "that 1 change made what the commits want: they were rendered by another version of Millwright, and this one renders otherwise")
	v = p.verify(good, func(v *Verify) {
		v.Wants = func(context.Context, int) (Wanted, error) { return Wanted{Lacks: "charts"}, nil }
	})
	require.Empty(t, v.Wrong)
	require.Contains(t, fmt.Sprint(v.Unproven), "not known whole: charts")

	// What no run made, its deletion does not prove to have been there.
	runs = p.clone()
	runs[4].Changes = append(runs[4].Changes, journal.Change{Address: "netris/dc1/vpc/never-was", Entity: "segment/never", Action: plan.Delete, Result: journal.Done})
	v = p.verify(p.write(runs, p.sign))
	require.Empty(t, v.Wrong)
	require.Contains(t, v.Unproven, "that 1 change made what the commits want: what they deleted no run before them made or changed")

	// Commits of the fleet that nobody signed are wrong where signatures are asked for.
	v = p.verify(good, func(v *Verify) { v.SourceKeys = p.keys })
	require.Len(t, v.Wrong, 5)
	v = p.verify(good, func(v *Verify) { v.SourceKeys, v.SignedSince = p.keys, p.line.Commits[4].Hash })
	require.Empty(t, v.Wrong)
	v = p.verify(good, func(v *Verify) { v.JournalKeys = nil })
	require.Contains(t, fmt.Sprint(v.Unproven), "could have written it anew")
}

// Where the fleet's commits are signed, all that were in force are proven to be, and an approval to be by whom it names.
func TestVerifySignedFleet(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("ssh-keygen is not installed (package openssh-client); signed commits were not tried")
	}
	_, keys, file := signingKey(t, "ada@example.com")
	r := newRepo(t, fleettest.Size{Machines: 8, Tenants: 1})
	for _, c := range [][2]string{{"gpg.format", "ssh"}, {"user.signingkey", file}, {"commit.gpgsign", "true"}} {
		r.git("config", c[0], c[1])
	}
	r.commit("Signed")
	r.commit("Signed, too")
	p := &past{T: t, line: r.line(), sets: make([]state.Set, 3), all: make([]*fleet.Fleet, 3)}
	approved := func(by string) journal.Run {
		return journal.Run{ID: by, Fleet: "generated", Began: noon, Ended: noon, Source: journal.Source{Commit: p.line.Commits[2].Hash}, Changes: []journal.Change{{
			Address: "redfish/gpu-00001/bios", Action: plan.Delete, Result: journal.Done, Approval: &journal.Approval{By: by, Verified: true, Commit: p.line.Commits[1].Hash}}}}
	}
	first := journal.Run{ID: "first", Fleet: "generated", Began: noon, Ended: noon, Source: journal.Source{Commit: p.line.Commits[1].Hash}}
	held := func(v *Verify) { v.JournalKeys, v.SourceKeys = nil, keys }
	v := p.verify(p.write([]journal.Run{first, approved("ada@example.com")}, nil), held)
	require.Empty(t, v.Wrong)
	require.Subset(t, v.Proven, []string{"of the commits of the fleet that were in force, or lie between such, 2 are signed by an allowed signer",
		"commits that led to what was in force brought 1 approval"})
	v = p.verify(p.write([]journal.Run{first, approved("mallory@example.com")}, nil), held)
	require.Contains(t, fmt.Sprint(v.Wrong), "it is signed by ada@example.com, and not by mallory@example.com")
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// Whichever byte of the journal's files is changed: it is found, or every run still reads as it was.
func TestVerifyBytes(t *testing.T) {
	p := newPast(t)
	good := p.write(p.runs, p.sign)
	read := func(r *journal.Repository) (all []journal.Entry, err error) {
		for e, err := range journal.Read(r, "main") {
			if err != nil {
				return all, err
			}
			all = append(all, e)
		}
		return all, nil
	}
	want, err := read(good)
	require.NoError(t, err)
	var files []string
	require.NoError(t, filepath.WalkDir(good.Dir(), func(name string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && (strings.Contains(name, "/objects/") || strings.Contains(name, "/refs/")) {
			files = append(files, name)
		}
		return err
	}))
	seed := uint64(time.Now().UnixNano())
	random, found := rand.New(rand.NewPCG(seed, 0)), 0
	for range 60 {
		name := files[random.IntN(len(files))]
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		bad := slices.Clone(text)
		bad[random.IntN(len(bad))] ^= byte(1 + random.IntN(255))
		require.NoError(t, os.Chmod(name, 0o600))
		require.NoError(t, os.WriteFile(name, bad, 0o600))
		r, err := journal.Open(good.Dir())
		require.NoError(t, err)
		got, err := read(r)
		if err != nil || len(got) == 0 {
			found++
		} else {
			require.Empty(t, cmp.Diff(want, got, cmp.AllowUnexported(journal.Entry{})), "%s, seed %d", name, seed)
		}
		require.NoError(t, os.WriteFile(name, text, 0o600))
	}
	require.Greater(t, found, 30)
}
