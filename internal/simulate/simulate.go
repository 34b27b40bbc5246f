// Package simulate stands in for what a developer's machine does not have: BMCs, a Netris
// controller, a UFM, Metal3 and vCluster Platform. The stand-ins are strict: each documented rule of the
// real system is enforced under a name, so that a sloppy client fails here and not in a data centre.
//
// It imports nothing of the product and never knows what the product will send. Begin with [Site],
// the state that all stand-ins share: one [Machine] stands behind its BMC, its BareMetalHost and its
// Netris server.
package simulate

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// Site is one data centre: its machines, the rules in force, the faults asked for, and the log of
// everything that happened to it. All methods may be called from several goroutines.
type Site struct {
	// Speed divides every delay of the simulated world (1 is real time; a test uses thousands).
	Speed float64

	mu       sync.Mutex
	machines map[string]*Machine
	off      map[Rule]bool
	faults   []*Fault
	log      []Event
	seq      int
}

// NewSite is an empty site with every rule in force.
func NewSite(speed float64) *Site {
	return &Site{Speed: speed, machines: map[string]*Machine{}, off: map[Rule]bool{}}
}

// Delay is how long something takes here that takes d in the real world.
func (s *Site) Delay(d time.Duration) time.Duration { return time.Duration(float64(d) / s.Speed) }

// Rule names one documented behaviour of a real system, as "redfish.etag-on-patch". A rule is in
// force unless switched off, which tests do to prove that the rule is what catches a sloppy client.
type Rule string

// SetRule switches a rule on or off.
func (s *Site) SetRule(r Rule, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off[r] = !on
}

// Rule reports whether a rule is in force.
func (s *Site) Rule(r Rule) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.off[r]
}

// Machine is one server's physical state, shared by all that can see it. Use Site.Update and
// Site.Machine; fields of a *Machine are only touched inside Update.
type Machine struct {
	Name      string
	Power     Power
	Resets    int       // completed power-ons and resets
	LastReset time.Time // when the last of them completed
	Resetting string    // the Redfish ResetType under way, or ""
	// BIOS holds the attributes in force, Pending those that take force at the next reset.
	BIOS, Pending map[string]any
	// Firmware holds the version of each component, as "bios" or "nic:NIC.1".
	Firmware map[string]string
	// NTP lists the BMC's time servers, NTPEnabled says whether it asks them.
	NTP        []string
	NTPEnabled bool
	// Booted names what runs: "" nothing, "ipa" Ironic's ramdisk, "os" an installed system.
	Booted string
	// Cluster is the tenant cluster whose node the machine is ("acme.train"), or "".
	Cluster string
	// Membership is the Netris server cluster the machine is a dedicated member of, or "".
	Membership string
}

// Power is a machine's power state, named as Redfish names it.
type Power string

// The power states of a simulated machine.
const (
	PowerOn          Power = "On"
	PowerOff         Power = "Off"
	PowerPoweringOn  Power = "PoweringOn"
	PowerPoweringOff Power = "PoweringOff"
)

// AddMachine adds a powered-off machine, or returns the one of that name.
func (s *Site) AddMachine(name string) *Machine {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.machines[name]
	if !ok {
		m = &Machine{Name: name, Power: PowerOff, BIOS: map[string]any{}, Pending: map[string]any{}, Firmware: map[string]string{"bios": "1.0.0", "bmc": "1.0.0"}}
		s.machines[name] = m
	}
	return m
}

// Update calls change with the machine while no one else sees it, and reports whether there is one of
// that name. Change must not call back into the Site.
func (s *Site) Update(name string, change func(*Machine)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.machines[name]
	if ok {
		change(m)
	}
	return ok
}

// Machine is a copy of the machine's state, and whether there is such a machine. Its maps are shared
// with the original and must not be written.
func (s *Site) Machine(name string) (Machine, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.machines[name]
	if !ok {
		return Machine{}, false
	}
	c := *m
	c.BIOS, c.Pending, c.Firmware, c.NTP = maps.Clone(m.BIOS), maps.Clone(m.Pending), maps.Clone(m.Firmware), slices.Clone(m.NTP)
	return c, true
}

// Machines are the names of all machines, sorted.
func (s *Site) Machines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.machines))
	for n := range s.machines {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Event is one thing that happened: a request that arrived, or an effect in the simulated world.
type Event struct {
	Seq    int       `json:"seq"`
	Time   time.Time `json:"time"`
	System string    `json:"system"` // redfish, netris, ufm, metal3, platform, machine
	Target string    `json:"target"` // the BMC's machine, the controller's or the object's name
	// Verb is an HTTP method for a request, else a word for an effect (reset, clean, join).
	Verb string `json:"verb"`
	Path string `json:"path,omitempty"`
	// Status is the HTTP status answered; 0 for an effect, -1 for an answer that was lost.
	Status int    `json:"status,omitempty"`
	Detail string `json:"detail,omitempty"` // never a secret
}

// Record appends an event; its Seq and Time are set here.
func (s *Site) Record(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record(e)
}

func (s *Site) record(e Event) {
	s.seq++
	e.Seq, e.Time = s.seq, time.Now()
	s.log = append(s.log, e)
}

// Log is a copy of all events so far, oldest first.
func (s *Site) Log() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// FaultKind is a way in which a server fails its client.
type FaultKind string

// The faults that every stand-in with a wire can show.
const (
	FaultSlow       FaultKind = "slow"        // the answer takes Delay
	FaultError      FaultKind = "error"       // 503, without effect
	FaultLostAnswer FaultKind = "lost-answer" // the effect happens, the connection breaks
	FaultRefuse     FaultKind = "refuse"      // the connection breaks before any effect
)

// Fault is a failure to show to the next Times requests that match; Times below 0 means for ever.
type Fault struct {
	Kind   FaultKind
	System string // as in Event; empty matches all
	Target string // as in Event; empty matches all
	Method string // empty matches all
	Times  int
	Delay  time.Duration // in simulated time
}

// Inject adds a fault.
func (s *Site) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// ClearFaults removes all faults.
func (s *Site) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// TakeFault returns the first fault that a request meets and counts it down, or nil.
func (s *Site) TakeFault(system, target, method string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Times != 0 && cmp.Or(f.System, system) == system && cmp.Or(f.Target, target) == target && cmp.Or(f.Method, method) == method {
			if f.Times > 0 {
				f.Times--
			}
			c := *f
			return &c
		}
	}
	return nil
}
