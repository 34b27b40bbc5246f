package render

import (
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// poolField is where a pool's field is written within its tenant.
func poolField(p fleet.PoolRef, field string) string {
	at := "cluster." + p.Cluster + ".pool." + p.Name
	if field != "" {
		at += "." + field
	}
	return at
}

// provider is the one node provider, with a node type for each pool: it takes the hosts that bear the
// pool's label, and no others. Those of pools that are leaving stay until they have left the fleet: the
// machines are taken down by them.
func (r *renderer) provider(images []state.ID) {
	p, s := r.fleet.Platform, source("platform")
	types := []state.Tree{}
	for _, pool := range r.fleet.Pools() {
		types = append(types, r.nodeType(pool))
	}
	id := r.control(kindProvider, "", p.Metal3.NodeProvider)
	r.add(state.Object{ID: id, Entity: "platform", After: after(images...), Tree: node(fields{
		"apiVersion": s.fixed(platformAPI),
		"kind":       s.fixed("NodeProvider"),
		"metadata":   node(fields{"name": s.of("metal3.nodeProvider", p.Metal3.NodeProvider)}),
		"spec": node(fields{
			"properties": node(fields{
				"metal3.vcluster.com/dns-servers": s.because("dns", "joined with commas", strings.Join(p.DNS, ",")),
			}),
			"metal3": node(fields{
				"clusterRef": node(fields{
					"cluster":   s.of("clusterRef", p.ClusterRef),
					"namespace": s.of("metal3.namespace", p.Metal3.Namespace),
				}),
				"nodeTypes": state.List(types, state.Origin{Entity: "platform", Note: "one for each pool"}),
			}),
		}),
	})})
}

func (r *renderer) nodeType(p fleet.PoolRef) state.Tree {
	tenant, class := source("tenant/"+p.Tenant), source("class/"+p.Class)
	cl := r.fleet.Classes[p.Class]
	properties := fields{}
	if image := r.fleet.ImageOf(p); image != "" {
		properties["vcluster.com/os-image"] = class.of("image", image)
		if p.Pool.Image != "" {
			properties["vcluster.com/os-image"] = tenant.of(poolField(p, "image"), image)
		}
	}
	// Where Netris hands out no addresses, Platform does, out of the segment's subnet.
	name := r.fleet.Tenants[p.Tenant].Clusters[p.Cluster].Segment
	if s := r.fleet.Segments[name]; !s.NorthSouth.DHCP {
		properties["metal3.vcluster.com/network-cidr"] = source("segment/"+name).because("northSouth.gateway", "with the length of the subnet's prefix", s.GatewayCIDR())
	}
	t := fields{
		"name":        tenant.because(poolField(p, ""), "tenant, cluster and pool", p.NodeType()),
		"displayName": tenant.because(poolField(p, ""), "tenant, cluster and pool", p.Label()),
		"resources":   node(class.labels("resources", cl.Resources)),
		"cost":        class.of("cost", cl.Cost),
		"bareMetalHosts": node(fields{"selector": node(fields{"matchLabels": node(fields{
			labelPool: tenant.because(poolField(p, ""), "the label of the hosts allocated to the pool", p.Label()),
		})})}),
	}
	if len(cl.Reserved) > 0 {
		t["overhead"] = node(fields{"kubeReserved": node(class.labels("reserved", cl.Reserved))})
	}
	r.installed(p, properties)
	if len(properties) > 0 {
		t["properties"] = node(properties)
	}
	return node(t)
}

// images renders the images that pools use, and returns their addresses.
func (r *renderer) images() []state.ID {
	used := map[string]bool{}
	for _, p := range r.fleet.Pools() {
		used[r.fleet.ImageOf(p)] = true
	}
	var ids []state.ID
	for name, image := range fleet.All(r.fleet.Images) {
		if !used[name] {
			continue
		}
		s, id := source("image/"+name), r.control(kindImage, "", name)
		display := s.fixed(name)
		if image.DisplayName != "" {
			display = s.of("displayName", image.DisplayName)
		}
		ids = append(ids, id)
		r.add(state.Object{ID: id, Entity: string(s), Tree: r.platformObject(s, id, fields{
			"displayName": display,
			"owner":       r.owner(),
			"properties": node(fields{
				"metal3.vcluster.com/image-url":           r.fileURL(s, "url", image.URL),
				"metal3.vcluster.com/image-checksum":      s.of("checksum", image.Checksum),
				"metal3.vcluster.com/image-checksum-type": s.of("checksumType", image.ChecksumType),
			}),
		})})
	}
	return ids
}
