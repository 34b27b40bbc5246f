package fleettest_test

import (
	"net/netip"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet/fleettest"
)

// A generated fleet stays correct where few tenants share many machines: segments have an address for each, stay
// apart, and leave the range that is theirs to no other.
func TestSegmentsHaveRoom(t *testing.T) {
	subnet := regexp.MustCompile(`network: "(.*)/\d+"\n\t\tsubnet:  "(.*)/(\d+)"`)
	count := regexp.MustCompile(`count: (\d+)`)
	for _, size := range []fleettest.Size{{Machines: 40, Tenants: 2}, {Machines: 10_000, Tenants: 1}, {Machines: 100_000, Tenants: 3}, {Machines: 100, Tenants: 500}} {
		files := fleettest.Generate(size)
		machines, rooms, seen := 0, 0, map[string]bool{}
		for name, text := range files {
			if m := subnet.FindStringSubmatch(text); m != nil {
				require.Equal(t, m[1], m[2])
				require.False(t, seen[m[1]], "%s is given twice", m[1])
				seen[m[1]] = true
				require.True(t, netip.MustParsePrefix("100.64.0.0/10").Contains(netip.MustParseAddr(m[1])), m[1])
				length, err := strconv.Atoi(m[3])
				require.NoError(t, err)
				rooms = 1<<(32-length) - 3
			}
			if name == "tenants/tenant0000/tenant.cue" {
				for _, m := range count.FindAllStringSubmatch(text, 3) { // of the larger cluster
					n, err := strconv.Atoi(m[1])
					require.NoError(t, err)
					machines += n
				}
			}
		}
		require.Len(t, seen, 2*size.Tenants)
		require.GreaterOrEqual(t, rooms, machines, "%+v", size)
	}
}
