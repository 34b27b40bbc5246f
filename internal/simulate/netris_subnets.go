package simulate

import (
	"net/netip"
	"slices"
)

func (n *Netris) createSubnet(call *netrisCall) (any, error) {
	in, err := netrisDecode[netrisSubnetBody](n, call, nil)
	if err != nil {
		return nil, err
	}
	if err := n.resolveVPC(&in.VPC); err != nil {
		return nil, err
	}
	if err := n.checkSubnet(&in); err != nil {
		return nil, err
	}
	return netrisRef{ID: n.subnets.add(&netrisSubnet{in, netrisNow()})}, nil
}

func (n *Netris) checkSubnet(in *netrisSubnetBody) error {
	prefix, err := netrisPrefix(in.Prefix)
	if err != nil {
		return err
	}
	if n.allocationFor(in.VPC.ID, prefix) == 0 && n.site.Rule(NetrisSubnetInAllocation) {
		return netrisRefuse("prefix", "no allocation of the VPC contains %s", prefix)
	}
	if !slices.Contains(netrisPurposes, in.Purpose) {
		return netrisRefuse("purpose", "purpose is one of %v", netrisPurposes)
	}
	if err := n.tenants.resolve("tenant", &in.Tenant, n.refByName()); err != nil {
		return err
	}
	if err := n.resolveSites(in.Sites); err != nil {
		return err
	}
	if err := n.checkName(in.Name); err != nil {
		return err
	}
	return n.checkTags(in.Tags)
}

func (n *Netris) updateSubnet(call *netrisCall) (any, error) {
	s, ok := n.subnets.rows[call.id]
	if !ok {
		return nil, netrisNotFound("Not found.")
	}
	in, err := netrisDecode(n, call, &s.netrisSubnetBody)
	if err != nil {
		return nil, err
	}
	if n.site.Rule(NetrisCreateOnly) || in.Prefix == "" {
		in.Prefix = s.Prefix
	}
	if n.site.Rule(NetrisCreateOnly) || in.VPC == (netrisRef{}) {
		in.VPC = s.VPC
	}
	if err := n.checkSubnet(&in); err != nil {
		return nil, err
	}
	s.netrisSubnetBody = in
	s.touch()
	return netrisRef{ID: call.id}, nil
}

func (n *Netris) deleteSubnet(call *netrisCall) (any, error) {
	s, ok := n.subnets.rows[call.id]
	if !ok {
		return nil, netrisNotFound("Not found.")
	}
	for _, v := range n.vnets.all() {
		if v.VPC.ID == s.VPC.ID && v.hasGatewayIn(netip.MustParsePrefix(s.Prefix)) && n.site.Rule(NetrisDeleteInUse) {
			return nil, netrisRefuse("id", "the V-Net %s has its gateway in the subnet", v.Name)
		}
	}
	delete(n.subnets.rows, call.id)
	return nil, nil
}
