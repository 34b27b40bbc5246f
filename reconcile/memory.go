package reconcile

import (
	"context"
	"fmt"
	"slices"
	"time"

	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// memory is what we know of one target beyond what it says itself.
type memory struct {
	owned   map[state.ID]state.Owned
	intents map[state.ID]state.Intent
	spent   map[given]spending
	held    string // what our connection holds in the target
	left    string // what an earlier process held there
	// past: nothing is wanted of the target or was ours in it when we began. It may be gone, so nobody looks at it.
	past  bool
	dirty bool
}

func (m *memory) list() []state.Owned {
	list := make([]state.Owned, 0, len(m.owned))
	for _, o := range m.owned {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b state.Owned) int { return a.ID.Compare(b.ID) })
	return list
}

// expected is what we own, and what we own if a creation took effect whose answer was lost.
func (m *memory) expected() []state.Owned {
	list := m.list()
	for id, i := range m.intents {
		if _, known := m.owned[id]; i.Owned != nil && !known {
			list = append(list, *i.Owned)
		}
	}
	return list
}

func (m *memory) own(o state.Owned) {
	if old, ok := m.owned[o.ID]; !ok || !same(old, o) {
		m.owned[o.ID] = o
		m.dirty = true
	}
}

// same: which commit an unchanged object came from is not worth a write for every commit.
func same(a, b state.Owned) bool {
	return a.Remote == b.Remote && a.Digest == b.Digest && a.Entity == b.Entity && a.Unsure == b.Unsure && slices.Equal(a.After, b.After)
}

func (m *memory) disown(id state.ID) {
	if _, ok := m.owned[id]; ok {
		delete(m.owned, id)
		m.dirty = true
	}
}

func (m *memory) intend(i state.Intent) {
	m.intents[i.ID] = i
	m.dirty = true
}

func (m *memory) accepted(id state.ID) {
	if i, ok := m.intents[id]; ok && !i.Accepted {
		i.Accepted = true
		m.intend(i)
	}
}

func (m *memory) closeIntent(id state.ID) {
	if _, ok := m.intents[id]; ok {
		delete(m.intents, id)
		m.dirty = true
	}
}

// recall loads what we remember of every target that is wanted or was ours, once.
func (r *Reconciler) recall(ctx context.Context, d Desired) error {
	if r.memory == nil {
		known, err := r.Memory.Targets(ctx)
		if err != nil {
			return fmt.Errorf("read which targets we own something in: %w", err)
		}
		r.memory = map[state.Target]*memory{}
		for _, t := range known {
			if err := r.load(ctx, t); err != nil {
				return err
			}
		}
	}
	for _, t := range d.Set.Targets() {
		if err := r.load(ctx, t); err != nil {
			return err
		}
		r.memory[t].past = false
	}
	return nil
}

func (r *Reconciler) load(ctx context.Context, t state.Target) error {
	if r.memory[t] != nil {
		return nil
	}
	stored, err := r.Memory.Load(ctx, t)
	if err != nil {
		return fmt.Errorf("read what we own in %s: %w", t, err)
	}
	m := &memory{
		owned: map[state.ID]state.Owned{}, intents: map[state.ID]state.Intent{}, spent: map[given]spending{},
		held: stored.Held, left: stored.Held, past: len(stored.Owned)+len(stored.Intents) == 0,
	}
	for _, o := range stored.Owned {
		m.owned[o.ID] = o
	}
	for _, i := range stored.Intents {
		m.intents[i.ID] = i
	}
	m.loadSpent(stored.Spent)
	r.memory[t] = m
	return nil
}

// save writes a target's memory if it changed.
func (r *Reconciler) save(ctx context.Context, t state.Target) error {
	m := r.memory[t]
	if !m.dirty {
		return nil
	}
	stored := inventory.Memory{Owned: m.list(), Spent: m.spendings(), Held: m.held}
	for _, i := range m.intents {
		stored.Intents = append(stored.Intents, i)
	}
	slices.SortFunc(stored.Intents, func(a, b state.Intent) int { return a.ID.Compare(b.ID) })
	if err := r.Memory.Save(ctx, t, stored); err != nil {
		return fmt.Errorf("write what we own in %s: %w", t, err)
	}
	m.dirty = false
	return nil
}

// recover makes of open intents what has become evident since: a creation that took effect is ours, and
// so no stranger's, even if the fleet no longer wants it; a deletion that took effect was no loss; and
// after an update it is not known which of two values we last applied, so that neither is taken for drift.
// Nothing is stored here.
func (r *Reconciler) recover() {
	for t, m := range r.memory {
		for id, i := range m.intents {
			presence, live, _ := r.lives[t].Presence(id)
			switch {
			case i.Action == string(plan.Create) && i.Owned != nil && presence == state.Present && !live.Deleting && (live.Mark == id || !kinds.Marked(id)):
				o := *i.Owned
				o.Remote = live.Remote
				m.own(o)
				m.closeIntent(id)
			case i.Action == string(plan.Delete) && presence == state.Absent:
				m.disown(id)
				m.closeIntent(id)
			case i.Action == string(plan.Update) && i.Step == "" && presence == state.Present:
				o, ok := m.owned[id]
				if !ok && i.Owned != nil && live.Mark == id {
					o, ok = *i.Owned, true
				}
				if ok {
					o.Digest = ""
					m.own(o)
				}
			}
		}
	}
}

func (r *Reconciler) owned() map[state.ID]state.Owned {
	all := map[state.ID]state.Owned{}
	for _, m := range r.memory {
		for id, o := range m.owned {
			all[id] = o
		}
	}
	return all
}

func (r *Reconciler) intents() map[state.ID]state.Intent {
	all := map[state.ID]state.Intent{}
	for _, m := range r.memory {
		for id, i := range m.intents {
			all[id] = i
		}
	}
	return all
}

// remember brings our memory up to what the plan saw: objects of ours that are as wanted, those that
// are gone as wanted, intents whose outcome is evident now, and approvals that can count no more.
func (r *Reconciler) remember(ctx context.Context, p plan.Plan, d Desired) error {
	for _, c := range p.Changes {
		m := r.memory[c.ID.Target]
		if m == nil || c.Status == plan.Unknown || c.Action != plan.Nothing {
			continue
		}
		switch {
		case c.Want == nil && c.Live == nil, c.Want == nil && c.Owned != nil && kinds.Of(c.ID).Intrinsic:
			m.disown(c.ID)
		case c.Want != nil && c.Want.Mode == state.Own && c.Live != nil && !c.Live.Deleting && len(c.Fields) == 0:
			o := r.ownedBy(*c.Want, c.Live.Remote, d)
			if c.Owned == nil {
				o.Commit = "" // it was there before we knew of it
			}
			m.own(o)
		}
	}
	now := r.Now()
	for t, m := range r.memory {
		for id, i := range m.intents {
			if r.evident(i, r.lives[t], p.Get(id)) {
				m.closeIntent(id)
			}
		}
		m.forgetSpent(d, now)
		if err := r.save(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// evident reports whether the outcome of what we intended shows. What a reset was for shows by being in
// force; until then the plan judges by the intent, and goes on from it if the fleet asks for something
// else meanwhile and the machine is back, or did not react in all the time it had. Everything else shows
// by the object being there or not.
func (r *Reconciler) evident(i state.Intent, live state.Live, c *plan.Change) bool {
	presence, o, _ := live.Presence(i.ID)
	switch {
	case presence == state.PresenceUnknown:
		return false
	case i.Action == string(plan.Delete) && o.Deleting:
		return false
	case i.Step != string(plan.Reset) || c == nil || c.Want == nil || len(c.Fields) == 0:
		return true
	case c.Want.Tree.Digest() == i.Digest:
		return false
	}
	return o.Facts[kinds.FactLastReset] != i.Before || r.Now().Sub(i.Opened) >= r.Settle
}

func (r *Reconciler) ownedBy(o state.Object, remote string, d Desired) state.Owned {
	owned := state.Owned{ID: o.ID, Remote: remote, Entity: o.Entity, Digest: o.Tree.Digest(), Commit: d.Source.Commit, Renderer: r.Version, After: o.After}
	for path := range o.Tree.Leaves() {
		owned.Fields = append(owned.Fields, path.String())
	}
	slices.Sort(owned.Fields)
	return owned
}

// intentOf is the intent to write down before a change is sent, if it needs one: making something, first
// touching it, and removing it, since what is there, marked or gone afterwards must not be taken for somebody
// else's doing, and disturbing somebody, which looking again cannot undo.
func (r *Reconciler) intentOf(c plan.Change, now time.Time, d Desired) (state.Intent, bool) {
	first := c.Action == plan.Create || c.Action == plan.Update && c.Owned == nil
	if !first && c.Action != plan.Delete && !c.Disruptive() {
		return state.Intent{}, false
	}
	i := state.Intent{ID: c.ID, Action: string(c.Action), Step: string(c.Step), Opened: now}
	if c.Want != nil {
		i.Digest = c.Want.Tree.Digest()
	}
	if first {
		o := r.ownedBy(*c.Want, "", d)
		i.Owned = &o
	}
	if c.Live != nil {
		i.Before = c.Live.Facts[kinds.FactLastReset]
	}
	return i, true
}
