package render

import (
	"millwright.dev/millwright/internal/state"
)

// platformValues renders the values of Platform's chart, for whatever runs Helm: what the fleet says
// of it, how people sign in, and what is logged.
func (r *renderer) platformValues() {
	p := r.fleet.Platform
	if p.Helm == nil && p.Identity == nil && p.Audit == nil {
		return
	}
	id := r.control("ConfigMap", p.Namespace, "vcluster-platform-values")
	r.add(r.file(id, "values.yaml", r.chartValues()))
}

// file is a ConfigMap of Platform's namespace that holds one document.
func (r *renderer) file(id state.ID, name string, document state.Tree) state.Object {
	s := source("platform")
	return state.Object{ID: id, Entity: string(s), Tree: node(fields{
		"apiVersion": s.fixed("v1"),
		"kind":       s.fixed("ConfigMap"),
		"metadata":   node(fields{"name": s.fixed(id.Name), "namespace": s.of("namespace", id.Namespace)}),
		"data":       node(fields{name: state.Encode(state.YAML, document)}),
	})}
}

// chartValues are the values of Platform's chart.
func (r *renderer) chartValues() state.Tree {
	p, s := r.fleet.Platform, source("platform")
	values, config := fields{}, fields{}
	if p.Identity != nil {
		auth, variables := r.signIn()
		config["loftHost"] = s.of("identity.host", p.Identity.Host)
		config["auth"] = node(auth)
		if len(variables) > 0 {
			values["envValueFrom"] = node(variables)
		}
	}
	if p.Audit != nil {
		config["audit"] = r.platformAudit()
	}
	if len(config) > 0 {
		values["config"] = node(config)
	}
	if p.Helm == nil {
		return node(values)
	}
	return r.extend(s.deep("helm.values", p.Helm.Values), node(values), "platform.helm.values", p.Pos)
}

// platformAudit is the block audit of Platform's configuration. Rules of the fleet's own stand in
// place of a level: Platform takes one or the other.
func (r *renderer) platformAudit() state.Tree {
	a, s := r.fleet.Platform.Audit, source("platform")
	f := fields{
		"enabled":    s.because("audit", "it is there", true),
		"maxAge":     s.of("audit.retention.days", a.Retention.Days),
		"maxBackups": s.of("audit.retention.files", a.Retention.Files),
		"maxSize":    s.of("audit.retention.megabytes", a.Retention.Megabytes),
	}
	if a.Path != "" {
		f["path"] = s.of("audit.path", a.Path)
	}
	if len(a.Rules) > 0 {
		f["policy"] = node(fields{"rules": list(auditRuleList(s, "audit.rules", a.Rules)...)})
	} else {
		f["level"] = s.of("audit.level", a.Level)
	}
	return node(f)
}
