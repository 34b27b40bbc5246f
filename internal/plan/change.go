// Package plan compares what Git wants with what we own and what is there, and says what should be
// done, in which order, at what cost and why. A Plan is a value: it is printed, stored, guarded and
// carried out by others. Begin with [Build]. It does not know how anything is read, applied or shown.
package plan

import (
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

// Action is what is to be done about an object. Its value is the sign that people see.
type Action string

// The actions.
const (
	Nothing Action = "none"
	Create  Action = "create"
	Update  Action = "update"
	Replace Action = "replace" // delete, then create: in two passes, each with its own edges
	Delete  Action = "delete"
	Adopt   Action = "adopt"   // take over something that stands under our name, because Git says so
	Release Action = "release" // take our hands off and leave it as it is
)

// Sign is the mark of an action in a printed plan.
func (a Action) Sign() string {
	switch a {
	case Create:
		return "+"
	case Update:
		return "~"
	case Replace:
		return "±"
	case Delete:
		return "-"
	case Adopt:
		return "^"
	case Release:
		return "o"
	}
	return " "
}

// Status is how an object stands.
type Status string

// The statuses, from best to worst.
const (
	InSync      Status = "in-sync"
	Progressing Status = "progressing" // being made so, or waits for what it stands on
	Pending     Status = "pending"     // accepted, takes effect at a reset
	Drifted     Status = "drifted"     // somebody changed it
	Missing     Status = "missing"     // it was ours and is gone
	Orphaned    Status = "orphaned"    // bears our mark, and nothing explains it
	Held        Status = "held"        // must not happen yet
	Unknown     Status = "unknown"     // could not be read: neither drift nor in sync
	Failed      Status = "failed"      // tried, and refused
)

// Cause is why something differs.
type Cause string

// The causes. A change may have several.
const (
	CauseCommit  Cause = "commit"  // the fleet changed
	CauseDrift   Cause = "drift"   // the target was changed behind our back
	CauseUpgrade Cause = "upgrade" // the same fleet renders differently since Millwright was upgraded
)

// Step tells the requests of a staged change apart.
type Step string

// The steps of a staged change; other changes have none.
const (
	Stage Step = "stage" // hand the settings over; they wait for a reset
	Reset Step = "reset" // restart the machine, which puts them in force
)

// Field is one field of a change.
type Field struct {
	Path state.Path `json:"-"`
	// Name is Path as text.
	Name string `json:"path"`
	// Old is what is there; nil: nothing.
	Old any `json:"old,omitempty"`
	// New is what is wanted; nil: nothing of ours.
	New any `json:"new,omitempty"`
	// Sensitive values are never printed.
	Sensitive bool         `json:"sensitive,omitempty"`
	Origin    state.Origin `json:"origin,omitzero"`
	// Who wrote the live value, as far as the target tells.
	Who []state.Writer `json:"who,omitempty"`
}

// Hold is why a change does not happen yet.
type Hold struct {
	// By is the guard's name: isolation, protected, unmarked, deletion-quota, approval, reboot-budget, reset,
	// observe-only, floor, maintenance, drift-policy, fight, conflict, retire-first, replace, memory, cycle,
	// ring, second-look.
	By string `json:"by"`
	// Why is one sentence; Until says what in Git (or in the world) releases it.
	Why   string `json:"why"`
	Until string `json:"until,omitempty"`
}

// Change is what a plan says about one object, also where there is nothing to do.
type Change struct {
	ID     state.ID     `json:"id"`
	Entity string       `json:"entity"`
	Action Action       `json:"action"`
	Status Status       `json:"status"`
	Causes []Cause      `json:"causes,omitempty"`
	Impact kinds.Impact `json:"impact"`
	Fields []Field      `json:"fields,omitempty"`
	// Basis is "previewed" where the target itself said how the object would read back, else
	// "rendered"; Note says why, or what else a reader must know.
	Basis string `json:"basis,omitempty"`
	Note  string `json:"note,omitempty"`
	Step  Step   `json:"step,omitempty"`
	// Force: every field in conflict is one that we applied, so correcting it is ours to do.
	Force bool   `json:"force,omitempty"`
	Held  []Hold `json:"held,omitempty"`
	// Consent is by whose leave it may be done, where it needs one and has it.
	Consent *Consent `json:"consent,omitempty"`
	// Waits names what must be applied and healthy, or gone, first; empty: the change is ready.
	Waits []string `json:"waits,omitempty"`

	// Want is nil where Git wants nothing, Live where nothing is there, Owned where we own nothing.
	Want  *state.Object     `json:"-"`
	Live  *state.LiveObject `json:"-"`
	Owned *state.Owned      `json:"-"`
}

// Ready reports whether the change may be carried out now.
func (c *Change) Ready() bool {
	return c.Action != Nothing && len(c.Held) == 0 && len(c.Waits) == 0 && c.Status != Unknown
}

// Hold adds a hold and makes the change Held.
func (c *Change) Hold(h Hold) {
	c.Held = append(c.Held, h)
	c.Status = Held
}

// Disruptive reports whether the change costs somebody something.
func (c *Change) Disruptive() bool { return c.Action != Nothing && c.Impact > kinds.None }
