package fleet

// StorageClass is a kind of volume that a cluster offers; schema/storage.cue documents the fields.
// One of the last five is set.
type StorageClass struct {
	Default       bool              `json:"default"`
	ReclaimPolicy string            `json:"reclaimPolicy"`
	BindingMode   string            `json:"volumeBindingMode"`
	Expansion     bool              `json:"allowVolumeExpansion"`
	MountOptions  []string          `json:"mountOptions"`
	Parameters    map[string]string `json:"parameters"`
	Ceph          *CephVolumes      `json:"ceph,omitempty"`
	NFS           *NFSVolumes       `json:"nfs,omitempty"`
	Weka          *WekaVolumes      `json:"weka,omitempty"`
	Longhorn      *LonghornVolumes  `json:"longhorn,omitempty"`
	Cloud         *CloudVolumes     `json:"cloud,omitempty"`
}

// CephVolumes come from a block pool.
type CephVolumes struct {
	Pool string `json:"pool"`
}

// NFSVolumes are directories on an NFS server.
type NFSVolumes struct {
	Server string `json:"server"`
	Share  string `json:"share"`
}

// WekaVolumes are directories in a Weka file system.
type WekaVolumes struct {
	Filesystem string `json:"filesystem"`
	Secret     string `json:"secret"` // in the namespace of the catalogue entry
}

// LonghornVolumes are kept on several machines.
type LonghornVolumes struct {
	Replicas int `json:"replicas"`
}

// CloudVolumes come from a cloud's driver.
type CloudVolumes struct {
	Provisioner string `json:"provisioner"`
}

// Backends are the catalogue entries that a class takes volumes from; a right one has just one.
func (s *StorageClass) Backends() []string {
	var all []string
	for _, b := range []struct {
		entry string
		used  bool
	}{
		{entryCeph, s.Ceph != nil},
		{"csi-driver-nfs", s.NFS != nil},
		{"weka", s.Weka != nil},
		{entryLonghorn, s.Longhorn != nil},
		{"cloud-csi", s.Cloud != nil},
	} {
		if b.used {
			all = append(all, b.entry)
		}
	}
	return all
}

// DefaultClass is the name of a cluster's default storage class, or "".
func (c *Cluster) DefaultClass() string {
	for name, s := range All(c.Storage) {
		if s.Default {
			return name
		}
	}
	return ""
}
