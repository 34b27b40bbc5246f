package guard

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// rack is a number of control plane machines whose BIOS is to change, and how each stands.
type rack struct {
	in   Input
	name []string
	box  map[string]*box
}

// box is one machine as the plan sees it.
type box struct {
	on, readable  bool
	staged, reset bool // settings handed over; told to reset
	done          bool
	held          bool
}

func newRack(machines, atOnce int) *rack {
	r := &rack{box: map[string]*box{}}
	r.in = input(func(f *fleet.Fleet) {
		f.Policy.Resets[fleet.RoleControlPlane] = fleet.ResetPolicy{AtOnce: atOnce}
		for i := range machines {
			name := fmt.Sprintf("cp-%d", i)
			r.name = append(r.name, name)
			r.box[name] = &box{on: true, readable: true}
			f.Machines[name] = &fleet.Machine{Meta: fleet.Meta{Name: name}, Site: "dc1", Role: fleet.RoleControlPlane, Lifecycle: fleet.InService}
		}
	})
	return r
}

// plan is what planning would say, guarded.
func (r *rack) plan() plan.Plan {
	var p plan.Plan
	for _, name := range r.name {
		b, target := r.box[name], state.Target{System: state.Redfish, Name: name}
		bios := plan.Change{ID: state.ID{Target: target, Kind: "bios"}, Action: plan.Nothing, Status: plan.InSync, Want: wanted, Causes: []plan.Cause{plan.CauseCommit}}
		power := plan.Change{ID: state.ID{Target: target, Kind: "power"}, Action: plan.Nothing, Want: &state.Object{Mode: state.Observe}}
		switch {
		case !b.readable:
			bios.Status, power.Status = plan.Unknown, plan.Unknown
		case b.done:
		case b.reset:
			bios.Status = plan.Pending
		default:
			bios.Action, bios.Status, bios.Step = plan.Update, plan.Progressing, plan.Stage
			if b.staged {
				bios.Step = plan.Reset
			}
			if b.held {
				bios.Hold(plan.Hold{By: "maintenance"})
			}
		}
		if b.readable {
			power.Live = &state.LiveObject{Value: map[string]any{"PowerState": map[bool]string{true: "On", false: "Off"}[b.on]}}
		}
		p.Changes = append(p.Changes, bios, power)
	}
	slices.SortFunc(p.Changes, func(a, b plan.Change) int { return a.ID.Compare(b.ID) })
	Apply(&p, r.in)
	return p
}

// Whatever happens in between, no more machines of a role are on their way down at once than policy
// says, no reset goes to a machine while another may not come back, and in the end all are done.
func TestResetsKeepTheBudget(t *testing.T) {
	runs := uint64(300)
	if os.Getenv("MILLWRIGHT_SOAK") != "" {
		runs = 30000
	}
	for seed := range runs {
		rng := rand.New(rand.NewPCG(seed, 2))
		machines := 2 + rng.IntN(5)
		atOnce := 1 + rng.IntN(2)
		r := newRack(machines, atOnce)
		for step := 0; ; step++ {
			require.Less(t, step, 500, "seed %d: it never ends", seed)
			quiet := step > 60 // faults stop
			for _, name := range r.name {
				b := r.box[name]
				if quiet {
					b.readable, b.held, b.on = true, false, true
				}
				if b.reset && rng.IntN(3) == 0 { // comes back, with the settings in force
					b.on, b.reset, b.staged, b.done = true, false, false, true
				}
				if !quiet {
					b.readable, b.held = rng.IntN(8) > 0, rng.IntN(8) == 0
					if !b.reset && rng.IntN(10) == 0 {
						b.on = !b.on
					}
				}
			}
			p := r.plan()
			for _, c := range p.Ready() {
				b := r.box[c.ID.Target.Name]
				down := 0
				for _, other := range r.box {
					if other != b && (!other.on || other.reset || !other.readable) {
						down++
					}
				}
				require.True(t, b.on, "seed %d: %s is off", seed, c.ID)
				require.Less(t, down, atOnce, "seed %d, step %d: %s of %s while others are down", seed, step, c.Step, c.ID)
				if c.Step == plan.Reset {
					b.reset, b.on = true, rng.IntN(2) == 0
				}
			}
			for _, c := range p.Ready() {
				r.box[c.ID.Target.Name].staged = true
			}
			resetting, done := r.count()
			require.LessOrEqual(t, resetting, atOnce, "seed %d, step %d", seed, step)
			if done == machines {
				break
			}
		}
	}
}

func (r *rack) count() (resetting, done int) {
	for _, b := range r.box {
		if b.reset {
			resetting++
		}
		if b.done {
			done++
		}
	}
	return resetting, done
}

// Without faults a second machine is not even prepared before the first one is back.
func TestOneMachineAtATime(t *testing.T) {
	r := newRack(3, 1)
	var log []string
	for range 20 {
		p := r.plan()
		for _, c := range p.Ready() {
			log = append(log, string(c.Step)+" "+c.ID.Target.Name)
			b := r.box[c.ID.Target.Name]
			b.staged = true
			if c.Step == plan.Reset {
				b.reset = true
			}
		}
		for _, b := range r.box {
			if b.reset && len(p.Ready()) == 0 {
				b.reset, b.done = false, true
			}
		}
	}
	require.Equal(t, "stage cp-0, reset cp-0, stage cp-1, reset cp-1, stage cp-2, reset cp-2", strings.Join(log, ", "))
}

// Whatever is not known to be up counts as down, and nothing begins meanwhile; what policy does not
// name is not reset at all.
func TestResetsHoldWhere(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*rack)
		first  string // of cp-0, which would otherwise be next
	}{
		"all is well":              {func(*rack) {}, "ready"},
		"another is off":           {func(r *rack) { r.box["cp-1"].on = false }, "waits"},
		"another cannot be read":   {func(r *rack) { r.box["cp-1"].readable = false }, "waits"},
		"another is resetting":     {func(r *rack) { r.box["cp-1"].reset = true }, "waits"},
		"another was staged first": {func(r *rack) { r.box["cp-1"].staged = true }, "waits"},
		"another is held":          {func(r *rack) { r.box["cp-1"].held = true }, "ready"},
		"it is off itself":         {func(r *rack) { r.box["cp-0"].on = false }, "waits"},
		"another site's is off": {func(r *rack) {
			r.box["cp-1"].on = false
			r.in.Fleet.Machines["cp-1"].Site = "dc2"
		}, "ready"},
		"another role's is off": {func(r *rack) {
			r.box["cp-1"].on = false
			r.in.Fleet.Machines["cp-1"].Role = fleet.RoleWorker
		}, "ready"},
		"policy names no such role": {func(r *rack) { delete(r.in.Fleet.Policy.Resets, fleet.RoleControlPlane) }, "held"},
		"policy allows none":        {func(r *rack) { r.in.Fleet.Policy.Resets[fleet.RoleControlPlane] = fleet.ResetPolicy{} }, "held"},
		"the machine is unknown":    {func(r *rack) { delete(r.in.Fleet.Machines, "cp-0") }, "held"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRack(2, 1)
			c.change(r)
			p := r.plan()
			got := p.Get(state.ID{Target: state.Target{System: state.Redfish, Name: "cp-0"}, Kind: "bios"})
			is := "waits"
			switch {
			case len(got.Held) > 0:
				is = "held"
			case got.Ready():
				is = "ready"
			}
			require.Equal(t, c.first, is, "%v %v", got.Held, got.Waits)
		})
	}
}

// A machine whose settings cannot be read is one that may be on its way down, though its power is on.
func TestUnreadableSettingsCountAsDown(t *testing.T) {
	r := newRack(2, 1)
	p := r.plan()
	for i := range p.Changes {
		c := &p.Changes[i]
		c.Waits, c.Held = nil, nil
		if c.ID.Kind == "bios" && c.ID.Target.Name == "cp-1" {
			c.Action, c.Status = plan.Nothing, plan.Unknown
		}
	}
	Apply(&p, r.in)
	require.NotEmpty(t, p.Changes[0].Waits)
}
