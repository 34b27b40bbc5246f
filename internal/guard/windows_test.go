package guard

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
)

// A window opens and closes at its hours, also over midnight and over a change of the clock.
func TestWindowsOpenAndClose(t *testing.T) {
	nights := fleet.Window{From: "22:00", To: "04:00", Zone: "Europe/Berlin"}
	weekend := fleet.Window{Days: []string{"sat"}, From: "22:00", To: "04:00", Zone: "Europe/Berlin"}
	whole := fleet.Window{Days: []string{"tue"}, From: "00:00", To: "00:00", Zone: "UTC"}
	skipped := fleet.Window{From: "02:30", To: "04:00", Zone: "America/New_York"}
	until := fleet.Window{From: "01:00", To: "02:30", Zone: "Europe/Berlin"}
	midnight := func(day string) fleet.Window {
		return fleet.Window{Days: []string{day}, From: "00:00", To: "04:00", Zone: "Africa/Cairo"}
	}
	for at, c := range map[string]struct {
		w     fleet.Window
		until string // empty: it is closed
	}{
		"2026-05-12T19:59:59Z": {nights, ""}, // 21:59 in summer
		"2026-05-12T20:00:00Z": {nights, "2026-05-13T02:00:00Z"},
		"2026-05-13T01:59:59Z": {nights, "2026-05-13T02:00:00Z"},
		"2026-05-13T02:00:00Z": {nights, ""},
		"2026-01-12T20:30:00Z": {nights, ""}, // 21:30 in winter
		"2026-01-12T21:00:00Z": {nights, "2026-01-13T03:00:00Z"},
		"2026-03-28T23:30:00Z": {nights, "2026-03-29T02:00:00Z"}, // the night in which summer begins
		"2026-10-24T22:30:00Z": {nights, "2026-10-25T03:00:00Z"}, // and ends
		"2026-05-16T20:30:00Z": {weekend, "2026-05-17T02:00:00Z"},
		"2026-05-17T01:30:00Z": {weekend, "2026-05-17T02:00:00Z"}, // Sunday, begun on Saturday
		"2026-05-17T20:30:00Z": {weekend, ""},
		"2026-05-16T01:30:00Z": {weekend, ""}, // Saturday, begun on Friday
		"2026-05-12T00:00:00Z": {whole, "2026-05-13T00:00:00Z"},
		"2026-05-12T23:59:59Z": {whole, "2026-05-13T00:00:00Z"},
		"2026-05-13T00:00:00Z": {whole, ""},
		"2026-05-12T12:00:00Z": {fleet.Window{From: "00:00", To: "00:00", Zone: "Europe/Berlyn"}, ""},
		"2026-03-08T06:45:00Z": {skipped, ""}, // 01:45, and 02:30 is left out
		"2026-03-08T07:00:00Z": {skipped, "2026-03-08T08:00:00Z"},
		"2026-03-29T00:59:59Z": {until, "2026-03-29T01:00:00Z"}, // 01:59, and 02:30 is left out
		"2026-03-29T01:15:00Z": {until, ""},                     // 03:15
		"2026-04-23T21:30:00Z": {midnight("thu"), ""},           // Thursday, 23:30; Friday begins at 01:00
		"2026-04-23T22:30:00Z": {midnight("thu"), ""},
		"2026-04-23T23:30:00Z": {midnight("fri"), "2026-04-24T01:00:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		until, ok := open(c.w, now)
		require.Equal(t, c.until != "", ok, at)
		if ok {
			require.Equal(t, c.until, until.Format(time.RFC3339), at)
		}
	}
}

// An open window lets go ahead what is no worse than it is for, and nothing that a person decides.
func TestWindowsLetGoAhead(t *testing.T) {
	change := func(impact kinds.Impact, cause plan.Cause) plan.Change {
		return plan.Change{Action: plan.Update, Status: plan.Drifted, Entity: "cluster/acme/train", Impact: impact, Causes: []plan.Cause{cause}, Want: wanted}
	}
	window := func(impact string, scope ...string) Input {
		return approved(func(a *fleet.Approval) { a.For = nil }).policy(func(p *fleet.Policy) {
			p.Windows = map[string]fleet.Window{"day": {From: "08:00", To: "16:00", Zone: "UTC", Impact: impact, For: scope}}
		})
	}
	for name, c := range map[string]struct {
		in     Input
		change plan.Change
		held   string
	}{
		"a commit":                    {window("reboot"), change(kinds.Reboot, plan.CauseCommit), ""},
		"a worse one":                 {window("reboot"), change(kinds.Reprovision, plan.CauseCommit), "approval"},
		"drift":                       {window("reboot"), change(kinds.Network, plan.CauseDrift), ""},
		"drift that policy reports":   {window("reboot").policy(func(p *fleet.Policy) { p.Drift = map[string]string{"kubernetes/ConfigMap": "report"} }), change(kinds.None, plan.CauseDrift), "drift-policy"},
		"the loss of data":            {window("data-loss"), change(kinds.DataLoss, plan.CauseCommit), "approval"},
		"an impact that there is not": {window("all"), change(kinds.Reboot, plan.CauseCommit), "approval"},
		"what it is for":              {window("reboot", "tenant/acme"), change(kinds.Reboot, plan.CauseCommit), ""},
		"what it is not for":          {window("reboot", "tenant/globex"), change(kinds.Reboot, plan.CauseCommit), "approval"},
		"while it is closed":          {window("reboot").with(func(in *Input) { in.Now = noon.Add(4 * time.Hour) }), change(kinds.Reboot, plan.CauseCommit), "approval"},
		"what is held for another cause": {window("reboot").policy(func(p *fleet.Policy) {
			p.ObserveOnly = map[string]fleet.ObserveOnly{"kubernetes/ConfigMap": {Reason: "new"}}
		}), plan.Change{Action: plan.Delete, Impact: kinds.Reboot, Causes: []plan.Cause{plan.CauseCommit}}, "observe-only"},
	} {
		t.Run(name, func(t *testing.T) {
			got := after(t, c.in, plain, c.change)
			require.Equal(t, c.held, by(got))
			if c.held == "" {
				require.Equal(t, &plan.Consent{Window: "day", Until: noon.Add(4 * time.Hour)}, got.Consent)
				require.Equal(t, plan.Drifted, got.Status)
			}
		})
	}
}
