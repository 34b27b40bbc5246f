package guard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/gate"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
)

// demands are what the fleet wants machines to show before they are handed to a tenant: what their
// class is sanitised and accepted by.
func demands(f *fleet.Fleet) map[string]gate.Demand {
	all := map[string]gate.Demand{}
	for name, m := range f.Machines {
		class := f.Classes[m.Class]
		if class == nil || len(class.Sanitise.Checks)+len(class.Acceptance.Checks) == 0 {
			continue
		}
		d := gate.Demand{BIOS: f.BIOS(m), Firmware: map[string]string{}, CPUs: class.CPUs, Memory: class.Memory, Serial: m.Serial, MACs: []string{m.BootMAC}}
		if b := f.Baseline(m); b != nil {
			for component, version := range b.Firmware {
				d.Firmware[component] = version.Version
			}
		}
		for _, nic := range m.NICs {
			if nic.MAC != "" {
				d.MACs = append(d.MACs, nic.MAC)
			}
		}
		add := func(checks map[string]fleet.Check, sinceUse bool) {
			for check, c := range fleet.All(checks) {
				at, _ := time.Parse(time.RFC3339, m.Records[check]) // the fleet's checks have seen to its form
				d.Checks = append(d.Checks, gate.Check{Name: check, Description: c.Description, Evidence: c.Evidence, SinceUse: sinceUse, Recorded: at})
			}
		}
		add(class.Sanitise.Checks, true)
		add(class.Acceptance.Checks, false)
		all[name] = d
	}
	return all
}

const kindInstance = "VirtualClusterInstance.management.loft.sh"

// floor holds what would take a machine away from a pool of which no more are running than must be: its
// place in the network, the label that offers it, and whatever makes its cluster ask for fewer.
func (in Input) floor(c *plan.Change) {
	if c.ID.Kind == kindInstance && c.Action == plan.Update && c.Impact >= kinds.Reprovision {
		for _, p := range in.Fleet.Pools() {
			if c.ID.Namespace == "p-"+p.Tenant && c.ID.Name == p.Cluster {
				in.holdFloor(c, p, "")
			}
		}
		return
	}
	if c.Action != plan.Delete {
		return
	}
	machine := in.member(c.ID)
	leaves := machine != ""
	if !leaves {
		machine, leaves = c.ID.Name, c.ID.Target == in.World.Hosts && strings.HasPrefix(c.ID.Part, "pool/")
	}
	if m := in.Fleet.Machines[machine]; m == nil || m.Lifecycle != fleet.InService && m.Lifecycle != fleet.Maintenance {
		return // it is of no use to the pool, so that nothing is lost
	}
	for _, p := range in.Fleet.Pools() {
		if leaves && p.Address() == c.Entity && gate.Serves(in.World, machine, p.Tenant) {
			in.holdFloor(c, p, machine)
		}
	}
}

// holdFloor holds a change if fewer of a pool's machines would run than must. An automatic pool may
// have given back what is beyond its floor.
func (in Input) holdFloor(c *plan.Change, p fleet.PoolRef, leaving string) {
	if p.Pool.Floor == 0 || in.Fleet.Leaving(p.Tenant, p.Cluster) != "" {
		return
	}
	running := 0
	for _, m := range p.Machines {
		if m != leaving && gate.Serves(in.World, m, p.Tenant) {
			running++
		}
	}
	begun := slices.ContainsFunc(p.Machines, func(m string) bool { return gate.Serves(in.World, m, p.Tenant) })
	if running >= p.Pool.Floor || !begun && leaving == "" {
		return // enough run, or the pool is only coming about
	}
	c.Hold(plan.Hold{By: "floor", Why: fmt.Sprintf("only %d machines of %s would be running, and it may not fall below %d", running, p.Address(), p.Pool.Floor),
		Until: "more of its machines run, or its floor is lower"})
}
