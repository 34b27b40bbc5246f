package render

import (
	"fmt"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

func netrisID(site, kind, name string) state.ID {
	return state.ID{Target: state.Target{System: state.Netris, Name: site}, Kind: kind, Name: name}
}

// addNetris takes up an object of a site's network controller that follows from one entity.
func (r *renderer) addNetris(site, kind, name string, from source, tree fields, on ...state.ID) state.ID {
	id := netrisID(site, kind, name)
	r.add(state.Object{ID: id, Entity: string(from), Tree: node(tree), After: after(on...)})
	return id
}

// named refers to another object of the controller.
func named(name state.Tree) state.Tree { return node(fields{"name": name}) }

// serverClusterID is the cluster's server cluster: the unit of isolation in Netris.
func (c cluster) serverClusterID() state.ID { return serverClusterID(c.segment.Site, c.tenant, c.name) }

func serverClusterID(site, tenant, cluster string) state.ID {
	return netrisID(site, "servercluster", tenant+"-"+cluster)
}

// memberID is a machine's dedicated place in a server cluster.
func memberID(cluster state.ID, machine string) state.ID {
	cluster.Part = "server/" + machine
	return cluster
}

// server is the machine as Netris knows it, entered there by those who wired it: observed only.
func (r *renderer) server(name string, m *fleet.Machine) {
	s := source("machine/" + name)
	r.add(state.Object{
		ID: netrisID(m.Site, "server", name), Entity: string(s), Mode: state.Observe,
		Tree: node(fields{"name": s.fixed(name)}),
	})
}

// network renders a cluster's network: the segment's VPC, addresses and template, the
// server cluster made from it, and its members.
func (r *renderer) network(c cluster) {
	site, name := c.segment.Site, c.Segment
	seg, admin := source("segment/"+name), source("site/"+site).of("netris.adminTenant", c.site.Netris.AdminTenant)
	add := func(kind, name string, tree fields, on ...state.ID) state.ID {
		return r.addNetris(site, kind, name, seg, tree, on...)
	}
	where := source("site/"+site).of("netris.site", c.site.Netris.Site)

	vpc := add("vpc", name, fields{
		"name":        seg.fixed(name),
		"adminTenant": named(admin),
		"guestTenant": list(named(c.src().fixed(c.tenant))),
		"tags":        seg.fixed([]any{}),
	}, netrisID(site, "tenant", c.tenant))
	allocation := add("allocation", name, fields{
		"name":   seg.fixed(name),
		"prefix": seg.of("northSouth.network", c.segment.NorthSouth.Network),
		"tenant": named(admin),
		"vpc":    named(seg.fixed(name)),
	}, vpc)
	subnet := add("subnet", name, fields{
		"name":           seg.fixed(name),
		"prefix":         seg.of("northSouth.subnet", c.segment.NorthSouth.Subnet),
		"purpose":        seg.fixed("common"),
		"defaultGateway": seg.of("northSouth.gateway", c.segment.NorthSouth.Gateway),
		"sites":          list(named(where)),
		"tenant":         named(admin),
		"vpc":            named(seg.fixed(name)),
		"tags":           seg.fixed([]any{}),
	}, allocation)
	version := fmt.Sprintf("%s-v%d", name, c.segment.Version)
	versioned := seg.because("version", "the segment's name and version", version)
	template := add("servercluster-template", version, fields{
		"name":  versioned,
		"vnets": r.stanzas(c),
	}, subnet)
	r.vnets(owner{site: c.site, source: seg, vpc: seg.fixed(name), prefix: name, allocation: allocation, after: []state.ID{allocation}}, "vnet", c.segment.VNets)
	r.reach(c, vpc)

	r.add(state.Object{
		ID: c.serverClusterID(), Entity: c.entity(), After: after(template, vpc),
		Tree: node(fields{
			"name":               c.src().because("cluster."+c.name, "the tenant's and the cluster's name", c.tenant+"-"+c.name),
			"admin":              named(admin),
			"site":               named(where),
			"vpc":                named(c.src().of(c.at("segment"), name)),
			"srvClusterTemplate": named(versioned),
			"tags":               c.src().fixed([]any{}),
		}),
	})
	for _, p := range c.pools {
		for _, m := range r.serving(p) {
			r.member(c, p, m)
		}
	}
}

// netrisTenant renders a tenant at each site that it has a cluster in, also one that is being taken down.
func (r *renderer) netrisTenant(name string, t *fleet.Tenant) {
	s, at := source("tenant/"+name), map[string]bool{}
	for _, c := range fleet.All(t.Clusters) {
		segment := r.fleet.Segments[c.Segment]
		if segment == nil { // shared nodes
			continue
		}
		site := segment.Site
		if at[site] {
			continue
		}
		at[site] = true
		r.add(state.Object{ID: netrisID(site, "tenant", name), Entity: string(s), Tree: node(fields{
			"name":        s.fixed(name),
			"description": s.of("displayName", t.DisplayName),
		})})
	}
}

// member puts an allocated machine into the cluster's network, all by itself: it may be in no other.
func (r *renderer) member(c cluster, p fleet.PoolRef, machine string) {
	on := []state.ID{c.serverClusterID(), netrisID(r.fleet.Machines[machine].Site, "server", machine)}
	if r.fleet.Machines[machine].Provisioning == fleet.ProvisioningMetal3 {
		on = append(on, r.hostID(machine))
	}
	r.add(state.Object{
		ID: memberID(c.serverClusterID(), machine), Entity: p.Address(), After: after(on...),
		Tree: node(fields{"shared": allocated(p, machine, false)}),
	})
}
