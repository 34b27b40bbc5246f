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

// fileURL is the address of an operating system image, in the mirror if there is one.
func (r *renderer) fileURL(s source, field, url string) state.Tree {
	if in := r.mirror().File(url); in != url {
		return s.because(field, "in the platform's mirror", in)
	}
	return s.of(field, url)
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

// mirrored rewrites the images of a stack's pods, wherever in an object a pod's template is. They are
// plain values that nobody else has.
func (r *renderer) mirrored(manifests []manifest) {
	if r.mirror() == nil {
		return
	}
	for _, m := range manifests {
		rewriteImages(r.mirror(), m.body)
	}
}

func rewriteImages(m *fleet.Mirror, value any) {
	switch v := value.(type) {
	case map[string]any:
		for k, item := range v {
			if containers, ok := item.([]any); ok && isContainers(k) {
				for _, c := range containers {
					if c, ok := c.(map[string]any); ok {
						if image, ok := c["image"].(string); ok && image != "" {
							c["image"] = m.Image(image)
						}
					}
				}
			}
			rewriteImages(m, item)
		}
	case []any:
		for _, item := range v {
			rewriteImages(m, item)
		}
	}
}

func isContainers(key string) bool {
	return key == "containers" || key == "initContainers" || key == "ephemeralContainers"
}

// outside is the proof that nothing comes from elsewhere: whatever led there, no image of a pod, no
// chart repository and no operating system image lies outside the mirror.
func (r *renderer) outside(objects []state.Object) {
	m := r.mirror()
	if m == nil {
		return
	}
	for _, o := range objects {
		if o.ID.Target.System != state.Kubernetes {
			continue
		}
		for path, leaf := range o.Tree.Leaves() {
			text, ok := leaf.Value().(string)
			if !ok || text == "" || fetched(m, path, text) {
				continue
			}
			origin := leaf.Origin()
			r.report(diag.Diagnostic{
				Code: "MW350", Summary: fmt.Sprintf("%s: %s is %s, outside the platform's mirror", o.ID, path, text),
				Hint: "name a source that the mirror can stand for, or copy it into the mirror and name it there", Path: strings.TrimSuffix(origin.Entity+"."+origin.Field, "."),
				Pos: r.fleet.PosOf(origin.Entity),
			})
		}
	}
}

// fetched reports whether a text at a path names nothing to be fetched, or something in the mirror.
func fetched(m *fleet.Mirror, path state.Path, text string) bool {
	kind, ok := Fetches(path)
	return !ok || kind.In(m, text)
}

// Fetched is a kind of thing that systems fetch for an object.
type Fetched string

// What is fetched.
const (
	ContainerImage Fetched = "container"
	ChartSource    Fetched = "chart" // a repository of charts
	OSImage        Fetched = "os"
)

// Fetches is what is fetched by the text at a path of a Kubernetes object; ok is false if nothing is.
func Fetches(path state.Path) (kind Fetched, ok bool) {
	last := path[len(path)-1]
	switch {
	case last == "image" && len(path) > 2 && isContainers(path[len(path)-3]):
		return ContainerImage, true
	case last == "metal3.vcluster.com/image-url":
		return OSImage, true
	case last == "repoURL" || last == "chartRepo" || last == "repo" && len(path) > 1 && path[len(path)-2] == "chart":
		return ChartSource, true
	}
	return "", false
}

// In reports whether what a text names comes from the mirror.
func (k Fetched) In(m *fleet.Mirror, text string) bool {
	switch k {
	case ContainerImage:
		return m.HoldsImage(text)
	case OSImage:
		return m.HoldsFile(text)
	}
	return m.HoldsChart(text)
}
