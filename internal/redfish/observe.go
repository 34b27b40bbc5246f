package redfish

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Observe reads the resources that are asked for: one or two requests each. A resource that the BMC
// does not show is unknown, not absent, since some show all of theirs only once the machine has
// started.
func (b *BMC) Observe(ctx context.Context, q target.Query) state.Live {
	live := state.Live{Target: b.target, Time: b.opts.Now(), Objects: map[state.ID]state.LiveObject{}, Unknown: map[state.ID]error{}, Covered: map[state.ID]bool{}}
	for _, o := range q.Want {
		live.Covered[o.ID] = true
	}
	for _, o := range q.Owned {
		live.Covered[o.ID] = true
	}
	system, err := b.get(ctx, b.opts.System)
	if err != nil {
		live.Err = fmt.Errorf("%s: %w", b.target, err)
		return live
	}
	for _, id := range slices.SortedFunc(maps.Keys(live.Covered), state.ID.Compare) {
		r, err := b.read(ctx, id, system)
		if err != nil {
			live.Unknown[id] = err
			continue
		}
		live.Objects[id] = r.LiveObject
	}
	return live
}

// resource is an object as it was read, and what it takes to write it.
type resource struct {
	state.LiveObject
	system   doc            // the machine that it belongs to
	to, etag string         // where changes are written, and at which version; "" where none are
	settings map[string]any // how the BMC takes settings, as "@Redfish.Settings" has it
}

// read is one object, given the system that it belongs to.
func (b *BMC) read(ctx context.Context, id state.ID, system doc) (resource, error) {
	r := resource{system: system, LiveObject: state.LiveObject{
		ID: id, Health: state.Health{State: state.Healthy},
		Facts: map[string]string{
			kinds.FactLastReset: kinds.Text(system.fields, "LastResetTime"),
			kinds.FactPower:     kinds.Text(system.fields, "PowerState"),
		},
	}}
	var err error
	switch id.Kind {
	case KindPower:
		b.readPower(&r)
	case KindBIOS:
		err = b.readBIOS(ctx, &r)
	case KindNTP:
		err = b.readNTP(ctx, &r)
	default:
		err = fmt.Errorf("a BMC has no object of kind %q", id.Kind)
	}
	return r, err
}

func (b *BMC) readPower(r *resource) {
	r.Remote, r.Version = b.opts.System, r.system.etag
	r.Value = map[string]any{"PowerState": normal(r.system.fields["PowerState"])}
	if power := r.Facts[kinds.FactPower]; power == "PoweringOn" || power == "PoweringOff" {
		r.Health = state.Health{State: state.Progressing, Message: power}
	}
}

// readBIOS reads the attributes in force and, apart, those that wait for a reset.
func (b *BMC) readBIOS(ctx context.Context, r *resource) error {
	uri := kinds.Text(r.system.fields, "Bios", "@odata.id")
	if uri == "" {
		return fmt.Errorf("%s shows no BIOS: %w", b.opts.System, ErrNotFound)
	}
	bios, err := b.get(ctx, uri)
	if err != nil {
		return err
	}
	current := attributesOf(bios.fields)
	r.Remote, r.Version = uri, bios.etag
	r.Value = map[string]any{"Attributes": current}
	r.settings, _ = bios.fields["@Redfish.Settings"].(map[string]any)
	if r.to = kinds.Text(r.settings, "SettingsObject", "@odata.id"); r.to == "" {
		return nil
	}
	staged, err := b.get(ctx, r.to)
	if err != nil {
		return err
	}
	r.etag = staged.etag
	// Some BMCs list only what was staged, others all attributes as they will be.
	waiting := attributesOf(staged.fields)
	maps.DeleteFunc(waiting, func(name string, value any) bool { return reflect.DeepEqual(value, current[name]) })
	if len(waiting) > 0 {
		r.Pending = map[string]any{"Attributes": waiting}
	}
	return nil
}

// readNTP reads the time servers out of the network services of the manager that the system names
// first: a BMC may have several.
func (b *BMC) readNTP(ctx context.Context, r *resource) error {
	managers, _ := kinds.Lookup(r.system.fields, "Links", "ManagedBy").([]any)
	var first map[string]any
	if len(managers) > 0 {
		first, _ = managers[0].(map[string]any)
	}
	uri := kinds.Text(first, "@odata.id")
	if uri == "" {
		return fmt.Errorf("%s names no manager: %w", b.opts.System, ErrNotFound)
	}
	manager, err := b.get(ctx, uri)
	if err != nil {
		return err
	}
	if r.to = kinds.Text(manager.fields, "NetworkProtocol", "@odata.id"); r.to == "" {
		return fmt.Errorf("the manager of %s shows no network services: %w", b.opts.System, ErrNotFound)
	}
	services, err := b.get(ctx, r.to)
	if err != nil {
		return err
	}
	ntp, ok := normal(services.fields["NTP"]).(map[string]any)
	if !ok {
		return fmt.Errorf("%s shows no time servers: %w", r.to, ErrNotFound)
	}
	// A list of fixed length is filled up with nothing (DSP0266, "Array properties").
	if servers, ok := ntp["NTPServers"].([]any); ok {
		ntp["NTPServers"] = slices.DeleteFunc(servers, func(s any) bool { return s == nil || s == "" })
	}
	r.Remote, r.Version, r.etag = r.to, services.etag, services.etag
	r.Value = map[string]any{"NTP": ntp}
	return nil
}

// ahead is the object as it will be once what waits for a reset is in force.
func (r resource) ahead() map[string]any {
	all := maps.Clone(r.Value)
	if waiting := attributesOf(r.Pending); len(waiting) > 0 {
		current := maps.Clone(attributesOf(r.Value))
		maps.Copy(current, waiting)
		all["Attributes"] = current
	}
	return all
}

// attributesOf are a BIOS resource's attributes; never nil.
func attributesOf(fields map[string]any) map[string]any {
	if attributes, ok := normal(fields["Attributes"]).(map[string]any); ok {
		return attributes
	}
	return map[string]any{}
}

// normal gives every number the form that desired trees have.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			v[k] = normal(item)
		}
		return v
	case []any:
		for i, item := range v {
			v[i] = normal(item)
		}
		return v
	}
	return state.Scalar(v)
}
