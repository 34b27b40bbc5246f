// Package redfish is one BMC as a target: power observed, BIOS attributes staged and put in force by
// a reset, time servers set. Begin with [New]. Redfish has no marks: what is ours stands in our
// inventory alone, and the resources themselves are there by nature. It knows no fleet and no policy:
// whether a machine may be reset is decided before a change reaches it.
package redfish

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/stmcginnis/gofish"

	"millwright.dev/millwright/internal/state"
)

// The kinds of objects that a BMC has.
const (
	KindPower = "power" // {PowerState}: observed
	KindBIOS  = "bios"  // {Attributes: {…}}: staged, then reset
	KindNTP   = "ntp"   // {NTP: {ProtocolEnabled, NTPServers}}
)

// Options say how a BMC is reached.
type Options struct {
	// Endpoint is the URL without a path ("https://10.10.0.11"), System the path of the one Redfish
	// System that is the machine ("/redfish/v1/Systems/1"): a BMC may have several.
	Endpoint, System string
	// Credentials are read anew for each login. After the BMC has refused them they are not tried
	// again until they change, so that no account is locked out.
	Credentials func(context.Context) (user, password string, err error)
	// Transport carries all requests. It must not follow the environment's proxies unasked.
	Transport http.RoundTripper
	// Timeout bounds one request; 60 s if zero. BMCs are slow, but not that slow.
	Timeout time.Duration
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// BMC is one machine's management controller. It keeps one session for as long as it is open and may
// be used from several goroutines.
type BMC struct {
	target state.Target
	opts   Options
	http   *http.Client

	mu      sync.Mutex // held while logging in, so that only one session is ever made
	client  *gofish.APIClient
	refused string // digest of the credentials that were refused
	silence silence
}

// requestsAtOnce is what BMCs bear; NVIDIA's controllers allow themselves four, too.
const requestsAtOnce = 4

// New makes a BMC of a target. Nothing is sent yet.
func New(t state.Target, opts Options) *BMC {
	if opts.Timeout == 0 {
		opts.Timeout = time.Minute
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &BMC{target: t, opts: opts, http: &http.Client{Transport: opts.Transport, Timeout: opts.Timeout}}
}

// Target is the BMC's address.
func (b *BMC) Target() state.Target { return b.target }

// Close gives the session back: a BMC has few, and a forgotten one lasts half an hour.
func (b *BMC) Close(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client != nil {
		b.client.WithContext(ctx).Logout()
		b.client = nil
	}
	b.http.CloseIdleConnections()
	return nil
}
