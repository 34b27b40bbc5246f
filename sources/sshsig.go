package sources

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// The format is OpenSSH's PROTOCOL.sshsig: an armored blob that names the key, what the signature is for
// and how the content was hashed, all of which the key signs.
const (
	sshsigArmor     = "SSH SIGNATURE"
	sshsigMagic     = "SSHSIG"
	sshsigNamespace = "git"
	minRSA          = 2048 // bits
)

type sshSignature struct {
	key                       ssh.PublicKey
	namespace, reserved, hash string
	signature                 ssh.Signature
}

// parseSSHSignature takes one armored signature and nothing beside.
func parseSSHSignature(armored []byte) (sshSignature, error) {
	malformed := errors.New("the SSH signature is malformed")
	block, rest := pem.Decode(armored)
	if block == nil || block.Type != sshsigArmor || len(block.Headers) > 0 || len(bytes.TrimSpace(rest)) > 0 {
		return sshSignature{}, malformed
	}
	body, ok := bytes.CutPrefix(block.Bytes, []byte(sshsigMagic))
	var blob struct {
		Version   uint32
		Key       []byte
		Namespace string
		Reserved  string
		Hash      string
		Signature []byte
	}
	if !ok || ssh.Unmarshal(body, &blob) != nil {
		return sshSignature{}, malformed
	}
	if blob.Version != 1 {
		return sshSignature{}, fmt.Errorf("version %d of SSH signatures is not known", blob.Version)
	}
	s := sshSignature{namespace: blob.Namespace, reserved: blob.Reserved, hash: blob.Hash}
	var err error
	if s.key, err = ssh.ParsePublicKey(blob.Key); err != nil || ssh.Unmarshal(blob.Signature, &s.signature) != nil {
		return sshSignature{}, malformed
	}
	return s, nil
}

// check proves that the key signed the content for Git. Whose key it is, is not asked here.
func (s sshSignature) check(content []byte) error {
	if s.namespace != sshsigNamespace {
		return fmt.Errorf("the SSH signature is for %q and not for %q", cleanText(s.namespace), sshsigNamespace)
	}
	var digest []byte
	switch s.hash {
	case "sha256":
		sum := sha256.Sum256(content)
		digest = sum[:]
	case "sha512":
		sum := sha512.Sum512(content)
		digest = sum[:]
	default:
		return fmt.Errorf("the SSH signature hashes with %q; sha256 and sha512 are taken", cleanText(s.hash))
	}
	if err := checkSSHKey(s.key); err != nil {
		return err
	}
	formats := []string{s.key.Type()}
	if s.key.Type() == ssh.KeyAlgoRSA {
		formats = []string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512}
	}
	if !slices.Contains(formats, s.signature.Format) {
		return fmt.Errorf("an SSH signature of kind %q is not taken; its key makes %s", cleanText(s.signature.Format), strings.Join(formats, " and "))
	}
	if len(s.signature.Rest) > 0 && !strings.HasPrefix(s.signature.Format, "sk-") {
		return errors.New("the SSH signature has a tail that nothing accounts for")
	}
	signed := append([]byte(sshsigMagic), ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{s.namespace, s.reserved, s.hash, digest})...)
	if s.key.Verify(signed, &s.signature) != nil {
		return errors.New("the SSH signature does not fit the commit")
	}
	return nil
}

// checkSSHKey refuses keys whose signatures prove nothing, or that stand for an authority.
func checkSSHKey(key ssh.PublicKey) error {
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256:
		return nil
	case ssh.KeyAlgoRSA:
		if c, ok := key.(ssh.CryptoPublicKey); ok {
			if k, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok && k.N.BitLen() >= minRSA {
				return nil
			}
		}
		return fmt.Errorf("an RSA key of less than %d bits is not taken", minRSA)
	}
	return fmt.Errorf("a key of kind %s is not taken: use ed25519, ECDSA or RSA, and no certificate", key.Type())
}
