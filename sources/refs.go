package sources

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

const (
	branches = "refs/heads/"
	tags     = "refs/tags/"
)

// refs is what a remote has: its names, and where HEAD stands (the zero hash if nowhere).
type refs struct {
	named map[string]plumbing.Hash
	head  plumbing.Hash
	// anyCommit says that the remote gives any commit of its history, and not only tips.
	anyCommit bool
}

// target is what a configured ref stands for on a remote.
type target struct {
	tip plumbing.Hash // a commit, or an annotated tag
	tag bool
	// wants is what to ask for so that tip arrives.
	wants []plumbing.Hash
}

// find resolves a configured ref: nothing for the default branch, a branch or tag with or without
// its refs/ prefix, or a commit's full hash.
func (r refs) find(ref string) (target, error) {
	if len(r.named) == 0 {
		return target{}, fail(ErrEmpty, "push a first commit")
	}
	if ref == "" {
		if r.head.IsZero() {
			return target{}, fail(ErrRefNotFound, "the remote names no default branch; %s", r.choices())
		}
		return target{tip: r.head, wants: []plumbing.Hash{r.head}}, nil
	}
	if plumbing.IsHash(ref) {
		return r.findCommit(plumbing.NewHash(ref)), nil
	}
	if id, ok := r.named[ref]; ok && strings.HasPrefix(ref, "refs/") {
		return target{tip: id, tag: strings.HasPrefix(ref, tags), wants: []plumbing.Hash{id}}, nil
	}
	branch, isBranch := r.named[branches+ref]
	tag, isTag := r.named[tags+ref]
	switch {
	case isBranch && isTag:
		return target{}, fail(ErrRefNotFound, "%s is both a branch and a tag; write %s or %s", ref, branches+ref, tags+ref)
	case isBranch:
		return target{tip: branch, wants: []plumbing.Hash{branch}}, nil
	case isTag:
		return target{tip: tag, tag: true, wants: []plumbing.Hash{tag}}, nil
	}
	return target{}, fail(ErrRefNotFound, "no branch or tag %s, and no full commit hash; %s", ref, r.choices())
}

// findCommit asks for the commit itself where the remote gives any, else for all that may contain it.
func (r refs) findCommit(id plumbing.Hash) target {
	tips := map[plumbing.Hash]bool{}
	for name, tip := range r.named {
		if tip == id || r.anyCommit {
			return target{tip: id, wants: []plumbing.Hash{id}}
		}
		if strings.HasPrefix(name, branches) || strings.HasPrefix(name, tags) {
			tips[tip] = true
		}
	}
	wants := slices.Collect(maps.Keys(tips))
	plumbing.HashesSort(wants)
	return target{tip: id, wants: wants}
}

// maxChoices bounds how many branches a message lists.
const maxChoices = 5

func (r refs) choices() string {
	var names []string
	for name := range r.named {
		if branch, ok := strings.CutPrefix(name, branches); ok {
			names = append(names, cleanText(branch))
		}
	}
	slices.Sort(names)
	if len(names) > maxChoices {
		names = append(names[:maxChoices], "…")
	}
	return "branches: " + strings.Join(names, ", ")
}
