package fleet

// ClusterPolicies bound a tenant's pods; schema/cluster_policies.cue documents the fields.
type ClusterPolicies struct {
	PodSecurity   string            `json:"podSecurity,omitempty"` // "privileged", "baseline" or "restricted"
	Quota         map[string]string `json:"quota,omitempty"`       // Kubernetes quantities by resource
	Limits        *ContainerLimits  `json:"limits,omitempty"`
	NetworkPolicy bool              `json:"networkPolicy"`
	PublicEgress  bool              `json:"publicEgress"`
}

// ContainerLimits are the limits of one container, as Kubernetes quantities by resource.
type ContainerLimits struct {
	Default        map[string]string `json:"default,omitempty"`
	DefaultRequest map[string]string `json:"defaultRequest,omitempty"`
	Min            map[string]string `json:"min,omitempty"`
	Max            map[string]string `json:"max,omitempty"`
}

// TenantNamespace is a namespace in a tenant cluster.
type TenantNamespace struct {
	Labels      map[string]string `json:"labels"`
	PodSecurity string            `json:"podSecurity,omitempty"` // empty: the cluster's
	Quota       map[string]string `json:"quota,omitempty"`
	Limits      *ContainerLimits  `json:"limits,omitempty"`
	Isolated    bool              `json:"isolated"`
}
