package fleet

import (
	"cmp"
	"maps"
)

// Baseline is what firmware and BIOS of a machine's vendor ought to be in its class; nil if the class
// says nothing of it.
func (f *Fleet) Baseline(m *Machine) *Baseline {
	if c := f.Classes[m.Class]; c != nil && m.BMC.Vendor != "" {
		return c.Baselines[m.BMC.Vendor]
	}
	return nil
}

// BIOS are the attributes that a machine ought to have: those of its class, and over them those of
// its vendor's baseline.
func (f *Fleet) BIOS(m *Machine) map[string]any {
	all := maps.Clone(f.Classes[m.Class].BIOS)
	if b := f.Baseline(m); b != nil && len(b.BIOS) > 0 {
		if all == nil {
			all = map[string]any{}
		}
		maps.Copy(all, b.BIOS)
	}
	return all
}

// Leaf is the InfiniBand leaf that a machine belongs to: that of its first InfiniBand port. Empty if
// it has none, or nobody said.
func (m *Machine) Leaf() string {
	for _, n := range m.NICs {
		if n.Role == InfiniBand {
			return n.Leaf
		}
	}
	return ""
}

// Unrecorded are the checks of acceptance that only a record of the machine can show and that it has
// no record of, sorted.
func (f *Fleet) Unrecorded(m *Machine) []string {
	var out []string
	if c := f.Classes[m.Class]; c != nil {
		for name, check := range All(c.Acceptance.Checks) {
			if check.Evidence == EvidenceRecord && m.Records[name] == "" {
				out = append(out, name)
			}
		}
	}
	return out
}

// SSHKeys are the keys that may log in to a pool's machines: those that are everywhere and its own.
func (f *Fleet) SSHKeys(p *Pool) []string {
	may := map[string]bool{}
	for name, k := range f.Platform.Metal3.SSHKeys {
		if k.Everywhere {
			may[name] = true
		}
	}
	for _, name := range p.SSHKeys {
		may[name] = true
	}
	return keys(may)
}

// NetworkData is the name of the template of a pool's network configuration: its own, else that of
// its class; empty if neither says one.
func (f *Fleet) NetworkData(p PoolRef) string {
	if c := f.Classes[p.Class]; c != nil {
		return cmp.Or(p.Pool.NetworkData, c.NetworkData)
	}
	return p.Pool.NetworkData
}
