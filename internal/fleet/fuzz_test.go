package fleet

import (
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// FuzzLoad: whatever stands in a file, loading ends with a fleet or with findings that have a code
// and a place, within its limits, and compiling again says the same. It runs in a worker: a fuzzer
// finds bombs.
func FuzzLoad(f *testing.F) {
	for _, a := range All(badFleets(f)) {
		for _, file := range a.Files {
			if isSource(file.Name) {
				f.Add(string(file.Data))
			}
		}
	}
	base := fixture(f, &txtar.Archive{})
	l := NewLoader(Options{Worker: worker, Workers: 1, Limits: Limits{CPUSeconds: 2}})
	f.Cleanup(l.Close)
	f.Fuzz(func(t *testing.T, text string) {
		fsys := fstest.MapFS{}
		for name, file := range base {
			fsys[name] = file
		}
		fsys["fuzz/fuzz.cue"] = &fstest.MapFile{Data: []byte(text)}
		got, list := l.Load(t.Context(), fsys)
		if list.Err() == nil {
			require.NotNil(t, got)
		}
		for _, d := range list {
			require.NotEmpty(t, d.Code)
			require.NotEmpty(t, d.Summary)
			require.True(t, d.Pos.IsValid() || d.Code == "MW201" || d.Code == "MW101" || d.Code == "MW110", "%v", d)
		}
		_, again := l.Load(t.Context(), fsys)
		if len(list) > 0 && list[0].Code != "MW104" {
			require.Equal(t, printed(list), printed(again))
		}
	})
}
