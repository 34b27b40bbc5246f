package web

import (
	"encoding/json"
	"time"

	"millwright.dev/millwright/internal/state"
)

// RunJSON is a run of the journal in the API.
type RunJSON struct {
	Name    string         `json:"name" doc:"how it is called in URLs"`
	ID      string         `json:"id"`
	Number  int            `json:"number,omitempty" doc:"counts the runs of the journal; left out for readers who may see a part of them"`
	By      string         `json:"by,omitempty" doc:"the process that was at work"`
	Commit  string         `json:"commit" doc:"the commit of the fleet that was in force"`
	Subject string         `json:"subject,omitempty"`
	Began   time.Time      `json:"began"`
	Ended   time.Time      `json:"ended,omitzero"`
	Lost    bool           `json:"lost,omitempty" doc:"the process ended before it could write down the outcome"`
	Changes int            `json:"changes" doc:"how many of what was asked for"`
	Results map[string]int `json:"results" doc:"the changes by result: done, pending, unsent, refused, unrecorded or failed"`
	Drift   int            `json:"drift" doc:"objects that others changed"`
	Right   int            `json:"putRight" doc:"objects that others had changed, and that are as wanted again"`
	Bound   int            `json:"bound" doc:"machines that others bound or let go"`
	Leave   []string       `json:"leave,omitempty" doc:"by whose leave, where changes needed it"`
}

// DeedJSON is what a run did or found, in the API.
type DeedJSON struct {
	Kind         string          `json:"kind" doc:"change, drift or binding"`
	Address      string          `json:"address"`
	Entity       string          `json:"entity,omitempty"`
	Tenant       string          `json:"tenant,omitempty" doc:"whose it was then, where that is known"`
	What         string          `json:"what,omitempty" doc:"the action or step; the status of drift, or put right; bound or released"`
	Impact       string          `json:"impact,omitempty"`
	Result       string          `json:"result,omitempty" doc:"of a change"`
	Error        string          `json:"error,omitempty"`
	Fields       []DeedFieldJSON `json:"fields,omitempty"`
	MoreFields   int             `json:"moreFields,omitempty" doc:"fields that only the journal has"`
	Approval     *LeaveJSON      `json:"approval,omitempty" doc:"what allowed the change, where it needed leave"`
	Time         time.Time       `json:"time,omitzero" doc:"when the result was there"`
	Milliseconds int64           `json:"milliseconds,omitempty" doc:"how long that took"`
	Observed     string          `json:"observed,omitempty" doc:"how a change stood later whose outcome nobody wrote down"`
	Held         []string        `json:"held,omitempty" doc:"the guards that hold drift as it is"`
}

// DeedFieldJSON is a field of a change or of drift, in the API.
type DeedFieldJSON struct {
	Path      string          `json:"path"`
	Old       json.RawMessage `json:"old,omitempty" doc:"left out where there was none, and of what was created"`
	New       json.RawMessage `json:"new,omitempty" doc:"left out where there is none, and of what was created"`
	Sensitive bool            `json:"sensitive,omitempty" doc:"it has no values here"`
	Who       []state.Writer  `json:"who,omitempty" doc:"who wrote what was there, as far as the target tells"`
}

// LeaveJSON is what allowed a change, in the API.
type LeaveJSON struct {
	Approval string `json:"approval,omitempty"`
	Window   string `json:"window,omitempty"`
	By       string `json:"by,omitempty"`
	Verified bool   `json:"verified,omitempty" doc:"it is proven who gave it"`
	Commit   string `json:"commit,omitempty" doc:"the commit that brought it"`
}
