package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/view"
	"millwright.dev/millwright/sources"
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
It prints each machine that a pool gains or loses. Nothing is written if a pool cannot get what it wants.
` + exits("the allocation file is not up to date (only with --check)", exitInvalid),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := g.directory(args)
			snapshot, err := sources.Directory(dir)
			if err != nil {
				return err
			}
			loader, err := g.loader()
			if err != nil {
				return err
			}
			defer loader.Close()
			f, found := loader.Load(cmd.Context(), snapshot.FS)
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
			for _, c := range changes {
				if _, err := fmt.Fprintln(g.stdout, view.Clean(c.String())); err != nil {
					return err
				}
			}
			file := filepath.Join(dir, filepath.FromSlash(fleet.AllocationFile(f)))
			switch {
			case len(changes) == 0:
				g.say("nothing to allocate")
				return nil
			case check:
				return exit{code: exitChanges, text: "the allocation file is not up to date; run `millwright allocate`"}
			}
			if err := write(file, text); err != nil {
				return err
			}
			g.say("wrote %s; commit it with the change that caused it", file)
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

// write replaces a file in one step, keeping its permissions.
func write(file string, text []byte) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(file); err == nil {
		mode = info.Mode().Perm()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write the allocation: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("write the allocation: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".allocation-*")
	if err != nil {
		return fmt.Errorf("write the allocation: %w", err)
	}
	_, err = temp.Write(text)
	err = errors.Join(err, temp.Chmod(mode), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("write the allocation: %w", errors.Join(err, os.Remove(temp.Name())))
	}
	return nil
}
