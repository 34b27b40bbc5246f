// Package journal is what was done: for each run with effect one commit in a Git repository of its own,
// which holds nothing that must stay secret and that anybody can read with Git alone. Begin with [Run] and
// [Repository]; [Read] gives the runs back and proves on the way that none is missing, doubled or changed.
// It does not know how a run came about, nor how its commits travel.
package journal

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// FormatVersion is raised when a reader of an older version would misread a run.
const FormatVersion = 1

// Run is one pass that did something, or that found what nobody had found before. In the tree of its commit
// it is one file of JSON, at [Run.File].
type Run struct {
	Version int `json:"version"`
	// ID is the run's for ever, and no other's: its beginning and a random end.
	ID string `json:"id"`
	// Sequence counts the runs of a ref, from 1 on and without a gap.
	Sequence int `json:"sequence"`
	// Fleet is the name of the fleet, By the process that was at work, as "agent mgmt-1 (3141)", and Millwright
	// its version.
	Fleet      string `json:"fleet"`
	By         string `json:"by"`
	Millwright string `json:"millwright"`
	Source     Source `json:"source"`
	// Began and Ended are in UTC. Of a run whose end nobody wrote down, Ended is when that was found.
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
	// Lost: the process ended before it could write down what became of the changes. Those it did not know of
	// have the result Unrecorded, and Observed says how they stood when the next process looked.
	Lost bool `json:"lost,omitempty"`
	// Follows is the commit that the journal ended with before it was lost with its disk, where nothing was ever
	// pushed; empty where this run's commit has its predecessor as its parent.
	Follows string `json:"follows,omitempty"`
	// Changes are what was tried, sorted by address.
	Changes []Change `json:"changes,omitempty"`
	// Drift is what was found changed by others since the run before, and is not among Changes; sorted.
	Drift []Drift `json:"drift,omitempty"`
	// Bindings are the machines that others bound or let go since the run before, sorted.
	Bindings []Binding `json:"bindings,omitempty"`
}

// Source is the commit of the fleet repository that was in force.
type Source struct {
	Commit  string `json:"commit"`
	Subject string `json:"subject,omitempty"`
}

// Result is what became of a change.
type Result string

// The results.
const (
	Done       Result = "done"       // the target says that it is so
	Pending    Result = "pending"    // the target has accepted it and has yet to do it
	Failed     Result = "failed"     // it was sent, and the target refused or did not answer
	Refused    Result = "refused"    // nothing was sent: what was there was no longer what the plan saw
	Unsent     Result = "unsent"     // the run ended before its turn
	Unrecorded Result = "unrecorded" // the process ended before it could write down the outcome
)

// Change is one change that was tried.
type Change struct {
	Address string       `json:"address"`
	Entity  string       `json:"entity,omitempty"`
	Action  plan.Action  `json:"action"`
	Step    plan.Step    `json:"step,omitempty"`
	Causes  []plan.Cause `json:"causes,omitempty"`
	Impact  string       `json:"impact,omitempty"`
	Fields  []Field      `json:"fields,omitempty"`
	// Approval is what allowed the change, where it needed leave.
	Approval *Approval `json:"approval,omitempty"`
	Result   Result    `json:"result"`
	Error    string    `json:"error,omitempty"`
	// Time is when the result was there, and Milliseconds how long that was after the changes of its target were
	// handed over together; none where the result is Unsent or Unrecorded.
	Time         time.Time `json:"time,omitzero"`
	Milliseconds int64     `json:"milliseconds,omitempty"`
	// Observed is how an Unrecorded change stood afterwards; empty if nobody looked at it any more.
	Observed plan.Status `json:"observed,omitempty"`
}

// Approval is the leave that a change was given in the fleet repository: by an approval, or by a window of time.
type Approval struct {
	Name   string `json:"name,omitempty"`
	Window string `json:"window,omitempty"`
	// By is who gave it: who is proven to have signed Commit, which brought it, if Verified; else whom that names.
	By       string `json:"by,omitempty"`
	Verified bool   `json:"verified,omitempty"`
	Commit   string `json:"commit,omitempty"`
}

// Field is one field of a change. Sensitive ones have no values here, nor has what is created: those follow from
// the commit. A value of more than 1,024 bytes of JSON is its digest, as "sha256:… (5000 bytes)".
type Field struct {
	Path      string `json:"path"`
	Old       any    `json:"old,omitempty"`
	New       any    `json:"new,omitempty"`
	Sensitive bool   `json:"sensitive,omitempty"`
	// Who wrote what was there, as far as the target tells; only where it had drifted.
	Who []state.Writer `json:"who,omitempty"`
}

// Drift is an object that others changed, took away or put there, and that was left as it is; or one that they
// have put right since.
type Drift struct {
	Address string `json:"address"`
	Entity  string `json:"entity,omitempty"`
	// Status is how it stands; empty where nobody wants it any more.
	Status plan.Status `json:"status,omitempty"`
	Fields []Field     `json:"fields,omitempty"`
	// Held says by which guards, Ended that it was found before and is no more.
	Held  []string `json:"held,omitempty"`
	Ended bool     `json:"ended,omitempty"`
}

// Binding is a machine that another system, such as Platform, bound to a consumer.
type Binding struct {
	Machine string `json:"machine"`
	// To is the consumer as "namespace/name"; empty: the machine was let go.
	To string `json:"to,omitempty"`
	// Was is the consumer before; empty: it had none that was known.
	Was string `json:"was,omitempty"`
}

// File is the path of the run in the tree of its commit, like 2026-11/26/000000042.json: a folder for each
// month and in it one for each day on which runs began, in UTC.
func (r Run) File() string {
	return r.Began.UTC().Format("2006-01/02/") + fmt.Sprintf("%09d.json", r.Sequence)
}

// Encode writes a run as its file has it. The same run gives the same bytes.
func Encode(r Run) ([]byte, error) {
	r.Version = FormatVersion
	r.Began, r.Ended = r.Began.UTC(), r.Ended.UTC()
	r.Changes, r.Drift, r.Bindings = slices.Clone(r.Changes), slices.Clone(r.Drift), slices.Clone(r.Bindings)
	slices.SortStableFunc(r.Changes, func(a, b Change) int { return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Step, b.Step)) })
	slices.SortStableFunc(r.Drift, func(a, b Drift) int { return cmp.Compare(a.Address, b.Address) })
	slices.SortStableFunc(r.Bindings, func(a, b Binding) int { return cmp.Compare(a.Machine, b.Machine) })
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(r); err != nil {
		return nil, fmt.Errorf("encode run %s: %w", r.ID, err)
	}
	return b.Bytes(), nil
}

// Decode reads a run. One of another format version is refused.
func Decode(text []byte) (Run, error) {
	var r Run
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // as they were written
	if err := d.Decode(&r); err != nil {
		return Run{}, fmt.Errorf("decode a run: %w", err)
	}
	if r.Version != FormatVersion {
		return Run{}, fmt.Errorf("run %s has format version %d, and this millwright reads %d: was it written by a newer one?", r.ID, r.Version, FormatVersion)
	}
	return r, nil
}

// Count says how many changes had each result.
func (r Run) Count() map[Result]int {
	n := map[Result]int{}
	for _, c := range r.Changes {
		n[c.Result]++
	}
	return n
}
