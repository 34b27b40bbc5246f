package simulate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Network is a management network as a site has one behind a jump host: HTTPS servers at addresses
// that exist nowhere else (10.10.0.11:443, netris.dc1.example.com:443), reached through an HTTP CONNECT
// proxy on a loopback port. No server has a socket of its own: the proxy hands it the very connection
// that the client opened.
type Network struct {
	ca      *x509.Certificate
	key     *ecdsa.PrivateKey
	proxy   *http.Server
	url     *url.URL
	serving sync.WaitGroup

	mu     sync.Mutex
	hosts  map[string]*networkHost
	closed bool
}

// networkHost is one server of the network.
type networkHost struct {
	handler http.Handler
	tls     *tls.Config
	blocked bool
	door    *networkDoor
	server  *http.Server
}

// NewNetwork starts a network with no server in it, its own certificate authority and its proxy. The
// caller closes it.
func NewNetwork() (*Network, error) {
	n := &Network{hosts: map[string]*networkHost{}}
	var err error
	if n.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("simulated network: make the authority's key: %w", err)
	}
	template := newCertificate("simulated management network")
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &n.key.PublicKey, n.key)
	if err != nil {
		return nil, fmt.Errorf("simulated network: sign the authority's certificate: %w", err)
	}
	if n.ca, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("simulated network: read the authority's certificate: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("simulated network: listen for the proxy's clients: %w", err)
	}
	n.url = &url.URL{Scheme: "http", Host: listener.Addr().String()}
	n.proxy = newNetworkServer(http.HandlerFunc(n.connect))
	n.serving.Go(func() { _ = n.proxy.Serve(listener) })
	return n, nil
}

// CA is the PEM of the certificate that signs every server's.
func (n *Network) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: n.ca.Raw})
}

// ProxyURL is where the CONNECT proxy listens.
func (n *Network) ProxyURL() *url.URL {
	u := *n.url
	return &u
}

// Serve adds an HTTPS server (HTTP/1.1, as BMCs speak it) at host:port, where host is an IP address or
// a DNS name; its certificate names that host.
func (n *Network) Serve(addr string, h http.Handler) error {
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("simulated network: serve %q: %w", addr, err)
	}
	certificate, err := n.issue(name)
	if err != nil {
		return fmt.Errorf("simulated network: serve %q: %w", addr, err)
	}
	added := &networkHost{handler: h, tls: &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
	}}
	n.mu.Lock()
	defer n.mu.Unlock()
	addr = strings.ToLower(addr)
	switch {
	case n.closed:
		return fmt.Errorf("simulated network: serve %q: the network is closed", addr)
	case n.hosts[addr] != nil:
		return fmt.Errorf("simulated network: serve %q: the address is taken", addr)
	}
	n.hosts[addr] = added
	n.start(added)
	return nil
}

// Block makes an address swallow everything, as behind a firewall that drops packets: new connections
// wait until the client gives up, open ones break. Block(addr, false) ends that.
func (n *Network) Block(addr string, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.hosts[strings.ToLower(addr)]; h != nil && !n.closed {
		h.blocked = on
		n.restart(h)
	}
}

// Restart breaks all open connections to an address, as when its server restarts.
func (n *Network) Restart(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.hosts[strings.ToLower(addr)]; h != nil && !n.closed {
		n.restart(h)
	}
}

// Close ends every server and connection, then the proxy.
func (n *Network) Close() {
	n.mu.Lock()
	n.closed = true
	for _, h := range n.hosts {
		_ = h.server.Close()
	}
	n.mu.Unlock()
	_ = n.proxy.Close()
	n.serving.Wait()
}

func (n *Network) start(h *networkHost) {
	d := &networkDoor{conns: make(chan net.Conn), shut: make(chan struct{})}
	s := newNetworkServer(h.handler)
	h.door, h.server = d, s
	listener := tls.NewListener(d, h.tls)
	n.serving.Go(func() { _ = s.Serve(listener) })
}

func (n *Network) restart(h *networkHost) {
	_ = h.server.Close()
	// Close misses a door that Serve has not reached yet.
	_ = h.door.Close()
	n.start(h)
}

// connect is the proxy: it knows CONNECT to the network's addresses, and nothing else.
func (n *Network) connect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "this proxy knows CONNECT only", http.StatusMethodNotAllowed)
		return
	}
	n.mu.Lock()
	h := n.hosts[strings.ToLower(r.Host)]
	var to *networkDoor
	if h != nil && !h.blocked {
		to = h.door
	}
	n.mu.Unlock()
	if h == nil {
		http.Error(w, "no host has this address", http.StatusBadGateway)
		return
	}
	if to == nil {
		<-r.Context().Done()
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "the connection cannot be handed on", http.StatusInternalServerError)
		return
	}
	// A client that speaks before it is let through is no TLS client that we know.
	if _, err = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil || buffered.Reader.Buffered() > 0 {
		_ = conn.Close()
		return
	}
	to.enter(conn)
}

// issue makes a certificate for an IP address or a DNS name.
func (n *Network) issue(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := newCertificate(name)
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, template, n.ca, &key.PublicKey, n.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func newCertificate(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(1, 0, 0),
	}
}

func newNetworkServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
}

// networkDoor is the listener of one server: connections come in from the proxy.
type networkDoor struct {
	conns chan net.Conn
	shut  chan struct{}
	once  sync.Once
}

var errNetworkShut = errors.New("the server is gone")

// enter passes a connection to the server, or closes it when the server is gone.
func (d *networkDoor) enter(c net.Conn) {
	select {
	case d.conns <- c:
	case <-d.shut:
		_ = c.Close()
	}
}

func (d *networkDoor) Accept() (net.Conn, error) {
	select {
	case c := <-d.conns:
		return c, nil
	case <-d.shut:
		return nil, errNetworkShut
	}
}

func (d *networkDoor) Close() error {
	d.once.Do(func() { close(d.shut) })
	return nil
}

func (d *networkDoor) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
