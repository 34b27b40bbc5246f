package blast

import (
	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/plan"
)

// Policy is what the rules of a fleet say to a change.
type Policy struct {
	// Now is the time at which the rules judged, as they were told; empty if none did.
	Now string `json:"now,omitempty"`
	// Differ: the change has other rules than its base, so that both judged.
	Differ bool `json:"differ,omitempty"`
	// Rulings are those of the base's rules, sorted by their names, then those of the change's if they differ.
	Rulings []Ruling `json:"rulings"`
}

// Whose rules a ruling is by.
const (
	OfBase = "base" // what is in force: no change can loosen what judges it
	OfHead = "head"
)

// Ruling is what one rule says.
type Ruling struct {
	Rule string `json:"rule"`
	// Of is OfBase or OfHead.
	Of string `json:"of"`
	// Says is the rule in a sentence, Pos where it stands in its commit.
	Says string   `json:"says"`
	Pos  diag.Pos `json:"pos"`
	// Denied are what the rule is against. Failed says why it could not be evaluated, which denies all.
	Denied []Denied        `json:"denied,omitempty"`
	Failed diag.Diagnostic `json:"failed,omitzero"`
}

// Denied is one thing that a rule is against.
type Denied struct {
	At  string `json:"at"` // an address, or "plan"
	Why string `json:"why"`
	// Pos is where the entity is written that it comes from, if that is known.
	Pos diag.Pos `json:"pos,omitzero"`
}

// Blocks reports whether the rule is against the change.
func (r Ruling) Blocks() bool { return len(r.Denied) > 0 || r.Failed.Summary != "" }

// Count is how many rulings allow the change, and how many block it.
func (p Policy) Count() (passed, blocked int) {
	for _, r := range p.Rulings {
		if r.Blocks() {
			blocked++
		} else {
			passed++
		}
	}
	return passed, blocked
}

// Blocked reports whether any rule is against the change.
func (p Policy) Blocked() bool {
	_, blocked := p.Count()
	return blocked > 0
}

// Place is where the entity is written that an address of a comparison comes from, if it is among what changes.
func (c Comparison) Place(address string) diag.Pos {
	for _, ch := range c.Changes {
		if ch.ID.String() == address {
			address = ch.Entity
			break
		}
	}
	for _, name := range []string{address, plan.Owner(address)} {
		for _, e := range c.Entities {
			if e.Name == name {
				return e.Pos
			}
		}
	}
	return diag.Pos{}
}
