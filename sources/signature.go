package sources

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"golang.org/x/crypto/ssh"
)

var errUnsigned = errors.New("it is not signed")

// splitCommit takes the signature out of the raw bytes of a commit, as Git does; what is left is what was
// signed. Of anything that two readers could understand differently it takes nothing.
func splitCommit(raw []byte) (signed, signature []byte, err error) {
	const header, other = "gpgsig ", "gpgsig-sha256 "
	inside := false
	for rest := raw; len(rest) > 0; {
		line := rest
		if end := bytes.IndexByte(rest, '\n'); end >= 0 {
			line = rest[:end+1]
		}
		rest = rest[len(line):]
		switch {
		case len(line) == 1: // the message begins
			signed = append(append(signed, line...), rest...)
			if len(signature) == 0 {
				return nil, nil, errUnsigned
			}
			return signed, signature, nil
		case inside && line[0] == ' ':
			signature = append(signature, line[1:]...)
			continue
		case bytes.HasPrefix(line, []byte(other)):
			return nil, nil, errors.New("it has a signature for SHA-256 repositories, which are not supported")
		case bytes.HasPrefix(line, []byte(header)):
			if len(signature) > 0 {
				return nil, nil, errors.New("it has two signatures")
			}
			inside, signature = true, append(signature, line[len(header):]...)
			continue
		}
		inside = false
		signed = append(signed, line...)
	}
	return nil, nil, errors.New("its header does not end")
}

// verify says who signed the raw commit with a key that counts at that time. No time is later than now.
func (s signers) verify(raw []byte, at, now time.Time) (Signer, error) {
	signed, signature, err := splitCommit(raw)
	if err != nil {
		return Signer{}, err
	}
	switch {
	case bytes.HasPrefix(signature, []byte("-----BEGIN SSH SIGNATURE-----")):
		return s.verifySSH(signed, signature, at)
	case bytes.HasPrefix(signature, []byte("-----BEGIN PGP SIGNATURE-----")):
		return s.verifyPGP(signed, signature, at, now)
	}
	return Signer{}, errors.New("its signature is neither SSH's nor OpenPGP's")
}

func (s signers) verifySSH(signed, armored []byte, at time.Time) (Signer, error) {
	sig, err := parseSSHSignature(armored)
	if err != nil {
		return Signer{}, err
	}
	fingerprint := ssh.FingerprintSHA256(sig.key)
	lines := s.ssh[string(sig.key.Marshal())]
	if len(lines) == 0 {
		return Signer{}, fmt.Errorf("its key %s %s is no allowed signer's", sig.key.Type(), fingerprint)
	}
	if err := sig.check(signed); err != nil {
		return Signer{}, err
	}
	for _, line := range lines {
		switch {
		case !line.forGit:
			err = fmt.Errorf("the key %s of %s is not allowed to sign for %q", fingerprint, line.principal, sshsigNamespace)
		case at.Before(line.after):
			err = fmt.Errorf("the key %s of %s counts from %s on only", fingerprint, line.principal, line.after.UTC().Format(time.RFC3339))
		case !line.before.IsZero() && at.After(line.before):
			err = fmt.Errorf("the key %s of %s no longer counts since %s", fingerprint, line.principal, line.before.UTC().Format(time.RFC3339))
		default:
			return Signer{Principal: line.principal, Kind: "ssh", Fingerprint: fingerprint}, nil
		}
	}
	return Signer{}, err
}

// strongHashes are those by which an OpenPGP signature may bind a commit.
var strongHashes = []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA3_256, crypto.SHA3_512}

func (s signers) verifyPGP(signed, armored []byte, at, now time.Time) (Signer, error) {
	block, err := armor.Decode(bytes.NewReader(armored))
	if err != nil || block.Type != openpgp.SignatureType {
		return Signer{}, errors.New("its OpenPGP signature is malformed")
	}
	body, err := io.ReadAll(block.Body)
	if err != nil {
		return Signer{}, errors.New("its OpenPGP signature is malformed")
	}
	packets := packet.NewReader(bytes.NewReader(body))
	first, err := packets.Next()
	sig, ok := first.(*packet.Signature)
	if err != nil || !ok || sig.IssuerKeyId == nil {
		return Signer{}, errors.New("its OpenPGP signature is malformed")
	}
	if _, err := packets.Next(); !errors.Is(err, io.EOF) {
		return Signer{}, errors.New("it has more than one OpenPGP signature")
	}
	if len(s.pgp.KeysById(*sig.IssuerKeyId)) == 0 {
		return Signer{}, fmt.Errorf("its OpenPGP key %016X is no allowed signer's", *sig.IssuerKeyId)
	}
	// The signature is made a little after the time that the commit says, and its key must count then.
	if sig.CreationTime.After(at) {
		at = sig.CreationTime
	}
	if at.After(now) {
		return Signer{}, fmt.Errorf("its OpenPGP signature is of %s, which is yet to come", at.UTC().Format(time.RFC3339))
	}
	_, who, err := openpgp.VerifyDetachedSignatureAndHash(s.pgp, bytes.NewReader(signed), bytes.NewReader(body), strongHashes,
		&packet.Config{Time: func() time.Time { return at }})
	if err != nil {
		return Signer{}, fmt.Errorf("its OpenPGP signature by key %016X does not count: %s", *sig.IssuerKeyId, cleanText(err.Error()))
	}
	for _, key := range who.Subkeys {
		if key.PublicKey.KeyId == *sig.IssuerKeyId {
			if err := checkPGPKey(key.PublicKey); err != nil {
				return Signer{}, err
			}
		}
	}
	return Signer{Principal: principalOf(who), Kind: "openpgp", Fingerprint: fingerprintOf(who)}, nil
}
