package netris

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/target"
)

const (
	maxRequests = 4        // at once; the vendor documents no limit, its own operator is as modest
	maxAnswer   = 64 << 20 // bytes of one answer
	attempts    = 3        // of anything that may safely be repeated
	firstPause  = 200 * time.Millisecond
)

// client sends requests and opens the controller's envelope. It keeps one session.
type client struct {
	base    string
	http    *http.Client
	options Options
	slots   chan struct{}
	breaker target.Breaker
	session session
}

func newClient(base string, o Options) *client {
	jar, _ := cookiejar.New(nil) // its only error is of a list of suffixes, and there is none
	return &client{
		base: base, options: o,
		http: &http.Client{
			Transport: o.Transport,
			Jar:       jar,
			// net/http would repeat a POST as a GET, and send the session's cookie wherever it is told to.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		slots:   make(chan struct{}, maxRequests),
		breaker: target.Breaker{Clock: o.Clock},
		session: newSession(),
	}
}

// Error is a refusal by the controller.
type Error struct {
	Method, Path string
	Status       int
	Message      string
	Fields       map[string]string // what is wrong with which property
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s %s: the controller answered %d", e.Method, e.Path, e.Status)
	if e.Message != "" {
		text += ": " + e.Message
	}
	for _, property := range slices.Sorted(maps.Keys(e.Fields)) {
		if e.Fields[property] != e.Message {
			text += fmt.Sprintf(" (%s: %s)", property, e.Fields[property])
		}
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

// answered: the controller is done with the request, though it may have failed half-way. What a
// gateway in between answers does not tell that.
func answered(err error) bool {
	refusal, ok := errors.AsType[*Error](err)
	return ok && refusal.Status != http.StatusBadGateway && refusal.Status != http.StatusGatewayTimeout
}

// transient: another try may fare better.
func transient(err error) bool {
	if errors.Is(err, target.ErrTripped) {
		return false
	}
	refusal, ok := errors.AsType[*Error](err)
	return ok && refusal.Status >= 500 || errors.Is(err, ErrUnreachable)
}

// get reads, and tries again a little later what may have been a passing failure.
func (c *client) get(ctx context.Context, path string) (any, error) {
	for attempt := 1; ; attempt++ {
		data, err := c.do(ctx, http.MethodGet, path, nil)
		if err == nil || attempt == attempts || !transient(err) {
			return data, err
		}
		if err := c.pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

// pause waits before another attempt: longer each time, and jittered, so that many agents do not
// come back at once.
func (c *client) pause(ctx context.Context, attempt int) error {
	d := firstPause << (attempt - 1)
	return c.options.Sleep(ctx, d/2+rand.N(d))
}

// do sends one request within the session and returns the answer's data. A session that has ended is
// renewed once: a request that was answered 401 has had no effect.
func (c *client) do(ctx context.Context, method, path string, body any) (any, error) {
	session, err := c.login(ctx, 0)
	if err != nil {
		return nil, err
	}
	data, err := c.send(ctx, method, path, body)
	if !hasStatus(err, http.StatusUnauthorized) {
		return data, err
	}
	if _, err := c.login(ctx, session); err != nil {
		return nil, err
	}
	return c.send(ctx, method, path, body)
}

// send makes one request, at most maxRequests at a time, and none while the breaker is open.
func (c *client) send(ctx context.Context, method, path string, body any) (any, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%s %s: %w", method, path, ctx.Err())
	}
	if err := c.breaker.Open(); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %w", method, path, ErrUnreachable, err)
	}
	status, text, err := c.exchange(ctx, method, path, body)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, ctx.Err()) // the caller's doing: says nothing of the controller
	}
	c.breaker.Note(err)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %w", method, path, ErrUnreachable, err)
	}
	return open(method, path, status, text)
}

func (c *client) exchange(ctx context.Context, method, path string, body any) (status int, text []byte, err error) {
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
		return 0, nil, fmt.Errorf("redirected to %s: write that address as the site's Netris URL", location)
	}
	return response.StatusCode, text, nil
}

// envelope is what every answer comes in. apiVersion and the errors' form differ between the vendor's
// own descriptions, so that nothing is read from what is not needed.
type envelope struct {
	Data      any    `json:"data"`
	Errors    any    `json:"errors"` // a map of property to message
	Message   string `json:"message"`
	IsSuccess *bool  `json:"isSuccess"`
}

// open takes an answer out of its envelope. Any 2xx is a success: most creations answer 200, VPC
// peering's is documented as 201.
func open(method, path string, status int, text []byte) (any, error) {
	var e envelope
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // ids and numbers that we do not know go back as they came
	err := decoder.Decode(&e)
	if status/100 == 2 {
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w: not the JSON that was expected: %w", method, path, ErrUnreachable, err)
		}
		if e.IsSuccess == nil || *e.IsSuccess {
			return e.Data, nil
		}
	}
	refusal := &Error{Method: method, Path: path, Status: status, Message: strings.TrimSpace(e.Message), Fields: map[string]string{}}
	if refusal.Message == "" {
		refusal.Message = http.StatusText(status)
	}
	fields, _ := e.Errors.(map[string]any)
	for property, message := range fields {
		refusal.Fields[property] = fmt.Sprint(message)
	}
	return nil, refusal
}
