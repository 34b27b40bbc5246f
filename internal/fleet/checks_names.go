package fleet

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
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

// stacks: components exist, and can be put in an order.
func (c *checker) stacks() {
	marker := map[string]string{"kustomize": "kustomization.yaml", "helm": "Chart.yaml"}
	for n, s := range All(c.f.Stacks) {
		e := address("stack", n)
		for cn, k := range All(s.Components) {
			in := joinPath("component", cn)
			if _, err := fs.Stat(c.fsys, path.Join(k.Path, marker[k.Type])); errors.Is(err, fs.ErrNotExist) {
				c.report("MW201", Query{e, in + ".path"}, fmt.Sprintf("there is no %s in %s", marker[k.Type], k.Path), "the path is that of a directory, from the root of the repository")
			} else if err != nil {
				c.report("MW201", Query{e, in + ".path"}, fmt.Sprintf("%s in %s cannot be read: %v", marker[k.Type], k.Path, reason(err)), "")
			}
			if k.Type == "kustomize" && len(k.Values) > 0 {
				c.report("MW207", Query{e, in + ".values"}, "a kustomize component has no values", "use a patch in its kustomization, or a chart")
			}
			for i, a := range k.After {
				if _, ok := s.Components[a]; !ok {
					c.report("MW201", Query{e, joinPath("component", cn, "after", fmt.Sprintf("[%d]", i))}, fmt.Sprintf("stack %s has no component %q", n, a), "after names components of the same stack")
				}
			}
		}
		if circle := circleOf(s.Components); len(circle) > 0 {
			c.report("MW207", Query{e, joinPath("component", circle[0], "after")}, "components wait for each other: "+strings.Join(append(circle, circle[0]), " → "), "remove one of these from after")
		}
	}
}

// circleOf finds components that wait for each other, beginning with the least name; nil if none do.
func circleOf(components map[string]*Component) []string {
	done := map[string]bool{}
	var stack, circle []string
	var visit func(string)
	visit = func(n string) {
		if i := slices.Index(stack, n); i >= 0 && circle == nil {
			circle = slices.Clone(stack[i:])
		}
		if done[n] || components[n] == nil || circle != nil {
			return
		}
		stack = append(stack, n)
		for _, a := range components[n].After {
			visit(a)
		}
		stack = stack[:len(stack)-1]
		done[n] = true
	}
	for n := range All(components) {
		visit(n)
	}
	return circle
}
