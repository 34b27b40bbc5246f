package fleet

// Tenant is a customer with its clusters.
type Tenant struct {
	Meta
	DisplayName string              `json:"displayName"`
	Profile     string              `json:"profile"`
	Admins      []string            `json:"admins"`     // "idp:<group>"
	Chargeback  map[string]string   `json:"chargeback"` // labels of its namespaces
	Retired     bool                `json:"retired"`    // being taken down
	ObserveOnly *ObserveOnly        `json:"observeOnly,omitempty"`
	Clusters    map[string]*Cluster `json:"cluster"`
}
