package sources

import (
	"crypto/rand"
	"crypto/sha512"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// SSHSigner reads a private key in OpenSSH's format and returns what signs commits with it, as git does: the bytes of
// a commit become its armored signature. An empty passphrase is for a key that is not locked.
func SSHSigner(file, passphrase string) (func(commit []byte) (string, error), error) {
	key, err := readKey("signing", file, passphrase)
	if err != nil {
		return nil, err
	}
	if err := checkSSHKey(key.PublicKey()); err != nil {
		return nil, fmt.Errorf("the signing key %s: %w", file, err)
	}
	return func(commit []byte) (string, error) { return signSSH(key, commit) }, nil
}

// signSSH is the other side of sshSignature.check.
func signSSH(key ssh.Signer, content []byte) (string, error) {
	const hash = "sha512"
	digest := sha512.Sum512(content)
	signed := append([]byte(sshsigMagic), ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{sshsigNamespace, "", hash, digest[:]})...)
	var sig *ssh.Signature
	var err error
	if key.PublicKey().Type() == ssh.KeyAlgoRSA { // with SHA-1 it would prove nothing
		able, ok := key.(ssh.AlgorithmSigner)
		if !ok {
			return "", errors.New("the RSA key cannot sign with SHA-512")
		}
		sig, err = able.SignWithAlgorithm(rand.Reader, signed, ssh.KeyAlgoRSASHA512)
	} else {
		sig, err = key.Sign(rand.Reader, signed)
	}
	if err != nil {
		return "", err
	}
	blob := append([]byte(sshsigMagic), ssh.Marshal(struct {
		Version                   uint32
		Key                       []byte
		Namespace, Reserved, Hash string
		Signature                 []byte
	}{1, key.PublicKey().Marshal(), sshsigNamespace, "", hash, ssh.Marshal(sig)})...)
	return string(pem.EncodeToMemory(&pem.Block{Type: sshsigArmor, Bytes: blob})), nil
}
