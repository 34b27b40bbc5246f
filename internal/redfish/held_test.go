package redfish_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/redfish"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// held tries a step whose second look has to hold it, for the reason given, with nothing sent. between
// prepares the world after the plan was made, and may put something in the BMC's place.
func held(t *testing.T, step plan.Step, why string, between func(w *world) []middle) {
	t.Helper()
	try(t, simulate.BMCOptions{Vendor: "Lenovo"}, func(w *world) {
		if step == plan.Reset {
			w.mustUpdate(w.client(), wanted, plan.Stage)
		}
		c := w.change(w.client(), wanted, step)
		before := w.writes()
		r := apply(w.Context(), w.client(between(w)...), c)
		require.ErrorIs(w, r.Err, target.ErrHeld)
		require.ErrorContains(w, r.Err, why)
		require.Nil(w, r.Live)
		require.Equal(w, before, w.writes())
	})
}

// behind is what somebody does behind our back.
func behind(change func(m *simulate.Machine)) func(w *world) []middle {
	return func(w *world) []middle {
		w.edit(change)
		return nil
	}
}

// resource shows one resource otherwise.
func resource(path string, edit func(map[string]any)) func(*world) []middle {
	return func(*world) []middle { return []middle{shows(path, edit)} }
}

// A machine is only reset for what we staged, all of it and nothing else, and only as the plan saw it.
func TestHeld(t *testing.T) {
	action := func(system map[string]any) map[string]any {
		return system["Actions"].(map[string]any)["#ComputerSystem.Reset"].(map[string]any)
	}
	for name, try := range map[string]struct {
		step    plan.Step
		why     string
		between func(w *world) []middle
	}{
		"staging beside somebody else's attribute": {plan.Stage, "[ProcCStates] is staged", behind(func(m *simulate.Machine) { m.Pending["ProcCStates"] = "Disabled" })},
		"a reset with somebody else's attribute":   {plan.Reset, "[ProcCStates] is staged", behind(func(m *simulate.Machine) { m.Pending["ProcCStates"] = "Disabled" })},
		"a reset with somebody else's value":       {plan.Reset, "would make Attributes.AcPwrRcvryUserDelay 240", behind(func(m *simulate.Machine) { m.Pending["AcPwrRcvryUserDelay"] = 240.0 })},
		"a reset with a part of it staged":         {plan.Reset, "would make Attributes.SriovGlobalEnable Disabled", behind(func(m *simulate.Machine) { delete(m.Pending, "SriovGlobalEnable") })},
		"a reset with nothing staged":              {plan.Reset, "nothing is staged", behind(func(m *simulate.Machine) { clear(m.Pending) })},
		"a reset after another":                    {plan.Reset, "was reset since", behind(func(m *simulate.Machine) { m.LastReset = m.LastReset.Add(time.Minute) })},
		"a reset of what is off":                   {plan.Reset, `is "Off"`, behind(func(m *simulate.Machine) { m.Power = simulate.PowerOff })},
		"a reset that the BMC cannot do":           {plan.Reset, "by hand", resource(systemPath, func(s map[string]any) { action(s)["ResetType@Redfish.AllowableValues"] = []any{"On", "ForceRestart"} })},
		"a reset that the BMC does not offer":      {plan.Reset, "offers no reset", resource(systemPath, func(s map[string]any) { delete(s, "Actions") })},
	} {
		t.Run(name, func(t *testing.T) { held(t, try.step, try.why, try.between) })
	}
}

// A reset that happened meanwhile and put everything in force is as good as ours, and not repeated.
func TestAResetThatHappenedMeanwhile(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		b := w.client()
		w.mustUpdate(b, wanted, plan.Stage)
		c := w.change(b, wanted, plan.Reset)
		require.NoError(w, w.site.Reset(machine, "ForceRestart"))
		w.untilReset()
		r := apply(w.Context(), b, c)
		require.NoError(w, r.Err)
		require.Nil(w, r.Live.Pending)
		require.Equal(w, 1, w.machine().Resets)
	})
}

// What somebody stages between our look and our write is seen, not joined.
func TestStagingInBetween(t *testing.T) {
	try(t, simulate.BMCOptions{Vendor: "Lenovo"}, func(w *world) {
		b := w.client(onRequest(func(r *http.Request) {
			if r.Method == http.MethodPatch {
				w.edit(func(m *simulate.Machine) { m.Pending["ProcCStates"] = "Disabled" })
			}
		}))
		r := w.update(b, wanted, plan.Stage)
		require.ErrorIs(w, r.Err, target.ErrHeld)
		require.Equal(w, map[string]any{"ProcCStates": "Disabled"}, w.machine().Pending)
	})
}

// A BIOS that takes no settings is refused, and one whose settings would hold a secret is held.
func TestWhatCannotBeStaged(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		b := w.client(shows(biosPath, func(bios map[string]any) { delete(bios, "@Redfish.Settings") }))
		require.ErrorIs(w, w.update(b, wanted, plan.Stage).Err, redfish.ErrRefused)

		secret := state.Secret(state.SecretRef{Namespace: "metal3-system", Name: "bios", Key: "setup"}, state.Origin{})
		o := bios(nil)
		o.Tree = state.Map(map[string]state.Tree{
			"Attributes": state.Map(map[string]state.Tree{"SetupPassword": secret}, state.Origin{}),
		}, state.Origin{})
		require.ErrorIs(w, w.update(w.client(), o, plan.Stage).Err, target.ErrHeld)
		require.Empty(w, w.writes())
	})
}
