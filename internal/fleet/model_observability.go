package fleet

// Observability says how tenant clusters are watched; schema/observability.cue documents the fields.
type Observability struct {
	Namespace       string          `json:"namespace"`
	ServiceMonitors ServiceMonitors `json:"serviceMonitors"`
	Dashboards      Dashboards      `json:"dashboards"`
	Prices          *Prices         `json:"prices,omitempty"`
	Collector       *Collector      `json:"collector,omitempty"`
}

// ServiceMonitors have Prometheus read the tenant clusters' control planes.
type ServiceMonitors struct {
	Enabled bool              `json:"enabled"`
	Labels  map[string]string `json:"labels"`
}

// Dashboards are made for Grafana.
type Dashboards struct {
	Enabled    bool              `json:"enabled"`
	Labels     map[string]string `json:"labels"`
	Datasource string            `json:"datasource"` // uid of Prometheus in Grafana
}

// Prices are what OpenCost reckons with, per hour.
type Prices struct {
	ConfigMap string  `json:"configMap"`
	CPU       float64 `json:"cpu"`     // a core
	Memory    float64 `json:"memory"`  // a GiB
	GPU       float64 `json:"gpu"`     // a GPU
	Storage   float64 `json:"storage"` // a GiB
}

// Collector sends metrics on by OTLP.
type Collector struct {
	Endpoint   string `json:"endpoint"`
	Prometheus string `json:"prometheus"` // host and port
	Interval   int    `json:"interval"`   // seconds
}
