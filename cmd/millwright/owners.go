package main

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/owners"
	"millwright.dev/millwright/sources"
)

// approvals says who has to agree to what differs between two revisions of the whole repository. It goes by the
// CODEOWNERS file of the base as that is now, as forges do: a request cannot choose its own judges, nor keep those that
// there were when it was begun.
func approvals(b between, fork sources.Fork, base, head, tip sources.Snapshot) (blast.Approvals, error) {
	none := blast.Approvals{Needs: []blast.Approval{}}
	root, below, err := sources.Root(b.dir)
	if err != nil {
		return none, err
	}
	if below != "." { // the fleet is only a part of it
		whole, err := sources.OpenCheckout(root)
		if err != nil {
			return none, err
		}
		if base, err = whole.At(fork.Commit); err != nil {
			return none, err
		}
		if tip = base; fork.Moved() {
			if tip, err = whole.At(fork.Base); err != nil {
				return none, err
			}
		}
		if head, err = headOf(whole, b.head); err != nil {
			return none, err
		}
	}
	file, err := readOwners(tip.FS)
	if err != nil || file == nil {
		return none, err
	}
	files, err := sources.ChangedFiles(base.FS, head.FS)
	if err != nil {
		return none, err
	}
	return approvalsOf(*file, files), nil
}

// approvalsOf asks a CODEOWNERS file about files of the repository.
func approvalsOf(f owners.File, files []string) blast.Approvals {
	all := blast.Approvals{File: f.Name, Needs: []blast.Approval{}}
	for _, file := range files {
		owned := f.Of(file)
		if len(owned) == 0 {
			all.Unowned = append(all.Unowned, file)
		}
		for _, o := range owned {
			same := func(a blast.Approval) bool {
				return a.Section == o.Section && slices.Equal(a.Owners, o.Owners)
			}
			i := slices.IndexFunc(all.Needs, same)
			if i < 0 {
				i = len(all.Needs)
				all.Needs = append(all.Needs, blast.Approval{Section: o.Section, Owners: o.Owners, Count: o.Count, Optional: o.Optional})
			}
			all.Needs[i].Files = append(all.Needs[i].Files, file)
		}
	}
	slices.SortFunc(all.Needs, func(a, b blast.Approval) int {
		if c := strings.Compare(a.Section, b.Section); c != 0 {
			return c
		}
		return slices.Compare(a.Owners, b.Owners)
	})
	return all
}

// readOwners reads the CODEOWNERS file of a repository; nil if it has none.
func readOwners(fsys fs.FS) (*owners.File, error) {
	for _, place := range owners.Places {
		text, err := fs.ReadFile(fsys, place)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		f := owners.Parse(place, string(text))
		return &f, nil
	}
	return nil, nil
}

// lintOwners finds what is wrong with the CODEOWNERS file of a repository, if it has one, in which a fleet lies below
// some directory.
func lintOwners(top sources.Snapshot, below string, f *fleet.Fleet) (diag.List, error) {
	file, err := readOwners(top.FS)
	if err != nil || file == nil {
		return nil, err
	}
	files, err := sources.Files(top.FS)
	if err != nil {
		return nil, err
	}
	found := owners.Lint(*file, files, mustOwn(f, below, file.Name))
	up := "" // from the fleet to the top
	for at := below; at != "."; at = path.Dir(at) {
		up += "../"
	}
	for i := range found {
		found[i].Pos.File = up + found[i].Pos.File
	}
	return found, nil
}

// mustOwn are the files that somebody has to own: those of tenants, and those that say who may do what.
func mustOwn(f *fleet.Fleet, below, file string) []owners.Must {
	must := []owners.Must{{File: file, What: "which says who has to agree", Governance: true}}
	if at := f.PosOf("policy"); at.IsValid() {
		must = append(must, owners.Must{File: path.Join(below, at.File), What: "the policy", Governance: true})
	}
	for name := range fleet.All(f.Approvals) {
		must = append(must, owners.Must{File: path.Join(below, f.PosOf("approval/"+name).File), What: "the file of approval " + name, Governance: true})
	}
	for _, rule := range f.Rules().All() {
		must = append(must, owners.Must{File: path.Join(below, rule.Pos.File), What: "the rules of policy", Governance: true})
	}
	for name := range fleet.All(f.Tenants) {
		must = append(must, owners.Must{File: path.Join(below, f.PosOf("tenant/"+name).File), What: "the file of tenant " + name})
	}
	return must
}
