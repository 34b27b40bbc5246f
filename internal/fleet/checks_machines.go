package fleet

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// machines: each is right by itself. What is found here depends on the machine, on what
// [Fleet.Shared] lists and on whether it serves a pool: see register for why nothing else may count.
func (c *checker) machines() {
	ix := c.f.lookup()
	stays := make([]bool, len(ix.pools))
	for i, p := range ix.pools {
		stays[i] = c.f.Leaving(p.Tenant, p.Cluster) == ""
	}
	var leased []*Machine
	for m, is := range c.known.machines { // findings are sorted in the end
		n := m.Name
		if m.DHCP != nil {
			leased = append(leased, m)
		}
		pool, serves := ix.byMachine[n]
		serves = serves && stays[pool]
		if is.right && is.serves == serves {
			continue
		}
		before := len(c.found)
		e := address("machine", n)
		if uuid.MatchString(n) {
			c.report("MW111", Query{e, ""}, fmt.Sprintf("machine %s has a UUID for a name, which Metal3 refuses", n), "name it by where it stands, or by its serial number")
		}
		mustExist(c, c.f.Sites, "site", m.Site, Query{e, "site"})
		mustExist(c, c.f.Classes, "class", m.Class, Query{e, "class"})
		c.controller(n, m)
		c.lease(n, m)
		if k := c.f.Classes[m.Class]; k != nil {
			c.baseline(n, m, k)
			c.records(n, m, k, serves)
			c.roles(n, m, k)
			if top := m.Unit + k.Height - 1; c.f.height(m) > 0 && top > 60 {
				c.report("MW262", Query{e, "unit"}, fmt.Sprintf("the machine would reach unit %d, and racks end at 60", top), "unit is the lowest that it occupies")
			}
		}
		is.right, is.serves = len(c.found) == before, serves
	}
	c.leases(leased)
}

// uuid is what Metal3 takes for the identity of a host in Ironic and not for its name (webhook of
// metal3-io/baremetal-operator).
var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// controller: a BMC that is named by an address has it in its site's management network.
func (c *checker) controller(name string, m *Machine) {
	s := c.f.Sites[m.Site]
	if s == nil {
		return
	}
	management, err := netip.ParsePrefix(s.Management)
	if err != nil || management != management.Masked() {
		return // that is reported of the site
	}
	if a, err := netip.ParseAddr(m.BMC.Host()); err == nil && !management.Contains(a) {
		c.report("MW204", Query{address("machine", name), "bmc.address"}, fmt.Sprintf("BMC %s is not within the management network %s", a, management),
			"the address is mistyped, or the machine stands in another site", mention{Query{address("site", m.Site), "management"}, "the management network " + s.Management})
	}
}

// lease: what a machine is told while it is installed fits together.
func (c *checker) lease(name string, m *Machine) {
	if m.DHCP == nil {
		return
	}
	e := address("machine", name)
	at := Query{e, "dhcp.address"}
	net, err := netip.ParsePrefix(m.DHCP.Address)
	if err != nil {
		c.report("MW269", at, fmt.Sprintf("the address cannot be read: %v", err), "for instance 192.168.100.21/24")
		return
	}
	if net.Addr() == net.Masked().Addr() && !net.IsSingleIP() {
		c.report("MW269", at, fmt.Sprintf("%s is the network itself, not a machine's address", net), "for instance "+netip.PrefixFrom(net.Addr().Next(), net.Bits()).String())
	}
	if g, err := netip.ParseAddr(m.DHCP.Gateway); m.DHCP.Gateway != "" && (err != nil || !net.Contains(g) || g == net.Addr()) {
		c.report("MW269", Query{e, "dhcp.gateway"}, fmt.Sprintf("the gateway %s is no other address within %s", m.DHCP.Gateway, net.Masked()), "", mention{at, "the machine's own"})
	}
	if m.Provisioning != ProvisioningMetal3 {
		c.report("MW269", Query{e, "dhcp"}, "nobody installs this machine: its provisioning is "+m.Provisioning, "leave dhcp out", mention{Query{e, "provisioning"}, "said here"})
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
func (c *checker) records(name string, m *Machine, k *Class, serves bool) {
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
	if !serves {
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
