package render

import (
	"net"
	"strconv"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// chartQuota and chartLimits are what the chart sets by itself where a quota or limits are on. Helm
// merges maps: what the fleet does not name must be taken away by null.
var (
	chartQuota = []string{
		"count/configmaps", "count/endpoints", "count/persistentvolumeclaims", "count/pods", "count/secrets", "count/services",
		"limits.cpu", "limits.ephemeral-storage", "limits.memory",
		"requests.cpu", "requests.ephemeral-storage", "requests.memory", "requests.storage",
		"services.loadbalancers", "services.nodeports",
	}
	chartLimits = []string{"cpu", "ephemeral-storage", "memory"}
)

// policies is the part of vcluster.yaml about bounds. Quota and limits act in the namespace that the
// control plane is in, which is where the tenant's pods are too, if nodes are shared.
func (c cluster) policies() fields {
	s, p := c.src(), c.Policies
	part := fields{}
	if p.PodSecurity != "" {
		part["podSecurityStandard"] = s.of(c.at("policies.podSecurity"), p.PodSecurity)
	}
	if c.shared() {
		// Both are said, since the chart turns one on along with the other.
		quota := fields{"enabled": s.because(c.at("policies"), "whether there is a quota", p.Quota != nil)}
		if p.Quota != nil {
			quota["quota"] = c.amounts("policies.quota", p.Quota, chartQuota)
		}
		limits := fields{"enabled": s.because(c.at("policies"), "whether there are limits", p.Limits != nil)}
		if l := p.Limits; l != nil {
			limits["default"] = c.amounts("policies.limits.default", l.Default, chartLimits)
			limits["defaultRequest"] = c.amounts("policies.limits.defaultRequest", l.DefaultRequest, chartLimits)
			for name, amounts := range map[string]map[string]string{"min": l.Min, "max": l.Max} {
				if len(amounts) > 0 {
					limits[name] = c.amounts("policies.limits."+name, amounts, nil)
				}
			}
		}
		part["resourceQuota"], part["limitRange"] = node(quota), node(limits)
	}
	if p.NetworkPolicy {
		part["networkPolicy"] = c.networkPolicy()
	}
	return part
}

// amounts are quantities by resource, with what the chart would add taken away.
func (c cluster) amounts(field string, given map[string]string, chart []string) state.Tree {
	s := c.src()
	all := s.labels(c.at(field), given)
	for _, name := range chart {
		if _, set := given[name]; !set {
			all[name] = s.because(c.at("policies"), "not named, so the chart's own is taken away", nil)
		}
	}
	return node(all)
}

// databasePorts are those of PostgreSQL and MySQL. Where a connector leads only Platform knows.
var databasePorts = []int{3306, 5432}

func (c cluster) networkPolicy() state.Tree {
	s, at := c.src(), c.at("policies.networkPolicy")
	part := fields{"enabled": s.of(at, true)}
	if c.shared() {
		part["workload"] = node(fields{"publicEgress": node(fields{
			"enabled": s.of(c.at("policies.publicEgress"), c.Policies.PublicEgress),
		})})
	}
	var ports []state.Tree
	let := func(field string, port int) {
		ports = append(ports, node(fields{
			"protocol": s.fixed("TCP"),
			"port":     s.because(c.at(field), "or the store could not be reached", port),
		}))
	}
	switch c.ControlPlane.Store.Type {
	case fleet.StoreExternalEtcd:
		_, text, _ := net.SplitHostPort(c.ControlPlane.Store.Etcd.Endpoint) // the schema has its form
		port, _ := strconv.Atoi(text)
		let("controlPlane.store.etcd.endpoint", port)
	case fleet.StoreDatabase:
		for _, port := range databasePorts {
			let("controlPlane.store.connector", port)
		}
	}
	if ports != nil {
		part["controlPlane"] = node(fields{"egress": list(node(fields{"ports": list(ports...)}))})
	}
	return node(part)
}
