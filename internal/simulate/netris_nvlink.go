package simulate

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// netrisNVLinkEntry is one NVLink partition: which cluster has it, and who is in it.
type netrisNVLinkEntry struct {
	cluster, partition int
	servers            []int
	changed            time.Time
}

// netrisDomain is the one NVLink domain's controller.
const netrisDomain = "nmxc-1"

// listNVLink shows what the NVLink agent wrote. GPU UIDs are digits.
func (n *Netris) listNVLink(*netrisCall) (any, error) {
	list := []any{}
	for _, e := range n.nvlink {
		servers, gpus := []netrisRef{}, []string{}
		for _, id := range e.servers {
			servers = append(servers, n.servers.ref(id))
			gpus = append(gpus, fmt.Sprintf("%d00", id))
		}
		date := e.changed.UTC().Format(time.RFC3339Nano)
		list = append(list, map[string]any{"srvCluster": n.clusters.ref(e.cluster), "nmxcID": netrisDomain, "partitionID": e.partition,
			"gpuUids": gpus, "servers": servers, "custom": map[string]any{}, "createdDate": date, "modifiedDate": date})
	}
	return list, nil
}

// runNVLink makes the ledger say what is wired: one partition for every cluster whose template has a
// stanza for NVLink.
func (n *Netris) runNVLink() {
	n.nvlink = slices.DeleteFunc(n.nvlink, func(e *netrisNVLinkEntry) bool {
		_, ok := n.clusters.rows[e.cluster]
		return !ok
	})
	for id, c := range n.clusters.all() {
		if !slices.ContainsFunc(c.stanzas, func(s netrisStanza) bool { return s.text("type") == "netris-nvlink" }) {
			continue
		}
		at := slices.IndexFunc(n.nvlink, func(e *netrisNVLinkEntry) bool { return e.cluster == id })
		if at < 0 {
			at = len(n.nvlink)
			n.nvlink = append(n.nvlink, &netrisNVLinkEntry{cluster: id, partition: id})
		}
		if servers := slices.Sorted(maps.Keys(c.wired)); !slices.Equal(servers, n.nvlink[at].servers) {
			n.nvlink[at].servers, n.nvlink[at].changed = servers, time.Now()
			n.site.Record(Event{System: "netris", Target: c.Name, Verb: "nvlink", Detail: fmt.Sprintf("members: %d", len(servers))})
		}
	}
}
