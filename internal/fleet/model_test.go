package fleet

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever a fleet has beside machines, tenants, approvals and the allocation is shared: a kind that was forgotten
// there would be rendered stale.
func TestSharedForgetsNoKind(t *testing.T) {
	f := &Fleet{Platform: &Platform{}, Policy: &Policy{}}
	before := len(f.Shared())
	v := reflect.ValueOf(f).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		switch {
		case !field.IsExported(), field.Name == "Machines", field.Name == "Tenants", field.Name == "Approvals", field.Name == "Allocation":
			continue
		case field.Type.Kind() == reflect.Map:
			m := reflect.MakeMap(field.Type)
			one := reflect.New(field.Type.Elem().Elem())
			m.SetMapIndex(reflect.ValueOf("a"), one)
			v.Field(i).Set(m)
			require.Contains(t, f.Shared(), one.Interface(), field.Name)
			before++
		default:
			require.Contains(t, f.Shared(), v.Field(i).Interface(), field.Name)
		}
	}
	require.Len(t, f.Shared(), before)
}
