package redfish

import (
	"context"
	"fmt"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Observe reads the resources that are asked for. Three or four requests tell all of it.
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
	for id := range live.Covered {
		o, err := b.read(ctx, id, system)
		if err != nil {
			live.Unknown[id] = err
			continue
		}
		live.Objects[id] = o
	}
	return live
}

// read is one object, given the system that it belongs to.
func (b *BMC) read(ctx context.Context, id state.ID, system doc) (state.LiveObject, error) {
	o := state.LiveObject{ID: id, Health: state.Health{State: state.Healthy}, Facts: map[string]string{
		kinds.FactLastReset: kinds.Text(system.fields, "LastResetTime"),
		kinds.FactPower:     kinds.Text(system.fields, "PowerState"),
	}}
	switch id.Kind {
	case KindPower:
		o.Remote, o.Version = b.opts.System, system.etag
		o.Value = map[string]any{"PowerState": system.fields["PowerState"]}
		if power := o.Facts[kinds.FactPower]; power == "PoweringOn" || power == "PoweringOff" {
			o.Health = state.Health{State: state.Progressing, Message: power}
		}
		return o, nil
	case KindBIOS:
		return b.readBIOS(ctx, o, system)
	case KindNTP:
		uri, d, err := b.networkProtocol(ctx, system)
		if err != nil {
			return o, err
		}
		o.Remote, o.Version = uri, d.etag
		o.Value = map[string]any{"NTP": normal(d.fields["NTP"])}
		return o, nil
	}
	return o, fmt.Errorf("a BMC has no object of kind %q", id.Kind)
}

// readBIOS reads the attributes in force and, apart, those that wait for a reset.
func (b *BMC) readBIOS(ctx context.Context, o state.LiveObject, system doc) (state.LiveObject, error) {
	uri, ok := link(system.fields, "Bios")
	if !ok {
		return o, fmt.Errorf("%s shows no BIOS: %w", b.opts.System, ErrNotFound)
	}
	bios, err := b.get(ctx, uri)
	if err != nil {
		return o, err
	}
	current, _ := normal(bios.fields["Attributes"]).(map[string]any)
	o.Remote, o.Version = uri, bios.etag
	o.Value = map[string]any{"Attributes": current}
	settings, ok := settingsOf(bios)
	if !ok {
		return o, nil
	}
	staged, err := b.get(ctx, settings)
	if err != nil {
		return o, err
	}
	// Some BMCs list only what was staged, others all attributes as they will be.
	waiting := map[string]any{}
	attributes, _ := normal(staged.fields["Attributes"]).(map[string]any)
	for name, value := range attributes {
		if value != current[name] {
			waiting[name] = value
		}
	}
	if len(waiting) > 0 {
		o.Pending = map[string]any{"Attributes": waiting}
	}
	return o, nil
}

// networkProtocol is the resource of the BMC's own network services, of the manager that the system
// names: a BMC may have several.
func (b *BMC) networkProtocol(ctx context.Context, system doc) (uri string, d doc, err error) {
	managers, _ := kinds.Lookup(system.fields, "Links", "ManagedBy").([]any)
	if len(managers) == 0 {
		return "", doc{}, fmt.Errorf("%s names no manager: %w", b.opts.System, ErrNotFound)
	}
	first, _ := managers[0].(map[string]any)
	manager, err := b.get(ctx, kinds.Text(first, "@odata.id"))
	if err != nil {
		return "", doc{}, err
	}
	uri, ok := link(manager.fields, "NetworkProtocol")
	if !ok {
		return "", doc{}, fmt.Errorf("the manager of %s shows no network services: %w", b.opts.System, ErrNotFound)
	}
	d, err = b.get(ctx, uri)
	return uri, d, err
}

// settingsOf is where changes to a resource are staged.
func settingsOf(d doc) (uri string, ok bool) {
	uri = kinds.Text(d.fields, "@Redfish.Settings", "SettingsObject", "@odata.id")
	return uri, uri != ""
}

func link(fields map[string]any, name string) (uri string, ok bool) {
	uri = kinds.Text(fields, name, "@odata.id")
	return uri, uri != ""
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
