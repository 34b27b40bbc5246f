package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/gate"
	"millwright.dev/millwright/internal/guard"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/view"
	"millwright.dev/millwright/render"
	"millwright.dev/millwright/sources"
)

// between is what of a fleet is compared: two revisions of its repository.
type between struct {
	dir, base, head string // head is empty for the directory as it lies there
}

// planBetween prints what one revision changes of another. It needs neither credentials nor a network.
func (g *globals) planBetween(ctx context.Context, b between, out *outputs, exitCode bool) error {
	comparison, err := g.compare(ctx, b)
	if err != nil {
		return err
	}
	err = out.write(g.stdout, map[string]writer{
		"text": func(w io.Writer, s view.Style) error {
			return view.ComparisonText(w, comparison, about(b.dir, s))
		},
		"json":     form(comparison, view.ComparisonJSON),
		"markdown": form(comparison, view.ComparisonMarkdown),
		"github":   func(w io.Writer, s view.Style) error { return view.ComparisonGitHub(w, comparison, about(b.dir, s)) },
	})
	switch {
	case err != nil:
		return err
	case !comparison.Complete():
		return exit{code: exitIncomplete, text: "the plan is incomplete: " + strings.Join(comparison.Incomplete, "; ")}
	case exitCode && comparison.Differs():
		return exit{code: exitChanges}
	}
	return nil
}

// compare compiles both sides and compares them, from where head left base.
func (g *globals) compare(ctx context.Context, b between) (blast.Comparison, error) {
	var none blast.Comparison
	fork, err := sources.ForkOf(b.dir, b.base, cmp.Or(b.head, "HEAD"))
	if err != nil {
		return none, err
	}
	head, err := snapshotAt(b.dir, b.head)
	if err != nil {
		return none, err
	}
	base, err := sources.AtRevision(b.dir, fork.Commit)
	isNew := errors.Is(err, sources.ErrPathNotFound) // the fleet begins here
	if err != nil && !isNew {
		return none, err
	}
	c, err := g.compiler()
	if err != nil {
		return none, err
	}
	defer c.Close()

	was, is, why, err := c.sides(ctx, base, head)
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if found := (diag.List)(nil); errors.As(err, &found) {
		if err := view.Diagnostics(g.stderr, found, head.FS, about(b.dir, styleOn(g.stderr))); err != nil {
			return none, err
		}
		return none, outcome(found)
	} else if err != nil {
		return none, err
	}

	result := blast.Comparison{Incomplete: []string{}, Entities: []blast.Entity{}, Changes: []plan.Change{},
		Base: blast.Revision{Name: b.base, Commit: fork.Commit, Subject: base.Commit.Subject, Moved: fork.Moved(), Tip: fork.Base},
		Head: blast.Revision{Name: cmp.Or(b.head, "the working directory"), Commit: name(head), Subject: head.Commit.Subject},
	}
	if why != nil {
		result.Incomplete = append(result.Incomplete, fmt.Sprintf("%s at %s is no fleet that this version of Millwright takes, so that nothing was compared: %v", b.base, fork.Commit, why))
	} else {
		p := plan.Between(was.set, is.set, func(t state.Target) bool { return was.lacks(t) || is.lacks(t) })
		hosts := state.ControlPlane
		hosts.Name = is.fleet.Platform.Cluster
		guard.Foresee(&p, guard.Input{Fleet: is.fleet, Owned: was.set.Len(), World: gate.World{Hosts: hosts, Namespace: is.fleet.Platform.Metal3.Namespace}})
		result.Radius, result.Entities = blast.Compute(was.fleet, is.fleet, p)
		result.Changes = append(result.Changes, p.Changes...)
		result.Incomplete = append(result.Incomplete, missing(was, is)...)
	}
	result.Approvals, err = approvals(b, fork.Commit, base, head)
	return result, err
}

// snapshotAt is a revision, or the directory as it lies there. One that is just what was committed is read from
// the commit, whose files are known to be the base's without reading them.
func snapshotAt(dir, rev string) (sources.Snapshot, error) {
	if rev != "" {
		return sources.AtRevision(dir, rev)
	}
	s, err := sources.Directory(dir)
	if err != nil || s.Dirty || s.Commit.IsZero() {
		return s, err
	}
	return sources.AtRevision(dir, s.Commit.Hash)
}

// side is one side of a comparison.
type side struct {
	fleet *fleet.Fleet
	set   state.Set
	// absent are the findings about charts that are not at hand.
	absent diag.List
}

// sides compiles both sides and renders of them what can be; the base, which may not be there, is rendered while
// the head is compiled. Why says what keeps the base from being a fleet. The error is a diag.List of the head's
// findings, or the context's.
func (c *compiler) sides(ctx context.Context, base, head sources.Snapshot) (was, is side, why, err error) {
	was.fleet = &fleet.Fleet{}
	done := make(chan struct{})
	if base.FS == nil {
		close(done)
	} else {
		f, found := c.Load(ctx, base.FS)
		go func() {
			defer close(done)
			if why = found.Err(); why == nil {
				was, why = c.render(ctx, f, base)
			}
		}()
	}
	f, found := c.Load(ctx, head.FS)
	<-done
	if found.Err() != nil {
		return was, is, why, found
	}
	is, err = c.render(ctx, f, head)
	return was, is, why, err
}

// render renders of a fleet what can be rendered. Its error is a diag.List.
func (c *compiler) render(ctx context.Context, f *fleet.Fleet, s sources.Snapshot) (side, error) {
	set, found := c.Render(ctx, f, render.Inputs{FS: s.FS, Charts: c.charts.files(), Partial: true})
	if found.Err() != nil && !found.Incomplete() {
		return side{}, found
	}
	absent := slices.DeleteFunc(found, func(d diag.Diagnostic) bool { return d.Severity != diag.Incomplete })
	return side{fleet: f, set: set, absent: absent}, nil
}

// lacks reports whether the objects of a target are not known, since a chart of its stack is not at hand.
func (s side) lacks(t state.Target) bool {
	if t.System != state.Kubernetes {
		return false
	}
	tenant, cluster, ok := s.fleet.TenantCluster(t.Name)
	if !ok {
		return false
	}
	stack := s.fleet.Tenants[tenant].Clusters[cluster].Stack
	return slices.ContainsFunc(s.absent, func(d diag.Diagnostic) bool { return strings.HasPrefix(d.Path, "stack/"+stack+".") })
}

// missing says which objects were not compared, and why.
func missing(was, is side) []string {
	all := map[string]bool{}
	for _, s := range []side{was, is} {
		for _, d := range s.absent {
			stack, _, _ := strings.Cut(d.Path, ".")
			all[fmt.Sprintf("%s, so that the objects of that stack were not compared: see what %s says otherwise (%s)", d.Summary, stack, d.Hint)] = true
		}
	}
	var list []string
	for text := range fleet.All(all) {
		list = append(list, text)
	}
	return list
}
