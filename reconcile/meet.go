package reconcile

import (
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

// meet takes note of objects that are there by nature and can bear no mark, such as a BMC's settings, when the
// fleet first wants them. Nothing about them tells whether they were ours before and we forgot, and what is
// taken for a first contact is written. So it is decided here, once, and kept:
//
//   - While the control plane cluster holds nothing of ours and we remember nothing of it, the
//     installation is new and so is everything.
//   - If anything bears our mark that we do not remember, memory was lost, and everything may have been ours.
//   - Else a new object belongs to a machine or a setting that came later, or to a machine whose memory alone was
//     lost. What costs nothing is written; what resets a machine may have been ours.
//
// While the first cannot be told nothing is noted, and the plan leaves alone what it has no note of. Nothing is
// stored here.
func (r *Reconciler) meet(d Desired) {
	hosts := r.world(d).Hosts
	m, live := r.memory[hosts], r.lives[hosts]
	fresh := m == nil || len(m.owned) == 0 && len(m.intents) == 0
	lost := r.forgotten()
	if fresh && !lost && m != nil && (live.Err != nil || len(live.Unknown) > 0) {
		return
	}
	for o := range d.Set.All() {
		table := kinds.Of(o.ID)
		if o.Mode != state.Own || !table.Intrinsic || kinds.Marked(o.ID) {
			continue
		}
		m := r.memory[o.ID.Target]
		if _, known := m.owned[o.ID]; !known {
			m.own(state.Owned{
				ID: o.ID, Entity: o.Entity, Commit: d.Source.Commit, Renderer: r.Version,
				Unsure: lost || table.Staged && !fresh,
			})
		}
	}
}

// forgotten reports whether anything bears our mark that neither what we own nor an intent explains.
func (r *Reconciler) forgotten() bool {
	for t, live := range r.lives {
		for id, o := range live.Objects {
			if o.Mark != id {
				continue
			}
			_, owned := r.memory[t].owned[id]
			_, intended := r.memory[t].intents[id]
			if !owned && !intended {
				return true
			}
		}
	}
	return false
}
