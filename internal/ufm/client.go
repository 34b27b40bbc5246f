package ufm

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/target/rest"
)

const (
	maxRequests = 2         // at once: UFM runs on one host beside the subnet manager, which comes first
	maxAnswer   = 256 << 20 // bytes of one answer
	maxMessage  = 300       // bytes of a refusal that are passed on
)

// client sends requests to one UFM.
type client struct {
	*rest.Client
	options Options

	mu      sync.Mutex
	refused [sha256.Size]byte // of the credentials that were refused last
}

func newClient(base string, o Options) *client {
	return &client{options: o, Client: rest.New(rest.Options{
		Base: base, Transport: o.Transport, Requests: maxRequests, MaxAnswer: maxAnswer, Timeout: o.RequestTimeout,
		Clock: o.Clock, Sleep: o.Sleep, Unreachable: ErrUnreachable, Setting: "the UFM's URL",
	})}
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
	return c.Retry(ctx, transient, func() error { return c.do(ctx, http.MethodGet, path, nil, into) })
}

// do makes one request. The answer's JSON goes into a value, if there is one.
func (c *client) do(ctx context.Context, method, path string, body, into any) error {
	fail := func(err error) error { return fmt.Errorf("%s %s: %w", method, path, err) }
	end, err := c.Begin(ctx)
	if err != nil {
		return fail(err)
	}
	defer end() // only then does another one see whether the credentials were refused
	user, password, err := c.options.Credentials(ctx)
	if err != nil {
		return fail(fmt.Errorf("read the credentials: %w", err))
	}
	digest := sha256.Sum256([]byte(user + "\x00" + password))
	if c.refuses(digest) {
		return fail(fmt.Errorf("as %s: %w before; correct them, they are not tried again as they are", user, ErrUnauthorised))
	}
	status, text, err := c.Exchange(ctx, method, path, body, func(r *http.Request) { r.SetBasicAuth(user, password) })
	if err != nil {
		return fail(err)
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
