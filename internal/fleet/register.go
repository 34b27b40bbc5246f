package fleet

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// register remembers, from one load to the next, what every machine claims for itself alone, and
// which machines were found to be right by themselves, so that a change costs what it changes. What it
// says depends on the fleet alone, whatever was loaded before.
type register struct {
	shared   []any // what machines were checked against, see [Fleet.Shared]
	round    int   // of update
	inputs   []any // of the checks that look at no machine, and what they found
	found    []finding
	machines map[*Machine]*checked
	holders  map[claim]claimant
	// contested are claims of several machines, which are not among the holders.
	contested map[claim][]claimant
}

// checked is what is known of a machine.
type checked struct {
	round  int  // the last in which it was in the fleet
	height int  // the units that it claims
	right  bool // there is nothing to say about it by itself,
	serves bool // as long as it serves a pool, or serves none
}

// claim is something that belongs to one machine.
type claim struct {
	what resource
	at   string // the thing, or the site that a unit is in
	rack string
	unit int
}

// claimant is a machine with the place in it where the claim is written: the index of the port, or -1.
type claimant struct {
	machine *Machine
	port    int
}

type resource int

const (
	macAddress resource = iota
	portGUID
	serialNumber
	bmcAddress
	leasedAddress
	rackUnit
)

const mistyped = "one of the two is mistyped"

// resources are what people call what machines claim, and how to mend that two do.
var resources = [...]struct{ name, hint string }{
	macAddress:    {"MAC address", mistyped},
	portGUID:      {"port GUID", mistyped},
	serialNumber:  {"serial number", mistyped},
	bmcAddress:    {"BMC address", "each machine has a BMC, or a System on it, of its own"},
	leasedAddress: {"address", mistyped},
	rackUnit:      {"unit", "two machines cannot be in one place; one that left the rack is rma or retired"},
}

func newRegister() *register {
	return &register{machines: map[*Machine]*checked{}, holders: map[claim]claimant{}, contested: map[claim][]claimant{}}
}

// update makes the register that of a fleet.
func (r *register) update(f *Fleet) {
	shared := f.Shared()
	same := slices.Equal(r.shared, shared)
	r.shared = shared
	r.round++
	if len(r.holders) == 0 { // most machines claim about this many things
		r.holders, r.machines = make(map[claim]claimant, 12*len(f.Machines)), make(map[*Machine]*checked, len(f.Machines))
	}
	left := len(r.machines) // of the machines of the fleet before
	for _, m := range f.Machines {
		is := r.machines[m]
		if is != nil && !same && is.height != f.height(m) {
			r.forget(m, is)
			left--
			is = nil
		}
		if is == nil {
			is = &checked{height: f.height(m)}
			r.machines[m] = is
			for c, port := range claims(m, is.height) {
				r.take(c, claimant{m, port})
			}
		} else {
			is.right = is.right && same
			left--
		}
		is.round = r.round
	}
	if left == 0 {
		return
	}
	for m, is := range r.machines {
		if is.round != r.round {
			r.forget(m, is)
		}
	}
}

// plans are the findings of the checks that look at no machine: those of the last time, if what they look
// at is the same.
func (r *register) plans(f *Fleet) []finding {
	inputs := slices.Clone(r.shared)
	for _, t := range All(f.Tenants) {
		inputs = append(inputs, t)
	}
	for _, p := range f.Pools() {
		inputs = append(inputs, p.Class)
	}
	if r.inputs == nil || !slices.Equal(r.inputs, inputs) {
		c := &checker{f: f.withoutMachines()}
		c.planned()
		r.inputs, r.found = inputs, c.found
	}
	return r.found
}

func (r *register) forget(m *Machine, is *checked) {
	for c := range claims(m, is.height) {
		r.release(c, m)
	}
	delete(r.machines, m)
}

// height is how many units of its rack a machine takes.
func (f *Fleet) height(m *Machine) int {
	if m.Unit == 0 || m.Lifecycle == Retired || m.Lifecycle == RMA {
		return 0
	}
	if k := f.Classes[m.Class]; k != nil {
		return k.Height
	}
	return 1
}

// claims yields what a machine of a height claims, each with the index of the port that is about.
func claims(m *Machine, height int) func(yield func(claim, int) bool) {
	return func(yield func(claim, int) bool) {
		put := func(what resource, at string, port int) bool {
			return at == "" || yield(claim{what: what, at: at}, port)
		}
		boot := NormalMAC(m.BootMAC)
		for i, nic := range m.NICs {
			mac := NormalMAC(nic.MAC)
			if mac == boot {
				boot = "" // it is one of its ports, claimed already
			}
			if !put(macAddress, mac, i) || !put(portGUID, NormalMAC(nic.GUID), i) {
				return
			}
		}
		leased := ""
		if m.DHCP != nil {
			if net, err := netip.ParsePrefix(m.DHCP.Address); err == nil {
				leased = net.Addr().String()
			}
		}
		if !put(macAddress, boot, -1) || !put(serialNumber, strings.ToLower(m.Serial), -1) || !put(leasedAddress, leased, -1) ||
			!put(bmcAddress, strings.ToLower(m.BMC.Endpoint())+m.BMC.SystemPath(), -1) {
			return
		}
		for unit := m.Unit; unit < m.Unit+height; unit++ {
			if !yield(claim{rackUnit, m.Site, m.Rack, unit}, -1) {
				return
			}
		}
	}
}

func (r *register) take(c claim, by claimant) {
	if all := r.contested[c]; all != nil {
		r.contested[c] = append(all, by)
	} else if first, taken := r.holders[c]; taken {
		r.contested[c] = []claimant{first, by}
		delete(r.holders, c)
	} else {
		r.holders[c] = by
	}
}

func (r *register) release(c claim, m *Machine) {
	all := r.contested[c]
	if all == nil {
		if r.holders[c].machine == m {
			delete(r.holders, c)
		}
		return
	}
	all = slices.DeleteFunc(all, func(by claimant) bool { return by.machine == m })
	delete(r.contested, c)
	switch len(all) {
	case 0:
	case 1:
		r.holders[c] = all[0]
	default:
		r.contested[c] = all
	}
}

// written is where a claim is written in the machine, and how.
func (by claimant) written(what resource) (field, text string) {
	m := by.machine
	switch {
	case what == portGUID:
		return fmt.Sprintf("nics[%d].guid", by.port), m.NICs[by.port].GUID
	case what == macAddress && by.port >= 0:
		return fmt.Sprintf("nics[%d].mac", by.port), m.NICs[by.port].MAC
	case what == macAddress:
		return "bootMAC", m.BootMAC
	case what == serialNumber:
		return "serial", m.Serial
	case what == bmcAddress:
		return "bmc.address", m.BMC.Address
	case what == leasedAddress:
		return "dhcp.address", m.DHCP.Address
	}
	return "unit", fmt.Sprintf("%d of rack %s in %s", m.Unit, m.Rack, m.Site)
}

func (by claimant) query(what resource) Query {
	field, _ := by.written(what)
	return Query{address("machine", by.machine.Name), field}
}

// uniqueness: two machines never share an address, and no unit of a rack holds two.
func (c *checker) uniqueness() {
	for k, all := range c.known.contested { // findings are sorted in the end
		all = slices.SortedFunc(slices.Values(all), func(a, b claimant) int {
			lower := 0
			if k.what == rackUnit {
				lower = cmp.Compare(a.machine.Unit, b.machine.Unit)
			}
			return cmp.Or(lower, cmp.Compare(a.machine.Name, b.machine.Name), cmp.Compare(uint(a.port), uint(b.port)))
		})
		first := all[0]
		for _, second := range all[1:] {
			at := second.query(k.what)
			switch m := second.machine; {
			case k.what == rackUnit && m.Unit != k.unit:
				// That is said once, of the unit where the upper of the two begins.
			case k.what == rackUnit && m.Unit > first.machine.Unit:
				top := first.machine.Unit + c.f.height(first.machine) - 1
				c.report("MW262", at, fmt.Sprintf("unit %d of rack %s in %s is taken: machine %s is there from %d to %d", m.Unit, m.Rack, m.Site, first.machine.Name, first.machine.Unit, top),
					"one of the two stands elsewhere, or the height of its class is wrong", mention{first.query(k.what), "it begins here"})
			default:
				_, text := second.written(k.what)
				c.report("MW202", at, fmt.Sprintf("%s %s belongs to %s already", resources[k.what].name, text, address("machine", first.machine.Name)), resources[k.what].hint,
					mention{first.query(k.what), "used here too"})
			}
		}
	}
}
