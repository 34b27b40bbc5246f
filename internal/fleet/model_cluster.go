package fleet

// Cluster is one virtual cluster of a tenant; schema/cluster.cue documents the fields.
type Cluster struct {
	Kubernetes   string                   `json:"kubernetes"` // "v1.35.2"
	Nodes        string                   `json:"nodes"`      // "private"
	Stack        string                   `json:"stack,omitempty"`
	Storage      map[string]*StorageClass `json:"storage"`
	Segment      string                   `json:"segment"`
	Retired      bool                     `json:"retired"` // being taken down
	ControlPlane ControlPlane             `json:"controlPlane"`
	Networking   Networking               `json:"networking"`
	Values       map[string]any           `json:"values"` // merged over vcluster.yaml
	Pools        map[string]*Pool         `json:"pool"`
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

// Leaving says what of a cluster is retired: the "tenant", the "cluster" itself, or "" if it stands.
func (f *Fleet) Leaving(tenant, cluster string) string {
	t := f.Tenants[tenant]
	switch c := t.Clusters[cluster]; {
	case t.Retired:
		return "tenant"
	case c != nil && c.Retired:
		return "cluster"
	}
	return ""
}
