package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/view"
)

// countsDoNotFit is the finding that allocate exists to mend.
const countsDoNotFit = "MW203"

func newAllocate(g *globals) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "allocate [directory]",
		Short: "Choose machines for pools and write the allocation file",
		Long: `Allocate gives every pool as many machines as it wants and writes that into the fleet's allocation
file, which is reviewed like any other change. A machine that is allocated and still fits never moves.
A pool is spread over racks, or packed into few racks or under few InfiniBand leaves, as it says. Each
machine that a pool gains or loses is printed with the reason. Nothing is written if a pool cannot get what it wants.
` + exits("the allocation file is not up to date (only with --check)", exitInvalid),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := g.directory(args)
			snapshot, c, err := g.source(dir)
			if err != nil {
				return err
			}
			defer c.Close()
			f, found := c.Load(cmd.Context(), snapshot.FS)
			if others := without(found, countsDoNotFit); f == nil || others.Err() != nil {
				if err := view.Diagnostics(g.stderr, found, snapshot.FS, about(dir, styleOn(g.stderr))); err != nil {
					return err
				}
				return exit{code: exitInvalid}
			}
			text, changes, err := fleet.Allocate(f)
			if err != nil {
				return exit{code: exitInvalid, text: err.Error()}
			}
			if len(changes) == 0 {
				g.say("nothing to allocate")
				return nil
			}
			file := fleet.AllocationFile(f)
			if !check {
				if err := write(dir, file, text); err != nil {
					return err
				}
			}
			for _, c := range changes {
				if _, err := fmt.Fprintln(g.stdout, view.Clean(c.String())); err != nil {
					return err
				}
			}
			if check {
				return exit{code: exitChanges, text: "the allocation file is not up to date; run `millwright allocate`"}
			}
			g.say("wrote %s; commit it with the change that caused it", filepath.Join(dir, filepath.FromSlash(file)))
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit with 2 if something would change")
	return cmd
}

func without(found diag.List, code string) diag.List {
	var rest diag.List
	for _, d := range found {
		if d.Code != code {
			rest = append(rest, d)
		}
	}
	return rest
}

// write replaces a file of a directory in one step. No link on the way leads out of the directory.
func write(dir, name string, text []byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("write the allocation: %w", err)
	}
	defer func() { _ = root.Close() }()
	temp := name + ".new"
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return fmt.Errorf("write the allocation: %w", err)
	}
	err = root.WriteFile(temp, text, 0o644)
	if err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		return fmt.Errorf("write the allocation: %w", errors.Join(err, root.RemoveAll(temp)))
	}
	return nil
}
