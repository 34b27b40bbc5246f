package render

import (
	"fmt"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// imposed adds to a finished vcluster.yaml what the platform and the tenant demand of every cluster,
// after the cluster's own values so that these cannot take it away, and refuses what the licence does
// not cover.
func (r *renderer) imposed(c cluster, values state.Tree) state.Tree {
	for _, more := range []state.Tree{r.mirrorValues(c), r.auditValues(c)} {
		values = r.extend(values, more, string(c.src())+"."+c.at("values"), c.of.Pos)
	}
	r.licensed(c, values)
	return values
}

// extend merges two trees: maps key by key, lists one after the other. Where both say something else
// of one key that is a finding about `at`, and the second holds.
func (r *renderer) extend(base, more state.Tree, at string, pos diag.Pos) state.Tree {
	_, isMap := base.Fields()
	b, both := more.Fields()
	if isMap && both && len(b) == 0 {
		return base
	}
	if isMap && both {
		merged := open(base)
		for _, f := range b {
			if before, ok := merged[f.Key]; ok {
				merged[f.Key] = r.extend(before, f.Tree, key(at, f.Key), pos)
			} else {
				merged[f.Key] = f.Tree
			}
		}
		return node(merged)
	}
	items, isList := base.Items()
	further, both := more.Items()
	if isList && both {
		return list(append(append([]state.Tree{}, items...), further...)...)
	}
	if base.Digest() != more.Digest() {
		from := more.Origin()
		r.report(diag.Diagnostic{
			Code: "MW352", Summary: fmt.Sprintf("%s contradicts %s of %s", at, from.Field, from.Entity),
			Hint: "remove it: what is written there decides", Path: at, Pos: pos,
		})
	}
	return more
}

// paidValues are the keys of vcluster.yaml that need a paid edition, if they are neither false nor
// empty. The features that are no part of vcluster.yaml are checked in internal/fleet.
var paidValues = []struct{ key, what string }{
	{"controlPlane.backingStore.database.external.enabled", "a database outside the cluster as its store"},
	{"controlPlane.backingStore.database.embedded.dataSource", "a database outside the cluster as its store"},
	{"integrations.netris.enabled", "Platform's Netris integration"},
}

// licensed refuses values that the edition of the platform does not cover.
func (r *renderer) licensed(c cluster, values state.Tree) {
	if r.fleet.Platform.Edition != fleet.EditionFree {
		return
	}
	for _, paid := range paidValues {
		at, err := state.ParsePath(paid.key)
		if err != nil {
			panic("render: " + err.Error()) // a programming error: the table above
		}
		v, ok := values.Get(at)
		if !ok || v.Value() == false || v.Value() == "" {
			continue
		}
		origin := v.Origin()
		r.report(diag.Diagnostic{
			Code: "MW351", Summary: fmt.Sprintf("cluster %s/%s: %s needs a paid edition of vCluster Platform; the platform declares %q", c.tenant, c.name, paid.what, r.fleet.Platform.Edition),
			Hint: "leave it out, or raise the edition once the licence is there", Path: origin.Entity + "." + origin.Field, Pos: r.fleet.PosOf(origin.Entity),
		})
	}
}
