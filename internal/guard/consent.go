package guard

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// Approver is who gave an approval, as the history of its file tells.
type Approver struct {
	// Name is the principal that is proven to have signed the commit that brought it, if Verified, else the
	// author that it names; empty if nobody can be named, and Unknown says why.
	Name     string
	Verified bool
	Commit   string
	Unknown  string
}

// Approvers are all that guards know of who agreed to what.
type Approvers struct {
	// Keys: signatures are verified here, so that an approval which is not verified could have been.
	Keys bool
	Of   map[string]Approver // by approval
	// Brought are those who wrote, committed or signed a commit since one, named by its hash, that changed any
	// of some files; since the beginning if the commit is not in the history, and any file if none is
	// named. A name that ends in a slash is the directory of a stack's component, and stands for all that it is
	// rendered from. An error says why it cannot be told. Nil: it cannot be told here.
	Brought func(since string, files []string) ([]string, error)
}

// planned holds what a commit brings and policy wants approved.
func (in Input) planned(c *plan.Change) {
	least, ok := impactNamed(in.Fleet.Policy.Approvals.From)
	if !ok || c.Impact < least || onlyDrift(c) {
		return
	}
	in.ask(c, plan.Hold{By: "approval", Why: fmt.Sprintf("it costs: %s, and policy wants that approved", c.Impact), Until: "policy asks for no approval"})
}

func onlyDrift(c *plan.Change) bool { return slices.Equal(c.Causes, []plan.Cause{plan.CauseDrift}) }

// impactNamed is an impact by its name; "never", and what is none, is not ok.
func impactNamed(name string) (kinds.Impact, bool) {
	for i := kinds.None; i <= kinds.DataLoss; i++ {
		if i.String() == name {
			return i, true
		}
	}
	return kinds.None, false
}

// ask holds a change until somebody agrees.
func (in Input) ask(c *plan.Change, h plan.Hold) {
	if len(c.Held) == 0 {
		in.before[c.ID] = c.Status
	}
	c.Hold(h)
}

// agree takes away what [Input.ask] laid on a change. What other guards hold stays held.
func (in Input) agree(c *plan.Change, by plan.Consent) {
	c.Consent = &by
	c.Held = slices.DeleteFunc(slices.Clone(c.Held), func(h plan.Hold) bool { return plan.MayConsent(h.By) })
	if len(c.Held) == 0 {
		c.Held, c.Status = nil, in.before[c.ID]
	}
}

// consents lets go ahead what is held for want of an approval, where a window is open or an approval in force
// contains it. All that an approval is for goes by it, or nothing does.
func (in Input) consents(p *plan.Plan) {
	var asking []*plan.Change
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Action != plan.Nothing && c.Asks() {
			asking = append(asking, c)
		}
	}
	if len(asking) == 0 {
		return
	}
	if !in.foreseen {
		in.windows(asking)
	}
	short := map[*plan.Change]string{} // why the first approval that is for a change does not do
	over := map[*plan.Change]plan.Change{}
	for _, c := range asking {
		if isHeldBy(c, "deletion-quota") {
			over[c] = *c
		}
	}
	for _, a := range fleet.All(in.Fleet.Approvals) {
		in.approve(a, asking, short)
	}
	in.remainder(p, over, short)
	for _, c := range asking {
		if c.Consent == nil {
			in.explain(c, short[c])
		}
	}
}

// remainder holds deletions that were approved if those that were not would be within the quota once these are gone:
// then nobody would have agreed to all. Over are the deletions as the quota held them.
func (in Input) remainder(p *plan.Plan, over map[*plan.Change]plan.Change, short map[*plan.Change]string) {
	left, all := in.deletions(p, func(c *plan.Change) bool { return isHeldBy(c, "deletion-quota") })
	gone := len(over) - len(left)
	if len(left) == 0 || gone == 0 || in.beyondQuota(all, gone) {
		return
	}
	for c, was := range over {
		if c.Consent != nil {
			short[c] = fmt.Sprintf("approval %s does not do: once these are gone, %d more would be deleted without approval", c.Consent.Approval, len(left))
			*c = was
		}
	}
}

// approve lets go ahead what an approval contains.
func (in Input) approve(a *fleet.Approval, asking []*plan.Change, short map[*plan.Change]string) {
	by := in.Approvers.Of[a.Name]
	whole := Standing(a, in)
	var within []*plan.Change
	changed, machines := map[state.ID]bool{}, map[string]bool{}
	count := func(id state.ID) {
		changed[id] = true
		if m := in.counted(id); m != "" {
			machines[m] = true
		}
	}
	missing := func(c *plan.Change, why string) {
		if short[c] == "" {
			short[c] = fmt.Sprintf("approval %s does not do: %s", a.Name, why)
		}
	}
	for _, c := range asking {
		if c.Consent != nil || !in.covers(a.For, c) {
			continue
		}
		if why := cmp.Or(whole, in.exceeds(a, c), in.sameEyes(by, c)); why != "" {
			missing(c, why)
			continue
		}
		within = append(within, c)
		count(c.ID)
	}
	if len(within) == 0 {
		return
	}
	if in.Spent != nil {
		for _, id := range in.Spent(a.Name, by.Commit) {
			count(id)
		}
	}
	switch {
	case len(changed) > a.Changes:
		whole = fmt.Sprintf("it is for %s, and with this there would be %d", plural(a.Changes, "change"), len(changed))
	case a.Machines > 0 && len(machines) > a.Machines:
		whole = fmt.Sprintf("it is for %s, and with this there would be %d", plural(a.Machines, "machine"), len(machines))
	}
	until, _ := time.Parse(time.RFC3339, a.Until)
	for _, c := range within {
		if whole != "" {
			missing(c, whole)
			continue
		}
		in.agree(c, plan.Consent{Approval: a.Name, By: by.Name, Verified: by.Verified, Commit: by.Commit, Until: until})
	}
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
