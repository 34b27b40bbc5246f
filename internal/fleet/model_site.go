package fleet

// Site is one data centre with its network controller.
type Site struct {
	Meta
	Description string          `json:"description,omitempty"`
	Netris      Netris          `json:"netris"`
	UFMs        map[string]*UFM `json:"ufm"`
	Network     SiteNetwork     `json:"network"`
	NTP         []string        `json:"ntp"`
	Management  string          `json:"management"` // CIDR of BMCs and controllers
	ObserveOnly *ObserveOnly    `json:"observeOnly,omitempty"`
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

// SiteNetwork is what a site's network has beside segments; schema/site_network.cue documents the
// fields.
type SiteNetwork struct {
	VLANs     Range                     `json:"vlans"`
	VXLANs    Range                     `json:"vxlans"`
	SystemVPC string                    `json:"systemVPC"` // of public addresses
	VPC       string                    `json:"vpc"`       // of the site's own networks
	Public    map[string]*PublicNetwork `json:"public"`
	DHCP      map[string]*DHCPOptions   `json:"dhcp"`
	VNets     map[string]*VNet          `json:"vnet"`
	Fabric    map[string]*FabricProfile `json:"fabric"`
}

// Range is a range of numbers, both ends included.
type Range struct {
	First int `json:"first"`
	Last  int `json:"last"`
}

// PublicNetwork is a network of public addresses for one purpose.
type PublicNetwork struct {
	Network string `json:"network"` // CIDR
	Use     string `json:"use"`     // PublicNAT or PublicBalancer
}

// What a public network's addresses are for, in Netris's words.
const (
	PublicNAT      = "nat"
	PublicBalancer = "load-balancer"
)

// DHCPOptions are what a gateway hands out beside addresses.
type DHCPOptions struct {
	Description  string   `json:"description"`
	DNS          []string `json:"dns"`
	NTP          []string `json:"ntp"`
	DomainSearch string   `json:"domainSearch"`
	Lease        int      `json:"lease"` // seconds
}

// FabricProfile is what a switch profile is expected to say.
type FabricProfile struct {
	Profile           string `json:"profile"` // its name in Netris
	RoCE              bool   `json:"roce"`
	AdaptiveRouting   bool   `json:"adaptiveRouting"`
	CongestionControl bool   `json:"congestionControl"`
	Type              string `json:"type"`
}
