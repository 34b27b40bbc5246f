package sources

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"cuelabs.dev/go/oci/ociregistry/ociauth"
)

// HostCredentials says with what to log in to a host, named as in a URL; the zero Credentials mean that
// it asks for none. It is asked at each fetch.
type HostCredentials func(ctx context.Context, host string) (Credentials, error)

const maxCredentials = 1 << 20

// CredentialsFile reads credentials of hosts from a file in the form of Docker's config.json, in which
// `helm registry login` and Kubernetes' pull secrets have them, too: {"auths": {"charts.example.com":
// {"username": …, "password": …}}}, or with "auth" or "registrytoken" in their place. It is read each
// time, so that a rotated secret is taken up at once. Errors never repeat what it holds.
func CredentialsFile(file string) HostCredentials {
	return func(_ context.Context, host string) (Credentials, error) {
		f, err := os.Open(file)
		if err != nil {
			return Credentials{}, fmt.Errorf("read the credentials of charts: %w", err)
		}
		defer f.Close() // it was only read
		text, err := io.ReadAll(io.LimitReader(f, maxCredentials+1))
		if err != nil {
			return Credentials{}, fmt.Errorf("read the credentials of charts: %w", err)
		}
		var config struct {
			Auths map[string]struct {
				Auth, Username, Password, RegistryToken, IdentityToken string
			}
		}
		if len(text) > maxCredentials || json.Unmarshal(text, &config) != nil {
			return Credentials{}, fmt.Errorf("%s is no JSON in the form of Docker's config.json", file) // whose parser would quote it
		}
		var found []Credentials
		for key, a := range config.Auths {
			if !sameHost(hostOf(key), host) {
				continue
			}
			c := Credentials{Username: a.Username, Password: a.Password, Token: a.RegistryToken}
			if a.Auth != "" {
				pair, err := base64.StdEncoding.DecodeString(a.Auth)
				user, password, ok := strings.Cut(string(pair), ":")
				if err != nil || !ok {
					return Credentials{}, fmt.Errorf("%s: auth of %s is no user name and password in base64", file, host)
				}
				c.Username, c.Password = user, password
			}
			if c.Token == "" && (c.Username == "" || c.Password == "") {
				return Credentials{}, fmt.Errorf("%s has no user name and password for %s: those that a credential helper keeps, and identity tokens, are not used", file, host)
			}
			found = append(found, c)
		}
		switch {
		case len(found) == 0:
			return Credentials{}, nil
		case len(found) > 1 && found[0] != found[1]:
			return Credentials{}, fmt.Errorf("%s has several credentials for %s", file, host)
		}
		return found[0], nil
	}
}

// hostOf is the host in a key of Docker's config.json, which may be a URL.
func hostOf(key string) string {
	_, rest, isURL := strings.Cut(key, "://")
	if !isURL {
		rest = key
	}
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// sameHost compares hosts with their ports.
func sameHost(a, b string) bool {
	full := func(host string) string { return strings.ToLower(strings.TrimSuffix(host, ":443")) }
	return full(a) == full(b)
}

// login is what one host gets to see.
type login struct {
	host string
	Credentials
	others func(host string) bool // whether a host has the same credentials
}

// login asks for the credentials of a host.
func (c Charts) login(ctx context.Context, host string) (login, error) {
	l := login{host: host, others: func(string) bool { return false }}
	if c.Credentials == nil {
		return l, nil
	}
	var err error
	if l.Credentials, err = c.Credentials(ctx, host); err != nil {
		return l, fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	l.others = func(other string) bool {
		theirs, err := c.Credentials(ctx, other)
		return err == nil && theirs == l.Credentials
	}
	return l, nil
}

// send is a transport that shows the credentials to their host, wherever a redirect leads, and only to it.
func (l login) send(next http.RoundTripper) http.RoundTripper {
	return sender(func(req *http.Request) (*http.Response, error) {
		if l.Credentials != (Credentials{}) && sameHost(req.URL.Host, l.host) {
			req = req.Clone(req.Context())
			if req.Header.Set("Authorization", "Bearer "+l.Token); l.Token == "" {
				req.SetBasicAuth(l.Username, l.Password)
			}
		}
		return next.RoundTrip(req)
	})
}

// EntryForRegistry is what ociauth asks for.
func (l login) EntryForRegistry(host string) (ociauth.ConfigEntry, error) {
	if !sameHost(host, l.host) {
		return ociauth.ConfigEntry{}, nil
	}
	return ociauth.ConfigEntry{AccessToken: l.Token, Username: l.Username, Password: l.Password}, nil
}

// confine refuses requests that would show the credentials to another host. A registry says itself who
// gives out its tokens, and would be sent the password there, were it not for this.
func (l login) confine(next http.RoundTripper) http.RoundTripper {
	return sender(func(req *http.Request) (*http.Response, error) {
		user, password, basic := req.BasicAuth()
		shows := basic && user == l.Username && password == l.Password || l.Token != "" && req.Header.Get("Authorization") == "Bearer "+l.Token
		if shows && !sameHost(req.URL.Host, l.host) && !l.others(req.URL.Host) {
			return nil, fmt.Errorf("%s sends us to %s to log in; its password goes there only if the credentials name that host with the same one", l.host, req.URL.Host)
		}
		return next.RoundTrip(req)
	})
}

type sender func(*http.Request) (*http.Response, error)

func (f sender) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// hide takes the credentials out of an error, which may repeat what a server said. Nothing of the
// original is kept but its kind.
func (l login) hide(err error) error {
	if err == nil {
		return nil
	}
	text, secrets := err.Error(), l.secrets()
	for _, s := range secrets {
		if !strings.Contains(text, s) {
			continue
		}
		hidden := &failure{kind: ErrUnreachable, detail: cleanText(text, secrets...)}
		for _, kind := range []error{ErrUnauthorized, ErrChartNotFound, ErrTooLarge, ErrDamaged} {
			if errors.Is(err, kind) {
				hidden.kind = kind
			}
		}
		for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
			if errors.Is(err, cause) {
				hidden.cause = cause
			}
		}
		return hidden
	}
	return err
}

// host is the one that a chart's repository is at.
func (c Chart) host() (string, error) {
	if where, ok := strings.CutPrefix(c.Repository, "oci://"); ok {
		host, _, _ := strings.Cut(where, "/")
		return host, nil
	}
	u, err := url.Parse(c.Repository)
	if err != nil {
		return "", err
	}
	return u.Host, nil
}
