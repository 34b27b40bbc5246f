package render

import (
	"strconv"
	"strings"

	"millwright.dev/millwright/internal/state"
)

// fields are a map in the making: the keys of one level of a tree.
type fields = map[string]state.Tree

// source is an entity as the place that leaves come from: "machine/gpu-001", "tenant/acme".
type source string

// of is a value that stands in a field of the source, as it is there.
func (s source) of(field string, value any) state.Tree {
	return state.Leaf(value, state.Origin{Entity: string(s), Field: field})
}

// because is a value that follows from a field of the source; the note says how.
func (s source) because(field, note string, value any) state.Tree {
	return state.Leaf(value, state.Origin{Entity: string(s), Field: field, Note: note})
}

// fixed is a value that is the same for every such entity, and is there because the entity is.
func (s source) fixed(value any) state.Tree {
	return state.FromPlain(value, state.Origin{Entity: string(s)})
}

// texts is a list of strings that stands in a field of the source.
func (s source) texts(field string, values []string) state.Tree {
	items := make([]state.Tree, len(values))
	for i, v := range values {
		items[i] = s.of(field+state.Index(i), v)
	}
	return state.List(items, state.Origin{Entity: string(s), Field: field})
}

// labels is a map of strings that stands in a field of the source.
func (s source) labels(field string, values map[string]string) fields {
	m := fields{}
	for k, v := range values {
		m[k] = s.of(key(field, k), v)
	}
	return m
}

// deep is a value of any shape that stands in a field of the source; each leaf knows its own place.
func (s source) deep(field string, value any) state.Tree {
	origin := state.Origin{Entity: string(s), Field: field}
	switch v := value.(type) {
	case map[string]any:
		m := fields{}
		for k, item := range v {
			m[k] = s.deep(key(field, k), item)
		}
		return state.Map(m, origin)
	case []any:
		l := make([]state.Tree, len(v))
		for i, item := range v {
			l[i] = s.deep(field+state.Index(i), item)
		}
		return state.List(l, origin)
	}
	return state.Leaf(value, origin)
}

// node is a map that is not empty: its leaves say where they come from.
func node(m fields) state.Tree { return state.Map(m, state.Origin{}) }

// list is a list that is not empty.
func list(items ...state.Tree) state.Tree { return state.List(items, state.Origin{}) }

// open is a map's fields, to make another map of.
func open(t state.Tree) fields {
	all, _ := t.Fields()
	m := make(fields, len(all))
	for _, f := range all {
		m[f.Key] = f.Tree
	}
	return m
}

// key is the path of a key below a field, as internal/fleet locates it: quoted if dots or brackets
// are in it.
func key(field, k string) string {
	if strings.ContainsAny(k, `."[]`) {
		k = strconv.Quote(k)
	}
	return field + "." + k
}

// after are edges to objects that must be there and healthy first.
func after(ids ...state.ID) []state.Edge {
	edges := make([]state.Edge, len(ids))
	for i, id := range ids {
		edges[i] = state.Edge{On: id}
	}
	return edges
}
