package fleet

// Peer is the other end of an exchange of routes; schema/segment_reach.cue documents the fields.
type Peer struct {
	Tenant string `json:"tenant,omitempty"` // empty: the same tenant
	Reason string `json:"reason,omitempty"`
}

// Egress is the public address under which a segment reaches the outside.
type Egress struct {
	Address string `json:"address"`
}

// Publication makes one port of a segment reachable from outside.
type Publication struct {
	Address  string      `json:"address"`
	Port     int         `json:"port"`
	Protocol string      `json:"protocol"` // "tcp" or "udp"
	From     string      `json:"from"`     // CIDR
	To       SegmentPort `json:"to"`
}

// SegmentPort is an address within a segment and a port there.
type SegmentPort struct {
	Address string `json:"address"`
	Port    int    `json:"port"`
}

// Balancer is a layer 4 load balancer in front of a segment's addresses.
type Balancer struct {
	Address  string        `json:"address"` // AutoAddress or an address
	Port     int           `json:"port"`
	Protocol string        `json:"protocol"` // "tcp" or "udp"
	Backends []SegmentPort `json:"backends"`
	Check    string        `json:"check"`   // "tcp", "http" or "none"
	Path     string        `json:"path"`    // of the http check
	Timeout  int           `json:"timeout"` // of a check, in milliseconds
	Enabled  bool          `json:"enabled"`
}

// AutoAddress is an address that the network controller chooses.
const AutoAddress = "auto"

// ACL is one rule about packets in a segment.
type ACL struct {
	Action      string `json:"action"` // "permit" or "deny"
	Protocol    string `json:"protocol"`
	Source      ACLEnd `json:"source"`
	Destination ACLEnd `json:"destination"`
	Established bool   `json:"established"`
	Reverse     bool   `json:"reverse"`
	Comment     string `json:"comment"`
}

// ACLEnd is one end of an ACL.
type ACLEnd struct {
	Network string     `json:"network"` // CIDR; "0.0.0.0/0" is anywhere
	Ports   *PortRange `json:"ports,omitempty"`
}

// PortRange is a range of ports, both ends included.
type PortRange struct {
	From int `json:"from"`
	To   int `json:"to"`
}
