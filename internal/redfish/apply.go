package redfish

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// resetGracefully is the only reset we ask for: the operating system shuts down first. A machine that
// cannot do that is left to a person.
const resetGracefully = "GracefulRestart"

// Apply carries out the changes one after the other: a BMC does no two things at once well.
func (b *BMC) Apply(ctx context.Context, changes []plan.Change) iter.Seq[target.Result] {
	return func(yield func(target.Result) bool) {
		for _, c := range changes {
			if err := ctx.Err(); err != nil {
				if !yield(target.Result{ID: c.ID, Err: err}) {
					return
				}
				continue
			}
			if !yield(b.change(ctx, c)) {
				return
			}
		}
	}
}

// change sends what one change says, unless that is so already, and reads the object back.
func (b *BMC) change(ctx context.Context, c plan.Change) target.Result {
	fail := func(err error) target.Result {
		return target.Result{ID: c.ID, Err: fmt.Errorf("%s %s: %w", c.Action, c.ID, err)}
	}
	system, err := b.get(ctx, b.opts.System)
	if err != nil {
		return fail(err)
	}
	before, err := b.read(ctx, c.ID, system)
	if err != nil {
		return fail(err)
	}
	switch {
	case c.Action == plan.Release:
		return target.Result{ID: c.ID, Live: &before} // left as it is
	case c.Action != plan.Update && c.Action != plan.Adopt:
		return fail(fmt.Errorf("%w: a BMC's objects are there by nature", target.ErrHeld))
	case c.Live != nil && c.Live.Remote != before.Remote:
		return fail(fmt.Errorf("%w: it was %s when the plan was made and is %s now", target.ErrHeld, c.Live.Remote, before.Remote))
	case c.ID.Kind == KindNTP:
		err = b.setNTP(ctx, c, before)
	case c.ID.Kind == KindBIOS && c.Step == plan.Stage:
		err = b.stage(ctx, c, before)
	case c.ID.Kind == KindBIOS && c.Step == plan.Reset:
		err = b.reset(ctx, c, before, system)
	default:
		err = fmt.Errorf("%w: %s is only observed", target.ErrHeld, c.ID.Kind)
	}
	if err != nil {
		return fail(err)
	}
	if system, err = b.get(ctx, b.opts.System); err != nil {
		return fail(fmt.Errorf("it was accepted, but could not be read back: %w", err))
	}
	after, err := b.read(ctx, c.ID, system)
	if err != nil {
		return fail(fmt.Errorf("it was accepted, but could not be read back: %w", err))
	}
	return target.Result{ID: c.ID, Live: &after, Pending: c.Step != ""}
}

// setNTP writes the time servers, and makes sure that the BMC took them: some accept and revert.
func (b *BMC) setNTP(ctx context.Context, c plan.Change, before state.LiveObject) error {
	if len(plan.Compare(c.Want.Tree, before.Value, kinds.Of(c.ID))) == 0 {
		return nil
	}
	body, err := b.body(c)
	if err != nil {
		return err
	}
	if err := b.patch(ctx, before.Remote, before.Version, body); err != nil {
		return err
	}
	after, err := b.get(ctx, before.Remote)
	if err != nil {
		return err
	}
	value := map[string]any{"NTP": normal(after.fields["NTP"])}
	if left := plan.Compare(c.Want.Tree, value, kinds.Of(c.ID)); len(left) > 0 {
		return fmt.Errorf("%w: it accepted the request and left %s as %v", ErrRefused, left[0].Name, left[0].Old)
	}
	return nil
}

// stage hands the attributes that differ to the BMC, for the next reset. Attributes that somebody
// else staged are not ours to bring into force: then nothing is sent.
func (b *BMC) stage(ctx context.Context, c plan.Change, before state.LiveObject) error {
	if before.Pending != nil {
		if foreign := unnamed(before.Pending, c.Want.Tree); len(foreign) > 0 {
			return fmt.Errorf("%w: somebody else staged %v, which a reset would put in force", target.ErrHeld, foreign)
		}
	}
	bios, err := b.get(ctx, before.Remote)
	if err != nil {
		return err
	}
	uri, ok := settingsOf(bios)
	if !ok {
		return fmt.Errorf("%w: the BIOS takes no settings over Redfish", ErrRefused)
	}
	settings, err := b.get(ctx, uri)
	if err != nil {
		return err
	}
	attributes := map[string]any{}
	for _, f := range plan.Compare(c.Want.Tree, before.Value, kinds.Of(c.ID)) {
		attributes[f.Path[len(f.Path)-1]] = f.New
	}
	return b.patch(ctx, uri, settings.etag, map[string]any{
		"Attributes":                 attributes,
		"@Redfish.SettingsApplyTime": map[string]any{"@odata.type": "#Settings.v1_3_0.PreferredApplyTime", "ApplyTime": "OnReset"},
	})
}

// reset restarts the machine, if what a reset would put in force is exactly what we staged.
func (b *BMC) reset(ctx context.Context, c plan.Change, before state.LiveObject, system doc) error {
	if before.Pending == nil {
		return fmt.Errorf("%w: nothing is staged any more, so a reset would change nothing", target.ErrHeld)
	}
	if foreign := unnamed(before.Pending, c.Want.Tree); len(foreign) > 0 {
		return fmt.Errorf("%w: somebody else staged %v, which a reset would put in force", target.ErrHeld, foreign)
	}
	if c.Live != nil && c.Live.Facts[kinds.FactLastReset] != before.Facts[kinds.FactLastReset] {
		return fmt.Errorf("%w: it was reset since the plan was made", target.ErrHeld)
	}
	action, _ := kinds.Lookup(system.fields, "Actions", "#ComputerSystem.Reset").(map[string]any)
	if kinds.Text(action, "target") == "" {
		return fmt.Errorf("%w: the BMC offers no reset", target.ErrHeld)
	}
	if allowed, said := action["ResetType@Redfish.AllowableValues"].([]any); said && !slices.Contains(allowed, any(resetGracefully)) {
		return fmt.Errorf("%w: the BMC cannot restart the machine gracefully; reset it by hand", target.ErrHeld)
	}
	return b.post(ctx, kinds.Text(action, "target"), map[string]any{"ResetType": resetGracefully})
}

// unnamed are the staged attributes that the desired tree does not name, sorted.
func unnamed(pending map[string]any, want state.Tree) []string {
	var names []string
	attributes, _ := pending["Attributes"].(map[string]any)
	for name := range attributes {
		if _, ok := want.Get(state.Path{"Attributes", name}); !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// body is the desired tree as JSON.
func (b *BMC) body(c plan.Change) (map[string]any, error) {
	value, err := c.Want.Tree.Plain(func(r state.SecretRef) (string, error) {
		return "", fmt.Errorf("%s: a BMC's settings hold no secrets", r)
	})
	if err != nil {
		return nil, err
	}
	body, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is no JSON object", c.ID)
	}
	return body, nil
}
