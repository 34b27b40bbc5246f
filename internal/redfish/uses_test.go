package redfish_test

import (
	"errors"
	"fmt"
	"slices"
	"testing/synctest"
	"time"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/redfish"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// What clients are used for. Each use is an error if it fails, or if it leaves the machine otherwise
// than was wanted.

// attempt plans and applies a change; unlike update, it may fail.
func (w *world) attempt(b *redfish.BMC, o state.Object, step plan.Step) error {
	live := b.Observe(w.Context(), target.Query{Want: []state.Object{o}})
	if err := errors.Join(live.Err, live.Unknown[o.ID]); err != nil {
		return err
	}
	return apply(w.Context(), b, plan.Change{ID: o.ID, Action: plan.Update, Want: &o, Live: new(live.Objects[o.ID]), Step: step}).Err
}

func setTimeServers(w *world, b *redfish.BMC) error {
	err := w.attempt(b, ntp("ntp1.example.com", "ntp2.example.com"), "")
	if has := slices.Compact(w.machine().NTP); err == nil && !slices.Equal(has, []string{"ntp1.example.com", "ntp2.example.com"}) {
		err = fmt.Errorf("the BMC asks %v", has)
	}
	return err
}

func lookTwice(w *world, b *redfish.BMC) error {
	b.Observe(w.Context(), ntpQuery)
	w.edit(func(m *simulate.Machine) { m.NTP = []string{"elsewhere.example.com"} })
	return setTimeServers(w, b)
}

func returnAfterAnHour(w *world, b *redfish.BMC) error {
	b.Observe(w.Context(), ntpQuery)
	time.Sleep(time.Hour)
	return setTimeServers(w, b)
}

func correctThePassword(w *world, b *redfish.BMC) error {
	w.secret("guess")
	if b.Observe(w.Context(), ntpQuery).Err == nil {
		return errors.New("a wrong password was accepted")
	}
	w.secret(password)
	return setTimeServers(w, b)
}

// inForce is an error for an attribute that is not as wanted; numbers count by how they are written.
func inForce(attributes map[string]any) error {
	want := kinds.Lookup(map[string]any{"a": wanted.Tree.Masked()}, "a", "Attributes").(map[string]any)
	for name, value := range want {
		if fmt.Sprint(attributes[name]) != fmt.Sprint(value) {
			return fmt.Errorf("%s is %v, not %v", name, attributes[name], value)
		}
	}
	return nil
}

func stageOnly(w *world, b *redfish.BMC) error {
	err := w.attempt(b, wanted, plan.Stage)
	if err == nil && w.machine().Pending["SriovGlobalEnable"] != "Enabled" {
		err = fmt.Errorf("only %v is staged", w.machine().Pending)
	}
	return err
}

func bringIntoForce(w *world, b *redfish.BMC) error {
	if err := w.attempt(b, wanted, plan.Stage); err != nil {
		return err
	}
	if err := w.attempt(b, wanted, plan.Reset); err != nil {
		return err
	}
	w.untilReset()
	return inForce(w.machine().BIOS)
}

// resetWhileOff: whoever holds the reset of a machine that is off is helped by somebody who starts it.
func resetWhileOff(w *world, b *redfish.BMC) error {
	if err := w.attempt(b, wanted, plan.Stage); err != nil {
		return err
	}
	w.edit(func(m *simulate.Machine) { m.Power = simulate.PowerOff })
	err := w.attempt(b, wanted, plan.Reset)
	if errors.Is(err, target.ErrHeld) {
		err = w.site.Reset(machine, "On")
	}
	if err != nil {
		return err
	}
	w.untilReset()
	return inForce(w.machine().BIOS)
}

// tellWhatIsInForce: after a reset was asked for, a client must not say that it is over before it is.
func tellWhatIsInForce(w *world, b *redfish.BMC) error {
	if err := w.attempt(b, wanted, plan.Stage); err != nil {
		return err
	}
	if err := w.attempt(b, wanted, plan.Reset); err != nil {
		return err
	}
	synctest.Wait()
	live := b.Observe(w.Context(), target.Query{Want: []state.Object{wanted}})
	if err := live.Err; err != nil {
		return err
	}
	told, _ := live.Objects[biosID].Value["Attributes"].(map[string]any)
	if inForce(told) == nil {
		return inForce(w.machine().BIOS)
	}
	return nil
}
