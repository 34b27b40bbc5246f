package fleet

import (
	"fmt"
	"strings"
)

// labels of namespaces and nodes must not take the place of those that Millwright or Kubernetes goes by.
func (c *checker) labels() {
	if c.f.Platform != nil {
		for n, p := range All(c.f.Platform.Metal3.Profiles) {
			c.nodeLabels(Query{"platform", joinPath("metal3", "profile", n, "labels")}, p.Labels)
		}
	}
	for n, t := range All(c.f.Tenants) {
		c.reserved(Query{address("tenant", n), "chargeback"}, t.Chargeback, func(prefix string) bool { return strings.HasSuffix(prefix, "kubernetes.io") })
		for cn, k := range All(t.Clusters) {
			for name, ns := range All(k.Namespaces) {
				at := Query{address("tenant", n), joinPath("cluster", cn, "namespace", name, "labels")}
				c.reserved(at, ns.Labels, func(prefix string) bool { return prefix == "kubernetes.io" || prefix == "pod-security.kubernetes.io" })
			}
			for pn, p := range All(k.Pools) {
				c.nodeLabels(Query{address("tenant", n), joinPath("cluster", cn, "pool", pn, "labels")}, p.Labels)
			}
		}
	}
}

// nodeLabels: kubernetes.io itself has what the kubelet says of a node, its name above all.
func (c *checker) nodeLabels(at Query, labels map[string]string) {
	c.reserved(at, labels, func(prefix string) bool { return prefix == "kubernetes.io" })
}

func (c *checker) reserved(at Query, labels map[string]string, also func(prefix string) bool) {
	for key := range All(labels) {
		prefix, _, _ := strings.Cut(key, "/")
		if prefix == "millwright.dev" || also(prefix) {
			c.report("MW238", Query{at.Entity, at.Path + "." + joinPath(key)}, fmt.Sprintf("label %s has a meaning of its own", key), "choose a prefix of your own")
		}
	}
}
