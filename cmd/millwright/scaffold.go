package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/fleet/fleettest"
	"millwright.dev/millwright/internal/fleet/scaffold"
	"millwright.dev/millwright/internal/view"
)

func newSchema(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "schema <directory>",
		Short: "Write the schema as a CUE module, for editors and cue vet",
		Long: `Schema writes the definitions of this version with their reference page into a directory that is new,
empty, or holds another version of them. In a fleet repository the directory is

  cue.mod/pkg/millwright.dev/fleet

where editors and cue find it without a network; anywhere else it is a module that cue mod publish takes.
` + exits(""),
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			files := scaffold.Schema()
			if err := addReference(files, ""); err != nil {
				return err
			}
			if err := files.WriteSchema(args[0]); err != nil {
				return err
			}
			g.say("wrote the schema into %s", args[0])
			return nil
		},
	}
}

// addReference puts the reference page beside the schema in a directory of files.
func addReference(files scaffold.Files, dir string) error {
	var page strings.Builder
	err := view.ManualMarkdown(&page, manual(fleet.Manual()))
	files[filepath.ToSlash(filepath.Join(dir, "REFERENCE.md"))] = page.String()
	return err
}

// fleetName is what the schema demands of platform.fleet.
var fleetName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

func newInit(g *globals) *cobra.Command {
	var (
		name string
		jobs jobs
	)
	cmd := &cobra.Command{
		Use:   "init <directory>",
		Short: "Begin a fleet repository that validates, or give one its CI jobs",
		Long: `Init writes a fleet with one of each into a directory that is not there yet, or holds nothing but a new
Git repository: a site, a hardware class, an image, a machine, a segment, a tenant, the platform and the
policy, with a copy of the schema, so that cue vet -c ./... and editors work in it without a network. Its
site is observed only, so that nothing is written before you say so.

With --github or --gitlab it gives a fleet, a new one or one that is there, what its pull requests need: a job
that validates and plans without any secret, one with a token that shows the plan and runs nothing of the
request, a CODEOWNERS file with the admins of each tenant as teams of your organisation, a hook for commits,
and a systemd unit and timer for the agent's machine, which tell the forge how a merged commit stands. What is
there already is left as it is, and named.
` + exits("", exitInvalid, exitIncomplete),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := args[0]
			if err := jobs.check(); err != nil {
				return err
			}
			if jobs.wanted() && isFleet(dir) {
				return jobs.write(cmd.Context(), g, dir)
			}
			if name == "" {
				path, err := filepath.Abs(dir)
				if err != nil {
					return fmt.Errorf("find the directory: %w", err)
				}
				name = strings.ToLower(filepath.Base(path))
			}
			if !fleetName.MatchString(name) {
				return fmt.Errorf("%q cannot be the name of a fleet: lower-case letters, digits and dashes, beginning with a letter; give one with --name", name)
			}
			files := scaffold.Repository(name)
			if err := addReference(files, scaffold.Vendored); err != nil {
				return err
			}
			if err := files.WriteNew(dir); err != nil {
				return err
			}
			g.say("wrote the fleet %s into %s; its README.md says what to do first, `millwright validate %s` whether it is right", name, dir, dir)
			if jobs.wanted() {
				return jobs.write(cmd.Context(), g, dir)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the fleet's name, which cannot be changed later (default: that of the directory)")
	jobs.flags(cmd)
	return cmd
}

// newGenerateFleet is for benchmarks and for trying things out at scale, so help does not list it.
func newGenerateFleet(g *globals) *cobra.Command {
	var size fleettest.Size
	cmd := &cobra.Command{
		Use:    "generate-fleet <directory>",
		Short:  "Write a correct fleet of any size",
		Long:   "Generate-fleet writes a correct fleet of any size, the same each time, into a new directory.\n" + exits(""),
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := size.Check(); err != nil {
				return err
			}
			files := scaffold.Files(fleettest.Generate(size))
			if err := files.WriteNew(args[0]); err != nil {
				return err
			}
			g.say("wrote %s and %s in %s into %s", plural(size.Machines, "machine"), plural(size.Tenants, "tenant"), plural(len(files), "file"), args[0])
			return nil
		},
	}
	cmd.Flags().IntVar(&size.Machines, "machines", 1000, "GPU machines, eight to a rack")
	cmd.Flags().IntVar(&size.Tenants, "tenants", 20, "tenants, each with five pools")
	return cmd
}
