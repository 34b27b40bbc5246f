package web

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// worldPast is how a world came about: all of it at once, then a change a day, and one commit that was no fleet.
func worldPast(f *Floor) *Past {
	p := &Past{Head: head}
	at := noon.AddDate(0, -2, 0)
	commit := func(n int, subject string, tenants ...string) *Commit {
		c := &Commit{
			Hash: fmt.Sprintf("%012x%028d", 0x3f9a00000000+n*0x7b3f1c5d, n), Subject: subject, Time: at.AddDate(0, 0, n), Authors: []string{"Ada Example <ada@example.com>"},
			MergedBy: "Bob Example <bob@example.com>", Tenants: tenants,
		}
		if n%3 == 0 {
			c.ApprovedBy, c.Tickets = []string{"carol@example.com"}, []string{fmt.Sprintf("CAP-%d", n)}
		}
		return c
	}
	add := func(c *Commit, entity, change string, tenants []string, fields ...FieldChange) {
		p.Events = append([]Event{{Commit: c, Entity: entity, Change: change, Fields: fields, Tenants: tenants}}, p.Events...)
	}
	first := commit(0, "The fleet", "", "acme", "globex")
	for _, m := range f.Machines[:min(len(f.Machines), 40)] {
		fields := []FieldChange{{"class", "", `"` + m.Class + `"`}, {"rack", "", `"` + m.Rack + `"`}}
		for n := range 8 {
			fields = append(fields, FieldChange{fmt.Sprintf("nics[%d].name", n), "", fmt.Sprintf(`"eth%d"`, n)})
		}
		add(first, "machine/"+m.Name, "added", nil, fields...)
	}
	for n, t := range f.Tenants[:2] {
		add(commit(1+2*n, "Take in "+t.Name, t.Name), "tenant/"+t.Name, "added", []string{t.Name}, FieldChange{"displayName", "", `"` + t.DisplayName + `"`}, FieldChange{"cluster.train.pool.h100.count", "", "8"})
		add(commit(2+2*n, "A network for "+t.Name, t.Name), "segment/"+t.Name+"-train", "added", []string{t.Name}, FieldChange{"tenant", "", `"` + t.Name + `"`}, FieldChange{"peers.globex-train", "", "true"})
	}
	broken := commit(5, "Grow acme")
	broken.Invalid = "tenants/acme/tenant.cue:14:9: no such field  [MW101]"
	p.Events = append([]Event{{Commit: broken, Change: "invalid"}}, p.Events...)
	grow := commit(6, "Grow acme by four machines", "acme")
	add(grow, "tenant/acme", "changed", []string{"acme"}, FieldChange{"cluster.train.pool.h100.count", "8", "12"}, FieldChange{"gpus", "64", "96"}, FieldChange{"hosts", "8", "12"})
	p.Events[0].With = []*Commit{broken}
	moved := commit(9, "Give a machine of globex to acme", "acme", "globex")
	add(moved, "machine/gpu-0008", "changed", []string{"acme", "globex"}, FieldChange{"description", `"of globex"`, `"of acme"`}, FieldChange{"pool", `"pool/globex/train/h100"`, `"pool/acme/train/h100"`}, FieldChange{"tenant", `"globex"`, `"acme"`})
	return p
}

// TestHistory protects what the URL asks of the history.
func TestHistory(t *testing.T) {
	d := served(t, filled(t, 320))
	ask := func(query string) (subjects []string, total int) {
		t.Helper()
		var answer envelope[EventJSON]
		w := get(t, d, "/api/v1/history?"+query)
		require.Equal(t, http.StatusOK, w.Code, query)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		for _, e := range answer.Items {
			subjects = append(subjects, e.Commit.Subject)
		}
		return subjects, answer.Total
	}
	for query, want := range map[string][]string{
		"address=machine/gpu-0008":                   {"Give a machine of globex to acme", "The fleet"},
		"address=machine/gpu-0008.tenant":            {"Give a machine of globex to acme"},
		"address=machine/gpu-0008.nics[3]":           {"The fleet"},
		"address=machine/gpu-0008.nic":               nil,
		"address=pool/acme/train/h100":               {"Grow acme by four machines", "Take in acme"},
		"address=pool/acme/train/h100.count":         {"Grow acme by four machines", "Take in acme"},
		"address=tenant/acme.gpus":                   {"Grow acme by four machines"},
		"address=machine/nothing":                    nil,
		"tenant=globex":                              {"Give a machine of globex to acme", "A network for globex", "Take in globex"},
		"tenant=acme&since=2026-09-26":               {"Give a machine of globex to acme", "Grow acme by four machines"},
		"tenant=acme&until=2026-09-23":               {"A network for acme", "Take in acme"},
		"tenant=acme&until=2026-09-22T11:00Z":        {"Take in acme"},
		"by=carol&tenant=acme":                       {"Give a machine of globex to acme", "Grow acme by four machines"},
		"by=CAROL&address=tenant/acme":               {"Grow acme by four machines"},
		"by=nobody":                                  nil,
		"since=2026-09-25T11:59Z&until=2026-09-25":   {"Grow acme"},
		"address=tenant/acme&limit=1&page=2":         {"Take in acme"},
		"address=segment/acme-train.peers&by=bob":    {"A network for acme"},
		"address=cluster/acme/train.pool.h100.count": {"Grow acme by four machines", "Take in acme"},
	} {
		got, _ := ask(strings.ReplaceAll(query, "[", "%5B"))
		require.Equal(t, want, got, query)
	}
	_, total := ask("")
	require.Equal(t, 47, total)
	for _, bad := range []string{"/history?since=yesterday", "/api/v1/history?until=3", "/history.csv?since=x"} {
		w := get(t, d, bad)
		require.Equal(t, http.StatusBadRequest, w.Code)
		require.Contains(t, w.Body.String(), "is no time; write 2026-05-03")
	}
	page := text(t, get(t, d, "/history?address=tenant/acme").Body.String())
	golden(t, "history.txt", page)
	require.Contains(t, get(t, d, "/history?address=tenant/acme").Body.String(), `<a href="/history.csv?address=tenant%2Facme">`)
	require.Contains(t, text(t, get(t, d, "/machines/gpu-0008").Body.String()), "tenant: globex → acme")
	require.Contains(t, text(t, get(t, d, "/o/redfish/gpu-0008/ntp").Body.String()), "The history of machine/gpu-0008")
	early := &Store{}
	require.Contains(t, get(t, served(t, early), "/history").Body.String(), "The history is not read yet")
}

// What stands for files is a hash, of which a page shows the beginning, unless that is all that two have in common.
func TestHistoryOfFiles(t *testing.T) {
	store := filled(t, 16)
	a, b, like := strings.Repeat("3f2a", 10), strings.Repeat("91bc", 10), strings.Repeat("3f2a", 9)+"0000"
	c := &Commit{Hash: head, Tenants: []string{""}}
	store.SetPast(&Past{Head: head, Events: []Event{
		{Commit: c, Entity: "policy", Change: "changed", Fields: []FieldChange{{"rules", `"` + a + `"`, ""}}},
		{Commit: c, Entity: "stack/training", Change: "changed", Fields: []FieldChange{{"component.db.files", `"` + a + `"`, `"` + b + `"`}, {"component.db.path", `"` + a + `"`, `"` + like + `"`}}},
	}})
	page := get(t, served(t, store), "/history").Body.String()
	require.Contains(t, page, `rules: <span class="have">3f2a3f2a3f2a</span> → <span class="want">(not set)</span>`)
	require.Contains(t, page, `component.db.files: <span class="have">3f2a3f2a3f2a</span> → <span class="want">91bc91bc91bc</span>`)
	require.Contains(t, page, `component.db.path: <span class="have">`+a+`</span> → <span class="want">`+like+`</span>`)
	page = get(t, served(t, store), "/history?address=stack/training.component.db.files").Body.String()
	require.Contains(t, page, "component.db.files: ")
	require.NotContains(t, page, "component.db.path: ")
}

// TestALongHistoryStaysLight holds a page of the worst history to what a page may weigh.
func TestALongHistoryStaysLight(t *testing.T) {
	store := filled(t, 16)
	many := func(n int) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprintf("Somebody %d <somebody-%d@example.com>", i, i))
		}
		return names
	}
	p := &Past{Head: head}
	var broken []*Commit
	for n := range 300 {
		broken = append(broken, &Commit{Hash: fmt.Sprintf("%040d", n), Subject: strings.Repeat("y", 50), Time: noon, Invalid: "no"})
	}
	for n := range 300 {
		e := Event{Commit: &Commit{Hash: fmt.Sprintf("%040d", n), Subject: strings.Repeat("x", 70), Time: noon, Authors: many(200), ApprovedBy: many(50)}, With: broken, Entity: "tenant/acme", Change: "changed"}
		for f := range 50 {
			e.Fields = append(e.Fields, FieldChange{fmt.Sprintf("cluster.train.pool.h100.machines[%d]", f), `"` + strings.Repeat("z", 2000) + `"`, `["` + strings.Repeat("w", 2000) + `"]`})
		}
		p.Events = append(p.Events, e)
	}
	store.SetPast(p)
	d := served(t, store)
	for _, url := range []string{"/history", "/history?page=2", "/tenants/acme"} {
		w := get(t, d, url)
		require.Equal(t, http.StatusOK, w.Code)
		require.Less(t, w.Body.Len(), 300_000, url)
		require.Contains(t, w.Body.String(), "and 196 more")
		require.Contains(t, w.Body.String(), "and 297 more before")
	}
}

// TestHistoryCSV protects those who open a history in a program for tables, which runs what begins as a formula.
func TestHistoryCSV(t *testing.T) {
	store := filled(t, 16)
	c := &Commit{Hash: head, Subject: "=1+1\nsecond", Time: noon, Authors: []string{"@a", "b"}}
	store.SetPast(&Past{Head: head, Events: []Event{{Commit: c, Entity: "tenant/acme", Change: "changed", Fields: []FieldChange{{"a", `"  -2+3"`, `[1,"x"]`}, {"b", "1", ""}}}, {Commit: c, Change: "invalid"}}})
	w := get(t, served(t, store), "/history.csv")
	require.Equal(t, "text/csv; charset=utf-8", w.Header().Get("Content-Type"))
	rows, err := csv.NewReader(w.Body).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 4)
	require.Equal(t, []string{noon.Format(time.RFC3339), head, `'=1+1\u{a}second`, "'@a; b", "", "", "", "", "tenant/acme", "changed", "a", "'  -2+3", `[1,"x"]`}, rows[1])
	require.Equal(t, []string{"b", "1", ""}, rows[2][10:])
}

// TestATenantsPast protects what a tenant's reader may know of what was: their own, and of a machine only when it
// came and when it went. Who did it they are told only of commits that did nothing to others.
func TestATenantsPast(t *testing.T) {
	d := proxied(t, filled(t, 320))
	ask := func(groups, query string) string {
		return get(t, d, "/api/v1/history?"+query, by(groups)).Body.String()
	}
	machine := ask("acme-admins", "address=machine/gpu-0008")
	require.Contains(t, machine, `{"path":"tenant","old":"not shown: it may concern others","new":"acme"}`)
	require.Contains(t, machine, `"new":"pool/acme/train/h100"`)
	require.Contains(t, machine, `"authors":["not shown: it may concern others"]`)
	require.NotContains(t, machine, "description")
	require.Contains(t, machine, `"total":1`, "what it was before does not concern them")
	grown := ask("acme-admins", "address=tenant/acme&since=2026-09-26")
	require.Contains(t, grown, "ada@example.com")
	require.NotContains(t, grown, "Grow acme", "a subject may speak of anybody")
	for _, query := range []string{"", "tenant=globex", "address=tenant/globex", "by=ada"} {
		require.NotContains(t, ask("acme-admins", query), "globex", query)
	}
	require.Contains(t, ask("acme-admins", "tenant=globex"), `"total":0`)
	require.Contains(t, ask("acme-admins", "by="+url.QueryEscape("not shown: it")), `"total":0`, "what is not shown is not found")
	both := ask("acme-admins,globex-admins", "address=machine/gpu-0008")
	require.Contains(t, both, `"old":"globex","new":"acme"`)
	require.Contains(t, both, "ada@example.com")
	require.Contains(t, ask("ops", "address=machine/gpu-0008"), "of globex")
}
