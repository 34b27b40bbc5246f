package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"millwright.dev/millwright/internal/state"
)

// A part is a handful of fields of an object that somebody else makes, with a field manager of its
// own: applying it names only them, and applying nothing takes them away.

// managerNameMax is the longest name that the server takes for a field manager.
const managerNameMax = 128

// managerOf is the field manager that owns an object's fields.
func managerOf(id state.ID) string {
	if id.Part == "" {
		return fieldManager
	}
	name := fieldManager + "/" + id.Part
	if len(name) > managerNameMax {
		sum := sha256.Sum256([]byte(name))
		digest := "~" + hex.EncodeToString(sum[:8]) // no part has a tilde in its name
		name = name[:managerNameMax-len(digest)] + digest
	}
	return name
}

// partOf is the part that a field manager of ours stands for; ok is false for all others, and for
// names that were too long to be kept.
func partOf(whole state.ID, manager string) (state.ID, bool) {
	part, ok := strings.CutPrefix(manager, fieldManager+"/")
	if !ok || part == "" || strings.Contains(part, "~") {
		return state.ID{}, false
	}
	whole.Part = part
	return whole, true
}

// livePart is a part as its whole shows it; ok is false if it is not there. It is there if its manager
// owns fields, which is as good as our mark, or if somebody has set a field that it wants. What another
// part of ours has set there is that part, not this one: a host that moves between pools has its one
// pool label from one or the other.
func (c *Cluster) livePart(id state.ID, want *state.Object, whole state.LiveObject, u *unstructured.Unstructured) (part state.LiveObject, ok bool) {
	managers := managersOf(u)
	part = state.LiveObject{
		ID: id, Remote: whole.Remote, Version: whole.Version,
		Health: state.Health{State: state.Healthy}, Deleting: whole.Deleting, Writers: whole.Writers,
	}
	var fields []state.Path
	for _, m := range managers {
		if m.applied && m.name == managerOf(id) && !m.fields.Empty() {
			part.Mark = id
			fields = leavesOf(m.fields, whole.Value)
		}
	}
	ok = part.Mark == id
	if want != nil {
		for path := range want.Tree.Leaves() {
			if descend(whole.Value, path) == nil {
				continue
			}
			fields = append(fields, path)
			ok = ok || !(isName(path) || anotherPart(managers, id, u, path))
		}
	}
	part.Value = project(whole.Value, fields)
	return part, ok
}

// isName reports whether a field only says which object is meant.
func isName(path state.Path) bool {
	switch path.String() {
	case "apiVersion", "kind", "metadata.name", "metadata.namespace":
		return true
	}
	return false
}

// anotherPart reports whether a field is that of another part of ours.
func anotherPart(managers []manager, id state.ID, u *unstructured.Unstructured, path state.Path) bool {
	return slices.ContainsFunc(managers, func(m manager) bool {
		return m.applied && m.name != managerOf(id) && strings.HasPrefix(m.name, fieldManager+"/") && owns(m.fields, u.Object, path)
	})
}

// project is what an object has at the given paths, and nothing else. Lists are taken whole.
func project(object map[string]any, paths []state.Path) map[string]any {
	out := map[string]any{}
	for _, path := range paths {
		from, to := any(object), out
		for i, step := range path {
			m, ok := from.(map[string]any)
			if !ok {
				break
			}
			from = m[step]
			if _, deeper := from.(map[string]any); !deeper || i == len(path)-1 {
				to[step] = from
				break
			}
			next, ok := to[step].(map[string]any)
			if !ok {
				next = map[string]any{}
				to[step] = next
			}
			to = next
		}
	}
	return out
}
