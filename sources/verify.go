package sources

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Signatures say whose signatures count, and what must bear one. Both files are read before every fetch.
//
// What is required holds for a commit and for all first parents back to the last one that kept the same
// rules, to Since, or to the first of the history. A merge is judged as a whole, by its own signature.
type Signatures struct {
	// AllowedSigners is a file of SSH keys as ssh-keygen reads it, each with one principal.
	AllowedSigners string
	// Keyring is a file of armored OpenPGP public keys.
	Keyring string
	// Required says that every commit must be signed.
	Required bool
	// Paths must be signed by their own principals where a commit changes them.
	Paths []SignedPath
	// Since is the full hash of a commit that is trusted as it is, with all before it. Empty means that
	// the whole history is held to the rules.
	Since string
}

// SignedPath is who may sign what changes a path of the repository.
type SignedPath struct {
	// Path is a file or a directory with all below it, from the repository's top. A "*" stands for any
	// part of one name; a trailing "/**" says directory and changes nothing.
	Path       string   `json:"path"`
	Principals []string `json:"principals"`
}

// known reports whether signatures are looked at, enforced whether they decide.
func (s Signatures) known() bool    { return s.AllowedSigners != "" || s.Keyring != "" }
func (s Signatures) enforced() bool { return s.Required || len(s.Paths) > 0 }

// check reports the first setting that cannot work, and returns the signers of now.
func (s Signatures) check() (signers, error) {
	if s.enforced() && !s.known() {
		return signers{}, errors.New("signatures are required and no allowed signers are named")
	}
	if s.Since != "" && !s.enforced() {
		return signers{}, errors.New("a commit is named from which on signatures are required, and none are required")
	}
	if s.Since != "" && !plumbing.IsHash(s.Since) {
		return signers{}, fmt.Errorf("%q, from which on signatures are required, is no full commit hash", s.Since)
	}
	who, err := loadSigners(s.AllowedSigners, s.Keyring)
	if err != nil {
		return signers{}, err
	}
	for _, p := range s.Paths {
		if len(p.parts()) == 0 && p.Path != "**" || slices.ContainsFunc(p.parts(), notInPattern) {
			return signers{}, fmt.Errorf("%q is no path that can be held to signers: write one such as policy/** or tenants/*/approvals/**", p.Path)
		}
		if len(p.Principals) == 0 {
			return signers{}, fmt.Errorf("nobody may sign what changes %s: name its principals", p.Path)
		}
		for _, name := range p.Principals {
			if !who.has(name) {
				return signers{}, fmt.Errorf("%s, who may sign what changes %s, is no allowed signer", name, p.Path)
			}
		}
	}
	return who, nil
}

// rules are what a commit was held to, in one line; empty if to nothing. The keys are not part of it: a
// commit that was signed when it was taken stays so.
func (s Signatures) rules() string {
	if !s.enforced() {
		return ""
	}
	text, _ := json.Marshal(struct { // of strings and a bool, which cannot fail
		Required bool         `json:"required"`
		Paths    []SignedPath `json:"paths,omitempty"`
		Since    string       `json:"since,omitempty"`
	}{s.Required, s.Paths, s.Since})
	return string(text)
}

func notInPattern(part string) bool {
	_, err := path.Match(part, "")
	return err != nil || part == "" || part == "." || part == ".." || strings.Contains(part, "**")
}

func (p SignedPath) parts() []string {
	name := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(p.Path, "**"), "/"), "/")
	if name == "" {
		return nil
	}
	return strings.Split(name, "/")
}

// covers reports whether a change of the file changes what stands at the path: the file is there, or below
// it, or stands where a directory above it would (a link there could lead anywhere).
func (p SignedPath) covers(file string) bool {
	names := strings.Split(file, "/")
	for i, part := range p.parts() {
		if i == len(names) {
			break
		}
		if ok, _ := path.Match(part, names[i]); !ok {
			return false
		}
	}
	return true
}

// verifier holds the commits of one fetch to the rules.
type verifier struct {
	Signatures
	who     signers
	objects *objects
	now     time.Time
}

// chain holds head and its first parents to the rules, oldest first, back to a trusted commit or the root.
// It returns the time at which head counts as made: its committer's, but never before that of a commit
// before it, since a key that has expired could still claim an earlier one, and never later than now.
func (v *verifier) chain(head *object.Commit, trusted ...plumbing.Hash) (time.Time, error) {
	if v.Since != "" {
		trusted = append(trusted, plumbing.NewHash(v.Since))
	}
	var line []*object.Commit
	var at time.Time
	for c := head; ; {
		if slices.Contains(trusted, c.Hash) {
			at = v.past(c.Committer.When)
			break
		}
		line = append(line, c)
		if len(c.ParentHashes) == 0 {
			break
		}
		parent := c.ParentHashes[0]
		if !v.objects.has(parent) {
			return at, fail(ErrSignature, "the history before commit %s is not there, as in a shallow clone: name the commit from which on signatures are required", short(c.Hash.String()))
		}
		var err error
		if c, err = v.objects.commit(parent); err != nil {
			return at, err
		}
	}
	for _, c := range slices.Backward(line) {
		if t := v.past(c.Committer.When); t.After(at) {
			at = t
		}
		if err := v.hold(c, at); err != nil {
			return at, err
		}
	}
	return at, nil
}

func (v *verifier) past(t time.Time) time.Time {
	if t.After(v.now) {
		return v.now
	}
	return t
}

// hold refuses a commit that lacks the signature it needs.
func (v *verifier) hold(c *object.Commit, at time.Time) error {
	who, err := v.signer(c, at)
	if err != nil && v.Required {
		return fail(ErrSignature, "commit %s: %s", short(c.Hash.String()), cleanText(err.Error()))
	}
	if len(v.Paths) == 0 {
		return nil
	}
	files, changesErr := v.changes(c)
	if changesErr != nil {
		return changesErr
	}
	for _, p := range v.Paths {
		i := slices.IndexFunc(files, p.covers)
		if i < 0 {
			continue
		}
		allowed := strings.Join(p.Principals, ", ")
		if err != nil {
			return fail(ErrSignature, "commit %s changes %s, which %s must sign: %s", short(c.Hash.String()), cleanText(files[i]), allowed, cleanText(err.Error()))
		}
		if !slices.Contains(p.Principals, who.Principal) {
			return fail(ErrSignature, "commit %s changes %s, which %s must sign, and is signed by %s", short(c.Hash.String()), cleanText(files[i]), allowed, who.Principal)
		}
	}
	return nil
}

// signer says who signed a commit; an error says why nobody did that counts.
func (v *verifier) signer(c *object.Commit, at time.Time) (Signer, error) {
	raw, err := v.objects.read(plumbing.CommitObject, c.Hash, maxCommit)
	if err != nil {
		return Signer{}, err
	}
	return v.who.verify(raw, at, v.now)
}

// changes are the files by which a commit differs from its first parent, which is there.
func (v *verifier) changes(c *object.Commit) ([]string, error) {
	of := func(c *object.Commit) *commitFS { return &commitFS{tree{nodes: newCommitTree(v.objects, c)}} }
	if len(c.ParentHashes) == 0 {
		return Files(of(c))
	}
	parent, err := v.objects.commit(c.ParentHashes[0])
	if err != nil {
		return nil, err
	}
	return ChangedFiles(of(parent), of(c))
}
