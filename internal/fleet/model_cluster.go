package fleet

// Cluster is one virtual cluster of a tenant; schema/cluster.cue documents the fields.
type Cluster struct {
	Kubernetes   string                      `json:"kubernetes"` // "v1.35.2"
	Nodes        string                      `json:"nodes"`      // NodesPrivate or NodesShared
	Stack        string                      `json:"stack,omitempty"`
	Ring         string                      `json:"ring,omitempty"` // of the stack's rings; empty: the last
	Storage      map[string]*StorageClass    `json:"storage"`
	Segment      string                      `json:"segment,omitempty"` // empty with shared nodes
	Retired      bool                        `json:"retired"`           // being taken down
	ControlPlane ControlPlane                `json:"controlPlane"`
	Networking   Networking                  `json:"networking"`
	PrivateNodes PrivateNodes                `json:"privateNodes"`
	SharedNodes  *SharedNodes                `json:"sharedNodes,omitempty"`
	Policies     ClusterPolicies             `json:"policies"`
	Namespaces   map[string]*TenantNamespace `json:"namespace"`
	Queues       map[string]*Queue           `json:"queue"`
	Sleep        *Sleep                      `json:"sleep,omitempty"`
	Snapshots    *Snapshots                  `json:"snapshots,omitempty"`
	Deletion     Deletion                    `json:"deletion"`
	Kubeconfigs  map[string]*Kubeconfig      `json:"kubeconfig"`
	Values       map[string]any              `json:"values"` // merged over vcluster.yaml
	Pools        map[string]*Pool            `json:"pool"`
}

// Whose machines a cluster's nodes are.
const (
	NodesPrivate = "private"
	NodesShared  = "shared"
)

// ControlPlane sizes a tenant cluster's control plane.
type ControlPlane struct {
	Replicas  int            `json:"replicas"` // 1, 3 or 5
	Size      string         `json:"size"`     // "tiny", "small", "medium", "large" or "xlarge"
	Store     Store          `json:"store"`
	Volume    *ClusterVolume `json:"volume,omitempty"`
	Endpoint  string         `json:"endpoint,omitempty"` // host:port
	KubeVip   *KubeVip       `json:"kubeVip,omitempty"`
	Ingress   *Ingress       `json:"ingress,omitempty"`
	ExtraSANs []string       `json:"extraSANs"`
}

// The types of a cluster's store.
const (
	StoreEmbeddedEtcd = "embedded-etcd"
	StoreDeployedEtcd = "deployed-etcd"
	StoreExternalEtcd = "external-etcd"
	StoreDatabase     = "database"
	StoreSQLite       = "sqlite"
)

// Store is where a cluster's objects are kept.
type Store struct {
	Type      string        `json:"type"`                // one of the Store constants
	Etcd      *ExternalEtcd `json:"etcd,omitempty"`      // of StoreExternalEtcd
	Connector string        `json:"connector,omitempty"` // of StoreDatabase: a Secret in Platform's namespace
}

// ExternalEtcd is an etcd that somebody else runs.
type ExternalEtcd struct {
	Endpoint string `json:"endpoint"` // host:port
	Secret   string `json:"secret"`   // in the control plane's namespace
}

// ClusterVolume is the disk of one replica.
type ClusterVolume struct {
	Size         string `json:"size"` // a Kubernetes quantity
	StorageClass string `json:"storageClass,omitempty"`
}

// KubeVip has the API server answer in a tenant's network.
type KubeVip struct {
	Interface string `json:"interface"`
	Gateway   string `json:"gateway"` // address and prefix length
	Network   string `json:"network"` // a Multus attachment
}

// Ingress leads to the API server.
type Ingress struct {
	Host        string            `json:"host"`
	Class       string            `json:"class,omitempty"`
	Annotations map[string]string `json:"annotations"` // empty: those of the chart
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
