package simulate

import "net/netip"

type netrisAllocationBody struct {
	Name        string    `json:"name"`
	Prefix      string    `json:"prefix"`
	Description string    `json:"description"`
	Tenant      netrisRef `json:"tenant"`
	VPC         netrisRef `json:"vpc"`
}

type netrisAllocation struct {
	netrisAllocationBody
	netrisStamps
}

func (a *netrisAllocation) label() string { return a.Name }

type netrisSubnetBody struct {
	Name           string      `json:"name"`
	Prefix         string      `json:"prefix"`
	Purpose        string      `json:"purpose"`
	DefaultGateway string      `json:"defaultGateway"`
	Description    string      `json:"description"`
	Sites          []netrisRef `json:"sites"`
	Tenant         netrisRef   `json:"tenant"`
	VPC            netrisRef   `json:"vpc"`
	Tags           []string    `json:"tags"`
	GlobalRouting  bool        `json:"globalRouting"`
}

type netrisSubnet struct {
	netrisSubnetBody
	netrisStamps
}

func (s *netrisSubnet) label() string { return s.Name }

// netrisPurposes are what a subnet can be for.
var netrisPurposes = []string{"common", "loopback", "management", "load-balancer", "nat", "bgp", "inactive"}

// netrisPrefix reads a prefix without host bits.
func netrisPrefix(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil || p != p.Masked() {
		return p, netrisRefuse("prefix", "%q is no network prefix", text)
	}
	return p, nil
}

// netrisContains reports whether the outer prefix, which was checked when it was stored, contains the inner.
func netrisContains(outer string, inner netip.Prefix) bool {
	o := netip.MustParsePrefix(outer)
	return o.Bits() <= inner.Bits() && o.Contains(inner.Addr())
}

// allocationFor is the allocation of the VPC that contains the prefix, or 0.
func (n *Netris) allocationFor(vpc int, prefix netip.Prefix) int {
	for id, a := range n.allocations.all() {
		if a.VPC.ID == vpc && netrisContains(a.Prefix, prefix) {
			return id
		}
	}
	return 0
}

func (n *Netris) listIPAM(call *netrisCall) (any, error) {
	shown, err := n.inList(call)
	if err != nil {
		return nil, err
	}
	children := map[int][]any{}
	for id, s := range n.subnets.all() {
		parent := n.allocationFor(s.VPC.ID, netip.MustParsePrefix(s.Prefix))
		children[parent] = append(children[parent], n.viewSubnet(id, s, parent))
	}
	tree := []any{}
	for id, a := range n.allocations.all() {
		if shown(a.VPC.ID) {
			node := n.viewPrefix(a.Prefix)
			node["id"], node["type"], node["name"], node["description"] = id, "allocation", a.Name, a.Description
			node["tenant"], node["vpc"], node["readonly"] = n.tenants.ref(a.Tenant.ID), n.vpcs.ref(a.VPC.ID), "no"
			node["children"] = append([]any{}, children[id]...)
			tree = append(tree, node)
		}
	}
	return tree, nil
}

func (n *Netris) listSubnets(call *netrisCall) (any, error) {
	shown, err := n.inList(call)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for id, s := range n.subnets.all() {
		if shown(s.VPC.ID) {
			list = append(list, n.viewSubnet(id, s, n.allocationFor(s.VPC.ID, netip.MustParsePrefix(s.Prefix))))
		}
	}
	return list, nil
}

// viewPrefix is what allocations and subnets show alike.
func (n *Netris) viewPrefix(prefix string) map[string]any {
	p := netip.MustParsePrefix(prefix)
	family := "ipv6"
	if p.Addr().Is4() {
		family = "ipv4"
	}
	return map[string]any{"prefix": prefix, "ipFamily": family, "subnet": map[string]any{"prefix": p.Addr().String(), "length": p.Bits()}}
}

func (n *Netris) viewSubnet(id int, s *netrisSubnet, allocation int) any {
	node := n.viewPrefix(s.Prefix)
	node["id"], node["type"], node["name"], node["fullName"], node["description"] = id, "subnet", s.Name, s.Prefix+" ("+s.Name+")", s.Description
	node["parentID"], node["allocationID"], node["purpose"], node["defaultGateway"] = 0, allocation, s.Purpose, s.DefaultGateway
	node["tenant"], node["vpc"], node["tags"], node["globalRouting"] = n.tenants.ref(s.Tenant.ID), n.vpcs.ref(s.VPC.ID), s.Tags, s.GlobalRouting
	node["hasHosts"], node["children"] = false, []any{}
	sites := []netrisRef{}
	for range s.Sites {
		sites = append(sites, n.siteRef())
	}
	node["sites"] = sites
	return node
}
