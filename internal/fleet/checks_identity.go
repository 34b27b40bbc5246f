package fleet

import (
	"fmt"
	"slices"
	"strings"
)

// identity: groups belong to identity providers that are there, teams and roles exist, and no
// project may use what belongs to another tenant.
func (c *checker) identity() {
	if c.f.Platform == nil {
		return
	}
	if id := c.f.Platform.Identity; id != nil {
		c.signOn(id)
	}
	for tn, t := range All(c.f.Tenants) {
		e := address("tenant", tn)
		for i, g := range t.Admins {
			c.group(g, Query{e, fmt.Sprintf("admins[%d]", i)})
		}
		c.access(tn, t)
	}
}

// signOn: each connector speaks one protocol, somebody can sign in, and no team or role takes a name
// that is taken.
func (c *checker) signOn(id *Identity) {
	at := func(path ...string) Query {
		return Query{"platform", joinPath(append([]string{"identity"}, path...)...)}
	}
	if id.OIDC != nil && id.SAML != nil {
		c.report("MW255", at("saml"), "the platform's identity provider speaks OpenID Connect or SAML, not both", "make one of the two a connector", mention{at("oidc"), "the other"})
	}
	for n, k := range All(id.Connectors) {
		if (k.OIDC == nil) == (k.SAML == nil) {
			c.report("MW255", at("connector", n), fmt.Sprintf("connector %s speaks either OpenID Connect or SAML", n), "write one of oidc and saml")
		}
	}
	if !id.Passwords && id.OIDC == nil && id.SAML == nil && len(id.Connectors) == 0 {
		c.report("MW255", at(), "nobody could sign in: there are no passwords and no identity provider", "write oidc or saml, or passwords: true")
	}
	c.apartGroups(id)
	for n, team := range All(id.Teams) {
		if _, taken := c.f.Tenants[n]; taken {
			c.report("MW254", at("team", n), fmt.Sprintf("team %s would be that of the tenant of this name", n), "choose another name", mention{Query{address("tenant", n), ""}, "the tenant"})
		}
		for i, g := range team.Groups {
			c.group(g, at("team", n, "groups", fmt.Sprintf("[%d]", i)))
		}
	}
	for n := range All(id.Roles) {
		if slices.Contains([]string{RoleAdmin, RoleUser, RoleViewer}, n) {
			c.report("MW254", at("role", n), fmt.Sprintf("role %s is there already", n), "choose another name")
		}
	}
}

// group: its identity provider is there, and it is written without the prefix that the
// provider's groups get.
func (c *checker) group(group string, at Query) {
	provider, name := GroupAt(group)
	id := c.f.Platform.Identity
	if id == nil {
		if provider != MainProvider {
			c.report("MW255", at, fmt.Sprintf("there is no identity provider %q", provider), "write it as a connector of the platform's identity, or \"idp:\" for the provider that Platform has")
		}
		return
	}
	oidc, saml, ok := id.Provider(provider)
	if !ok {
		hint := "write it as a connector of the platform's identity"
		if near := nearest(provider, keys(id.Connectors)); near != "" {
			hint = "did you mean " + near + "?"
		}
		c.report("MW255", at, fmt.Sprintf("there is no identity provider %q", provider), hint)
		return
	}
	where := "identity"
	if provider != MainProvider {
		where = joinPath("identity", "connector", provider)
	}
	if saml != nil && len(saml.AllowedGroups) > 0 && !slices.Contains(saml.AllowedGroups, name) {
		c.report("MW255", at, fmt.Sprintf("group %s does not count: it is not among the allowed groups of %s", name, provider), "add it there", mention{Query{"platform", where + ".saml.allowedGroups"}, "those that count"})
	}
	if oidc == nil || oidc.GroupsPrefix == "" || !strings.HasPrefix(name, oidc.GroupsPrefix) {
		return
	}
	c.report("MW255", at, fmt.Sprintf("group %s would get the prefix %s twice", name, oidc.GroupsPrefix), "write it as the identity provider does: "+provider+":"+strings.TrimPrefix(name, oidc.GroupsPrefix),
		mention{Query{"platform", where + ".oidc.groupsPrefix"}, "the prefix"})
}

// access: the teams, roles, clusters and node types that a tenant's access names.
func (c *checker) access(tenant string, t *Tenant) {
	e := address("tenant", tenant)
	at := func(format string, args ...any) Query { return Query{e, "access." + fmt.Sprintf(format, args...)} }
	var roles map[string]Role
	if id := c.f.Platform.Identity; id != nil {
		roles = id.Roles
	}
	for i, m := range t.Access.Members {
		c.team(m.Team, at("members[%d].team", i))
		if _, own := roles[m.Role]; !own && !slices.Contains([]string{RoleAdmin, RoleUser, RoleViewer}, m.Role) {
			hint := "it is admin, user, viewer, or one of the roles of the platform's identity"
			if near := nearest(m.Role, append(keys(roles), RoleAdmin, RoleUser, RoleViewer)); near != "" {
				hint = "did you mean " + near + "?"
			}
			c.report("MW254", at("members[%d].role", i), fmt.Sprintf("there is no role %q", m.Role), hint)
		}
	}
	for i, r := range t.Access.Clusters {
		for j, team := range r.Teams {
			c.team(team, at("clusters[%d].teams[%d]", i, j))
		}
		for j, cn := range r.Only {
			if _, ok := t.Clusters[cn]; !ok {
				c.report("MW254", at("clusters[%d].only[%d]", i, j), fmt.Sprintf("tenant %s has no cluster %q", tenant, cn), "")
			}
		}
	}
	c.nodeTypes(tenant, t)
}

// team: a team of the platform's identity. A tenant's own needs no mention, another tenant's has no
// business here.
func (c *checker) team(name string, at Query) {
	var teams map[string]Team
	if id := c.f.Platform.Identity; id != nil {
		teams = id.Teams
	}
	if _, ok := teams[name]; ok {
		return
	}
	if c.f.Tenants[name] != nil {
		c.report("MW254", at, fmt.Sprintf("%s is the team of a tenant", name),
			"a tenant's own team administers its project already, and no tenant has part in another's; for the provider's people write a team in the platform's identity")
		return
	}
	hint := "write it as a team of the platform's identity"
	if near := nearest(name, keys(teams)); near != "" {
		hint = "did you mean " + near + "?"
	}
	c.report("MW254", at, fmt.Sprintf("there is no team %q", name), hint)
}

// nodeTypes: a project may not use the node types of another tenant's pools, which would hand it that
// tenant's machines.
func (c *checker) nodeTypes(tenant string, t *Tenant) {
	for i, full := range t.Access.NodeTypes {
		provider, name, _ := strings.Cut(full, ".")
		if provider != c.f.Platform.Metal3.NodeProvider {
			continue
		}
		for _, p := range c.f.Pools() {
			if p.Tenant != tenant && (name == "*" || name == p.NodeType()) {
				c.report("MW256", Query{address("tenant", tenant), fmt.Sprintf("access.nodeTypes[%d]", i)}, fmt.Sprintf("%s would give tenant %s the machines of %s", full, tenant, p.Address()),
					"the node types of a tenant's own pools are allowed without being named; name only those of other providers",
					mention{Query{address("tenant", p.Tenant), joinPath("cluster", p.Cluster, "pool", p.Name)}, "the pool"})
				break
			}
		}
	}
}

// groupSource is an identity provider with what the names of its groups can be: anything that begins with
// a prefix, or some names.
type groupSource struct {
	at     Query
	what   string
	prefix string
	names  []string // nil: whatever begins with prefix
}

// apartGroups: where people come from several identity providers, none can name a group that is
// another's. Otherwise whoever runs one of them could make anybody an administrator.
func (c *checker) apartGroups(id *Identity) {
	var all []groupSource
	add := func(name string, oidc *OIDC, saml *SAML, where string) {
		s := groupSource{what: name}
		switch {
		case oidc != nil:
			s.at, s.prefix = Query{"platform", where + ".oidc"}, oidc.GroupsPrefix
		case saml != nil:
			s.at = Query{"platform", where + ".saml"}
			if len(saml.AllowedGroups) > 0 {
				s.names = saml.AllowedGroups
			}
		default:
			return
		}
		all = append(all, s)
	}
	add(MainProvider, id.OIDC, id.SAML, "identity")
	for n, k := range All(id.Connectors) {
		add(n, k.OIDC, k.SAML, joinPath("identity", "connector", n))
	}
	for i, b := range all {
		for _, a := range all[:i] {
			if a.meets(b) {
				c.report("MW255", b.at, fmt.Sprintf("identity providers %s and %s could name the same group", a.what, b.what),
					"give those that speak OpenID Connect a groupsPrefix each, of which none begins with another, and those that speak SAML allowedGroups of their own", mention{a.at, "the other"})
			}
		}
	}
}

// meets reports whether two identity providers can name one group.
func (s groupSource) meets(t groupSource) bool {
	if s.names == nil && t.names == nil {
		return strings.HasPrefix(s.prefix, t.prefix) || strings.HasPrefix(t.prefix, s.prefix)
	}
	if s.names == nil {
		s, t = t, s
	}
	return slices.ContainsFunc(s.names, func(n string) bool {
		return t.names == nil && strings.HasPrefix(n, t.prefix) || slices.Contains(t.names, n)
	})
}
