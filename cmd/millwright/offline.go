package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/view"
)

func newValidate(g *globals) *cobra.Command {
	var out outputs
	cmd := &cobra.Command{
		Use:   "validate [directory]",
		Short: "Check a fleet: everything that is wrong, at once, without network",
		Long: `Validate compiles the fleet, checks it as a whole and renders it. It needs no network and no
credentials, writes nothing, and prints nothing but the number of things if all is well. In the text
and github forms files are named from where you are, in the json form from the fleet's root.
` + exits("", exitInvalid),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := g.directory(args)
			snapshot, c, err := g.source(dir)
			if err != nil {
				return err
			}
			defer c.Close()
			want, found := c.compile(cmd.Context(), snapshot)
			if err := cmd.Context().Err(); err != nil {
				return err // what was found is only that
			}
			err = out.write(g.stdout, map[string]writer{
				"text": func(w io.Writer, s view.Style) error {
					if err := view.Diagnostics(w, found, snapshot.FS, about(dir, s)); err != nil || found.Err() != nil {
						return err
					}
					return validText(w, want.Fleet, want.Set.Len())
				},
				"json":   form(found, view.DiagnosticsJSON),
				"github": func(w io.Writer, s view.Style) error { return view.DiagnosticsGitHub(w, found, about(dir, s)) },
			})
			if err == nil && found.Err() != nil {
				return exit{code: exitInvalid}
			}
			return err
		},
	}
	out.flag(cmd, "text", "json", "github")
	return cmd
}

func validText(w io.Writer, f *fleet.Fleet, objects int) error {
	_, err := fmt.Fprintf(w, "valid: %s, %s, %s, %s, %s\n", plural(len(f.Machines), "machine"), plural(len(f.Tenants), "tenant"),
		plural(len(f.Pools()), "pool"), plural(len(f.Segments), "segment"), plural(objects, "object"))
	return err
}

func newRender(g *globals) *cobra.Command {
	var out outputs
	cmd := &cobra.Command{
		Use:   "render [directory]",
		Short: "Print every object that a fleet wants, in all three systems",
		Long: `Render prints the desired objects of a fleet, sorted by address. It needs no network and no
credentials. The same commit renders to the same bytes on every machine. Secrets are named, never shown.
` + exits("", exitInvalid),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			want, _, err := g.compileDirectory(cmd.Context(), g.directory(args))
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
