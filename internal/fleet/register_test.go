package fleet

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet/fleettest"
)

// mistakes are changes that make machines clash, or wrong by themselves, and those that mend it again.
var mistakes = []struct{ file, old, new string }{
	{`machines/.*`, `serial: "SN00000003"`, `serial: "SN00000012"`},
	{`machines/.*`, `serial: "SN00000012"`, `serial: "SN00000003"`},
	{`machines/.*`, `5c:ff:00:00:05:01`, `5C:FF:00:00:09:01`},
	{`machines/.*`, `5C:FF:00:00:09:01`, `5c:ff:00:00:05:01`},
	{`machines/.*`, `b8:3f:d2:03:00:00:01:02`, `b8:3f:d2:03:00:00:02:02`},
	{`machines/.*`, `bootMAC: "5c:ff:00:00:0b:00"`, `bootMAC: "5c:ff:00:00:0a:00"`},
	{`machines/.*`, `unit: 6\n`, "unit: 1\n"},
	{`machines/.*`, `unit: 11\n`, "unit: 13\n"},
	{`machines/.*`, `unit: 13\n`, "unit: 11\n"},
	{`machines/.*`, `unit: 36\n`, "unit: 60\n"},
	{`machines/.*`, `unit: 16\n`, "unit: 16\n\tlifecycle: \"rma\"\n"},
	{`machines/.*`, `\tlifecycle: "rma"\n`, ""},
	{`machines/.*`, `10\.0\.0\.7/`, "10.0.0.8/"},
	{`machines/.*`, `10\.0\.0\.8/`, "10.0.0.7/"},
	{`machines/.*`, `site: "dc1"`, `site: "dc2"`},
	{`machines/.*`, `site: "dc2"`, `site: "dc1"`},
	{`machines/.*`, `role: "infiniband", guid: "b8:3f:d2:03:00:00:05`, `role: "management", guid: "b8:3f:d2:03:00:00:05`},
	{`common/.*`, `management: "10.0.0.0/12"`, `management: "10.0.0.0/29"`},
	{`common/.*`, `management: "10.0.0.0/29"`, `management: "10.0.0.0/12"`},
	{`common/.*`, `cpus: +192\n`, "cpus: 192\n\theight: 6\n"},
	{`common/.*`, `\theight: 6\n`, ""},
	{`common/.*`, `cpus: +192\n`, "cpus: 192\n\tacceptance: check: burnt: evidence: \"record\"\n"},
	{`common/.*`, `\tacceptance: .*\n`, ""},
	{`tenants/.*`, `\tdisplayName: "Tenant`, "\tretired: true\n\tdisplayName: \"Tenant"},
	{`tenants/.*`, `\tretired: true\n`, ""},
	{`allocation/.*`, `"gpu-00001", `, ""},
}

// A loader that has loaded other things before finds what a new one finds, whatever clashed in between:
// what it remembers of machines is never stale, and never of another fleet.
func TestLoadingAgainFindsWhatLoadingAfreshFinds(t *testing.T) {
	right := fleettest.Generate(fleettest.Size{Machines: 24, Tenants: 1})
	files := mapFS(right)
	r := rand.New(rand.NewPCG(5, 7))
	l := NewLoader(Options{})
	defer l.Close()
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range files {
			if !yield(name) {
				return
			}
		}
	})
	applied, clashes := map[int]bool{}, 0
	const rounds = 80
	for round := range rounds {
		if round%8 == 7 {
			files = mapFS(right) // all mended at once
		}
		for n := range r.IntN(3) {
			i := (round*2 + n) % len(mistakes)
			if r.IntN(3) == 0 {
				i = r.IntN(len(mistakes))
			}
			m := mistakes[i]
			for _, name := range names {
				old := regexp.MustCompile(m.old)
				at := old.FindIndex(files[name].Data)
				if at == nil || !regexp.MustCompile(m.file).MatchString(name) {
					continue
				}
				text := slices.Concat(files[name].Data[:at[0]], []byte(m.new), files[name].Data[at[1]:])
				files[name] = &fstest.MapFile{Data: text}
				applied[i] = true
				break
			}
		}
		_, afresh := Load(t.Context(), files, Options{})
		_, again := l.Load(t.Context(), files)
		require.Equal(t, afresh, again)
		if len(again) > 0 {
			clashes++
		}
	}
	require.Greater(t, len(applied), len(mistakes)*3/4, "most of the mistakes were made")
	require.Greater(t, clashes, rounds/2)
	require.Less(t, clashes, rounds, "and some of the fleets were right")
}
