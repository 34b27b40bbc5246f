package gate

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

type m = map[string]any

var (
	dc1      = state.Target{System: state.Netris, Name: "dc1"}
	dc2      = state.Target{System: state.Netris, Name: "dc2"}
	gpu      = state.ID{Target: state.ControlPlane, Kind: "BareMetalHost.metal3.io", Namespace: "metal3-system", Name: "gpu-001"}
	atAcme   = state.ID{Target: dc1, Kind: "servercluster", Name: "acme-train", Part: "server/gpu-001"}
	atGlobex = state.ID{Target: dc1, Kind: "servercluster", Name: "globex-serve", Part: "server/gpu-001"}
)

// clean is a host that was acme's, was given back, and was cleaned.
func clean() m {
	return m{
		"metadata": m{"labels": m{}},
		"spec":     m{"online": false, "automatedCleaningMode": "metadata"},
		"status": m{"provisioning": m{"state": "available"}, "operationHistory": m{
			"provision":   m{"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:10:00Z"},
			"deprovision": m{"start": "2026-01-02T00:00:00Z", "end": "2026-01-02T00:10:00Z"},
		}},
	}
}

// with is clean with one value set; nil takes it away.
func with(value any, path ...string) m {
	root := clean()
	at := root
	for _, key := range path[:len(path)-1] {
		next, ok := at[key].(m)
		if !ok {
			next = m{}
			at[key] = next
		}
		at = next
	}
	at[path[len(path)-1]] = value
	if value == nil {
		delete(at, path[len(path)-1])
	}
	return root
}

func history(value any, path ...string) m {
	return with(value, append([]string{"status", "operationHistory"}, path...)...)
}

// Only a host that Metal3 has cleaned since it was last used is clean. What is missing, odd or cannot
// be read never counts in its favour.
func TestSanitised(t *testing.T) {
	for name, c := range map[string]struct {
		host m
		ok   bool
	}{
		"cleaned since":                  {clean(), true},
		"never used":                     {with(nil, "status", "operationHistory"), true},
		"never used, as Metal3 says it":  {with(m{"provision": m{"start": nil, "end": nil}, "deprovision": m{"start": nil, "end": nil}}, "status", "operationHistory"), true},
		"no status":                      {with(nil, "status"), false},
		"being deprovisioned":            {with("deprovisioning", "status", "provisioning", "state"), false},
		"in use":                         {with("provisioned", "status", "provisioning", "state"), false},
		"being prepared":                 {with("preparing", "status", "provisioning", "state"), false},
		"a state that is no text":        {with(7, "status", "provisioning", "state"), false},
		"claimed":                        {with(m{"name": "x", "namespace": "p-acme"}, "spec", "consumerRef"), false},
		"claimed by who knows whom":      {with(m{}, "spec", "consumerRef"), false},
		"told to run an image":           {with(m{"url": "https://images.example.com/a.img"}, "spec", "image"), false},
		"cleaning switched off":          {with("disabled", "spec", "automatedCleaningMode"), false},
		"used and never cleaned":         {history(nil, "deprovision"), false},
		"cleaned before it was used":     {history("2025-12-31T00:00:00Z", "deprovision", "end"), false},
		"cleaned while it was used":      {history("2026-01-01T00:05:00Z", "deprovision", "end"), false},
		"cleaned at that very second":    {history("2026-01-01T00:10:00Z", "deprovision", "end"), false},
		"cleaning under way":             {history(nil, "deprovision", "end"), false},
		"use begun and broken off":       {history(nil, "provision", "end"), true},
		"use begun again":                {with(m{"provision": m{"start": "2026-01-03T00:00:00Z"}, "deprovision": m{"end": "2026-01-02T00:00:00Z"}}, "status", "operationHistory"), false},
		"a use that cannot be read":      {history("yesterday", "provision", "start"), false},
		"the end of a use unreadable":    {history("yesterday", "provision", "end"), false},
		"a use that is no text":          {history(7, "provision", "start"), false},
		"a cleaning that cannot be read": {history("tomorrow", "deprovision", "end"), false},
		"a history of another shape":     {with("none", "status", "operationHistory"), false},
	} {
		t.Run(name, func(t *testing.T) {
			why, ok := Sanitised(state.LiveObject{ID: gpu, Value: c.host})
			require.Equal(t, c.ok, ok, why)
			require.Equal(t, ok, why == "", "a closed gate says why")
		})
	}
	_, ok := Sanitised(state.LiveObject{ID: gpu, Value: clean(), Deleting: true})
	require.False(t, ok)
}

// world is a world with one host; members are the server clusters that it is dedicated to.
func world(host m, members ...state.ID) World {
	network := state.Live{Target: dc1, Objects: map[state.ID]state.LiveObject{}, Covered: map[state.ID]bool{}, Unknown: map[state.ID]error{}}
	for _, id := range members {
		network.Objects[id] = state.LiveObject{ID: id, Value: m{"shared": false}}
	}
	control := state.Live{Target: state.ControlPlane, Objects: map[state.ID]state.LiveObject{}, Covered: map[state.ID]bool{gpu: true}, Unknown: map[state.ID]error{}}
	if host != nil {
		control.Objects[gpu] = state.LiveObject{ID: gpu, Value: host}
	}
	return World{Live: map[state.Target]state.Live{dc1: network, state.ControlPlane: control}, Hosts: state.ControlPlane, Namespace: "metal3-system"}
}

func (w World) change(f func(World)) World { f(w); return w }

func claimed(tenant string) m {
	return with(m{"name": "n", "namespace": "p-" + tenant}, "spec", "consumerRef")
}

func labelled(pool string) m { return with(pool, "metadata", "labels", "millwright.dev/pool") }

func fail(t state.Target) func(World) {
	return func(w World) { w.Live[t] = state.Live{Target: t, Err: errors.New("connection refused")} }
}

// No machine joins a tenant's segment, or is offered to a tenant, before it has left the last one for
// good, and whatever cannot be read keeps the gate shut.
func TestIsolation(t *testing.T) {
	join := plan.Change{ID: atGlobex, Action: plan.Create, Entity: "pool/globex/serve/h100"}
	offer := plan.Change{ID: gpu, Action: plan.Create, Entity: "pool/globex/serve/h100"}
	offer.ID.Part = "pool/globex/serve/h100"
	shared := func(id state.ID) func(World) {
		return func(w World) { w.Live[id.Target].Objects[id] = state.LiveObject{ID: id, Value: m{"shared": true}} }
	}
	unknown := func(id state.ID) func(World) {
		return func(w World) { w.Live[id.Target].Unknown[id] = errors.New("500") }
	}
	elsewhere := atAcme
	elsewhere.Target = dc2
	for name, c := range map[string]struct {
		world       World
		join, offer bool
	}{
		"clean and nowhere":           {world(clean()), true, true},
		"clean and joined":            {world(clean(), atGlobex), true, true},
		"claimed by that tenant":      {world(claimed("globex"), atGlobex), true, true},
		"still in another segment":    {world(clean(), atAcme), false, false},
		"only shared there":           {world(clean()).change(shared(atAcme)), true, true},
		"claimed by another":          {world(claimed("acme")), false, false},
		"claimed by a similar name":   {world(claimed("globexx")), false, false},
		"not cleaned":                 {world(history(nil, "deprovision")), false, false},
		"still offered to another":    {world(labelled("acme.train.h100")), false, true}, // its own label takes that one's place
		"offered to a similar name":   {world(labelled("globexx.serve.h100")), false, true},
		"offered to that tenant":      {world(labelled("globex.serve.h100")), true, true},
		"not registered":              {world(nil), false, false},
		"host unreadable":             {world(clean()).change(unknown(gpu)), false, false},
		"control plane unreadable":    {world(clean()).change(fail(state.ControlPlane)), false, false},
		"control plane not looked at": {world(clean()).change(func(w World) { delete(w.Live, state.ControlPlane) }), false, false},
		"another cluster unreadable":  {world(clean()).change(unknown(atAcme.Whole())), false, true}, // the label waits for its member
		"network unreadable":          {world(clean()).change(fail(dc1)), false, true},
		"network not looked at":       {world(clean()).change(func(w World) { delete(w.Live, dc1) }), false, true},
		"in a segment at another site": {world(clean()).change(func(w World) {
			w.Live[dc2] = state.Live{Target: dc2, Objects: map[state.ID]state.LiveObject{elsewhere: {ID: elsewhere, Value: m{}}}}
		}), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			why, open := Isolation(c.world, join)
			require.Equal(t, c.join, open, "join: %s", why)
			require.Equal(t, open, why == "")
			why, open = Isolation(c.world, offer)
			require.Equal(t, c.offer, open, "offer: %s", why)
			require.Equal(t, open, why == "")
		})
	}
}

// Taking over and changing can bring a machine in as well as creating; leaving is never held up.
func TestIsolationConcernsWhateverBringsAMachineIn(t *testing.T) {
	dirty := world(claimed("acme"), atAcme)
	dedicated, shared := &state.LiveObject{Value: m{"shared": false}}, &state.LiveObject{Value: m{"shared": true}}
	offer := gpu
	offer.Part = "pool/globex/serve/h100"
	for name, c := range map[string]struct {
		change plan.Change
		open   bool
	}{
		"join":                        {plan.Change{ID: atGlobex, Action: plan.Create}, false},
		"take over a membership":      {plan.Change{ID: atGlobex, Action: plan.Adopt, Live: shared}, false},
		"make a shared one dedicated": {plan.Change{ID: atGlobex, Action: plan.Update, Live: shared}, false},
		"change a dedicated one":      {plan.Change{ID: atGlobex, Action: plan.Update, Live: dedicated}, true},
		"leave":                       {plan.Change{ID: atAcme, Action: plan.Delete, Live: dedicated}, true},
		"offer":                       {plan.Change{ID: offer, Action: plan.Create}, false},
		"offer by changing a label":   {plan.Change{ID: offer, Action: plan.Update}, false},
		"no longer offer":             {plan.Change{ID: offer, Action: plan.Delete}, true},
		"the host itself":             {plan.Change{ID: gpu, Action: plan.Update}, true},
		"the server cluster itself":   {plan.Change{ID: atGlobex.Whole(), Action: plan.Create}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c.change.Entity = "pool/globex/serve/h100"
			why, open := Isolation(dirty, c.change)
			require.Equal(t, c.open, open, why)
		})
	}
}

// What is broken already is told, whoever broke it, and nothing is told of what is whole.
func TestViolations(t *testing.T) {
	tenants := map[string]string{"acme-train": "acme", "globex-serve": "globex"}
	require.Empty(t, Violations(world(clean()), tenants))
	require.Empty(t, Violations(world(claimed("acme"), atAcme), tenants))
	require.Empty(t, Violations(world(claimed("acme")), tenants), "on its way in or out")

	found := Violations(world(claimed("acme"), atAcme, atGlobex), tenants)
	require.Equal(t, []Violation{
		{"gpu-001", "is claimed in p-acme while in the segment of globex-serve"},
		{"gpu-001", "is dedicated to several segments: acme-train, globex-serve"},
	}, found)
	require.Equal(t, found[1:], Violations(world(nil, atAcme, atGlobex), tenants), "also if the host cannot be read")
	require.Empty(t, Violations(world(claimed("acme"), atGlobex), nil), "whose segment it is is not known")
	require.Empty(t, Violations(world(clean(), atAcme).change(func(w World) {
		w.Live[dc1].Objects[atGlobex] = state.LiveObject{ID: atGlobex, Value: m{"shared": true}}
	}), tenants))
}

// A machine that another tenant's Platform project keeps is named with what keeps it, for a person to give it
// back; one that is free, or kept by the tenant that it goes to, has no such keeper.
func TestKeeper(t *testing.T) {
	kept := m{"kind": "NodeClaim", "namespace": "p-acme", "name": "train-h100-x7"}
	offered := gpu
	offered.Part = "pool/globex/serve/h100"
	for name, tt := range map[string]struct {
		id     state.ID
		entity string
		host   m
		want   string
	}{
		"member":     {atGlobex, "pool/globex/serve/h100", with(kept, "spec", "consumerRef"), "gpu-001 p-acme train-h100-x7"},
		"offer":      {offered, "pool/globex/serve/h100", with(kept, "spec", "consumerRef"), "gpu-001 p-acme train-h100-x7"},
		"its own":    {atAcme, "pool/acme/train/h100", with(kept, "spec", "consumerRef"), ""},
		"free":       {atGlobex, "pool/globex/serve/h100", clean(), ""},
		"by another": {atGlobex, "pool/globex/serve/h100", with(m{"kind": "Metal3Machine", "namespace": "capi", "name": "x"}, "spec", "consumerRef"), ""},
		"a host":     {gpu, "machine/gpu-001", with(kept, "spec", "consumerRef"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := World{Hosts: state.ControlPlane, Namespace: "metal3-system", Live: map[state.Target]state.Live{
				state.ControlPlane: {Objects: map[state.ID]state.LiveObject{gpu: {ID: gpu, Value: tt.host}}},
			}}
			machine, namespace, claim, ok := Keeper(w, plan.Change{ID: tt.id, Entity: tt.entity})
			require.Equal(t, tt.want != "", ok)
			if ok {
				require.Equal(t, tt.want, machine+" "+namespace+" "+claim)
			}
		})
	}
}
