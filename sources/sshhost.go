package sources

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// SSH is how to get at an ssh remote. Both files are read before every fetch, so that a rotated key is
// taken up at once. However it is printed, it shows nothing.
type SSH struct {
	// KnownHosts is a file of host keys as OpenSSH writes it. No host is ever trusted without.
	KnownHosts string
	// Key is a file with the private key that may read the repository (a deploy key).
	Key string
	// Passphrase unlocks Key; empty where it is not locked.
	Passphrase string
}

// Format prints s as a placeholder under every verb.
func (s SSH) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(redacted)") }

// MarshalText encodes s as the same placeholder.
func (s SSH) MarshalText() ([]byte, error) { return []byte("(redacted)"), nil }

// sshAddress is where an ssh remote is; host has a port.
type sshAddress struct{ user, host, path string }

// sshDefaultUser is whom every forge expects.
const sshDefaultUser = "git"

// parseSSH takes ssh://[user@]host[:port]/path and the user@host:path that git clone takes; ok is false
// for anything else. It never repeats what may be a password.
func parseSSH(raw string) (at sshAddress, ok bool, err error) {
	if !strings.Contains(raw, "://") {
		login, path, isRemote := strings.Cut(raw, ":")
		user, host, isLogin := strings.Cut(login, "@")
		if !isRemote || !isLogin || strings.Contains(login, "/") {
			return at, false, nil
		}
		at = sshAddress{user, net.JoinHostPort(host, "22"), path}
		return at, true, at.check()
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "ssh" {
		return at, false, nil
	}
	if _, has := u.User.Password(); has {
		return at, true, errors.New("the URL holds a password; take it out and give a deploy key")
	}
	at = sshAddress{u.User.Username(), net.JoinHostPort(u.Hostname(), "22"), u.Path}
	if u.Port() != "" {
		at.host = net.JoinHostPort(u.Hostname(), u.Port())
	}
	if at.user == "" {
		at.user = sshDefaultUser
	}
	if strings.HasPrefix(at.path, "/~") {
		at.path = at.path[1:]
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return at, true, fmt.Errorf("the URL has a query or a fragment: %w", errURLForm)
	}
	return at, true, at.check()
}

func (at sshAddress) check() error {
	host, _, _ := net.SplitHostPort(at.host)
	if at.user == "" || host == "" || at.path == "" || at.path == "/" || strings.HasPrefix(at.path, "-") || strings.ContainsAny(at.path, "\x00\n") {
		return fmt.Errorf("the ssh URL is malformed: %w", errURLForm)
	}
	return nil
}

// check says what is missing before a remote could ever be asked.
func (s SSH) check() error {
	if s.KnownHosts == "" {
		return errors.New("an ssh remote needs a known_hosts file: without one, nobody could tell the host from another")
	}
	if s.Key == "" {
		return errors.New("an ssh remote needs the file of a deploy key")
	}
	return nil
}

// signer reads the deploy key.
func (s SSH) signer() (ssh.Signer, error) { return readKey("deploy", s.Key, s.Passphrase) }

// readKey reads a private key of a purpose.
func readKey(purpose, file, passphrase string) (ssh.Signer, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fail(ErrUnauthorized, "the %s key cannot be read: %s", purpose, cleanText(err.Error()))
	}
	var key ssh.Signer
	if passphrase == "" {
		key, err = ssh.ParsePrivateKey(data)
	} else {
		key, err = ssh.ParsePrivateKeyWithPassphrase(data, []byte(passphrase))
	}
	if err == nil {
		return key, nil
	}
	if locked := (*ssh.PassphraseMissingError)(nil); errors.As(err, &locked) {
		return nil, fail(ErrUnauthorized, "the %s key %s is locked and no passphrase is given", purpose, file)
	}
	return nil, fail(ErrUnauthorized, "the %s key %s cannot be used: %s", purpose, file, cleanText(err.Error(), passphrase))
}

// hostKeys checks hosts against the known_hosts file.
type hostKeys struct {
	file    string
	known   ssh.HostKeyCallback
	refused atomic.Pointer[error] // why the host was, told by the goroutine that shakes hands
}

func (s SSH) hostKeys() (*hostKeys, error) {
	data, err := os.ReadFile(s.KnownHosts)
	if err != nil {
		return nil, fail(ErrHostKey, "the known_hosts file cannot be read: %s", cleanText(err.Error()))
	}
	if bytes.Contains(data, []byte("@cert-authority")) {
		return nil, fail(ErrHostKey, "%s names a @cert-authority, which is not supported: list the host's own keys", s.KnownHosts)
	}
	known, err := knownhosts.New(s.KnownHosts)
	if err != nil {
		return nil, fail(ErrHostKey, "the known_hosts file cannot be used: %s", cleanText(err.Error()))
	}
	return &hostKeys{file: s.KnownHosts, known: known}, nil
}

// algorithms are those of the keys that the host is known by, so that it offers one of them and no other
// that it has too. Empty where the host is unknown; certificates are in neither case asked for.
func (h *hostKeys) algorithms(host string) []string {
	// Nobody has this key, so that the answer lists all that are known.
	nobody, err := ssh.NewPublicKey(ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)))
	var found *knownhosts.KeyError
	if err != nil || !errors.As(h.known(host, &net.TCPAddr{IP: net.IPv4zero}, nobody), &found) || len(found.Want) == 0 {
		return []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512}
	}
	var all []string
	for _, k := range found.Want {
		if k.Key.Type() == ssh.KeyAlgoRSA { // with SHA-1 it proves nothing any more
			all = append(all, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512)
			continue
		}
		all = append(all, k.Key.Type())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// check is the callback of a handshake. What it finds stands in refused too, since the handshake's own
// error is a text.
func (h *hostKeys) check(host string, remote net.Addr, key ssh.PublicKey) error {
	err := h.known(host, remote, key)
	if err == nil {
		return nil
	}
	err = h.explain(err, host, key)
	h.refused.Store(&err)
	return err
}

func (h *hostKeys) explain(err error, host string, key ssh.PublicKey) error {
	name := knownhosts.Normalize(host)
	offered := fmt.Sprintf("%s %s", key.Type(), ssh.FingerprintSHA256(key))
	var revoked *knownhosts.RevokedError
	var other *knownhosts.KeyError
	switch {
	case errors.As(err, &revoked):
		return fail(ErrHostKey, "%s offers %s, which %s says is revoked", name, offered, h.file)
	case errors.As(err, &other) && len(other.Want) > 0:
		var want []string
		for _, k := range other.Want {
			want = append(want, fmt.Sprintf("%s %s (line %d)", k.Key.Type(), ssh.FingerprintSHA256(k.Key), k.Line))
		}
		return fail(ErrHostKey, "%s offers %s, and %s knows it by %s: somebody may stand between; if its owner confirms the new key, replace the old one there",
			name, offered, h.file, strings.Join(want, ", "))
	case errors.As(err, &other):
		return fail(ErrHostKey, "%s is not in %s; it offers %s: compare that with what its owner publishes, then add the line %q there",
			name, h.file, offered, knownhosts.Line([]string{host}, key))
	}
	return fail(ErrHostKey, "%s: %s", name, cleanText(err.Error()))
}

// dial connects, proves the host and logs in, all before ctx is done. The connection ends with ctx.
func (s SSH) dial(ctx context.Context, at sshAddress) (client *ssh.Client, stop func() bool, err error) {
	key, err := s.signer()
	if err != nil {
		return nil, nil, err
	}
	hosts, err := s.hostKeys()
	if err != nil {
		return nil, nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", at.host)
	if err != nil {
		return nil, nil, err
	}
	stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
	c, channels, requests, err := ssh.NewClientConn(conn, at.host, &ssh.ClientConfig{
		User: at.user, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: hosts.check, HostKeyAlgorithms: hosts.algorithms(at.host),
	})
	if err == nil {
		return ssh.NewClient(c, channels, requests), stop, nil
	}
	stop()
	_ = conn.Close()
	refused := hosts.refused.Load()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case refused != nil:
		err = *refused
	case strings.Contains(err.Error(), "unable to authenticate"):
		err = fail(ErrUnauthorized, "the remote does not accept the deploy key %s for the user %s", ssh.FingerprintSHA256(key.PublicKey()), at.user)
	default:
		err = fail(ErrUnreachable, "%s: %s", at.host, cleanText(err.Error(), s.Passphrase))
	}
	return nil, nil, err
}
