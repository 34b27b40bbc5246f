package render

import (
	"fmt"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// defaultPKey is the partition that every port of a fabric is in.
const defaultPKey = 0x7fff

func partitionID(ufm string, pkey int) state.ID {
	return state.ID{Target: state.Target{System: state.UFM, Name: ufm}, Kind: "pkey", Name: fmt.Sprintf("0x%x", pkey)}
}

// portID is a port's place in a partition.
func portID(partition state.ID, guid string) state.ID {
	partition.Part = "guid/" + fleet.NormalGUID(guid)
	return partition
}

// defaultPartitions has each UFM looked at, also one that no segment uses yet, and whether its default
// partition joins all ports: what it is, UFM's own configuration says.
func (r *renderer) defaultPartitions() {
	for n, s := range fleet.All(r.fleet.Sites) {
		for un := range fleet.All(s.UFMs) {
			from := source("site/" + n)
			r.add(state.Object{
				ID: partitionID(un, defaultPKey), Entity: string(from), Mode: state.Observe,
				Tree: node(fields{"membership": from.because(key("ufm", un), "full members of it reach each other past all partitions", "limited")}),
			})
		}
	}
}

// partition is the address of the cluster's direct InfiniBand partition, if it has one.
func (r *renderer) partition(s *fleet.Segment) (state.ID, bool) {
	name, u := r.fleet.DirectUFM(s)
	if u == nil {
		return state.ID{}, false
	}
	return partitionID(name, s.InfiniBand.Direct.PKey), true
}

// direct renders the cluster's InfiniBand partition at UFM, and the ports of its machines in it.
func (r *renderer) direct(c cluster) {
	id, ok := r.partition(c.segment)
	if !ok {
		return
	}
	seg, d := source("segment/"+c.Segment), c.segment.InfiniBand.Direct
	tree := fields{
		"pkey":       seg.because("infiniband.direct.pkey", "in hexadecimal", id.Name),
		"ip_over_ib": seg.of("infiniband.direct.ipoib", d.IPoIB),
	}
	if d.QoS != nil {
		tree["qos_conf"] = node(fields{
			"mtu_limit":     seg.of("infiniband.direct.qos.mtu", d.QoS.MTU),
			"service_level": seg.of("infiniband.direct.qos.serviceLevel", d.QoS.ServiceLevel),
			"rate_limit":    seg.of("infiniband.direct.qos.rate", d.QoS.Rate),
		})
	}
	r.add(state.Object{ID: id, Entity: string(seg), Tree: node(tree), After: after(partitionID(id.Target.Name, defaultPKey))})
	for _, p := range c.pools {
		for _, m := range r.serving(p) {
			r.ports(c, p, m, id)
		}
	}
}

// ports puts a machine's InfiniBand ports into the partition, each by itself: all theirs, in no other one,
// and only once the machine is in the cluster's network.
func (r *renderer) ports(c cluster, p fleet.PoolRef, machine string, partition state.ID) {
	on := []state.ID{partition, memberID(c.serverClusterID(), machine)}
	if r.fleet.Machines[machine].Provisioning == fleet.ProvisioningMetal3 {
		on = append(on, r.hostID(machine))
	}
	from := source("machine/" + machine)
	for i, nic := range r.fleet.Machines[machine].NICs {
		if nic.Role != fleet.InfiniBand || nic.GUID == "" {
			continue
		}
		r.add(state.Object{
			ID: portID(partition, nic.GUID), Entity: p.Address(), After: after(on...),
			Tree: node(fields{
				"guid":       from.because(fmt.Sprintf("nics[%d].guid", i), "as UFM writes it", fleet.NormalGUID(nic.GUID)),
				"index0":     allocated(p, machine, true),
				"membership": allocated(p, machine, "full"),
			}),
		})
	}
}

// portsOf are a machine's places in the partition of its segment, if that is direct.
func (r *renderer) portsOf(s *fleet.Segment, machine string) []state.ID {
	partition, ok := r.partition(s)
	if !ok {
		return nil
	}
	var ids []state.ID
	for _, nic := range r.fleet.Machines[machine].NICs {
		if nic.Role == fleet.InfiniBand && nic.GUID != "" {
			ids = append(ids, portID(partition, nic.GUID))
		}
	}
	return ids
}
