package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/gate"
	"millwright.dev/millwright/internal/guard"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/policy"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/verdict"
	"millwright.dev/millwright/internal/view"
	"millwright.dev/millwright/render"
	"millwright.dev/millwright/sources"
)

// between is what of a fleet is compared: two revisions of its repository.
type between struct {
	dir, base, head string // head is empty for the directory as it lies there
	signed          keys
	now             clock // at which rules judge
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
	case comparison.Policy.Blocked():
		return exit{code: exitInvalid, text: "policy blocks the change: " + view.Blocking(comparison.Policy)}
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
	c, err := g.compiler() // first: it reads what was kept while Git is asked
	if err != nil {
		return none, err
	}
	defer c.Close()
	checkout, err := sources.OpenCheckout(b.dir)
	if err != nil {
		return none, err
	}
	fork, err := checkout.Fork(b.base, cmp.Or(b.head, "HEAD"))
	if err != nil {
		return none, err
	}
	head, err := headOf(checkout, b.head)
	if err != nil {
		return none, err
	}
	base, err := checkout.At(fork.Commit)
	isNew := errors.Is(err, sources.ErrPathNotFound) // the fleet begins here
	if err != nil && !isNew {
		return none, err
	}
	tip := base
	if fork.Moved() {
		if tip, err = checkout.At(fork.Base); err != nil && !errors.Is(err, sources.ErrPathNotFound) {
			return none, err
		}
	}
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

	var given []blast.Given
	result := blast.Comparison{Incomplete: []string{}, Entities: []blast.Entity{}, Changes: []plan.Change{}, Policy: blast.Policy{Rulings: []blast.Ruling{}},
		Base: blast.Revision{Name: b.base, Commit: fork.Commit, Subject: base.Commit.Subject, Moved: fork.Moved(), Tip: fork.Base},
		Head: blast.Revision{Name: cmp.Or(b.head, "the working directory"), Commit: name(head), Subject: head.Commit.Subject},
	}
	if why != nil {
		result.Incomplete = append(result.Incomplete, fmt.Sprintf("%s at %s is no fleet that this version of Millwright takes, so that nothing was compared: %v", b.base, fork.Commit, why))
	} else {
		p := plan.Between(was.set, is.set, func(t state.Target) bool { return was.lacks(t) || is.lacks(t) })
		hosts := state.ControlPlane
		hosts.Name = is.fleet.Platform.Cluster
		in := guard.Input{Fleet: is.fleet, Owned: was.objects, World: gate.World{Hosts: hosts, Namespace: is.fleet.Platform.Metal3.Namespace},
			Now: b.now.or(time.Now), Approvers: b.signed.approversIn(b.dir, head, is.fleet), Base: fork.Commit}
		guard.Foresee(&p, in)
		given = givenIn(in)
		result.Radius, result.Entities = blast.Compute(was.fleet, is.fleet, p)
		result.Changes = append(result.Changes, p.Changes...)
		result.Incomplete = append(result.Incomplete, missing(was, is)...)
		result.Approvals.Given = given
		inForce, own := was.fleet.Rules(), is.fleet.Rules()
		if fork.Moved() && (base.FS != nil || tip.FS != nil) {
			var untold error
			if inForce, own, untold = c.rulesOf(ctx, tip, inForce, own); untold != nil {
				result.Incomplete = append(result.Incomplete, fmt.Sprintf("%s has gone on to %s, whose rules cannot be told, so that those before them judged: %v", b.base, fork.Base, untold))
			}
		}
		v := policy.ViewOf(result, was.fleet, is.fleet, in.Now)
		if result.Policy, err = policy.Judge(ctx, result, v, inForce, own); err != nil {
			return none, err
		}
	}
	if err := ctx.Err(); err != nil {
		return none, err // what was found is only that
	}
	result.Approvals, err = approvals(b, fork, base, head, tip)
	result.Approvals.Given = given
	return result, err
}

// rulesOf are the rules that are in force at the tip of a base which has gone on since the head left it, and the
// head's: of one that has written none of its own, a merge has those of the tip, so that the older ones say nothing.
func (c *compiler) rulesOf(ctx context.Context, tip sources.Snapshot, left, own *fleet.Rules) (inForce, head *fleet.Rules, err error) {
	if tip.FS == nil {
		return left, own, errors.New("there is no fleet any more where it was")
	}
	inForce, found := c.Rules(ctx, tip.FS)
	if err := found.Err(); err != nil {
		return left, own, err
	}
	if own.Same(left) {
		own = inForce
	}
	return inForce, own, nil
}

// headOf is a revision, or the directory as it lies there.
func headOf(c *sources.Checkout, rev string) (sources.Snapshot, error) {
	if rev != "" {
		return c.At(rev)
	}
	return c.Work()
}

// side is one side of a comparison.
type side struct {
	fleet *fleet.Fleet
	set   state.Set
	// objects is how many the fleet has, of which the set may lack those that both sides have alike.
	objects int
	// absent are the findings about charts that are not at hand.
	absent diag.List
}

// sides compiles both sides and renders of them what can be. Why says what keeps the base, which may not be there,
// from being a fleet. The error is a diag.List of the head's findings, or the context's.
func (c *compiler) sides(ctx context.Context, base, head sources.Snapshot) (was, is side, why, err error) {
	was.fleet = &fleet.Fleet{}
	var loading sync.WaitGroup
	if base.FS != nil {
		loading.Go(func() {
			f, found := c.Load(ctx, base.FS)
			if why = found.Err(); why == nil {
				was.fleet = f
			}
		})
	}
	f, found := c.Load(ctx, head.FS) // what it needs compiled is so while the base is checked
	loading.Wait()
	if found.Err() != nil {
		return was, is, why, found
	}
	if base.FS != nil && why == nil {
		if a, b, ok := c.differing(ctx, was.fleet, f, base, head); ok {
			return a, b, nil, nil
		}
		if was, why = c.render(ctx, was.fleet, base); why != nil {
			was.fleet = &fleet.Fleet{}
		}
	}
	is, err = c.render(ctx, f, head)
	return was, is, why, err
}

// differing renders of two commits only what differs. It is not ok where the base is not known to be right as a
// whole, or where something may be wrong with the head: then all has to be looked at.
func (c *compiler) differing(ctx context.Context, was, is *fleet.Fleet, base, head sources.Snapshot) (a, b side, ok bool) {
	key, named := judged("render", base)
	whole, known := c.verdicts.Get(key)
	if !named || !known {
		return a, b, false
	}
	old, now, foundOld, foundNow := render.Differ(ctx, was, c.inputs(base), is, c.inputs(head))
	next, ok := whole.Replace(old, now)
	if !ok || len(foundOld)+len(foundNow) > 0 {
		return a, b, false
	}
	c.judge(head, next)
	return side{fleet: was, set: old, objects: len(whole.Objects)}, side{fleet: is, set: now, objects: len(next.Objects)}, true
}

// judge remembers that a commit was rendered without a finding.
func (c *compiler) judge(s sources.Snapshot, v verdict.Verdict) {
	if s.Commit.IsZero() || s.Dirty {
		return // it may change at any time
	}
	if key, named := judged("render", s); named {
		c.verdicts.Put(key, v)
	}
}

func (c *compiler) inputs(s sources.Snapshot) render.Inputs {
	return render.Inputs{FS: s.FS, Charts: c.charts.files(), Partial: true}
}

// render renders of a fleet what can be rendered. Its error is a diag.List.
func (c *compiler) render(ctx context.Context, f *fleet.Fleet, s sources.Snapshot) (side, error) {
	set, found := c.Render(ctx, f, c.inputs(s))
	if found.Err() != nil && !found.Incomplete() {
		return side{}, found
	}
	if len(found) == 0 {
		c.judge(s, verdict.Of(set))
	}
	absent := slices.DeleteFunc(found, func(d diag.Diagnostic) bool { return d.Severity != diag.Incomplete })
	return side{fleet: f, set: set, objects: set.Len(), absent: absent}, nil
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
