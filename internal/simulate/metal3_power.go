package simulate

import "time"

// boot has the machine on and running what, and reports whether it is. A machine that runs something
// else is restarted.
func (t *metal3Turn) boot(what string) bool {
	running := false
	reset := ""
	t.site.Update(t.host.Name, func(m *Machine) {
		switch {
		case m.Resetting != "":
		case m.Power != PowerOn:
			m.Booted, reset = "", "On"
		case m.Booted != "" && m.Booted != what:
			m.Booted, reset = "", "ForceRestart"
		default:
			m.Booted, running = what, true
		}
	})
	if reset != "" {
		t.reset(reset)
	}
	if !running {
		t.soon(t.site.Delay(metal3BusyPoll))
		return false
	}
	t.host.Status.PoweredOn = true
	return true
}

// powerOff has the machine off, and reports whether it is. A machine that is not there is off.
func (t *metal3Turn) powerOff() bool {
	m, ok := t.site.Machine(t.host.Name)
	if !ok || m.Power == PowerOff && m.Resetting == "" {
		t.site.Update(t.host.Name, func(m *Machine) { m.Booted = "" })
		return true
	}
	if m.Resetting == "" {
		t.reset("ForceOff")
	}
	t.soon(t.site.Delay(metal3BusyPoll))
	return false
}

// reset begins a reset. It is refused when another has just begun: then a later turn begins it.
func (t *metal3Turn) reset(kind string) {
	if err := t.site.Reset(t.host.Name, kind); err == nil {
		t.note("power", kind)
	}
}

// keepPower makes the machine's power follow spec.online. A change of spec.online acts at once; one
// made past Metal3 is seen at the next of its power checks, and undone.
func (t *metal3Turn) keepPower(booted string) {
	h, s := t.host, &t.host.Status
	m, ok := t.site.Machine(h.Name)
	if !ok || m.Resetting != "" {
		t.soon(t.site.Delay(metal3BusyPoll))
		return
	}
	timers, on := t.timers[h.UID], m.Power == PowerOn
	if on == h.Spec.Online {
		timers.powerWrong = time.Time{}
		t.timers[h.UID] = timers
		if s.PoweredOn = on; on {
			t.boot(booted)
		} else {
			t.powerOff()
		}
		return
	}
	if s.PoweredOn == h.Spec.Online {
		if !t.site.Rule(Metal3PowerEnforced) {
			return
		}
		if timers.powerWrong.IsZero() {
			timers.powerWrong = time.Now()
			t.timers[h.UID] = timers
		}
		if left := t.site.Delay(metal3PowerCheck) - time.Since(timers.powerWrong); left > 0 {
			t.soon(left)
			return
		}
		s.PoweredOn = on
		t.note("power-enforced", "")
	}
	if h.Spec.Online {
		t.boot(booted)
	} else {
		t.powerOff()
	}
}
