package signin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// provider is what the provider says of itself, asked for when it is first needed.
type provider struct {
	mu     sync.Mutex
	known  *oidc.Provider
	failed time.Time
	err    error
}

// rest is how long a provider that did not answer is not asked again: those who wait would pile up.
const rest = 5 * time.Second

func (p *provider) get(ctx context.Context, issuer string, now time.Time) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known != nil {
		return p.known, nil
	}
	if p.err != nil && now.Sub(p.failed) < rest {
		return nil, p.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience) // whoever asks may go away; what is told is for all
	defer cancel()
	p.known, p.err = oidc.NewProvider(ctx, issuer)
	p.failed = now
	return p.known, p.err
}

// withClient has requests to the provider bounded in time and size.
func withClient(ctx context.Context) context.Context { return oidc.ClientContext(ctx, client) }

var client = &http.Client{
	Timeout:       patience,
	Transport:     bounded{http.DefaultTransport},
	CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("the provider leads elsewhere") },
}

// bounded cuts answers that are longer than any that a provider sends.
type bounded struct{ next http.RoundTripper }

const longestAnswer = 1 << 20

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	w, err := b.next.RoundTrip(r)
	if err == nil {
		w.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(w.Body, longestAnswer), w.Body}
	}
	return w, err
}
