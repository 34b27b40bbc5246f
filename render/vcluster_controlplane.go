package render

import (
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// controlPlane is the part of vcluster.yaml about the API server, its controllers and its store.
func (r *renderer) controlPlane(c cluster) state.Tree {
	s, cp := c.src(), c.ControlPlane
	part := fields{
		"distro": node(fields{"k8s": node(fields{
			"enabled": s.fixed(true),
			"version": s.of(c.at("kubernetes"), c.Kubernetes),
		})}),
		"statefulSet":  c.statefulSet(),
		"backingStore": c.backingStore(),
	}
	if cp.Endpoint != "" {
		part["endpoint"] = s.of(c.at("controlPlane.endpoint"), cp.Endpoint)
	}
	var names []state.Tree
	for i, name := range cp.ExtraSANs {
		names = append(names, s.of(c.at("controlPlane.extraSANs"+state.Index(i)), name))
	}
	if in := cp.Ingress; in != nil {
		names = append(names, s.of(c.at("controlPlane.ingress.host"), in.Host))
		part["ingress"] = c.ingress(in)
	}
	if names != nil {
		part["proxy"] = node(fields{"extraSANs": list(names...)})
	}
	if v := cp.KubeVip; v != nil {
		part["advanced"] = node(fields{"kubeVip": node(fields{
			"enabled":   s.because(c.at("controlPlane.kubeVip"), "it is there", true),
			"interface": s.of(c.at("controlPlane.kubeVip.interface"), v.Interface),
			"gateway":   s.of(c.at("controlPlane.kubeVip.gateway"), v.Gateway),
		})})
	}
	return node(part)
}

// statefulSet are the replicas, their size and disk, and what is attached to their pods.
func (c cluster) statefulSet() state.Tree {
	s, cp := c.src(), c.ControlPlane
	resources := node(fields{
		"cpu":    s.because(c.at("controlPlane.size"), "of one replica", cp.OneReplica().CPU),
		"memory": s.because(c.at("controlPlane.size"), "of one replica", cp.OneReplica().Memory),
	})
	set := fields{
		"highAvailability": node(fields{"replicas": s.of(c.at("controlPlane.replicas"), cp.Replicas)}),
		"resources":        node(fields{"requests": resources, "limits": resources}),
	}
	if cp.KubeVip != nil {
		// Multus reads the annotations of pods, not those of the set.
		set["pods"] = node(fields{"annotations": node(fields{
			"k8s.v1.cni.cncf.io/networks": s.of(c.at("controlPlane.kubeVip.network"), cp.KubeVip.Network),
		})})
	}
	disk := fields{}
	if cp.Volume != nil && cp.Store.Type != fleet.StoreDeployedEtcd {
		disk["volumeClaim"] = c.volumeClaim()
	}
	if e := cp.Store.Etcd; e != nil && cp.Store.Type == fleet.StoreExternalEtcd {
		name := s.fixed("external-etcd")
		disk["addVolumes"] = list(node(fields{
			"name":   name,
			"secret": node(fields{"secretName": s.of(c.at("controlPlane.store.etcd.secret"), e.Secret)}),
		}))
		disk["addVolumeMounts"] = list(node(fields{
			"name":      name,
			"mountPath": s.because(c.at("controlPlane.store.etcd.secret"), "where the certificates are mounted", etcdCertificates),
			"readOnly":  s.fixed(true),
		}))
	}
	if len(disk) > 0 {
		set["persistence"] = node(disk)
	}
	return node(set)
}

// etcdCertificates is where the Secret of an external etcd is mounted.
const etcdCertificates = "/etc/millwright/etcd"

func (c cluster) volumeClaim() state.Tree {
	s, v := c.src(), c.ControlPlane.Volume
	claim := fields{"size": s.of(c.at("controlPlane.volume.size"), v.Size)}
	if v.StorageClass != "" {
		claim["storageClass"] = s.of(c.at("controlPlane.volume.storageClass"), v.StorageClass)
	}
	return node(claim)
}

// backingStore turns one store on, in words also where the chart would by itself: what is not there
// counts as new and not as changed, and a change of store must be seen as one.
func (c cluster) backingStore() state.Tree {
	s, st := c.src(), c.ControlPlane.Store
	store := fields{"enabled": s.because(c.at("controlPlane.store.type"), "this store", true)}
	etcd := func(kind string) state.Tree { return node(fields{"etcd": node(fields{kind: node(store)})}) }
	switch st.Type {
	case fleet.StoreEmbeddedEtcd:
		return etcd("embedded")
	case fleet.StoreDeployedEtcd:
		set := fields{"highAvailability": node(fields{"replicas": s.of(c.at("controlPlane.replicas"), c.ControlPlane.Replicas)})}
		if c.ControlPlane.Volume != nil {
			set["persistence"] = node(fields{"volumeClaim": c.volumeClaim()})
		}
		store["statefulSet"] = node(set)
		return etcd("deploy")
	case fleet.StoreExternalEtcd:
		file := func(name string) state.Tree {
			return s.because(c.at("controlPlane.store.etcd.secret"), "its key "+name, etcdCertificates+"/"+name)
		}
		store["endpoint"] = s.of(c.at("controlPlane.store.etcd.endpoint"), st.Etcd.Endpoint)
		store["tls"] = node(fields{"caFile": file("ca.crt"), "certFile": file("tls.crt"), "keyFile": file("tls.key")})
		return etcd("external")
	case fleet.StoreDatabase:
		store["connector"] = s.of(c.at("controlPlane.store.connector"), st.Connector)
		return node(fields{"database": node(fields{"external": node(store)})})
	}
	return node(fields{"database": node(fields{"embedded": node(store)})}) // SQLite
}

func (c cluster) ingress(in *fleet.Ingress) state.Tree {
	s := c.src()
	part := fields{
		"enabled": s.because(c.at("controlPlane.ingress"), "it is there", true),
		"host":    s.of(c.at("controlPlane.ingress.host"), in.Host),
	}
	if in.Class != "" {
		part["spec"] = node(fields{"ingressClassName": s.of(c.at("controlPlane.ingress.class"), in.Class)})
	}
	if len(in.Annotations) > 0 {
		part["annotations"] = node(s.labels(c.at("controlPlane.ingress.annotations"), in.Annotations))
	}
	return node(part)
}
