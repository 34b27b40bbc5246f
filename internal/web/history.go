package web

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/report"
)

// errQuery is the answer to a question that cannot be understood.
var errQuery = errors.New("the question cannot be understood")

// asking is what the URL asks of the history.
type asking struct {
	Address, Commit, Tenant, By, Since, Until string
}

func (r *request) asking() asking {
	get := func(key string) string { return strings.TrimSpace(r.query.Get(key)) }
	return asking{get("address"), get("commit"), get("tenant"), get("by"), get("since"), get("until")}
}

// events are those that the URL asks for, the newest first.
func (r *request) events() ([]Event, error) {
	a := r.asking()
	since, until, err := a.span()
	if err != nil || r.Past == nil {
		return nil, err
	}
	var at place
	if a.Address != "" {
		at = r.Past.find(a.Address)
	}
	var all []Event
	for _, e := range r.Past.Events {
		if !since.IsZero() && e.Commit.Time.Before(since) || !until.IsZero() && e.Commit.Time.After(until) || a.Tenant != "" && !slices.Contains(e.Tenants, a.Tenant) {
			continue
		}
		if a.By != "" && !slices.ContainsFunc(append([]*Commit{e.Commit}, e.With...), func(c *Commit) bool { return c.by(a.By) }) {
			continue
		}
		if a.Commit != "" && !slices.ContainsFunc(append([]*Commit{e.Commit}, e.With...), func(c *Commit) bool { return strings.HasPrefix(c.Hash, a.Commit) }) {
			continue
		}
		ok := true
		if a.Address != "" {
			e, ok = at.of(e)
		}
		if ok {
			all = append(all, e)
		}
	}
	return all, nil
}

// span is the time that is asked for; either end may be open, and is zero then.
func (a asking) span() (since, until time.Time, err error) {
	if since, err = moment(a.Since, false); err == nil {
		until, err = moment(a.Until, true)
	}
	return since, until, err
}

// moment is a time as people write it; a date is its first moment, or its last.
func moment(text string, last bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		if last {
			day = day.AddDate(0, 0, 1).Add(-time.Nanosecond)
		}
		return day, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: %q is no time; write 2026-05-03 or 2026-05-03T10:00Z", errQuery, valueText(text))
}

type historyData struct {
	Asking  asking
	List    List
	Commits []commitRow
	Names   []string // of tenants
	CSV     string
	JSON    string
}

// commitRow is a commit with what it did, as far as it stands on the page.
type commitRow struct {
	*Commit
	With   []*Commit
	Events []Event
}

// perHistory is how many events a page of the history has.
const perHistory = 60

func history(r *request) (view, error) {
	all, err := r.events()
	if err != nil {
		return view{}, err
	}
	d := historyData{Asking: r.asking(), CSV: "/history.csv", JSON: "/api/v1/history", Names: distinct(r.Tenants, func(t Tenant) string { return t.Name })}
	if _, query, ok := strings.Cut(r.where("page", ""), "?"); ok {
		d.CSV, d.JSON = d.CSV+"?"+query, d.JSON+"?"+query
	}
	if t := d.Asking.Tenant; t != "" && !slices.Contains(d.Names, t) {
		d.Names = append(d.Names, t) // which was there once
	}
	d.List.Caption = "History"
	from, to := d.List.pageOf(r, len(all), perHistory)
	d.Commits = byCommit(all[from:to])
	return view{"history", "History", d}, nil
}

func byCommit(events []Event) []commitRow {
	var rows []commitRow
	for _, e := range events {
		if n := len(rows); n == 0 || rows[n-1].Commit != e.Commit {
			rows = append(rows, commitRow{Commit: e.Commit, With: e.With})
		}
		last := &rows[len(rows)-1]
		last.Events = append(last.Events, e)
	}
	return rows
}

// mostChanges is how many fields of one event a page shows.
const mostChanges = 6

// First are the fields of an event that a page shows, as people write values. What came or went as a whole is
// told in a word.
func (e Event) First() []FieldChange {
	if e.Change == "added" && len(e.Fields) > mostChanges || e.Change == "removed" {
		return nil
	}
	var rows []FieldChange
	for _, f := range e.Fields[:min(len(e.Fields), mostChanges)] {
		row := FieldChange{Path: f.Path}
		row.Old, row.New = report.ShortHashes(plainValue(f.Old), plainValue(f.New))
		if e.Change == "added" {
			row.Old = ""
		}
		rows = append(rows, row)
	}
	return rows
}

// Rest is how many fields a page does not show.
func (e Event) Rest() int { return len(e.Fields) - len(e.First()) }

// longestChange is how much of a value stands in a history, where many do.
const longestChange = 160

func plainValue(text string) string {
	var v any
	if text == "" || json.Unmarshal([]byte(text), &v) != nil {
		return valueText(nil)
	}
	word, ok := v.(string)
	if !ok {
		word = text
	}
	if runes := []rune(valueText(word)); len(runes) > longestChange {
		return string(runes[:longestChange-1]) + "…"
	}
	return valueText(word)
}

// few are the first of some names, and how many more there are.
func few(names []string) string {
	const most = 4
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// mostBroken is how many commits that were no fleet a page names beside the one that made them good.
const mostBroken = 3

// Broken are those, the last first, and MoreBroken is how many there are besides.
func (c commitRow) Broken() []*Commit {
	all := slices.Clone(c.With)
	slices.Reverse(all)
	return all[:min(len(all), mostBroken)]
}

// MoreBroken is how many are not named.
func (c commitRow) MoreBroken() int { return max(0, len(c.With)-mostBroken) }

// mostRecent is how many events of its entity a page of something shows.
const mostRecent = 6

// timeline is what lately became of an entity.
type timeline struct {
	Entity  string
	Commits []commitRow
	More    bool
}

func (r *request) timeline(entity string) *timeline {
	if r.Past == nil || entity == "" {
		return nil
	}
	at := r.Past.find(entity)
	var of []Event
	for _, n := range r.Past.byEntity[at.entity] {
		if e, ok := at.of(r.Past.Events[n]); ok {
			if of = append(of, e); len(of) > mostRecent {
				break
			}
		}
	}
	if len(of) == 0 {
		return nil
	}
	return &timeline{entity, byCommit(of[:min(len(of), mostRecent)]), len(of) > mostRecent}
}

func historyJSON(r *request) (any, error) {
	all, err := r.events()
	if err != nil {
		return nil, err
	}
	return pagedAs(r, all, func(e Event) EventJSON {
		row := EventJSON{Commit: commitJSON(e.Commit), Entity: e.Entity, Change: e.Change}
		for _, c := range e.With {
			row.With = append(row.With, commitJSON(c))
		}
		for _, f := range e.Fields {
			row.Fields = append(row.Fields, FieldChangeJSON{f.Path, json.RawMessage(f.Old), json.RawMessage(f.New)})
		}
		return row
	})
}

func commitJSON(c *Commit) CommitJSON {
	return CommitJSON{c.Hash, c.Subject, c.Time, c.Authors, c.MergedBy, c.ApprovedBy, c.Tickets, c.Invalid}
}

// historyCSV writes a row for each field of each event.
func (d *Dashboard) historyCSV(w http.ResponseWriter, r *request) {
	all, err := r.events()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="history.csv"`)
	out := csv.NewWriter(w)
	row := func(cells ...string) {
		for n, cell := range cells {
			cells[n] = cellText(cell)
		}
		_ = out.Write(cells) // Error tells below
	}
	row("merged", "commit", "subject", "authors", "merged_by", "approved_by", "tickets", "invalid", "entity", "change", "field", "old", "new")
	for _, e := range all {
		c := e.Commit
		fields := e.Fields
		if len(fields) == 0 {
			fields = []FieldChange{{}}
		}
		for _, f := range fields {
			row(c.Time.Format(time.RFC3339), c.Hash, c.Subject, strings.Join(c.Authors, "; "), c.MergedBy, strings.Join(c.ApprovedBy, "; "), strings.Join(c.Tickets, "; "), c.Invalid,
				e.Entity, e.Change, f.Path, unquoted(f.Old), unquoted(f.New))
		}
	}
	if out.Flush(); out.Error() != nil {
		d.Log.Debug("a reader went away", "error", out.Error())
	}
}

// unquoted is a value as a cell: text as it is, all else as JSON.
func unquoted(value string) string {
	var text string
	if json.Unmarshal([]byte(value), &text) == nil {
		return text
	}
	return value
}

// cellText is a cell that is one line and no formula: programs for tables run what begins as one.
func cellText(text string) string {
	text = visible(text)
	if begins := strings.TrimLeft(text, " "); begins != "" && strings.ContainsAny(begins[:1], "=+-@") {
		return "'" + text
	}
	return text
}
