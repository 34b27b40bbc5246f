package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/render"
)

func newCompletion(g *globals) *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use:   "completion <" + strings.Join(shells, " | ") + ">",
		Short: "Print the completion of commands and of a fleet's names for a shell",
		Long: `Completion prints a script that lets a shell complete commands, flags, and the names of the fleet that
you stand in:

  source <(millwright completion bash)
  millwright completion zsh > "${fpath[1]}/_millwright"
  millwright completion fish > ~/.config/fish/completions/millwright.fish
` + exits(""),
		ValidArgs: shells,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(g.stdout, true)
			case "zsh":
				return root.GenZshCompletion(g.stdout)
			}
			return root.GenFishCompletion(g.stdout, true)
		},
	}
}

// completer proposes what an argument may be.
type completer = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective)

// patience is how long a person waits for a proposal.
const patience = 5 * time.Second

// addresses proposes the addresses of entities and objects of the fleet, one part of an address at a
// time; for a second argument the shell proposes directories.
func (g *globals) addresses(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return parts(g.names(cmd.Context(), typed), typed)
}

// names are the addresses that a fleet has and that may begin with what is typed. Objects are rendered
// only once an address of one is begun. A fleet that does not compile has none.
func (g *globals) names(ctx context.Context, typed string) []string {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	snapshot, c, err := g.source(g.dir)
	if err != nil {
		return nil
	}
	defer c.Close()
	f, found := c.Load(ctx, snapshot.FS)
	if f == nil {
		return nil
	}
	names := f.Entities()
	for tenant, t := range f.Tenants {
		for cluster := range t.Clusters {
			names = append(names, "cluster/"+tenant+"/"+cluster)
		}
	}
	for _, p := range f.Pools() {
		names = append(names, p.Address())
	}
	system, _, begun := strings.Cut(typed, "/")
	systems := []string{"kubernetes", "netris", "redfish", "ufm"}
	if !begun || !slices.Contains(systems, system) || found.Err() != nil {
		for _, s := range systems {
			names = append(names, s+"/")
		}
		return names
	}
	set, _ := c.Render(ctx, f, render.Inputs{FS: snapshot.FS})
	for o := range set.All() {
		names = append(names, o.ID.String())
	}
	return names
}

// parts are the names that begin with what is typed, each up to the next slash: a fleet has more names
// than anybody wants to see at once.
func parts(names []string, typed string) ([]string, cobra.ShellCompDirective) {
	var out []string
	more := cobra.ShellCompDirectiveNoFileComp
	for _, name := range names {
		rest, ok := strings.CutPrefix(name, typed)
		if !ok {
			continue
		}
		if end := strings.Index(rest, "/"); end >= 0 {
			name = name[:len(typed)+end+1]
			more |= cobra.ShellCompDirectiveNoSpace
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out), more
}

// explainable proposes the fields of the schema, one part of a path at a time, and the codes of
// findings.
func explainable(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, f := range fleet.Manual() {
		names = append(names, strings.TrimPrefix(f.Path, "#"))
	}
	var out []string
	more := cobra.ShellCompDirectiveNoFileComp
	for _, name := range append(names, diag.Codes()...) {
		rest, ok := strings.CutPrefix(name, typed)
		if ok && !strings.Contains(rest, ".") {
			out = append(out, name)
			if fields, err := fleet.Explain(name); err == nil && len(fields.Fields) > 0 {
				more |= cobra.ShellCompDirectiveNoSpace
			}
		} else if ok && strings.HasPrefix(rest, ".") && !strings.Contains(rest[1:], ".") {
			out = append(out, name) // the field itself is typed: what is in it
		}
	}
	slices.Sort(out)
	return slices.Compact(out), more
}

// directories lets the shell propose directories.
func directories(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// complete gives each command the proposals for its arguments and flags.
func (g *globals) complete(root *cobra.Command) error {
	proposals := map[string]completer{"why": g.addresses, "history": g.addresses, "status": g.addresses, "explain": explainable}
	for _, cmd := range root.Commands() {
		if propose := proposals[cmd.Name()]; propose != nil {
			cmd.ValidArgsFunction = propose
		} else if len(cmd.ValidArgs) == 0 {
			cmd.ValidArgsFunction = directories
		}
		flag := cmd.Flags().Lookup("output")
		if flag == nil {
			continue
		}
		if out, ok := flag.Value.(*outputs); ok {
			if err := cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(out.forms, cobra.ShellCompDirectiveNoSpace|cobra.ShellCompDirectiveNoFileComp)); err != nil {
				return fmt.Errorf("complete --output of %s: %w", cmd.Name(), err)
			}
		}
	}
	return root.MarkPersistentFlagDirname("directory")
}
