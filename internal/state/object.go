package state

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Mode says what we do about an object.
type Mode string

// The modes. Create-only fields are not a mode but stand in internal/kinds.
const (
	// Own: make it so and keep it so.
	Own Mode = "own"
	// Observe: compare and report, never write.
	Observe Mode = "observe"
)

// Object is one desired object.
type Object struct {
	ID ID
	// Entity is what a person wrote that this object is for: "machine/gpu-001", "pool/acme/train/h100".
	Entity string
	Mode   Mode
	// ObserveOnly, if not empty, says why an owned object is not to be written for now: the site or
	// the tenant is in observe-only mode.
	ObserveOnly string
	Tree        Tree
	After       []Edge
}

// Edge is an order between objects: its owner is created, deleted or disrupted only when what it
// stands on is applied and healthy.
type Edge struct {
	On ID `json:"on"`
	// Below widens the edge to every part of On: those wanted must be there, those owned but no longer
	// wanted must be gone.
	Below bool `json:"below,omitempty"`
}

// Entity is what the plan must know about something a person wrote.
type Entity struct {
	Name string
	// Retired: the fleet says that it is to be taken down, so its objects may be deleted.
	Retired bool
}

// Entities look up what a person wrote, by name; not ok where there is no such thing.
type Entities func(name string) (e Entity, ok bool)

// Set is everything that a commit wants, sorted by ID. It never changes.
type Set struct {
	objects  []Object
	entities Entities
}

// NewSet sorts objects into a Set. Two objects with one ID are an error: both entities are named.
func NewSet(objects []Object, entities []Entity) (Set, error) {
	named := make(map[string]Entity, len(entities))
	for _, e := range entities {
		named[e.Name] = e
	}
	return Set{}.Replace(nil, objects, func(name string) (Entity, bool) {
		e, ok := named[name]
		return e, ok
	})
}

// Replace is the set without some objects and with others, and with new entities: what a small change
// makes of a large set, at the cost of the change and one copy. A dropped ID that the set does not have
// is passed over; errors are those of [NewSet].
func (s Set) Replace(drop []ID, add []Object, entities Entities) (Set, error) {
	var gone []int
	for _, id := range drop {
		if i, ok := s.find(id); ok {
			gone = append(gone, i)
		}
	}
	slices.Sort(gone)
	gone = slices.Compact(gone)
	order := make([]int, len(add)) // sorted in place of the objects, which are large
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(add[a].ID.Compare(add[b].ID), cmp.Compare(add[a].Entity, add[b].Entity), a-b)
	})

	out := Set{objects: make([]Object, 0, len(s.objects)-len(gone)+len(add)), entities: entities}
	from := 0
	keep := func(to int) { // what stands in s before an index and is not gone
		for len(gone) > 0 && gone[0] < to {
			out.objects = append(out.objects, s.objects[from:gone[0]]...)
			from, gone = gone[0]+1, gone[1:]
		}
		if from < to {
			out.objects = append(out.objects, s.objects[from:to]...)
			from = to
		}
	}
	for _, i := range order {
		o := add[i]
		at, there := s.find(o.ID)
		if _, dropped := slices.BinarySearch(gone, at); there && !dropped {
			at++ // it stays, and is met again just below
		}
		keep(at)
		if n := len(out.objects); n > 0 && out.objects[n-1].ID == o.ID {
			return Set{}, fmt.Errorf("%s is rendered twice, for %s and for %s", o.ID, out.objects[n-1].Entity, o.Entity)
		}
		out.objects = append(out.objects, o)
	}
	keep(len(s.objects))
	return out, nil
}

// find is the index of an ID, or where it would stand.
func (s Set) find(id ID) (int, bool) {
	return slices.BinarySearchFunc(s.objects, id, func(o Object, id ID) int { return o.ID.Compare(id) })
}

// Len is the number of objects.
func (s Set) Len() int { return len(s.objects) }

// All yields the objects in the order of their IDs.
func (s Set) All() iter.Seq[Object] { return slices.Values(s.objects) }

// Get is the object of that ID, and whether there is one.
func (s Set) Get(id ID) (Object, bool) {
	i, ok := s.find(id)
	if !ok {
		return Object{}, false
	}
	return s.objects[i], true
}

// Of is the part of the set that lies in one target.
func (s Set) Of(t Target) []Object {
	lo, _ := slices.BinarySearchFunc(s.objects, t, func(o Object, t Target) int { return o.ID.Target.Compare(t) })
	hi := lo
	for hi < len(s.objects) && s.objects[hi].ID.Target == t {
		hi++
	}
	return s.objects[lo:hi]
}

// Targets are all targets that the set has objects in, sorted.
func (s Set) Targets() []Target {
	var ts []Target
	for _, o := range s.objects {
		if len(ts) == 0 || ts[len(ts)-1] != o.ID.Target {
			ts = append(ts, o.ID.Target)
		}
	}
	return ts
}

// Entity looks up what an object is for. Of a name with several words, as "pool/acme/train/h100",
// the entity stands only if its file does; ok is false where the fleet has no such entity.
func (s Set) Entity(name string) (e Entity, ok bool) {
	if s.entities == nil {
		return Entity{}, false
	}
	return s.entities(name)
}

// EntityKind is the first word of an entity's name: machine, tenant, pool, segment, ….
func EntityKind(name string) string {
	kind, _, _ := strings.Cut(name, "/")
	return kind
}
