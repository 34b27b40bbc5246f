package fleet

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/load"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet/fleettest"
)

func written1000(b *testing.B) (string, fleettest.Files) {
	dir, files := b.TempDir(), fleettest.Generate(fleettest.Size{Machines: 1000, Tenants: 20})
	require.NoError(b, files.Write(dir))
	return dir, files
}

// BenchmarkCold compiles and checks 1,000 machines with nothing remembered.
func BenchmarkCold(b *testing.B) {
	dir, _ := written1000(b)
	for b.Loop() {
		_, list := Load(b.Context(), os.DirFS(dir), Options{Worker: worker})
		require.Empty(b, list)
	}
}

// BenchmarkCueExport is what BenchmarkCold is measured against: `cue export ./...` of the same tree.
func BenchmarkCueExport(b *testing.B) {
	dir, _ := written1000(b)
	for b.Loop() {
		cx := cuecontext.New()
		for _, in := range load.Instances([]string{"./..."}, &load.Config{Dir: dir, Registry: noRegistry{}, Env: []string{}}) {
			require.NoError(b, in.Err)
			_, err := cx.BuildInstance(in).MarshalJSON()
			require.NoError(b, err)
		}
	}
}

// BenchmarkOneFile loads 1,000 machines again after one rack changed, as a running agent does.
func BenchmarkOneFile(b *testing.B) {
	dir, files := written1000(b)
	l := NewLoader(Options{Worker: worker})
	defer l.Close()
	_, list := l.Load(b.Context(), os.DirFS(dir))
	require.Empty(b, list)
	name := dir + "/" + fleettest.RackFile(3)
	n := 0
	for b.Loop() {
		n++
		text := strings.Replace(files[fleettest.RackFile(3)], "SN00000024", fmt.Sprintf("SNX%d", n), 1)
		require.NoError(b, os.WriteFile(name, []byte(text), 0o644))
		f, list := l.Load(b.Context(), os.DirFS(dir))
		require.Empty(b, list)
		require.Equal(b, fmt.Sprintf("SNX%d", n), f.Machines[fleettest.MachineName(24)].Serial)
	}
}
