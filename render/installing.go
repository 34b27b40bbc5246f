package render

import (
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

const (
	kindKey     = "SSHKey.management.loft.sh"
	kindConfig  = "MachineConfigTemplate.management.loft.sh"
	kindProfile = "NodeProfile.management.loft.sh"
)

// installed puts into a node type's properties what its machines are installed with, beside the image.
func (r *renderer) installed(p fleet.PoolRef, properties fields) {
	tenant, class := source("tenant/"+p.Tenant), source("class/"+p.Class)
	if may := r.fleet.SSHKeys(p.Pool); len(may) > 0 {
		properties["vcluster.com/ssh-keys"] = tenant.because(poolField(p, "sshKeys"), "with those that are everywhere", strings.Join(may, ","))
	}
	if name := r.fleet.NetworkData(p); name != "" {
		from, field := class, "networkData"
		if p.Pool.NetworkData != "" {
			from, field = tenant, poolField(p, "networkData")
		}
		properties["vcluster.com/network-data-template-config"] = from.of(field, name)
	}
	if p.Pool.UserData != "" {
		properties["vcluster.com/user-data-template-config"] = tenant.of(poolField(p, "userData"), p.Pool.UserData)
	}
}

// installing renders the keys, templates and profiles that pools use, and returns their addresses.
func (r *renderer) installing() []state.ID {
	configs, profiles, may := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, p := range r.fleet.Pools() {
		configs[r.fleet.NetworkData(p)], configs[p.Pool.UserData], profiles[p.Pool.Profile] = true, true, true
		for _, name := range r.fleet.SSHKeys(p.Pool) {
			may[name] = true
		}
	}
	var ids []state.ID
	s, m := source("platform"), r.fleet.Platform.Metal3
	add := func(kind, name string, spec fields) {
		id := r.control(kind, "", name)
		ids = append(ids, id)

		r.add(state.Object{ID: id, Entity: string(s), Tree: r.platformObject(s, id, spec)})
	}
	display := func(at, name, text string) state.Tree {
		if text == "" {
			return s.because(at, "its name", name)
		}
		return s.of(at+".displayName", text)
	}
	for name, k := range fleet.All(m.SSHKeys) {
		if at := "metal3.sshKey." + name; may[name] {
			add(kindKey, name, fields{
				"displayName": display(at, name, k.DisplayName), "owner": r.owner(), "publicKey": s.of(at+".publicKey", k.PublicKey),
			})
		}
	}
	for name, c := range fleet.All(m.Configs) {
		if at := "metal3.config." + name; configs[name] {
			spec := fields{}
			if c.NetworkData != "" {
				spec["networkDataTemplate"] = s.of(at+".networkData", c.NetworkData)
			}
			if c.CloudInit != "" {
				spec["cloudInitTemplate"] = s.of(at+".cloudInit", c.CloudInit)
			}
			add(kindConfig, name, spec)
		}
	}
	for name, p := range fleet.All(m.Profiles) {
		if at := "metal3.profile." + name; profiles[name] {
			add(kindProfile, name, profile(s, at, display(at, name, p.DisplayName), p))
		}
	}
	return ids
}

// profile is what nodes get when they join, written at a place.
func profile(s source, at string, display state.Tree, p fleet.NodeProfile) fields {
	spec := fields{"displayName": display}
	if p.Description != "" {
		spec["description"] = s.of(at+".description", p.Description)
	}
	if len(p.Taints) > 0 {
		spec["taints"] = taints(s, at+".taints", p.Taints)
	}
	if len(p.StartupTaints) > 0 {
		spec["startupTaints"] = taints(s, at+".startupTaints", p.StartupTaints)
	}
	if len(p.Labels) > 0 {
		spec["nodeLabels"] = node(s.labels(at+".labels", p.Labels))
	}
	if len(p.Annotations) > 0 {
		spec["nodeAnnotations"] = node(s.labels(at+".annotations", p.Annotations))
	}
	return spec
}

// taints are a list of taints that is not empty, written at a place.
func taints(s source, at string, all []fleet.Taint) state.Tree {
	items := make([]state.Tree, len(all))
	for i, t := range all {
		at := at + state.Index(i)
		items[i] = node(fields{"key": s.of(at+".key", t.Key), "value": s.of(at+".value", t.Value), "effect": s.of(at+".effect", t.Effect)})
	}
	return list(items...)
}
