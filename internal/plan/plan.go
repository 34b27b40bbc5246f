package plan

import (
	"maps"
	"slices"
	"time"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

// Plan is what should be done, object by object, in the order of their IDs; what is in sync is in it
// too.
type Plan struct {
	Commit  string   `json:"commit"`
	Changes []Change `json:"changes"`
}

// Input is all that a plan is made of. Nothing else is read, so that the same input gives the same
// plan anywhere.
type Input struct {
	Commit   string
	Renderer string // the version of Millwright that rendered Want
	Want     state.Set
	Owned    map[state.ID]state.Owned
	Intents  map[state.ID]state.Intent // of resets; what came of other requests shows in Owned
	Live     map[state.Target]state.Live
	// Previews say how objects would read back; see NeedPreview.
	Previews map[state.ID]Preview
	// Adopt holds the addresses that the fleet says to take over.
	Adopt map[string]bool
	// Controllers are field managers that are never overridden.
	Controllers []string
	Now         time.Time
	// Settle is how long a reset may take to show; until then an open intent is only watched.
	Settle time.Duration
}

// Preview is how one object would read back once applied, defaults and all.
type Preview struct {
	ID state.ID
	// Value is in the shape of LiveObject.Value.
	Value map[string]any
	// Conflicts are fields that somebody else owns and that an unforced write would be refused for;
	// Value is then what a forced write would give.
	Conflicts []Conflict
	// Unknown says why it cannot be told yet; the plan then rests on what was rendered.
	Unknown error
	// Invalid is the target's refusal: the object can never be applied as it is.
	Invalid error
}

// Conflict is one field owned by another field manager.
type Conflict struct {
	Path    string // as state.Path.String writes it, as near as the target tells
	Manager string
}

// Build makes the plan.
func Build(in Input) Plan {
	p := Plan{Commit: in.Commit}
	seen := map[state.ID]bool{}
	for o := range in.Want.All() {
		seen[o.ID] = true
		p.Changes = append(p.Changes, in.wanted(o))
	}
	for _, id := range sortedIDs(in.Owned) {
		if !seen[id] {
			seen[id] = true
			p.Changes = append(p.Changes, in.unwanted(in.Owned[id]))
		}
	}
	for _, live := range in.Live {
		for id, o := range live.Objects {
			if o.Mark == id && !seen[id] {
				p.Changes = append(p.Changes, orphan(o))
			}
		}
	}
	slices.SortFunc(p.Changes, func(a, b Change) int { return a.ID.Compare(b.ID) })
	p.order()
	return p
}

// NeedPreview are the objects of one target whose difference only the target itself can tell: they
// are there, and either differ from what is wanted or carry a field that Git dropped.
func NeedPreview(in Input, t state.Target) []state.Object {
	live := in.Live[t]
	var need []state.Object
	for _, o := range in.Want.Of(t) {
		presence, l, _ := live.Presence(o.ID)
		if o.Mode != state.Own || presence != state.Present || l.Deleting {
			continue
		}
		owned, ok := in.Owned[o.ID]
		if len(Compare(o.Tree, l.Value, kinds.Of(o.ID))) > 0 || ok && len(dropped(owned, o.Tree)) > 0 {
			need = append(need, o)
		}
	}
	return need
}

// dropped are the fields that we applied once and that Git no longer names.
func dropped(owned state.Owned, want state.Tree) []string {
	named := map[string]bool{}
	for path := range want.Leaves() {
		named[path.String()] = true
	}
	var gone []string
	for _, f := range owned.Fields {
		if !named[f] {
			gone = append(gone, f)
		}
	}
	return gone
}

// Get is the change of one object, or nil.
func (p *Plan) Get(id state.ID) *Change {
	i, ok := slices.BinarySearchFunc(p.Changes, id, func(c Change, id state.ID) int { return c.ID.Compare(id) })
	if !ok {
		return nil
	}
	return &p.Changes[i]
}

// Ready are the changes that may be carried out now.
func (p *Plan) Ready() []Change {
	var ready []Change
	for _, c := range p.Changes {
		if c.Ready() {
			ready = append(ready, c)
		}
	}
	return ready
}

// Moving reports whether something is on its way without our doing more: a target is at it, a machine
// waits for its turn to be reset, or one for having left its last tenant. What else is held, or waits
// for that, waits for a person.
func (p *Plan) Moving() bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool {
		switch {
		case c.Action == Nothing:
			return c.Status == Progressing || c.Status == Pending
		case len(c.Held) > 0:
			return !slices.ContainsFunc(c.Held, func(h Hold) bool { return h.By != "isolation" })
		}
		return len(c.Waits) > 0 && kinds.Of(c.ID).Staged
	})
}

// Counts says how many objects have each status.
func (p *Plan) Counts() map[Status]int {
	counts := map[Status]int{}
	for _, c := range p.Changes {
		counts[c.Status]++
	}
	return counts
}

// Incomplete reports whether something could not be read, so that the plan may miss a change.
func (p *Plan) Incomplete() bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Status == Unknown })
}

func sortedIDs[V any](m map[state.ID]V) []state.ID {
	return slices.SortedFunc(maps.Keys(m), state.ID.Compare)
}
