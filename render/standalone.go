package render

import (
	"maps"
	"slices"

	"millwright.dev/millwright/internal/state"
)

// standalone renders the vcluster.yaml of the control plane cluster where that is vCluster
// Standalone. It installs Platform too, if the fleet says from which chart.
func (r *renderer) standalone() {
	p := r.fleet.Platform
	if p.ControlPlane == nil || p.ControlPlane.Standalone == nil {
		return
	}
	id := r.control("ConfigMap", p.Namespace, "vcluster-standalone")
	r.add(r.file(id, "vcluster.yaml", r.standaloneConfig()))
}

func (r *renderer) standaloneConfig() state.Tree {
	p, s := r.fleet.Platform, source("platform")
	k, at := p.ControlPlane.Standalone, "controlPlane.standalone."
	control := fields{
		"endpoint": s.of(at+"endpoint", k.Endpoint),
		"standalone": node(fields{
			"enabled":  s.fixed(true),
			"dataDir":  s.of(at+"dataDir", k.DataDir),
			"joinNode": r.standaloneJoin(),
		}),
		"distro": node(fields{"k8s": node(fields{"enabled": s.fixed(true), "version": s.of(at+"kubernetes", k.Kubernetes)})}),
		// Several machines need a store that they share.
		"backingStore": node(fields{"etcd": node(fields{"embedded": node(fields{"enabled": s.fixed(true)})})}),
	}
	if len(k.ExtraSANs) > 0 {
		control["proxy"] = node(fields{"extraSANs": s.texts(at+"extraSANs", k.ExtraSANs)})
	}
	values := fields{
		"controlPlane": node(control),
		"privateNodes": node(fields{"enabled": s.fixed(true)}), // the machines are its nodes
		"networking": node(fields{
			"podCIDR":     s.of("networking.podCIDR", p.Networking.PodCIDR),
			"serviceCIDR": s.of("networking.serviceCIDR", p.Networking.ServiceCIDR),
		}),
		"telemetry": node(fields{"enabled": s.fixed(false)}),
	}
	if p.Helm != nil {
		values["experimental"] = node(fields{"deploy": node(fields{"vcluster": node(fields{"helm": list(r.platformRelease())})})})
	}
	config := node(values)
	if m := r.mirror(); m != nil {
		config = r.extend(config, node(fields{"controlPlane": node(fields{
			"advanced":   node(fields{"defaultImageRegistry": s.of("mirror.registry", m.Registry)}),
			"standalone": node(fields{"joinNode": r.nodeMirrors()}),
		})}), "platform."+at+"values", p.Pos)
	}
	return r.extend(s.deep(at+"values", k.Values), config, "platform."+at+"values", p.Pos)
}

// standaloneJoin is how the machines become nodes of their own cluster.
func (r *renderer) standaloneJoin() state.Tree {
	s, at := source("platform"), "controlPlane.standalone.join."
	j := r.fleet.Platform.ControlPlane.Standalone.Join
	f := fields{"enabled": s.of(at+"workloads", j.Workloads)}
	for name, commands := range map[string][]string{"preInstall": j.PreInstall, "preJoin": j.PreJoin, "postJoin": j.PostJoin} {
		if len(commands) > 0 {
			f[name+"Commands"] = s.texts(at+name, commands)
		}
	}
	var args []state.Tree
	for _, name := range slices.Sorted(maps.Keys(j.Kubelet)) {
		args = append(args, node(fields{"name": s.because(at+"kubelet", "an argument's name", name), "value": s.of(key(at+"kubelet", name), j.Kubelet[name])}))
	}
	if args != nil {
		f["nodeRegistration"] = node(fields{"kubeletExtraArgs": list(args...)})
	}
	return node(f)
}

// platformRelease has the control plane cluster install Platform when it comes up.
func (r *renderer) platformRelease() state.Tree {
	p, s := r.fleet.Platform, source("platform")
	repository := s.of("helm.repository", p.Helm.Repository)
	if in := p.Mirror.Chart(p.Helm.Repository); in != p.Helm.Repository {
		repository = s.because("helm.repository", "in the platform's mirror", in)
	}
	const name = "vcluster-platform"
	return node(fields{
		"chart":   node(fields{"name": s.fixed(name), "repo": repository, "version": s.of("helm.version", p.Helm.Version)}),
		"release": node(fields{"name": s.fixed(name), "namespace": s.of("namespace", p.Namespace)}),
		"values":  state.Encode(state.YAML, r.chartValues()),
	})
}
