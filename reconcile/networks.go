package reconcile

import (
	"cmp"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
)

// stanzas are the networks of a segment by the postfixes of its cluster's template.
var stanzas = map[string]string{
	fleet.PostfixNorthSouth: report.NetworkNorthSouth,
	fleet.PostfixInfiniBand: report.NetworkInfiniBand,
	fleet.PostfixEastWest:   report.NetworkEastWest,
	fleet.PostfixNVLink:     report.NetworkNVLink,
}

// described is which network of the fleet something that was read is of, and whose.
type described struct{ entity, tenant, name string }

// networks are the numbers that were read of the networks that the fleet describes. One whose controller
// cannot be asked stays as it was read last, with the time of that: that is when people need it most. What
// neither bears our mark nor is only observed is left out: a network of that name may be somebody else's.
func networks(d Desired, lives map[state.Target]state.Live, last *report.Report) []report.Networks {
	before := lastRead(last)
	found := map[described]report.Network{}
	var targets []state.Target
	for t := range lives {
		if t.System == state.Netris || t.System == state.UFM {
			targets = append(targets, t)
		}
	}
	// A partition that goes over from Netris's agent to us is at both for a while: ours is told then.
	slices.SortFunc(targets, state.Target.Compare)
	for _, t := range targets {
		live := lives[t]
		for _, o := range d.Set.Of(t) {
			entity, names := networksOf(o, d.Fleet)
			if len(names) == 0 {
				continue
			}
			tenant := d.Fleet.TenantOf(strings.TrimPrefix(entity, "segment/"))
			is, there, _ := live.Presence(o.ID)
			switch {
			case is == state.PresenceUnknown:
				for _, name := range names {
					key := described{entity, tenant, name}
					if n, ok := before[key]; ok && n.Target == t.String() {
						found[key] = n
					}
				}
			case is == state.Present && (there.Mark == o.ID || o.Mode == state.Observe || !kinds.Marked(o.ID)):
				for _, n := range there.Networks {
					if name := names[n.Name]; name != "" {
						found[described{entity, tenant, name}] = report.Network{Name: name, Target: t.String(), VLAN: n.VLAN, VXLAN: n.VXLAN, Partitions: n.Partitions}
					}
				}
			}
		}
	}
	return sorted(found)
}

// networksOf is the segment or site whose networks an object is or has, and what the fleet calls them, by
// the target's words.
func networksOf(o state.Object, f *fleet.Fleet) (entity string, names map[string]string) {
	kind, owner, _ := strings.Cut(o.Entity, "/")
	switch {
	case o.ID.Part != "":
	case o.ID.Kind == "servercluster" && kind == "cluster":
		tenant, cluster, _ := strings.Cut(owner, "/")
		return "segment/" + f.Tenants[tenant].Clusters[cluster].Segment, stanzas
	case o.ID.Kind == "vpc" && kind == "segment":
		return o.Entity, map[string]string{"": report.NetworkVPC}
	case o.ID.Kind == "pkey" && kind == "segment":
		return o.Entity, map[string]string{"": report.NetworkInfiniBand}
	case o.ID.Kind == "vnet":
		return o.Entity, map[string]string{"": report.NetworkVNet + strings.TrimPrefix(o.ID.Name, owner+"-")}
	}
	return "", nil
}

// lastRead are the networks of a report, which may be nil, with when each was read.
func lastRead(r *report.Report) map[described]report.Network {
	if r == nil {
		return nil
	}
	read := map[described]report.Network{}
	for _, of := range r.Networks {
		for _, n := range of.Networks {
			if n.Read.IsZero() {
				n.Read = r.Time
			}
			read[described{of.Entity, of.Tenant, n.Name}] = n
		}
	}
	return read
}

func sorted(found map[described]report.Network) []report.Networks {
	var list []report.Networks
	keys := make([]described, 0, len(found))
	for key := range found {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b described) int { return cmp.Or(cmp.Compare(a.entity, b.entity), cmp.Compare(a.name, b.name)) })
	for _, key := range keys {
		if len(list) == 0 || list[len(list)-1].Entity != key.entity {
			list = append(list, report.Networks{Entity: key.entity, Tenant: key.tenant})
		}
		of := &list[len(list)-1]
		of.Networks = append(of.Networks, found[key])
	}
	return list
}
