// Package kubernetes reads and writes one cluster: desired objects become server-side applies by the
// field manager "millwright", and what the API server holds becomes live objects. Call [New] with a
// cluster's configuration; [TenantConfig] finds that of a tenant cluster, [SecretReader] resolves
// secrets, and [AcquireLease] keeps two agents from writing at once. It knows neither fleets nor
// policy, and decides nothing but this: it never overwrites what it was not told to.
package kubernetes

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

var (
	_ target.Reader    = (*Cluster)(nil)
	_ target.Writer    = (*Cluster)(nil)
	_ target.Previewer = (*Cluster)(nil)
	_ target.Watcher   = (*Cluster)(nil)
	_ target.Closer    = (*Cluster)(nil)
)

// Options says how to treat a cluster. Fleet is required.
type Options struct {
	// Fleet is the fleet's name, which our mark carries.
	Fleet string
	// Secrets resolves the secrets that desired objects refer to; nil refuses them.
	Secrets func(context.Context, state.SecretRef) (string, error)
	// Controllers are field managers that are never overridden, not even where a change says Force.
	Controllers []string
	// Concurrency bounds the requests that are open at once; 16 if zero.
	Concurrency int
	// Timeout bounds each request but watches; 30 s if zero.
	Timeout time.Duration
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Cluster is one API server. All methods are safe for concurrent use.
type Cluster struct {
	target    state.Target
	options   Options
	client    dynamic.Interface
	catalog   *catalog
	transport *http.Transport
}

// New is a client of the cluster that config leads to; nothing is sent yet. The connection is its
// own: client-side rate limits are off, since the server has its own fairness. config.WrapTransport
// and config.Proxy are honoured.
func New(t state.Target, config *rest.Config, options Options) (*Cluster, error) {
	if t.System != state.Kubernetes {
		return nil, fmt.Errorf("%s is no cluster", t)
	}
	if options.Fleet == "" {
		return nil, fmt.Errorf("cluster %s: the fleet has no name to mark objects with", t)
	}
	options.Concurrency = cmp.Or(options.Concurrency, 16)
	options.Timeout = cmp.Or(options.Timeout, 30*time.Second)
	if options.Now == nil {
		options.Now = time.Now
	}
	c := &Cluster{target: t, options: options}

	config = rest.CopyConfig(config)
	config.QPS, config.RateLimiter = -1, nil
	config.UserAgent = "millwright"
	client, err := c.connect(config)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", t, err)
	}
	if c.client, err = dynamic.NewForConfigAndClient(config, client); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", t, err)
	}
	served, err := discovery.NewDiscoveryClientForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", t, err)
	}
	c.catalog = &catalog{client: served, now: options.Now}
	return c, nil
}

// Target is the cluster's address.
func (c *Cluster) Target() state.Target { return c.target }

// Close gives up idle connections. The Cluster stays usable.
func (c *Cluster) Close(context.Context) error {
	c.transport.CloseIdleConnections()
	return nil
}

// request bounds one request.
func (c *Cluster) request(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.options.Timeout)
}
