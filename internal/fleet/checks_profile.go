package fleet

import (
	"fmt"
	"slices"
)

// profiles: they exist and can be followed, and every tenant keeps the promises of its own.
func (c *checker) profiles() {
	for n, p := range All(c.f.Profiles) {
		e := address("profile", n)
		if builtinProfiles[n] != nil {
			c.report("MW253", Query{e, ""}, fmt.Sprintf("profile %s is built in", n), "give this one another name; with extends: "+fmt.Sprintf("%q", n)+" it keeps the promises of that one too")
			continue
		}
		if p.Extends != "" {
			c.profileExists(p.Extends, Query{e, "extends"})
		}
		if all := c.f.promises(n); len(all) > 0 && slices.Contains(all, c.f.Profile(all[len(all)-1].Extends)) {
			c.report("MW253", Query{e, "extends"}, fmt.Sprintf("profile %s extends itself", n), "remove extends from one of the circle")
		}
		if p.Sites != nil {
			for i, s := range p.Sites.Names {
				mustExist(c, c.f.Sites, "site", s, Query{e, fmt.Sprintf("sites.names[%d]", i)})
			}
		}
	}
	for tn, t := range All(c.f.Tenants) {
		at := Query{address("tenant", tn), "profile"}
		c.profileExists(t.Profile, at)
		for i, s := range t.Residency {
			mustExist(c, c.f.Sites, "site", s, Query{at.Entity, fmt.Sprintf("residency[%d]", i)})
		}
		if t.Retired {
			continue // it can keep no promise any more, and must not be held by one
		}
		c.resides(tn, t)
		for _, p := range c.f.promises(t.Profile) {
			keeper{c, tn, t, t.Profile}.keeps(p)
		}
	}
}

func (c *checker) profileExists(name string, at Query) {
	if c.f.Profile(name) != nil {
		return
	}
	hint := fmt.Sprintf("write profile: %q: fleet.#Profile & {...}, or name one that exists", name)
	if near := nearest(name, append(keys(builtinProfiles), keys(c.f.Profiles)...)); near != "" {
		hint = "did you mean " + near + "?"
	}
	c.report("MW201", at, fmt.Sprintf("there is no profile %q", name), hint)
}

// resides: a tenant's clusters are in the sites that it says, whatever its profile.
func (c *checker) resides(tenant string, t *Tenant) {
	promised := slices.ContainsFunc(c.f.promises(t.Profile), func(p *Profile) bool { return p.Residency != nil }) // and reported with its reason
	for cn, k := range All(t.Clusters) {
		if k.Nodes == NodesShared && len(t.Residency) > 0 && !promised {
			c.report("MW253", Query{address("tenant", tenant), joinPath("cluster", cn, "nodes")}, fmt.Sprintf("cluster %s.%s has shared nodes, which are in no site: nobody knows whether it is where tenant %s may be", tenant, cn, tenant),
				inASite, mention{Query{address("tenant", tenant), "residency"}, "where it may be"})
		}
		if site, ok := c.siteOf(k); ok && len(t.Residency) > 0 && !slices.Contains(t.Residency, site) {
			c.report("MW253", Query{address("tenant", tenant), joinPath("cluster", cn, "segment")}, fmt.Sprintf("cluster %s.%s is in site %s, where tenant %s may not be", tenant, cn, site, tenant),
				"choose a segment in one of the sites of its residency", mention{Query{address("tenant", tenant), "residency"}, "where it may be"})
		}
	}
}

// inASite says how a cluster comes to be in one.
const inASite = "write nodes: \"private\" and a segment of such a site, in a new cluster; it cannot be changed in one that exists"

// siteOf is the site of a cluster, which the fleet may not have.
func (c *checker) siteOf(k *Cluster) (string, bool) {
	s := c.f.Segments[k.Segment]
	if s == nil {
		return "", false
	}
	return s.Site, true
}

// keeper looks whether one tenant keeps promises.
type keeper struct {
	*checker
	name    string
	tenant  *Tenant
	profile string
}

// broken reports a promise that is not kept, at the field that breaks it.
func (k keeper) broken(field, reason, hint, format string, args ...any) {
	at := Query{address("tenant", k.name), field}
	k.report("MW253", at, fmt.Sprintf("profile %s: %s: %s", k.profile, fmt.Sprintf(format, args...), reason), hint,
		mention{Query{at.Entity, "profile"}, "the profile"})
}

// keeps checks every promise of a profile.
func (k keeper) keeps(p *Profile) {
	f, t, platform := k.f, k.tenant, k.f.Platform
	if p.Mirror != nil && platform != nil && platform.Mirror == nil {
		k.broken("profile", p.Mirror.Reason, "write mirror in the platform", "the platform has no mirror")
	}
	if p.SignOn != nil && platform != nil && (platform.Identity == nil || platform.Identity.Passwords || !platform.Identity.external()) {
		k.broken("profile", p.SignOn.Reason, "write identity in the platform, with oidc or saml and without passwords", "people do not sign in through an identity provider alone")
	}
	if p.Audit != nil && t.Audit == nil {
		k.broken("profile", p.Audit.Reason, "write audit in the tenant", "the tenant's clusters keep no audit log")
	}
	if p.Residency != nil && len(t.Residency) == 0 {
		k.broken("profile", p.Residency.Reason, "write residency: the sites it may be in", "the tenant does not say where it may be")
	}
	for cn, c := range All(t.Clusters) {
		at := func(field string) string { return joinPath("cluster", cn, field) }
		if p.PrivateNodes != nil && c.Nodes != "private" {
			k.broken(at("nodes"), p.PrivateNodes.Reason, "write nodes: \"private\" in a new cluster; it cannot be changed in one that exists", "cluster %s has no private nodes", cn)
		}
		if p.OwnSegment != nil && c.Segment == "" {
			k.broken(at("segment"), p.OwnSegment.Reason, "write a segment for this cluster alone", "cluster %s has no segment of its own", cn)
		}
		shared := c.Nodes != "private"
		install := "put a component or catalogue entry named vnode into the cluster's stack"
		if shared {
			install = "write sharedNodes: runtimeClass: \"vnode\", or leave it out"
		}
		switch has := f.HasVNode(c); {
		case p.VNode != nil && !has:
			k.broken(k.vnodeField(cn, c), p.VNode.Reason, install, "cluster %s has no vNode", cn)
		case p.VNodeOnShared != nil && shared && !has:
			k.broken(k.vnodeField(cn, c), p.VNodeOnShared.Reason, install, "cluster %s is on shared nodes without vNode", cn)
		}
		if p.HighAvailability != nil && c.ControlPlane.Replicas < 3 {
			k.broken(joinPath("cluster", cn, "controlPlane", "replicas"), p.HighAvailability.Reason, "write 3 or 5", "the control plane of cluster %s has %d replica", cn, c.ControlPlane.Replicas)
		}
		if p.Residency != nil && shared {
			k.broken(at("nodes"), p.Residency.Reason, inASite, "cluster %s has shared nodes, which are in no site", cn)
		}
		if p.Sites != nil && shared {
			k.broken(at("nodes"), p.Sites.Reason, inASite, "cluster %s has shared nodes, which are in no site", cn)
		}
		if site, ok := k.siteOf(c); ok && p.Sites != nil && !slices.Contains(p.Sites.Names, site) {
			k.broken(at("segment"), p.Sites.Reason, fmt.Sprintf("choose a segment in one of %v", p.Sites.Names), "cluster %s is in site %s", cn, site)
		}
	}
}

// external reports whether there is any identity provider.
func (i *Identity) external() bool {
	return i.OIDC != nil || i.SAML != nil || len(i.Connectors) > 0
}
