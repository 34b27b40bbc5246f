// Package floor makes of a fleet what the dashboard shows of it, so that the dashboard need not know
// the fleet, and what compiles it. Begin with [Of]. It knows no report and no system.
package floor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/web"
)

// Of is the floor of a fleet at a commit, with the objects that were rendered from it.
func Of(commit string, f *fleet.Fleet, set state.Set) *web.Floor {
	out := &web.Floor{Commit: commit, Objects: set, Positions: map[string]string{}, Quiet: map[string]string{}}
	for _, e := range f.Entities() {
		if pos := f.PosOf(e); pos.IsValid() {
			out.Positions[e] = fmt.Sprintf("%s:%d", pos.File, pos.Line)
		}
	}
	for name, s := range fleet.All(f.Sites) {
		out.Sites = append(out.Sites, web.Site{Name: name, Description: s.Description})
		quiet(out, "site/"+name, s.ObserveOnly)
	}
	for name, t := range fleet.All(f.Tenants) {
		out.Tenants = append(out.Tenants, tenant(f, name, t))
		quiet(out, "tenant/"+name, t.ObserveOnly)
	}
	for _, m := range fleet.All(f.Machines) {
		out.Machines = append(out.Machines, machine(f, m))
	}
	slices.SortStableFunc(out.Machines, func(a, b web.Machine) int {
		return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(a.Rack, b.Rack), cmp.Compare(a.Unit, b.Unit))
	})
	for _, s := range fleet.All(f.Segments) {
		out.Segments = append(out.Segments, segment(f, s, out.Tenants))
	}
	for _, s := range fleet.All(f.Stacks) {
		out.Stacks = append(out.Stacks, stack(s, out.Tenants))
	}
	return out
}

func quiet(out *web.Floor, entity string, o *fleet.ObserveOnly) {
	if o != nil {
		out.Quiet[entity] = o.Reason
	}
}

func machine(f *fleet.Fleet, m *fleet.Machine) web.Machine {
	out := web.Machine{
		Name: m.Name, Site: m.Site, Rack: m.Rack, Unit: m.Unit, Height: 1, Class: m.Class, Lifecycle: m.Lifecycle, Role: m.Role,
		Model: m.Model, Serial: m.Serial, BMC: m.BMC.Host(), Description: m.Description,
	}
	if c := f.Classes[m.Class]; c != nil {
		out.Height, out.Image = max(1, c.Height), c.Image
		if c.GPUs != nil {
			out.GPUModel, out.GPUs = c.GPUs.Model, c.GPUs.Count
		}
	}
	if p, ok := f.PoolOf(m.Name); ok {
		out.Tenant, out.Cluster, out.Pool = p.Tenant, p.Cluster, p.Name
		out.Segment = f.Tenants[p.Tenant].Clusters[p.Cluster].Segment
		out.Image = f.ImageOf(p)
	}
	for _, n := range m.NICs {
		nic := web.NIC{Name: n.Name, Role: n.Role, Address: cmp.Or(n.MAC, n.GUID), Leaf: n.Leaf}
		if n.GUID != "" {
			nic.Port = fleet.NormalGUID(n.GUID)
		}
		out.NICs = append(out.NICs, nic)
	}
	return out
}

func tenant(f *fleet.Fleet, name string, t *fleet.Tenant) web.Tenant {
	out := web.Tenant{Name: name, DisplayName: t.DisplayName, Profile: t.Profile, Admins: t.Admins, Retired: t.Retired}
	for _, g := range t.Admins {
		// A proxy asks the one provider that people sign in with; a name at another says nothing here.
		if provider, group := fleet.GroupAt(g); provider == fleet.MainProvider {
			out.Groups = append(out.Groups, group)
		}
	}
	for cn, c := range fleet.All(t.Clusters) {
		cluster := web.Cluster{Tenant: name, Name: cn, Kubernetes: c.Kubernetes, Nodes: c.Nodes, Stack: c.Stack, Segment: c.Segment, Retired: c.Retired || t.Retired}
		for _, p := range f.Pools() {
			if p.Tenant != name || p.Cluster != cn {
				continue
			}
			pool := web.Pool{
				Tenant: name, Cluster: cn, Name: p.Name, Class: p.Class, Spread: p.Pool.Spread, Count: p.Pool.Count,
				Floor: p.Pool.Floor, Automatic: p.Pool.Automatic != nil, Machines: p.Machines,
			}
			for _, name := range p.Machines {
				if m := f.Machines[name]; m != nil && f.Classes[m.Class] != nil && f.Classes[m.Class].GPUs != nil {
					pool.GPUs += f.Classes[m.Class].GPUs.Count
				}
			}
			cluster.Pools = append(cluster.Pools, pool)
		}
		out.Clusters = append(out.Clusters, cluster)
	}
	return out
}

func segment(f *fleet.Fleet, s *fleet.Segment, tenants []web.Tenant) web.Segment {
	out := web.Segment{
		Name: s.Name, Site: s.Site, Network: s.NorthSouth.Network, Subnet: s.NorthSouth.Subnet, Gateway: s.NorthSouth.Gateway,
		VLAN: number(s.NorthSouth.VLAN), UFM: f.UFM(s), Peers: slices.Sorted(maps.Keys(s.Peers)),
	}
	for _, t := range tenants {
		for _, c := range t.Clusters {
			if c.Segment == s.Name {
				out.Tenant, out.Cluster = t.Name, c.Name
			}
		}
	}
	if s.InfiniBand != nil {
		out.PKey = s.InfiniBand.PKey
		if name, u := f.DirectUFM(s); u != nil {
			out.UFM, out.PKey = name, fmt.Sprintf("%#x", s.InfiniBand.Direct.PKey)
		}
	}
	if s.NVLink != nil {
		out.NVLink = s.NVLink.Partition
	}
	if s.EastWest != nil {
		out.EastWest = s.EastWest.IPFamily
	}
	for name, v := range fleet.All(s.VNets) {
		vnet := web.VNet{Name: name, Type: v.Type, VLAN: number(v.VLAN), VXLAN: number(v.VXLAN)}
		if v.Gateway != nil {
			vnet.Subnet = v.Gateway.Subnet
		}
		out.VNets = append(out.VNets, vnet)
	}
	return out
}

// number is a VLAN or VXLAN as people write it.
func number(v fleet.VLAN) string {
	if v == 0 {
		return "auto"
	}
	return fmt.Sprint(int(v))
}

func stack(s *fleet.Stack, tenants []web.Tenant) web.Stack {
	out := web.Stack{Name: s.Name, Description: s.Description}
	if s.Certified != nil {
		out.Certified = s.Certified.Name
	}
	order := s.Order()
	for name, c := range fleet.All(s.Components) {
		out.Components = append(out.Components, web.Component{Name: name, Type: c.Type, Namespace: c.Namespace, After: order[name]})
	}
	for name, c := range fleet.All(s.Catalogue) {
		out.Components = append(out.Components, web.Component{
			Name: name, Type: "chart", Version: c.Version, Namespace: c.Namespace, Privileged: c.Privileged, After: order[name],
		})
	}
	slices.SortStableFunc(out.Components, func(a, b web.Component) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range tenants {
		for _, c := range t.Clusters {
			if c.Stack == s.Name {
				out.Clusters = append(out.Clusters, t.Name+"/"+c.Name)
			}
		}
	}
	return out
}
