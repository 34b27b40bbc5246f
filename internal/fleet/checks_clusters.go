package fleet

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// clusterCheck is one tenant cluster while it is checked.
type clusterCheck struct {
	*checker
	tenant, name string
	*Cluster
	of *Tenant
}

// clusters: what a tenant cluster asks for fits together, and fits what vCluster can do.
func (c *checker) clusters() {
	supported := c.vclusterVersion()
	var shared, vpn []clusterCheck
	for tn, t := range All(c.f.Tenants) {
		for cn, k := range All(t.Clusters) {
			cc := clusterCheck{c, tn, cn, k, t}
			cc.store()
			cc.nodeModel()
			if supported {
				cc.version()
			}
			if k.PrivateNodes.VPN != VPNOff && k.Nodes == NodesPrivate {
				vpn = append(vpn, cc)
			}
			cc.idle()
			cc.kubeconfigs()
			cc.room()
			cc.deletion()
			if k.SharedNodes != nil && k.Nodes == NodesShared {
				cc.ownNodes()
				shared = append(shared, cc)
			}
		}
	}
	c.apartNodes(shared)
	c.vpns(vpn)
}

// at is where a field of the cluster is written.
func (c clusterCheck) at(path ...string) Query {
	return Query{address("tenant", c.tenant), joinPath(append([]string{"cluster", c.name}, path...)...)}
}

func (c clusterCheck) String() string { return c.tenant + "." + c.name }

// store: replicas can share it, and it can do what is asked of it.
func (c clusterCheck) store() {
	cp := c.ControlPlane
	if cp.Store.Type == StoreSQLite && cp.Replicas > 1 {
		c.report("MW220", c.at("controlPlane", "store", "type"), fmt.Sprintf("%d replicas of %s cannot share SQLite", cp.Replicas, c),
			`write store: type: "embedded-etcd", or replicas: 1`, mention{c.at("controlPlane", "replicas"), "the replicas"})
	}
	if c.Snapshots != nil && cp.Store.Type == StoreDeployedEtcd {
		c.report("MW226", c.at("snapshots"), fmt.Sprintf("%s cannot have snapshots: vCluster takes none of etcd in pods of its own", c),
			`write store: type: "embedded-etcd" in a new cluster, since the store of one that exists cannot change`, mention{c.at("controlPlane", "store", "type"), "the store"})
	}
}

// nodeModel: nothing is asked for that belongs to the other kind of nodes. Some of it would do
// nothing; a quota would throttle the control plane in place of the tenant.
func (c clusterCheck) nodeModel() {
	refuse := func(there bool, hint string, path ...string) {
		if there {
			c.report("MW221", c.at(path...), fmt.Sprintf("cluster %s has %s nodes, for which there is no %s", c, c.Nodes, strings.Join(path, ".")), hint,
				mention{c.at("nodes"), "its nodes"})
		}
	}
	if c.Nodes == NodesShared {
		refuse(len(c.Pools) > 0, "machines of pools are private nodes", "pool")
		refuse(c.Segment != "", "the nodes are in the control plane cluster's own network", "segment")
		refuse(c.ControlPlane.Endpoint != "", "it is where private nodes reach the API server; people use an ingress", "controlPlane", "endpoint")
		refuse(c.ControlPlane.KubeVip != nil, "it makes the API server reachable for private nodes; people use an ingress", "controlPlane", "kubeVip")
		refuse(!reflect.DeepEqual(c.PrivateNodes, defaultPrivateNodes), "it says how machines join, and none does", "privateNodes")
		return
	}
	refuse(c.SharedNodes != nil, "its nodes are the machines of its pools", "sharedNodes")
	refuse(c.Sleep != nil, "machines do not sleep: take them back with count: 0", "sleep")
	refuse(c.Policies.Quota != nil, "it would bound the control plane alone: write a quota for a namespace", "policies", "quota")
	refuse(c.Policies.Limits != nil, "they would bound the control plane alone: write limits for a namespace", "policies", "limits")
}

// defaultPrivateNodes is what the schema says where nothing is written; a test compares the two.
var defaultPrivateNodes = PrivateNodes{
	VPN: VPNOff, Kubelet: map[string]any{}, AutoUpgrade: AutoUpgrade{Enabled: true, Concurrency: 1},
	Join: Join{
		PreInstallCommands: []string{}, PreJoinCommands: []string{}, PostJoinCommands: []string{},
		KubeletArgs: map[string]string{}, IgnorePreflightErrors: []string{}, Containerd: true,
	},
}

// vclusterMinor is the minor version of vCluster 0 whose vcluster.yaml we write: earlier ones know no node profiles
// and fewer places for snapshots.
const vclusterMinor = 36

// vclusterKubernetes are the oldest and newest minor version of Kubernetes 1 that it brings images for
// (config/default_extra_values.go).
var vclusterKubernetes = [2]int{30, 36}

// vclusterVersion reports whether the platform's vCluster can be configured, and whether there is one.
func (c *checker) vclusterVersion() bool {
	if c.f.Platform == nil {
		return false
	}
	version, at := c.f.Platform.VCluster.Version, Query{"platform", "vcluster.version"}
	switch now := release(version); {
	case now[0] == 0 && now[1] < vclusterMinor:
		c.report("MW223", at, fmt.Sprintf("vCluster %s cannot be configured by Millwright", version),
			fmt.Sprintf("versions from 0.%d on can: earlier ones read other keys", vclusterMinor))
		return false
	case now != [2]int{0, vclusterMinor}:
		c.warn("MW223", at, fmt.Sprintf("vCluster %s is newer than what Millwright knows", version),
			fmt.Sprintf("it is configured as 0.%d is, and its versions of Kubernetes are not checked; look for a newer Millwright", vclusterMinor))
	}
	return true
}

// version: vCluster brings the cluster's Kubernetes along.
func (c clusterCheck) version() {
	vcluster := c.f.Platform.VCluster.Version
	known, n := vclusterKubernetes, release(c.Kubernetes)[1]
	if release(vcluster) == [2]int{0, vclusterMinor} && (n < known[0] || n > known[1]) {
		c.report("MW223", c.at("kubernetes"), fmt.Sprintf("vCluster %s brings no Kubernetes %s", vcluster, c.Kubernetes),
			fmt.Sprintf("it has those from 1.%d to 1.%d", known[0], known[1]), mention{Query{"platform", "vcluster.version"}, "the version of vCluster"})
	}
}

// idle: what is written does something beside the rest.
func (c clusterCheck) idle() {
	cp := c.ControlPlane
	useless := func(there bool, summary, hint string, path ...string) {
		if there {
			c.report("MW225", c.at(path...), fmt.Sprintf("%s of %s does nothing: %s", strings.Join(path, "."), c, summary), hint)
		}
	}
	outside := cp.Store.Type == StoreExternalEtcd || cp.Store.Type == StoreDatabase
	useless(cp.Volume != nil && outside, "its store is not kept by the control plane", "leave it out", "controlPlane", "volume")
	if a := c.of.Audit; a != nil && a.Sink == SinkFile && cp.Store.Type != StoreSQLite && cp.Store.Type != StoreEmbeddedEtcd {
		c.report("MW225", c.at("controlPlane", "store"), fmt.Sprintf("audit.sink \"file\" of tenant %s keeps nothing for %s: without a store of its own the control plane has no volume, and the log goes with each restart", c.tenant, c),
			`write sink: "stdout" or "webhook" in the tenant's audit, or keep the cluster in embedded etcd`, mention{Query{address("tenant", c.tenant), "audit.sink"}, "the log is to be kept in files"})
	}
	useless(cp.Store.Etcd != nil && cp.Store.Type != StoreExternalEtcd, "its store is "+cp.Store.Type, `write type: "external-etcd", or leave it out`, "controlPlane", "store", "etcd")
	useless(cp.Store.Connector != "" && cp.Store.Type != StoreDatabase, "its store is "+cp.Store.Type, `write type: "database", or leave it out`, "controlPlane", "store", "connector")
	useless(cp.KubeVip != nil && cp.Endpoint == "", "there is no endpoint whose address it could answer on", "write controlPlane: endpoint", "controlPlane", "kubeVip")
	useless(!c.Policies.PublicEgress && !c.Policies.NetworkPolicy, "there is no network policy", "write networkPolicy: true", "policies", "publicEgress")
	for name, n := range All(c.Namespaces) {
		useless(n.PodSecurity != "" && c.Policies.PodSecurity != "", "vCluster puts policies.podSecurity on every namespace", "leave out one of the two", "namespace", name, "podSecurity")
	}
	if z := c.Sleep; z != nil {
		useless(z.AfterInactivity == "" && z.Schedule == "", "it says neither after what nor when", "write afterInactivity or schedule", "sleep")
	}
}

// kubeconfigs: none takes the place of the one that Millwright reads, or may do more than its tenant's may.
func (c clusterCheck) kubeconfigs() {
	own := "vc-" + c.name
	if _, taken := c.Kubeconfigs[own]; taken {
		c.report("MW227", c.at("kubeconfig", own), fmt.Sprintf("%s is the Secret with the kubeconfig that Millwright itself uses", own), "choose another name")
	}
	scope := c.of.Access.Kubeconfigs
	for name, k := range All(c.Kubeconfigs) {
		if a := k.ServiceAccount; scope != nil && a != nil && a.ClusterRole != scope.Role && !slices.Contains(scope.Others, a.ClusterRole) {
			c.report("MW341", c.at("kubeconfig", name, "serviceAccount", "clusterRole"), fmt.Sprintf("kubeconfig %s carries the role %s, and those of tenant %s may not", name, a.ClusterRole, c.tenant),
				hintNames("they may carry", append([]string{scope.Role}, scope.Others...)), mention{Query{address("tenant", c.tenant), "access.kubeconfigs"}, "the bounds"})
		}
	}
}

// room: a quota leaves room for the control plane, whose pods are in the same namespace as the tenant's.
func (c clusterCheck) room() {
	if c.Nodes != NodesShared {
		return
	}
	one, all := c.ControlPlane.OneReplica(), float64(c.ControlPlane.Replicas)
	small := func(given map[string]string, resource, need string, times float64, path ...string) {
		if have, ok := given[resource]; ok && amountOf(have) < times*amountOf(need) {
			c.report("MW228", c.at(append(path, resource)...), fmt.Sprintf("%s %s leaves no room for the control plane of %s, which takes %d times %s", resource, have, c, int(times), need),
				"its pods are in the tenant's namespace and count too: give more, or write a smaller size", mention{c.at("controlPlane", "size"), "the control plane"})
		}
	}
	for _, kind := range []string{"", "requests.", "limits."} {
		small(c.Policies.Quota, kind+"cpu", one.CPU, all, "policies", "quota")
		small(c.Policies.Quota, kind+"memory", one.Memory, all, "policies", "quota")
	}
	if l := c.Policies.Limits; l != nil {
		small(l.Max, "cpu", one.CPU, 1, "policies", "limits", "max")
		small(l.Max, "memory", one.Memory, 1, "policies", "limits", "max")
	}
}

// deletion: what is to go may be deleted.
func (c clusterCheck) deletion() {
	if c.Retired && c.Deletion.Prevent {
		c.report("MW229", c.at("deletion", "prevent"), fmt.Sprintf("cluster %s is retired, but cannot be deleted", c),
			"first write prevent: false and let that be applied, then retire the cluster", mention{c.at("retired"), "retired"})
	} else if c.of.Retired && c.Deletion.Prevent {
		c.report("MW229", c.at("deletion", "prevent"), fmt.Sprintf("tenant %s is retired, but %s cannot be deleted", c.tenant, c),
			"first write prevent: false and let that be applied, then retire the tenant", mention{Query{address("tenant", c.tenant), "retired"}, "retired"})
	}
}

// ownNodes: the labels tell the tenant's nodes from all others.
func (c clusterCheck) ownNodes() {
	common := func(key string) bool {
		domain, _, ok := strings.Cut(key, "/")
		return ok && (domain == "kubernetes.io" || domain == "k8s.io" || strings.HasSuffix(domain, ".kubernetes.io") || strings.HasSuffix(domain, ".k8s.io"))
	}
	if !slices.ContainsFunc(keys(c.SharedNodes.Labels), func(k string) bool { return !common(k) }) {
		c.report("MW222", c.at("sharedNodes", "labels"), fmt.Sprintf("nodes of everybody can bear the labels of %s", c),
			`name a label that only the tenant's nodes get, such as "example.com/tenant": "`+c.tenant+`"`)
	}
}

// apartNodes: no node can be two tenants'.
func (c *checker) apartNodes(shared []clusterCheck) {
	for i, a := range shared {
		for _, b := range shared[i+1:] {
			if a.tenant != b.tenant && !disjoint(a.SharedNodes.Labels, b.SharedNodes.Labels) {
				c.report("MW222", b.at("sharedNodes", "labels"), fmt.Sprintf("a node can bear the labels of %s and of %s", b, a),
					"give both a key in common with different values", mention{a.at("sharedNodes", "labels"), "the other tenant's"})
			}
		}
	}
}

// disjoint reports whether nothing can bear both sets of labels.
func disjoint(a, b map[string]string) bool {
	for k, v := range a {
		if w, ok := b[k]; ok && v != w {
			return true
		}
	}
	return false
}
