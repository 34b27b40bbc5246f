package render

import (
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// observeOnly is why an object is not to be written, or "": its kind, its site or its tenant is only
// observed. A part of an object falls under the object's kind too. A site covers its machines, its
// network and the clusters whose machines stand there.
func (r *renderer) observeOnly(o state.Object) string {
	kind := string(o.ID.Target.System) + "/" + o.ID.Kind
	part, _, _ := strings.Cut(o.ID.Part, "/")
	for _, k := range []string{kind, kind + "/" + part} {
		if only, ok := r.fleet.Policy.ObserveOnly[k]; ok {
			return only.Reason
		}
	}
	if s := r.fleet.Sites[r.siteOf(o)]; s != nil && s.ObserveOnly != nil {
		return s.ObserveOnly.Reason
	}
	if t := r.tenantOf(o); t != nil && t.ObserveOnly != nil {
		return t.ObserveOnly.Reason
	}
	return ""
}

// siteOf is the site that an object acts on, or "".
func (r *renderer) siteOf(o state.Object) string {
	switch o.ID.Target.System {
	case state.Netris:
		return o.ID.Target.Name
	case state.UFM:
		return r.fleet.SiteOfUFM(o.ID.Target.Name)
	}
	word := strings.Split(o.Entity, "/")
	switch word[0] {
	case "machine":
		return r.fleet.Machines[word[1]].Site
	case "pool", "cluster":
		if site := r.fleet.SiteOf(r.fleet.Tenants[word[1]].Clusters[word[2]]); site != nil {
			return site.Name
		}
	}
	return ""
}

// tenantOf is the tenant that an object belongs to, or nil.
func (r *renderer) tenantOf(o state.Object) *fleet.Tenant {
	word := strings.Split(o.Entity, "/")
	switch word[0] {
	case "tenant", "pool", "cluster":
		return r.fleet.Tenants[word[1]]
	case "segment":
		return r.fleet.Tenants[r.fleet.TenantOf(word[1])]
	}
	return nil
}
