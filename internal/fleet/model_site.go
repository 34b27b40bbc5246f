package fleet

// Site is one data centre with its network controller.
type Site struct {
	Meta
	Description string       `json:"description,omitempty"`
	Netris      Netris       `json:"netris"`
	NTP         []string     `json:"ntp"`
	Management  string       `json:"management"` // CIDR of BMCs and controllers
	ObserveOnly *ObserveOnly `json:"observeOnly,omitempty"`
}

// Netris is a site's network controller.
type Netris struct {
	URL         string `json:"url"`         // without a path
	Credentials string `json:"credentials"` // a Secret in the platform's namespace
	Site        string `json:"site"`        // its name in Netris
	AdminTenant string `json:"adminTenant"` // the Netris tenant that owns what we create
	UFM         string `json:"ufm,omitempty"`
}

// ObserveOnly is the mode in which nothing is written, and why.
type ObserveOnly struct {
	Reason string `json:"reason"`
}

// Segment is the network of one tenant cluster; schema/segment.cue documents the fields.
type Segment struct {
	Meta
	Site       string     `json:"site"`
	Version    int        `json:"version"`
	NorthSouth Ethernet   `json:"northSouth"`
	InfiniBand *Partition `json:"infiniband,omitempty"`
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

// Partition is the InfiniBand part of a segment.
type Partition struct {
	UFM  string `json:"ufm,omitempty"` // empty: the site's, see Fleet.UFM
	PKey string `json:"pkey"`          // "auto"
}
