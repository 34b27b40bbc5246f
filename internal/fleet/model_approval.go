package fleet

import (
	"cmp"
	"time"
)

// Approval is a person's leave for changes within bounds; schema/approval.cue documents the fields.
type Approval struct {
	Meta
	For       []string `json:"for"`    // addresses, or beginnings of some with a "*"
	Impact    string   `json:"impact"` // the greatest, as kinds.Impact writes it
	Changes   int      `json:"changes"`
	Machines  int      `json:"machines,omitempty"` // 0: any number
	Drift     bool     `json:"drift"`
	Deletions bool     `json:"deletions"`
	From      string   `json:"from,omitempty"` // RFC 3339; empty: at once
	Until     string   `json:"until"`          // RFC 3339
	Reason    string   `json:"reason"`
	Ticket    string   `json:"ticket,omitempty"`
}

// Ended says why an approval is not in force at a time, or "".
func (a *Approval) Ended(now time.Time) string {
	until, err := time.Parse(time.RFC3339, a.Until)
	from, err2 := time.Parse(time.RFC3339, cmp.Or(a.From, "0001-01-01T00:00:00Z"))
	switch {
	case err != nil || err2 != nil:
		return "its times cannot be read"
	case !now.Before(until):
		return "it ended at " + a.Until
	case now.Before(from):
		return "it begins at " + a.From
	}
	return ""
}

// ApprovalPolicy says what needs an approval, and which approvals count.
type ApprovalPolicy struct {
	From     string `json:"from"` // an impact, or "never"
	FourEyes bool   `json:"fourEyes"`
	// Asserted: approvals count whose approver is not verified; nil: where nobody can be.
	Asserted *bool `json:"asserted,omitempty"`
}

// Never is the ApprovalPolicy.From by which no change needs an approval.
const Never = "never"

// Window is a time that comes again, in which changes need no approval.
type Window struct {
	Days   []string `json:"days,omitempty"` // "mon" to "sun"; none: every day
	From   string   `json:"from"`           // "22:00"
	To     string   `json:"to"`
	Zone   string   `json:"zone"`
	Impact string   `json:"impact"`
	For    []string `json:"for"` // empty: everything
}
