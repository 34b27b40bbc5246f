package reconcile

import (
	"maps"
	"slices"

	"millwright.dev/millwright/internal/guard"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// spend takes note of what was done, or tried, by an approval: it is for so many objects in all, not in each pass.
// A restart forgets it, after which no pass does more than the approval says.
func (r *Reconciler) spend(c plan.Change) {
	if c.Consent == nil || c.Consent.Approval == "" {
		return
	}
	if r.spent == nil {
		r.spent = map[string]map[state.ID]bool{}
	}
	of := guard.Spending(c.Consent.Approval, guard.Approver{Commit: c.Consent.Commit})
	if r.spent[of] == nil {
		r.spent[of] = map[state.ID]bool{}
	}
	r.spent[of][c.ID] = true
}

func (r *Reconciler) spentOn(of string) []state.ID {
	return slices.Collect(maps.Keys(r.spent[of]))
}

// consent says by whose leave a change was made; empty where it needed none.
func consent(c plan.Change) string {
	if c.Consent == nil {
		return ""
	}
	return c.Consent.String()
}
