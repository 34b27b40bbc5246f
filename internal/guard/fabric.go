package guard

import (
	"fmt"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/gate"
	"millwright.dev/millwright/internal/state"
)

// Fabric is what the fleet says of its networks, in the words of gates.
func Fabric(f *fleet.Fleet) gate.Fabric {
	fabric := gate.Fabric{Segments: map[state.ID]string{}, Keys: map[state.Target]gate.Keys{}, VPCs: map[state.ID]string{}, Joined: map[[2]state.ID]bool{}}
	networks := map[string][]state.Target{} // by site
	for n, s := range f.Sites {
		for un, u := range fleet.All(s.UFMs) {
			if networks[n] == nil {
				networks[n] = []state.Target{{System: state.Netris, Name: n}}
			}
			t := state.Target{System: state.UFM, Name: un}
			networks[n] = append(networks[n], t)
			keys := gate.Keys{Fleet: gate.Range(u.PKeys)}
			if u.Agent != nil {
				keys.Agent = gate.Range(u.Agent.PKeys)
			}
			fabric.Keys[t] = keys
		}
	}
	if len(networks) > 0 {
		fabric.Ports, fabric.Networks = ports(f, networks)
	}
	for tn, t := range f.Tenants {
		for cn, c := range t.Clusters {
			if s := f.Segments[c.Segment]; s != nil && s.Direct() {
				name, _ := f.DirectUFM(s)
				id := state.ID{Target: state.Target{System: state.UFM, Name: name}, Kind: "pkey", Name: fmt.Sprintf("0x%x", s.InfiniBand.Direct.PKey)}
				fabric.Segments[id] = tn + "-" + cn
			}
		}
	}
	vpcs(f, fabric)
	return fabric
}

// ports are the machines of InfiniBand ports, and the controllers of machines that have such, by the
// controllers of sites.
func ports(f *fleet.Fleet, networks map[string][]state.Target) (map[string]string, map[string][]state.Target) {
	of, by := map[string]string{}, map[string][]state.Target{}
	for name, m := range f.Machines {
		for _, nic := range m.NICs {
			if nic.GUID != "" {
				of[fleet.NormalGUID(nic.GUID)] = name
				by[name] = networks[m.Site]
			}
		}
	}
	return of, by
}

// vpcs are the tenants of segments' VPCs, which have the segments' names, and which of them are peers.
func vpcs(f *fleet.Fleet, fabric gate.Fabric) {
	vpc := func(site, segment string) state.ID {
		return state.ID{Target: state.Target{System: state.Netris, Name: site}, Kind: "vpc", Name: segment}
	}
	for n, s := range f.Segments {
		if tenant := f.TenantOf(n); tenant != "" {
			fabric.VPCs[vpc(s.Site, n)] = tenant
		}
		for peer := range s.Peers {
			a, b := vpc(s.Site, n), vpc(s.Site, peer)
			if a.Compare(b) > 0 {
				a, b = b, a
			}
			fabric.Joined[[2]state.ID{a, b}] = true
		}
	}
}
