package render

import (
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// ownName is what our objects in a tenant's namespace are called.
const ownName = "millwright"

// inCluster is the address of an object in the tenant cluster itself.
func (c cluster) inCluster(kind, namespace, name string) state.ID {
	return state.ID{Target: state.Target{System: state.Kubernetes, Name: c.tenant + "." + c.name}, Kind: kind, Namespace: namespace, Name: name}
}

// namespaces renders the tenant's namespaces within its cluster, each with its bounds. These hold
// whatever the nodes are, unlike those of vcluster.yaml, which act in the control plane cluster.
func (r *renderer) namespaces(c cluster) {
	s := c.src()
	for name, n := range fleet.All(c.Namespaces) {
		at := key(c.at("namespace"), name)
		labels := s.labels(at+".labels", n.Labels)
		if n.PodSecurity != "" {
			labels["pod-security.kubernetes.io/enforce"] = s.of(at+".podSecurity", n.PodSecurity)
			labels["pod-security.kubernetes.io/warn"] = s.of(at+".podSecurity", n.PodSecurity)
		}
		meta := fields{"name": s.because(at, "the namespace's name", name)}
		if len(labels) > 0 {
			meta["labels"] = node(labels)
		}
		namespace := c.inCluster("Namespace", "", name)
		r.add(state.Object{ID: namespace, Entity: c.entity(), After: after(r.instanceID(c)), Tree: node(fields{
			"apiVersion": s.fixed("v1"), "kind": s.fixed("Namespace"), "metadata": node(meta),
		})})
		within := func(apiVersion, kind, group string, spec fields) {
			r.add(state.Object{ID: c.inCluster(kind+group, name, ownName), Entity: c.entity(), After: after(r.instanceID(c), namespace), Tree: node(fields{
				"apiVersion": s.fixed(apiVersion), "kind": s.fixed(kind),
				"metadata": node(fields{"name": s.fixed(ownName), "namespace": s.because(at, "the namespace's name", name)}),
				"spec":     node(spec),
			})})
		}
		if len(n.Quota) > 0 {
			within("v1", "ResourceQuota", "", fields{"hard": node(s.labels(at+".quota", n.Quota))})
		}
		if limits := containerLimits(s, at+".limits", n.Limits); len(limits) > 0 {
			limits["type"] = s.fixed("Container")
			within("v1", "LimitRange", "", fields{"limits": list(node(limits))})
		}
		if n.Isolated {
			only := func(value any) state.Tree {
				return state.FromPlain(value, state.Origin{Entity: string(s), Field: at + ".isolated", Note: "pods of the namespace alone"})
			}
			within("networking.k8s.io/v1", "NetworkPolicy", ".networking.k8s.io", fields{
				"podSelector": only(map[string]any{}),
				"policyTypes": list(only("Ingress")),
				"ingress":     list(node(fields{"from": list(node(fields{"podSelector": only(map[string]any{})}))})),
			})
		}
	}
}

// containerLimits are the limits that are given, by kind.
func containerLimits(s source, at string, l *fleet.ContainerLimits) fields {
	part := fields{}
	if l == nil {
		return part
	}
	for name, amounts := range map[string]map[string]string{"default": l.Default, "defaultRequest": l.DefaultRequest, "min": l.Min, "max": l.Max} {
		if len(amounts) > 0 {
			part[name] = node(s.labels(at+"."+name, amounts))
		}
	}
	return part
}
