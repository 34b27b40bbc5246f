package render

import (
	"cmp"
	"slices"
	"strconv"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// projectRoles are Platform's own names for the roles that every project has. That of the
// administrator stands in Platform's guides, those of the others follow its pattern.
var projectRoles = map[string]string{
	fleet.RoleAdmin:  "loft-management-project-admin",
	fleet.RoleUser:   "loft-management-project-user",
	fleet.RoleViewer: "loft-management-project-viewer",
}

// storageGroup is the API group that references among Platform's objects name.
const storageGroup = "storage.loft.sh"

// team is the tenant's people: the groups at the identity provider.
func (r *renderer) team(name string, t *fleet.Tenant) {
	s := source("tenant/" + name)
	id := r.control(kindTeam, "", name)
	r.add(state.Object{ID: id, Entity: string(s), Tree: r.platformObject(s, id, fields{
		"displayName": s.of("displayName", t.DisplayName),
		"owner":       r.owner(),
		"groups":      r.groups(s, "admins", t.Admins),
	})})
}

// groups are groups as tokens name them.
func (r *renderer) groups(s source, field string, groups []string) state.Tree {
	items := make([]state.Tree, len(groups))
	for i, g := range groups {
		name, note := r.fleet.TokenGroup(g), "the group without its prefix"
		if _, plain := fleet.GroupAt(g); plain != name {
			note = "the group with the prefix that its identity provider's groups get"
		}
		items[i] = s.because(field+state.Index(i), note, name)
	}
	return list(items...)
}

// project is what the tenant may do: see and administer its own project, and have as many machines
// of its own node types as are allocated to it. Access rules are always written: without any,
// Platform lets everybody in.
func (r *renderer) project(name string, t *fleet.Tenant) {
	s, p := source("tenant/"+name), r.fleet.Platform
	types, machines := []state.Tree{}, 0
	for _, pool := range r.fleet.Pools() {
		if pool.Tenant == name {
			types = append(types, node(fields{"name": s.because(poolField(pool, ""), "the pool's node type", p.Metal3.NodeProvider+"."+pool.NodeType())}))
			if r.fleet.Leaving(name, pool.Cluster) == "" {
				machines += len(r.serving(pool))
			}
		}
	}
	for i, full := range t.Access.NodeTypes {
		types = append(types, node(fields{"name": s.of("access.nodeTypes"+state.Index(i), full)}))
	}
	quota := s.because("cluster", "as many machines as are allocated to clusters that stay", strconv.Itoa(machines))
	members, teams := r.members(name, t)
	spec := fields{
		"displayName":     s.of("displayName", t.DisplayName),
		"owner":           r.owner(),
		"allowedClusters": r.allowedClusters(s, t),
		// An empty list allows none; no list would allow all.
		"allowedNodeTypes": state.List(types, state.Origin{Entity: string(s), Field: "cluster", Note: "the tenant's own node types"}),
		"quotas": node(fields{"project": node(fields{
			"nodeclaims": quota,
			"nodeclaims.provider=" + p.Metal3.NodeProvider: quota,
		})}),
		"requireTemplate": node(fields{"disabled": s.fixed(true)}), // instances carry their template
		"members":         members,
		"access": list(node(fields{
			"name":         s.fixed("team"),
			"verbs":        s.fixed([]any{"get"}),
			"subresources": s.fixed([]any{"*"}),
			"teams":        teams,
		})),
	}
	if len(t.Access.Templates) > 0 {
		spec["allowedTemplates"] = r.allowedTemplates(s, t)
	}
	on := []state.ID{r.control(kindTeam, "", name)}
	for _, m := range t.Access.Members {
		on = append(on, r.teamsAndRoles(m)...)
	}
	id := r.control(kindProject, "", name)
	r.add(state.Object{ID: id, Entity: string(s), After: after(unique(on)...), Tree: r.platformObject(s, id, spec)})
}

// members are the tenant's own team, which administers the project, and those that its access names;
// teams are the names of all of them.
func (r *renderer) members(name string, t *fleet.Tenant) (members, teams state.Tree) {
	s := source("tenant/" + name)
	member := func(team, role state.Tree) state.Tree {
		return node(fields{"kind": s.fixed("Team"), "group": s.fixed(storageGroup), "name": team, "clusterRole": role})
	}
	own := s.fixed(name)
	all, names := []state.Tree{member(own, s.fixed(projectRoles[fleet.RoleAdmin]))}, []state.Tree{own}
	for i, m := range t.Access.Members {
		at := "access.members" + state.Index(i)
		team, role := s.of(at+".team", m.Team), s.of(at+".role", m.Role)
		if full, ok := projectRoles[m.Role]; ok {
			role = s.because(at+".role", "Platform's name of the role", full)
		}
		all = append(all, member(team, role))
		names = append(names, team)
	}
	return list(all...), list(names...)
}

// teamsAndRoles are the objects that a member names and that are rendered here.
func (r *renderer) teamsAndRoles(m fleet.ProjectMember) []state.ID {
	ids := []state.ID{r.control(kindTeam, "", m.Team)}
	if _, builtIn := projectRoles[m.Role]; !builtIn {
		ids = append(ids, r.control(kindRole, "", m.Role))
	}
	return ids
}

func (r *renderer) allowedClusters(s source, t *fleet.Tenant) state.Tree {
	if len(t.Access.PlatformClusters) == 0 {
		return list(node(fields{"name": source("platform").of("clusterRef", r.fleet.Platform.ClusterRef)}))
	}
	var items []state.Tree
	for i, name := range t.Access.PlatformClusters {
		items = append(items, node(fields{"name": s.of("access.platformClusters"+state.Index(i), name)}))
	}
	return list(items...)
}

func (r *renderer) allowedTemplates(s source, t *fleet.Tenant) state.Tree {
	var items []state.Tree
	for i, name := range t.Access.Templates {
		item := fields{"kind": s.fixed("VirtualClusterTemplate"), "group": s.fixed(storageGroup), "name": s.of("access.templates"+state.Index(i), name)}
		if i == 0 {
			item["isDefault"] = s.because("access.templates[0]", "the first is the default", true)
		}
		items = append(items, node(item))
	}
	return list(items...)
}

// access are the roles that people have inside a tenant cluster, with whatever kubeconfig Platform
// gives them. It is never empty: without a rule that matches, everybody would be an administrator.
func (r *renderer) access(c cluster) state.Tree {
	s, a := c.src(), c.of.Access
	rules := []state.Tree{node(fields{"teams": list(s.fixed(c.tenant)), "clusterRole": s.fixed("cluster-admin")})}
	for i, rule := range a.Clusters {
		if len(rule.Only) > 0 && !slices.Contains(rule.Only, c.name) {
			continue
		}
		at := "access.clusters" + state.Index(i)
		rules = append(rules, node(fields{"teams": s.texts(at+".teams", rule.Teams), "clusterRole": s.of(at+".role", rule.Role)}))
	}
	return node(fields{
		"defaultClusterRole": s.of("access.others", cmp.Or(a.Others, "view")),
		"rules":              list(rules...),
	})
}
