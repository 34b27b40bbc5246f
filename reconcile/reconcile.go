// Package reconcile is the main flow: observe, plan, guard, apply, report. Each pass looks at the
// world afresh and takes every step that is ready; what must wait is looked at again in the next
// pass. So there is nothing to resume: kill it anywhere, start it again, and it goes on. Begin with
// [Reconciler.Pass]. It does not know the systems it drives, nor how anything is shown.
package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/gate"
	"millwright.dev/millwright/internal/guard"
	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Desired is what a commit wants.
type Desired struct {
	Fleet  *fleet.Fleet
	Set    state.Set
	Source report.Source
	// Approvers are who gave the fleet's approvals.
	Approvers guard.Approvers
}

// Reconciler brings the targets to what a commit wants. Set the exported fields, then call Pass or
// Converge from one goroutine.
type Reconciler struct {
	// Open connects to a target, once; it is asked again after it failed, and for several targets at
	// once. target.ErrNotYet in the chain of its error says that the target is still to come.
	Open func(context.Context, state.Target, *fleet.Fleet) (target.Reader, error)
	// Memory is what we own, what we were about to do and what approvals were used for, kept across restarts.
	Memory inventory.Store
	// Journal, if not nil, keeps what was done.
	Journal Journal
	// Version of Millwright, to tell an upgrade's changes from a commit's.
	Version string
	Now     func() time.Time
	Log     *slog.Logger
	// Controllers are field managers that are never overridden.
	Controllers []string
	// Settle is how long a reset may take to show before it counts as not done.
	Settle time.Duration
	// Keep says how long what was read of a quiet target may be used again; a system that is not
	// there is read in each pass. BMCs are slow and few may ask them at once.
	Keep map[state.System]time.Duration
	// Patience is how long one look at one target may take, connecting included; 45 s if zero.
	Patience time.Duration
	// Looked, if not nil, is told of every target that was looked at, and how many of how many were.
	Looked func(t state.Target, err error, done, all int)
	// Done, if not nil, is told of every change that was carried out, for those who watch.
	Done func(plan.Change, target.Result)
	// Crash, if not nil, is called at the points where a crash would hurt most. Tests kill there.
	Crash func(Point)

	opening   sync.Mutex // guards open while targets are looked at
	open      map[state.Target]target.Reader
	watches   map[state.Target]watch
	memory    map[state.Target]*memory
	lives     map[state.Target]state.Live
	rest      map[state.Target]time.Time // until when targets that wore out our patience are left alone
	busy      map[state.Target]bool
	corrected map[state.ID][]time.Time
	previous  *report.Report
}

// Outcome is what a pass saw and did.
type Outcome struct {
	Plan   plan.Plan
	Report report.Report
	// Applied is how many changes were carried out.
	Applied int
}

// Pass takes every step that is ready now. Its error is for what stops the whole pass (our memory
// cannot be read or written); what befalls single objects and targets stands in the report.
func (r *Reconciler) Pass(ctx context.Context, d Desired) (Outcome, error) {
	p, err := r.Look(ctx, d)
	if err != nil {
		return Outcome{}, err
	}
	r.takeOver(ctx)
	ready := p.Ready()
	begun := r.begin(ctx, p, ready, d)
	err = r.remember(ctx, p, d)
	if err := begun(); err != nil {
		return Outcome{}, err
	}
	if err != nil {
		r.end(ctx, nil)
		return Outcome{}, err
	}
	applied, outcomes, err := r.apply(ctx, ready, &p, d)
	r.end(ctx, outcomes)
	if err != nil {
		return Outcome{}, err
	}
	return r.outcome(p, d, applied), nil
}

// Look observes, plans and guards, and writes nothing at all.
func (r *Reconciler) Look(ctx context.Context, d Desired) (plan.Plan, error) {
	if err := r.recall(ctx, d); err != nil {
		return plan.Plan{}, err
	}
	r.observe(ctx, d)
	r.recover()
	r.meet(d)
	in := plan.Input{
		Commit: d.Source.Commit, Renderer: r.Version, Want: d.Set, Owned: r.owned(), Intents: r.intents(), Live: r.lives,
		Adopt: adopted(d.Fleet), Controllers: r.Controllers, Now: r.Now(), Settle: r.Settle,
	}
	in.Previews = r.preview(ctx, in)
	p := plan.Build(in)
	guard.Apply(&p, guard.Input{Fleet: d.Fleet, World: r.world(d), Owned: len(in.Owned), Corrected: r.corrections,
		Now: in.Now, Approvers: d.Approvers, Spent: r.spentOn})
	r.notice(p)
	return p, ctx.Err()
}

// Report is the report of a plan that Look made.
func (r *Reconciler) Report(p plan.Plan, d Desired) report.Report { return r.outcome(p, d, 0).Report }

func (r *Reconciler) outcome(p plan.Plan, d Desired, applied int) Outcome {
	rep := report.New(d.Fleet.Platform.Fleet, p, r.lives, d.Source, r.Now(), r.previous)
	world := r.world(d)
	world.Fabric = guard.Fabric(d.Fleet)
	for _, v := range gate.Violations(world, segments(d.Set)) {
		rep.Alarms = append(rep.Alarms, v.What+" "+v.Why)
	}
	rep.Networks = networks(d, r.lives, r.previous)
	r.previous = &rep
	return Outcome{Plan: p, Report: rep, Applied: applied}
}

// patience is how many passes in a row may fail to do what is ready before Converge gives up.
const patience = 5

// Converge passes until nothing more can be done: everything is in sync, or waits for a person or for
// what cannot be reached. Between passes that did nothing it waits for pause.
func (r *Reconciler) Converge(ctx context.Context, d Desired, pause time.Duration) (Outcome, error) {
	for vain := 0; ; {
		out, err := r.Pass(ctx, d)
		if err != nil {
			return out, err
		}
		if out.Applied > 0 {
			vain = 0
			continue
		}
		if !out.Plan.Moving() {
			if vain++; len(out.Plan.Ready()) == 0 || vain == patience {
				return out, nil
			}
		}
		select {
		case <-ctx.Done():
			return out, fmt.Errorf("not everything is done yet: %w", ctx.Err())
		case <-time.After(pause):
		}
	}
}

func (r *Reconciler) world(d Desired) gate.World {
	hosts := state.ControlPlane
	hosts.Name = d.Fleet.Platform.Cluster
	return gate.World{Live: r.lives, Hosts: hosts, Namespace: d.Fleet.Platform.Metal3.Namespace}
}

// adopted are all addresses that the fleet says to take over.
func adopted(f *fleet.Fleet) map[string]bool {
	all := map[string]bool{}
	for _, a := range f.Policy.Adopt {
		all[a] = true
	}
	for _, m := range f.Machines {
		for _, a := range m.Adopt {
			all[a] = true
		}
	}
	return all
}

// segments maps each server cluster that the fleet wants to its tenant.
func segments(set state.Set) map[string]string {
	of := map[string]string{}
	for o := range set.All() {
		if o.ID.Target.System == state.Netris && o.ID.Kind == "servercluster" && o.ID.Part == "" {
			if word := splitEntity(o.Entity); len(word) > 1 {
				of[o.ID.Name] = word[1]
			}
		}
	}
	return of
}
