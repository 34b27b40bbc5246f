package simulate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// networkClient trusts the network's authority and goes through its proxy.
func networkClient(t *testing.T, n *Network) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(n.CA()))
	transport := &http.Transport{Proxy: http.ProxyURL(n.ProxyURL()), TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func newTestNetwork(t *testing.T) *Network {
	t.Helper()
	// Cleanups run last in, first out: the check comes after the client's and the network's.
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
	n, err := NewNetwork()
	require.NoError(t, err)
	t.Cleanup(n.Close)
	return n
}

func say(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

func fetch(ctx context.Context, c *http.Client, url string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// Each address has its own server and a certificate that names it, be it an IP address or a name.
func TestNetworkServesAddresses(t *testing.T) {
	n := newTestNetwork(t)
	require.NoError(t, n.Serve("10.10.0.11:443", say("bmc 11")))
	require.NoError(t, n.Serve("10.10.0.12:8443", say("bmc 12")))
	require.NoError(t, n.Serve("netris.dc1.example.com:443", say("netris")))
	c := networkClient(t, n)
	for url, want := range map[string]string{
		"https://10.10.0.11":             "bmc 11",
		"https://10.10.0.12:8443/":       "bmc 12",
		"https://netris.dc1.example.com": "netris",
		"https://Netris.DC1.example.com": "netris",
	} {
		got, err := fetch(t.Context(), c, url)
		require.NoError(t, err, url)
		require.Equal(t, want, got)
	}
}

// The proxy reaches nothing else: not an unknown host, not another port, not this machine.
func TestNetworkReachesNothingElse(t *testing.T) {
	n := newTestNetwork(t)
	require.NoError(t, n.Serve("10.10.0.11:443", say("bmc")))
	c := networkClient(t, n)
	for _, url := range []string{"https://10.10.0.99", "https://10.10.0.11:8443", "https://" + n.ProxyURL().Host} {
		_, err := fetch(t.Context(), c, url)
		require.ErrorContains(t, err, "Bad Gateway", url)
	}
	resp, err := c.Get("http://10.10.0.11/")
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
}

// A client that does not know the network's authority refuses its servers.
func TestNetworkCertificatesNeedItsAuthority(t *testing.T) {
	other, n := newTestNetwork(t), newTestNetwork(t)
	require.NoError(t, n.Serve("10.10.0.11:443", say("bmc")))
	c := networkClient(t, other)
	c.Transport.(*http.Transport).Proxy = http.ProxyURL(n.ProxyURL())
	_, err := fetch(t.Context(), c, "https://10.10.0.11")
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
}

// A blocked address answers nobody, breaks what is open, and works again once it is let through.
func TestNetworkBlock(t *testing.T) {
	n := newTestNetwork(t)
	require.NoError(t, n.Serve("10.10.0.11:443", say("bmc")))
	c := networkClient(t, n)
	_, err := fetch(t.Context(), c, "https://10.10.0.11")
	require.NoError(t, err)
	n.Block("10.10.0.11:443", true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = fetch(ctx, c, "https://10.10.0.11")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	n.Block("10.10.0.11:443", false)
	got, err := fetch(t.Context(), c, "https://10.10.0.11")
	require.NoError(t, err)
	require.Equal(t, "bmc", got)
}

// A restart breaks the request in flight, and the server is there again for the next.
func TestNetworkRestart(t *testing.T) {
	n := newTestNetwork(t)
	arrived := make(chan struct{})
	require.NoError(t, n.Serve("10.10.0.11:443", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			close(arrived)
			<-r.Context().Done()
		}
	})))
	c := networkClient(t, n)
	broken := make(chan error)
	go func() {
		_, err := fetch(t.Context(), c, "https://10.10.0.11/wait")
		broken <- err
	}()
	<-arrived
	n.Restart("10.10.0.11:443")
	require.Error(t, <-broken)
	_, err := fetch(t.Context(), c, "https://10.10.0.11/")
	require.NoError(t, err)
}

// What cannot be served is said at once.
func TestNetworkRefusesToServe(t *testing.T) {
	n := newTestNetwork(t)
	require.NoError(t, n.Serve("bmc.example.com:443", say("bmc")))
	require.ErrorContains(t, n.Serve("BMC.example.com:443", say("other")), "taken")
	require.Error(t, n.Serve("10.10.0.11", say("no port")))
	n.Close()
	require.ErrorContains(t, n.Serve("10.10.0.12:443", say("late")), "closed")
}

// Closing ends waiting clients too, and may come twice.
func TestNetworkClose(t *testing.T) {
	n := newTestNetwork(t)
	for i := range 20 {
		require.NoError(t, n.Serve(fmt.Sprintf("10.10.0.%d:443", i), say("bmc")))
	}
	n.Block("10.10.0.3:443", true)
	c := networkClient(t, n)
	_, err := fetch(t.Context(), c, "https://10.10.0.7")
	require.NoError(t, err)
	ended := make(chan error)
	go func() {
		_, err := fetch(t.Context(), c, "https://10.10.0.3")
		ended <- err
	}()
	n.Close()
	require.Error(t, <-ended)
	n.Close()
	_, err = fetch(t.Context(), c, "https://10.10.0.7")
	require.Error(t, err)
}
