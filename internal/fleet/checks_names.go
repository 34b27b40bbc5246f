package fleet

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// register tells when something is used twice.
type register struct {
	c    *checker
	seen map[string]Query
}

func (c *checker) register() register { return register{c: c, seen: map[string]Query{}} }

// claim reports key as used twice, unless it is new; what is the thing for people.
func (r register) claim(key, what string, at Query, hint string) {
	first, taken := r.seen[key]
	if !taken {
		r.seen[key] = at
		return
	}
	r.c.report("MW202", at, fmt.Sprintf("%s belongs to %s already", what, first.Entity), hint, mention{first, "used here too"})
}

// uniqueness: two machines never share an address, and no rack unit holds two.
func (c *checker) uniqueness() {
	macs, guids, bmcs, serials, units := c.register(), c.register(), c.register(), c.register(), c.register()
	for n, m := range All(c.f.Machines) {
		e := address("machine", n)
		own := map[string]bool{}
		for i, nic := range m.NICs {
			in := joinPath("nics", fmt.Sprintf("[%d]", i))
			if mac := NormalMAC(nic.MAC); mac != "" {
				own[mac] = true
				macs.claim(mac, "MAC address "+nic.MAC, Query{e, in + ".mac"}, "one of the two is mistyped")
			}
			if guid := NormalMAC(nic.GUID); guid != "" {
				guids.claim(guid, "port GUID "+nic.GUID, Query{e, in + ".guid"}, "one of the two is mistyped")
			}
		}
		if mac := NormalMAC(m.BootMAC); !own[mac] { // it is one of its NICs, if those are listed
			macs.claim(mac, "MAC address "+m.BootMAC, Query{e, "bootMAC"}, "one of the two is mistyped")
		}
		bmcs.claim(strings.ToLower(m.BMC.Endpoint())+m.BMC.SystemPath(), "BMC address "+m.BMC.Address, Query{e, "bmc.address"}, "each machine has a BMC, or a System on it, of its own")
		if m.Serial != "" {
			serials.claim(strings.ToLower(m.Serial), "serial number "+m.Serial, Query{e, "serial"}, "one of the two is mistyped")
		}
		if m.Unit != 0 && m.Lifecycle != Retired && m.Lifecycle != RMA {
			where := fmt.Sprintf("unit %d of rack %s in %s", m.Unit, m.Rack, m.Site)
			units.claim(where, where, Query{e, "unit"}, "two machines cannot be in one place; one that left the rack is rma or retired")
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
