package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/view"
	"millwright.dev/millwright/sources"
)

func newValidate(g *globals) *cobra.Command {
	var out outputs
	cmd := &cobra.Command{
		Use:   "validate [directory]",
		Short: "Check a fleet: everything that is wrong, at once, without network",
		Long: `Validate compiles the fleet, checks it as a whole and renders it. It needs no network and no
credentials, writes nothing, and prints nothing but the number of things if all is well.
` + exitHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			snapshot, err := sources.Directory(g.directory(args))
			if err != nil {
				return err
			}
			loader, err := g.loader()
			if err != nil {
				return err
			}
			defer loader.Close()
			want, found := compile(cmd.Context(), loader, snapshot)
			err = out.write(g, map[string]writer{
				"text": func(w io.Writer) error {
					if found.Err() == nil {
						return validText(w, want.Fleet, want.Set.Len())
					}
					return view.Diagnostics(w, found, snapshot.FS, g.style())
				},
				"json":   form(found, view.DiagnosticsJSON),
				"github": form(found, view.DiagnosticsGitHub),
			})
			if err == nil && found.Err() != nil {
				return exit{code: exitInvalid}
			}
			return err
		},
	}
	out.flag(cmd, "text, json, github")
	return cmd
}

func validText(w io.Writer, f *fleet.Fleet, objects int) error {
	_, err := fmt.Fprintf(w, "valid: %d machines, %d tenants, %d pools, %d segments, %d objects\n", len(f.Machines), len(f.Tenants), len(f.Pools()), len(f.Segments), objects)
	return err
}

func newRender(g *globals) *cobra.Command {
	var out outputs
	cmd := &cobra.Command{
		Use:   "render [directory]",
		Short: "Print every object that a fleet wants, in all three systems",
		Long: `Render prints the desired objects of a fleet, sorted by address. It needs no network and no
credentials. The same commit renders to the same bytes on every machine.
` + exitHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			want, _, loader, err := g.compileDirectory(cmd.Context(), g.directory(args))
			if err != nil {
				return err
			}
			defer loader.Close()
			return out.write(g, map[string]writer{
				"text": form(want.Set, view.SetYAML),
				"yaml": form(want.Set, view.SetYAML),
				"json": form(want.Set, view.SetJSON),
			})
		},
	}
	out.flag(cmd, "yaml (also called text), json")
	return cmd
}

// version is set when a release is built.
var version = "dev"

func newVersion(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(g.stdout, "millwright %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
