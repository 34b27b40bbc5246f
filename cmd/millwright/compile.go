package main

import (
	"context"
	"fmt"
	"os"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/verdict"
	"millwright.dev/millwright/internal/view"
	"millwright.dev/millwright/reconcile"
	"millwright.dev/millwright/render"
	"millwright.dev/millwright/sources"
)

// workerProgram is the program that compiles: this same one, started anew. Tests replace it where they
// run in a build that cannot live within the worker's limits.
var workerProgram = os.Executable

// compiler makes of snapshots what they want, one after the other; what has not changed since the last
// is not made again.
type compiler struct {
	*fleet.Loader
	render.Renderer
	charts   chartStore
	verdicts *verdict.Store
}

// compiler compiles in worker processes; the caller closes it.
func (g *globals) compiler() (*compiler, error) {
	self, err := workerProgram()
	if err != nil {
		return nil, fmt.Errorf("find the program that compiles: %w", err)
	}
	return &compiler{Loader: fleet.NewLoader(fleet.Options{Worker: fleet.Worker{Path: self}, CacheDir: g.cacheDir}), charts: g.charts(), verdicts: verdict.Open(g.cacheDir)}, nil
}

// source is what lies in a directory, with a compiler for it, which the caller closes.
func (g *globals) source(dir string) (sources.Snapshot, *compiler, error) {
	snapshot, err := sources.Directory(dir)
	if err != nil {
		return snapshot, nil, err
	}
	c, err := g.compiler()
	return snapshot, c, err
}

// load loads the fleet of a directory's snapshot, without rendering it; what is wrong with it has been
// printed if the error is an exit.
func (g *globals) load(ctx context.Context, c *compiler, s sources.Snapshot, dir string) (*fleet.Fleet, error) {
	f, found := c.Load(ctx, s.FS)
	if err := ctx.Err(); err != nil {
		return nil, err // what was found is only that
	}
	if found.Err() == nil {
		return f, nil
	}
	if err := view.Diagnostics(g.stderr, found, s.FS, about(dir, styleOn(g.stderr))); err != nil {
		return nil, err
	}
	return nil, outcome(found)
}

// compile makes of a snapshot what it wants.
func (c *compiler) compile(ctx context.Context, s sources.Snapshot) (reconcile.Desired, diag.List) {
	f, found := c.Load(ctx, s.FS)
	if found.Err() != nil {
		return reconcile.Desired{}, found
	}
	c.charts.complete(ctx, f)
	set, more := c.Render(ctx, f, render.Inputs{FS: s.FS, Charts: c.charts.files()})
	return reconcile.Desired{Fleet: f, Set: set, Source: report.Source{Commit: name(s), Subject: s.Commit.Subject, Fetched: s.FetchedAt}}, append(found, more...).Sort()
}

// name is a snapshot's commit, or says that it is none.
func name(s sources.Snapshot) string {
	switch {
	case s.Commit.IsZero():
		return "uncommitted"
	case s.Dirty:
		return s.Commit.Hash + "-dirty"
	}
	return s.Commit.Hash
}

// compileDirectory compiles the fleet in a directory, fetching charts that are not at hand if it is
// told to; what is wrong with it has been printed if the error is an exit.
func (g *globals) compileDirectory(ctx context.Context, dir string, fetch bool) (reconcile.Desired, sources.Snapshot, error) {
	snapshot, c, err := g.source(dir)
	if err != nil {
		return reconcile.Desired{}, snapshot, err
	}
	defer c.Close()
	c.charts.fetch = fetch
	want, found := c.compile(ctx, snapshot)
	if err := ctx.Err(); err != nil {
		return want, snapshot, err // what was found is only that
	}
	if err := view.Diagnostics(g.stderr, found, snapshot.FS, about(dir, styleOn(g.stderr))); err != nil {
		return want, snapshot, err
	}
	return want, snapshot, outcome(found)
}
