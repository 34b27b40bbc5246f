// Package guard holds back what must not happen yet, or not without a person: a plan goes in, the
// same plan comes out with some changes Held or waiting their turn. The pull request and the agent
// use the same guards. Begin with [Apply]. Guards see plans and live values only, never a client.
package guard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/gate"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// Input is what guards judge by, beside the plan.
type Input struct {
	Fleet *fleet.Fleet
	World gate.World
	// Owned is how many objects we own in all, which the deletion quota's percentage is of.
	Owned int
	// Corrected says how often we have lately put an object right that somebody then changed back.
	Corrected func(state.ID) int
	// Now is when windows and approvals are looked at.
	Now time.Time
	// Approvers are who gave the fleet's approvals.
	Approvers Approvers
	// Spent are the objects that were changed already by an approval that a commit brought, of which there may be
	// another with its name later; nil: none is known.
	Spent func(approval, commit string) []state.ID
	// Base is the commit that a plan between two begins from, empty for a plan of what is there.
	Base string

	before   map[state.ID]plan.Status // of what is held for want of an approval
	foreseen bool                     // nobody knows when it will be done, so that no window is open
}

// FightLimit is how many corrections that did not last make a fight, which we leave.
const FightLimit = 3

// Apply holds what must be held. The guards run from the strictest to the most patient, and each sees
// what the earlier ones left.
func Apply(p *plan.Plan, in Input) {
	in.World.Demands, in.World.Fabric = demands(in.Fleet), Fabric(in.Fleet)
	in.World = in.World.Indexed()
	in.before = map[state.ID]plan.Status{}
	each(p, in.isolation)
	each(p, in.observeOnly)
	each(p, in.protect)
	each(p, in.floor)
	each(p, in.lifecycle)
	each(p, in.drift)
	each(p, in.fight)
	in.deletionQuota(p)
	each(p, in.planned)
	in.consents(p)
	in.rings(p)
	in.resets(p)
	in.reboots(p)
}

// Foresee holds of a plan between two commits what the agent would hold of it whatever it finds: what is only
// observed, protected or under maintenance, more deletions than may be at once, and what needs an approval that
// the later commit does not have. Of the world it takes no more than where hosts lie; Owned is how many objects
// the earlier commit wants.
func Foresee(p *plan.Plan, in Input) {
	in.before, in.foreseen = map[state.ID]plan.Status{}, true
	in.World.Fabric = Fabric(in.Fleet)
	each(p, in.observeOnly)
	each(p, in.protect)
	each(p, in.lifecycle)
	in.deletionQuota(p)
	each(p, in.planned)
	in.consents(p)
}

// each runs a guard over the changes that would do something.
func each(p *plan.Plan, guard func(*plan.Change)) {
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Action != plan.Nothing {
			guard(c)
		}
	}
}

func (in Input) isolation(c *plan.Change) {
	if why, open := gate.Isolation(in.World, *c); !open {
		c.Hold(plan.Hold{By: "isolation", Why: why, Until: "the machine has left its last tenant and was wiped" + in.kept(c)})
	}
}

// kept says what a person can do where a machine would wait for ever. Platform is told how many machines a pool
// has and not which, since nothing documented pins or deletes the Machines that a tenant cluster's pools make.
// So a pool that gets one machine for another keeps the old one, and two tenants that exchange machines
// wait for each other.
func (in Input) kept(c *plan.Change) string {
	machine, namespace, claim, ok := gate.Keeper(in.World, *c)
	if !ok {
		return ""
	}
	return fmt.Sprintf("; if Platform keeps %s although its pool has given it up, since the pool wants as many machines as before, run "+
		"`kubectl -n %s delete nodeclaims.management.loft.sh %s`: Platform then wipes it, and claims one that is offered to the pool instead", machine, namespace, claim)
}

// observeOnly holds whatever would write to a site, a tenant or a kind that is only observed.
func (in Input) observeOnly(c *plan.Change) {
	why := ""
	switch {
	case c.Want != nil:
		why = c.Want.ObserveOnly
	default:
		why = in.observed(c)
	}
	if why != "" {
		c.Hold(plan.Hold{By: "observe-only", Why: why, Until: "the fleet no longer says observeOnly there"})
	}
}

// observed finds the reason for an object that Git no longer wants, and that therefore cannot say so
// itself.
func (in Input) observed(c *plan.Change) string {
	for _, kind := range []string{Kind(c.ID.Whole()), Kind(c.ID)} {
		if o, ok := in.Fleet.Policy.ObserveOnly[kind]; ok {
			return o.Reason
		}
	}
	site := ""
	if m, ok := in.machine(c.ID); ok {
		site = m.Site
	}
	switch c.ID.Target.System {
	case state.Netris:
		site = c.ID.Target.Name
	case state.UFM:
		site = in.Fleet.SiteOfUFM(c.ID.Target.Name)
	}
	if s, ok := in.Fleet.Sites[site]; ok && s.ObserveOnly != nil {
		return s.ObserveOnly.Reason
	}
	for name, t := range in.Fleet.Tenants {
		if t.ObserveOnly != nil && belongsTo(c.Entity, name) {
			return t.ObserveOnly.Reason
		}
	}
	return ""
}

func (in Input) protect(c *plan.Change) {
	goes := c.Action == plan.Delete || c.Action == plan.Replace
	if goes && slices.Contains(in.Fleet.Policy.Protect, c.ID.String()) {
		c.Hold(plan.Hold{By: "protected", Why: "policy protects it", Until: "policy no longer lists " + c.ID.String() + " under protect"})
	}
}

// lifecycle keeps disruption away from machines under maintenance.
func (in Input) lifecycle(c *plan.Change) {
	m, ok := in.machine(c.ID)
	if ok && m.Lifecycle == fleet.Maintenance && c.Disruptive() {
		c.Hold(plan.Hold{By: "maintenance", Why: "somebody works on " + m.Name, Until: "its lifecycle is in-service again"})
	}
}

// drift corrects what is harmless and leaves the rest for a person, unless policy says otherwise.
func (in Input) drift(c *plan.Change) {
	if !onlyDrift(c) {
		return
	}
	say, said := in.Fleet.Policy.Drift[Kind(c.ID)]
	switch {
	case said && say == "correct", !said && c.Impact == kinds.None:
	case said:
		in.ask(c, plan.Hold{By: "drift-policy", Why: "policy says to report drift of " + Kind(c.ID), Until: "policy says to correct it, or the drift is undone"})
	default:
		in.ask(c, plan.Hold{By: "drift-policy", Why: fmt.Sprintf("to correct it costs: %s", c.Impact),
			Until: "policy says to correct " + Kind(c.ID) + ", or the drift is undone"})
	}
}

func (in Input) fight(c *plan.Change) {
	if in.Corrected != nil && slices.Contains(c.Causes, plan.CauseDrift) && in.Corrected(c.ID) >= FightLimit {
		c.Hold(plan.Hold{By: "fight", Why: "we put it right and somebody changes it back, again and again", Until: "whoever writes it stops, or the fleet drops the field"})
	}
}

// deletionQuota holds all deletions if there are too many: half a mistake is no better than a whole.
// What cannot be read now counts too, since it would be deleted as soon as it can. The ports of a machine
// leave a partition together, and count as one.
func (in Input) deletionQuota(p *plan.Plan) {
	goes, all := in.deletions(p, func(c *plan.Change) bool { return len(c.Held) == 0 })
	if !in.beyondQuota(all, 0) {
		return
	}
	quota := in.Fleet.Policy.Deletions
	for _, c := range goes {
		in.ask(c, plan.Hold{By: "deletion-quota",
			Why:   fmt.Sprintf("%d objects would be deleted, of %d; allowed are %d and %d %%", all, in.Owned, quota.Max, quota.Percent),
			Until: "policy allows more deletions, or the fleet keeps more"})
	}
}

// deletions are those among the changes that count, and how many objects these and what cannot be read are.
func (in Input) deletions(p *plan.Plan, counts func(*plan.Change) bool) (goes []*plan.Change, all int) {
	counted := map[string]bool{}
	count := func(id state.ID) {
		if machine := in.member(id); id.Target.System == state.UFM && machine != "" {
			id.Part = machine
		}
		counted[id.String()] = true
	}
	for i := range p.Changes {
		switch c := &p.Changes[i]; {
		case c.Action == plan.Delete && counts(c):
			goes = append(goes, c)
			count(c.ID)
		case c.Status == plan.Unknown && c.Want == nil && c.Owned != nil && kinds.Of(c.ID).Release == kinds.Delete:
			count(c.ID)
		}
	}
	return goes, len(counted)
}

// beyondQuota reports whether so many deletions are too many, after some objects have gone.
func (in Input) beyondQuota(all, gone int) bool {
	quota := in.Fleet.Policy.Deletions
	return all > quota.Max || all*100 > quota.Percent*max(in.Owned-gone, 1)
}

// machine is the machine that an object is about.
func (in Input) machine(id state.ID) (*fleet.Machine, bool) {
	name := ""
	switch {
	case id.Target.System == state.Redfish:
		name = id.Target.Name
	case id.Target == in.World.Hosts && id.Namespace == in.World.Namespace:
		name = id.Name
	default:
		name = in.member(id)
	}
	m, ok := in.Fleet.Machines[name]
	return m, ok
}

// member is the machine whose place in a segment an object is, or "".
func (in Input) member(id state.ID) string {
	if guid, ok := kinds.Port(id); ok {
		return in.World.Fabric.Ports[guid]
	}
	_, machine, _ := kinds.Membership(id)
	return machine
}

// Kind names an object's kind as policy does: redfish/ntp, netris/servercluster/server, ufm/pkey/guid,
// kubernetes/BareMetalHost.metal3.io.
func Kind(id state.ID) string {
	kind := string(id.Target.System) + "/" + id.Kind
	if _, _, ok := kinds.Membership(id); ok {
		kind += "/server"
	}
	if _, ok := kinds.Port(id); ok {
		kind += "/guid"
	}
	return kind
}

func belongsTo(entity, tenant string) bool {
	word := strings.Split(entity, "/")
	return len(word) > 1 && word[1] == tenant && slices.Contains([]string{"tenant", "cluster", "pool"}, word[0])
}
