// Package rest sends requests to one JSON API within bounds: a few at a time, each with a deadline and an
// answer of bounded size, none while the API does not answer, and none to where a redirect leads. What an
// answer means, and who asks, is the business of the system that uses it. Begin with [New].
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"millwright.dev/millwright/internal/target"
)

// Attempts is how often anything is tried that may safely be repeated.
const Attempts = 3

const firstPause = 200 * time.Millisecond

// Options say how an API is reached.
type Options struct {
	// Base is what every path is appended to.
	Base string
	// Transport carries the requests; nil means http.DefaultTransport.
	Transport http.RoundTripper
	// Jar keeps cookies; nil keeps none.
	Jar http.CookieJar
	// Requests is how many are under way at a time, MaxAnswer how many bytes an answer may have.
	Requests, MaxAnswer int
	// Timeout bounds one request.
	Timeout time.Duration
	// Clock and Sleep own the time; nil means the real one. Sleep returns early with ctx's error.
	Clock func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	// Unreachable is wrapped by the error of a request that got no usable answer.
	Unreachable error
	// Setting is what people call Base, for the hint about a redirect: "the UFM's URL".
	Setting string
}

// Client sends requests; it is safe for concurrent use.
type Client struct {
	options Options
	http    *http.Client
	slots   chan struct{}
	breaker target.Breaker
}

// New is a client. It sends nothing.
func New(o Options) *Client {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return &Client{
		options: o,
		http: &http.Client{
			Transport: o.Transport,
			Jar:       o.Jar,
			// net/http would repeat a POST as a GET, and send cookies and passwords wherever it is told to.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		slots:   make(chan struct{}, o.Requests),
		breaker: target.Breaker{Clock: o.Clock, Longest: time.Minute},
	}
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Begin waits until a request may be sent; end lets the next one. While the API does not answer it is an
// error that wraps Unreachable and [target.ErrTripped].
func (c *Client) Begin(ctx context.Context) (end func(), err error) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	end = func() { <-c.slots }
	if err := c.breaker.Open(); err != nil {
		end()
		return nil, fmt.Errorf("%w: %w", c.options.Unreachable, err)
	}
	return end, nil
}

// Exchange sends one request, for which Begin made room, after it was prepared, and returns what came
// back, whatever its status. Its error is that of ctx, or wraps Unreachable: a write may have taken
// effect then.
func (c *Client) Exchange(ctx context.Context, method, path string, body any, prepare func(*http.Request)) (status int, text []byte, err error) {
	status, text, err = c.send(ctx, method, path, body, prepare)
	if err != nil && ctx.Err() != nil {
		return 0, nil, ctx.Err() // the caller's doing: says nothing of the API
	}
	c.breaker.Note(err)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", c.options.Unreachable, err)
	}
	return status, text, nil
}

func (c *Client) send(ctx context.Context, method, path string, body any, prepare func(*http.Request)) (status int, text []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	var sent io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		sent = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.options.Base+path, sent)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if prepare != nil {
		prepare(request)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(io.LimitReader(response.Body, int64(c.options.MaxAnswer)+1))
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("the answer broke off: %w", err)
	case len(text) > c.options.MaxAnswer:
		return 0, nil, fmt.Errorf("the answer is longer than %d bytes", c.options.MaxAnswer)
	}
	if location := response.Header.Get("Location"); response.StatusCode/100 == 3 && location != "" {
		return 0, nil, fmt.Errorf("redirected to %s: write that address as %s", location, c.options.Setting)
	}
	return response.StatusCode, text, nil
}

// Retry does something again, a little later each time, while its failure is one that may pass.
func (c *Client) Retry(ctx context.Context, passing func(error) bool, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		if err == nil || attempt == Attempts || !passing(err) {
			return err
		}
		if err := c.Pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// Pause waits before another attempt: longer each time, and jittered, so that many agents do not come
// back at once.
func (c *Client) Pause(ctx context.Context, attempt int) error {
	d := firstPause << (attempt - 1)
	return c.options.Sleep(ctx, d/2+rand.N(d))
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
