package simulate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// round waits until clusters are active and the UFM agent has looked at them.
func (w *netrisWorld) round() { w.sleep(31 * time.Second) }

// The ledger has one PKey for each cluster with a stanza for the agent's UFM, and follows its members.
func TestNetrisLedgerFollowsMembers(t *testing.T) {
	netrisRun(t, NetrisOptions{PKeyFirst: 0x200, PKeyLast: 0x201}, func(w *netrisWorld) {
		template := w.template()
		ethernet := w.create("/api/v2/server-cluster-template", netrisObject{"name": "eth", "vnets": []netrisObject{netrisL2VPN(nil)}})
		foreign := w.create("/api/v2/server-cluster-template", netrisObject{"name": "far", "vnets": []netrisObject{
			{"postfix": "E-W", "type": "netris-ufm", "ufm": "ufm-9", "pkey": "auto"}}})
		acme := w.cluster("acme-train", template, 101, 102)
		globex := w.cluster("globex-infer", template)
		w.cluster("plain", ethernet, 103)
		w.cluster("far", foreign, 104)
		w.round()

		ledger := w.list("/api/v2/pkeyledger")
		require.Len(t, ledger, 2)
		entry := ledger[0]
		require.Equal(t, []any{"0x200", "ufm-1", netrisObject{}}, []any{entry["pkeyID"], entry["ufmID"], entry["custom"]})
		require.Equal(t, netrisObject{"id": 23.0, "name": "acme-train"}, entry["srvCluster"])
		require.Equal(t, []any{netrisObject{"id": 101.0, "name": "gpu-001"}, netrisObject{"id": 102.0, "name": "gpu-002"}}, entry["servers"])
		require.Len(t, entry["serversGuids"], 16)
		require.Equal(t, "0x201", ledger[1]["pkeyID"])
		require.Empty(t, ledger[1]["serversGuids"])
		require.Len(t, w.list("/api/v2/pkeyledger?ufmID=ufm-1&pkeyID=0x201"), 1)
		require.Empty(t, w.list("/api/v2/pkeyledger?ufmID=ufm-9"))

		w.must("PUT", netrisPath("/api/v2/server-cluster", acme), netrisObject{"servers": netrisMembers(102)})
		w.settle()
		require.Len(t, w.list("/api/v2/pkeyledger")[0]["serversGuids"], 16, "the agent has not looked yet")
		w.round()
		entry = w.list("/api/v2/pkeyledger")[0]
		require.Equal(t, []any{netrisObject{"id": 102.0, "name": "gpu-002"}}, entry["servers"])
		require.Equal(t, "0x200", entry["pkeyID"])
		require.NotEqual(t, entry["created_date"], entry["modified_date"])

		w.cluster("third", template)
		w.round()
		require.Len(t, w.list("/api/v2/pkeyledger"), 2, "the range is used up")
		w.must("DELETE", netrisPath("/api/v2/server-cluster", globex), nil)
		w.round()
		w.round()
		require.Equal(t, "third", w.list("/api/v2/pkeyledger?pkeyID=0x201")[0]["srvCluster"].(netrisObject)["name"])
	})
}

// A PUT of a server that forgets its customData takes it out of its partition.
func TestNetrisLedgerNeedsCustomData(t *testing.T) {
	netrisRun(t, NetrisOptions{}, func(w *netrisWorld) {
		w.cluster("train", w.template(), 101)
		w.round()
		server := netrisObject{"name": "gpu-001", "tenant": netrisID(1), "site": netrisID(22), "portCount": 11}
		kept := w.get("/api/v2/hw", 101)["customData"]
		w.must("PUT", "/api/v2/hw/server/101", server)
		w.round()
		require.Empty(t, w.list("/api/v2/pkeyledger")[0]["servers"])
		server["customData"] = kept
		w.must("PUT", "/api/v2/hw/server/101", server)
		w.round()
		require.Len(t, w.list("/api/v2/pkeyledger")[0]["serversGuids"], 8)
	})
}
