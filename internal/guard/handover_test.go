package guard

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/gate"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// manned is a fleet with a pool of four machines and a floor, of which some run; one more has left
// the allocation and still runs.
func manned(floor int, running ...string) Input {
	in := input(func(f *fleet.Fleet) {
		pool := &fleet.Pool{Class: "h100", Count: 4, Floor: floor}
		f.Tenants["acme"].Clusters = map[string]*fleet.Cluster{"train": {Pools: map[string]*fleet.Pool{"h100": pool}}}
		f.Allocation = fleet.Allocation{"acme": {"train": {"h100": {"m1", "m2", "m3", "m4"}}}}
		for _, n := range []string{"m1", "m2", "m3", "m4", "m5"} {
			f.Machines[n] = &fleet.Machine{Meta: fleet.Meta{Name: n}, Lifecycle: fleet.InService, Role: fleet.RoleWorker}
		}
	})
	live := state.Live{Target: state.ControlPlane, Objects: map[state.ID]state.LiveObject{}}
	for _, n := range running {
		at := state.ID{Target: state.ControlPlane, Kind: "BareMetalHost.metal3.io", Namespace: "metal3-system", Name: n}
		live.Objects[at] = state.LiveObject{ID: at, Value: map[string]any{
			"spec":   map[string]any{"consumerRef": map[string]any{"namespace": "p-acme"}},
			"status": map[string]any{"provisioning": map[string]any{"state": "provisioned"}},
		}}
	}
	in.World.Live = map[state.Target]state.Live{state.ControlPlane: live}
	return in
}

// No machine is taken from a pool of which too few would run, and nothing else is held for it.
func TestFloor(t *testing.T) {
	const pool, instance = "pool/acme/train/h100", "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train"
	leave := plan.Change{Action: plan.Delete, Entity: pool, Owned: &state.Owned{}}
	ask := func(impact kinds.Impact) plan.Change {
		return plan.Change{Action: plan.Update, Status: plan.Progressing, Impact: impact, Want: wanted, Causes: []plan.Cause{plan.CauseCommit}}
	}
	lifecycle := func(in Input, machine, is string) Input {
		in.Fleet.Machines[machine].Lifecycle = is
		return in
	}
	for name, c := range map[string]struct {
		in      Input
		address string
		change  plan.Change
		held    bool
	}{
		"enough are left":                         {manned(3, "m1", "m2", "m3", "m5"), "netris/dc1/servercluster/acme-train/server/m5", leave, false},
		"too few are left":                        {manned(3, "m1", "m2", "m5"), "netris/dc1/servercluster/acme-train/server/m5", leave, true},
		"its label too":                           {manned(3, "m1", "m2", "m5"), "kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/m5/" + pool, leave, true},
		"it runs no more":                         {manned(3, "m1", "m2"), "netris/dc1/servercluster/acme-train/server/m5", leave, false},
		"it is of no use":                         {lifecycle(manned(3, "m1", "m2", "m5"), "m5", fleet.Quarantine), "netris/dc1/servercluster/acme-train/server/m5", leave, false},
		"it is only looked after":                 {lifecycle(manned(3, "m1", "m2", "m5"), "m5", fleet.Maintenance), "netris/dc1/servercluster/acme-train/server/m5", leave, true},
		"no floor":                                {manned(0, "m5"), "netris/dc1/servercluster/acme-train/server/m5", leave, false},
		"a cluster that asks for fewer":           {manned(3, "m1", "m2", "m3"), instance, ask(kinds.Reprovision), false},
		"a cluster that asks for fewer, too few":  {manned(3, "m1", "m2"), instance, ask(kinds.Reprovision), true},
		"a cluster that asks for more":            {manned(3, "m1", "m2"), instance, ask(kinds.None), false},
		"a cluster that restarts":                 {manned(3, "m1", "m2"), instance, ask(kinds.Restart), false},
		"a cluster that is only coming about":     {manned(3), instance, ask(kinds.Reprovision), false},
		"another cluster":                         {manned(3, "m1", "m2"), instance + "2", ask(kinds.Reprovision), false},
		"something else of a machine in the pool": {manned(3, "m1", "m2", "m5"), "redfish/m5/ntp", leave, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := after(t, c.in, c.address, c.change)
			require.Equal(t, c.held, by(got) == "floor", "%v", got.Held)
			if !c.held {
				require.Empty(t, got.Held)
			}
		})
	}
	retired := manned(3, "m1", "m5")
	retired.Fleet.Tenants["acme"].Retired = true
	require.Empty(t, by(after(t, retired, "netris/dc1/servercluster/acme-train/server/m5", leave)), "a tenant that leaves takes all along")
	unread := manned(3, "m1", "m2", "m3", "m5")
	unread.World.Live[state.ControlPlane].Objects[id(t, "kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/m3")] = state.LiveObject{}
	require.Equal(t, "floor", by(after(t, unread, "netris/dc1/servercluster/acme-train/server/m5", leave)), "what cannot be read does not count as running")
}

// What the fleet demands of machines reaches the gate: checks of the class, records of the machine,
// values of the vendor's baseline.
func TestDemandsOfAFleet(t *testing.T) {
	f := input().Fleet
	require.Empty(t, demands(f))
	f.Classes = map[string]*fleet.Class{"h100": {
		CPUs: 192, Memory: 2048, BIOS: map[string]any{"A": "1", "B": "2"},
		Baselines:  map[string]*fleet.Baseline{"dell": {BIOS: map[string]any{"B": "3"}, Firmware: map[string]fleet.Firmware{"bmc": {Version: "7"}}}},
		Sanitise:   fleet.Sanitise{Checks: map[string]fleet.Check{"erase": {Evidence: "record", Description: "wipe it, and note when"}}},
		Acceptance: fleet.Acceptance{Checks: map[string]fleet.Check{"parts": {Evidence: "inspection"}}},
	}}
	m := f.Machines["gpu-001"]
	m.Class, m.Serial, m.BootMAC, m.BMC.Vendor = "h100", "S1", "5c:ff:35:00:00:01", "dell"
	m.NICs = []fleet.NIC{{MAC: "5c:ff:35:00:00:02"}, {GUID: "x"}}
	m.Records = map[string]string{"erase": "2026-11-20T14:00:00Z"}
	require.Equal(t, map[string]gate.Demand{"gpu-001": {
		Checks: []gate.Check{
			{Name: "erase", Description: "wipe it, and note when", Evidence: "record", SinceUse: true, Recorded: time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)},
			{Name: "parts", Evidence: "inspection"},
		},
		BIOS: map[string]any{"A": "1", "B": "3"}, Firmware: map[string]string{"bmc": "7"}, CPUs: 192, Memory: 2048, Serial: "S1",
		MACs: []string{"5c:ff:35:00:00:01", "5c:ff:35:00:00:02"},
	}}, demands(f))

	// And it holds: a clean host is not handed over while there is no record.
	in := Input{Fleet: f, World: gate.World{Hosts: state.ControlPlane, Namespace: "metal3-system", Live: map[state.Target]state.Live{
		state.ControlPlane: {Objects: map[state.ID]state.LiveObject{id(t, host): {ID: id(t, host), Value: map[string]any{
			"spec":   map[string]any{},
			"status": map[string]any{"provisioning": map[string]any{"state": "available"}},
		}}}},
		{System: state.Netris, Name: "dc1"}: {},
	}}}
	join := plan.Change{Action: plan.Create, Want: wanted, Entity: "pool/acme/train/h100"}
	for _, record := range []string{"2026-11-20T14:00:00Z", ""} {
		m.Records = map[string]string{"erase": record}
		delete(f.Classes["h100"].Acceptance.Checks, "parts")
		got := after(t, in, member, join)
		require.Equal(t, record == "", by(got) == "isolation", fmt.Sprint(got.Held))
		require.Equal(t, record == "", strings.Contains(fmt.Sprint(got.Held), "the check erase (wipe it, and note when): there is no record"), "people are told what is to be done")
	}
}
