package sources

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelabs.dev/go/oci/ociregistry"
	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/stretchr/testify/require"
)

func digestOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// https serves over TLS and returns the address and a store that trusts it.
func https(t *testing.T, h http.Handler) (string, Charts) {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	return server.URL, Charts{Dir: filepath.Join(t.TempDir(), "charts"), Transport: server.Client().Transport}
}

// pages is a Helm repository: an index and the archives that it names.
func pages(files map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := files[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case strings.HasPrefix(text, "redirect "):
			http.Redirect(w, r, strings.TrimPrefix(text, "redirect "), http.StatusFound)
		case text == "secret":
			w.WriteHeader(http.StatusUnauthorized)
		case text == "broken":
			w.WriteHeader(http.StatusBadGateway)
		default:
			_, _ = w.Write([]byte(text))
		}
	})
}

func index(version, url, digest string) string {
	return fmt.Sprintf("apiVersion: v1\nentries:\n  c:\n  - version: 0.9.0\n    urls: [old.tgz]\n  - version: %s\n    urls: [%s]\n    digest: %s\n", version, url, digest)
}

func kept(t *testing.T, c Charts, digest string) string {
	t.Helper()
	require.True(t, c.Has(digest))
	data, err := fs.ReadFile(c.FS(), strings.Replace(digest, ":", "/", 1)+".tgz")
	require.NoError(t, err)
	return string(data)
}

// A Helm repository's archive is where its index says, and is read without network once it was fetched.
func TestFetchFromRepository(t *testing.T) {
	const data = "an archive"
	address, c := https(t, pages(map[string]string{
		"/stable/index.yaml":         index("1.0.0", "charts/c-1.0.0.tgz", strings.TrimPrefix(digestOf(data), "sha256:")),
		"/stable/charts/c-1.0.0.tgz": data,
	}))
	ch := Chart{Repository: address + "/stable", Name: "c", Version: "1.0.0"}
	require.False(t, c.Has(digestOf(data)))
	digest, err := c.Fetch(t.Context(), ch)
	require.NoError(t, err)
	require.Equal(t, digestOf(data), digest)
	require.Equal(t, data, kept(t, c, digest))

	ch.Digest = digest
	_, err = c.Fetch(t.Context(), ch)
	require.NoError(t, err, "fetching again changes nothing")
	entries, err := os.ReadDir(filepath.Join(c.Dir, "sha256"))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing half-written is left")

	ch.Version = "1.0.1"
	_, err = c.Fetch(t.Context(), ch)
	require.ErrorIs(t, err, ErrChartNotFound)
}

// What cannot be had, or is another thing than was promised, is not kept, and the error says which.
func TestFetchFailures(t *testing.T) {
	plain := httptest.NewServer(pages(map[string]string{"/c.tgz": "an archive"}))
	t.Cleanup(plain.Close)
	right := digestOf("an archive")
	for name, c := range map[string]struct {
		files  map[string]string
		digest string
		want   error
	}{
		"no index":              {nil, "", ErrChartNotFound},
		"a page, not an index":  {map[string]string{"/index.yaml": "{{"}, "", ErrDamaged},
		"no archive":            {map[string]string{"/index.yaml": index("1.0.0", "c.tgz", "")}, "", ErrChartNotFound},
		"behind a login":        {map[string]string{"/index.yaml": "secret"}, "", ErrUnauthorized},
		"out of order":          {map[string]string{"/index.yaml": "broken"}, "", ErrUnreachable},
		"not what was pinned":   {map[string]string{"/index.yaml": index("1.0.0", "c.tgz", ""), "/c.tgz": "another"}, right, ErrDamaged},
		"not what index says":   {map[string]string{"/index.yaml": index("1.0.0", "c.tgz", right), "/c.tgz": "another"}, "", ErrDamaged},
		"too large":             {map[string]string{"/index.yaml": index("1.0.0", "c.tgz", ""), "/c.tgz": strings.Repeat("0", maxChart+1)}, "", ErrTooLarge},
		"redirected into plain": {map[string]string{"/index.yaml": "redirect " + plain.URL + "/c.tgz"}, "", ErrUnreachable},
		"plain from the start":  {map[string]string{"/index.yaml": index("1.0.0", plain.URL+"/c.tgz", "")}, "", ErrUnreachable},
	} {
		address, store := https(t, pages(c.files))
		_, err := store.Fetch(t.Context(), Chart{Repository: address, Name: "c", Version: "1.0.0", Digest: c.digest})
		require.ErrorIs(t, err, c.want, name)
		require.ErrorContains(t, err, "chart c 1.0.0 of https://", name)
		require.NoDirExists(t, store.Dir, name)
	}
	_, err := Charts{Dir: t.TempDir()}.Fetch(t.Context(), Chart{Repository: "https://example.com", Name: "c", Digest: "sha256:../../x"})
	require.ErrorContains(t, err, "no digest")

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	address, store := https(t, pages(map[string]string{"/index.yaml": index("1.0.0", "c.tgz", ""), "/c.tgz": "an archive"}))
	store.Dir = file
	_, err = store.Fetch(t.Context(), Chart{Repository: address, Name: "c", Version: "1.0.0"})
	require.ErrorIs(t, err, ErrCache)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = store.Fetch(ctx, Chart{Repository: address, Name: "c", Version: "1.0.0"})
	require.ErrorIs(t, err, context.Canceled)
}

// registry is an OCI registry that, as public ones do, wants a token that it gives to everybody. It
// holds a chart and something that is none.
func registry(t *testing.T, data string) http.Handler {
	t.Helper()
	memory := ocimem.New()
	push := func(repository, tag, mediaType string) {
		blob := func(text, as string) string {
			d, err := memory.PushBlob(t.Context(), repository, ociregistry.Descriptor{MediaType: as, Digest: ociregistry.Digest(digestOf(text)), Size: int64(len(text))}, bytes.NewReader([]byte(text)))
			require.NoError(t, err)
			return fmt.Sprintf(`{"mediaType": %q, "digest": %q, "size": %d}`, as, d.Digest, len(text))
		}
		manifest := fmt.Sprintf(`{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": %s, "layers": [%s]}`,
			blob("{}", "application/vnd.cncf.helm.config.v1+json"), blob(data, mediaType))
		_, err := memory.PushManifest(t.Context(), repository, tag, []byte(manifest), "application/vnd.oci.image.manifest.v1+json")
		require.NoError(t, err)
	}
	push("charts/c", "1.0.0_build.7", contentOfChart)
	push("charts/image", "1.0.0", "application/vnd.oci.image.layer.v1.tar+gzip")
	inner := ociserver.New(memory, nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token":
			_, _ = w.Write([]byte(`{"token": "for-everybody"}`))
		case r.Header.Get("Authorization") != "Bearer for-everybody":
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="https://%s/token",service="test",scope="repository:charts/c:pull"`, r.Host))
			w.WriteHeader(http.StatusUnauthorized)
		default:
			inner.ServeHTTP(w, r)
		}
	})
}

// A registry's chart is found by its tag, and by its digest even where the tag has moved.
func TestFetchFromRegistry(t *testing.T) {
	const data = "an archive out of a registry"
	address, c := https(t, registry(t, data))
	ch := Chart{Repository: strings.Replace(address, "https", "oci", 1) + "/charts", Name: "c", Version: "1.0.0+build.7"}
	digest, err := c.Fetch(t.Context(), ch)
	require.NoError(t, err)
	require.Equal(t, digestOf(data), digest)
	require.Equal(t, data, kept(t, c, digest))

	ch.Version, ch.Digest = "0.0.1", digest
	_, err = c.Fetch(t.Context(), ch)
	require.NoError(t, err, "a digest needs no tag")

	for name, wrong := range map[string]Chart{
		"no such tag":    {ch.Repository, "c", "2.0.0", ""},
		"no such chart":  {ch.Repository, "d", "1.0.0", ""},
		"no chart":       {ch.Repository, "image", "1.0.0", ""},
		"no such digest": {ch.Repository, "c", "1.0.0", digestOf("something else")},
	} {
		_, err := c.Fetch(t.Context(), wrong)
		require.ErrorIs(t, err, ErrChartNotFound, name)
	}
}
