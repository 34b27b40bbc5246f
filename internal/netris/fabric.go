package netris

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"millwright.dev/millwright/internal/state"
)

// FactPKeys is a fact of a server cluster's member: its InfiniBand partitions as the ledger has them,
// "<UFM>/<PKey>", joined by commas. The form of a PKey is the controller's own and not documented.
const FactPKeys = "netris.pkeys"

// FactNVLink is a fact of a server cluster's member: its NVLink partitions as the ledger has them,
// "<NMX-C>/<number>", joined by commas.
const FactNVLink = "netris.nvlink"

// fabric is which server is in which cluster, from all that the controller tells about it.
type fabric struct {
	clusters, templates listed
	ledger              listed // InfiniBand partitions, written by the UFM agents after the fact
	nvlink              listed // NVLink partitions, likewise
	places              listed // server to server cluster

	ledgerOf, nvlinkOf, placesOf map[int64][]item // the same by cluster
}

// readFabric reads all clusters with their servers, whichever VPC they are in.
func (c *Controller) readFabric(ctx context.Context) fabric {
	var (
		f   fabric
		all sync.WaitGroup
	)
	all.Go(func() { f.clusters = c.read(ctx, "/api/v2/server-cluster") })
	all.Go(func() { f.templates = c.read(ctx, "/api/v2/server-cluster-template") })
	all.Go(func() { f.ledger = c.read(ctx, "/api/v2/pkeyledger") })
	all.Go(func() {
		f.nvlink = c.read(ctx, "/api/v2/nvlinkledger")
		if hasStatus(f.nvlink.err, http.StatusNotFound) {
			f.nvlink = listed{} // a controller from before there was any NVLink
		}
	})
	all.Go(func() { f.places = c.read(ctx, "/api/v2/server-cluster/servers") })
	all.Wait()
	f.placesOf = by(f.places.items, func(place item) int64 { return number(place["serverClusterID"]) })
	ofCluster := func(entry item) int64 { return entry.ref("srvCluster").id() }
	f.ledgerOf, f.nvlinkOf = by(f.ledger.items, ofCluster), by(f.nvlink.items, ofCluster)
	// Whether the list of clusters leaves any out is not documented; what else is mentioned, we ask for.
	listed := by(f.clusters.items, item.id)
	for id := range f.placesOf {
		if f.clusters.err != nil || listed[id] != nil || id == 0 {
			continue
		}
		more := c.read(ctx, "/api/v2/server-cluster/"+decimal(id))
		f.clusters.items = append(f.clusters.items, more.items...)
		if !hasStatus(more.err, http.StatusNotFound) {
			f.clusters.err = more.err
		}
	}
	return f
}

// by groups items by an id.
func by(list []item, id func(item) int64) map[int64][]item {
	groups := map[int64][]item{}
	for _, o := range list {
		groups[id(o)] = append(groups[id(o)], o)
	}
	return groups
}

// err is why it cannot be said who is in which cluster, or nil.
func (f fabric) err() error {
	return cmp.Or(f.clusters.err, f.templates.err, f.ledger.err, f.nvlink.err, f.places.err)
}

// member is one server's place in a cluster.
type member struct {
	cluster string
	server  int64
	name    string
	shared  bool
	// leaving: the cluster no longer lists the server, and yet something still has it there.
	leaving bool
	pkeys   []string
	nvlinks []string
	health  state.Health
}

// members are the servers of a cluster: those that it lists, and those that still have a PKey, an
// NVLink partition or a place of it though it lists them no more.
func (f fabric) members(cluster item) []member {
	found := map[int64]*member{}
	for _, server := range cluster.list("servers") {
		found[server.id()] = &member{server: server.id(), name: server.name(), shared: server["shared"] == true}
	}
	see := func(server item) *member {
		m := found[server.id()]
		if m == nil {
			m = &member{server: server.id(), name: server.name(), leaving: true}
			found[m.server] = m
		}
		return m
	}
	for _, place := range f.placesOf[cluster.id()] {
		see(place)
	}
	partitions := map[int64][]string{} // the UFMs that have a partition with the server in it
	for _, entry := range f.ledgerOf[cluster.id()] {
		for _, server := range entry.list("servers") {
			m := see(server)
			m.pkeys = append(m.pkeys, entry.text("ufmID")+"/"+fmt.Sprint(entry["pkeyID"]))
			partitions[m.server] = append(partitions[m.server], entry.text("ufmID"))
		}
	}
	for _, entry := range f.nvlinkOf[cluster.id()] {
		for _, server := range entry.list("servers") {
			m := see(server)
			m.nvlinks = append(m.nvlinks, fmt.Sprintf("%v/%v", entry["nmxcID"], entry["partitionID"]))
		}
	}
	ufms, nvlink := f.wants(cluster)
	var list []member
	for _, m := range found {
		m.cluster, m.name = cluster.name(), cmp.Or(m.name, "id-"+decimal(m.server))
		slices.Sort(m.pkeys)
		slices.Sort(m.nvlinks)
		m.health = clusterHealth(cluster)
		if m.leaving {
			m.health = state.Health{State: state.Progressing, Message: "is still being taken out of the cluster"}
		}
		for _, ufm := range ufms {
			if m.health.State == state.Healthy && !slices.Contains(partitions[m.server], ufm) {
				m.health = state.Health{State: state.Progressing, Message: "waits for its InfiniBand partition of " + ufm}
			}
		}
		if m.health.State == state.Healthy && nvlink && len(m.nvlinks) == 0 {
			m.health = state.Health{State: state.Progressing, Message: "waits for its NVLink partition"}
		}
		list = append(list, *m)
	}
	slices.SortFunc(list, func(a, b member) int { return cmp.Compare(a.server, b.server) })
	return list
}

// wants are the UFMs in which a cluster's members get a partition, and whether they get one of NVLink,
// by the cluster's template.
func (f fabric) wants(cluster item) (ufms []string, nvlink bool) {
	for _, stanza := range f.stanzas(cluster) {
		switch stanza.text("type") {
		case "netris-ufm":
			ufms = append(ufms, stanza.text("ufm"))
		case "netris-nvlink":
			nvlink = true
		}
	}
	return ufms, nvlink
}

// ghosts are clusters that exist no more and that a ledger still has partitions of.
func (f fabric) ghosts() []item {
	var gone []item
	known := by(f.clusters.items, item.id)
	entries := maps.Clone(f.nvlinkOf)
	maps.Copy(entries, f.ledgerOf)
	for _, id := range slices.Sorted(maps.Keys(entries)) {
		if known[id] == nil {
			cluster := entries[id][0].ref("srvCluster")
			gone = append(gone, item{"id": cluster["id"], "name": cmp.Or(cluster.name(), "id-"+decimal(id))})
		}
	}
	return gone
}

// elsewhere is the member of another cluster that a server is dedicated to, or has not quite left.
func (f fabric) elsewhere(server, except int64) (member, bool) {
	for _, cluster := range append(f.ghosts(), f.clusters.items...) {
		if cluster.id() == except {
			continue
		}
		for _, m := range f.members(cluster) {
			if m.server == server && !m.shared {
				return m, true
			}
		}
	}
	return member{}, false
}

// provisioning: what was last written to a server cluster or V-Net has not taken effect yet.
func provisioning(o item) bool { return o.status() == "provisioning" || o["provisioning"] == true }

func clusterHealth(cluster item) state.Health {
	switch status := cmp.Or(cluster.status(), cluster.text("state")); {
	case cluster.text("state") == "disabled" || status == "disabled":
		return state.Health{State: state.Unhealthy, Message: "the server cluster is disabled"}
	case status == "active":
		return state.Health{State: state.Healthy}
	default:
		return state.Health{State: state.Progressing, Message: "the server cluster is " + cmp.Or(status, "in no known state")}
	}
}
