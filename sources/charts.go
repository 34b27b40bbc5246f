package sources

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"cuelabs.dev/go/oci/ociregistry"
	"cuelabs.dev/go/oci/ociregistry/ociauth"
	"cuelabs.dev/go/oci/ociregistry/ociclient"
	"sigs.k8s.io/yaml"
)

// What a repository of charts may answer with, in bytes, and for how long.
const (
	maxChart     = 32 << 20
	maxIndex     = 64 << 20
	maxManifest  = 1 << 20
	chartTimeout = 5 * time.Minute
)

// Chart says which chart to fetch, and from where.
type Chart struct {
	Repository string // "https://…" of a Helm repository, or "oci://…" above the chart's name
	Name       string
	Version    string
	Digest     string // of the archive, "sha256:…"; empty: whatever is there under the version
}

func (c Chart) String() string {
	return fmt.Sprintf("chart %s %s of %s", c.Name, c.Version, c.Repository)
}

// Charts keeps chart archives in a directory, each under its own digest: what is there once can be
// read for ever without network. Only [Charts.Fetch] needs one.
type Charts struct {
	// Dir holds the archives; it is made when the first is fetched.
	Dir string
	// Credentials are those of repositories and registries that ask for some; nil: none does. A host is
	// shown its own and no other's, and nothing in the open.
	Credentials HostCredentials
	// Transport carries https; nil is http.DefaultTransport.
	Transport http.RoundTripper
}

// FS is what is at hand: "sha256/9f2c….tgz" is the archive with the digest "sha256:9f2c…".
func (c Charts) FS() fs.FS { return os.DirFS(c.Dir) }

// Has reports whether the archive with a digest is at hand.
func (c Charts) Has(digest string) bool {
	info, err := os.Stat(c.file(digest))
	return err == nil && info.Mode().IsRegular()
}

func (c Charts) file(digest string) string {
	return filepath.Join(c.Dir, filepath.FromSlash(strings.Replace(digest, ":", "/", 1))+".tgz")
}

var sha256Digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Fetch brings a chart's archive into the directory and returns its digest. An archive that is not
// the one that the chart's digest or the repository's own index promises is not kept; its error wraps
// [ErrDamaged]. Other errors wrap [ErrUnreachable], [ErrUnauthorized], [ErrChartNotFound] or
// [ErrTooLarge].
func (c Charts) Fetch(ctx context.Context, ch Chart) (digest string, err error) {
	if ch.Digest != "" && !sha256Digest.MatchString(ch.Digest) {
		return "", fmt.Errorf("fetching %s: %q is no digest", ch, ch.Digest)
	}
	ctx, cancel := context.WithTimeout(ctx, chartTimeout)
	defer cancel()
	host, err := ch.host()
	if err != nil {
		return "", fmt.Errorf("fetching %s: %w", ch, err)
	}
	l, err := c.login(ctx, host)
	if err != nil {
		return "", fmt.Errorf("fetching %s: %w", ch, err)
	}
	var data []byte
	var promised string
	if where, ok := strings.CutPrefix(ch.Repository, "oci://"); ok {
		data, promised, err = c.fromRegistry(ctx, l, where, ch)
	} else {
		data, promised, err = c.fromRepository(ctx, l, ch)
	}
	if err != nil {
		return "", fmt.Errorf("fetching %s: %w", ch, l.hide(err))
	}
	sum := sha256.Sum256(data)
	digest = "sha256:" + hex.EncodeToString(sum[:])
	for _, want := range []string{ch.Digest, promised} {
		if want != "" && want != digest {
			return "", fmt.Errorf("fetching %s: the archive has the digest %s, and %s is what was promised: %w", ch, digest, want, ErrDamaged)
		}
	}
	if err := c.keep(digest, data); err != nil {
		return "", fmt.Errorf("keeping %s: %w: %w", ch, ErrCache, err)
	}
	return digest, nil
}

// keep writes an archive so that nobody ever reads half of it.
func (c Charts) keep(digest string, data []byte) error {
	file := c.file(digest)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // after the rename there is nothing to remove
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

// fromRepository fetches an archive from where a Helm repository's index says that it is.
func (c Charts) fromRepository(ctx context.Context, l login, ch Chart) (data []byte, promised string, err error) {
	base, err := url.Parse(strings.TrimSuffix(ch.Repository, "/") + "/")
	if err != nil {
		return nil, "", err
	}
	text, err := c.get(ctx, l, base.JoinPath("index.yaml"), maxIndex)
	if err != nil {
		return nil, "", fmt.Errorf("its repository's index: %w", err)
	}
	var index struct {
		Entries map[string][]struct {
			Version, Digest string
			URLs            []string
		}
	}
	if err := yaml.Unmarshal(text, &index); err != nil {
		return nil, "", fmt.Errorf("its repository's index: %w: %w", ErrDamaged, err)
	}
	for _, e := range index.Entries[ch.Name] {
		if e.Version != ch.Version || len(e.URLs) == 0 {
			continue
		}
		at, err := base.Parse(e.URLs[0])
		if err != nil {
			return nil, "", fmt.Errorf("its repository's index: %w: %w", ErrDamaged, err)
		}
		if e.Digest != "" {
			promised = "sha256:" + strings.TrimPrefix(e.Digest, "sha256:")
		}
		data, err = c.get(ctx, l, at, maxChart)
		return data, promised, err
	}
	return nil, "", fmt.Errorf("its repository's index does not have it: %w", ErrChartNotFound)
}

func (c Charts) get(ctx context.Context, l login, at *url.URL, most int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Transport: c.secure(l.send)}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s: %w", at.Redacted(), resp.Status, refusal(resp.StatusCode))
	}
	return atMost(resp.Body, most)
}

// refusal is what a status means.
func refusal(status int) error {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return ErrUnauthorized
	case status == http.StatusNotFound || status == http.StatusGone:
		return ErrChartNotFound
	}
	return ErrUnreachable
}

func atMost(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	case int64(len(data)) > most:
		return nil, fmt.Errorf("more than %d bytes: %w", most, ErrTooLarge)
	}
	return data, nil
}

// contentOfChart is the media type of the layer that is a chart's archive.
const contentOfChart = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

// fromRegistry fetches an archive from an OCI registry: by its digest if that is known, else by what
// the tag with the version leads to.
func (c Charts) fromRegistry(ctx context.Context, l login, where string, ch Chart) (data []byte, promised string, err error) {
	host, repository, _ := strings.Cut(strings.TrimSuffix(where, "/")+"/"+ch.Name, "/")
	registry, err := ociclient.New(host, &ociclient.Options{Transport: ociauth.NewStdTransport(ociauth.StdTransportParams{Config: l, Transport: c.secure(l.confine)})})
	if err != nil {
		return nil, "", err
	}
	promised = ch.Digest
	if promised == "" {
		tag := strings.ReplaceAll(ch.Version, "+", "_") // as Helm does: tags have no plus
		if promised, err = layerOf(ctx, registry, repository, tag); err != nil {
			return nil, "", fmt.Errorf("its manifest: %w", ociError(err))
		}
	}
	blob, err := registry.GetBlob(ctx, repository, ociregistry.Digest(promised))
	if err != nil {
		return nil, "", ociError(err)
	}
	defer blob.Close()
	data, err = atMost(blob, maxChart)
	return data, promised, err
}

// layerOf is the digest of the archive that a tag leads to.
func layerOf(ctx context.Context, registry ociregistry.Interface, repository, tag string) (string, error) {
	blob, err := registry.GetTag(ctx, repository, tag)
	if err != nil {
		return "", err
	}
	defer blob.Close()
	text, err := atMost(blob, maxManifest)
	if err != nil {
		return "", err
	}
	var manifest struct {
		Layers []struct{ MediaType, Digest string }
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return "", fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	for _, l := range manifest.Layers {
		if l.MediaType == contentOfChart && sha256Digest.MatchString(l.Digest) {
			return l.Digest, nil
		}
	}
	return "", fmt.Errorf("it is no chart: %w", ErrChartNotFound)
}

// ociError says in our words what a registry's client says in its own.
func ociError(err error) error {
	var status ociregistry.HTTPError
	switch {
	case errors.Is(err, ErrDamaged), errors.Is(err, ErrTooLarge), errors.Is(err, ErrChartNotFound):
		return err
	case errors.Is(err, ociregistry.ErrUnauthorized), errors.Is(err, ociregistry.ErrDenied):
		return fmt.Errorf("%w: %w", ErrUnauthorized, err)
	case errors.Is(err, ociregistry.ErrNameUnknown), errors.Is(err, ociregistry.ErrManifestUnknown), errors.Is(err, ociregistry.ErrBlobUnknown):
		return fmt.Errorf("%w: %w", ErrChartNotFound, err)
	case errors.As(err, &status):
		return fmt.Errorf("%w: %w", refusal(status.StatusCode()), err)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// secure sends nothing but https, wherever a redirect leads, and reads no endless answer. What passes is
// handed to within.
func (c Charts) secure(within func(http.RoundTripper) http.RoundTripper) http.RoundTripper {
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	return onlyHTTPS{within(boundedTransport{next, maxIndex + 1})}
}

type onlyHTTPS struct{ next http.RoundTripper }

// RoundTrip refuses what would travel in the open.
func (t onlyHTTPS) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" {
		return nil, fmt.Errorf("%s is not https", req.URL.Redacted())
	}
	return t.next.RoundTrip(req)
}
