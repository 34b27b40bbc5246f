package render

import (
	"fmt"

	"millwright.dev/millwright/internal/diag"
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
	edges = append(edges, state.Edge{On: c.serverClusterID(), Below: true})
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

// sizes are the cores and memory of one replica of a control plane; schema/cluster.cue promises them.
var sizes = map[string]struct{ cpu, memory string }{
	"small":  {"2", "4Gi"},
	"medium": {"4", "8Gi"},
	"large":  {"8", "16Gi"},
}

// values is the cluster's vcluster.yaml, for chart versions from 0.33 on, where autoNodes is a list.
func (r *renderer) values(c cluster) state.Tree {
	s := c.src()
	size := sizes[c.ControlPlane.Size]
	resources := node(fields{
		"cpu":    s.because(c.at("controlPlane.size"), "of one replica", size.cpu),
		"memory": s.because(c.at("controlPlane.size"), "of one replica", size.memory),
	})
	base := node(fields{
		"controlPlane": node(fields{
			"distro": node(fields{"k8s": node(fields{
				"enabled": s.fixed(true),
				"version": s.of(c.at("kubernetes"), c.Kubernetes),
			})}),
			"statefulSet": node(fields{
				"highAvailability": node(fields{"replicas": s.of(c.at("controlPlane.replicas"), c.ControlPlane.Replicas)}),
				"resources":        node(fields{"requests": resources, "limits": resources}),
			}),
			// Several replicas need a store that they share.
			"backingStore": node(fields{"etcd": node(fields{"embedded": node(fields{"enabled": s.fixed(true)})})}),
		}),
		"networking": node(fields{
			"podCIDR":     s.of(c.at("networking.podCIDR"), c.Networking.PodCIDR),
			"serviceCIDR": s.of(c.at("networking.serviceCIDR"), c.Networking.ServiceCIDR),
		}),
		"privateNodes": node(fields{
			"enabled":   s.because(c.at("nodes"), "the tenant's own machines", true),
			"autoNodes": r.autoNodes(c),
		}),
		"platform":  node(fields{"project": s.fixed(c.tenant)}),
		"telemetry": node(fields{"enabled": s.fixed(false)}),
	})
	base = r.overlay(c, base, r.builtIns(c), c.at("values"))
	over := s.deep(c.at("values"), c.Values)
	r.reserved(c, over)
	return r.imposed(c, r.overlay(c, base, over, c.at("values")))
}

// reservedValues are the keys of vcluster.yaml that `values` may not set, each with what to do
// instead. Those of the chart that its schema accepts and its templates refuse are among them.
var reservedValues = []struct{ key, hint string }{
	{"privateNodes.enabled", "every cluster has private nodes"},
	{"privateNodes.autoNodes", "write a pool: its machines are allocated and wiped before they change hands"},
	{"controlPlane.distro.k8s.version", "write the cluster's kubernetes"},
	{"controlPlane.statefulSet.highAvailability.replicas", "write the cluster's controlPlane.replicas"},
	{"controlPlane.backingStore.database.external.dataSource", "it holds a password; name a Secret in connector"},
	{"networking.podCIDR", "write the cluster's networking.podCIDR"},
	{"networking.serviceCIDR", "write the cluster's networking.serviceCIDR"},
	{"platform.project", "the project is the tenant's"},
	{"exportKubeConfig.secret", "use additionalSecrets; Millwright reads the default one"},
	{"sync.toHost.volumeSnapshots", "vCluster has removed it"},
	{"sync.toHost.volumeSnapshotContents", "vCluster has removed it"},
	{"sync.fromHost.volumeSnapshotClasses", "vCluster has removed it"},
	{"deploy.volumeSnapshotController", "vCluster has removed it"},
	{"rbac.enableVolumeSnapshotRules", "vCluster has removed it"},
}

func (r *renderer) reserved(c cluster, over state.Tree) {
	for _, reserved := range reservedValues {
		at, err := state.ParsePath(reserved.key)
		if err != nil {
			panic("render: " + err.Error()) // a programming error: the table above
		}
		if _, set := over.Get(at); set {
			r.report(diag.Diagnostic{
				Code: "MW301", Summary: fmt.Sprintf("values of cluster %s/%s may not set %s", c.tenant, c.name, reserved.key),
				Hint: reserved.hint, Path: string(c.src()) + "." + c.at("values."+reserved.key), Pos: c.of.Pos,
			})
		}
	}
}

// overlay merges maps key by key; anything else that stands in over replaces what is in base.
func (r *renderer) overlay(c cluster, base, over state.Tree, at string) state.Tree {
	if _, ok := base.Fields(); !ok {
		return over
	}
	if _, ok := over.Fields(); !ok {
		r.report(diag.Diagnostic{
			Code: "MW301", Summary: fmt.Sprintf("values of cluster %s/%s may not replace %s as a whole", c.tenant, c.name, at),
			Hint: "write the keys below it that you mean", Path: string(c.src()) + "." + at, Pos: c.of.Pos,
		})
		return base
	}
	merged := open(base)
	for k, v := range open(over) {
		if b, ok := merged[k]; ok {
			v = r.overlay(c, b, v, key(at, k))
		}
		merged[k] = v
	}
	return node(merged)
}
