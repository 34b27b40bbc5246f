package kinds

import (
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/state"
)

// Of an object of which nothing is known a change costs at least what it costs in any state.
func TestUnknownIsTheWorst(t *testing.T) {
	worse := 0
	for name, table := range tables {
		if table.Changed == nil {
			continue
		}
		for _, path := range []string{"spec.raid.level", "spec.rootDeviceHints.hctl", "spec.settings.A", "spec.updates[0].url", "metadata.labels.a", "Attributes.A", "vlan", "spec.replicas"} {
			p, err := state.ParsePath(path)
			require.NoError(t, err)
			unknown := table.Changed(p, "a", "b", state.LiveObject{})
			for _, at := range []string{"", "available", "provisioned", "preparing"} {
				live := state.LiveObject{Value: map[string]any{"status": map[string]any{"provisioning": map[string]any{"state": at}}}}
				known := table.Changed(p, "a", "b", live)
				require.GreaterOrEqual(t, unknown, known, "%s %s while %s", name, path, at)
				if unknown > known {
					worse++
				}
			}
		}
	}
	require.Positive(t, worse, "no kind's cost hangs on its state")
}
