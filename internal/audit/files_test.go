package audit

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet/fleettest"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
	"millwright.dev/millwright/sources"
)

// at is Git's own hash of a directory as it is committed.
func (r *repo) at(dir string) Value {
	r.Helper()
	out, err := exec.Command("git", "-C", r.dir, "rev-parse", "HEAD:"+dir).Output()
	require.NoError(r, err)
	return text(strings.TrimSpace(string(out)))
}

// last is what changed a value of the rendered priority class last, as the directory has it.
func (r *repo) last(x *Index) *Event {
	r.Helper()
	now, err := sources.Directory(r.dir)
	require.NoError(r, err)
	f, found := loader(r).Load(r.Context(), now.FS)
	require.NoError(r, found.Err())
	if now.Dirty {
		head, err := r.line().At(len(r.line().Commits) - 1)
		require.NoError(r, err)
		x, err = x.Draft(f, head.FS, now.FS, "stack/base")
		require.NoError(r, err)
	}
	set, _ := render.Render(r.Context(), f, render.Inputs{FS: now.FS})
	for o := range set.All() {
		if o.ID.Kind == "PriorityClass.scheduling.k8s.io" && o.ID.Name == "batch" {
			value, _ := o.Tree.Field("value")
			return x.Last([]Origin{RenderedOf(f, value.Origin())})[0]
		}
	}
	require.Fail(r, "the class is not rendered")
	return nil
}

// What is rendered of a component's files was changed last by the commit that changed them, wherever they are taken
// from, or that made it of other files; what is not committed yet is told as that.
func TestFiles(t *testing.T) {
	r := newRepo(t, fleettest.Size{Machines: 8, Tenants: 1})
	const component = "component.priorities."
	added := r.last(indexed(r, ""))
	require.Equal(t, []string{"The fleet", Added}, []string{added.Commit.Subject, added.Change})
	require.Equal(t, []Change{{Path: component + "path", New: `"priorities"`}}, added.Changes)

	was := r.at("priorities")
	r.replace("priorities/priorities.yaml", "1000\n", "2000\n")
	r.commit("Files")
	r.replace(tenantFile, `"Tenant `, `"Renamed `)
	r.commit("No files")
	x := indexed(r, "")
	e := r.last(x)
	require.Equal(t, []string{"Files", "stack/base", Changed}, []string{e.Commit.Subject, e.Entity, e.Change})
	require.Equal(t, []Change{{Path: component + "files", Old: was, New: r.at("priorities"), Coarse: true}}, e.Changes)
	require.Equal(t, []string{"0", "1"}, commitsOf(t, x, "stack/base"))

	r.replace("priorities/priorities.yaml", "2000\n", "3000\n")
	require.Equal(t, []Change{{Path: component + "files", Old: r.at("priorities"), New: `"not committed yet"`, Coarse: true}}, r.last(x).Changes)
	r.git("checkout", "-q", "priorities")
	r.put("README.md", "Not of the component.\n")
	require.Equal(t, "Files", r.last(x).Commit.Subject)

	// A base that lies elsewhere, and one that this takes in, are of the component's files, too.
	r.put("base/kustomization.yaml", "resources: [priorities.yaml]\n")
	r.put("base/priorities.yaml", r.files["priorities/priorities.yaml"])
	r.put("between/kustomization.yaml", "resources: [../base]\n")
	r.put("priorities/priorities.yaml", "")
	r.put("priorities/kustomization.yaml", "resources:\n- ../between\n")
	r.commit("A base")
	r.put("beside/file", "nobody takes it in")
	r.commit("Beside")
	r.replace("base/priorities.yaml", "1000\n", "4000\n")
	r.commit("In the base")
	r.replace("common/common.cue", `path: "priorities"`, `path: "moved"`)
	r.git("mv", "priorities", "moved")
	r.commit("Moved")
	x = indexed(r, "")
	require.Equal(t, []string{"0", "1", "3", "5", "6"}, commitsOf(t, x, "stack/base"))
	e = r.last(x)
	require.Equal(t, "Moved", e.Commit.Subject)
	require.Equal(t, []string{component + "files", component + "path"}, []string{e.Changes[0].Path, e.Changes[1].Path})
	r.replace("base/priorities.yaml", "4000\n", "5000\n")
	require.Empty(t, r.last(x).Commit.Hash)
	r.git("checkout", "-q", "base")

	// The path by itself is what was asked for where it was.
	r.replace("moved/kustomization.yaml", "resources", "# more\nresources")
	r.commit("Only files")
	x = indexed(r, "")
	require.Equal(t, "Only files", r.last(x).Commit.Subject)
	require.Equal(t, "Moved", x.Last([]Origin{{Entity: "stack/base", Field: component + "path"}})[0].Commit.Subject)
}

// Rules that come, change and go are events of the policy.
func TestRulesAreFiles(t *testing.T) {
	r := newRepo(t, fleettest.Size{Machines: 8, Tenants: 1})
	const rule = "package rules\n\nimport \"millwright.dev/fleet\"\n\n#plan: fleet.#Plan\nrule: none: {says: \"nothing\", deny: [if len(#plan.reboots) > 8 {at: \"plan\", why: \"many\"}]}\n"
	r.put("policy/rules/rules.cue", rule)
	r.commit("Rules")
	first := r.at("policy/rules")
	r.replace("policy/rules/rules.cue", "> 8", "> 80")
	r.commit("Weaker")
	second := r.at("policy/rules")
	r.put("policy/rules", "")
	r.commit("None")
	x := indexed(r, "")
	require.Empty(t, x.data.Commits[1].Invalid)
	a, err := x.Ask(Query{Address: "policy.rules"})
	require.NoError(t, err)
	var got []Change
	for _, e := range a.Events {
		require.Equal(t, "policy", e.Entity)
		got = append(got, e.Changes...)
	}
	require.Equal(t, []Change{{Path: "rules", Old: second}, {Path: "rules", Old: first, New: second}, {Path: "rules", New: first}}, got)
}

// watched counts what is read of a commit.
type watched struct {
	treeFS
	reads int
}

func (w *watched) ReadDir(name string) ([]fs.DirEntry, error) {
	w.reads++
	return w.treeFS.ReadDir(name)
}

func (w *watched) ReadFile(name string) ([]byte, error) {
	w.reads++
	return w.treeFS.ReadFile(name)
}

// A commit that leaves a component's files alone costs no read of them.
func TestFilesAreReadOnce(t *testing.T) {
	r := newRepo(t, fleettest.Size{Machines: 8, Tenants: 1})
	r.put("priorities/kustomization.yaml", "resources: [priorities.yaml, ../base]\n")
	r.put("base/kustomization.yaml", "resources: []\n")
	r.commit("A base")
	r.replace(tenantFile, `"Tenant `, `"Renamed `)
	r.commit("A name")
	files, l := reader{}, r.line()
	var hashes []string
	for i, want := range []bool{true, true, false} {
		s, err := l.At(i)
		require.NoError(t, err)
		w := &watched{treeFS: s.FS.(treeFS)}
		hashes = append(hashes, files.of(w)("priorities", true))
		require.Equal(t, want, w.reads > 0, "commit %d: %d reads", i, w.reads)
		require.Empty(t, files.of(w)("nowhere", false))
	}
	require.NotEqual(t, hashes[0], hashes[1])
	require.Equal(t, hashes[1], hashes[2])
}

// The values that a chart is rendered with make what is rendered, as its files do.
func TestRenderedOf(t *testing.T) {
	for field, want := range map[string]string{
		"component.limits.path":       "component.limits.files component.limits.values",
		`component["a.b"].path`:       `component["a.b"].files component["a.b"].values`,
		"catalogue.gpu.version":       "catalogue.gpu.chart catalogue.gpu.digest catalogue.gpu.hooks catalogue.gpu.repository catalogue.gpu.values",
		"component.limits.namespace":  "",
		"component.limits.path.extra": "",
	} {
		require.Equal(t, want, strings.Join(RenderedOf(nil, state.Origin{Entity: "stack/x", Field: field}).Beside, " "), field)
	}
	require.Empty(t, RenderedOf(nil, state.Origin{Entity: "class/x", Field: "component.limits.path"}).Beside)
}

// A clone that lacks a kustomization cannot tell what is taken in, and what it cannot tell is not kept.
func TestFilesThatACloneLacks(t *testing.T) {
	r, dir := newRepo(t, fleettest.Size{Machines: 8, Tenants: 1}), t.TempDir()
	noise := make([]byte, 1<<16) // so that half of the file tells how long it is, and not what it holds
	for i, random := 0, rand.New(rand.NewPCG(1, 2)); i < len(noise); i++ {
		noise[i] = byte('a' + random.IntN(26))
	}
	r.put("priorities/kustomization.yaml", "resources: [priorities.yaml] # "+string(noise)+"\n")
	r.commit("A comment")
	hash := r.at("priorities/kustomization.yaml").Plain().(string)
	object := filepath.Join(r.dir, ".git", "objects", hash[:2], hash[2:])
	whole, err := os.ReadFile(object)
	require.NoError(t, err)
	require.NoError(t, os.Remove(object))
	require.NoError(t, os.WriteFile(object, whole[:len(whole)/2], 0o600))
	l := r.line()
	x := Open(dir, l, "test")
	require.ErrorIs(t, x.Update(t.Context(), l, loader(t)), sources.ErrDamaged)
	require.Equal(t, 1, Open(dir, l, "test").Pending(l))
}
