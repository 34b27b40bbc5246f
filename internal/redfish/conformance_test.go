package redfish_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/redfish"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target/conformance"
)

// The time servers of BMCs of several makes pass the suite that every system passes, over TLS and
// through the management network's proxy.
func TestConformance(t *testing.T) {
	for name, opts := range map[string]simulate.BMCOptions{
		"Dell":   {},
		"HPE":    {Vendor: "HPE", Model: "ProLiant XD685", SystemID: "1", Sessions: 4},
		"Lenovo": {Vendor: "Lenovo", Model: "ThinkSystem SR675 V3", SystemID: "1", SessionTimeout: 5 * time.Minute, NTPServers: 2},
	} {
		t.Run(name, func(t *testing.T) {
			conformance.Run(t, func(t *testing.T) conformance.Suite { return suite(t, opts) })
		})
	}
}

func suite(t *testing.T, opts simulate.BMCOptions) conformance.Suite {
	w := newWorld(t, opts)
	network, err := simulate.NewNetwork()
	require.NoError(t, err)
	t.Cleanup(network.Close)
	const addr = "10.10.0.11:443"
	require.NoError(t, network.Serve(addr, w.bmc))
	system := systemPath
	if opts.SystemID != "" {
		system = "/redfish/v1/Systems/" + opts.SystemID
	}
	return conformance.Suite{
		Open: func(t *testing.T) conformance.System {
			transport := managed(t, network)
			b := redfish.New(gpu001, redfish.Options{Endpoint: endpoint, System: system, Credentials: w.credentials, Transport: transport})
			t.Cleanup(func() {
				network.Block(addr, false)
				_ = b.Close(context.WithoutCancel(t.Context()))
				transport.CloseIdleConnections()
			})
			return b
		},
		Objects:   []state.Object{object(ntpID, map[string]any{"NTP": map[string]any{"NTPServers": []any{"ntp1.example.com", "ntp2.example.com"}}})},
		Intrinsic: true,
		Update: func(o state.Object) state.Object {
			return object(o.ID, map[string]any{"NTP": map[string]any{"NTPServers": []any{"ntp1.example.com", "ntp3.example.com"}}})
		},
		Tamper: func(*testing.T, state.ID) {
			w.edit(func(m *simulate.Machine) { m.NTP = []string{"elsewhere.example.com"} })
		},
		Extend: func(*testing.T, state.ID) { w.edit(func(m *simulate.Machine) { m.NTPEnabled = true }) },
		Break: func(*testing.T) func() {
			w.site.Inject(simulate.Fault{Kind: simulate.FaultRefuse, Times: -1})
			return w.site.ClearFaults
		},
		Stall: func(*testing.T) func() {
			network.Block(addr, true)
			return func() { network.Block(addr, false) }
		},
		LoseAnswer: func(*testing.T) {
			w.site.Inject(simulate.Fault{Kind: simulate.FaultLostAnswer, Method: http.MethodPatch, Times: 1})
		},
		Writes: func() int { return len(w.writes()) },
	}
}

// managed is a transport through the network's proxy that trusts only the network's authority.
func managed(t *testing.T, network *simulate.Network) *http.Transport {
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(network.CA()))
	return &http.Transport{
		Proxy:              http.ProxyURL(network.ProxyURL()),
		TLSClientConfig:    &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DisableCompression: true,
	}
}

// A certificate that the management network's authority did not sign ends the talk before a password
// is sent.
func TestAnUnknownCertificateIsNotTrusted(t *testing.T) {
	w := newWorld(t, simulate.BMCOptions{})
	network, err := simulate.NewNetwork()
	require.NoError(t, err)
	t.Cleanup(network.Close)
	require.NoError(t, network.Serve("10.10.0.11:443", w.bmc))
	transport := managed(t, network)
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	defer transport.CloseIdleConnections()
	b := redfish.New(gpu001, redfish.Options{Endpoint: endpoint, System: systemPath, Credentials: w.credentials, Transport: transport})
	require.ErrorContains(t, b.Observe(t.Context(), ntpQuery).Err, "certificate")
	require.Empty(t, w.site.Log())
}
