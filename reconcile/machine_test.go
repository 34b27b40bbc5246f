package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// machine is what a host or a control plane machine is about, beside what its objects show.
type machine struct {
	name   string
	used   string // the tenant whose data is on it
	resets int
	// down counts the ticks until it is up again; at first it has reset, then its settings are in force.
	down int
}

// tick lets a second pass: Metal3, Platform, Netris and the machines each may take their next step.
func (w *world) tick() {
	w.now = w.now.Add(time.Second)
	for _, o := range w.sorted() {
		if o.busy > 0 {
			o.busy--
		}
		if o.id.Kind == "BareMetalHost.metal3.io" && o.id.Part == "" {
			w.metal3(o)
		}
	}
	for _, o := range w.sorted() {
		if o.id.Kind == instanceKind {
			w.platform(o)
		}
	}
	w.giveBack()
	for _, name := range sortedKeys(w.host) {
		w.host[name].boot(w)
	}
}

// metal3 takes a host through its states, at each tick perhaps a step.
func (w *world) metal3(o *object) {
	if w.rng.IntN(2) == 0 {
		return
	}
	h := w.machine(o.id.Name)
	to := func(at, operation, edge string) {
		w.log("%s is %s", h.name, at)
		status := m{"provisioning": m{"state": at}}
		if operation != "" {
			times := m{edge: w.now.Format(time.RFC3339)}
			if edge == "start" {
				times["end"] = nil
			}
			status["operationHistory"] = m{operation: times}
		}
		o.value = merge(o.value, m{"status": status})
	}
	asked := kinds.Lookup(o.value, "spec", "image") != nil
	switch kinds.Text(o.value, "status", "provisioning", "state") {
	case "":
		to("registering", "", "")
	case "registering":
		to("available", "", "")
	case "available":
		if asked {
			h.used = strings.TrimPrefix(kinds.Text(o.value, "spec", "consumerRef", "namespace"), "p-")
			to("provisioning", "provision", "start")
		}
	case "provisioning":
		if asked {
			to("provisioned", "provision", "end")
		} else {
			to("deprovisioning", "deprovision", "start")
		}
	case "provisioned":
		if !asked {
			to("deprovisioning", "deprovision", "start")
		}
	case "deprovisioning":
		if w.rng.IntN(3) == 0 {
			h.used = ""
			to("available", "deprovision", "end")
		}
	}
}

const instanceKind = "VirtualClusterInstance.management.loft.sh"

// platform claims a host that an instance asks for and that is offered to it, or lets one go that it
// does not ask for any more.
func (w *world) platform(o *object) {
	tenant, names := strings.TrimPrefix(o.id.Namespace, "p-"), asked(o.value)
	if w.rng.IntN(2) == 0 {
		return
	}
	for _, host := range w.claims(o.id.Namespace) {
		if !slices.Contains(names, host.id.Name) {
			w.release(host)
			return
		}
	}
	for _, name := range names {
		host := w.objects[hostID(name)]
		if host != nil && strings.HasPrefix(w.offer(name), tenant+".") &&
			kinds.Text(host.value, "status", "provisioning", "state") == "available" && kinds.Lookup(host.value, "spec", "consumerRef") == nil {
			w.log("Platform claims %s for %s", name, tenant)
			w.checkClaim(name, tenant)
			host.value = merge(host.value, m{"spec": m{"online": true, "image": m{"url": "https://images.example.com/node.img"},
				"consumerRef": m{"namespace": o.id.Namespace, "name": o.id.Name}}})
			return
		}
	}
}

// giveBack lets go of hosts whose instance is gone.
func (w *world) giveBack() {
	for _, o := range w.sorted() {
		ns := kinds.Text(o.value, "spec", "consumerRef", "namespace")
		if o.id.Kind == hostKind && o.id.Part == "" && ns != "" {
			if _, ok := w.objects[state.ID{Target: state.ControlPlane, Kind: instanceKind, Namespace: ns, Name: "train"}]; !ok {
				w.release(o)
			}
		}
	}
}

func (w *world) release(host *object) {
	w.log("Platform lets %s go", host.id.Name)
	host.value = merge(host.value, m{"spec": m{"online": false, "image": nil, "consumerRef": nil}})
}

// claims are the hosts of a project.
func (w *world) claims(namespace string) []*object {
	var claimed []*object
	for _, o := range w.sorted() {
		if o.id.Kind == hostKind && o.id.Part == "" && kinds.Text(o.value, "spec", "consumerRef", "namespace") == namespace {
			claimed = append(claimed, o)
		}
	}
	return claimed
}

// asked are the machines that an instance asks for: a static pool of one for each, so that Platform knows
// which one to let go.
func asked(instance m) []string {
	auto, _ := kinds.Lookup(instance, "spec", "template", "helmRelease", "values", "privateNodes", "autoNodes").([]any)
	var names []string
	for _, a := range auto {
		pools, _ := a.(m)["static"].([]any)
		for _, pool := range pools {
			names = append(names, kinds.Text(pool.(m), "name"))
		}
	}
	return names
}

func (w *world) health(o *object) state.Health {
	busy := state.Health{State: state.Progressing, Message: "is at it"}
	switch {
	case o.busy > 0:
		return busy
	case o.id.Kind == hostKind && o.id.Part == "":
		if at := kinds.Text(o.value, "status", "provisioning", "state"); at != "available" && at != "provisioned" {
			return busy
		}
	case o.id.Kind == instanceKind:
		have := w.claims(o.id.Namespace)
		if len(have) != len(asked(o.value)) || slices.ContainsFunc(have, func(h *object) bool {
			return kinds.Text(h.value, "status", "provisioning", "state") != "provisioned"
		}) {
			return busy
		}
	}
	return state.Health{State: state.Healthy}
}

func (w *world) machine(name string) *machine {
	if w.host[name] == nil {
		w.host[name] = &machine{name: name}
	}
	return w.host[name]
}

// segmentsOf are the tenants in whose segments a machine is a dedicated member.
func (w *world) segmentsOf(name string) []string {
	var in []string
	for _, o := range w.sorted() {
		if cluster, member, ok := kinds.Membership(o.id); ok && member == name && o.value["shared"] != true {
			in = append(in, strings.TrimSuffix(cluster, "-train"))
		}
	}
	return in
}

// offer is the pool that a host is labelled for.
func (w *world) offer(name string) string {
	if host := w.objects[hostID(name)]; host != nil {
		return kinds.Text(host.value, "metadata", "labels", "millwright.dev/pool")
	}
	return ""
}

// admit judges a request by what must never be asked of Netris or UFM, whether they would refuse it or not.
func (w *world) admit(ch plan.Change) error {
	if name, tenant, ok := w.joins(ch.ID); ok {
		h := w.machine(name)
		for _, in := range w.segmentsOf(name) {
			if in != tenant {
				w.breaks("%s joins %s by %s while in the segment of %s", name, tenant, ch.ID, in)
				return fmt.Errorf("400: server %s is dedicated to another cluster", name)
			}
		}
		for _, in := range w.partitionsOf(name) {
			if in != tenant {
				w.breaks("%s joins %s by %s while in the partition of %s", name, tenant, ch.ID, in)
			}
		}
		if pool := w.offer(name); pool != "" && !strings.HasPrefix(pool, tenant+".") {
			w.breaks("%s joins %s while offered to %s", name, tenant, pool)
		}
		if h.used != "" && h.used != tenant {
			w.breaks("%s joins %s with the data of %s on it", name, tenant, h.used)
		}
	}
	return nil
}

// checkClaim judges what Platform was led to do by our labels.
func (w *world) checkClaim(name, tenant string) {
	if in := w.segmentsOf(name); !w.touched[name] && !slices.Equal(in, []string{tenant}) {
		w.breaks("%s is claimed for %s while in the segments %v", name, tenant, in)
	}
	if in := w.partitionsOf(name); !w.touched[name] && !slices.Equal(in, []string{tenant}) {
		w.breaks("%s is claimed for %s while in the partitions %v", name, tenant, in)
	}
	if h := w.machine(name); !w.touched[name] && h.used != "" && h.used != tenant {
		w.breaks("%s is claimed for %s with the data of %s on it", name, tenant, h.used)
	}
}

// join and leave are what a member or a pool label does to the object that it is part of.
func (w *world) join(o *object) {
	whole := w.objects[o.id.Whole()]
	switch {
	case o.id.Part == "" && (o.id.Kind == "servercluster" || o.id.Kind == instanceKind):
		o.busy = 1 + w.rng.IntN(3)
	case o.id.Part != "" && whole != nil && o.id.Kind == "servercluster":
		whole.busy = 1 + w.rng.IntN(3)
	case o.id.Part != "" && whole != nil && o.id.Kind == hostKind:
		whole.value = merge(whole.value, o.value)
	}
}

func (w *world) leave(id state.ID) {
	whole := w.objects[id.Whole()]
	switch {
	case id.Part == "" || whole == nil:
	case id.Kind == "servercluster":
		whole.busy = 1 + w.rng.IntN(3)
	case id.Kind == hostKind:
		whole.value = merge(whole.value, m{"metadata": m{"labels": m{"millwright.dev/pool": nil}}})
	}
}

// reset restarts a control plane machine. Others may not be down at the same time.
func (h *machine) reset(w *world) {
	for _, other := range w.host {
		if other != h && other.down > 0 {
			w.breaks("%s is reset while %s is down", h.name, other.name)
		}
	}
	h.resets++
	h.down = 4 + w.rng.IntN(4)
}

// boot brings a machine up again: first it shows that it was reset, then its settings are in force.
func (h *machine) boot(w *world) {
	if h.down == 0 {
		return
	}
	bios := w.objects[state.ID{Target: state.Target{System: state.Redfish, Name: h.name}, Kind: "bios"}]
	switch h.down--; h.down {
	case 2:
		bios.facts = map[string]string{kinds.FactLastReset: w.now.Format(time.RFC3339)}
	case 0:
		bios.value, bios.pending = merge(bios.value, bios.pending), nil
		w.log("%s is up", h.name)
	}
}
