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
	Class        string            `json:"class"`
	BMC          BMC               `json:"bmc"`
	BootMAC      string            `json:"bootMAC"` // as written; compare with [NormalMAC]
	NICs         []NIC             `json:"nics"`
	Provisioning string            `json:"provisioning"`  // ProvisioningMetal3 or ProvisioningDirect
	NTP          []string          `json:"ntp,omitempty"` // empty: those of the site, see Fleet.NTP
	Labels       map[string]string `json:"labels"`
	Adopt        []string          `json:"adopt"` // object addresses
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
}

// The networks a NIC can belong to.
const (
	NorthSouth = "north-south"
	EastWest   = "east-west"
	InfiniBand = "infiniband"
	Management = "management"
)

// Class is a hardware class; schema/class.cue documents the fields.
type Class struct {
	Meta
	Description     string            `json:"description,omitempty"`
	GPUs            *GPUs             `json:"gpus,omitempty"`
	CPUs            int               `json:"cpus"`   // logical processors
	Memory          int               `json:"memory"` // GiB
	NICs            []ClassNIC        `json:"nics"`
	BIOS            map[string]any    `json:"bios"` // string, int64 or bool by attribute name
	BootMode        string            `json:"bootMode"`
	RootDeviceHints *RootDeviceHints  `json:"rootDeviceHints,omitempty"`
	SpareDisks      int               `json:"spareDisks"` // of one machine
	Sanitise        Sanitise          `json:"sanitise"`
	Image           string            `json:"image,omitempty"`
	Resources       map[string]string `json:"resources"` // Kubernetes quantities by resource name
	Cost            int               `json:"cost"`
}

// GPUs are the accelerators of one machine.
type GPUs struct {
	Model string `json:"model"`
	Count int    `json:"count"`
}

// ClassNIC is a network port that every machine of a class has.
type ClassNIC struct {
	Name  string `json:"name"`
	Role  string `json:"role"`
	Speed int    `json:"speed,omitempty"` // Gbit/s; 0: not said
}

// RootDeviceHints choose the disk for the operating system; Metal3 has the same names.
type RootDeviceHints struct {
	DeviceName       string `json:"deviceName,omitempty"`
	HCTL             string `json:"hctl,omitempty"`
	Model            string `json:"model,omitempty"`
	Vendor           string `json:"vendor,omitempty"`
	WWN              string `json:"wwn,omitempty"`
	MinSizeGigabytes int    `json:"minSizeGigabytes,omitempty"`
	Rotational       *bool  `json:"rotational,omitempty"`
}

// Sanitise is what must have happened before a machine goes to another tenant.
type Sanitise struct {
	Cleaning string `json:"cleaning"` // "metadata" or "disabled", as Metal3's automatedCleaningMode
}

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
