package redfish_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/redfish"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
)

var wanted = bios(map[string]any{"SriovGlobalEnable": "Enabled", "AcPwrRcvryUserDelay": 120, "BootMode": "Uefi"})

// untilReset waits until no reset is under way any more.
func (w *world) untilReset() {
	synctest.Wait()
	for w.machine().Resetting != "" {
		time.Sleep(time.Second)
	}
}

// Attributes are staged, shown as waiting, put in force by one reset, and then left alone: a number is
// the same number however the BMC writes it.
func TestStageThenReset(t *testing.T) {
	floats := shows(biosPath, func(bios map[string]any) {
		bios["Attributes"].(map[string]any)["AcPwrRcvryUserDelay"] = 1.2e2
	})
	for name, between := range map[string][]middle{"as it is": nil, "numbers as floats": {floats}} {
		t.Run(name, func(t *testing.T) {
			try(t, simulate.BMCOptions{}, func(w *world) {
				b := w.client()
				live := w.mustUpdate(b, wanted, plan.Stage)
				require.Equal(w, map[string]any{"Attributes": map[string]any{"SriovGlobalEnable": "Enabled", "AcPwrRcvryUserDelay": int64(120)}}, live.Pending)
				require.Equal(w, "Disabled", w.machine().BIOS["SriovGlobalEnable"])

				live = w.mustUpdate(b, wanted, plan.Reset)
				require.NotNil(w, live.Pending, "it takes minutes, and that is not hidden")
				before := live.Facts[kinds.FactLastReset]
				w.untilReset()
				live = w.observe(w.client(between...), biosID)
				require.Nil(w, live.Pending)
				require.Empty(w, plan.Compare(wanted.Tree, live.Value, kinds.Of(biosID)))
				require.NotEqual(w, before, live.Facts[kinds.FactLastReset])
				require.Equal(w, 1, w.machine().Resets)

				for _, step := range []plan.Step{plan.Stage, plan.Reset} {
					w.mustUpdate(w.client(between...), wanted, step)
				}
				require.Equal(w, []string{"PATCH " + settingsPath, "POST " + resetPath}, w.writes())
			})
		})
	}
}

// What is staged already is not staged again, which a Dell would refuse: neither in another pass nor
// after a lost answer.
func TestStagingTwiceStagesOnce(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		b := w.client()
		c := w.change(b, wanted, plan.Stage)
		w.site.Inject(simulate.Fault{Kind: simulate.FaultLostAnswer, Method: http.MethodPatch, Times: 1})
		for range 3 {
			require.NoError(w, apply(w.Context(), b, c).Err)
		}
		require.Len(w, w.writes(), 1)
	})
}

// What was staged and is no longer wanted is taken back, where the BMC allows it.
func TestWhatIsStagedCanBeTakenBack(t *testing.T) {
	try(t, simulate.BMCOptions{Vendor: "Lenovo"}, func(w *world) {
		b := w.client()
		w.mustUpdate(b, wanted, plan.Stage)
		live := w.mustUpdate(b, bios(map[string]any{"SriovGlobalEnable": "Disabled", "AcPwrRcvryUserDelay": 60}), plan.Stage)
		require.Nil(w, live.Pending)
	})
}

// A BMC that names no apply times is told none; one that would not wait for a reset is told nothing.
func TestApplyTimes(t *testing.T) {
	times := func(names ...any) middle {
		return shows(biosPath, func(bios map[string]any) {
			settings := bios["@Redfish.Settings"].(map[string]any)
			if delete(settings, "SupportedApplyTimes"); names != nil {
				settings["SupportedApplyTimes"] = names
			}
		})
	}
	for name, bmc := range map[string]struct {
		times []any
		told  any
	}{
		"at a reset or at once": {[]any{"Immediate", "OnReset"}, "OnReset"},
		"not said":              {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			try(t, simulate.BMCOptions{}, func(w *world) {
				var told any
				b := w.client(times(bmc.times...), onRequest(func(r *http.Request) {
					if r.Method == http.MethodPatch {
						rewrite(&r.Body, &r.ContentLength, func(body map[string]any) {
							told = kinds.Lookup(body, "@Redfish.SettingsApplyTime", "ApplyTime")
						})
					}
				}))
				w.mustUpdate(b, wanted, plan.Stage)
				require.Equal(w, bmc.told, told)
			})
		})
	}
	held(t, plan.Stage, "at [Immediate]", func(*world) []middle { return []middle{times("Immediate")} })
}

// The answer to a reset may get lost, before or after it took effect; the machine is reset at most once,
// and whoever asked is told that nobody knows.
func TestALostAnswerToAReset(t *testing.T) {
	for fault, resets := range map[simulate.FaultKind]int{simulate.FaultLostAnswer: 1, simulate.FaultRefuse: 0, simulate.FaultError: 0} {
		t.Run(string(fault), func(t *testing.T) {
			try(t, simulate.BMCOptions{}, func(w *world) {
				b := w.client()
				w.mustUpdate(b, wanted, plan.Stage)
				w.site.Inject(simulate.Fault{Kind: fault, Method: http.MethodPost, Times: 1})
				r := w.update(b, wanted, plan.Reset)
				require.ErrorIs(w, r.Err, redfish.ErrUnreachable)
				w.untilReset()
				require.Len(w, w.requests("POST"), 1)
				require.Equal(w, resets, w.machine().Resets)
			})
		})
	}
}

// A reset that was answered, with the machine not readable afterwards, is not a success, nor sent again.
func TestAResetThatCannotBeReadBack(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		gone := false
		b := w.client(func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				if gone {
					return nil, errors.New("no route to host")
				}
				gone = isReset(r)
				return next.RoundTrip(r)
			})
		})
		w.mustUpdate(b, wanted, plan.Stage)
		r := w.update(b, wanted, plan.Reset)
		require.ErrorContains(w, r.Err, "the reset was accepted")
		require.Nil(w, r.Live)
		require.Len(w, w.requests("POST"), 1)
	})
}

// An attribute that the BMC does not know, or a value that it does not take, is refused in its words.
func TestARefusedAttribute(t *testing.T) {
	for name, refused := range map[string]state.Object{
		"PropertyUnknown":        bios(map[string]any{"SriovGlobalEnabled": "Enabled"}),
		"PropertyValueNotInList": bios(map[string]any{"SriovGlobalEnable": "On"}),
	} {
		try(t, simulate.BMCOptions{}, func(w *world) {
			r := w.update(w.client(), refused, plan.Stage)
			require.ErrorIs(w, r.Err, redfish.ErrRefused)
			require.ErrorContains(w, r.Err, name)
			require.Empty(w, w.machine().Pending)
		})
	}
}
