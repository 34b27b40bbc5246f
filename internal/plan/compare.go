package plan

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

// Compare returns the fields in which a live value differs from what a desired tree names, in the
// order of their paths. What the tree does not name is nobody's business here, nor are fields that are
// written only once, unless live is nil: nothing is there.
func Compare(want state.Tree, live map[string]any, table kinds.Table) []Field {
	var fields []Field
	compare(nil, want, live, table, func(f Field) { fields = append(fields, f) })
	fields = finish(fields, table)
	if live != nil {
		fields = slices.DeleteFunc(fields, func(f Field) bool {
			return slices.ContainsFunc(table.CreateOnly, func(s string) bool { return within(f.Name, s) })
		})
	}
	return fields
}

// compare walks want; live is nil where there is nothing.
func compare(at state.Path, want state.Tree, live any, table kinds.Table, differs func(Field)) {
	if inner, ok := want.Encoded(); ok {
		compare(at, inner.Tree, live, table, differs)
		return
	}
	if _, ok := want.Secret(); ok {
		// The value is read only when it is sent; what can be said without it is whether one is there.
		if live == nil {
			differs(Field{Path: at, New: want.Masked(), Sensitive: true, Origin: want.Origin()})
		}
		return
	}
	if text, ok := want.Sealed(); ok {
		if live != text {
			differs(Field{Path: at, Old: live, New: want.Masked(), Sensitive: true, Origin: want.Origin()})
		}
		return
	}
	if fields, ok := want.Fields(); ok {
		m, ok := live.(map[string]any)
		if !ok {
			differs(Field{Path: at, Old: live, New: want.Masked(), Sensitive: hasSecret(want), Origin: firstOrigin(want)})
			return
		}
		for _, f := range fields {
			compare(at.Join(f.Key), f.Tree, m[f.Key], table, differs)
		}
		return
	}
	if items, ok := want.Items(); ok {
		compareList(at, want, items, live, table, differs)
		return
	}
	if state.Scalar(live) != want.Value() {
		differs(Field{Path: at, Old: live, New: want.Value(), Origin: want.Origin()})
	}
}

func compareList(at state.Path, want state.Tree, wanted []state.Tree, live any, table kinds.Table, differs func(Field)) {
	items, ok := live.([]any)
	whole := func() {
		differs(Field{Path: at, Old: live, New: want.Masked(), Sensitive: hasSecret(want), Origin: firstOrigin(want)})
	}
	if !ok {
		whole()
		return
	}
	generic := generalise(at)
	if slices.Contains(table.Sets, generic) {
		if !slices.Equal(canonical(want.Masked().([]any)), canonical(items)) {
			whole()
		}
		return
	}
	if len(items) != len(wanted) {
		whole()
		return
	}
	if key, ok := table.Keys[generic]; ok {
		items = inOrderOf(wanted, items, key)
	}
	for i, w := range wanted {
		compare(at.Join(state.Index(i)), w, items[i], table, differs)
	}
}

// inOrderOf sorts live items as the wanted ones are, by the field that identifies them; an item that
// is not there leaves a nil.
func inOrderOf(want []state.Tree, items []any, key string) []any {
	sorted := make([]any, len(want))
	for i, w := range want {
		id, _ := w.Field(key)
		for _, item := range items {
			if m, ok := item.(map[string]any); ok && state.Scalar(m[key]) == id.Value() {
				sorted[i] = item
			}
		}
	}
	return sorted
}

// canonical is a list as sorted text, for lists whose order means nothing.
func canonical(items []any) []string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = fmt.Sprintf("%#v", normal(item)) // fmt prints maps in the order of their keys
	}
	slices.Sort(texts)
	return texts
}

// Difference returns the fields in which two values of one object differ, whoever owns them: how it
// is, and how its target says it would read back. Origins come from the desired tree.
func Difference(live, preview map[string]any, want state.Tree, table kinds.Table) []Field {
	var fields []Field
	difference(nil, live, preview, want, &fields)
	return finish(fields, table)
}

func difference(at state.Path, old, new any, want state.Tree, fields *[]Field) {
	was, ok1 := old.(map[string]any)
	is, ok2 := new.(map[string]any)
	if ok1 && ok2 {
		keys := maps.Clone(was)
		maps.Copy(keys, is)
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			difference(at.Join(k), was[k], is[k], want, fields)
		}
		return
	}
	l, ok1 := old.([]any)
	m, ok2 := new.([]any)
	if ok1 && ok2 && len(l) == len(m) {
		for i := range l {
			difference(at.Join(state.Index(i)), l[i], m[i], want, fields)
		}
		return
	}
	if !reflect.DeepEqual(normal(old), normal(new)) {
		f := Field{Path: at, Old: old, New: new}
		if t, ok := want.Get(at); ok {
			f.Origin, f.Sensitive = firstOrigin(t), hasSecret(t)
		}
		*fields = append(*fields, f)
	}
}

// normal is a plain value with every scalar in its one form.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, item := range v {
			m[k] = normal(item)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, item := range v {
			l[i] = normal(item)
		}
		return l
	}
	return state.Scalar(v)
}

// finish names and sorts the fields and marks the sensitive ones.
func finish(fields []Field, table kinds.Table) []Field {
	for i := range fields {
		f := &fields[i]
		f.Name = f.Path.String()
		generic := generalise(f.Path)
		f.Sensitive = f.Sensitive || slices.ContainsFunc(table.Sensitive, func(s string) bool {
			return within(generic, s) || within(s, generic)
		})
		if f.Sensitive {
			f.Old, f.New = mask(f.Old), mask(f.New)
		}
	}
	slices.SortFunc(fields, func(a, b Field) int { return cmp.Compare(a.Name, b.Name) })
	return fields
}

// mask keeps what a reader may know of a sensitive value: whether there is one.
func mask(v any) any {
	if v == nil {
		return nil
	}
	return "(sensitive)"
}

// generalise writes a path as tables do: every list index is "[*]".
func generalise(p state.Path) string {
	g := make(state.Path, len(p))
	for i, step := range p {
		g[i] = step
		if strings.HasPrefix(step, "[") {
			g[i] = "[*]"
		}
	}
	return strings.ReplaceAll(g.String(), `["[*]"]`, "[*]")
}

// hasSecret reports whether a secret's value or a sealed text is at a place or below it.
func hasSecret(t state.Tree) bool {
	for _, leaf := range t.Leaves() {
		_, secret := leaf.Secret()
		_, sealed := leaf.Sealed()
		if secret || sealed {
			return true
		}
	}
	return false
}

func firstOrigin(t state.Tree) state.Origin {
	for _, leaf := range t.Leaves() {
		return leaf.Origin()
	}
	return t.Origin()
}
