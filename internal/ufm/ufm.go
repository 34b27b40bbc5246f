// Package ufm reads and writes the InfiniBand partitions of one NVIDIA UFM Enterprise over its REST API:
// partitions by their key, and each port in them. Begin with [New]. Desired trees have UFM's own field
// names; a partition is addressed by its key ("pkey/0x101"), a member by its port's GUID below that
// ("guid/b83fd20300aa0101"). UFM keeps no mark of ours: what is ours only our memory knows. The package
// knows no fleet, no machines, no plan's making and no policy.
//
// Nothing is ever written that could drop a member that a change does not name: ports are added by the
// request that adds and removed by name, never by the PUT that replaces them all. Comments say where a
// behaviour is documented and where it is our caution.
package ufm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Options say how a UFM is reached and as whom.
type Options struct {
	// URL is its address, "https://ufm.dc1.example.com"; a final "/ufmRest" is ignored.
	URL string
	// Credentials gives the user name and password, which every request carries. It is called for each
	// request, so that a changed password is picked up.
	Credentials func(ctx context.Context) (username, password string, err error)
	// Transport carries the requests; nil means http.DefaultTransport.
	Transport http.RoundTripper
	// Clock and Sleep own the time; nil means the real one. Sleep returns early with ctx's error.
	Clock func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	// RequestTimeout bounds one request; 0 means 30 s: a list has every port of the fabric in it.
	RequestTimeout time.Duration
}

// Manager is one UFM. It is safe for concurrent use; writes happen one after the other, so that what was
// looked at before a port joins a partition still holds when it does.
type Manager struct {
	target state.Target
	api    *client
	clock  func() time.Time
	writes chan struct{} // holds a token while someone writes
}

var (
	_ target.Reader = (*Manager)(nil)
	_ target.Writer = (*Manager)(nil)
	_ target.Closer = (*Manager)(nil)
)

// New makes a UFM's client. It sends nothing.
func New(t state.Target, o Options) (*Manager, error) {
	if t.System != state.UFM || t.Name == "" {
		return nil, fmt.Errorf("ufm: %q is no UFM's target", t)
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return nil, fmt.Errorf("%s: the URL must read as https://host[:port], without user and password", t)
	}
	if o.Credentials == nil {
		return nil, fmt.Errorf("%s: no credentials are given", t)
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = 30 * time.Second
	}
	base := strings.TrimSuffix(strings.TrimSuffix(u.Scheme+"://"+u.Host+u.Path, "/"), "/ufmRest")
	return &Manager{target: t, api: newClient(base+"/ufmRest", o), clock: o.Clock, writes: make(chan struct{}, 1)}, nil
}

// Target is the UFM's target, as "ufm/ufm-dc1".
func (m *Manager) Target() state.Target { return m.target }

// Close closes idle connections. There is no session: every request carries the credentials.
func (m *Manager) Close(context.Context) error {
	m.api.Client.Close()
	return nil
}

// What a failed request wraps, unless it was refused (an [*Error]) or the caller's context ended.
var (
	// ErrUnreachable: no answer, or none that could be read. A write may have taken effect.
	ErrUnreachable = errors.New("ufm: no usable answer")
	// ErrUnauthorised: the credentials were refused. They are not tried again until they change.
	ErrUnauthorised = errors.New("ufm: the credentials were refused")
)
