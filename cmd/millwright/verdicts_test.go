package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/fleet/fleettest"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/verdict"
	"millwright.dev/millwright/sources"
)

// withComponent is a committed fleet whose stack has a component in files of the repository.
func withComponent(t *testing.T, size fleettest.Size) (dir string, files fleettest.Files) {
	t.Helper()
	dir = t.TempDir()
	files = fleettest.Generate(size)
	files["common/common.cue"] = strings.Replace(files["common/common.cue"], "stack: base: fleet.#Stack & {",
		"stack: base: fleet.#Stack & {\n\tcomponent: a: {type: \"kustomize\", path: \"stacks/a\"}", 1)
	files["stacks/a/kustomization.yaml"] = "resources: [a.yaml]\n"
	files["stacks/a/a.yaml"] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: one}\n"
	require.NoError(t, files.Write(dir))
	commitAll(t, dir, "In force")
	return dir, files
}

// Where the base was found right before, only what differs is rendered, and the plan is that of rendering all. The
// head is then known as well as if it had been rendered whole.
func TestDifferingIsTheWholeDifference(t *testing.T) {
	dir, files := withComponent(t, fleettest.Size{Machines: 64, Tenants: 4})
	store := t.TempDir()
	fresh := func(cache string) *compiler {
		return &compiler{Loader: fleet.NewLoader(fleet.Options{}), verdicts: verdict.Open(cache)}
	}
	first := true
	for _, e := range []struct{ file, old, new string }{
		{"tenants/tenant0003/tenant.cue", "Tenant 3", "Tenant three"},
		{fleettest.RackFile(1), `"example.com/row": "0"`, `"example.com/row": "7"`},
		{"stacks/a/a.yaml", "one", "two"},
		{"tenants/tenant0001/tenant.cue", "\tdisplayName:", "\tretired: true\n\tdisplayName:"},
		{"common/common.cue", "image: \"ubuntu-noble-gpu\"\n", "image: \"ubuntu-noble-gpu\"\n\tcost: 7\n"},
		{"stacks/a/a.yaml", "name: a", "name: b"},
	} {
		require.Contains(t, files[e.file], e.old)
		files[e.file] = strings.ReplaceAll(files[e.file], e.old, e.new)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.FromSlash(e.file)), []byte(files[e.file]), 0o644))
		commitAll(t, dir, "Change "+e.file)
		checkout, err := sources.OpenCheckout(dir)
		require.NoError(t, err)
		base, err := checkout.At("HEAD~1")
		require.NoError(t, err)
		head, err := checkout.At("HEAD")
		require.NoError(t, err)

		whole := fresh("")
		wantWas, wantIs, why, err := whole.sides(t.Context(), base, head)
		require.NoError(t, err)
		require.NoError(t, why)
		whole.Close()
		known := fresh(store)
		if first { // nothing is known of the first base; each later one was a head before
			_, _, ok := known.differing(t.Context(), wantWas.fleet, wantIs.fleet, base, head)
			require.False(t, ok)
			first = false
		}
		was, is, why, err := known.sides(t.Context(), base, head)
		require.NoError(t, err)
		require.NoError(t, why)
		again, _, ok := known.differing(t.Context(), was.fleet, is.fleet, base, head)
		require.True(t, ok, "after %s all was rendered", e.file)
		known.Close()

		require.Equal(t, wantWas.objects, was.objects)
		require.Equal(t, wantIs.objects, is.objects)
		if !strings.HasPrefix(e.file, "common/") && !strings.HasPrefix(e.file, "stacks/") { // which all tenants share
			require.Less(t, again.set.Len(), wantWas.set.Len()/2, "after %s", e.file)
		}
		want, got := plan.Between(wantWas.set, wantIs.set, nil), plan.Between(was.set, is.set, nil)
		require.Equal(t, want, got, "after %s", e.file)
		wantRadius, wantEntities := blast.Compute(wantWas.fleet, wantIs.fleet, want)
		radius, entities := blast.Compute(was.fleet, is.fleet, got)
		require.Equal(t, wantRadius, radius)
		require.Equal(t, wantEntities, entities)
		require.NotEmpty(t, got.Changes, "after %s: %s", e.file, e.new)
	}
}

// What is wrong with a fleet is found whatever is known of its base: here files of a stack lie as they did, and yet a
// link leads to them, which none may.
func TestALinkIsFoundWhateverIsKnown(t *testing.T) {
	dir, _ := withComponent(t, fleettest.Size{Machines: 16, Tenants: 1})
	require.NoError(t, os.Rename(filepath.Join(dir, "stacks"), filepath.Join(dir, "other")))
	require.NoError(t, os.Symlink("other", filepath.Join(dir, "stacks")))
	commitAll(t, dir, "Lead elsewhere")
	checkout, err := sources.OpenCheckout(dir)
	require.NoError(t, err)
	base, err := checkout.At("HEAD~1")
	require.NoError(t, err)
	head, err := checkout.At("HEAD")
	require.NoError(t, err)
	store := t.TempDir()
	for _, what := range []string{"nothing is known", "the base is known"} {
		c := &compiler{Loader: fleet.NewLoader(fleet.Options{}), verdicts: verdict.Open(store)}
		_, _, why, err := c.sides(t.Context(), base, head)
		c.Close()
		require.NoError(t, why, what)
		require.ErrorContains(t, err, "MW302", what)
	}
}

// A fleet that was right and is so no more is not taken for the one that was, also where a link leads to it.
func TestWhatIsWrongIsFoundThroughALink(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	files := fleettest.Generate(fleettest.Size{Machines: 16, Tenants: 1})
	require.NoError(t, files.Write(filepath.Join(dir, "fleet")))
	commitAll(t, dir, "In force")
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(filepath.Join(dir, "fleet"), link))
	validate := func() (int, string) {
		var out strings.Builder
		code := execute(t.Context(), []string{"validate", link, "--cache-dir", cache}, &out, &out)
		return code, out.String()
	}
	code, out := validate()
	require.Equal(t, exitOK, code, out)
	const tenant = "tenants/tenant0000/tenant.cue"
	require.Contains(t, files[tenant], "displayName:")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "fleet", filepath.FromSlash(tenant)), []byte(strings.Replace(files[tenant], "displayName:", "displayNam:", 1)), 0o644))
	code, out = validate()
	require.Equal(t, exitInvalid, code, out)
}
