package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/view"
	"millwright.dev/millwright/sources"
)

func newValidate(g *globals) *cobra.Command {
	var (
		out  outputs
		base string
	)
	cmd := &cobra.Command{
		Use:   "validate [directory]",
		Short: "Check a fleet: everything that is wrong, at once, without network",
		Long: `Validate compiles the fleet, checks it as a whole and renders it. It needs no network and no
credentials, writes nothing, and prints nothing but the number of things if all is well. In the text
and github forms files are named from where you are, in the json form from the fleet's root.

If the repository has a CODEOWNERS file, it is checked too: every tenant's file is owned, and no line is
without effect. With --base validate also compares the fleet with what is in force, a revision of the Git repository that it
lies in: what cannot be changed any more, and what is removed without having been retired first.
` + exits("", exitInvalid, exitIncomplete),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := g.directory(args)
			v, snapshot, err := g.validate(cmd.Context(), dir, base)
			if err != nil {
				return err
			}
			err = out.write(g.stdout, map[string]writer{
				"text": func(w io.Writer, s view.Style) error {
					if err := view.Diagnostics(w, v.Found, snapshot.FS, about(dir, s)); err != nil || v.Found.Err() != nil {
						return err
					}
					_, err := fmt.Fprintln(w, v.Summary)
					return err
				},
				"json":   form(v.Found, view.DiagnosticsJSON),
				"github": func(w io.Writer, s view.Style) error { return view.DiagnosticsGitHub(w, v.Found, about(dir, s)) },
			})
			if err != nil {
				return err
			}
			return outcome(v.Found)
		},
	}
	out.flag(cmd, "text", "json", "github")
	cmd.Flags().StringVar(&base, "base", "", "revision to compare with: a branch, tag or commit, like origin/main")
	return cmd
}

// compare says what of a fleet cannot be made of a revision of its repository. A revision without a fleet, or
// with one that this version of Millwright does not take, is compared with nothing, and that is said: else no
// commit could mend it.
func (c *compiler) compare(ctx context.Context, dir, rev string, head *fleet.Fleet) (diag.List, error) {
	nothing := func(why string) diag.List {
		return diag.List{{
			Severity: diag.Warning, Code: "MW279", Summary: "nothing was compared with " + rev + ": " + why,
			Hint: "look with care for what cannot be changed, or name a revision that is in force",
		}}
	}
	snapshot, err := sources.AtRevision(dir, rev)
	switch {
	case errors.Is(err, sources.ErrPathNotFound):
		return nothing("the fleet's directory is not there"), nil
	case err != nil:
		return nil, err
	}
	base, found := c.Load(ctx, snapshot.FS)
	if err := found.Err(); err != nil {
		return nothing(found[0].Error()), ctx.Err()
	}
	return fleet.Compare(ctx, base, head), nil
}

// summary says what a correct fleet has.
func summary(f *fleet.Fleet, objects int) string {
	return fmt.Sprintf("valid: %s, %s, %s, %s, %s", plural(len(f.Machines), "machine"), plural(len(f.Tenants), "tenant"),
		plural(len(f.Pools()), "pool"), plural(len(f.Segments), "segment"), plural(objects, "object"))
}

func newRender(g *globals) *cobra.Command {
	var out outputs
	cmd := &cobra.Command{
		Use:   "render [directory]",
		Short: "Print every object that a fleet wants, in all systems",
		Long: `Render prints the desired objects of a fleet, sorted by address. It needs no network and no
credentials. The same commit renders to the same bytes on every machine. Secrets are named, never shown.
` + exits("", exitInvalid, exitIncomplete),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			want, _, err := g.compileDirectory(cmd.Context(), g.directory(args), false)
			if err != nil {
				return err
			}
			return out.write(g.stdout, map[string]writer{
				"yaml": form(want.Set, view.SetYAML),
				"json": form(want.Set, view.SetJSON),
			})
		},
	}
	out.flag(cmd, "yaml", "json")
	return cmd
}

// version is set when a release is built.
var version = "dev"

func newVersion(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  "Version prints the version of Millwright, and what it was built with and for.\n" + exits(""),
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(g.stdout, "millwright %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
