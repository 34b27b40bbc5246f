package render_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
)

// partitioned is the small fleet with its InfiniBand partitions kept at UFM itself.
func partitioned() *fleet.Fleet {
	f := small()
	f.Sites["dc1"].UFMs = map[string]*fleet.UFM{
		"ib-dc1": {URL: "https://ufm.dc1.example.com", Credentials: "ufm", Certificate: "verify", PKeys: fleet.Range{First: 0x100, Last: 0x1ff}},
		"spare":  {URL: "https://ufm2.dc1.example.com", Credentials: "ufm", Certificate: "any", PKeys: fleet.Range{First: 0x100, Last: 0x1ff}},
	}
	f.Segments["acme-train"].InfiniBand = &fleet.Partition{PKey: "auto", Direct: &fleet.DirectPartition{UFM: "ib-dc1", PKey: 0x101,
		IPoIB: true, QoS: &fleet.PartitionQoS{MTU: 4, ServiceLevel: 3, Rate: 2.5}}}
	f.Segments["globex-web"].InfiniBand = &fleet.Partition{PKey: "auto", Direct: &fleet.DirectPartition{UFM: "ib-dc1", PKey: 0x1ab}}
	f.Segments["old-lab"].InfiniBand = &fleet.Partition{PKey: "auto", Direct: &fleet.DirectPartition{UFM: "ib-dc1", PKey: 0x102}}
	for name, guid := range map[string]string{"gpu-001": "B8:3F:D2:03:00:AA:01:0", "gpu-002": "b8:3f:d2:03:00:aa:02:0", "gpu-003": "b8:3f:d2:03:00:aa:03:0", "gpu-007": "b8:3f:d2:03:00:aa:07:0"} {
		f.Machines[name].NICs = []fleet.NIC{
			{Name: "eth0", Role: fleet.NorthSouth}, {Name: "ib0", Role: fleet.InfiniBand, GUID: guid + "1"}, {Name: "ib1", Role: fleet.InfiniBand, GUID: guid + "2"},
		}
	}
	return f
}

// A direct partition, the ports in it, and each UFM's default partition, which is watched also where no
// segment uses the UFM; nothing of them goes to Netris, nor anything of a tenant that leaves to UFM.
func TestGoldenPartitions(t *testing.T) {
	set := mustRender(t, partitioned(), render.Inputs{})
	var objects []state.Object
	for o := range set.All() {
		if o.ID.Target.System == state.UFM {
			objects = append(objects, o)
		}
		if o.ID.Kind == "servercluster-template" {
			require.NotContains(t, dump(setOf(t, o)), "netris-ufm")
		}
	}
	golden(t, "partitions.txt", dump(setOf(t, objects...)))
	for _, o := range objects {
		for _, e := range o.After {
			_, ok := set.Get(e.On)
			require.True(t, ok, "%s waits for %s, which is not rendered", o.ID, e.On)
		}
		for path, leaf := range o.Tree.Leaves() {
			_, ok := set.Entity(leaf.Origin().Entity)
			require.True(t, ok, "%s: %s comes from nowhere", o.ID, path)
		}
	}
}

func setOf(t *testing.T, objects ...state.Object) state.Set {
	t.Helper()
	set, err := state.NewSet(objects, nil)
	require.NoError(t, err)
	return set
}

// A host is offered to Platform only once all its ports are in the tenant's partition, and its ports join
// only once the machine is in the tenant's network.
func TestPortsComeBetweenNetworkAndOffer(t *testing.T) {
	set := mustRender(t, partitioned(), render.Inputs{})
	offer := must(t, set, "kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/gpu-001/pool/acme/train/h100")
	for _, port := range []string{"ufm/ib-dc1/pkey/0x101/guid/b83fd20300aa0101", "ufm/ib-dc1/pkey/0x101/guid/b83fd20300aa0102"} {
		there, _ := waits(offer, port)
		require.True(t, there)
		there, _ = waits(must(t, set, port), "netris/dc1/servercluster/acme-train/server/gpu-001")
		require.True(t, there)
	}
}

// The site's observe-only mode covers its UFMs.
func TestUFMIsItsSites(t *testing.T) {
	f := partitioned()
	f.Sites["dc1"].ObserveOnly = &fleet.ObserveOnly{Reason: "new site"}
	require.Equal(t, "new site", must(t, mustRender(t, f, render.Inputs{}), "ufm/ib-dc1/pkey/0x101").ObserveOnly)
	f = partitioned()
	f.Policy.ObserveOnly = map[string]fleet.ObserveOnly{"ufm/pkey/guid": {Reason: "new kind"}}
	set := mustRender(t, f, render.Inputs{})
	require.Equal(t, "new kind", must(t, set, "ufm/ib-dc1/pkey/0x101/guid/b83fd20300aa0101").ObserveOnly)
	require.Empty(t, must(t, set, "ufm/ib-dc1/pkey/0x101").ObserveOnly)
}
