package guard

import (
	"fmt"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// reboots lets what may restart machines of a pool go ahead for only as many of them at once as policy
// says: changes of BIOS settings, firmware and volumes that Metal3 is told of. A machine counts as down
// while Metal3 works on it, and while nobody can tell. What is told a machine for the first time comes
// before it serves anybody, and is not counted.
func (in Input) reboots(p *plan.Plan) {
	budget, down, going := in.Fleet.Policy.Reboots.PerPool, map[string]int{}, map[string]bool{}
	for i := range p.Changes {
		c := &p.Changes[i]
		m, ok := in.machine(c.ID)
		if !ok || c.Action == plan.Nothing || c.Impact != kinds.Reboot || c.Owned == nil || kinds.Of(c.ID).Staged || len(c.Held)+len(c.Waits) > 0 {
			continue
		}
		pool, ok := in.Fleet.PoolOf(m.Name)
		if !ok || going[m.Name] {
			continue // what is told one machine goes together
		}
		if budget == 0 {
			c.Hold(plan.Hold{By: "reboot-budget", Why: "policy lets no machine of a pool be restarted", Until: "policy.reboots.perPool allows one"})
			continue
		}
		at := pool.Address()
		if _, counted := down[at]; !counted {
			for _, name := range pool.Machines {
				if in.down(name) {
					down[at]++
				}
			}
		}
		if !in.down(m.Name) {
			if down[at] >= budget {
				c.Waits = append(c.Waits, fmt.Sprintf("its turn: of %s only %d may be down at once", at, budget))
				continue
			}
			down[at]++
		}
		going[m.Name] = true
	}
}

// down reports whether Metal3 works on a machine, or nobody can tell. One that is with its vendor is
// not missed.
func (in Input) down(machine string) bool {
	if m := in.Fleet.Machines[machine]; m == nil || m.Lifecycle == fleet.RMA || m.Lifecycle == fleet.Retired {
		return false
	}
	id := state.ID{Target: in.World.Hosts, Kind: "BareMetalHost.metal3.io", Namespace: in.World.Namespace, Name: machine}
	presence, host, _ := in.World.Live[id.Target].Presence(id)
	now := kinds.Text(host.Value, "status", "provisioning", "state")
	return presence != state.Present || now != "available" && now != "provisioned" || kinds.Text(host.Value, "status", "operationalStatus") == "servicing"
}
