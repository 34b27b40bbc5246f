package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// ErrUnreachable marks answers that never came: the API server could not be reached, or broke off.
var ErrUnreachable = errors.New("unreachable")

// connect makes an HTTP client with a connection of its own, so that closing or breaking it touches
// no other cluster.
func (c *Cluster) connect(config *rest.Config) (*http.Client, error) {
	tls, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, fmt.Errorf("read its certificates: %w", err)
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	c.transport = &http.Transport{
		Proxy:               config.Proxy,
		DialContext:         dialer.DialContext,
		TLSClientConfig:     tls,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: c.options.Concurrency,
		IdleConnTimeout:     90 * time.Second,
		// A watch may be silent for minutes; pings tell a silent server from one that is gone.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
	wrapped, err := rest.HTTPWrappersForConfig(config, c.transport)
	if err != nil {
		return nil, fmt.Errorf("prepare its authentication: %w", err)
	}
	return &http.Client{Transport: &breaker{next: wrapped, now: c.options.Now}}, nil
}

// breaker answers at once with the last error after several requests in a row got no answer, for a
// growing, jittered while, so that one dead cluster costs its rounds no time-outs.
type breaker struct {
	next http.RoundTripper
	now  func() time.Time

	mu       sync.Mutex
	failures int
	last     error
	until    time.Time
}

const (
	breakAfter = 5
	breakFirst = time.Second
	breakMost  = 30 * time.Second
)

// RoundTrip sends the request unless the breaker is open. Every error it returns wraps
// ErrUnreachable, except the caller's own cancellation.
func (b *breaker) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := b.open(); err != nil {
		return nil, fmt.Errorf("%w: not tried again yet: %w", ErrUnreachable, err)
	}
	answer, err := b.next.RoundTrip(r)
	switch {
	case err == nil:
		b.record(nil)
		return answer, nil
	case errors.Is(err, context.Canceled):
		return nil, err
	}
	b.record(err)
	return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func (b *breaker) open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures >= breakAfter && b.now().Before(b.until) {
		return b.last
	}
	return nil
}

func (b *breaker) record(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.failures = 0
		return
	}
	b.failures++
	b.last = err
	if b.failures >= breakAfter {
		pause := min(breakFirst<<min(b.failures-breakAfter, 10), breakMost)
		b.until = b.now().Add(pause/2 + rand.N(pause))
	}
}
