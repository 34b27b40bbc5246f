// Package render says what a fleet means: it turns the fleet into the objects that ought to be in
// every target system. Begin with [Render].
//
// The order in which the systems' objects come about is not this package's business: each object
// names what it stands on. What it renders, file by file:
//
//	metal3.go    the hosts of machines, and the label that offers a host to a pool
//	metal3_hardware.go  their disks, firmware, BIOS settings and what they are told at installation
//	redfish.go   what is set or watched on each machine's BMC
//	platform.go  tenants, projects and people in vCluster Platform, and Platform itself
//	nodetypes.go the node provider with a node type for each pool, and the images that these use
//	standalone.go  the control plane cluster, where it is vCluster Standalone
//	audit.go     what the API servers of tenant clusters log
//	mirror.go    everything from one mirror, and the proof of it, with mirror_images.go and
//	             mirror_fetches.go: how images are named, and what is fetched at all
//	vcluster.go  each tenant cluster: its namespace, its instance, its vcluster.yaml, with vcluster_*.go
//	pools.go     what a cluster's vcluster.yaml says of its pools
//	netris.go    tenants, segments, server clusters and their members at each site's network controller,
//	             with the files netris_*.go: templates, V-Nets, what is let in and out, the site's own
//	ufm.go       InfiniBand partitions that are kept at UFM itself, and the ports in them
//	stack.go     what is installed into tenant clusters, out of kustomize.go, helm.go and charts.go; what
//	             charts write into Secrets is kept sealed by lift.go
//	storage.go   their storage classes
//	queues.go    the queues of their schedulers
//	observability.go  how the provider watches them
//
// Rendering is pure: no clock, no randomness, no network, no environment. The same fleet, files and
// version of Millwright give the same bytes on every machine. Every leaf of every tree says which
// field of which entity it comes from.
//
// It knows no system beyond its vocabulary, and neither Git nor plans. A fleet is taken to have
// passed the checks of internal/fleet: what a name refers to is there. The codes of its findings:
//
//	MW301  a value or label that only Millwright may set
//	MW302  a component whose directory is not there
//	MW303  a kustomization that cannot be rendered, or not out of plain files of the repository
//	MW304  a chart that cannot be rendered, or not out of plain files, or not the same way twice
//	MW305  a chart's hook, which nobody would run
//	MW306  a Secret written out in a kustomization, or one of a chart that holds no text or base64
//	MW307  a chart that asks the cluster (a warning: it gets no answer)
//	MW308  two components that render the same object
//	MW309  an object of a stack that is no Kubernetes object, or whose scope is not known
//	MW310  a segment that asks for what its network controller cannot be told
//	MW311  a field that must never be rendered
//	MW330  a chart that is not at hand (the fleet is incomplete)
//	MW331  a chart's archive that is not the one meant, or that cannot be unpacked
//	MW332  fields left to the tenant of objects that the stack does not have
//	MW333  two default storage classes
//	MW350  something that would be fetched from outside the platform's mirror
//	MW351  a value that the platform's edition does not cover
//	MW352  a value that contradicts what the platform or the tenant demands
package render

import (
	"context"
	"io/fs"
	"slices"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// Inputs are what rendering needs beside the fleet.
type Inputs struct {
	// FS is the fleet repository as of the commit; stacks are rendered from its files. It may be nil
	// if no tenant cluster has a stack.
	FS fs.FS
	// Charts is the chart store: the archives of catalogue entries, each where [ChartFile] says. Nil
	// has none of them.
	Charts fs.FS
	// Partial renders what can be rendered though charts are not at hand: the findings say which are not, and the
	// components made of them are missing from the set. It is for comparing by eye, never for writing.
	Partial bool
}

// Render makes the desired objects of a fleet. If any finding is an error, the set is empty: a fleet
// that cannot be rendered as a whole, be it only that a chart is not at hand, is not rendered at all
// unless Inputs.Partial says so.
// Cancelling ctx ends it with an error, also within a chart that would never end.
func Render(ctx context.Context, f *fleet.Fleet, in Inputs) (state.Set, diag.List) {
	return new(Renderer).Render(ctx, f, in)
}

// renderer collects what one rendering makes.
type renderer struct {
	ctx        context.Context
	fleet      *fleet.Fleet
	files      fs.FS
	charts     fs.FS
	clusters   map[string][]cluster // by tenant, of those that stay
	last, next *memory
	todo       []job // units that are to be rendered
	unit       *unit // that is being rendered
}

// all has everything rendered, unit by unit; see memory.go for what a unit may depend on.
func (r *renderer) all() {
	r.unitOf("platform", r.platformInputs(), func(r *renderer) {
		r.platform()
		r.observability()
	})
	r.unitOf("site", nil, (*renderer).siteNetworks)
	for name, m := range r.fleet.Machines { // in any order: objects and findings are sorted in the end
		if serves := r.serves(name); present(m) && !r.keeps(m, serves) {
			r.unitOf(m, []any{serves}, func(r *renderer) { r.machine(name, m) })
		}
	}
	for name, t := range r.fleet.Tenants {
		if !t.Retired {
			r.unitOf(t, r.tenantInputs(name), func(r *renderer) { r.tenant(name, t) })
		}
	}
}

// tenant renders what a tenant has: its people and its project, and each cluster with its network and
// its stack.
func (r *renderer) tenant(name string, t *fleet.Tenant) {
	r.team(name, t)
	r.project(name, t)
	r.netrisTenant(name, t)
	r.dashboard(name, t)
	for _, c := range r.clusters[name] {
		if !c.shared() {
			r.network(c)
			r.direct(c)
		}
		r.cluster(c)
		r.namespaces(c)
		r.stack(c)
	}
}

// add takes a desired object up.
func (r *renderer) add(o state.Object) {
	if o.Mode == "" {
		o.Mode = state.Own
	}
	r.unit.objects = append(r.unit.objects, o)
}

func (r *renderer) report(list ...diag.Diagnostic) { r.unit.found = append(r.unit.found, list...) }

// cluster is a tenant cluster with all it refers to.
type cluster struct {
	tenant, name string
	*fleet.Cluster
	of      *fleet.Tenant
	segment *fleet.Segment
	site    *fleet.Site
	pools   []fleet.PoolRef
}

// shared reports whether the cluster's nodes are the control plane cluster's: it has neither segment,
// site nor pools then.
func (c cluster) shared() bool { return c.Nodes == fleet.NodesShared }

// entity is the cluster's own address; src and at are where its fields are written.
func (c cluster) entity() string         { return "cluster/" + c.tenant + "/" + c.name }
func (c cluster) src() source            { return source("tenant/" + c.tenant) }
func (c cluster) at(field string) string { return "cluster." + c.name + "." + field }

// clustersOf are the clusters that stand, by tenant and in order.
func clustersOf(f *fleet.Fleet) map[string][]cluster {
	pools := map[[2]string][]fleet.PoolRef{}
	for _, p := range f.Pools() {
		at := [2]string{p.Tenant, p.Cluster}
		pools[at] = append(pools[at], p)
	}
	all := map[string][]cluster{}
	for tn, t := range f.Tenants {
		for cn, c := range fleet.All(t.Clusters) {
			if f.Leaving(tn, cn) != "" {
				continue
			}
			all[tn] = append(all[tn], cluster{
				tenant: tn, name: cn, Cluster: c, of: t, segment: f.Segments[c.Segment], site: f.SiteOf(c), pools: pools[[2]string{tn, cn}],
			})
		}
	}
	return all
}

// present reports whether a machine is there to be managed: not with its vendor, not being removed.
func present(m *fleet.Machine) bool {
	return m != nil && m.Lifecycle != fleet.RMA && m.Lifecycle != fleet.Retired
}

// serving are the machines that are allocated to a pool and there, in the order of allocation.
func (r *renderer) serving(p fleet.PoolRef) []string {
	return slices.DeleteFunc(slices.Clone(p.Machines), func(name string) bool { return !present(r.fleet.Machines[name]) })
}
