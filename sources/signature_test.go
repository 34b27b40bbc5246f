package sources

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// signing makes the real git sign what the repository commits, by ssh-keygen, with a key of a name.
type signing struct {
	*repo
	keys map[string]string // public keys, as a line has them, by name
}

func newSigning(t *testing.T, names ...string) *signing {
	t.Helper()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("ssh-keygen is not installed; git needs it to sign with SSH keys (package openssh-client)")
	}
	s := &signing{newRepo(t), map[string]string{}}
	s.git("config", "gpg.format", "ssh")
	for _, name := range names {
		file := filepath.Join(t.TempDir(), name)
		out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file).CombinedOutput()
		require.NoError(t, err, "%s", out)
		public, err := os.ReadFile(file + ".pub")
		require.NoError(t, err)
		s.keys[name] = strings.TrimSpace(string(public))
		s.git("config", "alias."+name, "-c user.signingkey="+file+" commit -q -S --allow-empty")
	}
	return s
}

// by writes one file and commits it with the signature of a name.
func (s *signing) by(name, file, content string) string {
	s.t.Helper()
	s.write(file, content)
	s.git("add", "-A")
	s.git(name, "-m", "change "+file)
	return s.git("rev-parse", "HEAD")
}

func textFile(t *testing.T, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return file
}

func (s *signing) allowed(lines ...string) string { return textFile(s.t, lines...) }

func (s *signing) line(name, options string) string {
	return strings.Join(strings.Fields(name+"@example.com "+options+" "+s.keys[name]), " ")
}

// refuses asserts that the source does not take what is there, says why, and keeps what it had.
func refuses(t *testing.T, g *Git, says string) {
	t.Helper()
	before, had := g.Last()
	_, err := g.Fetch(t.Context())
	require.ErrorIs(t, err, ErrSignature)
	require.ErrorContains(t, err, says)
	after, has := g.Last()
	require.Equal(t, had, has)
	require.Equal(t, before.Commit, after.Commit)
}

// A commit that nobody signed whose signature counts is not taken; the last good one stays in force, through
// a restart too, and every commit since must be good.
func TestUnsignedIsRefused(t *testing.T) {
	s := newSigning(t, "ada", "eve")
	first := s.by("ada", "file", "one")
	opts := Options{URL: s.dir, Dir: t.TempDir(), Signatures: Signatures{AllowedSigners: s.allowed("# people", "", s.line("ada", `namespaces="git"`)), Required: true}}
	g := open(t, opts)
	snapshot := fetch(t, g)
	require.Equal(t, "ada@example.com", snapshot.Commit.Signer.Principal)
	require.Equal(t, "ssh", snapshot.Commit.Signer.Kind)
	require.True(t, strings.HasPrefix(snapshot.Commit.Signer.Fingerprint, "SHA256:"))

	unsigned := s.put("file", "two")
	refuses(t, g, "commit "+short(unsigned)+": it is not signed")
	s.by("ada", "file", "three")
	refuses(t, g, "commit "+short(unsigned)+": it is not signed")
	again := open(t, opts)
	last, ok := again.Last()
	require.True(t, ok)
	require.Equal(t, first, last.Commit.Hash)
	require.Equal(t, snapshot.Commit.Signer, last.Commit.Signer)
	refuses(t, again, "it is not signed")
	_, err := again.At(t.Context(), unsigned)
	require.ErrorIs(t, err, ErrSignature)

	s.git("reset", "-q", "--hard", first)
	s.by("eve", "file", "four")
	refuses(t, again, "is no allowed signer's")
	s.git("reset", "-q", "--hard", first)
	good := s.by("ada", "file", "five")
	require.Equal(t, good, fetch(t, again).Commit.Hash)
	at, err := again.At(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, "ada@example.com", at.Commit.Signer.Principal)

	s.git("reset", "-q", "--hard", first)
	refuses(t, again, "history was set back to commit "+short(first))
}

// Without memory the whole history is held to the rules, unless a commit is named to begin from.
func TestLostMemoryIsMoreCareful(t *testing.T) {
	s := newSigning(t, "ada")
	old := s.put("file", "unsigned")
	head := s.by("ada", "file", "signed")
	allowed := s.allowed(s.line("ada", ""))
	dir := t.TempDir()
	loose := Options{URL: s.dir, Dir: dir, Signatures: Signatures{AllowedSigners: allowed}}
	g := open(t, loose)
	require.Equal(t, "ada@example.com", fetch(t, g).Commit.Signer.Principal)

	strict := loose
	strict.Signatures.Required = true
	g = open(t, strict)
	_, ok := g.Last()
	require.False(t, ok, "what was taken under no rules is not taken for good")
	refuses(t, g, "commit "+short(old)+": it is not signed")
	_, err := g.At(t.Context(), head)
	require.ErrorIs(t, err, ErrSignature)

	strict.Signatures.Since = old
	g = open(t, strict)
	require.Equal(t, head, fetch(t, g).Commit.Hash)
	_, err = g.At(t.Context(), old)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(dir))
	require.Equal(t, head, fetch(t, open(t, strict)).Commit.Hash)

	shallow := filepath.Join(t.TempDir(), "shallow")
	s.git("clone", "-q", "--depth=1", "file://"+s.dir, shallow)
	server := serveSSH(t, &repo{t, shallow})
	refuses(t, open(t, Options{URL: server.url, SSH: server.how, Signatures: Signatures{AllowedSigners: allowed, Required: true}}), "as in a shallow clone")
}

// A branch that was rewritten has to be good from the beginning: what was taken before vouches for none of it.
func TestRewrittenIsHeldWhole(t *testing.T) {
	s := newSigning(t, "ada")
	base := s.by("ada", "file", "one")
	s.by("ada", "file", "two")
	g := open(t, Options{URL: s.dir, Signatures: Signatures{AllowedSigners: s.allowed(s.line("ada", "")), Required: true}})
	was := fetch(t, g).Commit.Hash
	s.git("switch", "-q", "--orphan", "other")
	s.put("file", "unsigned")
	s.by("ada", "file", "three")
	s.git("branch", "-qf", "main")
	s.git("switch", "-q", "main")
	refuses(t, g, "it is not signed")
	s.git("reset", "-q", "--hard", base)
	s.by("ada", "file", "four")
	require.Equal(t, was, fetch(t, g).Rewritten)
}

// Some paths may be changed only by those who answer for them, by whatever way the change comes in.
func TestSignedPaths(t *testing.T) {
	s := newSigning(t, "ada", "carol")
	s.by("carol", "approvals/a", "1")
	opts := Options{URL: s.dir, Signatures: Signatures{
		AllowedSigners: s.allowed(s.line("ada", ""), s.line("carol", "")),
		Paths:          []SignedPath{{"approvals/**", []string{"carol@example.com"}}},
	}}
	g := open(t, opts)
	base := fetch(t, g).Commit.Hash
	require.Equal(t, s.put("other", "unsigned"), fetch(t, g).Commit.Hash, "the rest needs no signature")
	good := s.by("ada", "other", "x")
	require.Equal(t, "ada@example.com", fetch(t, g).Commit.Signer.Principal)
	for name, change := range map[string]func(){
		"signed by ada@example.com": func() { s.by("ada", "approvals/b/c", "2") },
		"it is not signed":          func() { s.put("approvals/a", "2") },
		"changes approvals, which carol@example.com must sign": func() {
			s.git("rm", "-qr", "approvals")
			s.link("other", "approvals")
			s.git("add", "-A")
			s.git("ada", "-m", "link")
		},
		"changes approvals/side": func() { // by a merge of what carol signed elsewhere
			s.git("switch", "-qc", "side", base)
			s.by("carol", "approvals/side", "1")
			s.git("switch", "-q", "main")
			s.git("merge", "-q", "--no-ff", "-m", "merge", "side")
		},
	} {
		change()
		refuses(t, g, name)
		s.git("reset", "-q", "--hard", good)
	}
	s.by("carol", "approvals/a", "3")
	require.Equal(t, "carol@example.com", fetch(t, g).Commit.Signer.Principal)

	for path, want := range map[string]map[string]bool{
		"policy/**":              {"policy/a": true, "policy/a/b": true, "policy": true, "policy2/a": false},
		"tenants/*/approvals/**": {"tenants/acme/approvals/x": true, "tenants/acme/x": false, "tenants": true, "tenants/acme": true},
		"CODEOWNERS":             {"CODEOWNERS": true, "x/CODEOWNERS": false},
		"**":                     {"anything/at/all": true},
	} {
		for file, covers := range want {
			require.Equal(t, covers, SignedPath{Path: path}.covers(file), "%s %s", path, file)
		}
	}
}

// A key counts from when and until when its line says; a commit cannot claim an earlier time than those before.
func TestValidity(t *testing.T) {
	s := newSigning(t, "ada", "bob") // they commit on 2026-03-02 at 15:00 UTC
	first := s.by("bob", "file", "x")
	s.by("ada", "file", "y")
	now := func() time.Time { return time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC) }
	for options, says := range map[string]string{
		`valid-after="20260302150000Z",valid-before="20260302150000Z"`: "",
		`valid-before="20260302145959Z"`:                               "no longer counts since 2026-03-02T14:59:59Z",
		`valid-after="202603021501Z"`:                                  "counts from 2026-03-02T15:01:00Z on only",
		`namespaces="file,email"`:                                      `is not allowed to sign for "git"`,
		`namespaces="file,git"`:                                        "",
	} {
		g := open(t, Options{URL: s.dir, Now: now, Signatures: Signatures{AllowedSigners: s.allowed(s.line("ada", options), s.line("bob", "")), Required: true}})
		if says != "" {
			refuses(t, g, says)
			continue
		}
		require.Equal(t, "ada@example.com", fetch(t, g).Commit.Signer.Principal)
	}
	s.git("reset", "-q", "--hard", first)
	old := gitEnv
	defer func() { gitEnv = old }()
	gitEnv = append(append([]string{}, old...), "GIT_COMMITTER_DATE=2026-02-01T00:00:00Z")
	s.by("ada", "file", "backdated")
	refuses(t, open(t, Options{URL: s.dir, Now: now, Signatures: Signatures{
		AllowedSigners: s.allowed(s.line("ada", `valid-before="20260301Z"`), s.line("bob", "")), Required: true}}), "no longer counts")
}

// Lines that we would understand otherwise than ssh-keygen are refused, not skipped.
func TestAllowedSignersRefused(t *testing.T) {
	s := newSigning(t, "ada", "bob")
	key := s.keys["ada"]
	for line, says := range map[string]string{
		"*@example.com " + key:                             "stands for more than one principal",
		"ada,bob " + key:                                   "stands for more than one principal",
		"ada cert-authority " + key:                        "cert-authority is not supported",
		"ada no-touch-required " + key:                     "the option no-touch-required is not known",
		`ada valid-before="soon" ` + key:                   `"soon" is no time`,
		"ada ssh-ed25519 AAAA":                             "no SSH key after",
		s.line("ada", "") + "\nbob@example.com " + key:     "nobody could say who signed",
		"ada " + strings.TrimSpace(rsaKey(t, 1024).public): "less than 2048 bits",
		"# nobody": "it names no key",
	} {
		_, err := Open(t.Context(), Options{URL: s.dir, Signatures: Signatures{AllowedSigners: s.allowed(line)}})
		require.ErrorContains(t, err, says, line)
	}
	allowed := s.allowed(s.line("ada", ""))
	for says, settings := range map[string]Signatures{
		"no allowed signers are named":    {Required: true},
		"none are required":               {AllowedSigners: allowed, Since: strings.Repeat("a", 40)},
		"is no full commit hash":          {AllowedSigners: allowed, Required: true, Since: "main"},
		"cannot be used":                  {AllowedSigners: allowed + "-absent"},
		"eve@example.com, who may sign":   {AllowedSigners: allowed, Paths: []SignedPath{{"policy", []string{"eve@example.com"}}}},
		"name its principals":             {AllowedSigners: allowed, Paths: []SignedPath{{"policy", nil}}},
		`"/policy" is no path`:            {AllowedSigners: allowed, Paths: []SignedPath{{"/policy", []string{"ada@example.com"}}}},
		`"**/policy" is no path`:          {AllowedSigners: allowed, Paths: []SignedPath{{"**/policy", []string{"ada@example.com"}}}},
		"it holds no armored OpenPGP key": {Keyring: allowed},
	} {
		_, err := Open(t.Context(), Options{URL: s.dir, Signatures: settings})
		require.ErrorContains(t, err, says)
	}
	file := s.allowed(s.line("ada", ""))
	s.by("ada", "file", "x")
	g := open(t, Options{URL: s.dir, Signatures: Signatures{AllowedSigners: file, Required: true}})
	fetch(t, g)
	require.NoError(t, os.WriteFile(file, []byte("half a li"), 0o600))
	refuses(t, g, "cannot be used")
}

type testRSA struct {
	signer ssh.Signer
	public string
}

func rsaKey(t *testing.T, bits int) testRSA {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	private, err := rsa.GenerateKey(rand.Reader, bits)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return testRSA{signer, string(ssh.MarshalAuthorizedKey(signer.PublicKey()))}
}

// sshsig makes a signature as ssh-keygen would, with what it never would.
func sshsig(t *testing.T, key ssh.Signer, namespace, hash, algorithm string, content []byte) []byte {
	t.Helper()
	digest := sha256.Sum256(content)
	signed := append([]byte(sshsigMagic), ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{namespace, "", hash, digest[:]})...)
	sig, err := key.(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, signed, algorithm)
	require.NoError(t, err)
	blob := append([]byte(sshsigMagic), ssh.Marshal(struct {
		Version                   uint32
		Key                       []byte
		Namespace, Reserved, Hash string
		Signature                 []byte
	}{1, key.PublicKey().Marshal(), namespace, "", hash, ssh.Marshal(sig)})...)
	return pem.EncodeToMemory(&pem.Block{Type: sshsigArmor, Bytes: blob})
}

const rawCommit = "tree 0123456789012345678901234567890123456789\nauthor A <a@example.com> 1 +0000\ncommitter A <a@example.com> 1 +0000\n\nhello\n"

// withSignature puts a signature into a raw commit as Git does.
func withSignature(raw string, signature []byte) []byte {
	header, message, _ := strings.Cut(raw, "\n\n")
	folded := strings.ReplaceAll(strings.TrimRight(string(signature), "\n"), "\n", "\n ")
	return []byte(header + "\ngpgsig " + folded + "\n\n" + message)
}

func TestSSHSignatures(t *testing.T) {
	key := rsaKey(t, 2048)
	var s signers
	require.NoError(t, s.readAllowed([]byte("ada@example.com "+key.public)))
	verify := func(raw []byte) error {
		_, err := s.verify(raw, time.Unix(1, 0), time.Unix(2, 0))
		return err
	}
	good := sshsig(t, key.signer, "git", "sha256", ssh.KeyAlgoRSASHA256, []byte(rawCommit))
	require.NoError(t, verify(withSignature(rawCommit, good)))
	cut := good[:len(good)/2]
	for says, raw := range map[string][]byte{
		"does not fit the commit":            withSignature(strings.Replace(rawCommit, "hello", "hallo", 1), good),
		`is for "file" and not for "git"`:    withSignature(rawCommit, sshsig(t, key.signer, "file", "sha256", ssh.KeyAlgoRSASHA256, []byte(rawCommit))),
		`hashes with "md5"`:                  withSignature(rawCommit, sshsig(t, key.signer, "git", "md5", ssh.KeyAlgoRSASHA256, []byte(rawCommit))),
		`of kind "ssh-rsa" is not taken`:     withSignature(rawCommit, sshsig(t, key.signer, "git", "sha256", ssh.KeyAlgoRSA, []byte(rawCommit))),
		"the SSH signature is malformed":     withSignature(rawCommit, cut),
		"it is not signed":                   []byte(rawCommit),
		"it has two signatures":              withSignature(string(withSignature(rawCommit, good)), good),
		"for SHA-256 repositories":           []byte(strings.Replace(string(withSignature(rawCommit, good)), "\n\n", "\ngpgsig-sha256 x\n\n", 1)),
		"its header does not end":            []byte("tree x\n"),
		"is neither SSH's nor OpenPGP's":     withSignature(rawCommit, []byte("-----BEGIN SIGNED MESSAGE-----")),
		"its OpenPGP signature is malformed": withSignature(rawCommit, []byte("-----BEGIN PGP SIGNATURE-----\nx")),
	} {
		require.ErrorContains(t, verify(raw), says)
	}
	body, _ := pem.Decode(good)
	for n := range body.Bytes { // no damage of a signature is ever taken for a good one, and none panics
		damaged := bytes.Clone(body.Bytes)
		damaged[n] ^= 1
		require.Error(t, verify(withSignature(rawCommit, pem.EncodeToMemory(&pem.Block{Type: sshsigArmor, Bytes: damaged}))))
	}
}
