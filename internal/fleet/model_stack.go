package fleet

// Stack is what is installed into a tenant cluster.
type Stack struct {
	Meta
	Description string                `json:"description,omitempty"`
	Components  map[string]*Component `json:"component"`
}

// Component is one part of a stack.
type Component struct {
	Type      string         `json:"type"` // "kustomize" or "helm"
	Path      string         `json:"path"` // a directory of the fleet repository
	Namespace string         `json:"namespace"`
	Values    map[string]any `json:"values"`
	After     []string       `json:"after"`
}
