package fleet

// Segment is the network of one tenant cluster; schema/segment.cue documents the fields.
type Segment struct {
	Meta
	Site       string                  `json:"site"`
	Version    int                     `json:"version"`
	NorthSouth Ethernet                `json:"northSouth"`
	InfiniBand *Partition              `json:"infiniband,omitempty"`
	EastWest   *EastWestNet            `json:"eastWest,omitempty"`
	NVLink     *NVLink                 `json:"nvlink,omitempty"`
	VNets      map[string]*VNet        `json:"vnet"`
	Peers      map[string]*Peer        `json:"peer"` // by the other segment's name
	Egress     *Egress                 `json:"egress,omitempty"`
	Publish    map[string]*Publication `json:"publish"`
	Balancers  map[string]*Balancer    `json:"balancer"`
	ACLs       map[string]*ACL         `json:"acl"`
}

// Ethernet is the Ethernet part of a segment.
type Ethernet struct {
	Network string   `json:"network"` // CIDR set aside in address management
	Subnet  string   `json:"subnet"`  // CIDR within Network that nodes get addresses in
	Gateway string   `json:"gateway"` // an address within Subnet; see Segment.GatewayCIDR
	VLAN    VLAN     `json:"vlan"`
	DHCP    bool     `json:"dhcp"`
	NICs    []string `json:"nics"`
}

// Partition is the InfiniBand part of a segment: by Netris and its agent, or direct.
type Partition struct {
	UFM  string `json:"ufm,omitempty"` // empty: the site's, see Fleet.UFM
	PKey string `json:"pkey"`          // "auto"
	// Direct is the partition that Millwright keeps at a UFM itself; nil if Netris's agent keeps it.
	Direct *DirectPartition `json:"direct,omitempty"`
}

// EastWestNet is the RoCE part of a segment.
type EastWestNet struct {
	NICs     []string `json:"nics"`
	IPFamily string   `json:"ipFamily"` // "ipv4", "ipv6" or "dual"
	Fabric   string   `json:"fabric,omitempty"`
}

// NVLink is the NVLink part of a segment.
type NVLink struct {
	Partition string `json:"partition"` // "auto"
}

// VNet is one network outside of server clusters; schema/segment_vnet.cue documents the fields.
type VNet struct {
	Type    string       `json:"type"` // VNetL2 or VNetL3
	VLAN    VLAN         `json:"vlan"`
	VXLAN   VLAN         `json:"vxlan"` // 0 is "auto" here too
	Gateway *Gateway     `json:"gateway,omitempty"`
	Ports   []SwitchPort `json:"ports"`
	Enabled bool         `json:"enabled"`
}

// The types of V-Nets.
const (
	VNetL2 = "l2"
	VNetL3 = "l3"
)

// Gateway is the router of an L2 network.
type Gateway struct {
	Subnet  string `json:"subnet"`  // CIDR
	Address string `json:"address"` // within Subnet
	DHCP    *DHCP  `json:"dhcp,omitempty"`
}

// CIDR is the gateway with its subnet's prefix length: "10.20.2.1/24".
func (g *Gateway) CIDR() string { return withLength(g.Address, g.Subnet) }

// DHCP is what a gateway hands out.
type DHCP struct {
	Start   string `json:"start,omitempty"` // empty: the controller chooses
	End     string `json:"end,omitempty"`
	Options string `json:"options,omitempty"` // of the site; empty: the controller's default set
}

// SwitchPort is a port of a switch in a network.
type SwitchPort struct {
	Port   string `json:"port"` // "swp5@leaf1"
	Tagged bool   `json:"tagged"`
}
