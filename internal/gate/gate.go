// Package gate holds the predicates on live state that everything dangerous passes through. The most
// important is isolation: no machine enters a tenant's network, or is offered to a tenant, before it
// has provably left the last one and been wiped. Begin with [Isolation] and [Violations]. Everything
// is a pure function; what cannot be read never opens a gate.
package gate

import (
	"cmp"
	"fmt"
	"maps"
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
	// Demands are what machines must show before they are handed over, by machine.
	Demands map[string]Demand
}

// poolLabel is the label of a host by which Platform claims it: <tenant>.<cluster>.<pool>.
const poolLabel = "millwright.dev/pool"

// Isolation says whether a change would bring a machine to a tenant too early, and why. It concerns a
// server cluster's member that would become a dedicated one, and a host's pool label, which is what
// Platform claims by; for every other change it is open.
func Isolation(w World, c plan.Change) (why string, open bool) {
	if c.Action != plan.Create && c.Action != plan.Adopt && c.Action != plan.Update {
		return "", true
	}
	tenant := tenantOf(c.Entity)
	if cluster, machine, ok := kinds.Membership(c.ID); ok {
		if c.Action == plan.Update && c.Live != nil && c.Live.Value["shared"] != true {
			return "", true // it is in there already
		}
		if why, ok := detached(w, c.ID, cluster, machine); !ok {
			return why, false
		}
		if why, ok := unoffered(w, machine, tenant); !ok {
			return why, false
		}
		return free(w, machine, tenant)
	}
	if c.ID.Target == w.Hosts && strings.HasPrefix(c.ID.Part, "pool/") {
		word := strings.Split(c.ID.Part, "/") // pool/<tenant>/<cluster>/<pool>
		// That it is in its own segment, and that this can be read, is what the label's edge asks for.
		if why, ok := elsewhere(w, c.ID.Name, strings.Join(word[1:min(3, len(word))], "-")); !ok {
			return why, false
		}
		return free(w, c.ID.Name, tenant)
	}
	return "", true
}

// elsewhere: no controller that was read has the machine in a segment other than this.
func elsewhere(w World, machine, cluster string) (why string, ok bool) {
	for _, in := range segments(w)[machine] {
		if in != cluster {
			return fmt.Sprintf("%s is still in the segment of server cluster %s", machine, in), false
		}
	}
	return "", true
}

// segments are the server clusters that each machine is a dedicated member of, sorted.
func segments(w World) map[string][]string {
	in := map[string][]string{}
	for _, live := range w.Live {
		for _, o := range live.Objects {
			if cluster, machine, ok := kinds.Membership(o.ID); ok && o.Value["shared"] != true {
				in[machine] = append(in[machine], cluster)
			}
		}
	}
	for _, clusters := range in {
		slices.Sort(clusters)
	}
	return in
}

// tenantOf reads the tenant out of "pool/<tenant>/<cluster>/<pool>".
func tenantOf(entity string) string {
	word := strings.Split(entity, "/")
	if len(word) < 2 {
		return ""
	}
	return word[1]
}

// detached: the machine's controller was read whole, and has it as a dedicated member of no other
// server cluster; nor has any other controller.
func detached(w World, id state.ID, cluster, machine string) (why string, ok bool) {
	live, seen := w.Live[id.Target]
	if !seen || live.Err != nil {
		return fmt.Sprintf("the networks of %s could not be read", machine), false
	}
	for _, other := range slices.SortedFunc(maps.Keys(live.Unknown), state.ID.Compare) {
		if other.Kind == id.Kind {
			return fmt.Sprintf("%s could not be read: %v", other, live.Unknown[other]), false
		}
	}
	return elsewhere(w, machine, cluster)
}

// unoffered: no other tenant's Platform project can claim the host.
func unoffered(w World, machine, tenant string) (why string, ok bool) {
	host, why, ok := w.host(machine)
	if pool := kinds.Text(host.Value, "metadata", "labels", poolLabel); ok && pool != "" && !strings.HasPrefix(pool, tenant+".") {
		return fmt.Sprintf("%s is still offered to pool %s", machine, pool), false
	}
	return why, ok
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
	if why, ok := Sanitised(host); !ok {
		return why, false
	}
	return shown(w, host)
}

// Serves reports whether a machine runs for a tenant: the tenant has claimed its host, which is
// provisioned and not being taken away. What cannot be read serves nobody.
func Serves(w World, machine, tenant string) bool {
	host, _, ok := w.host(machine)
	return ok && !host.Deleting && kinds.Text(host.Value, "spec", "consumerRef", "namespace") == "p-"+tenant &&
		kinds.Text(host.Value, "status", "provisioning", "state") == "provisioned"
}

// Keeper names what Platform keeps the machine of a change with, for another tenant: a Machine of its own, which
// its API calls NodeClaim, in that tenant's project. That a host's consumerRef names it is what the
// simulator does, and documented nowhere.
func Keeper(w World, c plan.Change) (machine, namespace, claim string, ok bool) {
	_, machine, member := kinds.Membership(c.ID)
	if !member && c.ID.Target == w.Hosts && strings.HasPrefix(c.ID.Part, "pool/") {
		machine, member = c.ID.Name, true
	}
	if !member {
		return "", "", "", false
	}
	host, _, ok := w.host(machine)
	ref := func(field string) string { return kinds.Text(host.Value, "spec", "consumerRef", field) }
	if !ok || ref("kind") != "NodeClaim" || ref("name") == "" || ref("namespace") == "p-"+tenantOf(c.Entity) {
		return "", "", "", false
	}
	return machine, ref("namespace"), ref("name"), true
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
	provisioned, err1 := lastUse(host)
	cleaned, err2 := operation(host, "deprovision", "end")
	if err := cmp.Or(err1, err2); err != nil {
		return fmt.Sprintf("the history of %s cannot be read: %v", name, err), false
	}
	if !provisioned.IsZero() && !cleaned.After(provisioned) {
		return fmt.Sprintf("%s was provisioned at %s and not deprovisioned since", name, provisioned.UTC().Format(time.RFC3339)), false
	}
	return "", true
}

// operation is a time from the host's history; the zero time if it never happened, which Metal3 writes
// as null or not at all.
func operation(host state.LiveObject, name, edge string) (time.Time, error) {
	at := any(host.Value)
	for _, key := range []string{"status", "operationHistory", name, edge} {
		m, ok := at.(map[string]any)
		if !ok {
			return time.Time{}, fmt.Errorf("%v has no %s", at, key)
		}
		if at = m[key]; at == nil {
			return time.Time{}, nil
		}
	}
	text, _ := at.(string)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%s %s is %v", name, edge, at)
	}
	return t, nil
}

// Violation is isolation that is broken already, whoever broke it.
type Violation struct {
	Machine string `json:"machine"`
	Why     string `json:"why"`
}

// Violations are the machines that are in two tenants' hands at once: dedicated to two segments, or
// claimed by one tenant while in the segment of another. Tenants maps a server cluster to its
// tenant, as far as the fleet knows it.
func Violations(w World, tenants map[string]string) []Violation {
	var found []Violation
	for machine, clusters := range segments(w) {
		if len(clusters) > 1 {
			found = append(found, Violation{machine, fmt.Sprintf("is dedicated to several segments: %s", strings.Join(clusters, ", "))})
		}
		host, _, ok := w.host(machine)
		consumer := kinds.Text(host.Value, "spec", "consumerRef", "namespace")
		for _, cluster := range clusters {
			if tenant, known := tenants[cluster]; ok && known && consumer != "" && consumer != "p-"+tenant {
				found = append(found, Violation{machine, fmt.Sprintf("is claimed in %s while in the segment of %s", consumer, cluster)})
			}
		}
	}
	slices.SortFunc(found, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Machine, b.Machine), cmp.Compare(a.Why, b.Why))
	})
	return found
}
