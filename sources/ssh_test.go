package sources

import (
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// sshServer lets one key run git-upload-pack and git-receive-pack, which are the real ones.
type sshServer struct {
	t    *testing.T
	addr string
	url  string
	how  SSH         // what a client needs
	key  ssh.Signer  // the host's
	mute atomic.Bool // it takes connections and says nothing
	// respond, if set, answers instead of git.
	respond atomic.Pointer[func(ssh.Channel)]
	done    sync.WaitGroup
}

// newKey makes a key of the seed's, and the private one as a file, locked by the passphrase unless that is empty.
func newKey(t *testing.T, seed byte, passphrase string) (ssh.Signer, string) {
	t.Helper()
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+seed)), ed25519.SeedSize)))
	block, err := ssh.MarshalPrivateKey(private, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	key, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return key, file
}

func knownHosts(t *testing.T, addr string, keys ...ssh.PublicKey) string {
	t.Helper()
	var lines strings.Builder
	for _, k := range keys {
		fmt.Fprintln(&lines, knownhosts.Line([]string{knownhosts.Normalize(addr)}, k))
	}
	file := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(file, []byte(lines.String()), 0o600))
	return file
}

func serveSSH(t *testing.T, r *repo) *sshServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &sshServer{t: t, addr: listener.Addr().String()}
	s.url = "ssh://git@" + s.addr + r.dir
	var deploy ssh.Signer
	s.key, _ = newKey(t, 1, "")
	deploy, s.how.Key = newKey(t, 2, "")
	s.how.KnownHosts = knownHosts(t, s.addr, s.key.PublicKey())
	config := &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() != "git" || string(key.Marshal()) != string(deploy.PublicKey().Marshal()) {
			return nil, fmt.Errorf("%s may not read", c.User())
		}
		return nil, nil
	}}
	config.AddHostKey(s.key)
	conns := make(map[net.Conn]bool)
	var mu sync.Mutex
	s.done.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[conn] = true
			mu.Unlock()
			s.done.Go(func() { s.handle(conn, config) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		s.done.Wait()
	})
	return s
}

func (s *sshServer) handle(conn net.Conn, config *ssh.ServerConfig) {
	defer func() { _ = conn.Close() }()
	if s.mute.Load() {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	s.done.Go(func() { ssh.DiscardRequests(requests) })
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		for req := range requests {
			var command struct{ Line string }
			if req.Type != "exec" || ssh.Unmarshal(req.Payload, &command) != nil {
				_ = req.Reply(false, nil)
				continue
			}
			_ = req.Reply(true, nil)
			s.done.Go(func() { s.exec(channel, command.Line) })
		}
	}
}

// answer has f answer instead of git.
func (s *sshServer) answer(f func(ssh.Channel)) { s.respond.Store(&f) }

// exec runs a command by a shell, as sshd does.
func (s *sshServer) exec(channel ssh.Channel, line string) {
	defer func() { _ = channel.Close() }()
	if respond := s.respond.Load(); respond != nil {
		(*respond)(channel)
		return
	}
	if !strings.HasPrefix(line, uploadPack+" ") && !strings.HasPrefix(line, receivePack+" ") {
		return
	}
	cmd := exec.Command("sh", "-c", line)
	cmd.Env, cmd.Stdout, cmd.Stderr = gitEnv, channel, channel.Stderr()
	in, err := cmd.StdinPipe() // whose end nobody waits for, as sshd does not
	if err != nil {
		return
	}
	s.done.Go(func() {
		_, _ = io.Copy(in, channel)
		_ = in.Close()
	})
	code := uint32(0)
	if cmd.Run() != nil {
		code = 128
	}
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
}

// A fetch over ssh takes what is new and no more, from an awkward path too.
func TestSSHFetch(t *testing.T) {
	r := newRepo(t)
	odd := filepath.Join(filepath.Dir(r.dir), "it's a fleet!")
	require.NoError(t, os.Rename(r.dir, odd))
	r.dir = odd
	r.put("file", "one")
	s := serveSSH(t, r)
	g := open(t, Options{URL: s.url, SSH: s.how, Dir: t.TempDir()})
	require.Equal(t, "one", read(t, fetch(t, g).FS, "file"))
	second := r.put("file", "two")
	require.Equal(t, second, fetch(t, g).Commit.Hash)
	require.Equal(t, 2, g.clone.packs)
	require.Equal(t, second, fetch(t, g).Commit.Hash)
	require.Equal(t, 2, g.clone.packs, "nothing is new")

	locked, file := newKey(t, 2, "open sesame")
	require.NotNil(t, locked)
	s.how.Key = file
	_, err := open(t, Options{URL: s.url, SSH: s.how}).Fetch(t.Context())
	require.ErrorIs(t, err, ErrUnauthorized)
	require.ErrorContains(t, err, "is locked and no passphrase is given")
	s.how.Passphrase = "sesame"
	_, err = open(t, Options{URL: s.url, SSH: s.how}).Fetch(t.Context())
	require.ErrorContains(t, err, "cannot be used")
	s.how.Passphrase = "open sesame"
	require.Equal(t, second, fetch(t, open(t, Options{URL: s.url, SSH: s.how})).Commit.Hash)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", s.how, Options{SSH: s.how}, s.how), "sesame")
}

// A host is never trusted by itself. What it offered, and what to do, is said with the fingerprint.
func TestSSHHostKeys(t *testing.T) {
	r := newRepo(t)
	r.put("file", "x")
	s := serveSSH(t, r)
	other, _ := newKey(t, 9, "")
	fingerprint := ssh.FingerprintSHA256(s.key.PublicKey())
	refused := func(how SSH) error {
		_, err := open(t, Options{URL: s.url, SSH: how}).Fetch(t.Context())
		require.ErrorIs(t, err, ErrHostKey)
		return err
	}
	how := s.how
	how.KnownHosts = knownHosts(t, "git.example.com:22", s.key.PublicKey())
	err := refused(how)
	require.ErrorContains(t, err, "is not in "+how.KnownHosts+"; it offers ssh-ed25519 "+fingerprint)
	require.ErrorContains(t, err, "compare that with what its owner publishes, then add the line")

	how.KnownHosts = knownHosts(t, s.addr, other.PublicKey())
	err = refused(how)
	require.ErrorContains(t, err, "offers ssh-ed25519 "+fingerprint)
	require.ErrorContains(t, err, "knows it by ssh-ed25519 "+ssh.FingerprintSHA256(other.PublicKey())+" (line 1): somebody may stand between")

	line, err := os.ReadFile(s.how.KnownHosts)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(how.KnownHosts, append([]byte("@revoked "), line...), 0o600))
	require.ErrorContains(t, refused(how), "is revoked")
	require.NoError(t, os.WriteFile(how.KnownHosts, append([]byte("@cert-authority "), line...), 0o600))
	require.ErrorContains(t, refused(how), "@cert-authority, which is not supported")
	how.KnownHosts = filepath.Join(t.TempDir(), "absent")
	require.ErrorContains(t, refused(how), "cannot be read")
}

// Each way in which a session fails has its error, and none lasts longer than the fetch may.
func TestSSHFailures(t *testing.T) {
	r := newRepo(t)
	r.put("file", "x")
	for name, test := range map[string]struct {
		breakIt func(s *sshServer)
		timeout time.Duration // long where the answer is to be heard, however slow the machine is
		want    error
		says    string
	}{
		"wrong path": {func(s *sshServer) { s.url += "-absent" }, time.Minute, ErrNotRepository, "does not appear to be a git repository"},
		"wrong key":  {func(s *sshServer) { _, s.how.Key = newKey(s.t, 7, "") }, time.Minute, ErrUnauthorized, "does not accept the deploy key SHA256:"},
		"wrong user": {func(s *sshServer) { s.url = strings.Replace(s.url, "git@", "ada@", 1) }, time.Minute, ErrUnauthorized, "for the user ada"},
		"no key":     {func(s *sshServer) { s.how.Key += "-absent" }, time.Minute, ErrUnauthorized, "cannot be read"},
		"silent":     {func(s *sshServer) { s.mute.Store(true) }, time.Second, ErrUnreachable, "no answer in time"},
		"silent git": {func(s *sshServer) { s.answer(func(c ssh.Channel) { _, _ = io.Copy(io.Discard, c) }) }, time.Second, ErrUnreachable, "no answer in time"},
		"breaks off": {func(s *sshServer) { s.answer(func(ssh.Channel) {}) }, time.Minute, ErrUnreachable, "the session broke off"},
		"endless":    {func(s *sshServer) { s.answer(endless) }, time.Minute, ErrTooLarge, "the remote's answer is more than 1000000 bytes"},
		"no Git":     {func(s *sshServer) { s.answer(func(c ssh.Channel) { fmt.Fprint(c, "Welcome!\n") }) }, time.Minute, ErrUnreachable, "the session broke off"},
		"not a forge": {func(s *sshServer) {
			s.answer(func(c ssh.Channel) { fmt.Fprint(c.Stderr(), "ERROR: Repository not found.\n") })
		}, time.Minute, ErrNotRepository, "Repository not found."},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveSSH(t, r)
			s.t = t
			test.breakIt(s)
			_, err := open(t, Options{URL: s.url, SSH: s.how, Timeout: test.timeout, MaxPack: 1_000_000}).Fetch(t.Context())
			require.ErrorIs(t, err, test.want)
			require.ErrorContains(t, err, test.says)
		})
	}
	s := serveSSH(t, r)
	s.mute.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := open(t, Options{URL: s.url, SSH: s.how}).Fetch(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// endless advertises refs for ever.
func endless(c ssh.Channel) {
	for n := 0; ; n++ {
		line := fmt.Sprintf("%040x refs/heads/b%d\x00ofs-delta\n", n+1, n)
		if n > 0 {
			line = strings.Replace(line, "\x00ofs-delta", "", 1)
		}
		if _, err := fmt.Fprintf(c, "%04x%s", len(line)+4, line); err != nil {
			return
		}
	}
}

func TestSSHAddresses(t *testing.T) {
	for raw, want := range map[string]sshAddress{
		"git@git.example.com:acme/fleet.git":            {"git", "git.example.com:22", "acme/fleet.git"},
		"ssh://git.example.com/acme/fleet.git":          {"git", "git.example.com:22", "/acme/fleet.git"},
		"ssh://ada@git.example.com:2222/~ada/fleet.git": {"ada", "git.example.com:2222", "~ada/fleet.git"},
		"ssh://git@[2001:db8::1]/fleet.git":             {"git", "[2001:db8::1]:22", "/fleet.git"},
	} {
		at, ok, err := parseSSH(raw)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, want, at)
	}
	for _, raw := range []string{"/srv/fleet", "fleet", "./a@b:c", "https://git.example.com/fleet.git", "file:///srv/fleet"} {
		_, ok, err := parseSSH(raw)
		require.NoError(t, err)
		require.False(t, ok, raw)
	}
}
