package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// result is how a result of a change is shown: as the status that it is most like, by its own word.
type result struct{ sign, meaning string }

// resultsFromBest are all, the worst last.
var resultsFromBest = []string{"done", "pending", "unsent", "refused", "unrecorded", "failed"}

var results = map[string]result{
	"done":       {inSync, "The target says that it is so."},
	"pending":    {"pending", "The target has accepted it and had yet to do it."},
	"unsent":     {"progressing", "The run ended before its turn."},
	"refused":    {"held", "Nothing was sent: what was there was no longer what the plan saw."},
	"unrecorded": {unknown, "The process ended before it could write down the outcome."},
	"failed":     {"failed", "It was sent, and the target refused or did not answer."},
}

// ResultCount is how many changes had a result.
type ResultCount struct {
	Result string
	N      int
}

// Sign is the status whose sign and colour a result has.
func (c ResultCount) Sign() string { return cmp.Or(results[c.Result].sign, unknown) }

// Meaning is what a result means, in a sentence.
func (c ResultCount) Meaning() string { return results[c.Result].meaning }

// runRow is a run as it stands in a list: with the numbers of what was asked for.
type runRow struct {
	Run
	Changes, Drift, Right, Bound int // Right is drift that was put right again
	Results                      []ResultCount
	Leaves                       []string
}

func rowOf(run Run) runRow {
	row := runRow{Run: run}
	by := map[string]int{}
	for _, d := range run.Deeds {
		switch d.Kind {
		case DeedDrift:
			if d.What == PutRight {
				row.Right++
			} else {
				row.Drift++
			}
		case DeedBinding:
			row.Bound++
		default:
			row.Changes++
			by[d.Result]++
		}
		if d.Leave != nil {
			row.Leaves = append(row.Leaves, d.Leave.String())
		}
	}
	for _, word := range resultsFromBest {
		if by[word] > 0 {
			row.Results = append(row.Results, ResultCount{word, by[word]})
		}
	}
	slices.Sort(row.Leaves)
	row.Leaves = slices.Compact(row.Leaves)
	return row
}

// String is a leave as people read it.
func (l *Leave) String() string {
	text := l.Approval
	if text == "" {
		text = "window " + l.Window
	} else if l.Window != "" {
		text += " in window " + l.Window
	}
	if l.By == "" {
		return text
	}
	if text += " by " + l.By; !l.Verified {
		text += " (not verified)"
	}
	return text
}

// Found is what others did, in words; "" where that is nothing.
func (r runRow) Found() string {
	var said []string
	for _, of := range []struct {
		n    int
		word string
	}{{r.Drift, "drifted"}, {r.Right, PutRight}, {r.Bound, "bound"}} {
		if of.n > 0 {
			said = append(said, fmt.Sprintf("%d %s", of.n, of.word))
		}
	}
	return strings.Join(said, ", ")
}

// Took is how long a run was at work, "" where that is not known.
func (r Run) Took() string {
	if r.Ended.IsZero() || r.Lost {
		return ""
	}
	return duration(r.Ended.Sub(r.Began))
}

// Took is how long a change took, "" where that is not known.
func (d Deed) Took() string {
	if d.Time.IsZero() {
		return ""
	}
	return duration(time.Duration(d.Milliseconds) * time.Millisecond)
}

// duration is one as people read it.
func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// Outcome is the result of a change, as it is shown.
func (d Deed) Outcome() ResultCount { return ResultCount{d.Result, 1} }

// First are the fields of a deed that a page shows, as people write values.
func (d Deed) First() []DeedField {
	var rows []DeedField
	for _, f := range d.Fields[:min(len(d.Fields), mostChanges)] {
		f.Old, f.New = plainOrNone(f.Old), plainOrNone(f.New)
		rows = append(rows, f)
	}
	return rows
}

// Rest is how many fields a page does not show.
func (d Deed) Rest() int { return d.More + max(0, len(d.Fields)-mostChanges) }

func plainOrNone(text string) string {
	if text == "" {
		return ""
	}
	return plainValue(text)
}

// runRows are the runs that the URL asks for, with what of them it asks for.
func (r *request) runRows() ([]runRow, error) {
	a := r.asking()
	since, until, err := a.span()
	if err != nil || r.Runs == nil {
		return nil, err
	}
	word := strings.TrimSpace(r.query.Get("result"))
	var rows []runRow
	for _, run := range r.Runs.List {
		if !since.IsZero() && run.Began.Before(since) || !until.IsZero() && run.Began.After(until) {
			continue
		}
		if a.Tenant != "" || word != "" {
			run.Deeds = slices.DeleteFunc(slices.Clone(run.Deeds), func(d Deed) bool {
				return a.Tenant != "" && d.Tenant != a.Tenant || word != "" && d.Result != word
			})
			if len(run.Deeds) == 0 {
				continue
			}
		}
		rows = append(rows, rowOf(run))
	}
	return rows, nil
}

type runsData struct {
	Asking  asking
	Result  string
	Results []string
	List    List
	Rows    []runRow
	Names   []string // of tenants
	JSON    string
	Why     string // there are none to show
	Most    int
}

// perRuns is how many runs a page has.
const perRuns = 50

func runs(r *request) (view, error) {
	all, err := r.runRows()
	if err != nil {
		return view{}, err
	}
	d := runsData{
		Asking: r.asking(), Result: r.query.Get("result"), Results: resultsFromBest, JSON: "/api/v1/runs", Most: MostRuns,
		Names: distinct(r.Tenants, func(t Tenant) string { return t.Name }), Why: r.noRuns(),
	}
	if _, query, ok := strings.Cut(r.where("page", ""), "?"); ok {
		d.JSON += "?" + query
	}
	if t := d.Asking.Tenant; t != "" && !slices.Contains(d.Names, t) {
		d.Names = append(d.Names, t) // which was there once
	}
	from, to := d.List.pageOf(r, len(all), perRuns)
	d.List.Caption, d.Rows = "Runs", all[from:to]
	return view{"runs", "Runs", d}, nil
}

// noRuns says why there is no run at all, "" where there is one.
func (r *request) noRuns() string {
	switch {
	case r.Runs == nil && r.Report != nil && r.Report.Journal != nil && r.Report.Journal.Error != "":
		return "The journal is not read: " + r.Report.Journal.Error
	case r.Runs == nil:
		return "The journal is not read yet: the agent does so beside its work, once a commit is in force."
	case len(r.Runs.List) > 0:
		return ""
	case r.Runs.Error != "":
		return "The journal cannot be read: " + r.Runs.Error
	}
	return "No run yet. There is one for each pass that changes something, or that finds something new."
}

type runData struct {
	runRow
	List   List
	Deeds  []Deed
	JSON   string
	Before string // URL of the run before and of the one after it
	After  string
}

// perDeeds is how many deeds with their fields stand on a page.
const perDeeds = 40

// run is the one that the URL names, and the runs before and after it.
func (r *request) run() (found Run, before, after string, err error) {
	if r.Runs != nil {
		list, name := r.Runs.List, r.http.PathValue("run")
		if n := slices.IndexFunc(list, func(run Run) bool { return run.Name() == name || run.ID == name }); n >= 0 {
			if n > 0 {
				after = path("runs", list[n-1].Name())
			}
			if n+1 < len(list) {
				before = path("runs", list[n+1].Name())
			}
			return list[n], before, after, nil
		}
	}
	return Run{}, "", "", errNotFound
}

func runPage(r *request) (view, error) {
	found, before, after, err := r.run()
	if err != nil {
		return view{}, err
	}
	d := runData{runRow: rowOf(found), JSON: path("api", "v1", "runs", found.Name()), Before: before, After: after}
	from, to := d.List.pageOf(r, len(found.Deeds), perDeeds)
	d.Deeds = found.Deeds[from:to]
	return view{"run", "Run " + found.Name(), d}, nil
}

func runsJSON(r *request) (any, error) {
	rows, err := r.runRows()
	if err != nil {
		return nil, err
	}
	return pagedAs(r, rows, func(row runRow) RunJSON {
		out := RunJSON{row.Name(), row.ID, row.Number, row.By, row.Commit, row.Subject, row.Began, row.Ended, row.Lost, row.Changes, map[string]int{}, row.Drift, row.Right, row.Bound, row.Leaves}
		for _, c := range row.Results {
			out.Results[c.Result] = c.N
		}
		return out
	})
}

func runJSON(r *request) (any, error) {
	found, _, _, err := r.run()
	if err != nil {
		return nil, err
	}
	return pagedAs(r, found.Deeds, func(d Deed) DeedJSON {
		out := DeedJSON{
			Kind: d.Kind, Address: d.Address, Entity: d.Entity, Tenant: d.Tenant, What: d.What, Impact: d.Impact, Result: d.Result, Error: d.Error,
			MoreFields: d.More, Time: d.Time, Milliseconds: d.Milliseconds, Observed: d.Observed, Held: d.Held,
		}
		if l := d.Leave; l != nil {
			out.Approval = &LeaveJSON{l.Approval, l.Window, l.By, l.Verified, l.Commit}
		}
		for _, f := range d.Fields {
			out.Fields = append(out.Fields, DeedFieldJSON{f.Path, json.RawMessage(f.Old), json.RawMessage(f.New), f.Sensitive, f.Who})
		}
		return out
	})
}
