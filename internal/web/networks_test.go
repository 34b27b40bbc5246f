package web

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
)

// written is a number as a page writes it.
func written(n Number) string {
	text := n.short()
	if n.Says != "" {
		text += " (" + n.Says
		if n.Read != "" {
			text += ", " + n.Read
		}
		text += ")"
	}
	return text
}

// TestNumbersOfNetworks protects that what Git says, what somebody chose, what is otherwise and what nobody
// knows are told apart.
func TestNumbersOfNetworks(t *testing.T) {
	r := &request{now: noon}
	ago := noon.Add(-12 * time.Minute)
	of := func(parts ...string) (n report.Network) {
		n.Target = "netris/dc1"
		for i := 0; i < len(parts); i += 2 {
			n.Partitions = append(n.Partitions, state.Partition{Fabric: parts[i], Number: parts[i+1]})
		}
		return n
	}
	for want, is := range map[string]Number{
		"VLAN 3021 (chosen by Netris)":                          r.vlan("auto", report.Network{Target: "netris/dc1", VLAN: 3021}),
		"VLAN 3021 (chosen by Netris, read 12 min ago)":         r.vlan("auto", report.Network{Target: "netris/dc1", VLAN: 3021, Read: ago}),
		"VLAN auto (not known yet)":                             r.vlan("auto", report.Network{}),
		"VLAN 310":                                              r.vlan("310", report.Network{Target: "netris/dc1", VLAN: 310, Read: ago}),
		"VLAN 311":                                              r.vlan("311", report.Network{}),
		"VLAN 312 (3021 at Netris)":                             r.vlan("312", report.Network{Target: "netris/dc1", VLAN: 3021}),
		"VXLAN 12 (13 at Netris, read 12 min ago)":              r.vxlan("12", report.Network{Target: "netris/dc1", VXLAN: 13, Read: ago}),
		"PKey 0x101":                                            r.partition("PKey", "0x101", report.Network{Target: "ufm/ib-1", Partitions: []state.Partition{{Fabric: "ib-1", Number: "0x101"}}}, 1),
		"PKey 0x101 (0x102 at UFM)":                             r.partition("PKey", "0x101", report.Network{Target: "ufm/ib-1", Partitions: []state.Partition{{Fabric: "ib-1", Number: "0x102"}}}, 1),
		"partition 5 (chosen by Netris)":                        r.partition("partition", "auto", of("nmxc-1", "5"), 1),
		"partition 5 in nmxc-1, 7 in nmxc-2 (chosen by Netris)": r.partition("partition", "auto", of("nmxc-1", "5", "nmxc-2", "7"), 2),
		"2 partitions (chosen by Netris)":                       r.partition("partition", "auto", of("nmxc-1", "5", "nmxc-2", "7"), 1),
	} {
		require.Equal(t, want, written(is))
	}
}

// TestSegmentsShowWhatWasChosen protects that each page which speaks of a segment, and the API, has the
// numbers that switches have; and that a segment is found by them.
func TestSegmentsShowWhatWasChosen(t *testing.T) {
	d := served(t, filled(t, 800)) // of five tenants, the last of which nobody has read of yet
	list := text(t, get(t, d, "/segments").Body.String())
	require.Contains(t, list, "3021 chosen by Netris 10021 chosen by Netris 0x101 chosen by Netris –")
	require.Contains(t, list, "3024 chosen by Netris read 12 min ago 10024")
	require.Contains(t, list, "auto not known yet auto not known yet auto not known yet –")
	for _, path := range []string{"/segments/acme-train", "/tenants/acme"} {
		page := text(t, get(t, d, path).Body.String())
		for _, want := range []string{"VLAN 3021 (chosen by Netris)", "VXLAN 10021 (chosen by Netris)", "VXLAN 10501 (chosen by Netris)", "PKey 0x101 (chosen by Netris)",
			"VLAN 310 VXLAN 10901 (chosen by Netris)", "VXLAN 2012 (chosen by Netris)"} {
			require.Contains(t, page, want, path)
		}
	}
	require.Contains(t, text(t, get(t, d, "/segments/juno-train").Body.String()), "VLAN auto (not known yet) VXLAN auto (not known yet)")

	for _, query := range []string{"3021", "vlan+3021", "10021", "0x101", "10901", "2012"} {
		var found envelope[SegmentJSON]
		require.NoError(t, json.Unmarshal(get(t, d, "/api/v1/segments?q="+query).Body.Bytes(), &found))
		require.Len(t, found.Items, 1, query)
		require.Equal(t, "acme-train", found.Items[0].Name, query)
		require.Contains(t, get(t, d, "/search?q="+query).Body.String(), `href="/segments/acme-train"`, query)
		require.NotContains(t, get(t, d, "/segments?q="+query).Body.String(), `href="/segments/globex-train"`, query)
	}
	var all envelope[SegmentJSON]
	require.NoError(t, json.Unmarshal(get(t, d, "/api/v1/segments").Body.Bytes(), &all))
	require.Equal(t, "auto", all.Items[0].VLAN, "as Git says it")
	require.Contains(t, all.Items[0].Networks, report.Network{Name: "northSouth", Target: "netris/dc1", VLAN: 3021, VXLAN: 10021})
	require.Empty(t, all.Items[4].Networks)
}

// TestARoutedNetworkHasNoVLAN protects from "auto, not known yet" where there never is one.
func TestARoutedNetworkHasNoVLAN(t *testing.T) {
	f, r := world(t, 16)
	f.Segments[0].VNets = []VNet{{Name: "uplink", Type: "l3", VLAN: "auto", VXLAN: "auto"}}
	store := &Store{}
	store.SetFloor(f)
	store.SetReport(r)
	require.Contains(t, text(t, get(t, served(t, store), "/segments/acme-train").Body.String()), "uplink VXLAN auto (not known yet) l3 V-Net")
}

// TestNumbersFromBeforeASegmentChangedHands protects that nobody reads of a segment what was read of it
// while it was another tenant's.
func TestNumbersFromBeforeASegmentChangedHands(t *testing.T) {
	f, r := world(t, 16)
	r.Networks[0].Tenant = "globex"
	store := &Store{}
	store.SetFloor(f)
	store.SetReport(r)
	d := proxied(t, store)
	for _, path := range []string{"/segments/acme-train", "/api/v1/report", "/api/v1/segments"} {
		w := get(t, d, path, by("acme-admins"))
		require.Equal(t, http.StatusOK, w.Code)
		require.NotContains(t, w.Body.String(), "3021", path)
		require.Contains(t, get(t, d, path, by("ops")).Body.String(), "3021", path)
	}
}
