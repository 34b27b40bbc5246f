package render

import (
	"fmt"
	"strings"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// Labels of ours on hosts. What begins with labelPrefix is nobody else's to write: the pool label
// decides whose machine a host may become.
const (
	labelPrefix = "millwright.dev/"
	labelClass  = labelPrefix + "class"
	labelRack   = labelPrefix + "rack"
	labelSite   = labelPrefix + "site"
	labelPool   = labelPrefix + "pool"
)

const kindHost = "BareMetalHost.metal3.io"

// machine renders a machine: its host with what Metal3 is told of it if Metal3 provisions it, the label
// that offers it to the pool that it is allocated to, and what is set or watched on its BMC and known
// of it to the network controller.
func (r *renderer) machine(name string, m *fleet.Machine) {
	if m.Provisioning == fleet.ProvisioningMetal3 {
		r.host(name, m)
		r.dhcp(name, m)
		r.firmware(name, m)
		if p, ok := r.fleet.PoolOf(name); ok && r.fleet.Leaving(p.Tenant, p.Cluster) == "" {
			r.offer(p, name)
		}
	}
	r.bmc(name, m)
	r.server(name, m)
}

// control is the address of an object in the control plane cluster.
func (r *renderer) control(kind, namespace, name string) state.ID {
	return state.ID{Target: state.Target{System: state.Kubernetes, Name: r.fleet.Platform.Cluster}, Kind: kind, Namespace: namespace, Name: name}
}

func (r *renderer) hostID(machine string) state.ID {
	return r.control(kindHost, r.fleet.Platform.Metal3.Namespace, machine)
}

// offerID is the label that offers a host to a pool.
func (r *renderer) offerID(p fleet.PoolRef, machine string) state.ID {
	id := r.hostID(machine)
	id.Part = p.Address()
	return id
}

// host registers a machine with Metal3. It holds none of the fields that Platform and Ironic write:
// see refuse.
func (r *renderer) host(name string, m *fleet.Machine) {
	machine, class, cl := source("machine/"+name), source("class/"+m.Class), r.fleet.Classes[m.Class]
	labels := machine.labels("labels", m.Labels)
	for l := range m.Labels {
		if strings.HasPrefix(l, labelPrefix) {
			r.report(diag.Diagnostic{
				Code: "MW301", Summary: fmt.Sprintf("label %s of machine %s is Millwright's own to set", l, name),
				Hint: "choose a prefix of your own", Path: string(machine) + "." + key("labels", l), Pos: m.Pos,
			})
		}
	}
	labels[labelClass] = machine.of("class", m.Class)
	labels[labelRack] = machine.of("rack", m.Rack)
	labels[labelSite] = machine.of("site", m.Site)

	bmc := fields{
		"address":         machine.of("bmc.address", m.BMC.Address),
		"credentialsName": machine.of("bmc.credentials", m.BMC.Credentials),
		"disableCertificateVerification": machine.because("bmc.certificate",
			"true where any certificate will do", m.BMC.Certificate == "any"),
	}
	spec := fields{
		"online":                machine.fixed(false), // written once; then it is the provisioner's
		"bmc":                   node(bmc),
		"bootMACAddress":        machine.of("bootMAC", m.BootMAC),
		"bootMode":              class.of("bootMode", cl.BootMode),
		"automatedCleaningMode": class.of("sanitise.cleaning", cl.Sanitise.Cleaning),
	}
	if h := cl.RootDeviceHints; h != nil {
		if hints := diskHints(class, "rootDeviceHints", *h); len(hints) > 0 {
			spec["rootDeviceHints"] = node(hints)
		}
	}
	if cl.RAID != nil {
		spec["raid"] = raid(class, cl.RAID)
	}
	if cl.Architecture != "" {
		spec["architecture"] = class.of("architecture", cl.Architecture)
	}
	if cl.Inspection == "disabled" {
		spec["inspectionMode"] = class.of("inspection", cl.Inspection)
	}
	if cl.DisablePowerOff {
		spec["disablePowerOff"] = class.of("disablePowerOff", true)
		spec["online"] = class.because("disablePowerOff", "it may not be powered off, so it begins on", true)
	}
	if m.Description != "" {
		spec["description"] = machine.of("description", m.Description)
	}
	r.add(state.Object{
		ID: r.hostID(name), Entity: string(machine),
		Tree: node(fields{
			"apiVersion": machine.fixed("metal3.io/v1alpha1"),
			"kind":       machine.fixed("BareMetalHost"),
			"metadata":   node(r.metadata(machine, r.hostID(name), fields{"labels": node(labels)})),
			"spec":       node(spec),
		}),
	})
}

// metadata are the name and namespace of a Kubernetes object, and more. The name is the entity's own.
func (r *renderer) metadata(s source, id state.ID, more fields) fields {
	m := fields{"name": s.fixed(id.Name)}
	if id.Namespace != "" {
		m["namespace"] = s.fixed(id.Namespace)
		if id.Namespace == r.fleet.Platform.Metal3.Namespace {
			m["namespace"] = source("platform").of("metal3.namespace", id.Namespace)
		}
	}
	for k, v := range more {
		m[k] = v
	}
	return m
}

// offer labels a host for the pool that it is allocated to, so that Platform may claim it. That comes
// only once the machine is in the tenant's network.
func (r *renderer) offer(p fleet.PoolRef, machine string) {
	segment := r.fleet.Segments[r.fleet.Tenants[p.Tenant].Clusters[p.Cluster].Segment]
	edges := after(r.hostID(machine), memberID(serverClusterID(segment.Site, p.Tenant, p.Cluster), machine))
	edges = append(edges, after(r.portsOf(segment, machine)...)...)
	if r.fleet.Machines[machine].DHCP != nil {
		edges = append(edges, after(r.dhcpID(machine))...) // it boots from there once it is claimed
	}
	r.add(state.Object{
		ID: r.offerID(p, machine), Entity: p.Address(),
		After: edges,
		Tree:  node(fields{"metadata": node(fields{"labels": node(fields{labelPool: allocated(p, machine, p.Label())})})}),
	})
}

// allocated is a value that holds because a machine is allocated to a pool.
func allocated(p fleet.PoolRef, machine string, value any) state.Tree {
	for i, m := range p.Machines {
		if m == machine {
			return source("allocation").of(p.Label()+state.Index(i), value)
		}
	}
	panic("render: " + machine + " does not serve " + p.Address()) // a programming error
}

// handsOff are the fields of a host's spec that Platform and Ironic write. To own one and to give it
// up later would wipe a running machine.
var handsOff = []string{"consumerRef", "customDeploy", "image", "metaData", "networkData", "userData"}

// refuse is the last look at what was rendered: whatever led there, no host may carry what only its
// provisioner writes.
func (r *renderer) refuse(objects []state.Object) {
	for _, o := range objects {
		if o.ID.Kind != kindHost {
			continue
		}
		for _, field := range handsOff {
			if what, there := o.Tree.Get(state.Path{"spec", field}); there {
				origin := writtenAt(what)
				r.report(diag.Diagnostic{
					Code: "MW311", Summary: fmt.Sprintf("%s must not have spec.%s: it is the provisioner's, and taking it away wipes the machine", o.ID, field),
					Hint: "leave it out; images belong to node pools", Path: strings.TrimSuffix(origin.Entity+"."+origin.Field, "."),
					Pos: r.fleet.PosOf(origin.Entity),
				})
			}
		}
	}
}

// writtenAt is where the first leaf of a tree is written.
func writtenAt(t state.Tree) state.Origin {
	for _, leaf := range t.Leaves() {
		return leaf.Origin()
	}
	return t.Origin()
}
