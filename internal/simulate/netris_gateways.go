package simulate

import (
	"net/netip"
	"slices"
)

// netrisGatewayPlan is a gateway that a new cluster needs, and the allocation to make for it if none
// contains it.
type netrisGatewayPlan struct{ gateway, allocation netip.Prefix }

// planGateways settles the gateways of each stanza, or says why a stanza cannot have them.
func (n *Netris) planGateways(in netrisClusterBody, stanzas []netrisStanza) ([][]netrisGatewayPlan, error) {
	var taken []netip.Prefix // subnets of all VPCs: an automatic one overlaps with none of them
	for _, s := range n.subnets.all() {
		taken = append(taken, netip.MustParsePrefix(s.Prefix))
	}
	plans := make([][]netrisGatewayPlan, len(stanzas))
	for i, stanza := range stanzas {
		for _, family := range []struct {
			key       string
			specified []netrisSpecified
		}{{"ipv4Gateway", in.Template.IPv4Gateways}, {"ipv6Gateway", in.Template.IPv6Gateways}} {
			if stanza[family.key] == nil {
				continue
			}
			plan, err := netrisPlanGateway(stanza, stanza[family.key], family.specified, taken)
			if err != nil {
				return nil, err
			}
			if err := n.checkPlan(in.VPC.ID, plan); err != nil {
				return nil, err
			}
			taken = append(taken, plan.gateway.Masked())
			plans[i] = append(plans[i], plan)
		}
	}
	return plans, nil
}

// netrisPlanGateway reads a stanza's gateway: an address, "specify", or the rule for an automatic one.
func netrisPlanGateway(stanza netrisStanza, gateway any, specified []netrisSpecified, taken []netip.Prefix) (netrisGatewayPlan, error) {
	switch g := gateway.(type) {
	case string:
		if g == "specify" {
			for _, s := range specified {
				if s.Postfix == stanza.text("postfix") {
					g = s.Address
				}
			}
		}
		address, err := netip.ParsePrefix(g)
		if err != nil {
			return netrisGatewayPlan{}, netrisRefuse("srvClusterTemplate", "the V-Net %s needs a gateway, and %q is none", stanza.text("postfix"), g)
		}
		return netrisGatewayPlan{address, address.Masked()}, nil
	case map[string]any:
		text, _ := g["allocation"].(string)
		bits, _ := g["childSubnetPrefixLength"].(float64)
		host, _ := g["hostnum"].(float64)
		allocation, err := netip.ParsePrefix(text)
		if err != nil || int(bits) < allocation.Bits() || int(bits) > allocation.Addr().BitLen() {
			return netrisGatewayPlan{}, netrisRefuse("srvClusterTemplate", "the V-Net %s cannot take a /%d out of %q", stanza.text("postfix"), int(bits), text)
		}
		child, ok := netrisFreeChild(allocation.Masked(), int(bits), taken)
		if !ok {
			return netrisGatewayPlan{}, netrisRefuse("srvClusterTemplate", "%s has no free /%d", allocation, int(bits))
		}
		return netrisGatewayPlan{netip.PrefixFrom(netrisAdd(child.Addr(), int(host), child.Addr().BitLen()), child.Bits()), allocation.Masked()}, nil
	}
	return netrisGatewayPlan{}, netrisRefuse("srvClusterTemplate", "the V-Net %s has no gateway that can be read", stanza.text("postfix"))
}

// netrisFreeChild is the first prefix of the given length in the allocation that overlaps with none taken.
func netrisFreeChild(allocation netip.Prefix, bits int, taken []netip.Prefix) (netip.Prefix, bool) {
	child := netip.PrefixFrom(allocation.Addr(), bits)
	for range 1 << 12 { // more than a simulation ever needs
		if !allocation.Contains(child.Addr()) {
			break
		}
		if !slices.ContainsFunc(taken, child.Overlaps) {
			return child, true
		}
		child = netip.PrefixFrom(netrisAdd(child.Addr(), 1, bits), bits)
	}
	return child, false
}

// netrisAdd adds to the number that the address's first bits make, which wraps around at its end.
func netrisAdd(address netip.Addr, number, bits int) netip.Addr {
	bytes := address.AsSlice()
	last := (bits - 1) / 8
	carry := number << (7 - (bits-1)%8)
	for i := last; i >= 0 && carry > 0; i-- {
		carry += int(bytes[i])
		bytes[i] = byte(carry)
		carry >>= 8
	}
	sum, _ := netip.AddrFromSlice(bytes)
	return sum
}

// checkPlan refuses a gateway in a subnet of another purpose, and an allocation that would overlap.
func (n *Netris) checkPlan(vpc int, plan netrisGatewayPlan) error {
	if subnet := n.subnetFor(vpc, plan.gateway); subnet != nil {
		if subnet.Purpose != "common" && n.site.Rule(NetrisGatewaySubnet) {
			return netrisRefuse("vpc", "the subnet %s for the gateway %s is not common", subnet.Prefix, plan.gateway)
		}
		return nil
	}
	if n.allocationFor(vpc, plan.gateway.Masked()) != 0 {
		return nil
	}
	for _, a := range n.allocations.all() {
		if a.VPC.ID == vpc && netip.MustParsePrefix(a.Prefix).Overlaps(plan.allocation) && n.site.Rule(NetrisAllocationOverlap) {
			return netrisRefuse("vpc", "%s overlaps with the allocation %s", plan.allocation, a.Prefix)
		}
	}
	return nil
}
