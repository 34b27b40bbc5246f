package kubernetes

import (
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Metal3 makes a host's HostFirmwareComponents with an empty list, which is then its own; to fill that
// list is no conflict, not even with a controller that is never overridden. What anybody put into it is.
func TestEmptyListsAreThereToBeFilled(t *testing.T) {
	s := newStage(t).with(t)
	s.c = s.open(t, func(o *Options) { o.Controllers = []string{"baremetal-operator"} })
	machine := s.machine()
	require.NoError(t, registerHost(s, machine, false))
	require.Contains(t, managerNames(s.stored(t, components, machine)), "baremetal-operator")

	want := updatesOf("bios")(s, machine)
	preview := s.c.Preview(t.Context(), []state.Object{want})[0]
	require.NoError(t, preview.Invalid)
	require.NoError(t, preview.Unknown)
	require.Empty(t, preview.Conflicts)
	require.NoError(t, s.update(want))
	s.await("the image is installed", func() bool {
		m, _ := s.site.Machine(machine)
		return m.Firmware["bios"] == "2.0"
	})

	// Somebody else's image is not overridden, and what is not empty any more is not taken for it.
	s.kubectl(t, components, machine, "spec: {updates: [{component: bmc, url: https://firmware.example.com/b-3.0.bin}]}")
	require.ErrorIs(t, s.update(want), target.ErrHeld)
	require.Len(t, s.c.Preview(t.Context(), []state.Object{want})[0].Conflicts, 2, "the component and its URL")
}
