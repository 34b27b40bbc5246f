package sources

import (
	"bufio"
	"bytes"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"golang.org/x/crypto/ssh"
)

// Signer is who is proven to have signed a commit.
type Signer struct {
	// Principal is the name that the settings give to the key: a line's first word in a file of allowed
	// signers, the e-mail address of the primary user ID of an OpenPGP key.
	Principal string `json:"principal"`
	// Kind is "ssh" or "openpgp".
	Kind string `json:"kind"`
	// Fingerprint is the key's: SHA256:… of an SSH key, hex digits of an OpenPGP primary key.
	Fingerprint string `json:"fingerprint"`
}

// signers are the keys whose signatures count.
type signers struct {
	ssh map[string][]allowedKey // by the key's bytes; one for each of its lines
	pgp openpgp.EntityList
}

// allowedKey is a line of a file of allowed signers.
type allowedKey struct {
	principal     string
	forGit        bool
	after, before time.Time // zero where there is no bound
}

// loadSigners reads both files; either name may be empty.
func loadSigners(allowed, keyring string) (signers, error) {
	var s signers
	for file, read := range map[string]func([]byte) error{allowed: s.readAllowed, keyring: s.readKeyring} {
		if file == "" {
			continue
		}
		data, err := os.ReadFile(file)
		if err == nil {
			err = read(data)
		}
		if err != nil {
			return signers{}, fail(ErrSignature, "the keys of %s cannot be used: %s", file, cleanText(err.Error()))
		}
	}
	return s, nil
}

// has reports whether any key is of that principal.
func (s signers) has(principal string) bool {
	for _, lines := range s.ssh {
		if lines[0].principal == principal {
			return true
		}
	}
	return slices.ContainsFunc(s.pgp, func(e *openpgp.Entity) bool { return principalOf(e) == principal })
}

// whenever are the same signers, of whom SSH keys count at any time.
func (s signers) whenever() signers {
	all := make(map[string][]allowedKey, len(s.ssh))
	for id, lines := range s.ssh {
		for _, line := range lines {
			line.after, line.before = time.Time{}, time.Time{}
			all[id] = append(all[id], line)
		}
	}
	s.ssh = all
	return s
}

// readAllowed takes OpenSSH's format of allowed signers, of which each key must be one person's.
func (s *signers) readAllowed(data []byte) error {
	s.ssh = map[string][]allowedKey{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, id, err := parseAllowed(line)
		if err == nil && len(s.ssh[id]) > 0 && s.ssh[id][0].principal != key.principal {
			err = fmt.Errorf("the key of %s is that of %s too: nobody could say who signed", key.principal, s.ssh[id][0].principal)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		s.ssh[id] = append(s.ssh[id], key)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if len(s.ssh) == 0 {
		return errors.New("it names no key")
	}
	return nil
}

// parseAllowed takes "principal [options] type key [comment]".
func parseAllowed(line string) (allowedKey, string, error) {
	principal, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	k := allowedKey{principal: principal, forGit: true}
	if strings.ContainsAny(principal, `*?!,"`) {
		return k, "", fmt.Errorf("%q stands for more than one principal, which is not supported: write a line for each key, with one name", principal)
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(strings.TrimSpace(rest)))
	if err != nil {
		return k, "", fmt.Errorf("no SSH key after %q: write the principal, options if any, and the public key", principal)
	}
	if err := checkSSHKey(key); err != nil {
		return k, "", err
	}
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(name) {
		case "namespaces":
			k.forGit = slices.Contains(strings.Split(value, ","), sshsigNamespace)
		case "valid-after":
			k.after, err = parseSSHTime(value)
		case "valid-before":
			k.before, err = parseSSHTime(value)
		case "cert-authority":
			err = errors.New("cert-authority is not supported: list the keys themselves")
		default:
			err = fmt.Errorf("the option %s is not known", cleanText(name))
		}
		if err != nil {
			return k, "", err
		}
	}
	return k, string(key.Marshal()), nil
}

// parseSSHTime takes YYYYMMDD[HHMM[SS]], in this machine's zone or, with a Z, in UTC, as ssh-keygen does.
func parseSSHTime(text string) (time.Time, error) {
	digits, isUTC := strings.CutSuffix(text, "Z")
	zone := time.Local
	if isUTC {
		zone = time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(layout) == len(digits) {
			if at, err := time.ParseInLocation(layout, digits, zone); err == nil {
				return at, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write YYYYMMDD or YYYYMMDDHHMMSS, with a Z for UTC", cleanText(text))
}

// readKeyring takes an armored file of public keys.
func (s *signers) readKeyring(data []byte) error {
	for len(bytes.TrimSpace(data)) > 0 { // a file may hold one block after another
		next := bytes.Index(data[1:], []byte("-----BEGIN ")) + 1
		block := data
		if next > 0 {
			block = data[:next]
		}
		data = data[len(block):]
		if !bytes.Contains(block, []byte("-----BEGIN ")) {
			continue // a note before the first
		}
		found, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(block))
		if err != nil {
			return err
		}
		s.pgp = append(s.pgp, found...)
	}
	if len(s.pgp) == 0 {
		return errors.New("it holds no armored OpenPGP key")
	}
	for _, e := range s.pgp {
		id := fingerprintOf(e)
		if e.PrivateKey != nil {
			return fmt.Errorf("key %s is a private one: export the public key", id)
		}
		if principalOf(e) == "" {
			return fmt.Errorf("the primary user ID of key %s has no e-mail address, which would be its principal", id)
		}
		if err := checkPGPKey(e.PrimaryKey); err != nil {
			return fmt.Errorf("key %s: %w", id, err)
		}
	}
	return nil
}

func checkPGPKey(key *packet.PublicKey) error {
	if k, ok := key.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() < minRSA {
		return fmt.Errorf("an RSA key of less than %d bits is not taken", minRSA)
	}
	if key.PubKeyAlgo == packet.PubKeyAlgoDSA {
		return errors.New("a DSA key is not taken")
	}
	return nil
}

func fingerprintOf(e *openpgp.Entity) string {
	return strings.ToUpper(hex.EncodeToString(e.PrimaryKey.Fingerprint))
}

func principalOf(e *openpgp.Entity) string {
	id := e.PrimaryIdentity()
	if id == nil || id.UserId == nil {
		return ""
	}
	if at, err := mail.ParseAddress(id.UserId.Email); err == nil {
		return at.Address
	}
	return ""
}
