package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// serveCharts is "repository template [user password]": a Helm repository, whose address is in
// $REPOSITORY, its host in $REGISTRY, and whose certificate is trusted, has version 1.0.0 of the chart
// "queues" with that template, for everybody or for who knows the password. The digest of its archive is
// in $DIGEST.
func serveCharts(ts *testscript.TestScript, _ bool, args []string) {
	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	entries := tar.NewWriter(zipped)
	for _, f := range []struct{ name, text string }{
		{"queues/Chart.yaml", "apiVersion: v2\nname: queues\nversion: 1.0.0\n"},
		{"queues/templates/queue.yaml", ts.ReadFile(args[0])},
	} {
		ts.Check(entries.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: 0o644, Size: int64(len(f.text))}))
		_, err := entries.Write([]byte(f.text))
		ts.Check(err)
	}
	ts.Check(entries.Close())
	ts.Check(zipped.Close())
	sum := sha256.Sum256(archive.Bytes())

	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); len(args) == 3 && (user != args[1] || password != args[2]) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/index.yaml":
			fmt.Fprint(w, "entries: {queues: [{version: 1.0.0, urls: [queues-1.0.0.tgz]}]}")
		case "/queues-1.0.0.tgz":
			_, _ = w.Write(archive.Bytes())
		default:
			http.NotFound(w, r)
		}
	}))
	ts.Defer(server.Close)
	authority := ts.MkAbs("authority.pem")
	ts.Check(os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	ts.Setenv("SSL_CERT_FILE", authority)
	ts.Setenv("REPOSITORY", server.URL)
	ts.Setenv("REGISTRY", strings.TrimPrefix(server.URL, "https://"))
	ts.Setenv("DIGEST", "sha256:"+hex.EncodeToString(sum[:]))
}
