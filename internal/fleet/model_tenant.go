package fleet

// Tenant is a customer with its clusters.
type Tenant struct {
	Meta
	DisplayName string              `json:"displayName"`
	Profile     string              `json:"profile"`
	Admins      []string            `json:"admins"` // "idp:<group>", see GroupAt
	Access      TenantAccess        `json:"access"`
	Residency   []string            `json:"residency"` // sites; empty: any
	Audit       *ClusterAudit       `json:"audit,omitempty"`
	Chargeback  map[string]string   `json:"chargeback"` // labels of its namespaces
	Labels      map[string]string   `json:"labels"`     // for people and rules; nothing is rendered of them
	Retired     bool                `json:"retired"`    // being taken down
	ObserveOnly *ObserveOnly        `json:"observeOnly,omitempty"`
	Clusters    map[string]*Cluster `json:"cluster"`
}
