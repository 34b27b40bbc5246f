package render

import (
	"fmt"
	"strings"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// mirror is where everything is fetched from, nil if each thing comes from its own source.
func (r *renderer) mirror() *fleet.Mirror { return r.fleet.Platform.Mirror }

// fileURL is the address of an operating system image or of firmware, in the mirror if there is one.
func (r *renderer) fileURL(s source, field, url string) state.Tree {
	return inMirror(s, field, url, r.mirror().File(url))
}

// inMirror is a source that stands in a field, or where it is in the mirror.
func inMirror(s source, field, own, mirrored string) state.Tree {
	if own != mirrored {
		return s.because(field, "in the platform's mirror", mirrored)
	}
	return s.of(field, own)
}

// vclusterChart is the chart of a tenant cluster. Platform fetches it from its own place if none is
// named.
func (r *renderer) vclusterChart() state.Tree {
	s, p := source("platform"), r.fleet.Platform
	chart := fields{"version": s.of("vcluster.version", p.VCluster.Version)}
	if p.Mirror != nil {
		chart["name"] = s.fixed("vcluster")
		chart["repo"] = s.because("mirror.charts", "with the host of the charts' own repository", p.Mirror.Chart(loftCharts))
	}
	return node(chart)
}

// loftCharts is where the charts of vCluster come from.
const loftCharts = "https://charts.loft.sh"

// mirrorValues are what vcluster.yaml says of the mirror: where vCluster's own images are, and on
// private nodes where containerd finds everything else.
func (r *renderer) mirrorValues(c cluster) state.Tree {
	m, s := r.mirror(), source("platform")
	if m == nil {
		return node(nil)
	}
	values := fields{"controlPlane": node(fields{"advanced": node(fields{"defaultImageRegistry": s.of("mirror.registry", m.Registry)})})}
	if c.Nodes == "private" && len(m.Upstreams) > 0 {
		values["privateNodes"] = node(fields{"joinNode": r.nodeMirrors()})
	}
	return node(values)
}

// nodeMirrors tell containerd to ask the mirror, and nobody else, for the images of each upstream.
func (r *renderer) nodeMirrors() state.Tree {
	m, s := r.mirror(), source("platform")
	host, path, _ := strings.Cut(m.Registry, "/")
	server := "https://" + host
	if path != "" {
		server += "/v2/" + path // overridePath: the address is that of the registry's API already
	}
	mirrors := fields{}
	for i, upstream := range m.Upstreams {
		at := "mirror.upstreams" + state.Index(i)
		entry := fields{
			"server":       s.because("mirror.registry", "of the registry's API", server),
			"capabilities": list(s.because(at, "images are fetched, never pushed", "pull"), s.because(at, "images are fetched, never pushed", "resolve")),
		}
		if path != "" {
			entry["overridePath"] = s.because("mirror.registry", "it has a path", true)
		}
		mirrors[upstream] = node(entry)
	}
	return node(fields{"containerd": node(fields{"registry": node(fields{"mirrors": node(mirrors)})})})
}

// outside is the proof that nothing comes from elsewhere: whatever led there, nothing of what [Fetches]
// knows lies outside the mirror.
func (r *renderer) outside(objects []state.Object) {
	m := r.mirror()
	if m == nil {
		return
	}
	for _, o := range objects {
		if o.ID.Target.System != state.Kubernetes {
			continue // nothing is fetched for it
		}
		for path, leaf := range o.Tree.Leaves() {
			kind, from, ok := Fetches(o, path, leaf)
			if !ok || kind.In(m, from) {
				continue
			}
			origin := leaf.Origin()
			r.report(diag.Diagnostic{
				Code: "MW350", Summary: fmt.Sprintf("%s: %s is %s, outside the platform's mirror", o.ID, path, leaf.Value()),
				Hint: "name a source that the mirror can stand for, or copy it into the mirror and name it there", Path: strings.TrimSuffix(origin.Entity+"."+origin.Field, "."),
				Pos: r.fleet.PosOf(origin.Entity),
			})
		}
	}
}
