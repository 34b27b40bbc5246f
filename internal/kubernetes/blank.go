package kubernetes

import (
	"context"
	"reflect"
	"slices"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

// beyondBlanks takes out of the conflicts those over lists that a controller made empty, to be filled,
// and that are empty still. The version is that of the object of which this is true: a forced apply that
// carries it overrides nothing that somebody fills in meanwhile. It is empty if nothing was taken out.
func (c *Cluster) beyondBlanks(ctx context.Context, id state.ID, r resource, conflicts []conflict) (left []conflict, version string, err error) {
	blanks := kinds.Of(id).Blank
	if len(blanks) == 0 {
		return conflicts, "", nil
	}
	there, err := c.get(ctx, id, r)
	if err != nil {
		return nil, "", err
	}
	left = slices.DeleteFunc(slices.Clone(conflicts), func(f conflict) bool {
		if !slices.Contains(blanks, f.path()) {
			return false
		}
		path, err := state.ParsePath(f.path())
		return err == nil && reflect.DeepEqual(kinds.Lookup(there.Object, path...), []any{})
	})
	if len(left) < len(conflicts) {
		version = there.GetResourceVersion()
	}
	return left, version, nil
}
