// Package gate holds the predicates on live state that everything dangerous passes through. The most
// important is isolation: no machine enters a tenant's network, or is offered to a tenant, before it
// has provably left the last one and been wiped. Begin with [Isolation] and [Violations]. Everything
// is a pure function; what cannot be read never opens a gate.
package gate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// World is the live state of every target, as observed in one pass.
type World struct {
	Live map[state.Target]state.Live
	// Hosts is where BareMetalHosts live: their target and namespace.
	Hosts     state.Target
	Namespace string
}

// Isolation says whether a change would bring a machine to a tenant too early, and why. It concerns
// the creation of a server cluster's member and of a host's pool label, which is what Platform claims
// by; for every other change it is open.
func Isolation(w World, c plan.Change) (why string, open bool) {
	if c.Action != plan.Create && c.Action != plan.Adopt {
		return "", true
	}
	tenant := tenantOf(c.Entity)
	if cluster, machine, ok := kinds.Membership(c.ID); ok {
		if why, ok := detached(w, c.ID, cluster, machine); !ok {
			return why, false
		}
		return free(w, machine, tenant)
	}
	if c.ID.Target == w.Hosts && strings.HasPrefix(c.ID.Part, "pool/") {
		return free(w, c.ID.Name, tenant)
	}
	return "", true
}

// tenantOf reads the tenant out of "pool/<tenant>/<cluster>/<pool>".
func tenantOf(entity string) string {
	word := strings.Split(entity, "/")
	if len(word) < 2 {
		return ""
	}
	return word[1]
}

// detached: the machine is a dedicated member of no other server cluster of its controller.
func detached(w World, id state.ID, cluster, machine string) (why string, ok bool) {
	live, seen := w.Live[id.Target]
	if !seen || live.Err != nil {
		return fmt.Sprintf("the networks of %s could not be read", machine), false
	}
	for other, err := range live.Unknown {
		if other.Kind == id.Kind {
			return fmt.Sprintf("%s could not be read: %v", other, err), false
		}
	}
	for _, other := range sorted(live.Objects) {
		in, m, ok := kinds.Membership(other.ID)
		if ok && m == machine && in != cluster && other.Value["shared"] != true {
			return fmt.Sprintf("%s is still in the segment of server cluster %s", machine, in), false
		}
	}
	return "", true
}

// free: the host is nobody's and clean, or is already that tenant's own.
func free(w World, machine, tenant string) (why string, ok bool) {
	host, why, ok := w.host(machine)
	if !ok {
		return why, false
	}
	if consumer := kinds.Text(host.Value, "spec", "consumerRef", "namespace"); consumer != "" && consumer == "p-"+tenant {
		return "", true
	}
	return Sanitised(host)
}

func (w World) host(machine string) (state.LiveObject, string, bool) {
	id := state.ID{Target: w.Hosts, Kind: "BareMetalHost.metal3.io", Namespace: w.Namespace, Name: machine}
	switch presence, host, err := w.Live[w.Hosts].Presence(id); {
	case presence == state.Present:
		return host, "", true
	case presence == state.Absent:
		return host, fmt.Sprintf("%s is not registered with Metal3", machine), false
	case err != nil:
		return host, fmt.Sprintf("host %s could not be read: %v", machine, err), false
	}
	return state.LiveObject{}, fmt.Sprintf("host %s was not looked at", machine), false
}

// Sanitised says whether a host carries nothing of a former tenant: Metal3 has it available, nobody
// consumes it, no image is asked for, cleaning is on, and if it was ever provisioned it was
// deprovisioned after that, which is when Metal3 cleans.
func Sanitised(host state.LiveObject) (why string, ok bool) {
	name := host.ID.Name
	spec := func(field string) any { return kinds.Lookup(host.Value, "spec", field) }
	if now := kinds.Text(host.Value, "status", "provisioning", "state"); now != "available" {
		return fmt.Sprintf("%s is %s, not yet available", name, cmp.Or(now, "not yet registered")), false
	}
	switch {
	case spec("consumerRef") != nil:
		return fmt.Sprintf("%s is still claimed by %s", name, kinds.Text(host.Value, "spec", "consumerRef", "name")), false
	case spec("image") != nil:
		return fmt.Sprintf("%s is still told to run an image", name), false
	case spec("automatedCleaningMode") == "disabled":
		return fmt.Sprintf("%s is not cleaned when it is given back: its class disables cleaning", name), false
	case host.Deleting:
		return fmt.Sprintf("%s is being deleted", name), false
	}
	provisioned := operation(host, "provision", "start")
	if provisioned.IsZero() {
		return "", true
	}
	if cleaned := operation(host, "deprovision", "end"); !cleaned.After(provisioned) {
		return fmt.Sprintf("%s was provisioned at %s and not deprovisioned since", name, provisioned.UTC().Format(time.RFC3339)), false
	}
	return "", true
}

// operation is a time from the host's history; the zero time if it never happened or cannot be read.
func operation(host state.LiveObject, name, end string) time.Time {
	t, _ := time.Parse(time.RFC3339, kinds.Text(host.Value, "status", "operationHistory", name, end))
	return t
}

// Violation is isolation that is broken already, whoever broke it.
type Violation struct {
	Machine string `json:"machine"`
	Why     string `json:"why"`
}

// Violations are the machines that are in two tenants' hands at once: dedicated to two segments, or
// claimed by one tenant while in the segment of another. Segments maps a server cluster to its
// tenant, as far as the fleet knows it.
func Violations(w World, segments map[string]string) []Violation {
	in := map[string][]string{}
	for _, live := range w.Live {
		for _, o := range sorted(live.Objects) {
			if cluster, machine, ok := kinds.Membership(o.ID); ok && o.Value["shared"] != true {
				in[machine] = append(in[machine], cluster)
			}
		}
	}
	var found []Violation
	for machine, clusters := range in {
		if len(clusters) > 1 {
			found = append(found, Violation{machine, fmt.Sprintf("is dedicated to several segments: %s", strings.Join(clusters, ", "))})
		}
		host, _, ok := w.host(machine)
		consumer := kinds.Text(host.Value, "spec", "consumerRef", "namespace")
		for _, cluster := range clusters {
			if tenant, known := segments[cluster]; ok && known && consumer != "" && consumer != "p-"+tenant {
				found = append(found, Violation{machine, fmt.Sprintf("is claimed in %s while in the segment of %s", consumer, cluster)})
			}
		}
	}
	slices.SortFunc(found, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Machine, b.Machine), cmp.Compare(a.Why, b.Why))
	})
	return found
}

func sorted(objects map[state.ID]state.LiveObject) []state.LiveObject {
	list := make([]state.LiveObject, 0, len(objects))
	for _, o := range objects {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b state.LiveObject) int { return a.ID.Compare(b.ID) })
	return list
}
