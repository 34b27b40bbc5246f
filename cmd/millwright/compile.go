package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/view"
	"millwright.dev/millwright/reconcile"
	"millwright.dev/millwright/render"
	"millwright.dev/millwright/sources"
)

// loader compiles fleets in worker processes of this same program.
func (g *globals) loader() (*fleet.Loader, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program that compiles: %w", err)
	}
	return fleet.NewLoader(fleet.Options{Worker: fleet.Worker{Path: self}, CacheDir: g.cacheDir}), nil
}

// compile makes of a snapshot what it wants.
func compile(ctx context.Context, loader *fleet.Loader, s sources.Snapshot) (reconcile.Desired, diag.List) {
	f, found := loader.Load(ctx, s.FS)
	if found.Err() != nil {
		return reconcile.Desired{}, found
	}
	set, more := render.Render(ctx, f, render.Inputs{FS: s.FS})
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

// compileDirectory compiles the fleet in a directory; what is wrong with it has been printed if the
// error is an exit.
func (g *globals) compileDirectory(ctx context.Context, dir string) (reconcile.Desired, sources.Snapshot, *fleet.Loader, error) {
	snapshot, err := sources.Directory(dir)
	if err != nil {
		return reconcile.Desired{}, snapshot, nil, err
	}
	loader, err := g.loader()
	if err != nil {
		return reconcile.Desired{}, snapshot, nil, err
	}
	want, found := compile(ctx, loader, snapshot)
	if len(found) > 0 {
		if err := view.Diagnostics(g.stderr, found, snapshot.FS, view.Style{}); err != nil {
			return want, snapshot, loader, err
		}
	}
	if found.Err() != nil {
		return want, snapshot, loader, exit{code: exitInvalid}
	}
	return want, snapshot, loader, nil
}

// names are a map's keys, sorted.
func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// form adapts a view of a value to a sink.
func form[T any](v T, write func(io.Writer, T) error) writer {
	return func(w io.Writer) error { return write(w, v) }
}

// isExit reports whether an error is an outcome that has been printed.
func isExit(err error) bool {
	var e exit
	return errors.As(err, &e)
}
