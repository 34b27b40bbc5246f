package fleet

// PrivateNodes says how machines join a cluster; schema/cluster_nodes.cue documents the fields.
type PrivateNodes struct {
	VPN         string         `json:"vpn"` // one of the VPN constants
	Join        Join           `json:"join"`
	Kubelet     map[string]any `json:"kubelet"` // of KubeletConfiguration
	AutoUpgrade AutoUpgrade    `json:"autoUpgrade"`
}

// What the VPN of a cluster joins.
const (
	VPNOff          = "off"
	VPNControlPlane = "control-plane"
	VPNNodes        = "nodes"
)

// Join is what happens on a machine when it joins.
type Join struct {
	PreInstallCommands    []string          `json:"preInstallCommands"`
	PreJoinCommands       []string          `json:"preJoinCommands"`
	PostJoinCommands      []string          `json:"postJoinCommands"`
	KubeletArgs           map[string]string `json:"kubeletArgs"`
	IgnorePreflightErrors []string          `json:"ignorePreflightErrors"`
	Containerd            bool              `json:"containerd"`
	PauseImage            string            `json:"pauseImage,omitempty"`
}

// AutoUpgrade brings nodes to their cluster's version.
type AutoUpgrade struct {
	Enabled     bool `json:"enabled"`
	Concurrency int  `json:"concurrency"` // nodes at a time
}

// SharedNodes is the part of the control plane cluster's nodes that a tenant's pods run on.
type SharedNodes struct {
	Labels       map[string]string `json:"labels"`
	Tolerations  []Taint           `json:"tolerations"`
	RuntimeClass string            `json:"runtimeClass"` // empty: none
	RealNodes    bool              `json:"realNodes"`
}
