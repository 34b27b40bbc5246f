package sources

import (
	"bytes"
	"crypto"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/require"
)

func pgpKey(t *testing.T, email string, at time.Time, lifetime uint32) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity("Ada", "", email, &packet.Config{Time: func() time.Time { return at }, KeyLifetimeSecs: lifetime, Algorithm: packet.PubKeyAlgoEdDSA})
	require.NoError(t, err)
	return e
}

func publicKeys(t *testing.T, all ...*openpgp.Entity) string {
	t.Helper()
	var text bytes.Buffer
	for _, e := range all {
		w, err := armor.Encode(&text, openpgp.PublicKeyType, nil)
		require.NoError(t, err)
		require.NoError(t, e.Serialize(w))
		require.NoError(t, w.Close())
		fmt.Fprintln(&text)
	}
	return textFile(t, text.String())
}

// An OpenPGP signature counts if its key is in the keyring, and counted when it was made.
func TestPGPSignatures(t *testing.T) {
	born := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ada, brief, eve := pgpKey(t, "ada@example.com", born, 0), pgpKey(t, "brief@example.com", born, 3600), pgpKey(t, "eve@example.com", born, 0)
	now := born.Add(48 * time.Hour)
	sign := func(e *openpgp.Entity, at time.Time, hash crypto.Hash) []byte {
		var out bytes.Buffer
		require.NoError(t, openpgp.ArmoredDetachSign(&out, e, strings.NewReader(rawCommit), &packet.Config{Time: func() time.Time { return at }, DefaultHash: hash}))
		return out.Bytes()
	}
	s, err := loadSigners("", publicKeys(t, ada, brief))
	require.NoError(t, err)
	soon, later := born.Add(time.Minute), born.Add(2*time.Hour)
	good := sign(ada, soon, crypto.SHA256)
	self := brief.PrimaryIdentity().SelfSignature // which the key's owner may leave out when signing too late
	bound := self.KeyLifetimeSecs
	self.KeyLifetimeSecs = nil
	late := sign(brief, later, crypto.SHA256)
	self.KeyLifetimeSecs = bound
	who, err := s.verify(withSignature(rawCommit, good), born, now)
	require.NoError(t, err)
	require.Equal(t, Signer{"ada@example.com", "openpgp", fingerprintOf(ada)}, who)
	_, err = s.verify(withSignature(rawCommit, sign(brief, soon, crypto.SHA256)), born, now)
	require.NoError(t, err)

	for says, raw := range map[string][]byte{
		"is no allowed signer's": withSignature(rawCommit, sign(eve, soon, crypto.SHA256)),
		"does not count":         withSignature(strings.Replace(rawCommit, "hello", "hallo", 1), good),
		"key expired":            withSignature(rawCommit, late),
		"which is yet to come":   withSignature(rawCommit, sign(ada, now.Add(time.Hour), crypto.SHA256)),
		"is malformed":           withSignature(rawCommit, append(bytes.Clone(good[:60]), "\n-----END PGP SIGNATURE-----"...)),
	} {
		_, err := s.verify(raw, born, now)
		require.ErrorContains(t, err, says)
	}
	_, err = s.verify(withSignature(rawCommit, sign(brief, soon, crypto.SHA256)), later, now)
	require.ErrorContains(t, err, "key expired", "the line of history is later than the signature says")
}

// Real gpg makes signatures too, which git puts into the commit.
func TestPGPByGit(t *testing.T) {
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("gpg is not installed; git needs it to sign with OpenPGP keys (package gnupg)")
	}
	home, err := os.MkdirTemp("", "gpg") // a socket's path must be short
	require.NoError(t, err)
	defer os.RemoveAll(home)
	gpg := func(args ...string) string {
		cmd := exec.Command("gpg", append([]string{"--homedir", home, "--batch", "--passphrase", ""}, args...)...)
		out, err := cmd.Output()
		require.NoError(t, err, "%v", args)
		return string(out)
	}
	gpg("--quick-gen-key", "Ada <ada@example.com>", "rsa3072", "sign", "never")
	defer func() { _ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() }()
	r := newRepo(t)
	old := gitEnv
	defer func() { gitEnv = old }()
	gitEnv = append(append([]string{}, old...), "GNUPGHOME="+home)
	r.git("config", "user.signingkey", "ada@example.com")
	r.git("commit", "-q", "-S", "--allow-empty", "-m", "signed")
	g := open(t, Options{URL: r.dir, Signatures: Signatures{Keyring: textFile(t, gpg("--armor", "--export")), Required: true}})
	require.Equal(t, "ada@example.com", fetch(t, g).Commit.Signer.Principal)
	r.put("file", "x")
	refuses(t, g, "it is not signed")

	content := textFile(t, "weak")
	for hash, says := range map[string]string{"SHA1": "does not count", "SHA512": ""} {
		signature := gpg("--digest-algo", hash, "--armor", "--output", "-", "--detach-sign", content)
		_, err := g.who.verifyPGP([]byte("weak\n"), []byte(signature), time.Time{}, time.Now().Add(time.Minute))
		if says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, says)
	}
}
