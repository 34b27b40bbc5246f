// Package netris reads and writes one Netris controller over its REST API: tenants, VPCs and their
// peerings, address space, V-Nets, NAT, load balancers, ACLs, server-cluster templates, server clusters
// and their members. Begin with [New]. Desired trees
// have the controller's own field names and name other objects by name ({name: "acme"}); the package
// resolves names to the ids that the controller wants. It knows no fleet, no plan's making and no policy.
//
// What the API does is documented nowhere in one place; comments say where a behaviour is the vendor's
// word (its Go client, Terraform provider, OpenAPI files or documentation) and where it is our caution.
package netris

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Options say how a controller is reached and as whom.
type Options struct {
	// URL is the controller's address, "https://netris.dc1.example.com"; a final "/api" is ignored.
	URL string
	// Credentials gives the user name and password for a login. It is called at every login, so that a
	// changed password is picked up.
	Credentials func(ctx context.Context) (username, password string, err error)
	// Fleet is the name that our marks bear: letters, digits and _ = - . as in all of Netris's tags.
	Fleet string
	// Transport carries the requests; nil means http.DefaultTransport.
	Transport http.RoundTripper
	// Clock and Sleep own the time; nil means the real one. Sleep returns early with ctx's error.
	Clock func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	// RequestTimeout bounds one request; 0 means 60 s, which the vendor's Terraform provider uses too,
	// since large writes are slow.
	RequestTimeout time.Duration
}

// Controller is one Netris controller. It is safe for concurrent use; writes to server clusters happen
// one after the other, so that what was looked at before a machine joins still holds when it does.
type Controller struct {
	target   state.Target
	fleet    string
	api      *client
	clock    func() time.Time
	clusters chan struct{} // holds a token while someone writes to server clusters
}

var (
	_ target.Reader = (*Controller)(nil)
	_ target.Writer = (*Controller)(nil)
	_ target.Closer = (*Controller)(nil)
)

var tagText = regexp.MustCompile(`^[A-Za-z0-9_=.-]+$`)

// New makes a controller's client. It sends nothing: the login comes with the first request.
func New(t state.Target, o Options) (*Controller, error) {
	if t.System != state.Netris || t.Name == "" {
		return nil, fmt.Errorf("netris: %q is no Netris controller's target", t)
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return nil, fmt.Errorf("%s: the URL must read as https://host[:port], without user and password", t)
	}
	if o.Credentials == nil {
		return nil, fmt.Errorf("%s: no credentials are given", t)
	}
	if !tagText.MatchString(o.Fleet) {
		return nil, fmt.Errorf("%s: fleet name %q cannot be written as a tag: want letters, digits and _ = - . only", t, o.Fleet)
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = time.Minute
	}
	base := strings.TrimSuffix(strings.TrimSuffix(u.Scheme+"://"+u.Host+u.Path, "/"), "/api")
	return &Controller{
		target: t, fleet: o.Fleet, clock: o.Clock,
		api:      newClient(base, o),
		clusters: make(chan struct{}, 1),
	}, nil
}

// Target is the controller's target, as "netris/dc1".
func (c *Controller) Target() state.Target { return c.target }

// Close forgets the session and closes idle connections. The API documents no logout: the controller
// lets the session expire.
func (c *Controller) Close(context.Context) error {
	c.api.Client.Close()
	return nil
}

// What a failed request wraps, unless it was refused (an [*Error]) or the caller's context ended.
var (
	// ErrUnreachable: no answer, or none that could be read. A write may have taken effect.
	ErrUnreachable = errors.New("netris: no usable answer")
	// ErrUnauthorised: the credentials were refused. They are not tried again until they change.
	ErrUnauthorised = errors.New("netris: the credentials were refused")
)
