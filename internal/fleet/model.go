package fleet

import (
	"sync"

	"millwright.dev/millwright/internal/diag"
)

// Fleet is a whole fleet as its repository says it, defaults filled in. Maps are by name; use [All]
// to go through one in order. A Fleet is never changed after Load.
type Fleet struct {
	Platform *Platform
	Policy   *Policy
	Sites    map[string]*Site
	Classes  map[string]*Class
	Images   map[string]*Image
	Machines map[string]*Machine
	Segments map[string]*Segment
	Stacks   map[string]*Stack
	Tenants  map[string]*Tenant
	// Allocation says which machines serve which pool; empty where no allocation file is.
	Allocation Allocation

	once   sync.Once // of index
	index  index     // who serves what, see access.go
	source *source   // what Locate recompiles from
}

// Meta is what every entity knows about itself.
type Meta struct {
	// Name is the key under which the entity was written; empty for platform, policy and allocation.
	Name string `json:"-"`
	// Pos is where the entity itself was written, never a place in the schema.
	Pos diag.Pos `json:"-"`
}

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
	DisplayName  string `json:"displayName,omitempty"`
	URL          string `json:"url"`
	Checksum     string `json:"checksum"`     // hexadecimal
	ChecksumType string `json:"checksumType"` // "sha256", "sha512" or "md5"
}

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

// Stack is what is installed into a tenant cluster.
type Stack struct {
	Meta
	Description string                `json:"description,omitempty"`
	Components  map[string]*Component `json:"component"`
}

// Component is one part of a stack.
type Component struct {
	Type      string         `json:"type"` // "kustomize" or "helm"
	Path      string         `json:"path"` // a directory of the fleet repository
	Namespace string         `json:"namespace"`
	Values    map[string]any `json:"values"`
	After     []string       `json:"after"`
}

// Tenant is a customer with its clusters.
type Tenant struct {
	Meta
	DisplayName string              `json:"displayName"`
	Profile     string              `json:"profile"`
	Admins      []string            `json:"admins"`  // "idp:<group>"
	Retired     bool                `json:"retired"` // being taken down
	ObserveOnly *ObserveOnly        `json:"observeOnly,omitempty"`
	Clusters    map[string]*Cluster `json:"cluster"`
}

// Cluster is one virtual cluster of a tenant; schema/tenant.cue documents the fields.
type Cluster struct {
	Kubernetes   string           `json:"kubernetes"` // "v1.35.2"
	Nodes        string           `json:"nodes"`      // "private"
	Stack        string           `json:"stack,omitempty"`
	Segment      string           `json:"segment"`
	ControlPlane ControlPlane     `json:"controlPlane"`
	Networking   Networking       `json:"networking"`
	Values       map[string]any   `json:"values"` // merged over vcluster.yaml
	Pools        map[string]*Pool `json:"pool"`
}

// ControlPlane sizes a tenant cluster's control plane.
type ControlPlane struct {
	Replicas int    `json:"replicas"` // 1, 3 or 5
	Size     string `json:"size"`     // "small", "medium" or "large"
}

// Networking are the address ranges inside a cluster.
type Networking struct {
	PodCIDR     string `json:"podCIDR"`
	ServiceCIDR string `json:"serviceCIDR"`
}

// Pool is a number of machines that serve one cluster.
type Pool struct {
	Class    string            `json:"class"`
	Selector map[string]string `json:"selector"` // machine labels that must match
	Count    int               `json:"count"`
	Spread   string            `json:"spread"` // "rack" or "pack"
	Taints   []Taint           `json:"taints"`
	Labels   map[string]string `json:"labels"` // of nodes
	Image    string            `json:"image,omitempty"`
}

// Taint is a Kubernetes node taint.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Effect string `json:"effect"`
}

// Platform is the provider's own control plane.
type Platform struct {
	Meta
	Fleet      string         `json:"fleet"`      // the name of this fleet
	Cluster    string         `json:"cluster"`    // the target's name in addresses
	Namespace  string         `json:"namespace"`  // of vCluster Platform
	ClusterRef string         `json:"clusterRef"` // Platform's own name for the cluster
	Owner      string         `json:"owner"`      // a Platform user
	Metal3     PlatformMetal3 `json:"metal3"`
	VCluster   VCluster       `json:"vcluster"`
	DNS        []string       `json:"dns"`
	Networking Networking     `json:"networking"`
}

// PlatformMetal3 says where Metal3 keeps its objects.
type PlatformMetal3 struct {
	Namespace    string `json:"namespace"`
	NodeProvider string `json:"nodeProvider"`
}

// VCluster pins what tenant clusters are made of.
type VCluster struct {
	Version string `json:"version"` // of the chart, without a "v"
}

// Policy says what Millwright may do by itself; schema/policy.cue documents the fields.
type Policy struct {
	Meta
	Deletions   DeletionPolicy         `json:"deletions"`
	Reboots     RebootPolicy           `json:"reboots"`
	Resets      map[string]ResetPolicy `json:"resets"`      // by machine role; none: not allowed
	Drift       map[string]string      `json:"drift"`       // "correct" or "report" by kind, as "redfish/ntp"
	ObserveOnly map[string]ObserveOnly `json:"observeOnly"` // by kind
	Adopt       []string               `json:"adopt"`       // object addresses
	Protect     []string               `json:"protect"`     // object addresses
}

// DeletionPolicy holds all deletions of a commit that exceeds either limit.
type DeletionPolicy struct {
	Max     int `json:"max"`
	Percent int `json:"percent"`
}

// RebootPolicy limits how many machines are down at once for our sake.
type RebootPolicy struct {
	PerPool int `json:"perPool"`
}

// ResetPolicy allows machines without Metal3 to be reset.
type ResetPolicy struct {
	AtOnce int `json:"atOnce"` // in one site
}

// Allocation is which machines serve which pool: tenant, cluster, pool, names in the order given.
type Allocation map[string]map[string]map[string][]string
