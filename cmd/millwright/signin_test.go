package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/web"
)

// certified writes a certificate for 127.0.0.1 with a serial number, and its key.
func certified(t *testing.T, dir string, serial int64) (certificate, key string, authority *x509.Certificate) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	require.NoError(t, err)
	authority, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	require.NoError(t, err)
	certificate, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	require.NoError(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	return certificate, key, authority
}

// TestDashboardThatPeopleSignInTo protects that nobody sees it unasked, that it speaks TLS with the newest
// certificate, and that an agent works also while its provider does not.
func TestDashboardThatPeopleSignInTo(t *testing.T) {
	dir := t.TempDir()
	certificate, key, authority := certified(t, dir, 1)
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("hush\n"), 0o600))
	d := dashboard{listen: "127.0.0.1:0", public: "127.0.0.1:0", user: userHeader, groups: groupsHeader, viewers: []string{"ops"}, signingIn: signingIn{
		issuer: "http://127.0.0.1:9", client: "millwright", secretFile: secret, url: "https://dash.example.com", groupsClaim: "groups", session: time.Hour, certificate: certificate, key: key,
	}}
	require.NoError(t, d.check())
	read, err := d.secret()
	require.NoError(t, err)
	require.Equal(t, "hush", read)
	var log lines
	wait, err := d.serve(t.Context(), &web.Store{}, time.Minute, filepath.Join(dir, "address"), slog.New(slog.NewJSONHandler(&log, nil)))
	require.NoError(t, err)
	defer wait()
	var public string
	for line := range log.all() {
		var said struct{ Address string }
		require.NoError(t, json.Unmarshal([]byte(line), &said))
		public = said.Address
	}
	ask := func(path string, trust *x509.Certificate) (int, string, int64) {
		pool := x509.NewCertPool()
		pool.AddCert(trust)
		browser := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+public+path, nil)
		require.NoError(t, err)
		r.Header.Set(userHeader, "mallory") // whom nobody believes here
		r.Header.Set(groupsHeader, "ops")
		w, err := browser.Do(r)
		require.NoError(t, err)
		defer w.Body.Close()
		return w.StatusCode, w.Header.Get("Location"), w.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	code, where, serial := ask("/tenants", authority)
	require.Equal(t, http.StatusSeeOther, code)
	require.Equal(t, "/sign-in?to=%2Ftenants", where)
	require.EqualValues(t, 1, serial)
	code, _, _ = ask("/sign-in", authority)
	require.Equal(t, http.StatusBadGateway, code)

	_, _, renewed := certified(t, dir, 2)
	later := time.Now().Add(time.Minute)
	require.NoError(t, os.Chtimes(certificate, later, later))
	code, _, serial = ask("/api/v1/summary", renewed)
	require.Equal(t, http.StatusUnauthorized, code)
	require.EqualValues(t, 2, serial)
	require.NoError(t, os.WriteFile(key, []byte("half"), 0o600))
	_, _, serial = ask("/", renewed)
	require.EqualValues(t, 2, serial, "the last pair that fits together serves on")

	for says, change := range map[string]func(*dashboard){
		"either --oidc-issuer or --trusted-proxy": func(d *dashboard) { d.proxies = []string{"10.0.0.1"} },
		"and --trusted-proxy is not given":        func(d *dashboard) { d.user = "X-User" },
		"sign in at --oidc-issuer, which":         func(d *dashboard) { d.issuer, d.proxies = "", []string{"10.0.0.1"} },
		"go together":                             func(d *dashboard) { d.key = "" },
		"read the certificate":                    func(*dashboard) {},
		"--oidc-secret-file is not given":         func(d *dashboard) { d.secretFile = "" },
		"read the secret":                         func(d *dashboard) { d.secretFile = filepath.Join(dir, "none") },
		"at the address of --dashboard, which":    func(d *dashboard) { d.public = "" },
		"is no https URL":                         func(d *dashboard) { d.issuer, d.certificate, d.key = "http://idp.example.com", "", "" },
	} {
		other := d
		change(&other)
		require.ErrorContains(t, other.check(), says)
	}
}
