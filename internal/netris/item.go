package netris

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"millwright.dev/millwright/internal/state"
)

// item is one object as the controller sent it. Reading it is lenient, since the vendor's own
// descriptions differ on numbers, strings and nulls; unknown fields stay and go back in a PUT.
type item map[string]any

// items are the objects of an answer that is a list, an object or null.
func items(data any) []item {
	switch d := data.(type) {
	case []any:
		list := make([]item, 0, len(d))
		for _, v := range d {
			if m, ok := v.(map[string]any); ok {
				list = append(list, m)
			}
		}
		return list
	case map[string]any:
		return []item{d}
	}
	return nil
}

func (o item) id() int64              { return number(o["id"]) }
func (o item) remote() string         { return decimal(o.id()) }
func (o item) name() string           { return o.text("name") }
func (o item) list(key string) []item { return items(o[key]) }

func (o item) text(key string) string {
	s, _ := o[key].(string)
	return s
}

// ref is the object that a field names, empty if it names none.
func (o item) ref(key string) item {
	m, _ := o[key].(map[string]any)
	return m
}

func (o item) tags() []string {
	list, _ := o["tags"].([]any)
	tags := make([]string, 0, len(list))
	for _, v := range list {
		tags = append(tags, fmt.Sprint(v))
	}
	return tags
}

// status of a server cluster is a word in one of the vendor's descriptions and {label, value} in another.
func (o item) status() string {
	if s := o.ref("status"); s != nil {
		return strings.ToLower(cmp.Or(s.text("value"), s.text("label")))
	}
	return strings.ToLower(o.text("status"))
}

// number reads an id: ours, or one that came as a number or as text; 0 is no object's id.
func number(v any) int64 {
	switch n := v.(type) {
	case int64:
		return n
	case json.Number:
		i, _ := n.Int64()
		return i
	case string:
		i, _ := strconv.ParseInt(n, 10, 64)
		return i
	}
	return 0
}

func decimal(id int64) string { return strconv.FormatInt(id, 10) }

// value is the object in the vocabulary of desired trees: what it refers to by name, our mark and
// what changes by itself left out, every number in its one form.
func (c *Controller) value(k kind, o item) map[string]any {
	v := plain(map[string]any(o)).(map[string]any)
	for _, field := range []string{"createdDate", "modifiedDate", "create_date", "modified_date", "children", "utilization", "customData"} {
		delete(v, field)
	}
	for field, unset := range k.always {
		if v[field] == nil {
			v[field] = unset
		}
	}
	_ = k.eachRef(v, func(_ string, ref map[string]any) (map[string]any, error) {
		return map[string]any{"name": ref["name"]}, nil
	})
	if k.tagged {
		v["tags"] = anys(c.unmarked(o.tags()))
	}
	switch k.name {
	case kindCluster:
		delete(v, "servers") // each member is an object of its own
		v["status"] = o.status()
	case kindTemplate:
		for _, stanza := range items(v["vnets"]) {
			delete(stanza, "id")
		}
	}
	return v
}

// plain is a deep copy with every scalar in the form that trees hold.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, one := range v {
			m[key] = plain(one)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, one := range v {
			l[i] = plain(one)
		}
		return l
	}
	return state.Scalar(v)
}

func anys(texts []string) []any {
	list := make([]any, len(texts))
	for i, s := range texts {
		list[i] = s
	}
	return list
}

// covers reports whether have has everything that want names. Lists are equal if their items are, in
// any order: where order could mean something, the planner has compared it.
func covers(want, have any) bool {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		for key, v := range w {
			ok = ok && covers(v, h[key])
		}
		return ok
	case []any:
		h, ok := have.([]any)
		if !ok || len(h) != len(w) {
			return false
		}
		left := append([]any(nil), h...)
		for _, v := range w {
			found := false
			for i := range left {
				if covers(v, left[i]) {
					left, found = append(left[:i], left[i+1:]...), true
					break
				}
			}
			if !found {
				return false
			}
		}
		return true
	}
	return state.Scalar(want) == state.Scalar(have)
}

// uncovered are the fields of want that have does not have so, sorted.
func uncovered(want, have map[string]any) []string {
	fields := map[string]bool{}
	for field, v := range want {
		if !covers(v, have[field]) {
			fields[field] = true
		}
	}
	return slices.Sorted(maps.Keys(fields))
}
