package simulate

import "net/netip"

func (n *Netris) createAllocation(call *netrisCall) (any, error) {
	in, err := netrisDecode[netrisAllocationBody](n, call, nil)
	if err != nil {
		return nil, err
	}
	if err := n.tenants.resolve("tenant", &in.Tenant, n.refByName()); err != nil {
		return nil, err
	}
	if err := n.resolveVPC(&in.VPC); err != nil {
		return nil, err
	}
	if err := n.checkAllocation(0, in); err != nil {
		return nil, err
	}
	return netrisRef{ID: n.allocations.add(&netrisAllocation{in, netrisNow()})}, nil
}

func (n *Netris) checkAllocation(id int, in netrisAllocationBody) error {
	prefix, err := netrisPrefix(in.Prefix)
	if err != nil {
		return err
	}
	for other, a := range n.allocations.all() {
		if other != id && a.VPC.ID == in.VPC.ID && netip.MustParsePrefix(a.Prefix).Overlaps(prefix) && n.site.Rule(NetrisAllocationOverlap) {
			return netrisRefuse("prefix", "%s overlaps with the allocation %s", prefix, a.Prefix)
		}
	}
	return n.checkName(in.Name)
}

func (n *Netris) updateAllocation(call *netrisCall) (any, error) {
	a, ok := n.allocations.rows[call.id]
	if !ok {
		return nil, netrisNotFound("Not found.")
	}
	in, err := netrisDecode(n, call, &a.netrisAllocationBody)
	if err != nil {
		return nil, err
	}
	if n.site.Rule(NetrisCreateOnly) || in.Tenant == (netrisRef{}) {
		in.Tenant = a.Tenant
	}
	if n.site.Rule(NetrisCreateOnly) || in.VPC == (netrisRef{}) {
		in.VPC = a.VPC
	}
	if err := n.checkAllocation(call.id, in); err != nil {
		return nil, err
	}
	a.netrisAllocationBody = in
	a.touch()
	return netrisRef{ID: call.id}, nil
}

// subnetsIn are the subnets that lie in an allocation.
func (n *Netris) subnetsIn(allocation int) []int {
	var ids []int
	for id, s := range n.subnets.all() {
		if n.allocationFor(s.VPC.ID, netip.MustParsePrefix(s.Prefix)) == allocation {
			ids = append(ids, id)
		}
	}
	return ids
}

func (n *Netris) deleteAllocation(call *netrisCall) (any, error) {
	if _, ok := n.allocations.rows[call.id]; !ok {
		return nil, netrisNotFound("Not found.")
	}
	subnets := n.subnetsIn(call.id)
	if len(subnets) > 0 && n.site.Rule(NetrisDeleteInUse) {
		return nil, netrisRefuse("id", "the allocation has %d subnets", len(subnets))
	}
	for _, id := range subnets {
		delete(n.subnets.rows, id)
	}
	delete(n.allocations.rows, call.id)
	return nil, nil
}
