package netris

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/state"
)

// eachRef replaces what an object refers to, wherever that stands in it.
func (k kind) eachRef(o map[string]any, replace func(kind string, ref map[string]any) (map[string]any, error)) error {
	for _, path := range slices.Sorted(maps.Keys(k.refs)) {
		if err := replaceAt(o, strings.Split(path, "."), func(ref map[string]any) (map[string]any, error) { return replace(k.refs[path], ref) }); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func replaceAt(at any, path []string, replace func(map[string]any) (map[string]any, error)) error {
	switch v := at.(type) {
	case []any:
		for i, one := range v {
			if m, ok := one.(map[string]any); ok && len(path) == 0 {
				replaced, err := replace(m)
				if err != nil {
					return err
				}
				v[i] = replaced
			} else if err := replaceAt(one, path, replace); err != nil {
				return err
			}
		}
	case map[string]any:
		if len(path) == 0 {
			return nil
		}
		if m, ok := v[path[0]].(map[string]any); ok && len(path) == 1 {
			replaced, err := replace(m)
			v[path[0]] = replaced
			return err
		}
		return replaceAt(v[path[0]], path[1:], replace)
	}
	return nil
}

// copied is a deep copy that leaves every number in the form that it came in.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, one := range v {
			m[key] = copied(one)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, one := range v {
			l[i] = copied(one)
		}
		return l
	}
	return v
}

// laidOver is a wanted value with what the live one has beside it: of maps the keys that are not
// named, of a list whose items have a key that of the same item. Other lists are as wanted.
func laidOver(want, live any, key string) any {
	switch w := want.(type) {
	case map[string]any:
		merged := map[string]any{}
		if l, ok := live.(map[string]any); ok {
			merged = copied(l).(map[string]any)
		}
		for field, v := range w {
			merged[field] = laidOver(v, merged[field], "")
		}
		return merged
	case []any:
		if key == "" {
			return w
		}
		list := make([]any, len(w))
		for i, one := range w {
			m, _ := one.(map[string]any)
			list[i] = one
			for _, other := range items(live) {
				if state.Scalar(other[key]) == state.Scalar(m[key]) {
					list[i] = laidOver(one, map[string]any(other), "")
				}
			}
		}
		return list
	}
	return want
}
