package netris

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Apply carries out the changes: deletions first, dependents before what they stand on, then what is
// made or changed in the opposite order, members of clusters last. All changes of one cluster and its
// members go into one PUT. A cluster that is being provisioned is sent nothing: its changes come back
// Pending and are due again. Nothing waits for provisioning to end.
func (c *Controller) Apply(ctx context.Context, changes []plan.Change) iter.Seq[target.Result] {
	return func(yield func(target.Result) bool) {
		ctx, cancel := context.WithCancel(ctx)
		results := make(chan target.Result, len(changes)) // nobody who sends has to wait
		var work sync.WaitGroup
		work.Go(func() {
			defer close(results)
			p := &pass{Controller: c, names: names{from: c}}
			p.run(ctx, changes, results)
		})
		defer work.Wait()
		defer cancel()
		for r := range results {
			if !yield(r) {
				return
			}
		}
	}
}

// pass is one call of Apply. It knows the ids of names that it has met.
type pass struct {
	*Controller
	names names
}

// job is a change of one object, or all changes of one cluster and its members.
type job struct {
	phase   int
	cluster state.ID // zero for other objects
	changes []plan.Change
}

func (p *pass) run(ctx context.Context, changes []plan.Change, results chan<- target.Result) {
	jobs := jobs(changes)
	for len(jobs) > 0 {
		same := slices.IndexFunc(jobs, func(j job) bool { return j.phase != jobs[0].phase })
		if same < 0 {
			same = len(jobs)
		}
		var phase errgroup.Group
		phase.SetLimit(maxRequests)
		for _, j := range jobs[:same] {
			phase.Go(func() error {
				for _, r := range p.job(ctx, j) {
					results <- r
				}
				return nil
			})
		}
		_ = phase.Wait() // every error stands in a result
		jobs = jobs[same:]
	}
}

// jobs are the changes in the order of their phases.
func jobs(changes []plan.Change) []job {
	var list []job
	clusters := map[state.ID]*job{}
	deleted := map[state.ID]bool{}
	for _, change := range changes {
		if change.Action == plan.Delete && change.ID.Part == "" {
			deleted[change.ID] = true
		}
	}
	for _, change := range changes {
		id := change.ID
		_, rank, _ := kindNamed(id.Kind)
		whole := change.Action == plan.Create || change.Action == plan.Delete
		switch {
		case id.Kind == kindCluster && (id.Part != "" || !whole):
			j := clusters[id.Whole()]
			if j == nil {
				j = &job{phase: 2 * len(kindTable), cluster: id.Whole()}
				if deleted[id.Whole()] {
					j.phase = -1
				}
				clusters[id.Whole()] = j
			}
			j.changes = append(j.changes, change)
		case change.Action == plan.Delete:
			list = append(list, job{phase: len(kindTable) - rank - 1, changes: []plan.Change{change}})
		default:
			list = append(list, job{phase: len(kindTable) + rank, changes: []plan.Change{change}})
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(clusters), state.ID.Compare) {
		list = append(list, *clusters[id])
	}
	slices.SortStableFunc(list, func(a, b job) int { return cmp.Compare(a.phase, b.phase) })
	return list
}

func (p *pass) job(ctx context.Context, j job) []target.Result {
	if err := ctx.Err(); err != nil {
		return failed(j.changes, err)
	}
	for _, change := range j.changes {
		if err := sound(change); err != nil {
			return failed(j.changes, err)
		}
	}
	if j.cluster != (state.ID{}) {
		return p.cluster(ctx, j.cluster, j.changes)
	}
	r, err := p.one(ctx, j.changes[0])
	if err != nil {
		return failed(j.changes, err)
	}
	return []target.Result{r}
}

// sound reports a change that no planner should make.
func sound(change plan.Change) error {
	switch change.Action {
	case plan.Create, plan.Update, plan.Adopt:
		if change.Want == nil {
			return errors.New("nothing is wanted")
		}
		return nil
	case plan.Delete, plan.Release:
		return nil
	}
	return errors.New("no request stands for this action")
}

// failed is the same error for every change, said of each.
func failed(changes []plan.Change, err error) []target.Result {
	results := make([]target.Result, len(changes))
	for i, change := range changes {
		results[i] = target.Result{ID: change.ID, Err: fmt.Errorf("%s %s: %w", change.Action, change.ID, err)}
	}
	return results
}

// one carries out a change of a whole object.
func (p *pass) one(ctx context.Context, change plan.Change) (target.Result, error) {
	k, _, ok := kindNamed(change.ID.Kind)
	switch {
	case !ok || k.name == kindSite || change.ID.Part != "":
		return target.Result{}, errors.New("there is no such kind in Netris")
	case change.Action == plan.Release && !k.tagged || k.readOnly && change.Action == plan.Release:
		return target.Result{ID: change.ID, Live: change.Live}, nil // nothing of ours is on it
	case k.readOnly:
		return target.Result{}, fmt.Errorf("%w: it is observed only", target.ErrHeld)
	}
	w := &write{pass: p, k: k, change: change}
	if err := w.prepare(ctx); err != nil {
		return target.Result{}, err
	}
	var (
		o   item
		err error
	)
	switch change.Action {
	case plan.Create:
		o, err = w.create(ctx)
	case plan.Update, plan.Adopt, plan.Release:
		o, err = w.update(ctx)
	case plan.Delete:
		o, err = w.delete(ctx)
	}
	if err != nil || o == nil {
		return target.Result{ID: change.ID}, err
	}
	live := p.object(k, change.ID, o)
	live.Deleting = w.deleting
	return target.Result{ID: change.ID, Live: &live, Pending: provisioning(o) || w.deleting}, nil
}
