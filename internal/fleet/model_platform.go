package fleet

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
	// Observability is nil where tenant clusters are not watched.
	Observability *Observability `json:"observability,omitempty"`
	Edition       string         `json:"edition"` // one of the Edition constants

	ControlPlane *PlatformCluster `json:"controlPlane,omitempty"`
	Helm         *PlatformChart   `json:"helm,omitempty"`
	Identity     *Identity        `json:"identity,omitempty"`
	Audit        *PlatformAudit   `json:"audit,omitempty"`
	Mirror       *Mirror          `json:"mirror,omitempty"`
}

// What the licence of Platform covers.
const (
	EditionFree = "free"
	EditionPaid = "paid"
)

// PlatformCluster is what the control plane cluster is made of; schema/standalone.cue documents the
// fields.
type PlatformCluster struct {
	Tier       string          `json:"tier"` // "small", "medium" or "large"
	Managed    *ManagedCluster `json:"managed,omitempty"`
	Standalone *Standalone     `json:"standalone,omitempty"`
}

// ManagedCluster is a control plane cluster that somebody else runs.
type ManagedCluster struct {
	Nodes int `json:"nodes"`
}

// Standalone is vCluster Standalone on the control plane machines.
type Standalone struct {
	Kubernetes string         `json:"kubernetes"` // "v1.35.2"
	Endpoint   string         `json:"endpoint"`   // host:port
	ExtraSANs  []string       `json:"extraSANs"`
	DataDir    string         `json:"dataDir"`
	Join       StandaloneJoin `json:"join"`
	Values     map[string]any `json:"values"`
}

// StandaloneJoin is how control plane machines become nodes.
type StandaloneJoin struct {
	Workloads  bool              `json:"workloads"`
	PreInstall []string          `json:"preInstall"`
	PreJoin    []string          `json:"preJoin"`
	PostJoin   []string          `json:"postJoin"`
	Kubelet    map[string]string `json:"kubelet"` // arguments without dashes
}

// PlatformChart is the chart of vCluster Platform.
type PlatformChart struct {
	Version    string         `json:"version"` // without a "v"
	Repository string         `json:"repository"`
	Values     map[string]any `json:"values"`
}

// Mirror is where everything is fetched from; schema/mirror.cue documents how sources are rewritten.
type Mirror struct {
	Registry  string   `json:"registry"` // host, with a path if need be
	Charts    string   `json:"charts"`   // URL
	Files     string   `json:"files"`    // URL
	Upstreams []string `json:"upstreams"`
}

// PlatformMetal3 says where Metal3 keeps its objects.
type PlatformMetal3 struct {
	Namespace    string                   `json:"namespace"`
	NodeProvider string                   `json:"nodeProvider"`
	SSHKeys      map[string]SSHKey        `json:"sshKey"`
	Configs      map[string]MachineConfig `json:"config"`
	Profiles     map[string]NodeProfile   `json:"profile"`
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
	Approvals   ApprovalPolicy         `json:"approvals"`
	Windows     map[string]Window      `json:"windows"` // by name
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
