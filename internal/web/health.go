package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// healthy answers while the process works; it asks for no login and tells nothing.
func healthy(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }

// ready answers 200 once a pass has ended and as long as the last one is not old.
func (d *Dashboard) ready(w http.ResponseWriter, _ *http.Request) {
	report := d.Store.last()
	switch {
	case report.IsZero():
		http.Error(w, "the first pass is not finished yet", http.StatusServiceUnavailable)
	case d.Now().Sub(report) > d.StaleAfter:
		http.Error(w, "the last pass is long ago", http.StatusServiceUnavailable)
	default:
		healthy(w, nil)
	}
}

// openAPI serves the description of the API, which is no secret.
func openAPI() http.HandlerFunc {
	text, err := json.MarshalIndent(describe(), "", "  ")
	if err != nil {
		panic(err) // it is made of maps and words
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(text, '\n'))
	}
}

// metrics are in the text format of Prometheus: names end in their unit, or in _total for what only
// rises. No tenant and no machine is named, so that their number stays small.
func (d *Dashboard) metrics(w http.ResponseWriter, r *http.Request) {
	if err := d.Access.Scraper(r, d.Store); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	s := d.Store.Snapshot(Scope{All: true})
	var b bytes.Buffer
	m := meter{&b}
	if s.Report != nil {
		m.family("millwright_last_pass_timestamp_seconds", "gauge", "When the last pass over all targets ended, in seconds since 1970.")
		m.value("millwright_last_pass_timestamp_seconds", seconds(s.Report.Time))
		m.family("millwright_complete", "gauge", "1 if everything could be read in the last pass, else 0.")
		m.value("millwright_complete", truth(s.Report.Complete))
		m.family("millwright_source_ok", "gauge", "1 if the newest commit is in force, 0 if it cannot be fetched or does not compile.")
		m.value("millwright_source_ok", truth(s.Report.Source.Error == ""))
		if !s.Report.Source.Fetched.IsZero() {
			m.family("millwright_source_fetched_timestamp_seconds", "gauge", "When the repository was last read, in seconds since 1970.")
			m.value("millwright_source_fetched_timestamp_seconds", seconds(s.Report.Source.Fetched))
		}
		if j := s.Report.Journal; j != nil {
			m.family("millwright_journal_ok", "gauge", "1 if what was done is on record where it should be, 0 if it cannot be written there.")
			m.value("millwright_journal_ok", truth(j.Error == ""))
			m.family("millwright_journal_waiting_runs", "gauge", "Runs that are not in the journal for good yet.")
			m.value("millwright_journal_waiting_runs", float64(j.Waiting))
		}
		m.family("millwright_isolation_violations", "gauge", "Violations of isolation between tenants, whoever caused them.")
		m.value("millwright_isolation_violations", float64(len(s.Report.Alarms)))
		m.family("millwright_objects", "gauge", "Objects by system and status.")
		unreachable := map[string]int{}
		for target := range s.down {
			system, _, _ := strings.Cut(target, "/")
			unreachable[system]++
		}
		for _, system := range s.systems() {
			counts := s.count(system)
			for _, status := range fromBest {
				m.value("millwright_objects", float64(counts[status]), "system", system, "status", status)
			}
		}
		m.family("millwright_targets_unreachable", "gauge", "Targets that could not be read in the last pass, by system.")
		for _, system := range s.systems() {
			m.value("millwright_targets_unreachable", float64(unreachable[system]), "system", system)
		}
		held := map[string]int{}
		for _, i := range s.items {
			for _, h := range i.Held {
				held[h.By]++
			}
		}
		m.family("millwright_changes_held", "gauge", "Changes that are held, by guard.")
		for _, guard := range slices.Sorted(maps.Keys(held)) {
			m.value("millwright_changes_held", float64(held[guard]), "guard", guard)
		}
		m.family("millwright_machines", "gauge", "Machines by site and status.")
		bySite := map[string]map[string]int{}
		for i, machine := range s.Machines {
			if bySite[machine.Site] == nil {
				bySite[machine.Site] = map[string]int{}
			}
			bySite[machine.Site][s.states[i]]++
		}
		for _, site := range slices.Sorted(maps.Keys(bySite)) {
			for _, status := range fromBest {
				m.value("millwright_machines", float64(bySite[site][status]), "site", site, "status", status)
			}
		}
	}
	m.family("millwright_report_changes_total", "counter", "How often what the dashboard shows has changed since the agent was started.")
	m.value("millwright_report_changes_total", float64(s.Sequence))
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b.Bytes())
}

// meter writes the text format.
type meter struct{ w io.Writer }

func (m meter) family(name, kind, help string) {
	fmt.Fprintf(m.w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// value writes one number with its labels, each a name and a value.
func (m meter) value(name string, v float64, labels ...string) {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+`="`+escape.Replace(labels[i+1])+`"`)
	}
	if pairs != nil {
		name += "{" + strings.Join(pairs, ",") + "}"
	}
	fmt.Fprintf(m.w, "%s %s\n", name, strconv.FormatFloat(v, 'f', -1, 64))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
