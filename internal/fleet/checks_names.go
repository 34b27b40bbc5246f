package fleet

import (
	"fmt"
	"strconv"
	"strings"
)

// register tells when two machines claim the same thing.
type register struct {
	c         *checker
	what      string // the thing for people; the claim follows it
	hint      string
	claimants map[string]claimant
}

// claimant is a machine and the index of the field, if it has one. Paths are written out for those
// that clash alone: a fleet has tens of thousands of these.
type claimant struct {
	machine string
	field   string // "%d" stands for the index
	index   int
}

func (c claimant) query() Query {
	return Query{address("machine", c.machine), strings.Replace(c.field, "%d", strconv.Itoa(c.index), 1)}
}

// claim reports a key that another machine claimed before; as is the key as it was written.
func (r register) claim(key, as, machine, field string, index int) {
	if key == "" {
		return
	}
	second := claimant{machine, field, index}
	first, taken := r.claimants[key]
	if !taken {
		r.claimants[key] = second
		return
	}
	r.c.report("MW202", second.query(), fmt.Sprintf("%s %s belongs to %s already", r.what, as, address("machine", first.machine)), r.hint,
		mention{first.query(), "used here too"})
}

// uniqueness: two machines never share an address, and no rack unit holds two.
func (c *checker) uniqueness() {
	registry := func(what, hint string) register {
		return register{c: c, what: what, hint: hint, claimants: make(map[string]claimant, len(c.f.Machines))}
	}
	const mistyped = "one of the two is mistyped"
	macs, guids, serials := registry("MAC address", mistyped), registry("port GUID", mistyped), registry("serial number", mistyped)
	bmcs := registry("BMC address", "each machine has a BMC, or a System on it, of its own")
	units := registry("unit", "two machines cannot be in one place; one that left the rack is rma or retired")
	for n, m := range All(c.f.Machines) {
		boot := NormalMAC(m.BootMAC)
		for i, nic := range m.NICs {
			mac := NormalMAC(nic.MAC)
			macs.claim(mac, nic.MAC, n, "nics[%d].mac", i)
			guids.claim(NormalMAC(nic.GUID), nic.GUID, n, "nics[%d].guid", i)
			if mac == boot {
				boot = "" // it is one of its NICs, claimed already
			}
		}
		macs.claim(boot, m.BootMAC, n, "bootMAC", 0)
		bmcs.claim(strings.ToLower(m.BMC.Endpoint())+m.BMC.SystemPath(), m.BMC.Address, n, "bmc.address", 0)
		serials.claim(strings.ToLower(m.Serial), m.Serial, n, "serial", 0)
		if m.Unit != 0 && m.Lifecycle != Retired && m.Lifecycle != RMA {
			where := fmt.Sprintf("%d of rack %s in %s", m.Unit, m.Rack, m.Site)
			units.claim(where, where, n, "unit", 0)
		}
	}
}

// names: what is joined into one name in a target system must stay distinct there.
func (c *checker) names() {
	clusters, pools := map[string]Query{}, map[string]Query{}
	twice := func(seen map[string]Query, name string, at Query) {
		if first, taken := seen[name]; taken {
			c.report("MW206", at, fmt.Sprintf("its name in the target systems is %s, as that of %s", name, first.Entity),
				"tenant, cluster and pool are joined by dashes: rename one", mention{first, "the same name"})
			return
		}
		seen[name] = at
	}
	for tn, t := range All(c.f.Tenants) {
		for cn, k := range All(t.Clusters) {
			twice(clusters, tn+"-"+cn, Query{address("tenant", tn), joinPath("cluster", cn)})
			for pn := range All(k.Pools) {
				twice(pools, tn+"-"+cn+"-"+pn, Query{address("tenant", tn), joinPath("cluster", cn, "pool", pn)})
			}
		}
	}
}
