package audit

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/fleet/fleettest"
	"millwright.dev/millwright/sources"
)

// BenchmarkHistory makes the index of commits that each touch one directory, and measures it against compiling those
// directories alone, one after the other as they came: the metric "ratio". MILLWRIGHT_COMMITS says how many commits;
// 100 unless told.
func BenchmarkHistory(b *testing.B) {
	commits := 100
	if n, err := strconv.Atoi(os.Getenv("MILLWRIGHT_COMMITS")); err == nil {
		commits = n
	}
	r := newRepo(b, fleettest.Size{Machines: 240, Tenants: 2})
	racks := 240 / 8
	text := func(n int) (name, text string) {
		name = fleettest.RackFile(n % racks)
		return name, strings.ReplaceAll(r.files[name], `"SN`, fmt.Sprintf(`"C%d-`, n))
	}
	for n := range commits {
		r.put(text(n))
		r.commit("edit")
	}
	line := r.line()
	first, err := sources.LineOf(r.dir, fmt.Sprintf("HEAD~%d", commits))
	require.NoError(b, err)
	var indexing, compiling time.Duration
	for b.Loop() {
		l := fleet.NewLoader(fleet.Options{})
		x := Open("", line, "bench")
		require.NoError(b, x.Update(b.Context(), first, l)) // what no commit touches is compiled by both beforehand
		begin := time.Now()
		require.NoError(b, x.Update(b.Context(), line, l))
		indexing += time.Since(begin)
		l.Close()
		require.Len(b, x.data.Commits, commits+1)

		l = fleet.NewLoader(fleet.Options{})
		_, found := l.Load(b.Context(), alone(r.files, fleettest.RackFile(0), r.files[fleettest.RackFile(0)]))
		require.NoError(b, found.Err())
		begin = time.Now()
		for n := range commits {
			name, changed := text(n)
			_, found := l.Load(b.Context(), alone(r.files, name, changed))
			require.NoError(b, found.Err())
		}
		l.Close()
		compiling += time.Since(begin)
	}
	b.ReportMetric(float64(indexing)/float64(compiling), "ratio")
	b.ReportMetric(float64(indexing.Milliseconds())/float64(b.N*commits), "ms/commit")
}

// alone is a fleet of one rack and what it needs.
func alone(files fleettest.Files, name, text string) fstest.MapFS {
	fsys := fstest.MapFS{name: {Data: []byte(text)}}
	for _, shared := range []string{"cue.mod/module.cue", "common/common.cue", "priorities/kustomization.yaml", "priorities/priorities.yaml"} {
		fsys[shared] = &fstest.MapFile{Data: []byte(files[shared])}
	}
	return fsys
}
