package render

import (
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// privateNodes is the part of vcluster.yaml about the tenant's own machines. What cannot change later
// is written out also where it is off, so that a change is seen as one.
func (r *renderer) privateNodes(c cluster) state.Tree {
	s, p := c.src(), c.PrivateNodes
	if c.shared() {
		return node(fields{"enabled": s.because(c.at("nodes"), "the control plane cluster's own nodes", false)})
	}
	vpn := func(on bool) state.Tree { return s.because(c.at("privateNodes.vpn"), "what it joins", on) }
	part := fields{
		"enabled":   s.because(c.at("nodes"), "the tenant's own machines", true),
		"autoNodes": r.autoNodes(c),
		"vpn": node(fields{
			"enabled":    vpn(p.VPN != fleet.VPNOff),
			"nodeToNode": node(fields{"enabled": vpn(p.VPN == fleet.VPNNodes)}),
		}),
		"autoUpgrade": node(fields{
			"enabled":     s.of(c.at("privateNodes.autoUpgrade.enabled"), p.AutoUpgrade.Enabled),
			"concurrency": s.of(c.at("privateNodes.autoUpgrade.concurrency"), p.AutoUpgrade.Concurrency),
		}),
	}
	if len(p.Kubelet) > 0 {
		part["kubelet"] = node(fields{"config": s.deep(c.at("privateNodes.kubelet"), p.Kubelet)})
	}
	part["joinNode"] = r.join(c)
	return node(part)
}

// join is what happens on a machine when it joins.
func (r *renderer) join(c cluster) state.Tree {
	s, j, at := c.src(), c.PrivateNodes.Join, func(field string) string { return c.at("privateNodes.join." + field) }
	containerd := fields{"enabled": s.of(at("containerd"), j.Containerd)}
	if j.PauseImage != "" {
		containerd["pauseImage"] = inMirror(s, at("pauseImage"), j.PauseImage, r.mirror().Image(j.PauseImage))
	}
	part := fields{"containerd": node(containerd)}
	for name, commands := range map[string][]string{
		"preInstallCommands": j.PreInstallCommands, "preJoinCommands": j.PreJoinCommands, "postJoinCommands": j.PostJoinCommands,
	} {
		if len(commands) > 0 {
			part[name] = s.texts(at(name), commands)
		}
	}
	registration := fields{}
	if len(j.IgnorePreflightErrors) > 0 {
		registration["ignorePreflightErrors"] = s.texts(at("ignorePreflightErrors"), j.IgnorePreflightErrors)
	}
	var args []state.Tree
	for name, value := range fleet.All(j.KubeletArgs) {
		field := key(at("kubeletArgs"), name)
		args = append(args, node(fields{"name": s.because(field, "the argument's name", name), "value": s.of(field, value)}))
	}
	if args != nil {
		registration["kubeletExtraArgs"] = list(args...)
	}
	if len(registration) > 0 {
		part["nodeRegistration"] = node(registration)
	}
	return node(part)
}

// sync is the part of vcluster.yaml about what is copied into the control plane cluster. With private
// nodes nothing is. On shared ones the node selector is what keeps the tenant's pods on its own nodes,
// and the runtime class, which the tenant cannot choose away, keeps them from the node itself.
func (c cluster) sync() fields {
	n := c.SharedNodes
	if !c.shared() {
		return nil
	}
	s, at := c.src(), func(field string) string { return c.at("sharedNodes." + field) }
	pods := fields{}
	if n.RuntimeClass != "" {
		pods["runtimeClassName"] = s.of(at("runtimeClass"), n.RuntimeClass)
	}
	var tolerations []state.Tree
	for i, t := range n.Tolerations {
		tolerations = append(tolerations, s.because(at("tolerations"+state.Index(i)), "as key=value:effect", t.Key+"="+t.Value+":"+t.Effect))
	}
	if tolerations != nil {
		pods["enforceTolerations"] = list(tolerations...)
	}
	toHost := fields{"networkPolicies": node(fields{
		"enabled": s.because(c.at("nodes"), "or the tenant's own network policies would do nothing", true),
	})}
	if len(pods) > 0 {
		toHost["pods"] = node(pods)
	}
	return fields{
		"toHost": node(toHost),
		"fromHost": node(fields{"nodes": node(fields{
			"enabled":         s.of(at("realNodes"), n.RealNodes),
			"syncBackChanges": s.because(c.at("nodes"), "or the tenant could relabel nodes", false),
			"selector":        node(fields{"labels": node(s.labels(at("labels"), n.Labels))}),
		})}),
	}
}
