package guard

import (
	"fmt"
	"regexp"
	"slices"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// rings lets what changes in a stack reach the clusters that have it ring by ring: those of a later ring
// wait until, in all clusters of the earlier ones, everything of the stack is in sync, which includes
// healthy, and the cluster itself is healthy. What cannot be read is neither. A cluster that is being
// installed waits for nobody, and what somebody changed behind our back is put right as ever.
func (in Input) rings(p *plan.Plan) {
	all := in.ringed()
	if len(all) == 0 {
		return
	}
	for i := range p.Changes {
		if c := &p.Changes[i]; all.of(in, c) != nil {
			all.of(in, c).look(c, p.Commit)
		}
	}
	for i := range p.Changes {
		c := &p.Changes[i]
		r := all.of(in, c)
		if r == nil || !r.rollsOut(c) {
			continue
		}
		if before, why := all.behind(r); before != nil {
			stack := in.Fleet.Stacks[r.stack]
			c.Hold(plan.Hold{By: "ring",
				Why:   fmt.Sprintf("stack %s reaches ring %s after ring %s, and in cluster %s of that one %s", r.stack, stack.Rings[r.ring], stack.Rings[before.ring], before.name, why),
				Until: fmt.Sprintf("all of stack %s in cluster %s is in sync and healthy, and the cluster too, or the fleet moves that cluster to ring %s or a later one", r.stack, before.name, stack.Rings[r.ring])})
		}
	}
}

// ringed is a cluster whose stack is rolled out in rings.
type ringed struct {
	name, stack string
	ring        int
	seen        bool   // the plan says something of it
	lags        string // the first of its objects that is not as it must be, and how it stands
	more        int    // how many others are not
	settled     bool   // something of the stack was there before this commit
}

// ringedClusters are by name, as the target of a tenant cluster has it.
type ringedClusters map[string]*ringed

func (in Input) ringed() ringedClusters {
	all := ringedClusters{}
	for tn, t := range in.Fleet.Tenants {
		for cn, c := range t.Clusters {
			s := in.Fleet.Stacks[c.Stack]
			if s == nil || len(s.Rings) == 0 || in.Fleet.Leaving(tn, cn) != "" {
				continue
			}
			all[tn+"."+cn] = &ringed{name: tn + "." + cn, stack: c.Stack, ring: s.Ring(c)}
		}
	}
	return all
}

// of is the cluster that a change is about: in it, or to the cluster itself; nil if it is about none whose
// stack has rings, or not about what the stack brings. What Git no longer wants in such a cluster counts
// as the stack's, since nothing says any more whose it was.
func (all ringedClusters) of(in Input, c *plan.Change) *ringed {
	if c.ID.Target == in.World.Hosts && c.ID.Kind == kindInstance && len(c.ID.Namespace) > len("p-") {
		return all[c.ID.Namespace[len("p-"):]+"."+c.ID.Name]
	}
	r := all[c.ID.Target.Name]
	if r == nil || c.ID.Target.System != state.Kubernetes || c.Want != nil && from(c.Want.Tree) != "stack/"+r.stack {
		return nil
	}
	return r
}

// from is the entity that an object in a tenant cluster comes from.
func from(t state.Tree) string {
	version, _ := t.Field("apiVersion")
	return version.Origin().Entity
}

// look takes note of how an object stands.
func (r *ringed) look(c *plan.Change, commit string) {
	r.seen = true
	if !r.stands(c) {
		if r.lags == "" {
			r.lags = fmt.Sprintf("%s is %s", c.ID, c.Status)
		} else {
			r.more++
		}
	}
	if c.ID.Kind == kindInstance {
		return
	}
	switch {
	case c.Owned != nil:
		r.settled = r.settled || c.Owned.Commit != commit || !committed.MatchString(commit)
	case c.Live != nil:
		r.settled = true // our memory of it may be lost
	}
}

// stands reports whether an object is as it must be before others follow. Of the cluster itself only what
// the stack asks of it and its health count: the rest is the tenant's, and may wait for a machine that a
// later ring gives up.
func (r *ringed) stands(c *plan.Change) bool {
	if c.ID.Kind != kindInstance || c.Live == nil || c.Status == plan.Unknown || c.Live.Deleting {
		return c.Status == plan.InSync
	}
	return !r.asks(c) && c.Live.Health.State != state.Progressing && c.Live.Health.State != state.Unhealthy
}

// asks reports whether a change to the cluster itself is, in part, for the stack's sake.
func (r *ringed) asks(c *plan.Change) bool {
	return slices.ContainsFunc(c.Fields, func(f plan.Field) bool { return f.Origin.Entity == "stack/"+r.stack })
}

// committed is the form of a commit's name. What was never committed is not told apart by its name from
// what was applied before.
var committed = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// rollsOut reports whether a change brings something of the stack that the cluster does not have yet.
func (r *ringed) rollsOut(c *plan.Change) bool {
	switch {
	case c.Action == plan.Nothing, slices.Equal(c.Causes, []plan.Cause{plan.CauseDrift}):
		return false
	case c.ID.Kind == kindInstance: // most of it is the tenant's
		return c.Action == plan.Update && r.asks(c)
	case c.Action == plan.Create && c.Owned == nil && !r.settled:
		return false
	}
	return true
}

// behind is a cluster of an earlier ring that a cluster must wait for, and why; nil if there is none. It is
// the first by ring and name.
func (all ringedClusters) behind(r *ringed) (first *ringed, why string) {
	for _, other := range fleet.All(all) {
		if other.stack != r.stack || other.ring >= r.ring || other.seen && other.lags == "" || first != nil && first.ring <= other.ring {
			continue
		}
		first, why = other, "nothing is known"
		if other.lags != "" {
			why = other.lags
		}
		if other.more > 0 {
			why += fmt.Sprintf(", and %d more are not as they must be", other.more)
		}
	}
	return first, why
}
