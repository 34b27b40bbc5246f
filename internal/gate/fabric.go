package gate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

// Fabric is what the fleet says of its networks and what no network can tell by itself.
type Fabric struct {
	// Ports are the machines that InfiniBand ports belong to, by GUID in lower case without colons.
	Ports map[string]string
	// Networks are the controllers that may have a machine in some segment: before it joins one, each
	// must have been read. A machine that is not named has that of the segment alone.
	Networks map[string][]state.Target
	// Segments are the server clusters whose segments partitions belong to ("acme-train"), by the
	// partition.
	Segments map[state.ID]string
	// Keys are the partition keys of each InfiniBand manager.
	Keys map[state.Target]Keys
	// VPCs are the tenants of VPCs.
	VPCs map[state.ID]string
	// Joined are the pairs of VPCs, in their order, that the fleet lets exchange routes.
	Joined map[[2]state.ID]bool
}

// Keys are the ranges of partition keys in one fabric.
type Keys struct {
	// Fleet is for tenants alone: every port in such a partition is in a tenant's hands.
	Fleet Range
	// Agent is that of Netris's agent: who is in such a partition Netris tells as a member of a server
	// cluster.
	Agent Range
}

// Range is a range of partition keys, both ends included; the zero Range is empty.
type Range struct{ First, Last int }

func (r Range) has(n int) bool { return r.First <= n && n <= r.Last && r.Last > 0 }

// place is where a machine is: in a segment, by one of the objects that it consists of.
type place struct {
	segment string // the server cluster's name; of a partition that is no segment's its address
	what    string // for people
}

// place reads a machine and its place out of the address of a member. A port that the fleet does not
// know is no machine's.
func (w World) place(id state.ID) (in place, machine string, ok bool) {
	if cluster, machine, ok := kinds.Membership(id); ok {
		return place{cluster, "the segment of server cluster " + cluster}, machine, true
	}
	guid, ok := kinds.Port(id)
	if machine = w.Fabric.Ports[guid]; !ok || machine == "" {
		return place{}, "", false
	}
	return w.partition(id), machine, true
}

// partition is the place that a port's membership is.
func (w World) partition(id state.ID) place {
	whole := id.Whole()
	return place{cmp.Or(w.Fabric.Segments[whole], whole.String()), "the InfiniBand partition " + whole.String()}
}

// dedicated reports whether a member's place is one that it can have in one tenant's segment only. Of
// partitions that are none of the fleet's it is if the port has it at index 0: the others may be a
// provider's own, for storage that all share.
func (w World) dedicated(o state.LiveObject) bool {
	if _, ok := kinds.Port(o.ID); !ok {
		return o.Value["shared"] != true
	}
	keys := w.Fabric.Keys[o.ID.Target]
	key, err := strconv.ParseInt(o.ID.Name, 0, 32)
	switch {
	case err != nil || keys.Fleet.has(int(key)):
		return true
	case keys.Agent.has(int(key)):
		return false
	}
	return o.Value["index0"] == true
}

// places are where each machine is by itself, sorted, each place once. Ports that are no machine's count
// under their own name.
func (w World) places() map[string][]place {
	in := map[string][]place{}
	for _, live := range w.Live {
		for _, o := range live.Objects {
			p, who, ok := w.place(o.ID)
			if guid, port := kinds.Port(o.ID); port && !ok {
				p, who, ok = w.partition(o.ID), "port "+guid, true
			}
			if ok && w.dedicated(o) {
				in[who] = append(in[who], p)
			}
		}
	}
	for who, places := range in {
		slices.SortFunc(places, func(a, b place) int {
			return cmp.Or(cmp.Compare(a.segment, b.segment), cmp.Compare(a.what, b.what))
		})
		in[who] = slices.Compact(places)
	}
	return in
}

// Indexed is the same world, in which a machine's places need not be looked for each time: for whoever
// asks about many changes.
func (w World) Indexed() World {
	w.at = w.places()
	return w
}

// elsewhere: no controller that was read has the machine in a segment other than this.
func elsewhere(w World, machine, segment string) (why string, ok bool) {
	places := w.at
	if places == nil {
		places = w.places()
	}
	for _, in := range places[machine] {
		if in.segment != segment {
			return fmt.Sprintf("%s is still in %s", machine, in.what), false
		}
	}
	return "", true
}

// detached: every controller that may have the machine in a segment was read whole, and none has it as a
// dedicated member of another one.
func detached(w World, id state.ID, segment, machine string) (why string, ok bool) {
	for _, t := range append([]state.Target{id.Target}, w.Fabric.Networks[machine]...) {
		live, seen := w.Live[t]
		if !seen || live.Err != nil {
			return fmt.Sprintf("the networks of %s could not be read: %s", machine, t), false
		}
		for _, other := range slices.SortedFunc(maps.Keys(live.Unknown), state.ID.Compare) {
			if other.Kind == "servercluster" || other.Kind == "pkey" {
				return fmt.Sprintf("%s could not be read: %v", other, live.Unknown[other]), false
			}
		}
	}
	return elsewhere(w, machine, segment)
}
