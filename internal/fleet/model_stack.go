package fleet

import (
	"maps"
	"slices"
)

// Stack is what is installed into a tenant cluster; schema/stack.cue documents the fields.
type Stack struct {
	Meta
	Description  string                `json:"description,omitempty"`
	Catalogue    map[string]*Chart     `json:"catalogue"`
	Components   map[string]*Component `json:"component"`
	Certified    *Certification        `json:"certified,omitempty"`
	TenantFields []TenantFields        `json:"tenantFields"`
	Rings        []string              `json:"rings"` // first to last; empty: all clusters at once
}

// Ring is the place of a cluster in the stack's rings, the last where it names none.
func (s *Stack) Ring(c *Cluster) int {
	if i := slices.Index(s.Rings, c.Ring); i >= 0 {
		return i
	}
	return len(s.Rings) - 1
}

// Component is one part of a stack that lies in the fleet repository.
type Component struct {
	Type      string         `json:"type"` // "kustomize" or "helm"
	Path      string         `json:"path"` // a directory of the fleet repository
	Namespace string         `json:"namespace"`
	Values    map[string]any `json:"values"`
	After     []string       `json:"after"`
	Provides  []string       `json:"provides"` // RoleCNI, RoleProxy, RoleCSI or RoleDefaultClass
}

// Chart is an entry of a stack's catalogue; schema/catalog.cue documents the fields.
type Chart struct {
	Repository string            `json:"repository"` // "https://…" or "oci://…"
	Chart      string            `json:"chart"`
	Version    string            `json:"version"`
	Digest     string            `json:"digest,omitempty"` // of the archive, "sha256:…"; empty: not given
	Namespace  string            `json:"namespace"`
	Privileged bool              `json:"privileged,omitempty"`
	Role       string            `json:"role"` // RoleCNI, RoleCSI, "scheduler" or "other"
	Wave       int               `json:"wave"` // 1 comes first
	Needs      []string          `json:"needs"`
	After      []string          `json:"after"`
	Values     map[string]any    `json:"values"`
	Hooks      map[string]string `json:"hooks"` // HookDrop or HookApply, by "Kind/name", "Kind" or "*"
}

// What a catalogue entry or a component is to the cluster, where that matters. The last two are
// said of components alone; that an entry brings a default class follows from its values.
const (
	RoleCNI          = "cni"
	RoleCSI          = "csi"
	RoleProxy        = "kube-proxy"
	RoleDefaultClass = "default-class"
)

// What becomes of an object that Helm would run.
const (
	HookDrop  = "drop"
	HookApply = "apply"
)

// Certification is a set of versions that were tested together.
type Certification struct {
	Name       string            `json:"name"`
	Kubernetes []string          `json:"kubernetes"` // "v1.35" or "v1.35.2"
	Driver     string            `json:"driver,omitempty"`
	Versions   map[string]string `json:"versions"` // by catalogue entry
}

// TenantFields are fields that a tenant may set as it likes.
type TenantFields struct {
	Kind   string   `json:"kind"` // with its group: "Deployment.apps"
	Name   string   `json:"name,omitempty"`
	Fields []string `json:"fields"`
}

// Order is what each part of a stack waits for, by name: a component for those it names, a catalogue
// entry for those it needs, those it names, and the whole wave before its own.
func (s *Stack) Order() map[string][]string {
	waits := map[string][]string{}
	for name, c := range s.Components {
		waits[name] = slices.Sorted(slices.Values(c.After))
	}
	for name, c := range s.Catalogue {
		on := slices.Concat(c.After, c.Needs, s.waveBefore(c.Wave))
		slices.Sort(on)
		waits[name] = slices.Compact(on)
	}
	return waits
}

// waveBefore are the entries of the last wave before one that has any.
func (s *Stack) waveBefore(wave int) []string {
	last := 0
	for _, c := range s.Catalogue {
		if c.Wave < wave {
			last = max(last, c.Wave)
		}
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.Catalogue)), func(name string) bool { return s.Catalogue[name].Wave != last })
}

// Part is an entry or a component of a stack: its name, and where in the stack it is written.
type Part struct{ Name, Field string }

// Bringing are the parts with a role, entries first.
func (s *Stack) Bringing(role string) []Part {
	var parts []Part
	for name, c := range All(s.Catalogue) {
		if c.Role == role {
			parts = append(parts, Part{name, joinPath("catalogue", name)})
		}
	}
	if role == RoleDefaultClass {
		parts = append(parts, s.defaultClasses()...)
	}
	for name, c := range All(s.Components) {
		if slices.Contains(c.Provides, role) {
			parts = append(parts, Part{name, joinPath("component", name)})
		}
	}
	return parts
}

// Has is the first part with a role; its name is empty if there is none.
func (s *Stack) Has(role string) Part {
	for _, p := range s.Bringing(role) {
		return p
	}
	return Part{}
}
