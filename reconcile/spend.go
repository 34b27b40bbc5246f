package reconcile

import (
	"maps"
	"slices"
	"time"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// given is an approval as one commit brought it; the commit is empty where nobody could tell.
type given struct{ approval, commit string }

// same reports whether two may be one and the same approval.
func (g given) same(as given) bool {
	return g.approval == as.approval && (g.commit == as.commit || g.commit == "" || as.commit == "")
}

// spending is what an approval was used for in a target.
type spending struct {
	until time.Time
	on    map[state.ID]bool
}

// spend takes note of what is about to be done by an approval, which is for so many objects in all, not in each pass
// or in each process: it is stored before anything is sent, and is not taken back if nothing comes of it. Where that
// memory is lost, no pass does more than the approval says.
func (m *memory) spend(c plan.Change) {
	if c.Consent == nil || c.Consent.Approval == "" {
		return
	}
	by := given{c.Consent.Approval, c.Consent.Commit}
	s := m.spent[by]
	if s.on == nil {
		s.on = map[state.ID]bool{}
	}
	if s.on[c.ID] && !c.Consent.Until.After(s.until) {
		return
	}
	s.on[c.ID] = true
	if c.Consent.Until.After(s.until) {
		s.until = c.Consent.Until
	}
	m.spent[by], m.dirty = s, true
}

// spentOn are the objects for which an approval was used, in all targets.
func (r *Reconciler) spentOn(approval, commit string) []state.ID {
	var all []state.ID
	for _, m := range r.memory {
		for by, s := range m.spent {
			if by.same(given{approval, commit}) {
				all = slices.AppendSeq(all, maps.Keys(s.on))
			}
		}
	}
	return all
}

// spentKept is how long after its end it is remembered what an approval was used for: a clock may have been ahead.
const spentKept = 30 * 24 * time.Hour

// forgetSpent forgets what an approval was used for that ended long ago and that the fleet in force does not have.
// One that has not ended may come back with an older commit, though the fleet does not have it now. So the memory is
// as large as what was done by approvals that have not ended or that people keep in the fleet.
func (m *memory) forgetSpent(d Desired, now time.Time) {
	for by, s := range m.spent {
		_, there := d.Fleet.Approvals[by.approval]
		there = there && by.same(given{by.approval, d.Approvers.Of[by.approval].Commit})
		if !there && now.After(s.until.Add(spentKept)) {
			delete(m.spent, by)
			m.dirty = true
		}
	}
}

func (m *memory) spendings() []state.Spent {
	var all []state.Spent
	for by, s := range m.spent {
		all = append(all, state.Spent{Approval: by.approval, Commit: by.commit, Until: s.until, IDs: slices.Collect(maps.Keys(s.on))})
	}
	return all
}

func (m *memory) loadSpent(all []state.Spent) {
	for _, stored := range all {
		s := spending{stored.Until, map[state.ID]bool{}}
		for _, id := range stored.IDs {
			s.on[id] = true
		}
		m.spent[given{stored.Approval, stored.Commit}] = s
	}
}

// consent says by whose leave a change was made; empty where it needed none.
func consent(c plan.Change) string {
	if c.Consent == nil {
		return ""
	}
	return c.Consent.String()
}
