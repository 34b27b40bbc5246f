package kubernetes

import (
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"millwright.dev/millwright/internal/state"
)

// manager is one field manager and the fields it owns.
type manager struct {
	name    string
	applied bool // by server-side apply, else by any other write
	time    time.Time
	fields  *fieldpath.Set
}

// managerNames are the names in managedFields, cheaply: most objects have no manager that matters.
func managerNames(u *unstructured.Unstructured) []string {
	metadata, _ := u.Object["metadata"].(map[string]any)
	entries, _ := metadata["managedFields"].([]any)
	var names []string
	for _, entry := range entries {
		fields, _ := entry.(map[string]any)
		if name, ok := fields["manager"].(string); ok {
			names = append(names, name)
		}
	}
	return names
}

// managersOf decodes managedFields, the latest writer first. An entry that cannot be read is left
// out: it costs an answer to "who", never a decision.
func managersOf(u *unstructured.Unstructured) []manager {
	var managers []manager
	for _, entry := range u.GetManagedFields() {
		m := manager{name: entry.Manager, applied: entry.Operation == metav1.ManagedFieldsOperationApply, fields: &fieldpath.Set{}}
		if entry.Time != nil {
			m.time = entry.Time.UTC()
		}
		if entry.FieldsV1 == nil || m.fields.FromJSON(entry.FieldsV1.GetRawReader()) != nil {
			continue
		}
		managers = append(managers, m)
	}
	slices.SortStableFunc(managers, func(a, b manager) int { return b.time.Compare(a.time) })
	return managers
}

// owns reports whether a set of fields covers the value at a path, or anything below it. List items
// are told apart as the server does, by key, value or index.
func owns(set *fieldpath.Set, object any, path state.Path) bool {
	for i, step := range path {
		element, item, ok := elementAt(set, object, step)
		if !ok {
			return false
		}
		below, hasBelow := set.Children.Get(element)
		switch {
		case i == len(path)-1:
			return hasBelow || set.Members.Has(element)
		case !hasBelow:
			return set.Members.Has(element) // owned as one whole, as atomic lists and encoded strings are
		}
		set, object = below, item
	}
	return false
}

// elementAt is the element of the set that stands for a step from object, and where it leads.
func elementAt(set *fieldpath.Set, object any, step string) (fieldpath.PathElement, any, bool) {
	list, isList := object.([]any)
	if !isList {
		fields, _ := object.(map[string]any)
		return fieldpath.PathElement{FieldName: &step}, fields[step], true
	}
	i, ok := index(step)
	if !ok || i >= len(list) {
		return fieldpath.PathElement{}, nil, false
	}
	var found *fieldpath.PathElement
	match := func(element fieldpath.PathElement) {
		if found == nil && stands(element, list[i], i) {
			found = &element
		}
	}
	set.Members.Iterate(match)
	set.Children.Iterate(match)
	if found == nil {
		return fieldpath.PathElement{}, nil, false
	}
	return *found, list[i], true
}

// stands reports whether an element of a set means the i-th item of a list.
func stands(element fieldpath.PathElement, item any, i int) bool {
	switch {
	case element.Index != nil:
		return *element.Index == i
	case element.Value != nil:
		return value.Equals(*element.Value, value.NewValueInterface(item))
	case element.Key != nil:
		fields, ok := item.(map[string]any)
		return ok && !slices.ContainsFunc(*element.Key, func(key value.Field) bool {
			return !value.Equals(key.Value, value.NewValueInterface(fields[key.Name]))
		})
	}
	return false
}

// leavesOf are the paths to the values that a set covers in object, sorted.
func leavesOf(set *fieldpath.Set, object any) []state.Path {
	var paths []state.Path
	for path := range state.FromPlain(object, state.Origin{}).Leaves() {
		if owns(set, object, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// index reads a list's step in a path.
func index(step string) (int, bool) {
	inner, ok := strings.CutPrefix(step, "[")
	if inner, ok2 := strings.CutSuffix(inner, "]"); ok && ok2 {
		i, err := strconv.Atoi(inner)
		return i, err == nil && i >= 0
	}
	return 0, false
}
