package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

const hostKind = "BareMetalHost.metal3.io"

var dc1 = state.Target{System: state.Netris, Name: "dc1"}

// allocation says which machines serve which tenant; each tenant has one cluster "train" with one
// pool "h100". Control plane machines are cp-….
type allocation map[string][]string

// desired is a fleet with the edges that rendering gives it.
func desired(commit string, machines []string, a allocation) Desired {
	f := &fleet.Fleet{
		Platform: &fleet.Platform{Fleet: "example", Cluster: "control-plane", Metal3: fleet.PlatformMetal3{Namespace: "metal3-system"}},
		Policy: &fleet.Policy{
			Deletions: fleet.DeletionPolicy{Max: 1000, Percent: 100},
			Resets:    map[string]fleet.ResetPolicy{fleet.RoleControlPlane: {AtOnce: 1}},
			Drift:     map[string]string{"netris/servercluster/server": "correct", "ufm/pkey/guid": "correct"},
		},
		Sites: map[string]*fleet.Site{"dc1": {}}, Tenants: map[string]*fleet.Tenant{}, Machines: map[string]*fleet.Machine{},
	}
	var objects []state.Object
	var entities []state.Entity
	add := func(id state.ID, entity string, value m, on ...state.ID) {
		o := state.Object{ID: id, Entity: entity, Mode: state.Own, Tree: state.FromPlain(value, state.Origin{Entity: entity})}
		for _, e := range on {
			o.After = append(o.After, state.Edge{On: e})
		}
		objects = append(objects, o)
	}
	for _, name := range machines {
		f.Machines[name] = &fleet.Machine{Meta: fleet.Meta{Name: name}, Site: "dc1", Role: fleet.RoleWorker, Lifecycle: fleet.InService}
		entities = append(entities, state.Entity{Name: "machine/" + name})
		if !strings.HasPrefix(name, "cp-") {
			add(hostID(name), "machine/"+name, m{"spec": m{"online": false, "automatedCleaningMode": "metadata"}})
			continue
		}
		f.Machines[name].Role = fleet.RoleControlPlane
		bmc := state.Target{System: state.Redfish, Name: name}
		add(state.ID{Target: bmc, Kind: "bios"}, "machine/"+name, m{"Attributes": m{"Workload": "HPC"}})
		add(state.ID{Target: bmc, Kind: "power"}, "machine/"+name, m{"PowerState": "On"})
		objects[len(objects)-1].Mode = state.Observe
	}
	for _, tenant := range sortedKeys(a) {
		f.Tenants[tenant] = &fleet.Tenant{}
		pool := "pool/" + tenant + "/train/h100"
		entities = append(entities, state.Entity{Name: "tenant/" + tenant}, state.Entity{Name: "cluster/" + tenant + "/train"}, state.Entity{Name: pool})
		namespace := state.ID{Target: state.ControlPlane, Kind: "Namespace", Name: "vc-" + tenant + "-train"}
		add(namespace, "cluster/"+tenant+"/train", m{"metadata": m{"name": namespace.Name}})
		cluster := clusterID(tenant)
		add(cluster, "cluster/"+tenant+"/train", m{"name": cluster.Name})
		add(partitionID(tenant), "cluster/"+tenant+"/train", m{"ip_over_ib": true})
		on, pools := []state.ID{namespace}, []any{}
		for _, name := range a[tenant] {
			add(memberID(tenant, name), pool, m{"shared": false}, cluster, hostID(name))
			ports := portIDs(tenant, name)
			for _, port := range ports {
				add(port, pool, m{"index0": true}, partitionID(tenant), memberID(tenant, name), hostID(name))
			}
			add(offerID(tenant, name), pool, m{"metadata": m{"labels": m{"millwright.dev/pool": tenant + ".train.h100"}}},
				append([]state.ID{hostID(name), memberID(tenant, name)}, ports...)...)
			on = append(on, offerID(tenant, name))
			pools = append(pools, m{"name": name, "quantity": 1})
		}
		add(instanceID(tenant), "cluster/"+tenant+"/train",
			m{"spec": m{"template": m{"helmRelease": m{"values": m{"privateNodes": m{"autoNodes": []any{m{"static": pools}}}}}}}}, on...)
		last := &objects[len(objects)-1]
		last.After = append(last.After, state.Edge{On: cluster, Below: true})
	}
	fabric(f)
	set, err := state.NewSet(objects, entities)
	if err != nil {
		panic(err)
	}
	return Desired{Fleet: f, Set: set, Source: report.Source{Commit: commit}}
}

func hostID(name string) state.ID {
	return state.ID{Target: state.ControlPlane, Kind: hostKind, Namespace: "metal3-system", Name: name}
}

func offerID(tenant, name string) state.ID {
	id := hostID(name)
	id.Part = "pool/" + tenant + "/train/h100"
	return id
}

func clusterID(tenant string) state.ID {
	return state.ID{Target: dc1, Kind: "servercluster", Name: tenant + "-train"}
}

func memberID(tenant, name string) state.ID {
	id := clusterID(tenant)
	id.Part = "server/" + name
	return id
}

func instanceID(tenant string) state.ID {
	return state.ID{Target: state.ControlPlane, Kind: instanceKind, Namespace: "p-" + tenant, Name: "train"}
}

func sortedKeys[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }

// The store's methods: what a dead process writes is not kept.
func (s store) Load(_ context.Context, t state.Target) (inventory.Memory, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var memory inventory.Memory
	if text, ok := s.kept.memory[t]; ok {
		return memory, json.Unmarshal([]byte(text), &memory)
	}
	return memory, nil
}

func (s store) Save(_ context.Context, t state.Target, memory inventory.Memory) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return fmt.Errorf("killed")
	}
	text, err := json.Marshal(memory)
	s.kept.memory[t] = string(text)
	return err
}

func (s store) Targets(context.Context) ([]state.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Keys(s.kept.memory), state.Target.Compare), nil
}

func (s store) LastGood(context.Context, string) (string, error) { return s.kept.good, nil }

func (s store) SetLastGood(_ context.Context, _, commit string) error {
	s.kept.good = commit
	return nil
}

var _ inventory.Store = store{}

// run is a world with the process that now drives it.
type run struct {
	testing.TB
	*world
	kept    *kept
	notes   *notes // of the journal; nil where none is kept
	process *process
	r       *Reconciler
}

func newRun(t testing.TB, seed uint64) *run {
	x := &run{TB: t, world: newWorld(seed), kept: &kept{memory: map[state.Target]string{}}}
	x.start()
	return x
}

// controlPlane puts machines there that have no Metal3, with another BIOS setting than is wanted.
func (x *run) controlPlane(names ...string) {
	for _, name := range names {
		x.machine(name)
		bmc := state.Target{System: state.Redfish, Name: name}
		x.put(state.ID{Target: bmc, Kind: "bios"}, m{"Attributes": m{"Workload": "Default"}})
		x.put(state.ID{Target: bmc, Kind: "power"}, m{"PowerState": "On"})
	}
}

// start is a new process on the same stores.
func (x *run) start() {
	p := &process{world: x.world}
	x.process = p
	x.r = &Reconciler{
		Open: func(_ context.Context, t state.Target, _ *fleet.Fleet) (target.Reader, error) {
			return connection{p, t}, nil
		},
		Memory: store{p, x.kept}, Version: "v1", Now: x.time, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Settle: 30 * time.Second,
	}
	if x.notes != nil {
		recorder, err := journal.NewRecorder(context.Background(), processNotes{p, x.notes}, "agent", "v1")
		require.NoError(x, err)
		x.r.Journal = recorder
	}
}

// pass makes one pass and lets a second go by; a process that was killed is followed by another.
func (x *run) pass(d Desired) Outcome {
	x.Helper()
	out, err := x.r.Pass(context.Background(), d)
	x.world.mu.Lock()
	defer x.world.mu.Unlock()
	if x.process.dead {
		x.start()
	} else {
		require.NoError(x, err)
	}
	x.tick()
	return out
}

// settle passes until everything is in sync and has been for a while, or says what is not.
func (x *run) settle(d Desired) {
	x.Helper()
	quiet := 0
	var out Outcome
	for range 400 {
		out = x.pass(d)
		if quiet++; len(out.Report.Items) > 0 || out.Applied > 0 {
			quiet = 0
		}
		if quiet == 3 {
			return
		}
	}
	var left strings.Builder
	for _, i := range out.Report.Items {
		fmt.Fprintf(&left, "%s %s %s held %v waits %v %s\n", i.Status, i.Action, i.Address, i.Held, i.Waits, i.Note)
	}
	require.Fail(x, "it does not converge", "%s\n%s", left.String(), x.tail())
}

// sound fails if the world has seen what it must never see.
func (x *run) sound() {
	x.Helper()
	require.Empty(x, x.broken, "%s", x.tail())
}
