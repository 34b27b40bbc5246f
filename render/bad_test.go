package render_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/render"
)

// badFleet is the small correct fleet of internal/fleet's fixtures with the changes of one archive. What
// the archive has below charts/NAME/ is packed as a chart, and charts/NAME.tgz is the archive of one as it
// is there; @NAME@ stands for its digest.
func badFleet(t *testing.T, a *txtar.Archive) (fstest.MapFS, store) {
	t.Helper()
	base, err := txtar.ParseFile("../internal/fleet/testdata/base.txtar")
	require.NoError(t, err)
	repository, charts := fstest.MapFS{}, store{fstest.MapFS{}}
	unpacked, digests := map[string]map[string]string{}, []string{}
	for _, f := range append(base.Files, a.Files...) {
		rest, isChart := strings.CutPrefix(f.Name, "charts/")
		name, _, isUnpacked := strings.Cut(rest, "/")
		switch {
		case f.Name == "want":
		case isChart && isUnpacked:
			if unpacked[name] == nil {
				unpacked[name] = map[string]string{}
			}
			unpacked[name][rest] = string(f.Data)
		case isChart:
			digests = append(digests, "@"+strings.TrimSuffix(rest, ".tgz")+"@", charts.put(f.Data))
		default:
			repository[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
		}
	}
	for name, files := range fleet.All(unpacked) {
		digests = append(digests, "@"+name+"@", charts.put(archive(t, files)))
	}
	for _, f := range repository {
		f.Data = []byte(strings.NewReplacer(digests...).Replace(string(f.Data)))
	}
	return repository, charts
}

// Every fleet here passes the checks of what is written, and is refused for what would come of it: with
// the code, at the place of what it is written in.
func TestBadRenderings(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad/*.txtar")
	require.NoError(t, err)
	shown := map[string]bool{}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			require.NoError(t, err)
			repository, charts := badFleet(t, a)
			f, found := fleet.Load(t.Context(), repository, fleet.Options{})
			require.NoError(t, found.Err(), "internal/fleet/testdata/bad is for what the checks refuse")
			_, found = render.Render(t.Context(), f, render.Inputs{FS: repository, Charts: charts})
			require.Error(t, found.Err())
			got := findings(found)
			for _, d := range found {
				shown[d.Code] = true
				require.Contains(t, repository, d.Pos.File, "%s has no place", d.Code)
				require.Positive(t, d.Pos.Line)
			}
			want := &a.Files[len(a.Files)-1]
			require.Equal(t, "want", want.Name)
			if *update {
				want.Data = []byte(got)
				require.NoError(t, os.WriteFile(path, txtar.Format(a), 0o644))
			}
			require.Equal(t, string(bytes.TrimSpace(want.Data)), strings.TrimSpace(got))
		})
	}
	for _, code := range refusals {
		require.True(t, shown[code], "no archive in testdata/bad shows %s", code)
	}
}

// refusals are the codes of what is refused when a fleet is rendered. MW302 is not among them: the checks
// refuse a component without a directory as MW201, and only a directory that goes while a fleet is rendered
// is left to it.
var refusals = []string{
	"MW301", "MW303", "MW304", "MW305", "MW306", "MW308", "MW309", "MW310", "MW311", "MW331", "MW332", "MW333", "MW350", "MW351", "MW352",
}

// findings are printed as those of the checks are in their golden files.
func findings(list diag.List) string {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "%s\n  path: %s\n", d.Error(), d.Path)
		if d.Hint != "" {
			fmt.Fprintf(&b, "  hint: %s\n", d.Hint)
		}
	}
	return b.String()
}
