package render

import (
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

func (r *renderer) instanceID(c cluster) state.ID {
	return r.control(kindInstance, "p-"+c.tenant, c.name)
}

// controlPlaneNamespace is where the cluster's own API server runs.
func (c cluster) controlPlaneNamespace() string { return "vc-" + c.tenant + "-" + c.name }

// cluster renders a tenant cluster: the namespace of its control plane, and the instance, which
// stands on its network, on all of its members being in it and offered, and on none being left in it
// that should not.
func (r *renderer) cluster(c cluster) {
	s := c.src()
	namespace := r.control("Namespace", "", c.controlPlaneNamespace())
	r.add(state.Object{ID: namespace, Entity: c.entity(), Tree: node(fields{
		"apiVersion": s.fixed("v1"),
		"kind":       s.fixed("Namespace"),
		"metadata":   node(c.chargeback(fields{"name": s.because("cluster."+c.name, "the tenant's and the cluster's name", namespace.Name)})),
	})})

	edges := after(namespace, r.control(kindProject, "", c.tenant), r.control(kindProvider, "", r.fleet.Platform.Metal3.NodeProvider))
	for _, p := range c.pools {
		for _, m := range r.serving(p) {
			if r.fleet.Machines[m].Provisioning == fleet.ProvisioningMetal3 {
				edges = append(edges, state.Edge{On: r.offerID(p, m)})
			}
		}
	}
	if !c.shared() {
		edges = append(edges, state.Edge{On: c.serverClusterID(), Below: true})
	}
	edges = append(edges, after(r.auditPolicy(c)...)...)

	platform := source("platform")
	name := s.because("cluster."+c.name, "the cluster's name", c.name)
	team := s.fixed(c.tenant)
	r.add(state.Object{ID: r.instanceID(c), Entity: c.entity(), After: edges, Tree: node(fields{
		"apiVersion": s.fixed(platformAPI),
		"kind":       s.fixed("VirtualClusterInstance"),
		"metadata": node(fields{
			"name":      name,
			"namespace": s.because("", "the project's namespace", "p-"+c.tenant),
		}),
		"spec": node(fields{
			"displayName": s.because("displayName", "with the cluster's name", c.of.DisplayName+": "+c.name),
			"owner":       node(fields{"team": team}),
			"clusterRef": node(fields{
				"cluster":        platform.of("clusterRef", r.fleet.Platform.ClusterRef),
				"namespace":      s.because("cluster."+c.name, "the tenant's and the cluster's name", c.controlPlaneNamespace()),
				"virtualCluster": name,
			}),
			"template": node(fields{
				"access": r.access(c),
				"helmRelease": node(fields{
					"chart":  r.vclusterChart(),
					"values": state.Encode(state.YAML, r.values(c)),
				}),
			}),
		}),
	})})
}

// values is the cluster's vcluster.yaml, for chart versions from 0.36 on. Its
// parts stand in vcluster_*.go, by topic.
func (r *renderer) values(c cluster) state.Tree {
	s := c.src()
	base := fields{
		"controlPlane": r.controlPlane(c),
		"networking": node(fields{
			"podCIDR":     s.of(c.at("networking.podCIDR"), c.Networking.PodCIDR),
			"serviceCIDR": s.of(c.at("networking.serviceCIDR"), c.Networking.ServiceCIDR),
		}),
		"privateNodes": r.privateNodes(c),
		"platform":     node(fields{"project": s.fixed(c.tenant)}),
		"telemetry":    node(fields{"enabled": s.fixed(false)}),
	}
	for key, part := range map[string]fields{
		"sync":             c.sync(),
		"policies":         c.policies(),
		"sleep":            c.sleep(),
		"snapshots":        c.snapshots(),
		"deletion":         c.deletion(),
		"exportKubeConfig": c.kubeconfigs(),
	} {
		if len(part) > 0 {
			base[key] = node(part)
		}
	}
	values := r.overlay(c, node(base), r.builtIns(c), c.at("values"))
	over := s.deep(c.at("values"), c.Values)
	r.reserved(c, over)
	return r.imposed(c, r.overlay(c, values, over, c.at("values")))
}
