// Package signin lets people sign in to the dashboard at an OpenID Connect provider: the authorization code flow
// with PKCE, state and nonce, and ID tokens that are verified against the keys that the provider publishes. What is
// kept of a reader stands in a sealed cookie. Begin with [New]. It knows no fleet and no system, and it talks to
// the provider alone.
package signin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/web"
)

// Options say which provider, who we are there, and whom to let in.
type Options struct {
	// Issuer is the provider's URL, exactly as it names itself.
	Issuer string
	// ClientID is our name at the provider; Secret reads what proves it, each time that somebody signs in.
	ClientID string
	Secret   func() (string, error)
	// Public is the URL under which browsers reach the dashboard: https, a host, and no path.
	Public string
	// Scopes are asked for beside "openid".
	Scopes []string
	// GroupsClaim holds the groups of whoever signs in: in the ID token, or else in what the provider tells about them.
	GroupsClaim string
	// Viewers are the groups whose members see everything. Whoever is of a group that administers a tenant sees
	// that tenant.
	Viewers []string
	// Metrics are addresses that may read the metrics without signing in.
	Metrics []netip.Prefix
	// Session is how long nobody is asked again.
	Session time.Duration
	Now     func() time.Time
}

// Access is a [web.Login].
type Access struct {
	Options
	seal     *seal
	provider provider
}

var _ web.Login = (*Access)(nil)

// New checks the options. It asks the provider nothing yet: an agent works also while nobody can sign in.
func New(o Options) (*Access, error) {
	issuer, err := url.Parse(o.Issuer)
	if err != nil || issuer.Host == "" || issuer.Scheme != "https" && !(issuer.Scheme == "http" && loopback(issuer.Hostname())) {
		return nil, fmt.Errorf("the provider %q that people sign in at is no https URL", o.Issuer)
	}
	public, err := url.Parse(o.Public)
	if err != nil || public.Host == "" || public.Scheme != "https" || strings.Trim(public.Path, "/") != "" || public.RawQuery != "" || public.User != nil {
		return nil, fmt.Errorf("%q, under which browsers reach the dashboard, is not https with a host and nothing behind it", o.Public)
	}
	switch {
	case o.ClientID == "":
		return nil, errors.New("the ID of this client at the provider is not given")
	case o.GroupsClaim == "":
		return nil, errors.New("the claim that holds groups is not given")
	case o.Session < time.Minute || o.Session > 30*24*time.Hour:
		return nil, fmt.Errorf("a session of %s is not between a minute and 30 days", o.Session)
	}
	o.Public = "https://" + public.Host
	return &Access{Options: o, seal: newSeal()}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// session is what is kept of whoever signed in.
type session struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Groups  []string  `json:"groups"`
	Expires time.Time `json:"expires"`
}

// The prefix has browsers take these cookies over TLS only, and from this very host.
const (
	sessionCookie = "__Host-millwright"
	visitCookie   = "__Host-millwright-visit"
)

func (a *Access) session(r *http.Request) (session, bool) {
	var s session
	if !a.seal.open(r, sessionCookie, &s) || !a.Now().Before(s.Expires) || a.seal.isEnded(s.ID) {
		return session{}, false
	}
	return s, true
}

// Reader is who signed in. What their groups may see is looked up anew each time, so that a group that is taken
// from a tenant in Git sees nothing from then on.
func (a *Access) Reader(r *http.Request, s *web.Store) (web.Reader, error) {
	who, ok := a.session(r)
	if !ok {
		return web.Reader{}, web.ErrSignIn
	}
	scope, ok := s.ScopeOf(who.Groups, a.Viewers)
	if !ok {
		return web.Reader{Name: who.Name}, web.ErrNoGroup
	}
	return web.Reader{Name: who.Name, Scope: scope}, nil
}

// Scraper lets in the addresses of Metrics, and readers who see everything.
func (a *Access) Scraper(r *http.Request, s *web.Store) error {
	reader, err := a.Reader(r, s)
	return web.MayScrape(a.Metrics, r, reader, err)
}

// Client is whoever signed in, or the peer's address.
func (a *Access) Client(r *http.Request) string {
	if who, ok := a.session(r); ok {
		return "user " + who.Name
	}
	return web.PeerOf(r)
}

// End forgets the reader: the browser drops its cookie, and a copy of it opens nothing any more.
func (a *Access) End(w http.ResponseWriter, r *http.Request) {
	if who, ok := a.session(r); ok {
		a.seal.end(who.ID, who.Expires, a.Now())
	}
	drop(w, sessionCookie)
}

// counting are those of the groups that let their members see something.
func (a *Access) counting(groups []string, s *web.Store) []string {
	return slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(groups))), func(g string) bool {
		_, ok := s.ScopeOf([]string{g}, a.Viewers)
		return !ok
	})
}

// patience is how long the provider may take.
const patience = 10 * time.Second

func (a *Access) bounded(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(withClient(r.Context()), patience)
}
