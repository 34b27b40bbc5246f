// Package blast says what a change of the fleet does to those who live in it: which tenants it touches, what
// they gain and lose, which machines move, restart or are wiped, which networks change, and what data is at
// risk. It is a function of two fleets and of the plan between them. Begin with [Compute]. It knows neither
// where fleets come from nor how a plan is shown.
package blast

import (
	"slices"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// Radius is what a change reaches. Every list is sorted by name, and none holds what is not touched.
type Radius struct {
	Tenants  []Tenant  `json:"tenants"`
	Machines []Machine `json:"machines"`
	Segments []Segment `json:"segments"`
	// Data is what may be lost.
	Data []Loss `json:"data"`
	// Held are the changes that the agent will not carry out as things stand in Git.
	Held []Held `json:"held"`
}

// Tenant is what a tenant gains and loses.
type Tenant struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
	Hosts       Count  `json:"hosts"`
	GPUs        Count  `json:"gpus"`
	// Impact is the worst that happens to anything of the tenant's.
	Impact kinds.Impact `json:"impact"`
}

// Count is how many there were and will be.
type Count struct {
	Was int `json:"was"`
	Is  int `json:"is"`
}

// Gained is how many there will be more, below 0 how many fewer.
func (c Count) Gained() int { return c.Is - c.Was }

// Machine is what happens to a machine.
type Machine struct {
	Name string `json:"name"`
	// Was and Is are the pools that it serves, empty for none.
	Was string `json:"was,omitempty"`
	Is  string `json:"is,omitempty"`
	// Tenants are those that it serves before or after, sorted.
	Tenants []string `json:"tenants,omitempty"`
	// ControlPlane: it carries the control plane cluster.
	ControlPlane bool `json:"controlPlane,omitempty"`
	// Joins and Leaves: the fleet gets the machine, or gives it up.
	Joins  bool `json:"joins,omitempty"`
	Leaves bool `json:"leaves,omitempty"`
	// Impact is the worst that happens to it: a machine that leaves a pool is wiped.
	Impact kinds.Impact `json:"impact"`
}

// Moves reports whether the machine changes hands.
func (m Machine) Moves() bool { return m.Was != m.Is }

// Segment is a network that changes.
type Segment struct {
	Name   string       `json:"name"`
	Tenant string       `json:"tenant,omitempty"`
	Joins  []string     `json:"joins,omitempty"`  // machines that come into it
	Leaves []string     `json:"leaves,omitempty"` // machines that leave it
	Impact kinds.Impact `json:"impact"`
}

// Loss is data that may be lost.
type Loss struct {
	What   string `json:"what"` // an object's address, or a machine
	Entity string `json:"entity"`
	Why    string `json:"why"`
	// Held: the agent will not do it as things stand in Git.
	Held bool `json:"held,omitempty"`
}

// Held is a change that the agent holds.
type Held struct {
	What string `json:"what"`
	plan.Hold
}

// Entity is something that a person wrote and that is changed, or whose objects are.
type Entity struct {
	Name string   `json:"name"` // "tenant/acme"
	Pos  diag.Pos `json:"pos"`
	// Change is one of the Change constants.
	Change Change `json:"change"`
	// Facts are what the change comes down to, Fields what was written otherwise.
	Facts  []Fact       `json:"facts,omitempty"`
	Fields []plan.Field `json:"fields,omitempty"`
	// Objects is how many objects change, Impact the worst that this does.
	Objects int          `json:"objects"`
	Impact  kinds.Impact `json:"impact"`
}

// Change is what became of an entity.
type Change string

// The changes of an entity.
const (
	Added    Change = "added"
	Changed  Change = "changed"
	Removed  Change = "removed"
	Affected Change = "affected" // by what something else says
)

// Fact is a number or a place that follows from what was written.
type Fact struct {
	Name string `json:"name"`
	Was  any    `json:"was"`
	Is   any    `json:"is"`
}

// Comparison is what a pull request changes: all that is shown of it.
type Comparison struct {
	Base Revision `json:"base"`
	Head Revision `json:"head"`
	// Incomplete says what could not be compared; empty if all was.
	Incomplete []string `json:"incomplete"`
	Radius     Radius   `json:"radius"`
	Entities   []Entity `json:"entities"`
	// Changes are the plan between the two, without what is the same in both.
	Changes []plan.Change `json:"changes"`
	// Approvals are who has to agree, as CODEOWNERS says, and who has, by approvals of the fleet.
	Approvals Approvals `json:"approvals"`
	// Policy is what the fleet's rules say to it.
	Policy Policy `json:"policy"`
}

// Revision is one side of a comparison.
type Revision struct {
	// Name is how it was asked for, Commit its hash, "uncommitted", or with "-dirty" at its end a commit
	// and what lies above it.
	Name    string `json:"name"`
	Commit  string `json:"commit"`
	Subject string `json:"subject,omitempty"`
	// Moved: what Name stands for has gone on since, and is not what was compared with. Tip is where it is now.
	Moved bool   `json:"moved,omitempty"`
	Tip   string `json:"tip,omitempty"`
}

// Approvals are who has to agree to a change.
type Approvals struct {
	// File is the CODEOWNERS file, as of the base; empty if there is none.
	File  string     `json:"file,omitempty"`
	Needs []Approval `json:"needs"`
	// Unowned are the changed files that nobody owns. Files are named from the top of the repository.
	Unowned []string `json:"unowned,omitempty"`
	// Given are the approvals that the head has. Which change needs one, and has it, stands with the change.
	Given []Given `json:"given,omitempty"`
}

// Given is an approval that is a file of the fleet.
type Given struct {
	Name     string `json:"name"`
	By       string `json:"by,omitempty"` // who gave it, as far as that is known
	Verified bool   `json:"verified,omitempty"`
	// Standing says why it opens nothing as things are, such as that it has ended; empty if it counts.
	Standing string `json:"standing,omitempty"`
	Until    string `json:"until"`
	Reason   string `json:"reason"`
	Ticket   string `json:"ticket,omitempty"`
}

// Approval is one agreement that is needed, and for which files.
type Approval struct {
	Section string   `json:"section,omitempty"`
	Owners  []string `json:"owners"` // one of them has to agree, or Count
	Count   int      `json:"count"`
	// Optional: the owners are asked, and need not agree.
	Optional bool     `json:"optional,omitempty"`
	Files    []string `json:"files"`
}

// Complete reports whether everything was compared.
func (c Comparison) Complete() bool { return len(c.Incomplete) == 0 }

// Differs reports whether anything is changed.
func (c Comparison) Differs() bool { return len(c.Entities) > 0 || len(c.Changes) > 0 }

// ByEntity are the changes of each entity's objects.
func (c Comparison) ByEntity() map[string][]plan.Change {
	all := map[string][]plan.Change{}
	for _, ch := range c.Changes {
		owner := plan.Owner(ch.Entity)
		all[owner] = append(all[owner], ch)
	}
	return all
}

// Dangerous are the machines that an impact or a worse one happens to.
func (r Radius) Dangerous(least, most kinds.Impact) []string {
	var names []string
	for _, m := range r.Machines {
		if m.Impact >= least && m.Impact <= most {
			names = append(names, m.Name)
		}
	}
	return names
}

func sorted[V any](set map[string]V) []string {
	names := make([]string, 0, len(set))
	for n := range set {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// isMachine is the machine that an object of a plan is about, as far as its address or entity says.
func isMachine(c plan.Change) (string, bool) {
	if _, machine, ok := kinds.Membership(c.ID); ok {
		return machine, true
	}
	if c.ID.Target.System == state.Redfish {
		return c.ID.Target.Name, true
	}
	if kind, name := split(c.Entity); kind == "machine" {
		return name, true
	}
	return "", false
}
