package netris_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/state"
)

// shown is a network as the controller shows it to anybody else, by its V-Net's name.
func (w *world) shown(vpc int, vnet, postfix string) state.Network {
	w.t.Helper()
	v, ok := w.named(fmt.Sprintf("/api/v2/vnet?filterByVpc=%d", vpc), vnet)
	require.True(w.t, ok, vnet)
	n := state.Network{Name: postfix, VLAN: int(v["vlan"].(float64)), VXLAN: int(v["vxlanID"].(float64))}
	require.NotZero(w.t, n.VLAN)
	require.NotZero(w.t, n.VXLAN)
	return n
}

// What the controller chose is read back: of a V-Net, of a VPC, and of what a template brought about,
// the partitions too, which nobody needs to be in for that.
func TestChosenNumbersAreObserved(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	backup := object(id("vnet", "acme-backup"), map[string]any{"name": "acme-backup", "sites": []any{ref("dc1")}, "tenant": ref("Admin"), "vpc": ref("acme"),
		"state": "active", "gateways": []any{}, "tags": []any{}})
	mustMake(t, c, append(everything, backup)...)
	acme, ok := w.named("/api/v2/vpc", "acme")
	require.True(t, ok)
	in := int(acme["id"].(float64))
	require.Equal(t, []state.Network{
		{Name: "ib", Partitions: []state.Partition{{Fabric: "ufm-1", Number: "0x100"}}},
		w.shown(in, "acme-train-ns", "ns"),
	}, present(t, c, cluster.ID).Networks)
	require.Equal(t, []state.Network{w.shown(in, "acme-backup", "")}, present(t, c, backup.ID).Networks)
	require.Equal(t, []state.Network{{VXLAN: int(acme["vni"].(float64))}}, present(t, c, vpc.ID).Networks)
	require.Nil(t, present(t, c, subnet.ID).Networks)

	joined := with(other, map[string]any{"srvClusterTemplate": ref("nvl-v1")})
	mustMake(t, c, nvlTemplate, joined, member("globex-train", "gpu-001"))
	require.Equal(t, []state.Network{{Name: "nvl", Partitions: []state.Partition{{Fabric: "nmxc-1", Number: "24"}}}}, present(t, c, joined.ID).Networks)
}

// How a cluster's V-Nets are called between its name and the postfix is not documented, nor whether the
// list has them. Where two could be meant, none is told: a wrong number would be worse.
func TestNetworksOfAClusterAreFoundByWhatIsDocumented(t *testing.T) {
	w := newWorld(t)
	mustMake(t, w.client(), everything...)
	clusters := func(names ...string) *spoiler {
		s := &spoiler{t: t}
		s.data("/api/v2/server-cluster", func(c map[string]any) {
			resources, ok := c["resources"].(map[string]any)
			if !ok {
				return
			}
			made := resources["vnets"].([]any)[0].(map[string]any)
			list := []any{}
			for _, name := range names {
				list = append(list, map[string]any{"id": made["id"], "name": name, "ipv4Gateways": made["ipv4Gateways"]})
			}
			resources["vnets"] = list
		})
		return s
	}
	acme, _ := w.named("/api/v2/vpc", "acme")
	ns := w.shown(int(acme["id"].(float64)), "acme-train-ns", "ns")
	told := func(s *spoiler) []state.Network {
		c := w.client(through(func(next http.RoundTripper) http.RoundTripper { s.next = next; return s }))
		return present(t, c, cluster.ID).Networks[1:] // the first is that of InfiniBand
	}
	for _, name := range []string{"acme-train-ns", "acme-trainns", "acme-train_ns", "acme-train - ns"} {
		require.Equal(t, []state.Network{ns}, told(clusters(name)), name)
	}
	for _, names := range [][]string{nil, {"globex-ns"}, {"acme-train-ew"}, {"acme-train-dns"}, {"acme-train-ns", "acme-train_ns"}} {
		require.Empty(t, told(clusters(names...)), names)
	}
	none := clusters("acme-train-ns")
	none.list("/api/v2/vnet", func(map[string]any) bool { return false })
	require.Equal(t, []state.Network{ns}, told(none), "it is asked for by itself")
}
