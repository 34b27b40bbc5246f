package gate

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

// demanding is a world in which the host passes one check of every kind; change spoils it.
func demanding(change func(w World, d *Demand, host m, bios *state.LiveObject, firmware m)) World {
	host := clean() // used until 1 January 00:10, cleaned on the 2nd
	host["status"].(m)["hardware"] = m{
		"cpu": m{"count": 192.0}, "ramMebibytes": int64(2000 * 1024), "systemVendor": m{"serialNumber": "dgx-1"},
		"nics": []any{m{"mac": "5C:FF:35:00:00:01"}},
	}
	w := world(host)
	bmc := state.Target{System: state.Redfish, Name: "gpu-001"}
	biosID := state.ID{Target: bmc, Kind: "bios"}
	bios := state.LiveObject{ID: biosID, Value: m{"Attributes": m{"Sriov": "Enabled", "Nodes": 4.0}}}
	firmwareID := gpu
	firmwareID.Kind = "HostFirmwareComponents.metal3.io"
	firmware := m{"status": m{"lastUpdated": "2026-01-02T00:05:00Z", "components": []any{m{"component": "bios", "currentVersion": "2.10.2"}}}}
	d := Demand{
		BIOS: map[string]any{"Sriov": "Enabled", "Nodes": int64(4)}, Firmware: map[string]string{"bios": "2.10.2"},
		CPUs: 192, Memory: 2048, Serial: "DGX-1", MACs: []string{"5c:ff:35:00:00:01"},
		Checks: []Check{
			{Name: "erase", Evidence: "record", SinceUse: true, Recorded: day(2)}, {Name: "burn-in", Evidence: "record", Recorded: day(1).AddDate(-1, 0, 0)},
			{Name: "bios", Evidence: "bios", SinceUse: true}, {Name: "flashed", Evidence: "firmware", SinceUse: true}, {Name: "parts", Evidence: "inspection"},
		},
	}
	w.Live[state.ControlPlane].Objects[firmwareID] = state.LiveObject{ID: firmwareID, Value: firmware}
	objects := map[state.ID]state.LiveObject{}
	w.Live[bmc] = state.Live{Target: bmc, Objects: objects, Covered: map[state.ID]bool{biosID: true}}
	change(w, &d, host, &bios, firmware)
	if bios.Value != nil {
		objects[biosID] = bios
	}
	w.Demands = map[string]Demand{"gpu-001": d}
	return w
}

// A machine is handed over only if it shows everything that its class demands, and each kind of
// evidence that is lacking, old, other than it ought to be or unreadable keeps the gate shut.
func TestDemands(t *testing.T) {
	join := plan.Change{ID: atGlobex, Action: plan.Create, Entity: "pool/globex/serve/h100"}
	offer := plan.Change{ID: gpu, Action: plan.Create, Entity: "pool/globex/serve/h100"}
	offer.ID.Part = "pool/globex/serve/h100"
	hardware := func(host m) m { return host["status"].(m)["hardware"].(m) }
	type spoil = func(w World, d *Demand, host m, bios *state.LiveObject, firmware m)
	for name, c := range map[string]struct {
		spoil spoil
		why   string // empty: open
	}{
		"all is shown":            {func(World, *Demand, m, *state.LiveObject, m) {}, ""},
		"nothing is demanded":     {func(_ World, d *Demand, _ m, _ *state.LiveObject, _ m) { *d = Demand{} }, ""},
		"no record":               {func(_ World, d *Demand, _ m, _ *state.LiveObject, _ m) { d.Checks[0].Recorded = time.Time{} }, "no record"},
		"a record before its use": {func(_ World, d *Demand, _ m, _ *state.LiveObject, _ m) { d.Checks[0].Recorded = day(1) }, "was used until"},
		"a record at its end": {func(_ World, d *Demand, _ m, _ *state.LiveObject, _ m) {
			d.Checks[0].Recorded = day(1).Add(10 * time.Minute)
		}, "was used until"},
		"never used, and no record": {func(_ World, d *Demand, host m, _ *state.LiveObject, _ m) {
			delete(host["status"].(m), "operationHistory")
			d.Checks[0].Recorded = time.Time{}
		}, "no record"},
		"never used, and recorded": {func(_ World, d *Demand, host m, _ *state.LiveObject, _ m) {
			delete(host["status"].(m), "operationHistory")
			d.Checks[0].Recorded = day(1).AddDate(-1, 0, 0)
		}, ""},
		"not accepted": {func(_ World, d *Demand, _ m, _ *state.LiveObject, _ m) { d.Checks[1].Recorded = time.Time{} }, "burn-in"},
		"another BIOS value": {func(_ World, _ *Demand, _ m, bios *state.LiveObject, _ m) {
			bios.Value["Attributes"].(m)["Nodes"] = 2.0
		}, "attribute Nodes is 2, not 4"},
		"no such attribute": {func(_ World, _ *Demand, _ m, bios *state.LiveObject, _ m) {
			delete(bios.Value["Attributes"].(m), "Sriov")
		}, "attribute Sriov is <nil>"},
		"settings pending": {func(_ World, _ *Demand, _ m, bios *state.LiveObject, _ m) { bios.Pending = m{"Attributes": m{}} }, "wait for a reset"},
		"BIOS not there":   {func(_ World, _ *Demand, _ m, bios *state.LiveObject, _ m) { bios.Value = nil }, "could not be read"},
		"BMC unreadable": {func(w World, _ *Demand, _ m, bios *state.LiveObject, _ m) {
			w.Live[bios.ID.Target] = state.Live{Target: bios.ID.Target, Err: errors.New("connection refused")}
		}, "connection refused"},
		"BMC not looked at":       {func(w World, _ *Demand, _ m, bios *state.LiveObject, _ m) { delete(w.Live, bios.ID.Target) }, "could not be read"},
		"no BIOS value is wanted": {func(_ World, d *Demand, _ m, _ *state.LiveObject, _ m) { d.BIOS = nil }, "of no BIOS attribute"},
		"another firmware":        {func(_ World, d *Demand, _ m, _ *state.LiveObject, _ m) { d.Firmware["bios"] = "2.11.0" }, `bios has version "2.10.2", not 2.11.0`},
		"a component unknown":     {func(_ World, d *Demand, _ m, _ *state.LiveObject, _ m) { d.Firmware["bmc"] = "7" }, `bmc has version "", not 7`},
		"firmware read before": {func(_ World, _ *Demand, _ m, _ *state.LiveObject, f m) {
			f["status"].(m)["lastUpdated"] = "2026-01-01T00:00:00Z"
		}, "has not read its firmware since"},
		"firmware read who knows": {func(_ World, _ *Demand, _ m, _ *state.LiveObject, f m) { f["status"].(m)["lastUpdated"] = 7 }, "has not read its firmware since"},
		"firmware never read":     {func(_ World, _ *Demand, _ m, _ *state.LiveObject, f m) { delete(f, "status") }, "has not read its firmware since"},
		"no firmware is wanted":   {func(_ World, d *Demand, _ m, _ *state.LiveObject, _ m) { d.Firmware = nil }, "of no component"},
		"processors missing":      {func(_ World, _ *Demand, host m, _ *state.LiveObject, _ m) { hardware(host)["cpu"] = m{"count": 96.0} }, "96 processors, not 192"},
		"memory missing": {func(_ World, _ *Demand, host m, _ *state.LiveObject, _ m) {
			hardware(host)["ramMebibytes"] = 1024.0 * 1024
		}, "1024 GiB of memory, of 2048"},
		"another machine":           {func(_ World, d *Demand, _ m, _ *state.LiveObject, _ m) { d.Serial = "DGX-2" }, `serial number is "dgx-1"`},
		"no serial number is known": {func(_ World, d *Demand, _ m, _ *state.LiveObject, _ m) { d.Serial = "" }, ""},
		"a port missing":            {func(_ World, d *Demand, _ m, _ *state.LiveObject, _ m) { d.MACs = append(d.MACs, "5c:ff:35:00:00:02") }, "no port 5c:ff:35:00:00:02"},
		"never inspected":           {func(_ World, _ *Demand, host m, _ *state.LiveObject, _ m) { delete(host["status"].(m), "hardware") }, "not inspected"},
		"GPUs":                      {func(_ World, d *Demand, _ m, _ *state.LiveObject, _ m) { d.Checks[4].Evidence = "gpus" }, "cannot count the GPUs"},
		"evidence of later days":    {func(_ World, d *Demand, _ m, _ *state.LiveObject, _ m) { d.Checks[4].Evidence = "attestation" }, "knows no evidence"},
		"not cleaned by Metal3": {func(_ World, _ *Demand, host m, _ *state.LiveObject, _ m) {
			delete(host["status"].(m)["operationHistory"].(m), "deprovision")
		}, "not deprovisioned since"},
	} {
		t.Run(name, func(t *testing.T) {
			w := demanding(c.spoil)
			for _, change := range []plan.Change{join, offer} {
				why, open := Isolation(w, change)
				require.Equal(t, c.why == "", open, why)
				require.Contains(t, why, c.why)
				require.Equal(t, open, why == "")
			}
		})
	}
}

// What is demanded never opens a gate that was shut without it, and is not asked of a machine that is
// the tenant's own already.
func TestDemandsOnlyAdd(t *testing.T) {
	join := plan.Change{ID: atGlobex, Action: plan.Create, Entity: "pool/globex/serve/h100"}
	unmet := map[string]Demand{"gpu-001": {Checks: []Check{{Name: "erase", Evidence: "record"}}}}
	for _, host := range []m{clean(), claimed("globex"), claimed("acme"), with("provisioned", "status", "provisioning", "state"), nil} {
		w := world(host)
		_, before := Isolation(w, join)
		w.Demands = unmet
		_, after := Isolation(w, join)
		require.False(t, after && !before)
		w.Demands = map[string]Demand{"gpu-001": {}}
		_, same := Isolation(w, join)
		require.Equal(t, before, same)
	}
	w := world(claimed("globex"))
	w.Demands = unmet
	_, open := Isolation(w, join)
	require.True(t, open, "it serves that tenant: nothing is handed over")
}

func TestServes(t *testing.T) {
	runs := func() m {
		host := claimed("globex")
		host["status"].(m)["provisioning"] = m{"state": "provisioned"}
		return host
	}
	require.True(t, Serves(world(runs()), "gpu-001", "globex"))
	require.False(t, Serves(world(runs()), "gpu-001", "acme"))
	require.False(t, Serves(world(claimed("globex")), "gpu-001", "globex"), "not provisioned")
	require.False(t, Serves(world(nil), "gpu-001", "globex"))
	require.False(t, Serves(world(runs()).change(fail(state.ControlPlane)), "gpu-001", "globex"), "what cannot be read serves nobody")
}
