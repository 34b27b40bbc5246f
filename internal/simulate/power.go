package simulate

import (
	"errors"
	"maps"
	"time"
)

// How long a server takes, in simulated time. A GPU server's self-test takes minutes.
const (
	forceOffTime = 5 * time.Second
	shutdownTime = 30 * time.Second
	selfTestTime = 2 * time.Minute
)

// What Site.Reset refuses.
var (
	ErrNoMachine     = errors.New("there is no such machine")
	ErrResetUnderWay = errors.New("another reset is under way")
	ErrPowerState    = errors.New("the machine's power state does not fit the reset")
)

// powerPhase is a stretch of a reset: the power state shown, and for how long.
type powerPhase struct {
	shows Power
	lasts time.Duration
}

// powerReset is what one Redfish ResetType does. One that ends in On runs the self-test, so it counts as a
// reset and gives pending BIOS attributes their force.
type powerReset struct {
	needs  Power
	phases []powerPhase
	ends   Power
}

// A warm restart shows On throughout, as real servers do: only LastReset tells that it is over.
var powerResets = map[string]powerReset{
	"On":               {PowerOff, []powerPhase{{PowerPoweringOn, selfTestTime}}, PowerOn},
	"ForceOff":         {PowerOn, []powerPhase{{PowerPoweringOff, forceOffTime}}, PowerOff},
	"GracefulShutdown": {PowerOn, []powerPhase{{PowerPoweringOff, shutdownTime}}, PowerOff},
	"ForceRestart":     {PowerOn, []powerPhase{{PowerOn, selfTestTime}}, PowerOn},
	"GracefulRestart":  {PowerOn, []powerPhase{{PowerOn, shutdownTime + selfTestTime}}, PowerOn},
	"PowerCycle":       {PowerOn, []powerPhase{{PowerPoweringOff, forceOffTime}, {PowerPoweringOn, selfTestTime}}, PowerOn},
}

// Reset begins a reset of the given Redfish ResetType and returns at once; a type that is not known
// restarts. When it is over, the log has an event of the system "machine": "reset", or "power-off".
// The rules RedfishOneResetAtATime, RedfishResetFitsPower and RedfishPowerTakesTime apply to whoever calls.
func (s *Site) Reset(machine, kind string) error {
	what, ok := powerResets[kind]
	if !ok {
		what = powerResets["ForceRestart"]
	}
	one, fits := s.Rule(RedfishOneResetAtATime), s.Rule(RedfishResetFitsPower)
	if !s.Rule(RedfishPowerTakesTime) {
		what.phases = nil
	}
	err, begun := ErrNoMachine, false
	s.Update(machine, func(m *Machine) {
		switch {
		case one && m.Resetting != "":
			err = ErrResetUnderWay
		case fits && m.Power != what.needs:
			err = ErrPowerState
		case m.Power != what.needs && m.Power == what.ends:
			err = nil // it is already as asked
		default:
			err, begun = nil, true
			m.Resetting = kind
		}
	})
	if begun {
		s.proceed(machine, kind, what)
	}
	return err
}

// proceed enters the next phase of a reset, or ends it.
func (s *Site) proceed(machine, kind string, what powerReset) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.machines[machine]
	if len(what.phases) > 0 {
		next := what.phases[0]
		what.phases = what.phases[1:]
		m.Power = next.shows
		time.AfterFunc(s.Delay(next.lasts), func() { s.proceed(machine, kind, what) })
		return
	}
	m.Power, m.Resetting = what.ends, ""
	verb := "power-off"
	if what.ends == PowerOn {
		verb = "reset"
		m.Resets++
		m.LastReset = time.Now()
		maps.Copy(m.BIOS, m.Pending)
		clear(m.Pending)
	}
	s.record(Event{System: "machine", Target: machine, Verb: verb, Detail: kind})
}
