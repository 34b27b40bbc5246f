package gate

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

var (
	ib1       = state.Target{System: state.UFM, Name: "ib-1"}
	ofAcme    = state.ID{Target: ib1, Kind: "pkey", Name: "0x101"}
	ofGlobex  = state.ID{Target: ib1, Kind: "pkey", Name: "0x102"}
	portAcme  = port(ofAcme, "b83fd20300aa0101")
	portGlobe = port(ofGlobex, "b83fd20300aa0101")
)

func port(partition state.ID, guid string) state.ID {
	partition.Part = "guid/" + guid
	return partition
}

// fabric is a world with an InfiniBand fabric, two of whose ports are gpu-001's; members are the places of
// ports in partitions, at index 0.
func fabric(w World, members ...state.ID) World {
	live := state.Live{Target: ib1, Objects: map[state.ID]state.LiveObject{}, Covered: map[state.ID]bool{}, Unknown: map[state.ID]error{}}
	for _, id := range members {
		live.Objects[id] = state.LiveObject{ID: id, Value: m{"index0": true, "membership": "full"}}
	}
	w.Live[ib1] = live
	w.Fabric = Fabric{
		Ports:    map[string]string{"b83fd20300aa0101": "gpu-001", "b83fd20300aa0102": "gpu-001"},
		Networks: map[string][]state.Target{"gpu-001": {dc1, ib1}},
		Segments: map[state.ID]string{ofAcme: "acme-train", ofGlobex: "globex-serve"},
		Keys:     map[state.Target]Keys{ib1: {Fleet: Range{0x100, 0x1ff}, Agent: Range{0x200, 0x2ff}}},
	}
	return w
}

// index0 sets how a port is in a partition.
func index0(id state.ID, is bool) func(World) {
	return func(w World) { w.Live[ib1].Objects[id] = state.LiveObject{ID: id, Value: m{"index0": is}} }
}

func named(pkey string) state.ID { return state.ID{Target: ib1, Kind: "pkey", Name: pkey} }

// No port of a machine enters a tenant's partition, and no machine its network or its pool, before every
// port has left the last tenant's partition and the machine was wiped; what cannot be read keeps all three
// shut.
func TestIsolationOfPartitions(t *testing.T) {
	entity := "pool/globex/serve/h100"
	enter := plan.Change{ID: portGlobe, Action: plan.Create, Entity: entity}
	join := plan.Change{ID: atGlobex, Action: plan.Create, Entity: entity}
	offer := plan.Change{ID: gpu, Action: plan.Create, Entity: entity}
	offer.ID.Part = "pool/globex/serve/h100"
	other := port(ofAcme, "b83fd20300aa0102")
	for name, c := range map[string]struct {
		world              World
		enter, join, offer bool
	}{
		"clean and nowhere":            {fabric(world(clean())), true, true, true},
		"in its network":               {fabric(world(clean(), atGlobex)), true, true, true},
		"its other port is in already": {fabric(world(clean(), atGlobex), port(ofGlobex, "b83fd20300aa0102")), true, true, true},
		"claimed by that tenant":       {fabric(world(claimed("globex"), atGlobex)), true, true, true},
		"still in another partition":   {fabric(world(clean()), portAcme), false, false, false},
		"its other port is":            {fabric(world(clean()), other), false, false, false},
		"at no first place there":      {fabric(world(clean())).change(index0(portAcme, false)), false, false, false},
		"in a partition unknown":       {fabric(world(clean()), port(named("0x1ff"), "b83fd20300aa0101")), false, false, false},
		"in one of nobody's range":     {fabric(world(clean()), port(named("0x300"), "b83fd20300aa0101")), false, false, false},
		"in one that all share":        {fabric(world(clean())).change(index0(port(named("0x300"), "b83fd20300aa0101"), false)), true, true, true},
		"in one of Netris's":           {fabric(world(clean()), port(named("0x200"), "b83fd20300aa0101")), true, true, true},
		"somebody else's port is":      {fabric(world(clean()), port(ofAcme, "0011223344556677")), true, true, true},
		"still in another network":     {fabric(world(clean(), atAcme)), false, false, false},
		"not cleaned":                  {fabric(world(history(nil, "deprovision"))), false, false, false},
		"claimed by another":           {fabric(world(claimed("acme"))), false, false, false},
		"UFM unreadable":               {fabric(world(clean())).change(fail(ib1)), false, false, true}, // the label waits for its ports
		"UFM not looked at":            {fabric(world(clean())).change(func(w World) { delete(w.Live, ib1) }), false, false, true},
		"a partition unreadable": {fabric(world(clean())).change(func(w World) {
			w.Live[ib1].Unknown[ofAcme] = errors.New("500")
		}), false, false, true},
		"Netris unreadable": {fabric(world(clean())).change(fail(dc1)), false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, w := range []World{c.world, c.world.Indexed()} {
				for what, try := range map[string]struct {
					change plan.Change
					open   bool
				}{"enter": {enter, c.enter}, "join": {join, c.join}, "offer": {offer, c.offer}} {
					why, open := Isolation(w, try.change)
					require.Equal(t, try.open, open, "%s: %s", what, why)
					require.Equal(t, open, why == "")
				}
			}
		})
	}
	w := fabric(world(clean()))
	w.Fabric.Ports = nil
	why, open := Isolation(w, enter)
	require.False(t, open, "whose port it is is not known")
	require.Contains(t, why, "no machine's")
}

// Taking over and changing can bring a port in as well as creating; leaving is never held up.
func TestIsolationConcernsWhateverBringsAPortIn(t *testing.T) {
	dirty := fabric(world(claimed("acme"), atAcme), portAcme)
	elsewhere := port(named("0x300"), "b83fd20300aa0101")
	first, later := &state.LiveObject{ID: elsewhere, Value: m{"index0": true}}, &state.LiveObject{ID: elsewhere, Value: m{"index0": false}}
	for name, c := range map[string]struct {
		change plan.Change
		open   bool
	}{
		"join":                   {plan.Change{ID: portGlobe, Action: plan.Create}, false},
		"take over a membership": {plan.Change{ID: portGlobe, Action: plan.Adopt, Live: &state.LiveObject{ID: portGlobe, Value: m{"index0": true}}}, false},
		"make a shared one its":  {plan.Change{ID: elsewhere, Action: plan.Update, Live: later}, false},
		"change one that is its": {plan.Change{ID: elsewhere, Action: plan.Update, Live: first}, true},
		"leave":                  {plan.Change{ID: portAcme, Action: plan.Delete}, true},
		"the partition itself":   {plan.Change{ID: ofGlobex, Action: plan.Create}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c.change.Entity = "pool/globex/serve/h100"
			why, open := Isolation(dirty, c.change)
			require.Equal(t, c.open, open, why)
		})
	}
	kept := with(m{"kind": "NodeClaim", "namespace": "p-acme", "name": "train-h100-x7"}, "spec", "consumerRef")
	machine, _, claim, ok := Keeper(fabric(world(kept)), plan.Change{ID: portGlobe, Entity: "pool/globex/serve/h100"})
	require.Equal(t, []any{"gpu-001", "train-h100-x7", true}, []any{machine, claim, ok})
}

// A machine in two tenants' partitions, or in one tenant's partition and another's network, is told, and so
// is a port that nobody knows in two partitions; what belongs together is not.
func TestViolationsInPartitions(t *testing.T) {
	tenants := map[string]string{"acme-train": "acme", "globex-serve": "globex"}
	require.Empty(t, Violations(fabric(world(claimed("acme"), atAcme), portAcme, port(ofAcme, "b83fd20300aa0102")), tenants))
	require.Empty(t, Violations(fabric(world(clean()), port(named("0x200"), "b83fd20300aa0101"), portAcme), tenants), "Netris tells of its own")

	both := []Violation{{"gpu-001", "is dedicated to several segments: acme-train, globex-serve"}}
	require.Equal(t, both, Violations(fabric(world(clean()), portAcme, portGlobe), tenants))
	require.Equal(t, both, Violations(fabric(world(clean()), portAcme, port(ofGlobex, "b83fd20300aa0102")), tenants), "by two ports")
	require.Equal(t, both, Violations(fabric(world(clean(), atGlobex), portAcme), tenants), "in two networks")
	require.Equal(t, both, Violations(fabric(world(clean()), portGlobe).change(index0(portAcme, false)), tenants), "by hand, at no first place")
	require.Equal(t, []Violation{{"gpu-001", "is claimed in p-globex while in the segment of acme-train"}},
		Violations(fabric(world(claimed("globex")), portAcme), tenants))
	require.Equal(t, []Violation{{"port 0011223344556677", "is dedicated to several segments: acme-train, ufm/ib-1/pkey/0x1ff"}},
		Violations(fabric(world(clean()), port(ofAcme, "0011223344556677"), port(named("0x1ff"), "0011223344556677")), tenants))
}

// Two tenants' networks that somebody has joined by hand are told; those that the fleet joins, or of
// one tenant, or of somebody unknown are not.
func TestViolationsByPeerings(t *testing.T) {
	vpc := func(name string) state.ID { return state.ID{Target: dc1, Kind: "vpc", Name: name} }
	id := state.ID{Target: dc1, Kind: "vpc-peering", Name: "by-hand"}
	joined := func(a, b string) World {
		w := world(clean())
		w.Live[dc1].Objects[id] = state.LiveObject{ID: id, Value: m{"name": "by-hand", "vpcA": m{"name": a}, "vpcB": m{"name": b}}}
		w.Fabric = Fabric{
			VPCs:   map[state.ID]string{vpc("acme-train"): "acme", vpc("acme-serve"): "acme", vpc("globex-web"): "globex", vpc("initech"): "initech"},
			Joined: map[[2]state.ID]bool{{vpc("acme-train"), vpc("globex-web")}: true},
		}
		return w
	}
	require.Empty(t, Violations(joined("acme-train", "globex-web"), nil))
	require.Empty(t, Violations(joined("globex-web", "acme-train"), nil))
	require.Empty(t, Violations(joined("acme-train", "acme-serve"), nil))
	require.Empty(t, Violations(joined("acme-train", "VPC-1"), nil))
	require.Equal(t, []Violation{{"netris/dc1/vpc-peering/by-hand", "joins acme-serve of tenant acme with globex-web of tenant globex, and the fleet does not"}},
		Violations(joined("globex-web", "acme-serve"), nil))
	require.Len(t, Violations(joined("acme-train", "initech"), nil), 1)
}
