package fleet

// Sleep lets an idle cluster sleep; schema/cluster_lifecycle.cue documents the fields.
type Sleep struct {
	AfterInactivity string            `json:"afterInactivity,omitempty"` // a Go duration
	Schedule        string            `json:"schedule,omitempty"`        // cron
	Wakeup          string            `json:"wakeup,omitempty"`          // cron
	Timezone        string            `json:"timezone,omitempty"`        // empty: UTC
	Exclude         map[string]string `json:"exclude"`
}

// Snapshots are taken of a cluster's objects.
type Snapshots struct {
	Schedule string          `json:"schedule"` // cron
	Timezone string          `json:"timezone,omitempty"`
	Days     int             `json:"days,omitempty"` // 0: for ever
	Max      int             `json:"max,omitempty"`  // 0: any number
	Storage  SnapshotStorage `json:"storage"`
}

// SnapshotStorage is where snapshots go.
type SnapshotStorage struct {
	Type   string `json:"type"` // "s3", "oci", "azure" or "container"
	URL    string `json:"url,omitempty"`
	Secret string `json:"secret,omitempty"` // in the control plane's namespace
	Path   string `json:"path,omitempty"`
	Volume string `json:"volume,omitempty"`
}

// Deletion says what may delete a cluster beside Millwright.
type Deletion struct {
	Prevent         bool   `json:"prevent"`
	AfterInactivity string `json:"afterInactivity,omitempty"` // a Go duration
}

// Kubeconfig is one more kubeconfig of a cluster.
type Kubeconfig struct {
	Server         string             `json:"server"`
	Context        string             `json:"context,omitempty"`
	ServiceAccount *KubeconfigAccount `json:"serviceAccount,omitempty"`
}

// KubeconfigAccount is the service account whose token a kubeconfig carries.
type KubeconfigAccount struct {
	Name        string `json:"name"`
	Namespace   string `json:"namespace"`
	ClusterRole string `json:"clusterRole"`
}
