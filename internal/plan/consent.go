package plan

import (
	"slices"
	"time"
)

// Consent is by whose leave a change may be done that would wait otherwise: an approval, or a window of time.
type Consent struct {
	// Approval is its name in the fleet, Window that of the window instead.
	Approval string `json:"approval,omitempty"`
	Window   string `json:"window,omitempty"`
	// By is who gave the approval: who is proven to have signed it if Verified, else who its commit says wrote
	// it. Commit is the commit that brought it.
	By       string `json:"by,omitempty"`
	Verified bool   `json:"verified,omitempty"`
	Commit   string `json:"commit,omitempty"`
	// Until is when it ends.
	Until time.Time `json:"until,omitzero"`
}

// String says it in a few words: "approved by olga@example.com (approval cap-17, verified)".
func (c Consent) String() string {
	if c.Window != "" {
		return "window " + c.Window + " is open until " + c.Until.Format(time.RFC3339)
	}
	by, how := "", "asserted"
	if c.By != "" {
		by = " by " + c.By
	}
	if c.Verified {
		how = "verified"
	}
	return "approved" + by + " (approval " + c.Approval + ", " + how + ")"
}

// MayConsent reports whether an approval can open what a guard holds. Nothing opens the other guards.
func MayConsent(by string) bool {
	return slices.Contains([]string{"approval", "drift-policy", "deletion-quota"}, by)
}

// Asks reports whether a change waits for an approval, or is done by one: it is what a person decides on.
func (c *Change) Asks() bool {
	return c.Consent != nil && c.Consent.Approval != "" || slices.ContainsFunc(c.Held, func(h Hold) bool { return MayConsent(h.By) })
}
