package past_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/past"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/web"
)

// TestRun protects that everything in a run is shown, and nothing that is sensitive.
func TestRun(t *testing.T) {
	began := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	who := []state.Writer{{Name: "bob", Time: began}}
	var many []journal.Field
	for range 15 {
		many = append(many, journal.Field{Path: "nic", New: []any{"a", 1}})
	}
	run := journal.Run{
		ID: "20261126T120000Z-1", Sequence: 42, By: "agent mgmt-1 (7)", Source: journal.Source{Commit: "c1", Subject: "Grow acme"}, Began: began, Ended: began.Add(time.Second), Lost: true,
		Changes: []journal.Change{
			{Address: "redfish/gpu-1/bios", Entity: "machine/gpu-1", Action: plan.Update, Step: plan.Reset, Impact: "reboot", Result: journal.Failed, Error: "503", Time: began, Milliseconds: 12, Observed: plan.InSync,
				Approval: &journal.Approval{Name: "cap-17", Window: "night", By: "ada@example.com", Verified: true, Commit: "d1"},
				Fields:   []journal.Field{{Path: "a", Old: false, New: "<on>", Who: who}, {Path: "password", Old: "hunter2", New: "hunter3", Sensitive: true}}},
			{Address: "netris/dc1/server/gpu-1", Action: plan.Create, Result: journal.Done, Fields: many},
		},
		Drift:    []journal.Drift{{Address: "redfish/gpu-2/ntp", Entity: "machine/gpu-2", Status: plan.Drifted, Held: []string{"observe-only"}, Fields: []journal.Field{{Path: "NTP", Old: "x", Who: who}}}, {Address: "redfish/gpu-3/ntp", Ended: true}},
		Bindings: []journal.Binding{{Machine: "gpu-4", To: "p-acme/train"}, {Machine: "gpu-5", Was: "p-acme/train"}},
	}
	out := past.Run(run)
	deeds := out.Deeds
	out.Deeds = nil
	require.Equal(t, web.Run{ID: run.ID, Number: 42, By: run.By, Commit: "c1", Subject: "Grow acme", Began: began, Ended: run.Ended, Lost: true}, out)
	require.Len(t, deeds, 6)
	require.Equal(t, web.Deed{
		Kind: web.DeedChange, Address: "redfish/gpu-1/bios", Entity: "machine/gpu-1", What: string(plan.Reset), Impact: "reboot", Result: "failed", Error: "503", Time: began, Milliseconds: 12, Observed: "in-sync",
		Leave:  &web.Leave{Approval: "cap-17", Window: "night", By: "ada@example.com", Verified: true, Commit: "d1"},
		Fields: []web.DeedField{{FieldChange: web.FieldChange{Path: "a", Old: "false", New: `"\u003con\u003e"`}, Who: who}, {FieldChange: web.FieldChange{Path: "password"}, Sensitive: true}},
	}, deeds[0])
	require.Equal(t, "create", deeds[1].What)
	require.Len(t, deeds[1].Fields, 12)
	require.Equal(t, 3, deeds[1].More)
	require.Equal(t, `["a",1]`, deeds[1].Fields[0].New)
	require.Equal(t, web.Deed{Kind: web.DeedDrift, Address: "redfish/gpu-2/ntp", Entity: "machine/gpu-2", What: "drifted", Held: []string{"observe-only"}, Fields: []web.DeedField{{FieldChange: web.FieldChange{Path: "NTP", Old: `"x"`}, Who: who}}}, deeds[2])
	require.Equal(t, "put right", deeds[3].What)
	consumer := func(what, machine, old, now string) web.Deed {
		return web.Deed{Kind: web.DeedBinding, Address: "machine/" + machine, Entity: "machine/" + machine, What: what, Fields: []web.DeedField{{FieldChange: web.FieldChange{Path: "consumer", Old: old, New: now}}}}
	}
	require.Equal(t, []web.Deed{consumer("bound", "gpu-4", "", `"p-acme/train"`), consumer("released", "gpu-5", `"p-acme/train"`, "")}, deeds[4:])
}
