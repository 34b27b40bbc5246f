// Package redfish is one BMC as a target: power observed, BIOS attributes staged and put in force by
// a reset, time servers set. Begin with [New]. Redfish has no marks: what is ours stands in our
// inventory alone, and the resources themselves are there by nature. It knows no fleet and no policy:
// whether a machine may be reset is decided before a change reaches it.
package redfish

import (
	"context"
	"net/http"
	"strings"
	"time"

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
	// Transport carries all requests. It must not follow the environment's proxies unasked, nor ask for
	// compressed answers: some BMCs give those other ETags.
	Transport http.RoundTripper
	// Timeout bounds one request; 60 s if zero. BMCs are slow, but not that slow.
	Timeout time.Duration
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// BMC is one machine's management controller. It keeps one session until it is closed and may be used
// from several goroutines.
type BMC struct {
	target  state.Target
	opts    Options
	http    *http.Client
	session session
	silence silence
}

// New makes a BMC of a target. Nothing is sent yet.
func New(t state.Target, opts Options) *BMC {
	opts.Endpoint = strings.TrimSuffix(opts.Endpoint, "/")
	if opts.Timeout == 0 {
		opts.Timeout = time.Minute
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &BMC{
		target: t, opts: opts,
		http: &http.Client{
			Transport:     wire{endpoint: opts.Endpoint, next: opts.Transport},
			CheckRedirect: redirect,
			Timeout:       opts.Timeout,
		},
		session: session{lock: make(chan struct{}, 1)},
	}
}

// Target is the BMC's address.
func (b *BMC) Target() state.Target { return b.target }
