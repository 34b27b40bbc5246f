package render_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/netris"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/render"
)

// All that is rendered for a network controller is accepted by one that is strict, reads back as it was
// wanted, and needs no second request.
func TestNetrisAcceptsWhatIsRendered(t *testing.T) {
	site := simulate.NewSite(1000)
	site.SetRule(simulate.NetrisAsync, false)
	site.SetRule(simulate.NetrisLedgerLags, false)
	options := simulate.NetrisOptions{
		Username: "millwright", Password: "secret", SiteName: "DC 1", UFM: "ufm-dc1", Profiles: []string{"ew-roce"},
		Ports: []string{"swp1@leaf1", "swp5@leaf1", "swp6@leaf1", "swp7@leaf1"},
	}
	f := networked()
	for name := range f.Machines {
		options.Servers = append(options.Servers, name)
		site.AddMachine(name)
	}
	server := httptest.NewServer(simulate.NewNetris(site, options))
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	dc1 := state.Target{System: state.Netris, Name: "dc1"}
	controller, err := netris.New(dc1, netris.Options{
		URL: server.URL, Fleet: "example", Transport: transport,
		Credentials: func(context.Context) (string, string, error) { return "millwright", "secret", nil },
	})
	require.NoError(t, err)

	var wanted []state.Object
	var changes []plan.Change
	for o := range mustRender(t, f, render.Inputs{}).All() {
		if o.ID.Target != dc1 {
			continue
		}
		wanted = append(wanted, o)
		if o.Mode == state.Own {
			changes = append(changes, plan.Change{ID: o.ID, Entity: o.Entity, Action: plan.Create, Want: &o})
		}
	}
	apply := func() {
		for r := range controller.Apply(t.Context(), changes) {
			require.NoError(t, r.Err, "%s", r.ID)
		}
	}
	apply()
	live := controller.Observe(t.Context(), target.Query{Want: wanted})
	require.NoError(t, live.Err)
	require.Empty(t, live.Unknown)
	seen := map[string]bool{}
	for _, o := range wanted {
		there, ok := live.Objects[o.ID]
		require.True(t, ok, "%s", o.ID)
		require.Empty(t, plan.Compare(o.Tree, there.Value, kinds.Of(o.ID)), "%s", o.ID)
		require.Equal(t, state.Healthy, there.Health.State, "%s: %s", o.ID, there.Health.Message)
		seen[o.ID.Kind] = true
	}
	require.Len(t, seen, 14, "of every kind one")
	before := len(site.Log())
	apply()
	for _, e := range site.Log()[before:] {
		require.Equal(t, http.MethodGet, e.Verb, "%s", e.Path)
	}
}
