package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

var ib1 = state.Target{System: state.UFM, Name: "ib-1"}

// pkeys are the partition keys of tenants.
var pkeys = map[string]int{"acme": 0x101, "globex": 0x102, "initech": 0x103}

func partitionID(tenant string) state.ID {
	return state.ID{Target: ib1, Kind: "pkey", Name: fmt.Sprintf("0x%x", pkeys[tenant])}
}

// portIDs are the places of a machine's two ports in a tenant's partition.
func portIDs(tenant, name string) []state.ID {
	var ids []state.ID
	for _, guid := range guids(name) {
		id := partitionID(tenant)
		id.Part = "guid/" + guid
		ids = append(ids, id)
	}
	return ids
}

// guids are those of the two InfiniBand ports of a machine called "gpu-1".
func guids(name string) []string {
	number := strings.TrimPrefix(name, "gpu-")
	return []string{fmt.Sprintf("b83fd20300aa%02s01", number), fmt.Sprintf("b83fd20300aa%02s02", number)}
}

// fabric gives a fleet an InfiniBand fabric that Millwright keeps, and each tenant a partition.
func fabric(f *fleet.Fleet) {
	f.Sites["dc1"].UFMs = map[string]*fleet.UFM{"ib-1": {PKeys: fleet.Range{First: 0x100, Last: 0x1ff}}}
	f.Segments = map[string]*fleet.Segment{}
	for name, m := range f.Machines {
		if m.Role == fleet.RoleWorker {
			for _, guid := range guids(name) {
				m.NICs = append(m.NICs, fleet.NIC{Role: fleet.InfiniBand, GUID: guid})
			}
		}
	}
	for tenant, t := range f.Tenants {
		segment := tenant + "-train"
		f.Segments[segment] = &fleet.Segment{Site: "dc1", InfiniBand: &fleet.Partition{Direct: &fleet.DirectPartition{UFM: "ib-1", PKey: pkeys[tenant]}}}
		t.Clusters = map[string]*fleet.Cluster{"train": {Segment: segment}}
	}
}

// partitionsOf are the tenants in whose partitions a machine has a port.
func (w *world) partitionsOf(name string) []string {
	var in []string
	for _, o := range w.sorted() {
		if guid, ok := kinds.Port(o.id); ok && slices.Contains(guids(name), guid) {
			in = append(in, tenantOfPartition(o.id))
		}
	}
	return slices.Compact(in)
}

func tenantOfPartition(id state.ID) string {
	for tenant := range pkeys {
		if partitionID(tenant) == id.Whole() {
			return tenant
		}
	}
	return id.String()
}

// joins is the machine, and the tenant whose network it joins, of a request for a member or a port.
func (w *world) joins(id state.ID) (name, tenant string, ok bool) {
	if cluster, name, ok := kinds.Membership(id); ok {
		return name, strings.TrimSuffix(cluster, "-train"), true
	}
	if guid, ok := kinds.Port(id); ok {
		for _, name := range machines {
			if slices.Contains(guids(name), guid) {
				return name, tenantOfPartition(id), true
			}
		}
	}
	return "", "", false
}
