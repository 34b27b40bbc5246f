package netris

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/target/rest"
)

const (
	maxRequests = 4        // at once; the vendor documents no limit, its own operator is as modest
	maxAnswer   = 64 << 20 // bytes of one answer
)

// client sends requests and opens the controller's envelope. It keeps one session.
type client struct {
	*rest.Client
	options Options
	session session
}

func newClient(base string, o Options) *client {
	jar, _ := cookiejar.New(nil) // its only error is of a list of suffixes, and there is none
	return &client{options: o, session: newSession(), Client: rest.New(rest.Options{
		Base: base, Transport: o.Transport, Jar: jar, Requests: maxRequests, MaxAnswer: maxAnswer, Timeout: o.RequestTimeout,
		Clock: o.Clock, Sleep: o.Sleep, Unreachable: ErrUnreachable, Setting: "the site's Netris URL",
	})}
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
func (c *client) get(ctx context.Context, path string) (data any, err error) {
	err = c.Retry(ctx, transient, func() (err error) {
		data, err = c.do(ctx, http.MethodGet, path, nil)
		return err
	})
	return data, err
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

// send makes one request.
func (c *client) send(ctx context.Context, method, path string, body any) (any, error) {
	end, err := c.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer end()
	status, text, err := c.Exchange(ctx, method, path, body, nil)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return open(method, path, status, text)
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
