package web

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

type itemsData struct {
	List    List
	Filters []Filter
	Items   []Item
	Counts  []Count
	Sum     []actionCount
	Down    []Concern
}

type actionCount struct {
	Action string
	N      int
}

// perItems is how many items with their fields stand on a page.
const perItems = 40

// mostFields is how many fields of one item a page shows.
const mostFields = 12

// First are the fields of an item that a page shows.
func (i Item) First() []fieldRow {
	var rows []fieldRow
	for _, f := range i.Fields[:min(len(i.Fields), mostFields)] {
		row := fieldRow{Name: f.Name, Want: valueText(f.New), Have: valueText(f.Old), Entity: f.Origin.Entity, Field: f.Origin.Field, Note: f.Origin.Note}
		for _, w := range f.Who {
			row.Who = append(row.Who, author{w.Name, w.Time})
		}
		rows = append(rows, row)
	}
	return rows
}

// More is how many fields a page does not show.
func (i Item) More() int { return max(0, len(i.Fields)-mostFields) }

// Drift reports whether somebody changed it.
func (i Item) Drift() bool {
	for _, c := range i.Causes {
		if c == "drift" {
			return true
		}
	}
	return false
}

type fieldRow struct {
	Name, Want, Have    string
	Entity, Field, Note string
	Who                 []author
}

type author struct {
	Name string
	Time time.Time
}

// masked stands for a value that is never shown.
func masked(v any) any {
	if v == nil {
		return nil
	}
	return "(sensitive)"
}

// driftStatuses are those of what is otherwise than Git says though nobody asked for it.
var driftStatuses = []string{"drifted", "missing", "orphaned"}

func drift(r *request) (view, error) {
	return r.itemsPage("drift", "Drift", func(i Item) bool {
		return i.Drift() || slices.Contains(driftStatuses, string(i.Status))
	})
}

func planned(r *request) (view, error) {
	statuses := []string{"failed", "held", "pending", "progressing"}
	return r.itemsPage("plan", "Plan and held changes", func(i Item) bool {
		return i.Action != "" || len(i.Held) > 0 || len(i.Waits) > 0 || slices.Contains(statuses, string(i.Status))
	})
}

// itemsPage shows items whole: worst first, or as the reader sorts them.
func (r *request) itemsPage(template, title string, keep func(Item) bool) (view, error) {
	var all, rows []Item
	counts, sum := map[string]int{}, map[string]int{}
	for _, i := range r.items {
		if keep(i) {
			all = append(all, i)
			counts[string(i.Status)]++
			if i.Action != "" {
				sum[string(i.Action)]++
			}
		}
	}
	d := itemsData{Counts: ordered(counts), Filters: []Filter{
		r.filter("status", "Status", distinct(all, func(i Item) string { return string(i.Status) })),
		r.filter("system", "System", distinct(all, func(i Item) string { return i.System })),
		r.filter("impact", "Impact", distinct(all, func(i Item) string { return impact(i.Impact) })),
		r.filter("tenant", "Tenant", distinct(all, func(i Item) string { return i.Tenant })),
		r.filter("guard", "Held by", distinct(all, Item.guard)),
	}}
	for _, i := range all {
		if r.chosen("status", string(i.Status)) && r.chosen("system", i.System) && r.chosen("impact", impact(i.Impact)) &&
			r.chosen("tenant", i.Tenant) && r.chosen("guard", i.guard()) && r.contains(i.Address, i.Entity) {
			rows = append(rows, i)
		}
	}
	slices.SortStableFunc(rows, func(a, b Item) int {
		return cmp.Or(impactRank(b.Impact)-impactRank(a.Impact), gravity(string(b.Status))-gravity(string(a.Status)), a.Since.Compare(b.Since))
	})
	for _, action := range []string{"create", "update", "adopt", "release", "replace", "delete"} {
		if sum[action] > 0 {
			d.Sum = append(d.Sum, actionCount{action, sum[action]})
		}
	}
	orders := []column[Item]{
		{key: "since", label: "Since", order: func(a, b Item) int { return a.Since.Compare(b.Since) }},
		{key: "status", label: "Status", order: func(a, b Item) int { return gravity(string(a.Status)) - gravity(string(b.Status)) }},
		{key: "impact", label: "Impact", order: func(a, b Item) int { return impactRank(a.Impact) - impactRank(b.Impact) }},
		{key: "address", label: "Address", order: func(a, b Item) int { return strings.Compare(a.Address, b.Address) }},
	}
	d.List, d.Items = listOf(r, title, rows, orders, perItems)
	for _, c := range r.concerns() {
		if c.Target && template == "drift" && len(d.Down) < perItems {
			d.Down = append(d.Down, c)
		}
	}
	return view{template, title, d}, nil
}

// guard is what holds an item first, or "".
func (i Item) guard() string {
	if len(i.Held) == 0 {
		return ""
	}
	return i.Held[0].By
}
