package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// netrisLedgerEntry is one partition of the InfiniBand fabric: which PKey a cluster has, and who is in it.
type netrisLedgerEntry struct {
	cluster           int
	pkey              int
	guids             []string
	servers           []int
	created, modified time.Time
}

// listLedger shows what the UFM agent wrote. The form of pkeyID is not documented; here it is 0x100.
func (n *Netris) listLedger(call *netrisCall) (any, error) {
	list, query := []any{}, call.URL.Query()
	for _, e := range n.ledger {
		pkey := fmt.Sprintf("0x%x", e.pkey)
		if ufm := query.Get("ufmID"); ufm != "" && ufm != n.opts.UFM {
			continue
		}
		if id := query.Get("pkeyID"); id != "" && id != pkey {
			continue
		}
		servers := []netrisRef{}
		for _, id := range e.servers {
			servers = append(servers, n.servers.ref(id))
		}
		list = append(list, map[string]any{
			"srvCluster": n.clusters.ref(e.cluster), "ufmID": n.opts.UFM, "pkeyID": pkey,
			"serversGuids": append([]string{}, e.guids...), "servers": servers, "custom": map[string]any{},
			"created_date": e.created.UTC().Format(time.RFC3339Nano), "modified_date": e.modified.UTC().Format(time.RFC3339Nano),
		})
	}
	return list, nil
}

// wakeAgent lets the UFM and NVLink agents look at the clusters in their next round.
func (n *Netris) wakeAgent() {
	if n.agentPending {
		return
	}
	n.agentPending = true
	n.later(n.opts.AgentLoop, NetrisLedgerLags, func() {
		n.agentPending = false
		n.runAgent()
		n.runNVLink()
	})
}

// runAgent makes the ledger say what is wired: one PKey for every cluster whose template has a stanza
// for this agent's UFM, shared members included (in the fabric they differ by index0 only).
func (n *Netris) runAgent() {
	n.ledger = slices.DeleteFunc(n.ledger, func(e *netrisLedgerEntry) bool {
		_, ok := n.clusters.rows[e.cluster]
		return !ok
	})
	for id, c := range n.clusters.all() {
		mine := slices.ContainsFunc(c.stanzas, func(s netrisStanza) bool { return s.text("type") == "netris-ufm" && s.text("ufm") == n.opts.UFM })
		if !mine {
			continue
		}
		entry := n.entry(id)
		if entry == nil {
			n.site.Record(Event{System: "netris", Target: c.Name, Verb: "pkey", Detail: "the range has no free PKey"})
			continue
		}
		var guids []string
		var servers []int
		for _, server := range slices.Sorted(maps.Keys(c.wired)) {
			if s, ok := n.servers.rows[server]; ok && len(s.guids()) > 0 {
				guids, servers = append(guids, s.guids()...), append(servers, server)
			}
		}
		if !slices.Equal(entry.guids, guids) {
			entry.guids, entry.servers, entry.modified = guids, servers, time.Now()
			n.site.Record(Event{System: "netris", Target: c.Name, Verb: "pkey", Detail: "members: " + strconv.Itoa(len(servers))})
		}
	}
}

// entry is the cluster's entry, made with the lowest free PKey if there is none; nil if none is free.
func (n *Netris) entry(cluster int) *netrisLedgerEntry {
	used := map[int]bool{}
	for _, e := range n.ledger {
		if e.cluster == cluster {
			return e
		}
		used[e.pkey] = true
	}
	for pkey := n.opts.PKeyFirst; pkey <= n.opts.PKeyLast; pkey++ {
		if !used[pkey] {
			e := &netrisLedgerEntry{cluster: cluster, pkey: pkey, created: time.Now(), modified: time.Now()}
			n.ledger = append(n.ledger, e)
			return e
		}
	}
	return nil
}
