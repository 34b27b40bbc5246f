package render

import (
	"fmt"
	"slices"
	"strconv"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

const (
	kindStorageClass  = "StorageClass.storage.k8s.io"
	defaultAnnotation = "storageclass.kubernetes.io/is-default-class"
)

// storageClasses adds the cluster's storage classes, each after the part of the stack that makes its
// volumes, and refuses a default class of a chart beside the cluster's own.
func (in *install) storageClasses() {
	c, s := in.cluster, in.cluster.src()
	chosen := c.DefaultClass()
	for id, by := range in.by {
		if id.Kind == kindStorageClass && in.defaults[id] && (chosen != "" || len(in.defaults) > 1) {
			in.report(diag.Diagnostic{
				Code: "MW333", Summary: fmt.Sprintf("storage class %s of component %s is a default one, and not the only one in cluster %s/%s", id.Name, by, c.tenant, c.name),
				Hint: "claims that name no class would get either: switch it off in the values of all but one", Path: "stack/" + in.stack.Name, Pos: in.stack.Pos,
			})
		}
	}
	for name, class := range fleet.All(c.Storage) {
		at := c.at(key("storage", name))
		backend := class.Backends()[0]
		id := in.id(kindStorageClass, "", name)
		if by, taken := in.by[id]; taken {
			in.report(diag.Diagnostic{
				Code: "MW308", Summary: fmt.Sprintf("%s is rendered twice: by component %s of stack %s and as a storage class of the cluster", id, by, in.stack.Name),
				Hint: "leave it to one of them", Path: string(s) + "." + at, Pos: c.of.Pos,
			})
			continue
		}
		provisioner, parameters := in.volumes(class, backend, at)
		for k, v := range s.labels(at+".parameters", class.Parameters) {
			parameters[k] = v
		}
		tree := fields{
			"apiVersion": s.fixed("storage.k8s.io/v1"),
			"kind":       s.fixed("StorageClass"),
			"metadata": node(fields{
				"name":        s.because(at, "the class's name", name),
				"annotations": node(fields{defaultAnnotation: s.of(at+".default", strconv.FormatBool(class.Default))}),
			}),
			"provisioner":          provisioner,
			"reclaimPolicy":        s.of(at+".reclaimPolicy", class.ReclaimPolicy),
			"volumeBindingMode":    s.of(at+".volumeBindingMode", class.BindingMode),
			"allowVolumeExpansion": s.of(at+".allowVolumeExpansion", class.Expansion),
		}
		if len(parameters) > 0 {
			tree["parameters"] = node(parameters)
		}
		if len(class.MountOptions) > 0 {
			tree["mountOptions"] = s.texts(at+".mountOptions", class.MountOptions)
		}
		on := append([]state.ID{in.instanceID(c)}, in.gates[backend]...)
		in.add(state.Object{ID: id, Entity: c.entity(), After: after(unique(on)...), Tree: node(tree)})
	}
}

// volumes is who makes a class's volumes, and out of what.
func (in *install) volumes(class *fleet.StorageClass, backend, at string) (provisioner state.Tree, parameters fields) {
	s, stack := in.cluster.src(), source("stack/"+in.stack.Name)
	from := key("catalogue", backend)
	namespace := func() state.Tree { return stack.of(from+".namespace", in.stack.Catalogue[backend].Namespace) }
	driver := func(name string) state.Tree { return stack.because(from, "the driver's name", name) }
	secrets := func(to fields, secret state.Tree, uses ...string) {
		for _, use := range uses {
			to["csi.storage.k8s.io/"+use+"-secret-name"] = secret
			to["csi.storage.k8s.io/"+use+"-secret-namespace"] = namespace()
		}
	}
	switch {
	case class.Ceph != nil:
		p := fields{
			"clusterID":                 namespace(),
			"pool":                      s.of(at+".ceph.pool", class.Ceph.Pool),
			"imageFormat":               s.because(at+".ceph", "Ceph's current one", "2"),
			"imageFeatures":             s.because(at+".ceph", "what all kernels know", "layering"),
			"csi.storage.k8s.io/fstype": s.because(at+".ceph", "unless parameters say otherwise", "ext4"),
		}
		secrets(p, s.because(at+".ceph", "Rook makes it", "rook-csi-rbd-provisioner"), "provisioner", "controller-expand", "controller-publish")
		secrets(p, s.because(at+".ceph", "Rook makes it", "rook-csi-rbd-node"), "node-stage")
		// The driver is called after the namespace of Rook's operator.
		return stack.because("catalogue.rook-ceph.namespace", "the operator's namespace and the driver's name", in.stack.Catalogue["rook-ceph"].Namespace+".rbd.csi.ceph.com"), p
	case class.NFS != nil:
		return driver("nfs.csi.k8s.io"), fields{"server": s.of(at+".nfs.server", class.NFS.Server), "share": s.of(at+".nfs.share", class.NFS.Share)}
	case class.Weka != nil:
		p := fields{
			"volumeType":          s.because(at+".weka", "a directory for each volume", "dir/v1"),
			"filesystemName":      s.of(at+".weka.filesystem", class.Weka.Filesystem),
			"capacityEnforcement": s.because(at+".weka", "a volume grows no larger than its claim", "HARD"),
		}
		secrets(p, s.of(at+".weka.secret", class.Weka.Secret), "provisioner", "controller-publish", "controller-expand", "node-stage", "node-publish")
		return driver("csi.weka.io"), p
	case class.Longhorn != nil: // driver and parameter as Longhorn's manual has them; not verified
		return driver("driver.longhorn.io"), fields{"numberOfReplicas": s.of(at+".longhorn.replicas", strconv.Itoa(class.Longhorn.Replicas))}
	}
	return s.of(at+".cloud.provisioner", class.Cloud.Provisioner), fields{}
}

// builtIns are what vcluster.yaml says because of the cluster's stack, storage and observability: the
// parts that vCluster would bring itself are switched off where others take their place.
func (r *renderer) builtIns(c cluster) state.Tree {
	off := func(s source, field, note string) state.Tree {
		return node(fields{"enabled": s.because(field, note, false)})
	}
	deploy, all := fields{}, fields{}
	if s := r.fleet.Stacks[c.Stack]; s != nil {
		stack := source("stack/" + c.Stack)
		if cni := s.Has(fleet.RoleCNI); cni.Name != "" {
			deploy["cni"] = node(fields{"flannel": off(stack, cni.Field, "the stack's own CNI takes its place")})
		}
		if cilium := s.Catalogue["cilium"]; cilium != nil && cilium.Values["kubeProxyReplacement"] == "true" {
			deploy["kubeProxy"] = off(stack, "catalogue.cilium.values.kubeProxyReplacement", "cilium takes its place")
		} else if proxy := s.Has(fleet.RoleProxy); proxy.Name != "" {
			deploy["kubeProxy"] = off(stack, proxy.Field, "the stack brings what takes its place")
		}
		if class := s.Has(fleet.RoleDefaultClass); class.Name != "" {
			deploy["localPathProvisioner"] = off(stack, class.Field, "the stack brings the default storage class")
		}
	}
	if name := c.DefaultClass(); name != "" {
		deploy["localPathProvisioner"] = off(c.src(), c.at(key("storage", name)+".default"), "the cluster has a default storage class")
	}
	if len(deploy) > 0 && c.Nodes == "private" { // on nodes of its own alone does vCluster bring these
		all["deploy"] = node(deploy)
	}
	if o := r.fleet.Platform.Observability; o != nil && o.ServiceMonitors.Enabled {
		p := source("platform")
		monitor := fields{"enabled": p.of("observability.serviceMonitors.enabled", true)}
		if len(o.ServiceMonitors.Labels) > 0 {
			monitor["labels"] = node(p.labels("observability.serviceMonitors.labels", o.ServiceMonitors.Labels))
		}
		all["controlPlane"] = node(fields{"serviceMonitor": node(monitor)})
	}
	return node(all)
}

// isDefault reports whether an object is a storage class that claims without a class get.
func (m manifest) isDefault() bool {
	return m.kind() == kindStorageClass && slices.Contains([]string{
		m.text("metadata", "annotations", defaultAnnotation),
		m.text("metadata", "annotations", "storageclass.beta.kubernetes.io/is-default-class"),
	}, "true")
}
