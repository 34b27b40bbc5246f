package kubernetes

import (
	"encoding/json"
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"millwright.dev/millwright/internal/state"
)

// Our mark. Labels get copied by controllers (a Service's to its Endpoints), so the label is only
// what we list by, and the annotation proves: it names the very object that it stands on.
const (
	fleetLabel   = "millwright.dev/fleet"
	idAnnotation = "millwright.dev/id"
)

// idOf is the address of an object as the server returned it.
func (c *Cluster) idOf(kind string, u *unstructured.Unstructured) state.ID {
	return state.ID{Target: c.target, Kind: kind, Namespace: u.GetNamespace(), Name: u.GetName()}
}

// live turns what the server returned into a live object. Strings that the desired tree has as trees
// are opened, so that comparison reaches inside.
func (c *Cluster) live(id state.ID, u *unstructured.Unstructured, encoded []encodedAt) state.LiveObject {
	return state.LiveObject{
		ID:       id.Whole(),
		Remote:   string(u.GetUID()),
		Version:  u.GetResourceVersion(),
		Value:    bare(u, encoded),
		Mark:     c.mark(id, u),
		Health:   health(u),
		Deleting: u.GetDeletionTimestamp() != nil,
		Writers:  writersOf(u),
	}
}

// mark is the object's own ID if it bears our mark. A host of which only the first of the two
// requests that create it went through bears it, too.
func (c *Cluster) mark(id state.ID, u *unstructured.Unstructured) state.ID {
	if u.GetLabels()[fleetLabel] == c.options.Fleet && u.GetAnnotations()[idAnnotation] == id.Whole().String() {
		return id.Whole()
	}
	return state.ID{}
}

// bare is the object without what the server and we ourselves keep in its metadata.
func bare(u *unstructured.Unstructured, encoded []encodedAt) map[string]any {
	object := maps.Clone(u.Object)
	if metadata, ok := object["metadata"].(map[string]any); ok {
		metadata = maps.Clone(metadata)
		for _, key := range []string{
			"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink",
			"deletionTimestamp", "deletionGracePeriodSeconds",
		} {
			delete(metadata, key)
		}
		unmark(metadata, "labels", fleetLabel)
		unmark(metadata, "annotations", idAnnotation)
		object["metadata"] = metadata
	}
	plain, _ := scalars(object).(map[string]any)
	for _, e := range encoded {
		open(plain, e)
	}
	return plain
}

func unmark(metadata map[string]any, field, key string) {
	words, ok := metadata[field].(map[string]any)
	if _, marked := words[key]; !ok || !marked {
		return
	}
	words = maps.Clone(words)
	delete(words, key)
	if metadata[field] = words; len(words) == 0 {
		delete(metadata, field)
	}
}

// scalars is a deep copy with every scalar in the form that trees have it in.
func scalars(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, item := range v {
			m[key] = scalars(item)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, item := range v {
			l[i] = scalars(item)
		}
		return l
	}
	return state.Scalar(v)
}

// encodedAt is where a desired tree has a tree inside a string.
type encodedAt struct {
	path state.Path
	as   state.Encoding
}

// encodedIn finds the encoded trees of a tree. Trees within them are strings to us.
func encodedIn(t state.Tree) (found []encodedAt) {
	var walk func(state.Path, state.Tree)
	walk = func(at state.Path, t state.Tree) {
		if inner, ok := t.Encoded(); ok {
			found = append(found, encodedAt{at, inner.As})
			return
		}
		fields, _ := t.Fields()
		for _, f := range fields {
			walk(at.Join(f.Key), f.Tree)
		}
		items, _ := t.Items()
		for i, item := range items {
			walk(at.Join(state.Index(i)), item)
		}
	}
	walk(nil, t)
	return found
}

// open replaces a string by the map or list that it holds; anything else stays as it is, to be seen
// as the difference that it is.
func open(object map[string]any, e encodedAt) {
	last := len(e.path) - 1
	parent, ok := descend(object, e.path[:last]).(map[string]any)
	if !ok {
		return
	}
	text, ok := parent[e.path[last]].(string)
	if !ok {
		return
	}
	var inner any
	decode := func(b []byte, v any) error { return yaml.Unmarshal(b, v) }
	if e.as == state.JSON {
		decode = json.Unmarshal
	}
	if err := decode([]byte(text), &inner); err != nil {
		return
	}
	switch inner.(type) {
	case map[string]any, []any:
		parent[e.path[last]] = scalars(inner)
	}
}

// descend is the value at a path in maps and slices, or nil.
func descend(v any, path state.Path) any {
	for _, step := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			i, ok := index(step)
			if !ok || i >= len(at) {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

// writersOf tells a field's writers from managedFields, which are decoded when first asked for.
func writersOf(u *unstructured.Unstructured) func(state.Path) []state.Writer {
	managers := sync.OnceValue(func() []manager { return managersOf(u) })
	return func(path state.Path) []state.Writer {
		var writers []state.Writer
		for _, m := range managers() {
			if owns(m.fields, u.Object, path) {
				writers = append(writers, state.Writer{Name: m.name, Time: m.time})
			}
		}
		return writers
	}
}
