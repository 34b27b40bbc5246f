package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/audit"
	"millwright.dev/millwright/internal/view"
	"millwright.dev/millwright/sources"
)

func newAudit(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Prove what was done, and write it out for an auditor",
		Long: `Audit holds the journal of what was done against the history of the fleet. See its commands.
` + exits(""),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.New("say what to do: `millwright audit verify` or `millwright audit export`")
		},
	}
	cmd.AddCommand(newAuditVerify(g), newAuditExport(g))
	return cmd
}

// verifyFlags are those of audit verify.
type verifyFlags struct {
	journal                 journalSource
	journalSigners          string
	signers, keyring, since string
	includes                string
}

func newAuditVerify(g *globals) *cobra.Command {
	var out outputs
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify [directory]",
		Short: "Prove that the journal and the history of the fleet agree",
		Long: `Verify reads the journal from its end to its beginning, and the history of the fleet that is checked out, and
says what they prove, what they cannot prove, and what is wrong:

  no run is missing, there twice, or changed after it was written
  each run is of a commit of the fleet's branch, in the order of that
  what was made, changed or deleted is what that commit wants, in the values that the journal holds
  runs are signed by an allowed signer (--journal-signers), commits of the fleet that were in force, and what lies
  between them, too (--allowed-signers, --openpgp-keyring), and approvals that are called verified by whom they name

A journal that nobody signs can be written anew as a whole by whoever may write to its repository: then it
helps to note the newest run, which verify prints, where they cannot write, and to name it later with
--includes. All commits are read by this version of Millwright; what another version did differently is not
held against a run, and is counted.

  millwright audit verify --journal https://git.example.com/journal.git --journal-signers agents.pub
` + exits("", exitInvalid, exitIncomplete),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.journal.required(); err != nil {
				return err
			}
			line, v, err := g.verify(cmd.Context(), g.directory(args), f)
			if err != nil {
				return err
			}
			err = out.write(g.stdout, map[string]writer{
				"text": func(w io.Writer, s view.Style) error { return view.VerificationText(w, v, s) },
				"json": form(v, view.VerificationJSON),
			})
			switch {
			case err != nil:
				return err
			case len(v.Wrong) > 0:
				return exit{code: exitError, text: plural(len(v.Wrong), "thing") + " wrong with the journal"}
			case line.Shallow:
				return exit{code: exitIncomplete, text: "the clone of the fleet is shallow; git fetch --unshallow"}
			}
			return nil
		},
	}
	out.flag(cmd, "text", "json")
	f.journal.flags(cmd)
	cmd.Flags().StringVar(&f.journalSigners, "journal-signers", "", "file of the SSH keys that sign the journal, in OpenSSH's format of allowed signers")
	cmd.Flags().StringVar(&f.signers, "allowed-signers", "", "file of the SSH keys whose signatures of the fleet's commits count, in OpenSSH's format of allowed signers")
	cmd.Flags().StringVar(&f.keyring, "openpgp-keyring", "", "file of the armored OpenPGP keys whose signatures of the fleet's commits count")
	cmd.Flags().StringVar(&f.since, "signed-since", "", "full hash of a commit of the fleet that needs no signature, nor does any before it")
	cmd.Flags().StringVar(&f.includes, "includes", "", "full hash of a commit that was the journal's newest once, and has to be in it")
	return cmd
}

func (g *globals) verify(ctx context.Context, dir string, f verifyFlags) (*sources.Line, audit.Verification, error) {
	var none audit.Verification
	line, err := sources.LineOf(dir, "HEAD")
	if err != nil {
		return nil, none, err
	}
	c, err := g.compiler()
	if err != nil {
		return nil, none, err
	}
	defer c.Close()
	want, _, err := g.compileDirectory(ctx, dir, false)
	if want.Fleet == nil {
		return nil, none, err
	}
	fleet := want.Fleet.Platform.Fleet
	j, err := f.journal.open(ctx, fleet)
	if err != nil {
		return nil, none, err
	}
	defer j.close()
	v := audit.Verify{
		Journal: j.Repository, Ref: j.ref, Tip: j.tip, Line: line, Fleet: fleet, SignedSince: f.since, Includes: f.includes, Version: version,
		Wants: func(ctx context.Context, i int) (audit.Wanted, error) {
			tree, err := audit.TreeAt(line, i)
			if err != nil {
				return audit.Wanted{}, err
			}
			want, found := c.compile(ctx, sources.Snapshot{Commit: line.Commits[i], FS: tree})
			switch {
			case found.Err() == nil:
				return audit.Wanted{Set: want.Set, Fleet: want.Fleet}, nil
			case found.Incomplete():
				return audit.Wanted{Set: want.Set, Fleet: want.Fleet, Lacks: "charts are not at hand, which `millwright charts` fetches"}, nil
			}
			return audit.Wanted{}, found.Err()
		},
	}
	if v.JournalKeys, err = keysOf(f.journalSigners, ""); err != nil {
		return nil, none, err
	}
	if v.SourceKeys, err = keysOf(f.signers, f.keyring); err != nil {
		return nil, none, err
	}
	answer, err := v.Run(ctx)
	return line, answer, err
}

// keysOf are those of two files; nil if neither is named.
func keysOf(signers, keyring string) (*sources.Keys, error) {
	if signers == "" && keyring == "" {
		return nil, nil
	}
	k, err := sources.LoadKeys(signers, keyring)
	return &k, err
}
