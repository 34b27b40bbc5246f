package fleet

// Machine is one physical server; schema/machine.cue documents the fields.
type Machine struct {
	Meta
	Lifecycle    string            `json:"lifecycle"` // one of the Lifecycle constants
	Role         string            `json:"role"`      // RoleWorker or RoleControlPlane
	Site         string            `json:"site"`
	Rack         string            `json:"rack"`
	Unit         int               `json:"unit,omitempty"` // 0: not said
	Serial       string            `json:"serial,omitempty"`
	Model        string            `json:"model,omitempty"`
	Class        string            `json:"class"`
	BMC          BMC               `json:"bmc"`
	BootMAC      string            `json:"bootMAC"` // as written; compare with [NormalMAC]
	NICs         []NIC             `json:"nics"`
	Provisioning string            `json:"provisioning"` // ProvisioningMetal3 or ProvisioningDirect
	DHCP         *Lease            `json:"dhcp,omitempty"`
	NTP          []string          `json:"ntp,omitempty"` // empty: those of the site, see Fleet.NTP
	Labels       map[string]string `json:"labels"`
	Description  string            `json:"description,omitempty"`
	Records      map[string]string `json:"records"` // RFC 3339 by the name of a check
	Adopt        []string          `json:"adopt"`   // object addresses
}

// Lease is what a machine is told while it is being installed.
type Lease struct {
	Address string   `json:"address"` // with the length of the network's prefix
	Gateway string   `json:"gateway,omitempty"`
	DNS     []string `json:"dns"`
	NTP     []string `json:"ntp"`
}

// The stages of a machine's life.
const (
	InService   = "in-service"
	Maintenance = "maintenance"
	Spare       = "spare"
	Quarantine  = "quarantine"
	RMA         = "rma"
	Retired     = "retired"
)

// What a machine is for, and who provisions it.
const (
	RoleWorker         = "worker"
	RoleControlPlane   = "control-plane"
	ProvisioningMetal3 = "metal3"
	ProvisioningDirect = "direct"
)

// BMC is how a machine's management controller is reached. [BMC.Endpoint] and [BMC.SystemPath] take
// Address apart.
type BMC struct {
	Address     string `json:"address"`     // as Metal3 writes it: driver+https://host/redfish/v1/Systems/id
	Credentials string `json:"credentials"` // a Secret in the platform's Metal3 namespace
	Vendor      string `json:"vendor,omitempty"`
	Certificate string `json:"certificate"` // "verify" or "any"
}

// NIC is one network port of a machine.
type NIC struct {
	Name string `json:"name"` // as Netris calls it
	Role string `json:"role"` // one of the NIC role constants
	MAC  string `json:"mac,omitempty"`
	GUID string `json:"guid,omitempty"` // of an InfiniBand port
	Leaf string `json:"leaf,omitempty"` // the switch at the other end
}

// The networks a NIC can belong to.
const (
	NorthSouth = "north-south"
	EastWest   = "east-west"
	InfiniBand = "infiniband"
	Management = "management"
)

// Image is an operating system image.
type Image struct {
	Meta
	DisplayName  string   `json:"displayName,omitempty"`
	Software     []string `json:"software"` // the Software constants
	URL          string   `json:"url"`
	Checksum     string   `json:"checksum"`     // hexadecimal
	ChecksumType string   `json:"checksumType"` // "sha256", "sha512" or "md5"
}

// What images bring beside the operating system.
const (
	SoftwareISCSI  = "iscsi"
	SoftwareNFS    = "nfs"
	SoftwareWeka   = "weka"
	SoftwareDriver = "nvidia-driver"
)
