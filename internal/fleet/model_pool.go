package fleet

// Pool is a number of machines that serve one cluster; schema/pool.cue documents the fields.
type Pool struct {
	Class       string            `json:"class,omitempty"` // see PoolRef.Class
	Selector    map[string]string `json:"selector"`        // machine labels that must match
	Count       int               `json:"count"`
	Floor       int               `json:"floor"`
	Automatic   *Automatic        `json:"automatic,omitempty"`
	Spread      string            `json:"spread"` // SpreadRacks, PackRacks or PackLeaves
	Taints      []Taint           `json:"taints"`
	Labels      map[string]string `json:"labels"` // of nodes
	Image       string            `json:"image,omitempty"`
	Profile     string            `json:"profile,omitempty"` // a NodeProfile
	SSHKeys     []string          `json:"sshKeys"`
	NetworkData string            `json:"networkData,omitempty"` // a MachineConfig
	UserData    string            `json:"userData,omitempty"`    // a MachineConfig
	Drain       string            `json:"drain,omitempty"`       // a duration or "Never"
}

// How the machines of a pool are chosen.
const (
	SpreadRacks = "rack"
	PackRacks   = "pack"
	PackLeaves  = "pack-leaf"
)

// Automatic is how Platform sizes a pool by itself.
type Automatic struct {
	Limits           map[string]string  `json:"limits"` // Kubernetes quantities by resource name
	Consolidate      string             `json:"consolidate"`
	ConsolidateAfter string             `json:"consolidateAfter"`
	Budgets          []DisruptionBudget `json:"budgets"`
	ExpireAfter      string             `json:"expireAfter"`
	Weight           int                `json:"weight,omitempty"`
}

// DisruptionBudget bounds how many machines may be going at once.
type DisruptionBudget struct {
	Nodes    string `json:"nodes"` // a number or a percentage
	Schedule string `json:"schedule,omitempty"`
	Duration string `json:"duration,omitempty"`
}

// Taint is a Kubernetes node taint.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Effect string `json:"effect"`
}

// SSHKey is a public key that may log in to machines; schema/provider.cue documents the fields.
type SSHKey struct {
	DisplayName string `json:"displayName,omitempty"`
	PublicKey   string `json:"publicKey"`
	Everywhere  bool   `json:"everywhere"`
}

// MachineConfig is a template of network configuration or of user data: one of the two.
type MachineConfig struct {
	NetworkData string `json:"networkData,omitempty"`
	CloudInit   string `json:"cloudInit,omitempty"`
}

// NodeProfile is what nodes get when they join.
type NodeProfile struct {
	DisplayName   string            `json:"displayName,omitempty"`
	Description   string            `json:"description,omitempty"`
	Taints        []Taint           `json:"taints"`
	StartupTaints []Taint           `json:"startupTaints"`
	Labels        map[string]string `json:"labels"`
	Annotations   map[string]string `json:"annotations"`
}
