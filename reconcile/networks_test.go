package reconcile

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
)

// networked is a fleet of so many tenants, each with a segment that has one of every network, and the live
// state of it as a controller that chose numbers shows it.
func networked(t *testing.T, tenants int) (Desired, state.Live) {
	t.Helper()
	f := &fleet.Fleet{Tenants: map[string]*fleet.Tenant{}, Segments: map[string]*fleet.Segment{}}
	live := state.Live{Target: dc1, Objects: map[state.ID]state.LiveObject{}}
	var objects []state.Object
	add := func(kind, name, entity string, networks ...state.Network) {
		id := state.ID{Target: dc1, Kind: kind, Name: name}
		objects = append(objects, state.Object{ID: id, Entity: entity, Mode: state.Own})
		live.Objects[id] = state.LiveObject{ID: id, Mark: id, Networks: networks}
	}
	for n := range tenants {
		tenant := fmt.Sprintf("tenant%03d", n)
		segment := tenant + "-net"
		f.Tenants[tenant] = &fleet.Tenant{Clusters: map[string]*fleet.Cluster{"train": {Segment: segment}}}
		f.Segments[segment] = &fleet.Segment{Site: "dc1"}
		add("vpc", segment, "segment/"+segment, state.Network{VXLAN: 2000 + n})
		add("servercluster", tenant+"-train", "cluster/"+tenant+"/train",
			state.Network{Name: "ew", VXLAN: 30000 + n},
			state.Network{Name: "ib", Partitions: []state.Partition{{Fabric: "ufm-dc1", Number: fmt.Sprintf("0x%x", 0x100+n)}}},
			state.Network{Name: "ns", VLAN: 300 + n, VXLAN: 10000 + n},
			state.Network{Name: "by-hand", VLAN: 4000})
		add("vnet", segment+"-storage", "segment/"+segment, state.Network{VLAN: 2000 + n, VXLAN: 20000 + n})
		add("subnet", segment, "segment/"+segment)
	}
	add("vnet", "dc1-oob", "site/dc1", state.Network{VLAN: 99, VXLAN: 999})
	set, err := state.NewSet(objects, nil)
	require.NoError(t, err)
	return Desired{Fleet: f, Set: set}, live
}

var acmeNetworks = report.Networks{Entity: "segment/tenant000-net", Tenant: "tenant000", Networks: []report.Network{
	{Name: "eastWest", Target: "netris/dc1", VXLAN: 30000},
	{Name: "infiniband", Target: "netris/dc1", Partitions: []state.Partition{{Fabric: "ufm-dc1", Number: "0x100"}}},
	{Name: "northSouth", Target: "netris/dc1", VLAN: 300, VXLAN: 10000},
	{Name: "vnet.storage", Target: "netris/dc1", VLAN: 2000, VXLAN: 20000},
	{Name: "vpc", Target: "netris/dc1", VXLAN: 2000},
}}

// What was read is told in the fleet's words and under its entities; what the fleet does not describe is not.
func TestNetworksAreReported(t *testing.T) {
	d, live := networked(t, 2)
	lives := map[state.Target]state.Live{dc1: live}
	all := networks(d, lives, nil)
	require.Len(t, all, 3)
	require.Equal(t, acmeNetworks, all[0])
	require.Equal(t, "segment/tenant001-net", all[1].Entity)
	require.Equal(t, report.Networks{Entity: "site/dc1", Networks: []report.Network{{Name: "vnet.oob", Target: "netris/dc1", VLAN: 99, VXLAN: 999}}}, all[2])

	// Another network of the same name, without our mark, may be anybody's, unless Git says to look only.
	id := state.ID{Target: dc1, Kind: "vnet", Name: "dc1-oob"}
	theirs := live.Objects[id]
	theirs.Mark = state.ID{}
	live.Objects[id] = theirs
	require.Len(t, networks(d, lives, nil), 2)
	watched := d
	var objects []state.Object
	for o := range d.Set.All() {
		o.Mode = state.Observe
		objects = append(objects, o)
	}
	watched.Set, _ = state.NewSet(objects, nil)
	require.Len(t, networks(watched, lives, nil), 3)
	delete(live.Objects, id)
	live.Covered = map[state.ID]bool{id: true}
	require.Len(t, networks(watched, lives, nil), 2, "and what is gone has no number")
}

// The number of a partition that is told to UFM itself is that of Git, and is there once UFM has it.
func TestADirectPartitionIsReported(t *testing.T) {
	d, live := networked(t, 1)
	o := state.Object{ID: partitionID("acme"), Entity: "segment/tenant000-net", Mode: state.Own}
	objects := []state.Object{o, {ID: state.ID{Target: ib1, Kind: "pkey", Name: "0x7fff"}, Entity: "site/dc1", Mode: state.Observe}}
	for o := range d.Set.All() {
		objects = append(objects, o)
	}
	d.Set, _ = state.NewSet(objects, nil)
	ours := []state.Partition{{Fabric: "ib-1", Number: "0x101"}}
	lives := map[state.Target]state.Live{dc1: live, ib1: {Target: ib1, Objects: map[state.ID]state.LiveObject{
		o.ID: {ID: o.ID, Networks: []state.Network{{Partitions: ours}}}, objects[1].ID: {ID: objects[1].ID, Networks: []state.Network{{Partitions: ours}}},
	}}}
	all := networks(d, lives, nil)
	require.Len(t, all, 2)
	require.Equal(t, report.Network{Name: "infiniband", Target: "ufm/ib-1", Partitions: ours}, all[0].Networks[1], "the agent's, which is there too, is on its way out")
	require.Len(t, all[1].Networks, 1, "the partition that all ports are in is nobody's network")
}

// Numbers are needed most when a controller is down: they stay, with the time at which they were read,
// as long as they are of the same tenant.
func TestNetworksThatCannotBeReadStay(t *testing.T) {
	d, live := networked(t, 1)
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	first := report.Report{Time: now, Networks: networks(d, map[state.Target]state.Live{dc1: live}, nil)}
	down := map[state.Target]state.Live{dc1: {Target: dc1, Err: errors.New("connection refused")}}
	second := report.Report{Time: now.Add(time.Minute), Networks: networks(d, down, &first)}
	want := append([]report.Network(nil), acmeNetworks.Networks...)
	for i := range want {
		want[i].Read = now
	}
	require.Equal(t, want, second.Networks[0].Networks)
	require.Equal(t, second.Networks, networks(d, down, &second), "the time stays that of the last look")
	require.Equal(t, first.Networks, networks(d, map[state.Target]state.Live{dc1: live}, &second), "and goes once it was read again")
	require.Empty(t, networks(d, down, nil))

	// One object that cannot be read does not hide the others.
	id := state.ID{Target: dc1, Kind: "servercluster", Name: "tenant000-train"}
	live.Unknown = map[state.ID]error{id: errors.New("500")}
	some := networks(d, map[state.Target]state.Live{dc1: live}, &first)
	require.Equal(t, now, some[0].Networks[2].Read)
	require.Zero(t, some[0].Networks[3].Read)

	// The segment is another tenant's now: it has numbers again when they were read.
	d.Fleet = &fleet.Fleet{Tenants: map[string]*fleet.Tenant{"globex": {Clusters: map[string]*fleet.Cluster{"train": {Segment: "tenant000-net"}}}, "tenant000": {Clusters: map[string]*fleet.Cluster{"train": {}}}}}
	require.Equal(t, []string{"site/dc1"}, entities(networks(d, down, &first)))
}

func entities(all []report.Networks) (names []string) {
	for _, of := range all {
		names = append(names, of.Entity)
	}
	return names
}

// A fleet of ten thousand machines, which has some two hundred segments, reports them in little.
func TestNetworksWeighLittle(t *testing.T) {
	d, live := networked(t, 200)
	text, err := json.Marshal(networks(d, map[state.Target]state.Live{dc1: live}, nil))
	require.NoError(t, err)
	require.Less(t, len(text), 100_000)
}
