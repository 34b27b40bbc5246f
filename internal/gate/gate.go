// Package gate holds the predicates on live state that everything dangerous passes through. The most
// important is isolation: no machine enters a tenant's network, or is offered to a tenant, before it
// has provably left the last one and been wiped. Begin with [Isolation] and [Violations]. Everything
// is a pure function; what cannot be read never opens a gate.
package gate

import (
	"cmp"
	"fmt"
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
	// Fabric is what the fleet says of networks.
	Fabric Fabric

	at map[string][]place // see Indexed
}

// poolLabel is the label of a host by which Platform claims it: <tenant>.<cluster>.<pool>.
const poolLabel = "millwright.dev/pool"

// Isolation says whether a change would bring a machine to a tenant too early, and why. It concerns a
// server cluster's member that would become a dedicated one, an InfiniBand port that would join a
// partition, and a host's pool label, which is what Platform claims by; for every other change it is
// open.
func Isolation(w World, c plan.Change) (why string, open bool) {
	if c.Action != plan.Create && c.Action != plan.Adopt && c.Action != plan.Update {
		return "", true
	}
	tenant := tenantOf(c.Entity)
	if guid, ok := kinds.Port(c.ID); ok && w.Fabric.Ports[guid] == "" {
		return fmt.Sprintf("port %s is no machine's, as far as the fleet says", guid), false
	}
	if in, machine, ok := w.place(c.ID); ok {
		if c.Action == plan.Update && c.Live != nil && w.dedicated(*c.Live) {
			return "", true // it is in there already
		}
		if why, ok := detached(w, c.ID, in.segment, machine); !ok {
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

// tenantOf reads the tenant out of "pool/<tenant>/<cluster>/<pool>".
func tenantOf(entity string) string {
	word := strings.Split(entity, "/")
	if len(word) < 2 {
		return ""
	}
	return word[1]
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
	_, machine, member := w.place(c.ID)
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
