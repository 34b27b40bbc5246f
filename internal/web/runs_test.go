package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/state"
)

// runOfAll is the ID of the newest run of a world, which has some of everything.
const runOfAll = "20261120T113000Z-0f3a"

// worldRuns are how a world was made: the whole floor at once, then a little for each of its commits and now and then
// between them.
func worldRuns(f *Floor, p *Past) *Runs {
	commits := map[string]*Commit{}
	var order []*Commit // the newest first
	for _, e := range p.Events {
		if commits[e.Commit.Hash] == nil {
			commits[e.Commit.Hash] = e.Commit
			order = append(order, e.Commit)
		}
	}
	change := func(entity, address, what, result string, at time.Time, fields ...DeedField) Deed {
		return Deed{Kind: DeedChange, Entity: entity, Address: address, What: what, Result: result, Time: at, Milliseconds: 1240, Fields: fields}
	}
	value := func(path, old, now string) DeedField { return DeedField{FieldChange: FieldChange{path, old, now}} }
	number := 0
	var all []Run
	add := func(c *Commit, began time.Time, deeds ...Deed) {
		number++
		all = append([]Run{{
			ID: began.Format("20060102T150405Z") + fmt.Sprintf("-%04x", number), Number: number, By: "agent mgmt-1 (3141)", Commit: c.Hash, Subject: c.Subject,
			Began: began, Ended: began.Add(time.Duration(number%7)*time.Second + 420*time.Millisecond), Deeds: deeds,
		}}, all...)
	}
	first := order[len(order)-1]
	var deeds []Deed
	for _, m := range f.Machines {
		deeds = append(deeds, change("machine/"+m.Name, "netris/dc1/server/"+m.Name, "create", "done", first.Time, value("name", "", ""), value("mgmt", "", "")))
	}
	add(first, first.Time.Add(time.Minute), deeds...)
	for n := len(order) - 1; n >= 0; n-- {
		c := order[n]
		for i := range 9 {
			at := c.Time.Add(time.Duration(1+3*i) * time.Hour)
			m := fmt.Sprintf("gpu-%04d", 1+(n*9+i)%16)
			d := change("machine/"+m, "redfish/"+m+"/ntp", "update", "done", at, value("NTP.NTPServers[0]", `"time.nowhere.example.com"`, `"ntp1.dc1.example.com"`))
			if i%4 == 3 {
				d.Result, d.Error = "failed", "the BMC answered 503: it is busy"
			}
			add(c, at, d)
		}
	}
	at := noon.Add(-30 * time.Minute)
	reboot := change("machine/gpu-0008", "redfish/gpu-0008/bios", "update", "pending", at, value("SriovGlobalEnable", `"Disabled"`, `"Enabled"`))
	reboot.Impact, reboot.Leave = "reboot", &Leave{Approval: "cap-17", By: "olga@example.com", Verified: true, Commit: order[0].Hash}
	failed := change("machine/gpu-0003", "netris/dc1/server/gpu-0003", "update", "failed", at, value("mgmt", `"10.10.0.2"`, `"10.10.0.3"`))
	failed.Error = "the controller answered 422: the port eth0 is in use by another server"
	secret := change("tenant/acme", "kubernetes/control-plane/Project.management.loft.sh/acme", "update", "done", at, DeedField{FieldChange: FieldChange{Path: "token"}, Sensitive: true}, value("displayName", `"Acme"`, `"Tenant acme"`))
	secret.More = 3
	night := change("segment/acme-train", "netris/dc1/vpc/acme-train", "update", "refused", at)
	night.Leave = &Leave{Window: "nightly"}
	gone := change("machine/gpu-0004", "redfish/gpu-0004/ntp", "update", "unrecorded", time.Time{})
	gone.Milliseconds, gone.Observed = 0, inSync
	corrected := change("machine/gpu-0006", "redfish/gpu-0006/ntp", "update", "done", at, DeedField{FieldChange: FieldChange{"NTP", `"time.nowhere.example.com"`, `"ntp1.dc1.example.com"`}, Who: []state.Writer{{Name: "root"}}})
	late := change("machine/gpu-0005", "redfish/gpu-0005/ntp", "update", "unsent", time.Time{})
	late.Milliseconds = 0
	drift := Deed{Kind: DeedDrift, Address: "netris/dc1/servercluster/acme-train/server/gpu-0001", Entity: "pool/acme/train/h100", What: "drifted", Held: []string{"drift-policy"},
		Fields: []DeedField{{FieldChange: FieldChange{"server", "", `"gpu-0001"`}, Who: []state.Writer{{Name: "operator@example.com", Time: at.Add(-time.Hour)}}}}}
	bound := Deed{Kind: DeedBinding, Address: "machine/gpu-0002", Entity: "machine/gpu-0002", What: "bound", Fields: []DeedField{value("consumer", "", `"p-acme/train"`)}}
	add(order[0], at, reboot, failed, secret, night, corrected, gone, late, drift, Deed{Kind: DeedDrift, Address: "redfish/gpu-0008/ntp", Entity: "machine/gpu-0008", What: PutRight}, bound)
	all[0].ID = runOfAll
	return &Runs{List: all}
}

// TestRuns protects what the URL asks of the runs.
func TestRuns(t *testing.T) {
	d := served(t, filled(t, 320))
	ask := func(query string) envelope[RunJSON] {
		t.Helper()
		var answer envelope[RunJSON]
		w := get(t, d, "/api/v1/runs?"+query)
		require.Equal(t, http.StatusOK, w.Code, query)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		return answer
	}
	all := ask("")
	newest := all.Items[0]
	require.Equal(t, runOfAll, newest.ID)
	require.Equal(t, all.Total, newest.Number, "the newest is first, and none is missing")
	require.Equal(t, 7, newest.Changes)
	require.Equal(t, map[string]int{"done": 2, "pending": 1, "failed": 1, "refused": 1, "unsent": 1, "unrecorded": 1}, newest.Results)
	require.Equal(t, []int{1, 1, 1}, []int{newest.Drift, newest.Right, newest.Bound})
	require.Equal(t, []string{"cap-17 by olga@example.com", "window nightly"}, newest.Leave)

	acme := ask("tenant=acme").Items[0]
	require.Equal(t, runOfAll, acme.ID)
	require.Equal(t, map[string]int{"done": 1, "pending": 1, "refused": 1}, acme.Results, "numbers are of what was asked for")
	require.Equal(t, []int{1, 1, 0}, []int{acme.Drift, acme.Right, acme.Bound})
	for _, r := range ask("result=failed&limit=1000").Items {
		require.Equal(t, r.Changes, r.Results["failed"])
	}
	require.Equal(t, 1, ask("since=2026-11-20T11:00Z").Total)
	require.Equal(t, all.Total-1, ask("until=2026-11-19").Total)
	require.Equal(t, 1, ask("since=2026-11-20&until=2026-11-20&result=pending").Total)
	require.Equal(t, 14, ask("until=2026-09-21").Total)
	require.Equal(t, 1, len(ask("limit=1&page=2").Items))
	require.Equal(t, http.StatusBadRequest, get(t, d, "/runs?since=yesterday").Code)
	require.Equal(t, http.StatusNotFound, get(t, d, "/runs/999999").Code)

	page := get(t, d, "/runs").Body.String()
	require.Contains(t, page, fmt.Sprintf(`<a href="/runs/%d">`, newest.Number))
	require.Contains(t, page, `<a class="mono" href="/history?commit=`+newest.Commit+`"`)
	require.Contains(t, page, `href="/runs?page=2"`)
	require.Contains(t, text(t, get(t, d, "/history?commit="+newest.Commit[:12]).Body.String()), "Give a machine of globex to acme")
	require.Contains(t, text(t, get(t, d, "/history?commit=0123").Body.String()), "Nothing that was asked for")
	require.Equal(t, get(t, d, aRun).Code, get(t, d, fmt.Sprintf("/runs/%d", newest.Number)).Code)
	require.Contains(t, get(t, d, aRun).Body.String(), `<a class="mono" href="/o/redfish/gpu-0008/bios">`)
	golden(t, "run.txt", text(t, get(t, d, aRun).Body.String()))
}

// TestWhoseRunsWere protects tenants: what was done at a machine or a segment is theirs only if it was theirs while
// the run's commit was in force.
func TestWhoseRunsWere(t *testing.T) {
	commit := func(hash string) *Commit { return &Commit{Hash: hash} }
	of := func(hash, old, now string) Event {
		return Event{Commit: commit(hash), Entity: "machine/a", Change: "changed", Fields: []FieldChange{{"tenant", old, now}}}
	}
	past := (&Past{Events: []Event{of("d", `"globex"`, ""), {Commit: commit("c"), Entity: "machine/a", Change: "changed"}, of("b", `"acme"`, `"globex"`), of("a", "", `"acme"`)}}).indexed()
	deed := []Deed{{Kind: DeedChange, Entity: "machine/a"}, {Kind: DeedChange, Entity: "pool/acme/train/h100"}, {Kind: DeedChange, Entity: "segment/s"}}
	var list []Run
	for _, hash := range []string{"d", "nothing changed", "c", "b", "nothing changed", "a", "before"} {
		list = append(list, Run{Commit: hash, Deeds: deed})
	}
	var whose []string
	for _, run := range past.owned(&Runs{List: list}).List {
		whose = append(whose, run.Deeds[0].Tenant)
		require.Equal(t, "acme", run.Deeds[1].Tenant, "it says so itself")
		require.Empty(t, run.Deeds[2].Tenant)
	}
	require.Equal(t, []string{"", "globex", "globex", "globex", "acme", "acme", ""}, whose)
	var unread *Past
	require.Empty(t, unread.owned(&Runs{List: list}).List[0].Deeds[0].Tenant, "nobody's while the history is not read")
	require.Equal(t, "acme", unread.owned(&Runs{List: list}).List[0].Deeds[1].Tenant)
	require.Empty(t, deed[0].Tenant, "what was handed over stays as it was")
}

// TestATenantsRuns protects the numbers that a tenant's reader is told: they are of what was done for them.
func TestATenantsRuns(t *testing.T) {
	d := proxied(t, shared(t))
	var answer envelope[RunJSON]
	require.NoError(t, json.Unmarshal(get(t, d, "/api/v1/runs", by("acme-admins")).Body.Bytes(), &answer))
	require.Equal(t, 1, answer.Total)
	run := answer.Items[0]
	require.Equal(t, RunJSON{Name: runOfAll, ID: runOfAll, Commit: head, Began: run.Began, Changes: 3, Results: map[string]int{"done": 2, "failed": 1}, Drift: 1, Bound: 1}, run)
	deeds := get(t, d, "/api/v1/runs/"+runOfAll, by("acme-admins")).Body.String()
	require.Contains(t, deeds, `{"path":"labels","old":"`+withheld+`","new":"acme"}`)
	require.Contains(t, deeds, `"total":5`)
	require.Contains(t, get(t, d, "/api/v1/runs/4711", by("ops")).Body.String(), `"total":10`)
	page := text(t, get(t, d, "/runs", by("acme-admins")).Body.String())
	require.Contains(t, page, "1–1 of 1 run")
	require.NotContains(t, page, "4711", "how many runs there were is not for them to know")
}

// TestWhyThereAreNoRuns protects readers from taking "nobody wrote it down" for "nothing was done".
func TestWhyThereAreNoRuns(t *testing.T) {
	f, r := world(t, 16)
	store := &Store{}
	store.SetFloor(f)
	d := served(t, store)
	says := func(what string) {
		t.Helper()
		w := get(t, d, "/runs")
		require.Equal(t, http.StatusOK, w.Code)
		require.Contains(t, text(t, w.Body.String()), what)
	}
	says("The journal is not read yet")
	store.SetRuns(&Runs{})
	says("No run yet.")
	store.SetRuns(&Runs{Error: "the disk is full"})
	says("The journal cannot be read: the disk is full")
	p := worldPast(f)
	runs := worldRuns(f, p)
	store.SetRuns(&Runs{List: runs.List, Error: "run 3 is damaged"})
	says("The journal cannot be read further: run 3 is damaged. These are the runs that were read before.")
	store.SetReport(r)
	require.Contains(t, get(t, d, aRun).Body.String(), "SriovGlobalEnable")
}

// TestALargeRunStaysLight holds a page of the worst run to what a page may weigh.
func TestALargeRunStaysLight(t *testing.T) {
	store := filled(t, 16)
	var deeds []Deed
	for n := range 5000 {
		deed := Deed{Kind: DeedChange, Address: fmt.Sprintf("netris/dc1/server/%d-%s", n, strings.Repeat("x", 60)), Entity: "machine/gpu-0001", What: "update", Result: "failed", Error: strings.Repeat("e", 5000), Time: noon}
		for i := range 12 {
			deed.Fields = append(deed.Fields, DeedField{FieldChange: FieldChange{fmt.Sprintf("nics[%d]", i), `"` + strings.Repeat("z", 1000) + `"`, `"` + strings.Repeat("w", 1000) + `"`}})
		}
		deeds = append(deeds, deed)
	}
	store.SetRuns(&Runs{List: []Run{{ID: "x", Number: 1, Commit: head, Began: noon, Ended: noon, Deeds: deeds}}})
	d := served(t, store)
	for _, url := range []string{"/runs", "/runs/1", "/runs/x?page=125"} {
		w := get(t, d, url)
		require.Equal(t, http.StatusOK, w.Code)
		require.Less(t, w.Body.Len(), 300_000, url)
	}
	require.Contains(t, get(t, d, "/runs/1").Body.String(), "and 6 fields more")
	require.Contains(t, text(t, get(t, d, "/runs/x?page=125").Body.String()), "4961–5000 of 5000")
}
