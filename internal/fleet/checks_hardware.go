package fleet

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/diag"
)

// hardware: classes do not contradict themselves, machines are what their class is about, and what
// they must show can be shown.
func (c *checker) hardware() {
	for n, k := range All(c.f.Classes) {
		c.settings(n, k)
		c.volumes(n, k)
		c.evidence(n, k)
	}
	for n, m := range c.f.Machines { // findings are sorted in the end
		if k := c.f.Classes[m.Class]; k != nil {
			c.baseline(n, m, k)
			c.records(n, m, k)
			c.roles(n, m, k)
		}
	}
	c.racks()
	c.leases()
}

// settings: no password stands in a BIOS attribute, which Metal3 would refuse and Git would show.
func (c *checker) settings(name string, k *Class) {
	look := func(bios map[string]any, in ...string) {
		for attribute := range bios { // findings are sorted in the end
			if strings.Contains(strings.ToLower(attribute), "password") {
				c.report("MW265", Query{address("class", name), joinPath(append(in, attribute)...)}, fmt.Sprintf("BIOS attribute %s is a password, and secrets are never written here", attribute),
					"take it out, and set it at the BMC; Metal3 refuses it too")
			}
		}
	}
	look(k.BIOS, "bios")
	for vendor, b := range All(k.Baselines) {
		look(b.BIOS, "baseline", vendor, "bios")
	}
}

// volumes: what Metal3 and Ironic take as RAID.
func (c *checker) volumes(name string, k *Class) {
	if k.RAID == nil {
		return
	}
	e := address("class", name)
	refuse := func(field, summary, hint string) { c.report("MW265", Query{e, field}, summary, hint) }
	if k.RAID.Hardware != nil && k.RAID.Software != nil {
		refuse("raid.software", "RAID volumes are either hardware or software", "remove one of the two")
	}
	for i, v := range k.RAID.Hardware {
		if len(v.PhysicalDisks) > 0 && v.Controller == "" {
			refuse(fmt.Sprintf("raid.hardware[%d].physicalDisks", i), "disks are named without their controller", "name the controller, whose words these are")
		}
		if v.Disks > 0 && len(v.PhysicalDisks) > 0 && v.Disks != len(v.PhysicalDisks) {
			refuse(fmt.Sprintf("raid.hardware[%d].disks", i), fmt.Sprintf("%d disks are wanted and %d named", v.Disks, len(v.PhysicalDisks)), "leave disks out")
		}
	}
	if k.RAID.Software != nil && len(k.RAID.Software) == 0 {
		refuse("raid.software", "no software volume is named", "leave raid out, or name one")
	}
	for i, v := range k.RAID.Software {
		if i == 0 && v.Level != "1" {
			refuse("raid.software[0].level", "the first software volume carries the system and must be of level 1", "so that a machine still starts when a disk fails")
		}
		if len(v.PhysicalDisks) == 1 {
			refuse(fmt.Sprintf("raid.software[%d].physicalDisks", i), "a software volume takes two disks or more", "name another, or none")
		}
	}
}

// evidence: what a class demands can be had of its machines at all.
func (c *checker) evidence(name string, k *Class) {
	e := address("class", name)
	bios, firmware := len(k.BIOS) > 0, false
	for _, b := range k.Baselines {
		bios, firmware = bios || len(b.BIOS) > 0, firmware || len(b.Firmware) > 0
	}
	for field, checks := range All(map[string]map[string]Check{"sanitise": k.Sanitise.Checks, "acceptance": k.Acceptance.Checks}) {
		for cn, check := range All(checks) {
			at := Query{e, joinPath(field, "check", cn, "evidence")}
			switch {
			case check.Evidence == EvidenceBIOS && !bios:
				c.report("MW266", at, "nothing is said of the BIOS that could be compared", "write bios, or a baseline with bios")
			case check.Evidence == EvidenceFirmware && !firmware:
				c.report("MW266", at, "no firmware version is said that could be compared", "write a baseline with firmware")
			case check.Evidence == EvidenceInspection && k.Inspection == "disabled":
				c.report("MW266", at, "Metal3 does not inspect machines of this class", "write inspection: \"agent\"", mention{Query{e, "inspection"}, "disabled here"})
			case check.Evidence == EvidenceGPUs && k.GPUs == nil:
				c.report("MW266", at, "the class has no GPUs", "write gpus, or take the check out")
			case check.Evidence == EvidenceGPUs:
				c.report("MW266", at, "GPUs cannot be counted yet, so that every machine of this class is held before it is handed over", "let somebody count them: evidence: \"record\"")
				c.found[len(c.found)-1].Severity = diag.Warning
			}
		}
	}
}

// baseline: where a class says what firmware ought to be, it says so for this vendor and model.
func (c *checker) baseline(name string, m *Machine, k *Class) {
	if len(k.Baselines) == 0 {
		return
	}
	e, class := address("machine", name), Query{address("class", m.Class), "baseline"}
	b := k.Baselines[m.BMC.Vendor]
	switch {
	case m.BMC.Vendor == "":
		c.report("MW264", Query{e, "bmc"}, fmt.Sprintf("nobody says who made the machine, and class %s has baselines by vendor", m.Class),
			"write vendor in its bmc, one of "+strings.Join(keys(k.Baselines), ", "), mention{class, "the baselines"})
	case b == nil:
		c.report("MW264", Query{e, "bmc.vendor"}, fmt.Sprintf("class %s has baselines for %s, none for %s", m.Class, strings.Join(keys(k.Baselines), ", "), m.BMC.Vendor),
			"write a baseline for this vendor, or give the machine another class", mention{class, "the baselines"})
	case len(b.Models) == 0 || slices.Contains(b.Models, m.Model):
	case m.Model == "":
		c.report("MW264", Query{e, ""}, fmt.Sprintf("nobody says which model the machine is, and the baseline of class %s is for %s", m.Class, strings.Join(b.Models, ", ")),
			"write its model", mention{class, "the baselines"})
	default:
		c.report("MW264", Query{e, "model"}, fmt.Sprintf("the baseline of class %s is for %s, not for %s", m.Class, strings.Join(b.Models, ", "), m.Model),
			"firmware of another model may leave a machine dead: give it another class", mention{class, "the baselines"})
	}
}

// records: they name checks of the class, and a machine in a pool has those that only a record shows.
func (c *checker) records(name string, m *Machine, k *Class) {
	e := address("machine", name)
	for check, at := range All(m.Records) {
		query := Query{e, joinPath("records", check)}
		_, wiped := k.Sanitise.Checks[check]
		if _, accepted := k.Acceptance.Checks[check]; !wiped && !accepted {
			hint := "it names a check of the class's sanitise or acceptance"
			if near := nearest(check, append(keys(k.Sanitise.Checks), keys(k.Acceptance.Checks)...)); near != "" {
				hint = "did you mean " + near + "?"
			}
			c.report("MW266", query, fmt.Sprintf("class %s has no check %q", m.Class, check), hint)
		}
		if _, err := time.Parse(time.RFC3339, at); err != nil {
			c.report("MW266", query, fmt.Sprintf("%s is no time", at), "write it as 2026-11-20T14:00:00Z")
		}
	}
	if p, pooled := c.f.PoolOf(name); !pooled || c.f.Leaving(p.Tenant, p.Cluster) != "" {
		return
	}
	for _, check := range c.f.Unrecorded(m) {
		c.report("MW266", Query{e, ""}, fmt.Sprintf("machine %s serves a pool without a record of %s", name, check),
			"see to it, and write into the machine: records: "+check+": \"...\"", mention{Query{address("class", m.Class), joinPath("acceptance", "check", check)}, "wanted here"})
	}
}

// roles: a port that the class has is in the same network on every machine.
func (c *checker) roles(name string, m *Machine, k *Class) {
	for i, nic := range m.NICs {
		for j, port := range k.NICs {
			if port.Name == nic.Name && port.Role != nic.Role {
				c.report("MW269", Query{address("machine", name), fmt.Sprintf("nics[%d].role", i)}, fmt.Sprintf("port %s is %s here and %s in class %s", nic.Name, nic.Role, port.Role, m.Class),
					"a segment joins the same ports of all its machines", mention{Query{address("class", m.Class), fmt.Sprintf("nics[%d]", j)}, "the class's port"})
			}
		}
	}
}

// racks: no two machines are in the way of each other, and none stands out of its rack. Two in the
// very same place are told by uniqueness.
func (c *checker) racks() {
	type place struct{ site, rack string }
	standing := map[place][]*Machine{}
	for _, m := range c.f.Machines {
		if m.Unit != 0 && m.Lifecycle != Retired && m.Lifecycle != RMA && c.f.Classes[m.Class] != nil {
			at := place{m.Site, m.Rack}
			standing[at] = append(standing[at], m)
		}
	}
	top := func(m *Machine) int { return m.Unit + c.f.Classes[m.Class].Height - 1 }
	for at, machines := range standing { // findings are sorted in the end
		slices.SortFunc(machines, func(a, b *Machine) int {
			return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Name, b.Name))
		})
		below := machines[0]
		for _, m := range machines {
			e := Query{address("machine", m.Name), "unit"}
			if m.Unit > below.Unit && m.Unit <= top(below) {
				c.report("MW262", e, fmt.Sprintf("unit %d of rack %s in %s is taken: machine %s is there from %d to %d", m.Unit, at.rack, at.site, below.Name, below.Unit, top(below)),
					"one of the two stands elsewhere, or the height of its class is wrong", mention{Query{address("machine", below.Name), "unit"}, "it begins here"})
			}
			if top(m) > 60 {
				c.report("MW262", e, fmt.Sprintf("the machine would reach unit %d, and racks end at 60", top(m)), "unit is the lowest that it occupies")
			}
			if top(m) > top(below) {
				below = m
			}
		}
	}
}

// leases: what a machine is told while it is installed fits together, and no two are told the same.
func (c *checker) leases() {
	given := map[netip.Addr]Query{}
	var told []*Machine
	for _, m := range c.f.Machines {
		if m.DHCP != nil {
			told = append(told, m)
		}
	}
	slices.SortFunc(told, func(a, b *Machine) int { return cmp.Compare(a.Name, b.Name) })
	for _, m := range told {
		at := Query{address("machine", m.Name), "dhcp.address"}
		net, err := netip.ParsePrefix(m.DHCP.Address)
		if err != nil {
			c.report("MW269", at, fmt.Sprintf("the address cannot be read: %v", err), "for instance 192.168.100.21/24")
			continue
		}
		if net.Addr() == net.Masked().Addr() && !net.IsSingleIP() {
			c.report("MW269", at, fmt.Sprintf("%s is the network itself, not a machine's address", net), "for instance "+netip.PrefixFrom(net.Addr().Next(), net.Bits()).String())
		}
		if first, taken := given[net.Addr()]; taken {
			c.report("MW269", at, fmt.Sprintf("%s is given to %s already", net.Addr(), first.Entity), "one of the two is mistyped", mention{first, "given here too"})
		} else {
			given[net.Addr()] = at
		}
		if g, err := netip.ParseAddr(m.DHCP.Gateway); m.DHCP.Gateway != "" && (err != nil || !net.Contains(g) || g == net.Addr()) {
			c.report("MW269", Query{at.Entity, "dhcp.gateway"}, fmt.Sprintf("the gateway %s is no other address within %s", m.DHCP.Gateway, net.Masked()), "", mention{at, "the machine's own"})
		}
		if m.Provisioning != ProvisioningMetal3 {
			c.report("MW269", Query{at.Entity, "dhcp"}, "nobody installs this machine: its provisioning is "+m.Provisioning, "leave dhcp out", mention{Query{at.Entity, "provisioning"}, "said here"})
		}
	}
}
