package view

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
)

// The numbers of networks stand below each other, with who says so and, where nobody could ask lately, since
// when; and nothing that a controller says can paint on the terminal.
func TestNetworksText(t *testing.T) {
	all := []report.Networks{
		{Entity: "segment/acme-train", Tenant: "acme", Networks: []report.Network{
			{Name: "infiniband", Target: "netris/dc1", Partitions: []state.Partition{{Fabric: "ufm-dc1", Number: "0x101\x1b[31m"}}},
			{Name: "northSouth", Target: "netris/dc1", VLAN: 3021, VXLAN: 10021, Read: now.Add(-12 * time.Minute)},
			{Name: "nvlink", Target: "netris/dc1", Partitions: []state.Partition{{Fabric: "nmxc-1", Number: "5"}, {Fabric: "nmxc-2", Number: "7"}}},
		}},
		{Entity: "site/dc1", Networks: []report.Network{{Name: "vnet.oob", Target: "netris/dc1", VXLAN: 999}}},
	}
	require.Equal(t, `  segment/acme-train  infiniband  PKey 0x101`+clean("\x1b")+`[31m in ufm-dc1 at netris/dc1
  segment/acme-train  northSouth  VLAN 3021, VXLAN 10021 at netris/dc1, read 12 min ago
  segment/acme-train  nvlink      partition 5 in nmxc-1, partition 7 in nmxc-2 at netris/dc1
  site/dc1            vnet.oob    VXLAN 999 at netris/dc1
`, text(t, func(w io.Writer) error { return NetworksText(w, all, now) }))
	require.Empty(t, text(t, func(w io.Writer) error { return NetworksText(w, nil, now) }))
}
