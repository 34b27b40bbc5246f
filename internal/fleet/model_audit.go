package fleet

// PlatformAudit is the log of requests to Platform; schema/audit.cue documents the fields.
type PlatformAudit struct {
	Level     int         `json:"level"` // 1 to 4; of no meaning where Rules are given
	Rules     []AuditRule `json:"rules"`
	Path      string      `json:"path,omitempty"`
	Retention Retention   `json:"retention"`
}

// ClusterAudit is the audit log of the API servers of a tenant's clusters.
type ClusterAudit struct {
	Level     string      `json:"level"` // "Metadata", "Request" or "RequestResponse"
	Rules     []AuditRule `json:"rules"` // instead of Level
	Sink      string      `json:"sink"`  // one of the Sink constants
	Retention Retention   `json:"retention"`
	Webhook   string      `json:"webhook,omitempty"` // a Secret beside the control plane
}

// Where the audit log of a cluster goes.
const (
	SinkStdout  = "stdout"
	SinkFile    = "file"
	SinkWebhook = "webhook"
)

// Retention is how long log files are kept.
type Retention struct {
	Days      int `json:"days"`
	Files     int `json:"files"`
	Megabytes int `json:"megabytes"` // of one file
}

// AuditRule is one rule of an audit policy, as Kubernetes has it.
type AuditRule struct {
	Level           string          `json:"level"`
	Users           []string        `json:"users,omitempty"`
	UserGroups      []string        `json:"userGroups,omitempty"`
	Verbs           []string        `json:"verbs,omitempty"`
	Resources       []AuditResource `json:"resources,omitempty"`
	Namespaces      []string        `json:"namespaces,omitempty"`
	NonResourceURLs []string        `json:"nonResourceURLs,omitempty"`
	OmitStages      []string        `json:"omitStages,omitempty"`
}

// AuditResource are resources of one API group.
type AuditResource struct {
	Group     string   `json:"group"`
	Resources []string `json:"resources,omitempty"`
}
