package guard

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// What comes out of a stack is made of its components' directories too: whoever changes what lies there had a hand.
func TestWhatAChangeIsMadeOf(t *testing.T) {
	f, found := fleet.Load(t.Context(), os.DirFS("../../fleet-example"), fleet.Options{})
	require.NoError(t, found.Err())
	const stacks, priorities, limits, vnode = "stacks/stacks.cue", "stacks/components/priorities/", "stacks/charts/gpu-limits/", "stacks/components/vnode/"
	of := func(entity string) []plan.Field {
		return []plan.Field{{Name: "spec.replicas", Origin: state.Origin{Entity: entity}}}
	}
	for name, c := range map[string]struct {
		change  plan.Change
		with    []string
		without []string
	}{
		"of a cluster":                   {plan.Change{Entity: "cluster/acme/train"}, []string{"tenants/acme/acme.cue", stacks, priorities, limits}, []string{vnode}},
		"of a pool":                      {plan.Change{Entity: "pool/acme/train/h100"}, []string{"tenants/acme/acme.cue", stacks, priorities, limits}, []string{vnode}},
		"with a field that a stack says": {plan.Change{Entity: "machine/cp-001", Fields: of("stack/isolated")}, []string{"machines/rack-a1/control.cue", stacks, vnode}, []string{priorities, limits}},
		"of a machine":                   {plan.Change{Entity: "machine/cp-001"}, []string{"machines/rack-a1/control.cue"}, []string{stacks, priorities, limits, vnode}},
	} {
		t.Run(name, func(t *testing.T) {
			files := Input{Fleet: f}.files(&c.change)
			require.Subset(t, files, c.with)
			for _, file := range c.without {
				require.NotContains(t, files, file)
			}
		})
	}
	require.Nil(t, Input{Fleet: f}.files(&plan.Change{Entity: "cluster/acme/train", Fields: of("stack/gone")}), "any file, where one is not known any more")
}
