// Package kinds is what Millwright knows of each kind of object, one table a kind: how its lists
// compare, which fields are written once, what a change costs, whether losing it is dangerous, and
// what it means when Git drops it. Everything is a pure function of IDs and values. Begin with [Of].
package kinds

import (
	"strings"

	"millwright.dev/millwright/internal/state"
)

// Impact is the worst that a change does to those who use the object, in rising order.
type Impact int

// The impacts.
const (
	None        Impact = iota
	Restart            // processes restart or end; the machine keeps running
	Network            // a machine or tenant gains or loses connectivity
	Reboot             // a machine restarts
	Reprovision        // a machine is wiped and installed anew
	DataLoss           // data that nobody else has is gone
)

var impactNames = [...]string{"none", "restart", "network", "reboot", "reprovision", "data-loss"}

func (i Impact) String() string { return impactNames[i] }

// MarshalText writes an impact's name.
func (i Impact) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads an impact's name; an unknown one counts as the worst.
func (i *Impact) UnmarshalText(text []byte) error {
	*i = DataLoss
	for n, name := range impactNames {
		if name == string(text) {
			*i = Impact(n)
		}
	}
	return nil
}

// Facts that every system reports under the same name in state.LiveObject.Facts.
const (
	// FactLastReset changes whenever the machine was reset: the BMC's own LastResetTime.
	FactLastReset = "last-reset"
	// FactPower is the machine's power state in Redfish's words.
	FactPower = "power"
)

// Release is what we do when Git no longer wants an object of ours.
type Release string

// The ways to let go.
const (
	// Delete removes the remote object.
	Delete Release = "delete"
	// Leave takes our mark and our hands off it and lets it be: it is somebody else's too, or deleting
	// it would do more than undo our work.
	Leave Release = "leave"
)

// Table is what is known of one kind. Paths in it are written as state.Path.String, a list's items
// as "[*]".
type Table struct {
	// Intrinsic objects are there by nature or made by another controller; we set fields of them and
	// never create or delete them, so finding one unmarked needs no adoption.
	Intrinsic bool
	// Protected objects are never created again by guess once they were ours and are gone.
	Protected bool
	// Release says what dropping the object from Git means.
	Release Release
	// CreateOnly fields are written when the object is made and never after.
	CreateOnly []string
	// Immutable fields cannot change in place: a change is a replacement.
	Immutable []string
	// Keys names, per list of maps, the field that identifies an item.
	Keys map[string]string
	// Sets are lists whose order means nothing.
	Sets []string
	// Blank are lists that a controller makes empty, for others to fill. As long as one is empty, to fill
	// it takes nothing from the controller, though it counts as the list's owner.
	Blank []string
	// Sensitive fields are compared and never printed.
	Sensitive []string
	// Removed is what deleting (or releasing, where that takes effect) the object costs.
	Removed Impact
	// Created is what making it costs: joining a machine to a network is not nothing.
	Created Impact
	// Changed is what changing a field costs, given the object as it is; nil means None. Of an object without
	// a Value nothing is known, and the answer is the most that it can cost.
	Changed func(path state.Path, old, new any, live state.LiveObject) Impact
	// Staged: a change is first accepted as pending and takes effect by a reset, which is a step of
	// its own ("stage", then "reset").
	Staged bool
}

// Marked reports whether an object can bear our mark, so that one without it is not ours. A part's
// mark on Kubernetes is its field manager; in Netris only these kinds have tags.
func Marked(id state.ID) bool {
	switch id.Target.System {
	case state.Kubernetes:
		return true
	case state.Netris:
		return id.Part == "" && (id.Kind == "vpc" || id.Kind == "subnet" || id.Kind == "vnet" || id.Kind == "servercluster")
	}
	return false
}

// Of is the table of an object's kind. A kind that nobody described is compared exactly, deleted when
// dropped, and costs nothing; that suits the plain objects of a tenant's stack. With a custom resource
// goes what its controller made for it, which is at least what runs.
func Of(id state.ID) Table {
	name := string(id.Target.System) + "/" + id.Kind
	if id.Part != "" {
		first, _, _ := strings.Cut(id.Part, "/")
		name += "/" + first
	}
	if t, ok := tables[name]; ok {
		return t
	}
	if id.Target.System == state.Kubernetes && id.Part == "" && custom(id.Kind) {
		return Table{Release: Delete, Removed: Restart}
	}
	return Table{Release: Delete}
}
