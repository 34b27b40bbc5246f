package fleet

import "strings"

// Identity is how people sign in to Platform; schema/identity.cue documents the fields.
type Identity struct {
	Host         string               `json:"host"`
	OIDC         *OIDC                `json:"oidc,omitempty"`
	SAML         *SAML                `json:"saml,omitempty"`
	Connectors   map[string]Connector `json:"connector"`
	Passwords    bool                 `json:"passwords"`
	AccessKeyTTL int                  `json:"accessKeyTTL,omitempty"` // seconds; 0: not limited
	Teams        map[string]Team      `json:"team"`
	Roles        map[string]Role      `json:"role"`
}

// Connector is one more identity provider: one of its two fields is set.
type Connector struct {
	DisplayName string `json:"displayName,omitempty"`
	OIDC        *OIDC  `json:"oidc,omitempty"`
	SAML        *SAML  `json:"saml,omitempty"`
}

// OIDC is an identity provider that speaks OpenID Connect.
type OIDC struct {
	Issuer        string    `json:"issuer"`
	ClientID      string    `json:"clientID"`
	ClientSecret  SecretKey `json:"clientSecret"` // in Platform's namespace
	UsernameClaim string    `json:"usernameClaim"`
	GroupsClaim   string    `json:"groupsClaim"`
	GroupsPrefix  string    `json:"groupsPrefix"`
	AllowedGroups []string  `json:"allowedGroups"` // without the prefix; empty: anybody
	Scopes        []string  `json:"scopes"`
}

// SecretKey names one key of a Secret.
type SecretKey struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// SAML is an identity provider that speaks SAML.
type SAML struct {
	URL               string   `json:"url"`
	Certificate       string   `json:"certificate"` // PEM
	UsernameAttribute string   `json:"usernameAttribute"`
	EmailAttribute    string   `json:"emailAttribute"`
	GroupsAttribute   string   `json:"groupsAttribute"`
	AllowedGroups     []string `json:"allowedGroups"` // the only ones that count; empty: all
}

// Team is a team of the provider's own people.
type Team struct {
	DisplayName string   `json:"displayName,omitempty"`
	Groups      []string `json:"groups"` // "idp:<group>", see GroupAt
}

// Role is a role that members of a project can have.
type Role struct {
	DisplayName string     `json:"displayName,omitempty"`
	Rules       []RoleRule `json:"rules"`
}

// RoleRule allows verbs on resources.
type RoleRule struct {
	APIGroups     []string `json:"apiGroups"`
	Resources     []string `json:"resources"`
	Verbs         []string `json:"verbs"`
	ResourceNames []string `json:"resourceNames,omitempty"`
}

// TenantAccess is who may do what for a tenant.
type TenantAccess struct {
	Members          []ProjectMember  `json:"members"`
	Clusters         []ClusterAccess  `json:"clusters"`
	Others           string           `json:"others"` // a role of Kubernetes
	Kubeconfigs      *KubeconfigScope `json:"kubeconfigs,omitempty"`
	Templates        []string         `json:"templates"`
	NodeTypes        []string         `json:"nodeTypes"`                  // "provider.type"
	PlatformClusters []string         `json:"platformClusters,omitempty"` // empty: the platform's own
}

// KubeconfigScope is what the kubeconfigs that a tenant's clusters export may do, in roles of Kubernetes.
type KubeconfigScope struct {
	Role   string   `json:"role"`   // of those that name no service account
	Others []string `json:"others"` // that a service account may have as well
}

// ProjectMember is a team with its role in a project.
type ProjectMember struct {
	Team string `json:"team"`
	Role string `json:"role"` // "admin", "user", "viewer" or one of Identity.Roles
}

// ClusterAccess is a role of Kubernetes for teams inside a tenant's clusters.
type ClusterAccess struct {
	Teams []string `json:"teams"`
	Role  string   `json:"role"`
	Only  []string `json:"only"` // clusters; empty: all
}

// The roles that every project has.
const (
	RoleAdmin  = "admin"
	RoleUser   = "user"
	RoleViewer = "viewer"
)

// MainProvider is what a group's identity provider is called where it is the platform's one.
const MainProvider = "idp"

// GroupAt takes a group apart: "idp:acme-admins" is the group acme-admins at idp.
func GroupAt(group string) (provider, name string) {
	provider, name, _ = strings.Cut(group, ":")
	return provider, name
}

// Provider is an identity provider by name, MainProvider among them: its OIDC or SAML settings, one of
// which is nil. ok is false if the identity names none such.
func (i *Identity) Provider(name string) (oidc *OIDC, saml *SAML, ok bool) {
	if name == MainProvider {
		return i.OIDC, i.SAML, i.OIDC != nil || i.SAML != nil
	}
	c, ok := i.Connectors[name]
	return c.OIDC, c.SAML, ok
}

// TokenGroup is a group as the tokens of its identity provider name it once Platform has read them.
func (f *Fleet) TokenGroup(group string) string {
	provider, name := GroupAt(group)
	if f.Platform == nil || f.Platform.Identity == nil {
		return name
	}
	if oidc, _, _ := f.Platform.Identity.Provider(provider); oidc != nil {
		return oidc.GroupsPrefix + name
	}
	return name
}
