package fleet

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
)

// fixture is the small correct fleet with the changes of one archive.
func fixture(t testing.TB, a *txtar.Archive) fstest.MapFS {
	t.Helper()
	base, err := txtar.ParseFile("testdata/base.txtar")
	require.NoError(t, err)
	fsys := fstest.MapFS{}
	for _, f := range append(base.Files, a.Files...) {
		switch f.Name {
		case "want":
		case "remove":
			for name := range strings.FieldsSeq(string(f.Data)) {
				require.Contains(t, fsys, name)
				delete(fsys, name)
			}
		default:
			fsys[f.Name] = &fstest.MapFile{Data: f.Data}
		}
	}
	return fsys
}

// printed is a list of findings as the golden files have it.
func printed(list diag.List) string {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintln(&b, d.Error())
		if d.Path != "" {
			fmt.Fprintf(&b, "  path: %s\n", d.Path)
		}
		for _, r := range d.Related {
			fmt.Fprintf(&b, "  %s: %s\n", r.Pos, r.Message)
		}
		if d.Hint != "" {
			fmt.Fprintf(&b, "  hint: %s\n", d.Hint)
		}
	}
	return b.String()
}

func badFleets(t testing.TB) map[string]*txtar.Archive {
	t.Helper()
	paths, err := filepath.Glob("testdata/bad/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	out := map[string]*txtar.Archive{}
	for _, p := range paths {
		a, err := txtar.ParseFile(p)
		require.NoError(t, err)
		out[strings.TrimSuffix(filepath.Base(p), ".txtar")] = a
	}
	return out
}

// The fleet that all fixtures change is correct, or they would prove nothing.
func TestBaseIsCorrect(t *testing.T) {
	_, list := Load(t.Context(), fixture(t, &txtar.Archive{}), Options{})
	require.Empty(t, printed(list))
}

// Every wrong fleet is refused with all that is wrong with it: code, place, other places, hint.
func TestBadFleets(t *testing.T) {
	seen := map[string]string{}
	for name, a := range All(badFleets(t)) {
		t.Run(name, func(t *testing.T) {
			fsys := fixture(t, a)
			_, list := Load(t.Context(), fsys, Options{})
			require.Error(t, list.Err())
			for _, d := range list {
				require.NotEmpty(t, d.Code)
				if d.Pos.Line > 0 {
					require.Contains(t, fsys, d.Pos.File, "positions name a file of the fleet")
				}
			}
			last := &a.Files[len(a.Files)-1]
			require.Equal(t, "want", last.Name)
			got := printed(list)
			require.Empty(t, seen[got], "%s finds the same already", seen[got])
			seen[got] = name
			if *update {
				last.Data = []byte(got)
				require.NoError(t, os.WriteFile(filepath.Join("testdata/bad", name+".txtar"), txtar.Format(a), 0o644))
				return
			}
			require.Equal(t, string(bytes.TrimSpace(last.Data)), strings.TrimSpace(got))
		})
	}
	require.GreaterOrEqual(t, len(badFleets(t)), 100, "the corpus of wrong fleets shrinks")
}
