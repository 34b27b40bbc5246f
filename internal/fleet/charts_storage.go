package fleet

import "fmt"

// The entries that have storage classes of their own, if their values say so.
const (
	entryLonghorn = "longhorn"
	entryCeph     = "rook-ceph-cluster"
)

// defaultClasses are the storage classes that claims without a class get by the values of the stack's
// charts, each where it is switched on. Rook's chart makes no class that is not enabled, and its
// classes of buckets are no claim's default.
func (s *Stack) defaultClasses() []Part {
	var parts []Part
	if c := s.Catalogue[entryLonghorn]; c != nil && switchedOn(c.Values, "persistence", "defaultClass") {
		parts = append(parts, Part{entryLonghorn, joinPath("catalogue", entryLonghorn, "values", "persistence", "defaultClass")})
	}
	ceph := s.Catalogue[entryCeph]
	if ceph == nil {
		return parts
	}
	for _, list := range []string{"cephBlockPools", "cephECBlockPools", "cephFileSystems"} {
		for i, item := range listAt(ceph.Values, list) {
			if switchedOn(item, "storageClass", "enabled") && switchedOn(item, "storageClass", "isDefault") {
				parts = append(parts, Part{
					fmt.Sprintf("%s's %v", entryCeph, item["name"]),
					joinPath("catalogue", entryCeph, "values", list, fmt.Sprintf("[%d]", i), "storageClass", "isDefault"),
				})
			}
		}
	}
	return parts
}

// listAt is a list of objects in free-form values. What is no object is empty, so that each keeps its index.
func listAt(values map[string]any, field string) []map[string]any {
	list, _ := values[field].([]any)
	items := make([]map[string]any, len(list))
	for i, item := range list {
		items[i], _ = item.(map[string]any)
	}
	return items
}
