package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/sources"
)

// chartStore keeps the charts of catalogue entries beside compiled results.
type chartStore struct {
	sources.Charts
	// fetch brings in what is not at hand; without it nothing asks the network.
	fetch bool
	// say is told what could not be fetched.
	say func(format string, args ...any)
}

// charts is the chart store, offline; with no cache directory it has nothing and keeps nothing.
func (g *globals) charts() chartStore {
	s := chartStore{say: g.say}
	if file := os.Getenv("MILLWRIGHT_CHART_CREDENTIALS"); file != "" {
		s.Credentials = sources.CredentialsFile(file)
	}
	if g.cacheDir != "" {
		s.Dir = filepath.Join(g.cacheDir, "charts")
	}
	return s
}

// files is what is at hand; nil where nothing can be.
func (s chartStore) files() fs.FS {
	if s.Dir == "" {
		return nil
	}
	return s.FS()
}

// complete brings in the charts of a fleet that are pinned and not at hand. What cannot be had is
// only told here: rendering finds that it is missing.
func (s chartStore) complete(ctx context.Context, f *fleet.Fleet) {
	if !s.fetch || s.Dir == "" {
		return
	}
	for _, w := range chartsOf(f) {
		if w.Digest == "" || s.Has(w.Digest) {
			continue
		}
		if _, err := s.Fetch(ctx, w.Chart); err != nil {
			s.say("%v", err)
		}
	}
}

// namedChart is a chart and where the fleet names it first.
type namedChart struct {
	sources.Chart
	at string
}

// chartsOf are the charts that a fleet's stacks name, in the order of these, each once.
func chartsOf(f *fleet.Fleet) []namedChart {
	var all []namedChart
	seen := map[sources.Chart]bool{}
	for stack, s := range fleet.All(f.Stacks) {
		for entry, c := range fleet.All(s.Catalogue) {
			chart := sources.Chart{Repository: f.Platform.Mirror.Chart(c.Repository), Name: c.Chart, Version: c.Version, Digest: c.Digest}
			if !seen[chart] {
				seen[chart] = true
				all = append(all, namedChart{chart, "stack/" + stack + ".catalogue." + entry})
			}
		}
	}
	return all
}

func newCharts(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "charts [directory]",
		Short: "Fetch the charts that stacks name, and print their digests",
		Long: `Charts fetches each chart of the catalogue entries that is not at hand yet, so that the fleet can be
rendered without network, and prints its digest. A digest that the fleet does not have yet belongs
beside the version: look at what was fetched first, since from then on it is what runs.

A repository or registry that asks for a password gets that of its host from the file that
MILLWRIGHT_CHART_CREDENTIALS names, in the form of Docker's config.json: as helm registry login writes
it, and pull secrets have it. Plan, apply and the agent fetch charts in the same way. A fleet names no
password, so that none can be sent where a fleet says.
` + exits("", exitInvalid, exitIncomplete),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, dir := cmd.Context(), g.directory(args)
			snapshot, c, err := g.source(dir)
			if err != nil {
				return err
			}
			defer c.Close()
			f, err := g.load(ctx, c, snapshot, dir)
			if err != nil {
				return err
			}
			return c.charts.print(ctx, g.stdout, f)
		},
	}
	return cmd
}

// print fetches what is not at hand and says of each chart what it is and whether it is new.
func (s chartStore) print(ctx context.Context, w io.Writer, f *fleet.Fleet) error {
	if s.Dir == "" {
		return fmt.Errorf("there is no cache directory to keep charts in: give one with --cache-dir")
	}
	failed := false
	for _, c := range chartsOf(f) {
		state := "at hand"
		if c.Digest == "" || !s.Has(c.Digest) {
			digest, err := s.Fetch(ctx, c.Chart)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				failed = true
				s.say("%s: %v", c.at, err)
				continue
			}
			if state = "fetched"; c.Digest == "" {
				state = "fetched; the fleet does not have its digest"
			}
			c.Digest = digest
		}
		if _, err := fmt.Fprintf(w, "%s  %s %s  %s  (%s)\n", c.at, c.Name, c.Version, c.Digest, state); err != nil {
			return err
		}
	}
	if failed {
		return exit{code: exitIncomplete}
	}
	return nil
}

// outcome is the exit that findings ask for: none, invalid, or incomplete.
func outcome(found diag.List) error {
	switch {
	case found.Err() == nil:
		return nil
	case found.Incomplete():
		return exit{code: exitIncomplete}
	}
	return exit{code: exitInvalid}
}
