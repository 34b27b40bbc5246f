package render_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"cuelang.org/go/cue"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/render"
)

// everyEntry is a chart that renders whatever values it is given, so that a golden file holds what
// the schema makes of each entry.
var everyEntry = chartOf("any", map[string]string{
	"templates/values.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {values: {{ toJson .Values | quote }}}\n",
	"templates/d.yaml":      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: {{ .Release.Name }}}\nspec: {replicas: 1, paused: false}\n",
})

// written is the fleet of testdata/stacks.txtar over the base of internal/fleet's fixtures.
func written(t *testing.T, digest string) fstest.MapFS { return overBase(t, "stacks.txtar", digest) }

// overBase is a fleet of testdata over that base. The digest is that of all its charts.
func overBase(t *testing.T, file, digest string) fstest.MapFS {
	t.Helper()
	repository := fstest.MapFS{}
	for _, name := range []string{"../internal/fleet/testdata/base.txtar", "testdata/" + file} {
		a, err := txtar.ParseFile(name)
		require.NoError(t, err)
		for _, f := range a.Files {
			repository[f.Name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(f.Data), "DIGEST", digest)), Mode: 0o644}
		}
	}
	return repository
}

// Every entry of the catalogue, with its defaults, as people write it: it passes the checks, comes in
// its wave, and every leaf says where it is written.
func TestEveryEntryOfTheCatalogue(t *testing.T) {
	charts := store{fstest.MapFS{}}
	repository := written(t, charts.put(archive(t, everyEntry)))
	f, found := fleet.Load(t.Context(), repository, fleet.Options{})
	require.Empty(t, found)
	known, err := definition(t, "#Catalogue").Fields(cue.Optional(true))
	require.NoError(t, err)
	for known.Next() {
		name := known.Selector().Unquoted()
		require.True(t, f.Stacks["base"].Catalogue[name] != nil || f.Stacks["policies"].Catalogue[name] != nil, "no stack has %s", name)
	}
	require.Len(t, f.Stacks["base"].Catalogue, 21, "all entries but Calico's two, and one of the author's own")
	set := mustRender(t, f, render.Inputs{FS: repository, Charts: charts})
	golden(t, "entries.txt", onlyTarget(dump(set), "kubernetes/acme.train/"))
	golden(t, "calico.txt", onlyTarget(dump(set), "kubernetes/globex.serve/"))
	everyLeafIsWritten(t, f, set)
}

// A renderer that remembers comes to the same as one that does not, also when a chart comes late.
func TestCataloguesAreRememberedRightly(t *testing.T) {
	charts := store{fstest.MapFS{}}
	data := archive(t, everyEntry)
	repository := written(t, charts.put(data))
	f, found := fleet.Load(t.Context(), repository, fleet.Options{})
	require.Empty(t, found)
	var re render.Renderer
	in := render.Inputs{FS: repository, Charts: charts}
	late := render.Inputs{FS: repository, Charts: fstest.MapFS{}}

	_, found = re.Render(t.Context(), f, late)
	require.True(t, found.Incomplete())
	want := dump(mustRender(t, f, in))
	for range 2 {
		set, found := re.Render(t.Context(), f, in)
		require.Empty(t, found)
		require.Equal(t, want, dump(set))
	}
}
