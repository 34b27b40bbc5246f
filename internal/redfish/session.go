package redfish

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/stmcginnis/gofish"
	"github.com/stmcginnis/gofish/schemas"
)

// What a BMC's failure means to us.
var (
	// ErrUnreachable: no answer came, or none that is Redfish's.
	ErrUnreachable = errors.New("no answer")
	// ErrUnauthorised: the credentials were refused; they are not tried again until they change.
	ErrUnauthorised = errors.New("credentials refused")
	// ErrRefused: the BMC understood and said no.
	ErrRefused = errors.New("refused")
	// ErrNotFound: the BMC has no such resource.
	ErrNotFound = errors.New("no such resource")
)

// maxAnswer bounds what a BMC may answer with; the largest attribute registries have a few MiB.
const maxAnswer = 16 << 20

// doc is a Redfish resource with the ETag that it was read at.
type doc struct {
	fields map[string]any
	etag   string
}

// get reads a resource.
func (b *BMC) get(ctx context.Context, uri string) (doc, error) {
	resp, err := b.send(ctx, func(c *gofish.APIClient) (*http.Response, error) { return c.Get(uri) })
	if err != nil {
		return doc{}, fmt.Errorf("read %s: %w", uri, err)
	}
	defer func() { _ = resp.Body.Close() }()
	d := doc{etag: resp.Header.Get("ETag")}
	decoder := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer))
	decoder.UseNumber()
	if err := decoder.Decode(&d.fields); err != nil {
		return doc{}, fmt.Errorf("read %s: %w: the answer is no JSON object", uri, ErrUnreachable)
	}
	if d.etag == "" {
		d.etag, _ = d.fields["@odata.etag"].(string)
	}
	return d, nil
}

// patch writes fields of a resource as it was read at etag: what changed in between is not written
// over.
func (b *BMC) patch(ctx context.Context, uri, etag string, body map[string]any) error {
	headers := map[string]string{}
	if etag != "" {
		headers["If-Match"] = etag
	}
	return b.write(ctx, "write", uri, func(c *gofish.APIClient) (*http.Response, error) { return c.PatchWithHeaders(uri, body, headers) })
}

// post runs an action.
func (b *BMC) post(ctx context.Context, uri string, body map[string]any) error {
	return b.write(ctx, "post to", uri, func(c *gofish.APIClient) (*http.Response, error) { return c.Post(uri, body) })
}

func (b *BMC) write(ctx context.Context, verb, uri string, request func(*gofish.APIClient) (*http.Response, error)) error {
	resp, err := b.send(ctx, request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, uri, err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	_ = resp.Body.Close()
	return nil
}

// send makes a request in our session. A session that the BMC no longer knows is made anew once; a
// request that it refused had no effect, so that is safe for writes, too.
func (b *BMC) send(ctx context.Context, request func(*gofish.APIClient) (*http.Response, error)) (*http.Response, error) {
	if err := b.silence.check(b.opts.Now()); err != nil {
		return nil, err
	}
	for again := false; ; again = true {
		client, err := b.session(ctx)
		if err != nil {
			return nil, err
		}
		resp, err := request(client.WithContext(ctx))
		err = plain(err)
		b.silence.note(b.opts.Now(), err)
		if !errors.Is(err, ErrUnauthorised) || again {
			return resp, err
		}
		b.forget(client)
	}
}

// session is the open session, or a new one.
func (b *BMC) session(ctx context.Context) (*gofish.APIClient, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client != nil {
		return b.client, nil
	}
	user, password, err := b.opts.Credentials(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the credentials of %s: %w", b.target, err)
	}
	sum := sha256.Sum256([]byte(user + "\x00" + password))
	if digest := hex.EncodeToString(sum[:]); b.refused == digest {
		return nil, fmt.Errorf("log in as %q: %w before; correct the Secret, or the account on the BMC", user, ErrUnauthorised)
	}
	client, err := gofish.ConnectContext(ctx, gofish.ClientConfig{
		Endpoint: b.opts.Endpoint, Username: user, Password: password, HTTPClient: b.http,
		ReuseConnections: true, NoModifyTransport: true, MaxConcurrentRequests: requestsAtOnce,
	})
	if err = plain(err); err != nil {
		b.silence.note(b.opts.Now(), err)
		if errors.Is(err, ErrUnauthorised) {
			b.refused = hex.EncodeToString(sum[:])
		}
		return nil, fmt.Errorf("log in as %q: %w", user, err)
	}
	b.refused, b.client = "", client
	return client, nil
}

func (b *BMC) forget(client *gofish.APIClient) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client == client {
		b.client = nil
	}
}

// plain is an error without the raw answer, which may echo a secret: the status, the registry's
// message identifiers and the messages that belong to them.
func plain(err error) error {
	if err == nil {
		return nil
	}
	var answer *schemas.Error
	if !errors.As(err, &answer) || answer.HTTPReturnedStatusCode == 0 {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		return fmt.Errorf("%w: %v", ErrUnreachable, err)
	}
	kind := ErrRefused
	switch status := answer.HTTPReturnedStatusCode; {
	case status == http.StatusUnauthorized:
		kind = ErrUnauthorised
	case status == http.StatusNotFound:
		kind = ErrNotFound
	case status >= 500:
		kind = ErrUnreachable
	}
	var said []string
	for _, info := range answer.ExtendedInfos {
		said = append(said, strings.TrimSpace(info.MessageID+" "+info.Message))
	}
	return fmt.Errorf("%w: status %d %s", kind, answer.HTTPReturnedStatusCode, strings.Join(said, "; "))
}
