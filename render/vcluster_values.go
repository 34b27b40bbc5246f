package render

import (
	"fmt"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/state"
)

// reservedValues are the keys of vcluster.yaml that `values` may not set, each with what to do
// instead: those that the cluster has a field for, so that checks and guards see what is so, and those
// that isolation rests on. What vCluster no longer takes, and what would hold a password, has no place
// in the schema.
var reservedValues = []struct{ key, hint string }{
	{"controlPlane.distro.k8s.version", "write the cluster's kubernetes"},
	{"controlPlane.statefulSet.highAvailability.replicas", "write the cluster's controlPlane.replicas"},
	{"controlPlane.statefulSet.resources", "write the cluster's controlPlane.size"},
	{"controlPlane.statefulSet.persistence", "write the cluster's controlPlane.volume"},
	{"controlPlane.backingStore.etcd.embedded.enabled", "write the cluster's controlPlane.store"},
	{"controlPlane.backingStore.etcd.deploy.enabled", "write the cluster's controlPlane.store"},
	{"controlPlane.backingStore.etcd.external", "write the cluster's controlPlane.store"},
	{"controlPlane.backingStore.database", "write the cluster's controlPlane.store"},
	{"controlPlane.endpoint", "write the cluster's controlPlane.endpoint"},
	{"controlPlane.advanced.kubeVip", "write the cluster's controlPlane.kubeVip"},
	{"controlPlane.ingress", "write the cluster's controlPlane.ingress"},
	{"controlPlane.proxy.extraSANs", "write the cluster's controlPlane.extraSANs"},
	{"controlPlane.standalone", "a tenant cluster is none"},
	{"networking.podCIDR", "write the cluster's networking.podCIDR"},
	{"networking.serviceCIDR", "write the cluster's networking.serviceCIDR"},
	{"privateNodes.enabled", "write the cluster's nodes"},
	{"privateNodes.autoNodes", "write a pool: its machines are allocated and wiped before they change hands"},
	{"privateNodes.vpn", "write the cluster's privateNodes.vpn"},
	{"privateNodes.autoUpgrade.enabled", "write the cluster's privateNodes.autoUpgrade"},
	{"privateNodes.autoUpgrade.concurrency", "write the cluster's privateNodes.autoUpgrade"},
	{"privateNodes.kubelet", "write the cluster's privateNodes.kubelet"},
	{"sync.toHost.pods.runtimeClassName", "write the cluster's sharedNodes.runtimeClass"},
	{"sync.toHost.pods.enforceTolerations", "write the cluster's sharedNodes.tolerations"},
	{"sync.toHost.pods.patches", "they could undo the node selector and the runtime class that keep tenants apart"},
	{"sync.fromHost.nodes", "write the cluster's sharedNodes: its labels keep tenants apart"},
	{"policies.podSecurityStandard", "write the cluster's policies.podSecurity"},
	{"policies.resourceQuota", "write the cluster's policies.quota"},
	{"policies.limitRange", "write the cluster's policies.limits"},
	{"policies.networkPolicy.enabled", "write the cluster's policies.networkPolicy"},
	{"sleep", "write the cluster's sleep"},
	{"snapshots", "write the cluster's snapshots"},
	{"deletion", "write the cluster's deletion"},
	{"exportKubeConfig.additionalSecrets", "write the cluster's kubeconfig"},
	{"platform.project", "the project is the tenant's"},
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
