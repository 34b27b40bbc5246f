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

// Set is everything that a commit wants, sorted by ID.
type Set struct {
	objects  []Object
	index    map[ID]int
	entities map[string]Entity
}

// NewSet sorts objects into a Set. Two objects with one ID are an error: both entities are named.
func NewSet(objects []Object, entities []Entity) (Set, error) {
	s := Set{objects: make([]Object, len(objects)), index: make(map[ID]int, len(objects)), entities: make(map[string]Entity, len(entities))}
	order := make([]int, len(objects)) // sorted in place of the objects, which are large
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(objects[a].ID.Compare(objects[b].ID), a-b) })
	for i, from := range order {
		o := objects[from]
		s.objects[i] = o
		if j, ok := s.index[o.ID]; ok {
			return Set{}, fmt.Errorf("%s is rendered twice, for %s and for %s", o.ID, s.objects[j].Entity, o.Entity)
		}
		s.index[o.ID] = i
	}
	for _, e := range entities {
		s.entities[e.Name] = e
	}
	return s, nil
}

// Len is the number of objects.
func (s Set) Len() int { return len(s.objects) }

// All yields the objects in the order of their IDs.
func (s Set) All() iter.Seq[Object] { return slices.Values(s.objects) }

// Get is the object of that ID, and whether there is one.
func (s Set) Get(id ID) (Object, bool) {
	i, ok := s.index[id]
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
	e, ok = s.entities[name]
	return e, ok
}

// EntityKind is the first word of an entity's name: machine, tenant, pool, segment, ….
func EntityKind(name string) string {
	kind, _, _ := strings.Cut(name, "/")
	return kind
}
