package fleet_test

import (
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/fleet/fleettest"
)

// Several file systems loaded together are what each is when it is loaded alone, broken ones among them, and what
// they have in common is compiled once.
func TestLoadAllIsLoadEach(t *testing.T) {
	files := fleettest.Generate(fleettest.Size{Machines: 16, Tenants: 1})
	rack := fleettest.RackFile(0)
	with := func(name, text string) fs.FS {
		fsys := fstest.MapFS{}
		for n, data := range files {
			fsys[n] = &fstest.MapFile{Data: []byte(data)}
		}
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
		return fsys
	}
	serial := strings.ReplaceAll(files[rack], `"SN`, `"X`)
	all := []fs.FS{
		with(rack, files[rack]),
		with(rack, serial),
		with(rack, files[rack]+"machin: 1\n"),   // which is no fleet
		with(rack, files[rack]+"}"),             // nor is what does not parse
		with("cue.mod/module.cue", "module: 1"), // nor what is no module
		with(rack, strings.Replace(serial, "X", "Y", 1)),
		with(rack, files[rack]),
	}
	compiled := map[string]int{}
	var mu sync.Mutex
	l := fleet.NewLoader(fleet.Options{Compiled: func(dir string) {
		mu.Lock()
		defer mu.Unlock()
		compiled[dir]++
	}})
	defer l.Close()
	i := 0
	for f, found := range l.LoadAll(t.Context(), all) {
		alone, want := fleet.Load(t.Context(), all[i], fleet.Options{})
		require.Empty(t, cmp.Diff(want, found), "%d", i)
		require.Equal(t, i >= 2 && i <= 4, found.Err() != nil, "%d: %v", i, found)
		if found.Err() == nil {
			require.Empty(t, cmp.Diff(alone.Machines, f.Machines), "%d", i)
		}
		i++
	}
	require.Equal(t, len(all), i)
	require.Equal(t, 5, compiled["machines/rack-0000"], "%v", compiled)
	require.Equal(t, 1, compiled["machines/rack-0001"], "%v", compiled)
}
