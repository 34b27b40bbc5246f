package gate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

// Violation is isolation that is broken already, whoever broke it.
type Violation struct {
	// What is a machine, a port that is no machine's ("port b83f…"), or an object's address.
	What string `json:"what"`
	Why  string `json:"why"`
}

// Violations are the machines that are in two tenants' hands at once (dedicated to two segments, by
// whichever network, or claimed by one tenant while in the segment of another), ports that are in two
// partitions, and VPCs of two tenants that are joined though the fleet keeps them apart. Tenants maps a
// server cluster to its tenant, as far as the fleet knows it.
func Violations(w World, tenants map[string]string) []Violation {
	found := peerings(w)
	for who, places := range w.places() {
		var segments []string
		for _, in := range places { // which are sorted by segment
			segments = append(segments, in.segment)
		}
		segments = slices.Compact(segments)
		if len(segments) > 1 {
			found = append(found, Violation{who, fmt.Sprintf("is dedicated to several segments: %s", strings.Join(segments, ", "))})
		}
		host, _, ok := w.host(who)
		consumer := kinds.Text(host.Value, "spec", "consumerRef", "namespace")
		for _, segment := range segments {
			if tenant, known := tenants[segment]; ok && known && consumer != "" && consumer != "p-"+tenant {
				found = append(found, Violation{who, fmt.Sprintf("is claimed in %s while in the segment of %s", consumer, segment)})
			}
		}
	}
	slices.SortFunc(found, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Why, b.Why))
	})
	return found
}

// peerings are those that join two tenants without the fleet's saying so.
func peerings(w World) []Violation {
	var found []Violation
	for t, live := range w.Live {
		for _, o := range live.Objects {
			if t.System != state.Netris || o.ID.Kind != "vpc-peering" {
				continue
			}
			vpc := func(end string) state.ID {
				return state.ID{Target: t, Kind: "vpc", Name: kinds.Text(o.Value, end, "name")}
			}
			a, b := vpc("vpcA"), vpc("vpcB")
			if a.Compare(b) > 0 {
				a, b = b, a
			}
			one, other := w.Fabric.VPCs[a], w.Fabric.VPCs[b]
			if one != "" && other != "" && one != other && !w.Fabric.Joined[[2]state.ID{a, b}] {
				found = append(found, Violation{o.ID.String(), fmt.Sprintf("joins %s of tenant %s with %s of tenant %s, and the fleet does not", a.Name, one, b.Name, other)})
			}
		}
	}
	return found
}
