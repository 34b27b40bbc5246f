package sources

import (
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

func (g *Git) verifier(o *objects, who signers) *verifier {
	return &verifier{Signatures: g.opts.Signatures, who: who, objects: o, now: g.opts.Now().UTC()}
}

// judge says who signed a commit that was just fetched, or why it must not be taken. was is the last good
// commit, which kept the same rules; the zero hash if there is none, which makes the line longer.
func (g *Git) judge(o *objects, c *object.Commit, was plumbing.Hash) (*Signer, error) {
	v := g.verifier(o, g.who)
	if !v.enforced() {
		return v.signerOf(c), nil
	}
	if !was.IsZero() && c.Hash != was && descends(g.clone.now, was, c.Hash) {
		return nil, fail(ErrSignature, "history was set back to commit %s, which no signature asks for: bring a signed commit that reverts what is to go", short(c.Hash.String()))
	}
	at, err := v.chain(c, was)
	if err != nil {
		return nil, err
	}
	if who, err := v.signer(c, at); err == nil {
		return &who, nil
	}
	return nil, nil
}

// recheck is judge for a commit of the past: one that the last good commit's line passed through kept the
// rules then, and any other is held to them now.
func (g *Git) recheck(o *objects, c *object.Commit) (*Signer, error) {
	who, err := g.opts.Signatures.check()
	if err != nil {
		return nil, err
	}
	v := g.verifier(o, who)
	if v.enforced() && !g.passed(o, c.Hash) {
		if _, err := v.chain(c); err != nil {
			return nil, err
		}
	}
	return v.signerOf(c), nil
}

// passed reports whether a commit is the last good one, or among its first parents as far as they were
// held to the rules.
func (g *Git) passed(o *objects, id plumbing.Hash) bool {
	g.mu.Lock()
	at := plumbing.NewHash(g.last.Commit.Hash)
	g.mu.Unlock()
	for o.has(at) {
		if at == id {
			return true
		}
		c, err := o.commit(at)
		if err != nil || len(c.ParentHashes) == 0 || at.String() == g.opts.Signatures.Since {
			return false
		}
		at = c.ParentHashes[0]
	}
	return false
}

// signerOf is who signed a commit, by the time that it says itself; nil if nobody did whose signature counts.
func (v *verifier) signerOf(c *object.Commit) *Signer {
	if !v.known() {
		return nil
	}
	who, err := v.signer(c, v.past(c.Committer.When))
	if err != nil {
		return nil
	}
	return &who
}
