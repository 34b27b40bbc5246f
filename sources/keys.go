package sources

import (
	"fmt"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Keys are whose signatures count where commits are verified one by one, long after they were made.
type Keys struct{ who signers }

// LoadKeys reads a file of allowed signers, and one of OpenPGP keys, as [Signatures] has them; either may be empty.
func LoadKeys(allowedSigners, keyring string) (Keys, error) {
	who, err := loadSigners(allowedSigners, keyring)
	return Keys{who}, err
}

// Signer says who signed a commit, given as Git hashes it, by the keys that counted at a time; an error says why
// nobody did that counts.
func (k Keys) Signer(raw []byte, at time.Time) (Signer, error) {
	return k.who.verify(raw, at, time.Now().UTC())
}

// Raw is a commit of the line's repository as Git hashes it, whether it is on the line or not.
func (l *Line) Raw(hash string) ([]byte, error) {
	if !plumbing.IsHash(hash) {
		return nil, fmt.Errorf("%q is no full commit hash", hash)
	}
	return (&objects{mu: l.objects.mu, storer: l.objects.storer}).read(plumbing.CommitObject, plumbing.NewHash(hash), maxCommit)
}

// Leads reports whether a commit is the i-th of the line, or one of those that led to it, merged branches included.
func (l *Line) Leads(hash string, i int) (bool, error) {
	todo, seen := []plumbing.Hash{plumbing.NewHash(l.Commits[i].Hash)}, map[plumbing.Hash]bool{}
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if id.String() == hash {
			return true, nil
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		if !l.objects.has(id) && l.Shallow {
			continue // before it began, nothing is known
		}
		c, err := l.objects.commit(id)
		if err != nil {
			return false, err
		}
		todo = append(todo, c.ParentHashes...)
	}
	return false, nil
}
