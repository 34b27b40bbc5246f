package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	attempts       = 5
	firstPause     = time.Second
	longestPause   = 2 * time.Minute
	requestTimeout = 30 * time.Second
	maxAnswer      = 16 << 20 // bytes
	maxPages       = 100      // of a hundred comments
)

// Error is a refusal of the service.
type Error struct {
	Method, Path string
	Status       int
	Message      string
	// wait is how long the service asks to be left alone, 0 if it does not say.
	wait time.Duration
	// limited: there were too many requests, and this one had no effect.
	limited bool
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s %s: the forge answered %d: %s", e.Method, e.Path, e.Status, e.Message)
}

// errUnreachable is a request without an answer, which may have had its effect.
var errUnreachable = errors.New("no answer")

// transient reports whether another try may fare better.
func transient(err error) bool {
	refusal, ok := errors.AsType[*Error](err)
	return ok && (refusal.limited || refusal.Status >= 500) || errors.Is(err, errUnreachable)
}

// client sends requests to one service.
type client struct {
	base   string
	header http.Header
	http   *http.Client
	sleep  func(context.Context, time.Duration) error
}

func newClient(base string, o Options, header http.Header) *client {
	c := &client{base: base, header: header, sleep: o.Sleep, http: &http.Client{
		Transport: o.Transport,
		// A token is not carried to where an answer points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if c.sleep == nil {
		c.sleep = sleep
	}
	return c
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause waits before another try: as long as the service asks, else longer each time and jittered.
func (c *client) pause(ctx context.Context, attempt int, because error) error {
	d := firstPause << (attempt - 1)
	d = d/2 + rand.N(d) //nolint:gosec // not to guess, but to spread
	if refusal, ok := errors.AsType[*Error](because); ok && refusal.wait > 0 {
		d = refusal.wait
	}
	if d > longestPause {
		return fmt.Errorf("%w; it asks to wait %s, which is too long", because, d)
	}
	return c.sleep(ctx, d)
}

// repeat sends a request that may be sent twice until it is answered.
func (c *client) repeat(ctx context.Context, method, path string, body, answer any) (http.Header, error) {
	for attempt := 1; ; attempt++ {
		header, err := c.send(ctx, method, path, body, answer)
		if err == nil || attempt == attempts || !transient(err) {
			return header, err
		}
		if err := c.pause(ctx, attempt, err); err != nil {
			return nil, err
		}
	}
}

// send makes one request. A nil body sends none, and a nil answer is not read.
func (c *client) send(ctx context.Context, method, path string, body, answer any) (http.Header, error) {
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", method, path, err)
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(bounded, method, c.base+path, sent)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	request.Header = c.header.Clone()
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s %s: %w", method, path, ctx.Err())
		}
		return nil, fmt.Errorf("%s %s: %w: %w", method, path, errUnreachable, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w: the answer broke off: %w", method, path, errUnreachable, err)
	case len(text) > maxAnswer:
		return nil, fmt.Errorf("%s %s: the answer is longer than %d bytes", method, path, maxAnswer)
	case response.StatusCode/100 != 2:
		return nil, refusal(method, path, response, text)
	case answer == nil:
		return response.Header, nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return nil, fmt.Errorf("%s %s: the answer is not what was expected: %w", method, path, err)
	}
	return response.Header, nil
}

// refusal makes an error of an answer that is none of success.
func refusal(method, path string, r *http.Response, text []byte) error {
	e := &Error{Method: method, Path: path, Status: r.StatusCode, Message: message(text)}
	if e.Message == "" {
		e.Message = http.StatusText(r.StatusCode)
	}
	if at := r.Header.Get("Location"); r.StatusCode/100 == 3 && at != "" {
		e.Message += "; it points to " + at + ": give that repository's address"
	}
	// GitHub answers 403 or 429 when there were too many requests, GitLab 429.
	spent := r.Header.Get("X-RateLimit-Remaining") == "0"
	after, asked := seconds(r.Header.Get("Retry-After"))
	e.limited = r.StatusCode == http.StatusTooManyRequests ||
		r.StatusCode == http.StatusForbidden && (spent || asked || strings.Contains(e.Message, "rate limit"))
	switch {
	case !e.limited && r.StatusCode < 500:
	case asked:
		e.wait = after
	case spent:
		if reset, ok := seconds(r.Header.Get("X-RateLimit-Reset")); ok {
			e.wait = max(time.Second, time.Until(time.Unix(int64(reset/time.Second), 0)))
		}
	}
	return e
}

func seconds(text string) (time.Duration, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 || n > 1<<33 {
		return 0, false
	}
	return time.Duration(n) * time.Second, true
}

// message is what an answer says is wrong: a text, or in GitLab's answers a tree of them.
func message(text []byte) string {
	var answer struct {
		Message any `json:"message"`
		Error   any `json:"error"`
		Errors  any `json:"errors"`
	}
	if json.Unmarshal(text, &answer) != nil {
		return ""
	}
	var parts []string
	for _, v := range []any{answer.Message, answer.Error, answer.Errors} {
		switch v := v.(type) {
		case nil:
		case string:
			parts = append(parts, v)
		default:
			if said, err := json.Marshal(v); err == nil {
				parts = append(parts, string(said))
			}
		}
	}
	return cut(strings.Join(parts, ": "), 500)
}

// escape is one segment of a path.
func escape(segment string) string { return url.PathEscape(segment) }
