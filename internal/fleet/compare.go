package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"millwright.dev/millwright/internal/diag"
)

// Findings of a comparison, 270 to 279:
//
//	MW270  a choice for a tenant cluster, made once, was changed
//	MW271  a machine in service has another identity
//	MW272  the fleet is no longer the one that Millwright remembers
//	MW273  a segment or its site was changed in what Netris cannot change
//	MW274  a segment in use was changed and its version not raised
//	MW275  something in use vanished without having been retired
//	MW276  a version goes back, or too far at once
//	MW286  the InfiniBand partition of a segment in use was changed

// choice is a field that cannot be changed once it is in force, and what to do instead. To add one is a line
// in a table below.
type choice[T any] struct {
	field   string // below its entity, or below its cluster
	of      func(T) any
	instead string
}

const another = "write another cluster with its own segment, move to it, and retire this one"

var clusterChoices = []choice[*Cluster]{
	{"nodes", func(c *Cluster) any { return c.Nodes }, another},
	{"segment", func(c *Cluster) any { return c.Segment }, another},
	{"networking.podCIDR", func(c *Cluster) any { return c.Networking.PodCIDR }, another},
	{"networking.serviceCIDR", func(c *Cluster) any { return c.Networking.ServiceCIDR }, another},
	{"privateNodes.vpn", func(c *Cluster) any { return c.PrivateNodes.VPN }, another},
	{"controlPlane.volume", func(c *Cluster) any { return cmp.Or(c.ControlPlane.Volume, &ClusterVolume{Size: "5Gi"}) }, "keep it: the disks that are there stay as they are; or " + another},
	{"controlPlane.store", func(c *Cluster) any { return c.ControlPlane.Store }, "keep it, for its data would stay behind; or " + another},
}

var machineChoices = []choice[*Machine]{
	{"bootMAC", func(m *Machine) any { return NormalMAC(m.BootMAC) }, "retire the machine in one commit, and write it under another name"},
	{"provisioning", func(m *Machine) any { return m.Provisioning }, "retire the machine in one commit, and write it under another name"},
}

const remembered = "keep it; what Millwright made bears this name, and nothing would be its own under another"

var platformChoices = []choice[*Platform]{
	{"fleet", func(p *Platform) any { return p.Fleet }, remembered},
	{"cluster", func(p *Platform) any { return p.Cluster }, remembered},
	{"clusterRef", func(p *Platform) any { return p.ClusterRef }, "keep it; a cluster that Platform knows by another name is made anew, without its data"},
	{"metal3.namespace", func(p *Platform) any { return p.Metal3.Namespace }, "keep it; a host that moves is deprovisioned"},
	{"metal3.nodeProvider", func(p *Platform) any { return p.Metal3.NodeProvider }, "keep it; a pool's provider cannot be changed"},
}

var siteChoices = []choice[*Site]{
	{"netris.site", func(s *Site) any { return s.Netris.Site }, "write another site, and segments in it"},
	{"netris.adminTenant", func(s *Site) any { return s.Netris.AdminTenant }, "keep it; the tenant that owns a V-Net cannot be changed"},
}

const elsewhere = "write another segment and a cluster in it, move to it, and retire this one"

var segmentChoices = []choice[*Segment]{
	{"site", func(s *Segment) any { return s.Site }, elsewhere},
	{"northSouth.network", func(s *Segment) any { return s.NorthSouth.Network }, elsewhere},
	{"northSouth.subnet", func(s *Segment) any { return s.NorthSouth.Subnet }, elsewhere},
}

var vnetChoices = []choice[*VNet]{
	{"vxlan", func(v *VNet) any { return v.VXLAN }, "keep it; or write another V-Net under another name, and move its ports"},
}

// versioned are the fields of a segment that go into its template.
var versioned = []choice[*Segment]{
	{field: "northSouth.vlan", of: func(s *Segment) any { return s.NorthSouth.VLAN }},
	{field: "northSouth.nics", of: func(s *Segment) any { return s.NorthSouth.NICs }},
	{field: "northSouth.dhcp", of: func(s *Segment) any { return s.NorthSouth.DHCP }},
	{field: "northSouth.gateway", of: func(s *Segment) any { return s.NorthSouth.Gateway }},
	{field: "infiniband", of: func(s *Segment) any {
		if s.Direct() {
			return (*Partition)(nil) // it is in no template
		}
		return s.InfiniBand
	}},
	{field: "eastWest", of: func(s *Segment) any { return s.EastWest }},
	{field: "nvlink", of: func(s *Segment) any { return s.NVLink }},
}

// Compare says what of head cannot be made of base, which is taken to be in force: choices that are made once
// and are made anew, and what vanished without having been retired first. Positions are those of head,
// or of base for what is not in head any more.
func Compare(ctx context.Context, base, head *Fleet) diag.List {
	c := &comparison{checker: checker{f: head}, base: base}
	compared(c, "MW272", "platform", "", platformChoices, base.Platform, head.Platform)
	c.platformVersions(base.Platform, head.Platform)
	for name, old := range All(base.Sites) {
		if now := head.Sites[name]; now != nil && base.serves(func(s *Segment) bool { return s.Site == name }) {
			compared(c, "MW273", address("site", name), "", siteChoices, old, now)
		}
	}
	for name, old := range All(base.Machines) {
		c.machine(name, old, head.Machines[name])
	}
	for name, old := range All(base.Segments) {
		c.segment(name, old, head.Segments[name])
	}
	for name, old := range All(base.Tenants) {
		c.tenant(name, old, head.Tenants[name])
	}
	return append(c.list(ctx), c.vanished...).Sort()
}

type comparison struct {
	checker
	base     *Fleet
	vanished diag.List
}

// compared reports each choice of a table that was made anew, at a place within an entity.
func compared[T any](c *comparison, code, entity, within string, table []choice[T], old, now T) {
	for _, ch := range table {
		was, is := ch.of(old), ch.of(now)
		if !reflect.DeepEqual(was, is) {
			field := ch.field
			if within != "" {
				field = within + "." + field
			}
			c.report(code, Query{entity, field}, fmt.Sprintf("%s of %s was %s and cannot become %s", field, entity, shown(was), shown(is)), ch.instead)
		}
	}
}

// shown is a value as CUE writes it.
func shown(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

func (c *comparison) machine(name string, old, now *Machine) {
	switch gone := old.Lifecycle == Retired || old.Lifecycle == RMA; {
	case gone:
	case now == nil:
		c.gone(address("machine", name), `lifecycle: "retired"`)
	default:
		compared(c, "MW271", address("machine", name), "", machineChoices, old, now)
	}
}

func (c *comparison) segment(name string, old, now *Segment) {
	if now == nil || !c.base.serves(func(s *Segment) bool { return s == old }) {
		return
	}
	entity := address("segment", name)
	compared(c, "MW273", entity, "", segmentChoices, old, now)
	c.partition(name, old, now)
	for vnet, was := range All(old.VNets) {
		if is := now.VNets[vnet]; is != nil {
			compared(c, "MW273", entity, joinPath("vnet", vnet), vnetChoices, was, is)
		}
	}
	for _, ch := range versioned {
		if was, is := ch.of(old), ch.of(now); now.Version <= old.Version && !reflect.DeepEqual(was, is) {
			c.report("MW274", Query{entity, ch.field}, fmt.Sprintf("%s of %s was %s and is %s, and its version is still %d", ch.field, entity, shown(was), shown(is), now.Version),
				fmt.Sprintf("write version: %d; Netris cannot change the template of a cluster that exists, so a new one is made", old.Version+1))
		}
	}
	if now.Version < old.Version {
		c.report("MW274", Query{entity, "version"}, fmt.Sprintf("version of %s was %d and is %d", entity, old.Version, now.Version), "raise it; a template of that version may exist and be another")
	}
}

func (c *comparison) tenant(name string, old, now *Tenant) {
	entity := address("tenant", name)
	if now == nil {
		if !old.Retired {
			c.gone(entity, "retired: true")
		}
		return
	}
	for cluster, was := range All(old.Clusters) {
		is, in := now.Clusters[cluster], joinPath("cluster", cluster)
		switch {
		case c.base.Leaving(name, cluster) != "":
		case is == nil:
			c.report("MW275", Query{entity, "cluster"}, fmt.Sprintf("cluster %s of %s vanished without having been retired", cluster, entity), retireFirst("retired: true"))
		default:
			compared(c, "MW270", entity, in, clusterChoices, was, is)
			c.kubernetes(entity, in+".kubernetes", was.Kubernetes, is.Kubernetes)
		}
	}
}

// gone reports an entity that head does not have, where base has it.
func (c *comparison) gone(entity, retired string) {
	c.vanished = append(c.vanished, diag.Diagnostic{
		Code: "MW275", Summary: entity + " vanished without having been retired", Path: entity, Pos: c.base.PosOf(entity), Hint: retireFirst(retired),
	})
}

func retireFirst(how string) string {
	return "keep it with " + how + " until it is taken down, and remove it in a later commit; what vanishes at once is held, not deleted"
}

// serves reports whether such a segment has a cluster that stands.
func (f *Fleet) serves(such func(*Segment) bool) bool {
	for tn, t := range f.Tenants {
		for cn, c := range t.Clusters {
			if s := f.Segments[c.Segment]; s != nil && such(s) && f.Leaving(tn, cn) == "" {
				return true
			}
		}
	}
	return false
}
