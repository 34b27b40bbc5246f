package netris

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"millwright.dev/millwright/internal/state"
)

// stanzas are those of the template that a cluster was made from.
func (f fabric) stanzas(cluster item) []item {
	for _, template := range f.templates.items {
		if template.id() == cluster.ref("srvClusterTemplate").id() {
			return template.list("vnets")
		}
	}
	return nil
}

// unlisted asks for the V-Nets of clusters that the list leaves out: whether it has them is not documented.
// One that cannot be read is not told, and nothing else hangs on it.
func (l *looker) unlisted(ctx context.Context, found map[state.ID]item) {
	if l.survey.kinds[kindVNet].err != nil {
		return
	}
	var (
		mu   sync.Mutex
		all  sync.WaitGroup
		read []item
	)
	for id, o := range found {
		if id.Kind != kindCluster {
			continue
		}
		for _, v := range o.ref("resources").list("vnets") {
			if l.survey.vnets[v.id()] != nil {
				continue
			}
			all.Go(func() {
				one := l.read(ctx, "/api/v2/vnet/"+v.remote())
				mu.Lock()
				defer mu.Unlock()
				read = append(read, one.items...)
			})
		}
	}
	all.Wait()
	for _, v := range read {
		l.survey.vnets[v.id()] = []item{v}
	}
}

// networks are what the controller says of a server cluster's networks, by the postfix of the stanza that
// each was made for. Those that it says nothing of are left out.
func (s *survey) networks(cluster item) []state.Network {
	var list []state.Network
	for _, stanza := range s.stanzas(cluster) {
		var n state.Network
		switch stanza.text("type") {
		case "netris-ufm":
			n.Partitions = partitions(s.ledgerOf[cluster.id()], "ufmID", "pkeyID")
			n.Partitions = slices.DeleteFunc(n.Partitions, func(p state.Partition) bool { return p.Fabric != stanza.text("ufm") })
		case "netris-nvlink":
			n.Partitions = partitions(s.nvlinkOf[cluster.id()], "nmxcID", "partitionID")
		default:
			n = s.madeFor(cluster, stanza.text("postfix"))
		}
		n.Name = stanza.text("postfix")
		list = append(list, told(n)...)
	}
	slices.SortFunc(list, func(a, b state.Network) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// madeFor are the numbers of the V-Net that was made for a stanza. It is one of the cluster's resources,
// whose name begins with the cluster's and ends with the postfix; what stands between them is not documented.
// Where several could be meant none is.
func (s *survey) madeFor(cluster item, postfix string) state.Network {
	var found []item
	for _, v := range cluster.ref("resources").list("vnets") {
		rest, ours := strings.CutPrefix(v.name(), cluster.name())
		if between, ok := strings.CutSuffix(rest, postfix); ours && ok && strings.Trim(between, "-_.:/ ") == "" {
			found = append(found, s.vnets[v.id()]...)
		}
	}
	if len(found) != 1 {
		return state.Network{}
	}
	return numbers(found[0])
}

// numbers are those of a V-Net; a VLAN that is off is 0.
func numbers(vnet item) state.Network {
	return state.Network{VLAN: int(number(vnet["vlan"])), VXLAN: int(number(vnet["vxlanID"]))}
}

// told is a network that something is said of, or nil.
func told(n state.Network) []state.Network {
	if n.VLAN == 0 && n.VXLAN == 0 && len(n.Partitions) == 0 {
		return nil
	}
	return []state.Network{n}
}

// partitions are those of a ledger's entries, one for each fabric and number.
func partitions(ledger []item, fabric, partition string) []state.Partition {
	var list []state.Partition
	for _, entry := range ledger {
		list = append(list, state.Partition{Fabric: fmt.Sprint(entry[fabric]), Number: fmt.Sprint(entry[partition])})
	}
	slices.SortFunc(list, func(a, b state.Partition) int {
		return cmp.Or(cmp.Compare(a.Fabric, b.Fabric), cmp.Compare(a.Number, b.Number))
	})
	return slices.Compact(list)
}
