package main

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/guard"
	"millwright.dev/millwright/sources"
)

// keys are the files of those whose signatures count, for commands that read a directory.
type keys struct{ signatures sources.Signatures }

func (k *keys) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.signatures.AllowedSigners, "allowed-signers", "", "file of the SSH keys whose signatures count, as the agent has it: approvals are then told to be verified or not")
	cmd.Flags().StringVar(&k.signatures.Keyring, "openpgp-keyring", "", "file of the armored OpenPGP keys whose signatures count, as the agent has it")
}

// verifies reports whether signatures are verified at all.
func verifies(s sources.Signatures) bool { return s.AllowedSigners != "" || s.Keyring != "" }

// approvers are who gave the approvals of a fleet, as its history tells, which may be why it cannot be read.
func approvers(f *fleet.Fleet, verified bool, h *sources.History, err error) guard.Approvers {
	a := guard.Approvers{Keys: verified, Of: make(map[string]guard.Approver, len(f.Approvals))}
	for name := range f.Approvals {
		a.Of[name] = approver(h, err, f.PosOf("approval/"+name).File)
	}
	if err == nil {
		a.Brought = (&hands{history: h, fleet: f, roots: map[string][]string{}}).in
	} else {
		a.Brought = func(string, []string) ([]string, error) { return nil, err }
	}
	return a
}

// approversOf says who gave the approvals of a commit of a remote repository.
func approversOf(git *sources.Git, verified bool) func(commit string, f *fleet.Fleet) guard.Approvers {
	return func(commit string, f *fleet.Fleet) guard.Approvers {
		h, err := git.History(commit)
		return approvers(f, verified, h, err)
	}
}

func approver(h *sources.History, err error, file string) guard.Approver {
	if err != nil {
		return guard.Approver{Unknown: err.Error()}
	}
	b, err := h.Brought(file)
	if err != nil {
		return guard.Approver{Unknown: err.Error()}
	}
	if s := b.Commit.Signer; s != nil {
		return guard.Approver{Name: s.Principal, Verified: true, Commit: b.Commit.Hash}
	}
	return guard.Approver{Name: cmp.Or(b.Commit.Author.Email, b.Commit.Author.Name), Commit: b.Commit.Hash, Unknown: b.Unsigned}
}

var errUncommitted = errors.New("the directory is not what was committed")

// approversIn are those of a snapshot of the repository in or around a directory. What of it is not committed
// nobody has brought yet.
func (k *keys) approversIn(dir string, s sources.Snapshot, f *fleet.Fleet) guard.Approvers {
	if len(f.Approvals) == 0 {
		return guard.Approvers{Keys: verifies(k.signatures)}
	}
	if s.Commit.IsZero() {
		return approvers(f, verifies(k.signatures), nil, errors.New("it is not committed"))
	}
	h, err := sources.HistoryOf(dir, s.Commit.Hash, k.signatures)
	a := approvers(f, verifies(k.signatures), h, err)
	if !s.Dirty {
		return a
	}
	committed, err := sources.AtRevision(dir, s.Commit.Hash)
	for name := range f.Approvals {
		if err != nil || !sameFile(s.FS, committed.FS, f.PosOf("approval/"+name).File) {
			a.Of[name] = guard.Approver{Unknown: "it is not committed"}
		}
	}
	a.Brought = func(string, []string) ([]string, error) { return nil, errUncommitted }
	return a
}

// givenIn are the approvals of a fleet as they stand.
func givenIn(in guard.Input) []blast.Given {
	var all []blast.Given
	for name, a := range fleet.All(in.Fleet.Approvals) {
		by := in.Approvers.Of[name]
		all = append(all, blast.Given{Name: name, By: by.Name, Verified: by.Verified, Standing: guard.Standing(a, in), Until: a.Until, Reason: a.Reason, Ticket: a.Ticket})
	}
	return all
}

func sameFile(a, b fs.FS, name string) bool {
	one, err1 := fs.ReadFile(a, name)
	other, err2 := fs.ReadFile(b, name)
	return err1 == nil && err2 == nil && bytes.Equal(one, other)
}
