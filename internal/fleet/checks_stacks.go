package fleet

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// stacks: what a stack is made of exists, fits together, and can be put in an order.
func (c *checker) stacks() {
	for n, s := range All(c.f.Stacks) {
		e := address("stack", n)
		for cn, k := range All(s.Components) {
			c.component(e, s, cn, k)
		}
		for cn, k := range All(s.Catalogue) {
			c.entry(e, s, cn, k)
		}
		c.once(e, s)
		c.tenantFields(e, s)
		if circle := circleOf(s.Order()); len(circle) > 0 {
			at := joinPath("catalogue", circle[0])
			if s.Components[circle[0]] != nil {
				at = joinPath("component", circle[0], "after")
			}
			c.report("MW207", Query{e, at}, "components wait for each other: "+strings.Join(append(circle, circle[0]), " → "), "remove one of these from after")
		}
	}
}

// component: its files are there, and it has a name of its own.
func (c *checker) component(e string, s *Stack, name string, k *Component) {
	marker := map[string]string{"kustomize": "kustomization.yaml", "helm": "Chart.yaml"}[k.Type]
	in := joinPath("component", name)
	if _, err := fs.Stat(c.fsys, path.Join(k.Path, marker)); errors.Is(err, fs.ErrNotExist) {
		c.report("MW201", Query{e, in + ".path"}, fmt.Sprintf("there is no %s in %s", marker, k.Path), "the path is that of a directory, from the root of the repository")
	} else if err != nil {
		c.report("MW201", Query{e, in + ".path"}, fmt.Sprintf("%s in %s cannot be read: %v", marker, k.Path, reason(err)), "")
	}
	if k.Type == "kustomize" && len(k.Values) > 0 {
		c.report("MW207", Query{e, in + ".values"}, "a kustomize component has no values", "use a patch in its kustomization, or a chart")
	}
	if s.Catalogue[name] != nil {
		c.report("MW232", Query{e, in}, fmt.Sprintf("component %s has the name of a catalogue entry of the same stack", name), "rename the component",
			mention{Query{e, joinPath("catalogue", name)}, "the entry"})
	}
	c.follows(e, s, in, k.After)
}

// follows: what a part waits for is in the stack.
func (c *checker) follows(e string, s *Stack, in string, after []string) {
	for i, a := range after {
		if s.Components[a] == nil && s.Catalogue[a] == nil {
			_, name, _ := strings.Cut(e, "/")
			c.report("MW201", Query{e, fmt.Sprintf("%s.after[%d]", in, i)}, fmt.Sprintf("stack %s has no component %q", name, a), "after names components and catalogue entries of the same stack")
		}
	}
}

// entry: it is pinned, has what it needs, and is of a version that was tested with the others.
func (c *checker) entry(e string, s *Stack, name string, k *Chart) {
	in := joinPath("catalogue", name)
	c.follows(e, s, in, k.After)
	if k.Digest == "" {
		c.warn("MW230", Query{e, in}, fmt.Sprintf("%s %s has no digest, so it is not installed: the repository could serve another chart under the same version", name, k.Version),
			"millwright charts fetches it and prints its digest")
	}
	for _, need := range k.Needs {
		if s.Catalogue[need] == nil {
			c.report("MW233", Query{e, in}, fmt.Sprintf("%s needs %s, which the stack does not have", name, need), "write catalogue: "+need+" as well")
		}
	}
	if switchedOn(k.Values, "dcgmExporter", "serviceMonitor", "enabled") && s.Catalogue["prometheus"] == nil {
		c.report("MW233", Query{e, joinPath("catalogue", name, "values", "dcgmExporter", "serviceMonitor", "enabled")},
			"a service monitor needs prometheus, which the stack does not have", "write catalogue: prometheus as well, or leave it off")
	}
	if name == "prometheus" && switchedOn(k.Values, "grafana", "enabled") && valueAt(k.Values, "grafana", "admin", "existingSecret") == nil {
		c.report("MW233", Query{e, joinPath("catalogue", name, "values", "grafana", "enabled")}, "grafana needs a Secret with its administrator's password",
			"name one in grafana.admin.existingSecret; the chart would make another password each time")
	}
	if name == entryCeph {
		c.deviceFilter(e, k)
	}
	if s.Certified == nil {
		return
	}
	if want, ok := s.Certified.Versions[name]; ok && !ofVersion(want, k.Version) {
		c.report("MW231", Query{e, in + ".version"}, fmt.Sprintf("%s %s is not what %s tested: %s", name, k.Version, s.Certified.Name, want),
			"use that version, or certify another set", mention{Query{e, "certified"}, "the set"})
	}
	if want := s.Certified.Driver; want != "" && name == "gpu-operator" && switchedOn(k.Values, "driver", "enabled") {
		if got, _ := valueAt(k.Values, "driver", "version").(string); !ofVersion(want, got) {
			c.report("MW231", Query{e, in + ".values.driver"}, fmt.Sprintf("the GPU driver %s is not what %s tested: %s", orElse(got, "of the operator's choice"), s.Certified.Name, want),
				"write values: driver: version: "+want, mention{Query{e, "certified"}, "the set"})
		}
	}
}

// once: what a cluster can have one of only, a stack has one of.
func (c *checker) once(e string, s *Stack) {
	var discovery []string
	for name, k := range All(s.Catalogue) {
		if name == "node-feature-discovery" || switchedOn(k.Values, "nfd", "enabled") {
			discovery = append(discovery, name)
		}
	}
	for _, one := range []struct{ role, things, hint string }{
		{RoleCNI, "CNIs", "pods have one network: leave one of them out"},
		{RoleProxy, "parts in the place of kube-proxy", "services are reached in one way: leave one of them out"},
		{RoleDefaultClass, "default storage classes", "claims that name no class would get either: leave one of them out"},
	} {
		if parts := s.Bringing(one.role); len(parts) > 1 {
			c.report("MW232", Query{e, parts[1].Field}, fmt.Sprintf("the stack has two %s, %s and %s", one.things, parts[0].Name, parts[1].Name), one.hint, mention{Query{e, parts[0].Field}, "the other"})
		}
	}
	if len(discovery) > 1 {
		c.report("MW232", Query{e, joinPath("catalogue", discovery[1])}, "node feature discovery is installed by "+strings.Join(discovery, " and by "),
			"leave it to one: write values: nfd: enabled: false in the others", mention{Query{e, joinPath("catalogue", discovery[0])}, "the other"})
	}
	if s.Catalogue["gpu-operator"] != nil && len(discovery) == 0 {
		c.report("MW233", Query{e, joinPath("catalogue", "gpu-operator")}, "gpu-operator needs node feature discovery to find GPUs, and nothing installs it",
			"write values: nfd: enabled: true, or catalogue: node-feature-discovery")
	}
}

// tenantFields: what makes an object the one it is stays ours.
func (c *checker) tenantFields(e string, s *Stack) {
	for i, t := range s.TenantFields {
		for j, f := range t.Fields {
			first, _, _ := strings.Cut(f, ".")
			if slices.Contains([]string{"apiVersion", "kind", "status", "metadata"}, first) && !strings.HasPrefix(f, "metadata.labels.") && !strings.HasPrefix(f, "metadata.annotations.") {
				c.report("MW237", Query{e, fmt.Sprintf("tenantFields[%d].fields[%d]", i, j)}, fmt.Sprintf("%s is not for the tenant to set", f),
					"of an object's metadata only single labels and annotations can be left to the tenant")
			}
		}
	}
}

// observability: what shows or sends on the control planes' metrics needs somebody to read them.
func (c *checker) observability() {
	if c.f.Platform == nil || c.f.Platform.Observability == nil || c.f.Platform.Observability.ServiceMonitors.Enabled {
		return
	}
	const hint = "write serviceMonitors: enabled: true, or switch this off"
	if o := c.f.Platform.Observability; o.Collector != nil {
		c.report("MW239", Query{"platform", "observability.collector"}, "the collector has nothing to send: no control plane's metrics are read", hint)
	} else if o.Dashboards.Enabled {
		c.report("MW239", Query{"platform", "observability.serviceMonitors.enabled"}, "dashboards have nothing to show: no control plane's metrics are read",
			"write dashboards: enabled: false as well, or serviceMonitors: enabled: true")
	}
}

// circleOf finds parts that wait for each other, beginning with the least name; nil if none do.
func circleOf(waits map[string][]string) []string {
	done := map[string]bool{}
	var stack, circle []string
	var visit func(string)
	visit = func(n string) {
		if i := slices.Index(stack, n); i >= 0 && circle == nil {
			circle = slices.Clone(stack[i:])
		}
		if done[n] || circle != nil {
			return
		}
		stack = append(stack, n)
		for _, a := range waits[n] {
			visit(a)
		}
		stack = stack[:len(stack)-1]
		done[n] = true
	}
	for n := range All(waits) {
		visit(n)
	}
	return circle
}

// ofVersion reports whether a version is the wanted one, or a patch of it.
func ofVersion(want, got string) bool {
	want, got = strings.TrimPrefix(want, "v"), strings.TrimPrefix(got, "v")
	return got == want || strings.HasPrefix(got, want+".")
}

func orElse(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// valueAt is what stands at a path of free-form values, or nil.
func valueAt(values map[string]any, path ...string) any {
	var v any = values
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

// switchedOn reports whether values switch something on.
func switchedOn(values map[string]any, path ...string) bool { return valueAt(values, path...) == true }
