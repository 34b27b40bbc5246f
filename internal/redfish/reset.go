package redfish

import (
	"context"
	"fmt"
	"slices"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

const (
	// resetGracefully is the only reset we ask for: the operating system shuts down first. A machine
	// that cannot do that is left to a person.
	resetGracefully = "GracefulRestart"
	// onReset is the only time at which we let BIOS attributes take force.
	onReset = "OnReset"
)

// whenReset adds to a request that it waits for the reset, in the way that the BMC says it understands:
// one that names no times waits for the reset in any case, and may refuse to be told.
func (r resource) whenReset(body map[string]any) error {
	times, named := r.settings["SupportedApplyTimes"].([]any)
	switch {
	case !named:
		return nil
	case !slices.Contains(times, any(onReset)):
		return fmt.Errorf("%w: the BMC would not wait for a reset, it puts attributes in force at %v", target.ErrHeld, times)
	}
	body["@Redfish.SettingsApplyTime"] = map[string]any{"@odata.type": "#Settings.v1_3_0.PreferredApplyTime", "ApplyTime": onReset}
	return nil
}

// reset restarts the machine once, if what that puts in force is exactly what is wanted. It is never
// sent again, whatever becomes of the answer: who asks must look whether the machine was reset.
func (b *BMC) reset(ctx context.Context, c plan.Change) (resource, error) {
	now, err := b.look(ctx, c)
	if err != nil {
		return now, err
	}
	if now.Pending == nil && len(plan.Compare(c.Want.Tree, now.Value, kinds.Of(c.ID))) == 0 {
		return now, nil // in force already
	}
	to, err := now.mayReset(c)
	if err != nil {
		return now, err
	}
	if err := b.post(ctx, to, map[string]any{"ResetType": resetGracefully}); err != nil {
		return now, err
	}
	after, err := b.look(ctx, c)
	if err != nil {
		return now, fmt.Errorf("the reset was accepted, but the machine could not be read since: %w", err)
	}
	return after, nil
}

// mayReset is where to ask for the reset, unless something speaks against it.
func (r resource) mayReset(c plan.Change) (uri string, err error) {
	if c.Live != nil && c.Live.Facts[kinds.FactLastReset] != r.Facts[kinds.FactLastReset] {
		return "", fmt.Errorf("%w: the machine was reset since the plan was made", target.ErrHeld)
	}
	if r.Pending == nil {
		return "", fmt.Errorf("%w: nothing is staged any more, so a reset would change nothing", target.ErrHeld)
	}
	if err := r.onlyOurs(c.Want.Tree); err != nil {
		return "", err
	}
	if left := plan.Compare(c.Want.Tree, r.ahead(), kinds.Of(c.ID)); len(left) > 0 {
		return "", fmt.Errorf("%w: a reset would make %s %v, not %v as wanted", target.ErrHeld, left[0].Name, left[0].Old, left[0].New)
	}
	if power := r.Facts[kinds.FactPower]; power != "On" {
		return "", fmt.Errorf("%w: the machine is %q, not on; what is staged takes force when it starts", target.ErrHeld, power)
	}
	action, _ := kinds.Lookup(r.system.fields, "Actions", "#ComputerSystem.Reset").(map[string]any)
	uri = kinds.Text(action, "target")
	if uri == "" {
		return "", fmt.Errorf("%w: the BMC offers no reset", target.ErrHeld)
	}
	if types, named := action["ResetType@Redfish.AllowableValues"].([]any); named && !slices.Contains(types, any(resetGracefully)) {
		return "", fmt.Errorf("%w: the BMC cannot restart the machine gracefully; reset it by hand", target.ErrHeld)
	}
	return uri, nil
}

// onlyOurs is an error if an attribute is staged that the desired tree does not name: somebody else
// staged it, or the fleet named it once.
func (r resource) onlyOurs(want state.Tree) error {
	var names []string
	for name := range attributesOf(r.Pending) {
		if _, ok := want.Get(state.Path{"Attributes", name}); !ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return fmt.Errorf("%w: %v is staged, too, which the fleet does not name; a reset would put it in force", target.ErrHeld, names)
}
