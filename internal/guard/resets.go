package guard

import (
	"fmt"
	"slices"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// resets lets staged changes go ahead only on machines whose role policy allows to be reset, and only
// as many at once as it says. A machine counts as down from the moment that its change is staged
// until it runs again, so that a second one never goes while the first may not come back.
func (in Input) resets(p *plan.Plan) {
	type group struct{ site, role string }
	down := map[group]int{}
	var turn []*plan.Change
	for i := range p.Changes {
		c := &p.Changes[i]
		if !kinds.Of(c.ID).Staged || c.Want == nil || c.Want.Mode != state.Own {
			continue
		}
		m, ok := in.machine(c.ID)
		if !ok {
			c.Hold(plan.Hold{By: "reboot-budget", Why: "the fleet does not know the machine", Until: "it is in the fleet"})
			continue
		}
		budget, allowed := in.Fleet.Policy.Resets[m.Role]
		switch {
		case !running(p, m):
			down[group{m.Site, m.Role}]++
			if c.Action != plan.Nothing {
				c.Waits = append(c.Waits, m.Name+" to be powered on")
			}
		case c.Status == plan.Pending, c.Status == plan.Unknown: // told to reset, or who knows
			down[group{m.Site, m.Role}]++
		case c.Action == plan.Nothing, len(c.Held) > 0, len(c.Waits) > 0:
		case !allowed:
			c.Hold(plan.Hold{By: "reboot-budget", Why: fmt.Sprintf("policy lets no machine of role %s be reset", m.Role), Until: "policy.resets names the role"})
		case budget.AtOnce < 1:
			c.Hold(plan.Hold{By: "reboot-budget", Why: "policy lets none be reset at once", Until: "policy.resets allows one"})
		default:
			turn = append(turn, c)
		}
	}
	// What has begun is finished first.
	slices.SortStableFunc(turn, func(a, b *plan.Change) int { return begun(b) - begun(a) })
	for _, c := range turn {
		m, _ := in.machine(c.ID)
		g, limit := group{m.Site, m.Role}, in.Fleet.Policy.Resets[m.Role].AtOnce
		if down[g] >= limit {
			c.Waits = append(c.Waits, fmt.Sprintf("its turn: of role %s in %s only %d may be down at once", m.Role, m.Site, limit))
			continue
		}
		down[g]++
	}
}

func begun(c *plan.Change) int {
	if c.Step == plan.Reset {
		return 1
	}
	return 0
}

// running reports whether the machine's power is on, as last read; what could not be read counts as
// down.
func running(p *plan.Plan, m *fleet.Machine) bool {
	power := p.Get(state.ID{Target: state.Target{System: state.Redfish, Name: m.Name}, Kind: "power"})
	if power == nil || power.Live == nil {
		return false
	}
	return kinds.Text(power.Live.Value, "PowerState") == "On"
}
