package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/web"
	"millwright.dev/millwright/internal/web/signin"
)

// signingIn is how people sign in to the dashboard at an OpenID Connect provider, and over what.
type signingIn struct {
	issuer, client, secretFile string
	url, groupsClaim           string
	scopes                     []string
	session                    time.Duration
	certificate, key           string
}

const usualSession = 8 * time.Hour

func (s *signingIn) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.issuer, "oidc-issuer", "", "URL of an OpenID Connect provider that people sign in at, instead of a proxy")
	cmd.Flags().StringVar(&s.client, "oidc-client", "", "name of the dashboard at the provider; it leads back to the path "+web.SignInBack+" of --public-url")
	cmd.Flags().StringVar(&s.secretFile, "oidc-secret-file", "", "file with the secret of --oidc-client; it is read each time that somebody signs in")
	cmd.Flags().StringVar(&s.groupsClaim, "oidc-groups-claim", "groups", "claim that holds the groups of whoever signs in")
	cmd.Flags().StringSliceVar(&s.scopes, "oidc-scopes", []string{"profile", "email"}, "scopes that the provider is asked for beside openid; some tell groups only where one of their own is asked for")
	cmd.Flags().StringVar(&s.url, "public-url", "", "URL under which browsers reach the address of --dashboard, as https://millwright.example.com")
	cmd.Flags().DurationVar(&s.session, "session", usualSession, "how long somebody who signed in is not asked again")
	cmd.Flags().StringVar(&s.certificate, "tls-cert", "", "file with the certificate for --dashboard, and its chain; without one something before it has to speak TLS")
	cmd.Flags().StringVar(&s.key, "tls-key", "", "file with the key of --tls-cert; both are read anew when they change")
}

// given reports whether people sign in here.
func (s *signingIn) given() bool { return s.issuer != "" }

// check refuses settings that would do nothing, or not work.
func (s *signingIn) check() error {
	if !s.given() && (s.client != "" || s.secretFile != "" || s.url != "" || s.session != usualSession) {
		return errors.New("--oidc-client, --oidc-secret-file, --public-url and --session say how people sign in at --oidc-issuer, which is not given")
	}
	if (s.certificate == "") != (s.key == "") {
		return errors.New("--tls-cert and --tls-key go together")
	}
	if s.given() {
		if _, err := s.secret(); err != nil {
			return err
		}
	}
	if s.certificate == "" {
		return nil
	}
	_, err := newKeyPair(s.certificate, s.key)
	return err
}

// access lets in whom the provider knows, and else what the proxy's rules say of groups and scrapers.
func (s *signingIn) access(p web.Proxy) (web.Access, error) {
	return signin.New(signin.Options{
		Issuer: s.issuer, ClientID: s.client, Secret: s.secret, Public: s.url, Scopes: s.scopes, GroupsClaim: s.groupsClaim,
		Viewers: p.Viewers, Metrics: p.Metrics, Session: s.session, Now: time.Now,
	})
}

// maxSecret is the longest secret that is read, in bytes.
const maxSecret = 4096

func (s *signingIn) secret() (string, error) {
	if s.secretFile == "" {
		return "", errors.New("--oidc-secret-file is not given")
	}
	text, err := os.ReadFile(s.secretFile)
	if err != nil {
		return "", fmt.Errorf("read the secret of the dashboard at the provider: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" || len(secret) > maxSecret {
		return "", fmt.Errorf("--oidc-secret-file %s: it holds no secret of 1 to %d characters", s.secretFile, maxSecret)
	}
	return secret, nil
}

// listener speaks TLS at an address where a certificate is given.
func (s *signingIn) listener(l net.Listener) (net.Listener, error) {
	if s.certificate == "" {
		return l, nil
	}
	pair, err := newKeyPair(s.certificate, s.key)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: pair.get}), nil
}
