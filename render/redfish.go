package render

import (
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// bmc is what is set or watched on a machine's management controller: its time servers, which are
// ours on every machine; its BIOS, which is ours only where no Metal3 is; its power, which is never
// ours.
func (r *renderer) bmc(name string, m *fleet.Machine) {
	machine := source("machine/" + name)
	object := func(kind string, mode state.Mode, tree state.Tree) {
		id := state.ID{Target: state.Target{System: state.Redfish, Name: name}, Kind: kind}
		r.add(state.Object{ID: id, Entity: string(machine), Mode: mode, Tree: tree})
	}

	servers := machine.texts("ntp", m.NTP)
	if len(m.NTP) == 0 {
		servers = source("site/"+m.Site).texts("ntp", r.fleet.NTP(m))
	}
	object("ntp", state.Own, node(fields{"NTP": node(fields{
		"ProtocolEnabled": machine.fixed(true),
		"NTPServers":      servers,
	})}))

	direct := m.Provisioning == fleet.ProvisioningDirect
	if bios := r.bios(m); len(bios) > 0 {
		mode := state.Observe
		if direct {
			mode = state.Own
		}
		object("bios", mode, node(fields{"Attributes": node(bios)}))
	}

	// A machine without Metal3 is looked at in any case, so that guards know its power. It is expected
	// to be on when somebody works on it: in service, and either direct or in a pool.
	pool, pooled := r.fleet.PoolOf(name)
	pooled = pooled && r.fleet.Leaving(pool.Tenant, pool.Cluster) == ""
	expected := m.Lifecycle == fleet.InService && (direct || pooled)
	switch {
	case expected:
		object("power", state.Observe, node(fields{"PowerState": machine.because("lifecycle", "a machine in service is on", "On")}))
	case direct:
		object("power", state.Observe, machine.fixed(map[string]any{}))
	}
}
