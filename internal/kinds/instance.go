package kinds

import "millwright.dev/millwright/internal/state"

// values is where an instance keeps its vcluster.yaml.
const values = "spec.template.helmRelease.values."

// immutableValues are what vCluster refuses to change in a cluster that exists, or would change by
// beginning anew: whose the nodes are, the VPN, the store, the ranges, the disks of replicas. (The code
// of vCluster lets some stores become others; its documentation supports only one such way, by a
// migration of its own.)
var immutableValues = []string{
	values + "controlPlane.backingStore.database.embedded.enabled",
	values + "controlPlane.backingStore.database.external.connector",
	values + "controlPlane.backingStore.database.external.enabled",
	values + "controlPlane.backingStore.etcd.deploy.enabled",
	values + "controlPlane.backingStore.etcd.deploy.statefulSet.persistence.volumeClaim",
	values + "controlPlane.backingStore.etcd.embedded.enabled",
	values + "controlPlane.backingStore.etcd.external.enabled",
	values + "controlPlane.backingStore.etcd.external.endpoint",
	values + "controlPlane.statefulSet.persistence.volumeClaim",
	values + "networking.podCIDR",
	values + "networking.serviceCIDR",
	values + "privateNodes.enabled",
	values + "privateNodes.vpn",
	values + "sync.toHost.namespaces",
}

// instanceImpact of a tenant cluster: machines that leave it are wiped. Any other value restarts its
// control plane: the chart puts a digest of all but autoNodes on its pods.
func instanceImpact(path state.Path, old, new any, _ state.LiveObject) Impact {
	if !startsWith(path, "spec.template.helmRelease.values") {
		return None
	}
	last := path[len(path)-1]
	if !startsWith(path, values+"privateNodes.autoNodes") {
		return Restart
	}
	if last == "quantity" && grows(old, new) {
		return None // more machines disturb nobody
	}
	if last == "nodes" && more(old, new) {
		return None
	}
	if old == nil {
		return None
	}
	return Reprovision
}
