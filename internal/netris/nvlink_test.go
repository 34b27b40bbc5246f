package netris_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/netris"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/target/conformance"
)

var nvlTemplate = object(id("servercluster-template", "nvl-v1"), map[string]any{"name": "nvl-v1", "vnets": []any{
	map[string]any{"postfix": "nvl", "type": "netris-nvlink", "partition": "auto"}}})

// ledger is a client that is shown other NVLink partitions than there are, as when the agent lags.
func (w *world) ledger(shown func(now any) any) *netris.Controller {
	return w.client(through(func(next http.RoundTripper) http.RoundTripper {
		return &spoiler{t: w.t, next: next, answers: map[string]func(any) any{"/api/v2/nvlinkledger": shown}}
	}))
}

// A member of an NVLink partition is ready when the ledger has it, and has not left while it does.
func TestNVLinkPartitionsAreObserved(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	joined := with(other, map[string]any{"srvClusterTemplate": ref("nvl-v1")})
	mustMake(t, c, append(everything[:2:2], nvlTemplate, joined, plainTemplate)...)
	mine := member("globex-train", "gpu-001")
	r := must(t, w.ledger(func(any) any { return []any{} }), creation(mine))
	require.Equal(t, state.Progressing, r.Live.Health.State)
	require.Contains(t, r.Live.Health.Message, "NVLink")
	live := present(t, c, mine.ID)
	require.Equal(t, state.Healthy, live.Health.State)
	require.Equal(t, "nmxc-1/23", live.Facts[netris.FactNVLink])

	// The ledger still has who has left: nobody else gets the machine until it does not.
	before := w.do(http.MethodGet, "/api/v2/nvlinkledger", nil)
	late := w.ledger(func(any) any { return before })
	require.True(t, must(t, late, deletion(live)).Live.Deleting)
	mustMake(t, c, named(with(joined, map[string]any{"srvClusterTemplate": ref("plain-v1")}), "acme-serve"))
	claim := member("acme-serve", "gpu-001")
	refused := apply(t, late, creation(claim))[claim.ID]
	require.ErrorIs(t, refused.Err, target.ErrHeld)
	require.ErrorContains(t, refused.Err, "globex-train")

	// So it does when the whole cluster is gone.
	must(t, c, deletion(present(t, c, joined.ID)))
	refused = apply(t, late, creation(claim))[claim.ID]
	require.ErrorContains(t, refused.Err, "globex-train")
	must(t, c, creation(claim))
}

// A controller from before there was NVLink has no such ledger, and is read all the same.
func TestAControllerWithoutNVLink(t *testing.T) {
	w := newWorld(t)
	c := w.client(through(func(next http.RoundTripper) http.RoundTripper {
		return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/api/v2/nvlinkledger" {
				return answer(r, http.StatusNotFound, nil), nil
			}
			return next.RoundTrip(r)
		})
	}))
	mustMake(t, c, append(everything, member("acme-train", "gpu-001"))...)
	require.Equal(t, state.Healthy, present(t, c, memberID("acme-train", "gpu-001")).Health.State)
}

// Where the ledger cannot be read, nobody can tell who is in which partition.
func TestAnUnreadableNVLinkLedgerLeavesMembersUnknown(t *testing.T) {
	w := newWorld(t)
	mustMake(t, w.client(), append(everything, member("acme-train", "gpu-001"))...)
	c := w.client(through(func(next http.RoundTripper) http.RoundTripper {
		return conformance.RoundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/api/v2/nvlinkledger" {
				return answer(r, http.StatusForbidden, nil), nil
			}
			return next.RoundTrip(r)
		})
	}))
	live := c.Observe(t.Context(), target.Query{Want: everything})
	require.Error(t, live.Unknown[memberID("acme-train", "gpu-001")])
	claim := member("acme-train", "gpu-002")
	require.Error(t, apply(t, c, creation(claim))[claim.ID].Err)
}
