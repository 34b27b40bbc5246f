// Package report is how a fleet stands: one value that the agent keeps, serves and stores, and that
// every view is made from. It does not know how the truth was found out. Begin with [Report].
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// FormatVersion is raised when a reader of an older version would misread the JSON.
const FormatVersion = 1

// Report is how everything stands, as of Time.
type Report struct {
	Version int       `json:"version"`
	Fleet   string    `json:"fleet"`
	Time    time.Time `json:"time"`
	// Complete is false if something could not be read, so that the rest is not all there is.
	Complete bool   `json:"complete"`
	Source   Source `json:"source"`
	// Counts are objects by status.
	Counts map[plan.Status]int `json:"counts"`
	// Items are all objects that are not in sync, sorted by address.
	Items []Item `json:"items"`
	// Targets that could not be observed, sorted.
	Unreachable []Unreachable `json:"unreachable,omitempty"`
	// Alarms are violations of isolation, whoever caused them.
	Alarms []string `json:"alarms,omitempty"`
	// Networks are the numbers that were read of the fleet's networks, sorted by entity. Who is not in it has
	// none, or none was read yet.
	Networks []Networks `json:"networks,omitempty"`
	// Journal is how the record of what was done stands; nil where none is kept.
	Journal *Journal `json:"journal,omitempty"`
}

// Journal is how the record of what was done stands.
type Journal struct {
	// Ref is of the repository at Remote, or of the one in the directory Dir alone where Remote is empty.
	Ref    string `json:"ref"`
	Remote string `json:"remote,omitempty"`
	Dir    string `json:"dir"`
	// Waiting is how many runs are not there for good yet, Since when the oldest of them ended.
	Waiting int       `json:"waiting"`
	Since   time.Time `json:"since,omitzero"`
	// Error says why they are not, and what to do. Blocked: somebody else wrote to the ref, so that nothing is
	// pushed before a person has looked.
	Error   string `json:"error,omitempty"`
	Blocked bool   `json:"blocked,omitempty"`
}

// Source is which commit is in force, and whether it is the newest.
type Source struct {
	Commit  string `json:"commit"`
	Subject string `json:"subject,omitempty"`
	// Signer is who is proven to have signed it, if somebody is whose signature counts.
	Signer  string    `json:"signer,omitempty"`
	Fetched time.Time `json:"fetched,omitzero"`
	// Error says why the newest commit is not in force: it could not be fetched, or does not compile.
	// Then Commit is the last good one.
	Error string `json:"error,omitempty"`
	// Refused is the commit that does not compile, if that is why.
	Refused string `json:"refused,omitempty"`
}

// Item is one object that is not in sync.
type Item struct {
	Address string       `json:"address"`
	Entity  string       `json:"entity,omitempty"`
	Status  plan.Status  `json:"status"`
	Since   time.Time    `json:"since"`
	Action  plan.Action  `json:"action,omitempty"`
	Impact  string       `json:"impact,omitempty"`
	Causes  []plan.Cause `json:"causes,omitempty"`
	Fields  []plan.Field `json:"fields,omitempty"`
	Held    []plan.Hold  `json:"held,omitempty"`
	// Consent is by whose leave it is done, where it needs one.
	Consent *plan.Consent `json:"consent,omitempty"`
	Waits   []string      `json:"waits,omitempty"`
	Note    string        `json:"note,omitempty"`
}

// Unreachable is a target that could not be observed.
type Unreachable struct {
	Target string    `json:"target"`
	Why    string    `json:"why"`
	Since  time.Time `json:"since"`
}

// New makes the report of a plan. From the previous report (or nil) it takes since when each status
// holds.
func New(fleet string, p plan.Plan, lives map[state.Target]state.Live, source Source, now time.Time, previous *Report) Report {
	r := Report{Version: FormatVersion, Fleet: fleet, Time: now, Complete: !p.Incomplete(), Source: source, Counts: p.Counts()}
	since := map[string]time.Time{}
	if previous != nil {
		for _, i := range previous.Items {
			since[i.Address+string(i.Status)] = i.Since
		}
		for _, u := range previous.Unreachable {
			since[u.Target] = u.Since
		}
	}
	first := func(key string) time.Time {
		if t, ok := since[key]; ok {
			return t
		}
		return now
	}
	for _, c := range p.Changes {
		if c.Status == plan.InSync {
			continue
		}
		item := Item{Address: c.ID.String(), Entity: c.Entity, Status: c.Status, Since: first(c.ID.String() + string(c.Status)),
			Causes: c.Causes, Fields: c.Fields, Held: c.Held, Consent: c.Consent, Waits: c.Waits, Note: c.Note}
		if c.Action != plan.Nothing {
			item.Action, item.Impact = c.Action, c.Impact.String()
		}
		r.Items = append(r.Items, item)
	}
	for t, live := range lives {
		if live.Err != nil {
			r.Complete = false
			r.Unreachable = append(r.Unreachable, Unreachable{Target: t.String(), Why: live.Err.Error(), Since: first(t.String())})
		}
	}
	slices.SortFunc(r.Unreachable, func(a, b Unreachable) int { return cmp.Compare(a.Target, b.Target) })
	return r
}

// Settled reports whether nothing is on its way any more: what is not in sync waits for a person or
// for something that could not be reached.
func (r Report) Settled() bool {
	return r.Counts[plan.Progressing] == 0 && r.Counts[plan.Pending] == 0
}

// Save writes the report to a file in one step, so that a reader never sees half of one.
func Save(file string, r Report) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".report-*")
	if err != nil {
		return fmt.Errorf("store the report: %w", err)
	}
	_, err = temp.Write(text)
	if err := cmp.Or(err, temp.Close()); err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("store the report: %w", err)
	}
	if err := os.Rename(temp.Name(), file); err != nil {
		return fmt.Errorf("store the report: %w", err)
	}
	return nil
}

// Load reads a report that Save wrote. A report of another format version is refused.
func Load(file string) (Report, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Report{}, fmt.Errorf("read the stored report: %w", err)
	}
	return Decode(text)
}

// Decode reads a report's JSON, as stored or as served by an agent.
func Decode(text []byte) (Report, error) {
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return Report{}, fmt.Errorf("decode the report: %w", err)
	}
	if r.Version != FormatVersion {
		return Report{}, fmt.Errorf("the report has format version %d and this millwright reads %d; use the same version as the agent", r.Version, FormatVersion)
	}
	return r, nil
}
