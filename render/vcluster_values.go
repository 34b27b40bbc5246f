package render

import (
	"fmt"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/state"
)

// reservedValues are the keys of vcluster.yaml that `values` may not set, each with what to do
// instead: those that the cluster has a field for, so that checks and guards see what is so, and those
// that isolation rests on, above all what reaches from a tenant's cluster or its control plane into the
// control plane cluster, where every tenant's control plane has its Secrets. What vCluster no longer
// takes, and what would hold a password, has no place in the schema.
var reservedValues = []struct{ key, hint string }{
	{"controlPlane.distro.k8s.version", "write the cluster's kubernetes"},
	{"controlPlane.statefulSet.highAvailability.replicas", "write the cluster's controlPlane.replicas"},
	{"controlPlane.statefulSet.resources", "write the cluster's controlPlane.size"},
	{"controlPlane.statefulSet.persistence", "write the cluster's controlPlane.volume"},
	{"controlPlane.backingStore.etcd.embedded.enabled", "write the cluster's controlPlane.store"},
	{"controlPlane.backingStore.etcd.deploy.enabled", "write the cluster's controlPlane.store"},
	{"controlPlane.backingStore.etcd.external", "write the cluster's controlPlane.store"},
	{"controlPlane.backingStore.etcd.deploy.statefulSet.persistence.addVolumes", "they can be directories of nodes that other tenants' control planes run on"},
	{"controlPlane.backingStore.database", "write the cluster's controlPlane.store"},
	{"controlPlane.endpoint", "write the cluster's controlPlane.endpoint"},
	{"controlPlane.advanced.kubeVip", "write the cluster's controlPlane.kubeVip"},
	{"controlPlane.ingress", "write the cluster's controlPlane.ingress"},
	{"controlPlane.proxy.extraSANs", "write the cluster's controlPlane.extraSANs"},
	{"controlPlane.standalone", "a tenant cluster is none"},
	{"controlPlane.hostPathMapper", "it reads the logs of a node's pods, whosever they are"},
	{"controlPlane.statefulSet.initContainers", "they run in the control plane cluster with what they ask for"},
	{"controlPlane.statefulSet.sidecarContainers", "they run in the control plane cluster with what they ask for"},
	{"networking.podCIDR", "write the cluster's networking.podCIDR"},
	{"networking.serviceCIDR", "write the cluster's networking.serviceCIDR"},
	{"networking.replicateServices", "it joins Services of any namespace of the control plane cluster, other tenants' among them"},
	{"privateNodes.enabled", "write the cluster's nodes"},
	{"privateNodes.autoNodes", "write a pool: its machines are allocated and wiped before they change hands"},
	{"privateNodes.vpn", "write the cluster's privateNodes.vpn"},
	{"privateNodes.autoUpgrade.enabled", "write the cluster's privateNodes.autoUpgrade"},
	{"privateNodes.autoUpgrade.concurrency", "write the cluster's privateNodes.autoUpgrade"},
	{"privateNodes.kubelet", "write the cluster's privateNodes.kubelet"},
	{"sync.toHost.pods.runtimeClassName", "write the cluster's sharedNodes.runtimeClass"},
	{"sync.toHost.pods.enforceTolerations", "write the cluster's sharedNodes.tolerations"},
	{"sync.toHost.pods.hybridScheduling", "pods would be placed by who does not know the nodes of the tenant's"},
	{"sync.toHost.customResources", "the tenant would make objects that controllers of the control plane cluster obey"},
	{"sync.toHost.namespaces", "it maps onto namespaces of the control plane cluster, other tenants' among them"},
	{"sync.toHost.persistentVolumes", "a volume can be a directory of a node that tenants share"},
	{"sync.toHost.storageClasses", "they are the whole control plane cluster's: write the cluster's storage"},
	{"sync.toHost.priorityClasses", "they are the whole control plane cluster's, and a high one evicts other tenants' pods"},
	{"sync.toHost.pods.patches", "they could undo the node selector and the runtime class that keep tenants apart"},
	{"sync.fromHost.nodes", "write the cluster's sharedNodes: its labels keep tenants apart"},
	{"sync.fromHost.secrets", "it copies from any namespace of the control plane cluster, where other tenants' kubeconfigs are"},
	{"sync.fromHost.configMaps", "it copies from any namespace of the control plane cluster, other tenants' among them"},
	{"sync.fromHost.customResources", "it copies from any namespace of the control plane cluster, other tenants' among them"},
	{"integrations.externalSecrets.sync.fromHost", "the tenant would read what the provider's secret stores hold"},
	{"policies.podSecurityStandard", "write the cluster's policies.podSecurity"},
	{"policies.resourceQuota", "write the cluster's policies.quota"},
	{"policies.limitRange", "write the cluster's policies.limits"},
	{"policies.networkPolicy.enabled", "write the cluster's policies.networkPolicy"},
	{"policies.networkPolicy.controlPlane", "what it allows besides could be other tenants' pods"},
	{"policies.networkPolicy.workload", "what it allows besides could be other tenants' pods; the cluster has policies.publicEgress"},
	{"rbac", "the control plane has the rights that it needs; more of them reach other tenants"},
	{"plugins", "they run in the control plane, with its rights in the control plane cluster"},
	{"experimental.deploy.host", "it is installed into the control plane cluster, beside the other tenants' control planes"},
	{"experimental.proxy", "it reaches into other clusters"},
	{"sleep", "write the cluster's sleep"},
	{"snapshots", "write the cluster's snapshots"},
	{"deletion", "write the cluster's deletion"},
	{"exportKubeConfig.additionalSecrets", "write the cluster's kubeconfig"},
	{"platform.apiKey", "it lets the control plane read a Secret of another namespace"},
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
