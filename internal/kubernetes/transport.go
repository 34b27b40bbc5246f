package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/client-go/rest"

	"millwright.dev/millwright/internal/target"
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
	return &http.Client{Transport: &breaker{next: wrapped, Breaker: target.Breaker{Clock: c.options.Now, Longest: breakMost}}}, nil
}

// breaker spares a cluster that does not answer: the rounds that it is in would wait for it each time.
type breaker struct {
	target.Breaker
	next http.RoundTripper
}

// breakMost is the longest that a cluster is left alone, so that one that comes back is soon seen.
const breakMost = 30 * time.Second

// RoundTrip sends the request unless the breaker is open. Every error it returns wraps
// ErrUnreachable, except the caller's own cancellation.
func (b *breaker) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := b.Open(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	answer, err := b.next.RoundTrip(r)
	if errors.Is(err, context.Canceled) {
		return nil, err
	}
	b.Note(err)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return answer, nil
}
