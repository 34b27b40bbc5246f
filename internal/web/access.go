package web

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Reader is somebody who reads, and what they may see.
type Reader struct {
	Name  string
	Scope Scope
}

// Access says who asks. Its errors are shown to whoever is refused.
type Access interface {
	// Reader is who asks for a page, or why they may not.
	Reader(r *http.Request, s *Store) (Reader, error)
	// Scraper says why a request for metrics, which tell of the whole fleet, is refused; nil if it is not.
	Scraper(r *http.Request, s *Store) error
	// Client names whoever makes a request, to count how many they make.
	Client(r *http.Request) string
}

// Loopback lets whoever is on this machine see everything, and nobody else anything.
type Loopback struct{}

// Reader is whoever is on this machine. A name of another host in the request means that a page from
// elsewhere leads somebody's browser here, so it is refused.
func (Loopback) Reader(r *http.Request, _ *Store) (Reader, error) {
	if !peer(r).IsLoopback() {
		return Reader{}, errors.New("the dashboard has no login here, and is for this machine only")
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return Reader{}, errors.New("the dashboard answers here only under a loopback address or localhost")
	}
	return Reader{Name: "local", Scope: Scope{All: true}}, nil
}

// Scraper refuses whom Reader refuses.
func (l Loopback) Scraper(r *http.Request, s *Store) error {
	_, err := l.Reader(r, s)
	return err
}

// Client is the peer's address.
func (Loopback) Client(r *http.Request) string { return peer(r).String() }

// Proxy believes what a proxy says of who asks, if it comes from an address that is listed. The proxy must
// remove both headers from what people send it.
type Proxy struct {
	Trusted []netip.Prefix
	// User and Groups are the headers; groups are separated by commas.
	User, Groups string
	// Viewers are the groups whose members see everything. Whoever is of a group that administers a tenant
	// sees that tenant.
	Viewers []string
	// Metrics are addresses that may read the metrics without a proxy.
	Metrics []netip.Prefix
}

// Reader is who the proxy says it is.
func (p Proxy) Reader(r *http.Request, s *Store) (Reader, error) {
	if !within(p.Trusted, peer(r)) {
		return Reader{}, errors.New("the dashboard is reached through its proxy only")
	}
	users := r.Header.Values(p.User)
	if len(users) != 1 || users[0] == "" {
		return Reader{}, errors.New("the proxy does not say who you are")
	}
	scope, ok := s.ScopeOf(p.groups(r), p.Viewers)
	if !ok {
		return Reader{}, ErrNoGroup
	}
	return Reader{Name: users[0], Scope: scope}, nil
}

// ErrNoGroup is why somebody sees nothing who is known.
var ErrNoGroup = errors.New("you are in no group that may see this fleet or a tenant of it")

// ScopeOf is what members of these groups may see: everything, if one of them is among the viewers; else the
// tenants that one of them administers. It is false if that is nothing.
func (s *Store) ScopeOf(groups, viewers []string) (Scope, bool) {
	if slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(viewers, g) }) {
		return Scope{All: true}, true
	}
	tenants := s.tenants(groups)
	return Scope{Tenants: tenants}, len(tenants) > 0
}

func (p Proxy) groups(r *http.Request) []string {
	var groups []string
	for _, line := range r.Header.Values(p.Groups) {
		for g := range strings.SplitSeq(line, ",") {
			if g = strings.TrimSpace(g); g != "" {
				groups = append(groups, g)
			}
		}
	}
	return groups
}

// Scraper lets in the addresses of Metrics, and readers who see everything. Whom the proxy names is a reader, also
// where the proxy lies among those addresses.
func (p Proxy) Scraper(r *http.Request, s *Store) error {
	reader, err := p.Reader(r, s)
	from := p.Metrics
	if within(p.Trusted, peer(r)) && r.Header.Get(p.User) != "" {
		from = nil
	}
	return MayScrape(from, r, reader, err)
}

// MayScrape says why metrics are refused to a reader, who is known unless err says otherwise; addresses that are
// listed may have them, but not hand them on: a request that was forwarded is somebody else's.
func MayScrape(from []netip.Prefix, r *http.Request, reader Reader, err error) error {
	forwarded := r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != ""
	switch {
	case within(from, peer(r)) && !forwarded:
		return nil
	case err == nil && !reader.Scope.All:
		return errors.New("the metrics tell of the whole fleet, and you may see a part of it")
	}
	return err
}

// Client is the user that the proxy names, or the peer's address.
func (p Proxy) Client(r *http.Request) string {
	if user := r.Header.Get(p.User); user != "" && within(p.Trusted, peer(r)) {
		return "user " + user
	}
	return PeerOf(r)
}

// PeerOf names the address at the other end of the connection.
func PeerOf(r *http.Request) string { return peer(r).String() }

// peer is the address at the other end of the connection; no header changes it.
func peer(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

func within(prefixes []netip.Prefix, ip netip.Addr) bool {
	return ip.IsValid() && slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(ip) })
}
