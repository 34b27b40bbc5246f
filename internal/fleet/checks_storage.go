package fleet

import (
	"fmt"
	"slices"
	"strings"
)

// clusterStacks: a cluster and its stack fit together: versions, networking, volumes, machines.
func (c *checker) clusterStacks() {
	for tn, t := range All(c.f.Tenants) {
		for cn, k := range All(t.Clusters) {
			s := c.f.Stacks[k.Stack]
			if s == nil {
				s = &Stack{} // none, or missing and said so
			}
			in := onCluster{checker: c, stack: s, cluster: k, tenant: tn, name: cn, entity: address("tenant", tn), path: []string{"cluster", cn}}
			in.certified()
			in.builtIns()
			in.storageClasses()
			in.machines()
		}
	}
}

// onCluster checks one cluster.
type onCluster struct {
	*checker
	stack   *Stack
	cluster *Cluster
	tenant  string
	name    string // of the cluster
	entity  string
	path    []string
}

func (c onCluster) at(path ...string) Query {
	return Query{c.entity, joinPath(append(slices.Clone(c.path), path...)...)}
}

func (c onCluster) stackAt(path ...string) Query {
	return Query{address("stack", c.stack.Name), joinPath(path...)}
}

// certified: the cluster runs a Kubernetes that the stack was tested with.
func (c onCluster) certified() {
	set := c.stack.Certified
	if set == nil || slices.ContainsFunc(set.Kubernetes, func(v string) bool { return ofVersion(v, c.cluster.Kubernetes) }) {
		return
	}
	c.report("MW231", c.at("kubernetes"), fmt.Sprintf("Kubernetes %s is not what %s tested", c.cluster.Kubernetes, set.Name),
		"the set has: "+strings.Join(set.Kubernetes, ", "), mention{c.stackAt("certified"), "the set of stack " + c.stack.Name})
}

// setting is what the cluster's values say of a part that vCluster brings itself.
func (c onCluster) setting(path ...string) (on, said bool) {
	on, said = valueAt(c.cluster.Values, append(append([]string{"deploy"}, path...), "enabled")...).(bool)
	return on, said
}

// builtIns: private nodes have exactly one CNI and one kube-proxy, and something that makes volumes.
// vCluster's own are switched off by rendering where the stack brings another.
func (c onCluster) builtIns() {
	if c.cluster.Nodes != "private" {
		return
	}
	value := func(path ...string) Query { return c.at(append([]string{"values", "deploy"}, path...)...) }
	cni, csi := c.stack.Has(RoleCNI), c.stack.Has(RoleCSI)
	flannel, said := c.setting("cni", "flannel")
	switch {
	case cni.Name != "" && flannel:
		c.report("MW234", value("cni", "flannel", "enabled"), fmt.Sprintf("vCluster's flannel is switched on beside %s of stack %s", cni.Name, c.stack.Name),
			"leave it out: it is switched off where the stack has a CNI", mention{c.part(cni), "the CNI"})
	case cni.Name == "" && said && !flannel:
		c.report("MW234", value("cni", "flannel", "enabled"), "the cluster has no CNI, so its nodes would never be ready", "leave flannel on, or give the cluster a stack with a CNI"+c.unsaid(RoleCNI))
	}
	if local, said := c.setting("localPathProvisioner"); csi.Name == "" && said && !local {
		c.report("MW234", value("localPathProvisioner", "enabled"), "the cluster has nothing that makes volumes", "leave the local-path provisioner on, or give the cluster a stack with a CSI driver"+c.unsaid(RoleCSI))
	}
	c.proxy(value("kubeProxy", "enabled"))
}

// part is where a part of the stack is written.
func (c onCluster) part(p Part) Query { return Query{address("stack", c.stack.Name), p.Field} }

// unsaid ends the hint where a component might bring what is missed and does not say so.
func (c onCluster) unsaid(role string) string {
	if len(c.stack.Components) == 0 {
		return ""
	}
	return fmt.Sprintf("; where a component of the stack brings it, write provides: [%q] there", role)
}

// proxy: services are reached through kube-proxy or through what takes its place.
func (c onCluster) proxy(where Query) {
	proxy, said := c.setting("kubeProxy")
	cilium := c.stack.Catalogue["cilium"]
	replaced := cilium != nil && valueAt(cilium.Values, "kubeProxyReplacement") == "true"
	other := c.stack.Has(RoleProxy)
	switch {
	case other.Name != "" && proxy:
		c.report("MW234", where, fmt.Sprintf("kube-proxy is switched on beside %s of stack %s", other.Name, c.stack.Name), "leave it out: it is switched off where the stack has another",
			mention{c.part(other), "the other"})
	case replaced && proxy:
		c.report("MW234", where, "kube-proxy is switched on beside cilium, which takes its place", "leave it out: it is switched off where cilium replaces it",
			mention{c.stackAt("catalogue", "cilium", "values", "kubeProxyReplacement"), "replaced here"})
	case !replaced && other.Name == "" && said && !proxy:
		c.report("MW234", where, "the cluster has no kube-proxy, so its services would not be reached", `leave it on, or let cilium replace it with kubeProxyReplacement: "true"`+c.unsaid(RoleProxy))
	}
	if replaced && (valueAt(cilium.Values, "k8sServiceHost") == nil || valueAt(cilium.Values, "k8sServicePort") == nil) {
		c.report("MW234", c.stackAt("catalogue", "cilium", "values", "kubeProxyReplacement"), "without kube-proxy, cilium does not find the API server by itself",
			"write k8sServiceHost and k8sServicePort, in a stack of the cluster's own")
	}
}

// storageClasses: each has one backend that the stack brings, and one class at most is the default.
func (c onCluster) storageClasses() {
	first := c.cluster.DefaultClass()
	for name, s := range All(c.cluster.Storage) {
		backends := s.Backends()
		switch {
		case len(backends) != 1:
			c.report("MW235", c.at("storage", name), fmt.Sprintf("storage class %s takes volumes from %d backends, not one", name, len(backends)), "write one of ceph, nfs, weka, longhorn and cloud")
		case c.stack.Catalogue[backends[0]] == nil:
			c.report("MW235", c.at("storage", name), fmt.Sprintf("storage class %s needs %s, which the cluster's stack does not have", name, backends[0]), "write it into the stack's catalogue")
		case s.Ceph != nil:
			c.blockPool(name, s)
		}
		if s.Default && name != first {
			c.report("MW235", c.at("storage", name, "default"), fmt.Sprintf("storage classes %s and %s are both the default", first, name), "claims that name no class would get either: keep one",
				mention{c.at("storage", first, "default"), "the other"})
		}
	}
	local, _ := c.setting("localPathProvisioner")
	if other := c.stack.Has(RoleDefaultClass); other.Name != "" && (local || first != "") {
		at, what := c.at("storage", first, "default"), "storage class "+first
		if first == "" {
			at, what = c.at("values", "deploy", "localPathProvisioner", "enabled"), "the storage class of vCluster's local-path provisioner"
		}
		c.report("MW235", at, fmt.Sprintf("%s and that of %s in stack %s are both the default", what, other.Name, c.stack.Name), "claims that name no class would get either: keep one",
			mention{c.part(other), "the other"})
	}
	if local && first != "" {
		c.report("MW235", c.at("storage", first, "default"), fmt.Sprintf("storage class %s and that of vCluster's local-path provisioner are both the default", first),
			"leave the provisioner out: it is switched off where the cluster has a default class", mention{c.at("values", "deploy", "localPathProvisioner", "enabled"), "switched on here"})
	}
}

// machines: the machines of the cluster's pools have what the stack's drivers and storage need.
func (c onCluster) machines() {
	needs := []struct{ entry, software string }{{entryLonghorn, SoftwareISCSI}, {entryLonghorn, SoftwareNFS}, {"weka", SoftwareWeka}}
	all, withDisks := 0, 0
	for pn, p := range All(c.cluster.Pools) {
		ref := c.f.poolRef(c.tenant, c.name, pn)
		class := c.f.Classes[ref.Class]
		all += p.Count
		if class == nil || class.SpareDisks > 0 { // nothing tells yet that they have none
			withDisks += p.Count
		}
		if class == nil {
			continue
		}
		c.rootDisk(ref, class)
		image := c.f.Images[c.f.ImageOf(ref)]
		if image == nil {
			continue
		}
		for _, n := range needs {
			if c.stack.Catalogue[n.entry] != nil && !slices.Contains(image.Software, n.software) {
				c.report("MW236", c.at("pool", pn), fmt.Sprintf("%s needs the software %s on every node, and image %s of pool %s does not have it", n.entry, n.software, c.f.ImageOf(ref), pn),
					fmt.Sprintf("use an image that has it; if this one does, say so: software: [%q]", n.software), mention{c.stackAt("catalogue", n.entry), n.entry})
			}
		}
		c.driver(ref, class, image)
	}
	if ceph := c.stack.Catalogue[entryCeph]; ceph != nil {
		monitors, _ := valueAt(ceph.Values, "cephClusterSpec", "mon", "count").(int64)
		if int64(withDisks) < monitors {
			c.report("MW236", c.at("stack"), fmt.Sprintf("rook-ceph-cluster has %d monitors, but of the cluster's machines only %d have spare disks", monitors, withDisks),
				"give the classes spareDisks, or the pools more machines", mention{c.stackAt("catalogue", entryCeph), "the storage"})
		}
	}
	c.copies(all, withDisks)
}

// driver: exactly one of image and GPU Operator brings the driver of a pool with GPUs.
func (c onCluster) driver(p PoolRef, class *Class, image *Image) {
	operator := c.stack.Catalogue["gpu-operator"]
	if operator == nil || class.GPUs == nil {
		return
	}
	inImage, installs := slices.Contains(image.Software, SoftwareDriver), switchedOn(operator.Values, "driver", "enabled")
	switch name, pool := c.f.ImageOf(p), p.Name; {
	case inImage && installs:
		c.report("MW236", c.at("pool", pool), fmt.Sprintf("image %s of pool %s has the GPU driver, and gpu-operator installs another", name, pool),
			"write values: driver: enabled: false in the stack", mention{c.stackAt("catalogue", "gpu-operator"), "the operator"})
	case !inImage && !installs:
		c.report("MW236", c.at("pool", pool), fmt.Sprintf("nothing brings the GPU driver to pool %s: image %s has none, and gpu-operator installs none", pool, name),
			"write values: driver: enabled: true in the stack, or software: [\"nvidia-driver\"] in the image if it is there", mention{c.stackAt("catalogue", "gpu-operator"), "the operator"})
	}
}
