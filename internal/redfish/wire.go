package redfish

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/stmcginnis/gofish"
)

const (
	// maxAnswer bounds what a BMC may answer with; the largest attribute registries have a few MiB.
	maxAnswer    = 16 << 20
	maxRedirects = 3
)

// wire is what every request goes through, gofish's own included. It keeps them to the one BMC, since
// links and redirects are the BMC's words and requests carry a password or a token, and it bounds the
// answers.
type wire struct {
	endpoint string
	next     http.RoundTripper
}

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if to := r.URL.Scheme + "://" + r.URL.Host; !strings.EqualFold(to, w.endpoint) {
		return nil, fmt.Errorf("not sent: the BMC points to %s, which is not itself", to)
	}
	resp, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	return resp, nil
}

// redirect lets reads be sent elsewhere on the BMC. net/http would make a read of a redirected write,
// and its answer would pass for the write's.
func redirect(_ *http.Request, via []*http.Request) error {
	if via[0].Method != http.MethodGet || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// answer is what the BMC said, read to its end.
type answer struct {
	header http.Header
	body   []byte
}

// exchange sends one request and reads its answer. An answer that is a refusal is an error.
func exchange(request func() (*http.Response, error)) (answer, error) {
	resp, err := request()
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.Header, body}, err
}

// doc is a Redfish resource with the ETag that it was read at.
type doc struct {
	fields map[string]any
	etag   string
}

// get reads a resource.
func (b *BMC) get(ctx context.Context, uri string) (doc, error) {
	a, err := b.send(ctx, func(c *gofish.APIClient) (*http.Response, error) { return c.Get(uri) })
	if err != nil {
		return doc{}, fmt.Errorf("read %s: %w", uri, err)
	}
	d := doc{etag: a.header.Get("ETag")}
	decoder := json.NewDecoder(bytes.NewReader(a.body))
	decoder.UseNumber()
	if err := decoder.Decode(&d.fields); err != nil || d.fields == nil {
		return doc{}, fmt.Errorf("read %s: %w: the answer is no JSON object", uri, ErrUnreachable)
	}
	if d.etag == "" {
		d.etag, _ = d.fields["@odata.etag"].(string)
	}
	return d, nil
}

// patch writes fields of a resource if it still is as it was at etag: else the error is errChanged.
func (b *BMC) patch(ctx context.Context, uri, etag string, body map[string]any) error {
	headers := map[string]string{}
	if etag != "" {
		headers["If-Match"] = etag
	}
	_, err := b.send(ctx, func(c *gofish.APIClient) (*http.Response, error) { return c.PatchWithHeaders(uri, body, headers) })
	if err != nil {
		return fmt.Errorf("write %s: %w", uri, err)
	}
	return nil
}

// post runs an action.
func (b *BMC) post(ctx context.Context, uri string, body map[string]any) error {
	_, err := b.send(ctx, func(c *gofish.APIClient) (*http.Response, error) { return c.Post(uri, body) })
	if err != nil {
		return fmt.Errorf("post to %s: %w", uri, err)
	}
	return nil
}
