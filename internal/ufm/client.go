package ufm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"millwright.dev/millwright/internal/target"
)

const (
	maxRequests = 2         // at once: UFM runs on one host beside the subnet manager, which comes first
	maxAnswer   = 256 << 20 // bytes of one answer
	maxMessage  = 300       // bytes of a refusal that are passed on
	attempts    = 3         // of anything that may safely be repeated
	firstPause  = 200 * time.Millisecond
)

// client sends requests to one UFM.
type client struct {
	base    string
	http    *http.Client
	options Options
	slots   chan struct{}
	breaker target.Breaker

	mu      sync.Mutex
	refused [sha256.Size]byte // of the credentials that were refused last
}

func newClient(base string, o Options) *client {
	return &client{
		base: base, options: o,
		http: &http.Client{
			Transport: o.Transport,
			// net/http would repeat a POST as a GET, and send the password wherever it is told to.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		slots:   make(chan struct{}, maxRequests),
		breaker: target.Breaker{Clock: o.Clock},
	}
}

// Error is a refusal by UFM.
type Error struct {
	Method, Path string
	Status       int
	Message      string // UFM's own words; their form is not documented
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s %s: UFM answered %d", e.Method, e.Path, e.Status)
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Is makes a 401 an ErrUnauthorised.
func (e *Error) Is(err error) bool {
	return err == ErrUnauthorised && e.Status == http.StatusUnauthorized
}

func hasStatus(err error, status int) bool {
	refusal, ok := errors.AsType[*Error](err)
	return ok && refusal.Status == status
}

// transient: another try may fare better.
func transient(err error) bool {
	if errors.Is(err, target.ErrTripped) {
		return false
	}
	refusal, ok := errors.AsType[*Error](err)
	return ok && refusal.Status >= 500 || errors.Is(err, ErrUnreachable)
}

// get reads into a value, and tries again a little later what may have been a passing failure.
func (c *client) get(ctx context.Context, path string, into any) error {
	for attempt := 1; ; attempt++ {
		err := c.do(ctx, http.MethodGet, path, nil, into)
		if err == nil || attempt == attempts || !transient(err) {
			return err
		}
		if err := c.pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// pause waits before another attempt: longer each time, and jittered, so that many agents do not come
// back at once.
func (c *client) pause(ctx context.Context, attempt int) error {
	d := firstPause << (attempt - 1)
	return c.options.Sleep(ctx, d/2+rand.N(d))
}

// do makes one request, at most maxRequests at a time, and none while the breaker is open. The answer's
// JSON goes into a value, if there is one.
func (c *client) do(ctx context.Context, method, path string, body, into any) error {
	fail := func(err error) error { return fmt.Errorf("%s %s: %w", method, path, err) }
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return fail(ctx.Err())
	}
	if err := c.breaker.Open(); err != nil {
		return fail(fmt.Errorf("%w: %w", ErrUnreachable, err))
	}
	user, password, err := c.options.Credentials(ctx)
	if err != nil {
		return fail(fmt.Errorf("read the credentials: %w", err))
	}
	digest := sha256.Sum256([]byte(user + "\x00" + password))
	if c.refuses(digest) {
		return fail(fmt.Errorf("as %s: %w before; correct them, they are not tried again as they are", user, ErrUnauthorised))
	}
	status, text, err := c.exchange(ctx, method, path, user, password, body)
	if err != nil && ctx.Err() != nil {
		return fail(ctx.Err()) // the caller's doing: says nothing of UFM
	}
	c.breaker.Note(err)
	if err != nil {
		return fail(fmt.Errorf("%w: %w", ErrUnreachable, err))
	}
	if status/100 != 2 {
		if status == http.StatusUnauthorized {
			c.refuse(digest)
		}
		message := strings.ToValidUTF8(strings.TrimSpace(string(text[:min(len(text), maxMessage)])), "")
		return &Error{Method: method, Path: path, Status: status, Message: message}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fail(fmt.Errorf("%w: not the JSON that was expected: %w", ErrUnreachable, err))
	}
	return nil
}

func (c *client) refuses(digest [sha256.Size]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused == digest
}

// refuse remembers refused credentials: a locked account helps nobody.
func (c *client) refuse(digest [sha256.Size]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = digest
}

func (c *client) exchange(ctx context.Context, method, path, user, password string, body any) (status int, text []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.RequestTimeout)
	defer cancel()
	var sent io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		sent = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, sent)
	if err != nil {
		return 0, nil, err
	}
	request.SetBasicAuth(user, password)
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("the answer broke off: %w", err)
	case len(text) > maxAnswer:
		return 0, nil, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	if location := response.Header.Get("Location"); response.StatusCode/100 == 3 && location != "" {
		return 0, nil, fmt.Errorf("redirected to %s: write that address as the UFM's URL", location)
	}
	return response.StatusCode, text, nil
}
