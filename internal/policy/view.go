package policy

import (
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/guard"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
)

// View is a comparison as rules see it; schema/plan.cue documents it field by field.
type View struct {
	Version  int       `json:"version"`
	Now      string    `json:"now"`
	Base     Revision  `json:"base"`
	Head     Revision  `json:"head"`
	Complete bool      `json:"complete"`
	Mirror   bool      `json:"mirror"`
	Tenants  []Tenant  `json:"tenants"`
	Machines []Machine `json:"machines"`
	Segments []Segment `json:"segments"`
	Data     []Loss    `json:"data"`
	Entities []Entity  `json:"entities"`
	Changes  []Change  `json:"changes"`
	Images   []Image   `json:"images"`
}

// viewVersion rises when a rule could mean something else: #Plan has the same number.
const viewVersion = 1

// Revision is one side of a comparison.
type Revision struct {
	Commit  string `json:"commit"`
	Subject string `json:"subject"`
}

// Tenant is what a tenant gains and loses.
type Tenant struct {
	Name    string            `json:"name"`
	Profile string            `json:"profile"`
	Labels  map[string]string `json:"labels"`
	Retired bool              `json:"retired"`
	Removed bool              `json:"removed"`
	Hosts   blast.Count       `json:"hosts"`
	GPUs    blast.Count       `json:"gpus"`
	Impact  kinds.Impact      `json:"impact"`
}

// Machine is what happens to a machine.
type Machine struct {
	Name         string       `json:"name"`
	Class        string       `json:"class"`
	Site         string       `json:"site"`
	Rack         string       `json:"rack"`
	Was          string       `json:"was"`
	Is           string       `json:"is"`
	Tenants      []string     `json:"tenants"`
	ControlPlane bool         `json:"controlPlane"`
	Joins        bool         `json:"joins"`
	Leaves       bool         `json:"leaves"`
	Impact       kinds.Impact `json:"impact"`
}

// Segment is a network that changes.
type Segment struct {
	Name   string       `json:"name"`
	Tenant string       `json:"tenant"`
	Joins  []string     `json:"joins"`
	Leaves []string     `json:"leaves"`
	Impact kinds.Impact `json:"impact"`
}

// Loss is data that may be lost.
type Loss struct {
	What   string `json:"what"`
	Entity string `json:"entity"`
	Tenant string `json:"tenant"`
	Why    string `json:"why"`
	Held   bool   `json:"held"`
	// Approvals are those of the change that stand and are for it.
	Approvals []string `json:"approvals"`
}

// Entity is something that a person wrote.
type Entity struct {
	Name    string       `json:"name"`
	Change  blast.Change `json:"change"`
	Fields  []Field      `json:"fields"`
	Objects int          `json:"objects"`
	Impact  kinds.Impact `json:"impact"`
}

// Field is a field that is changed.
type Field struct {
	Path      string `json:"path"`
	Old       any    `json:"old,omitempty"`
	New       any    `json:"new,omitempty"`
	Sensitive bool   `json:"sensitive"`
}

// Change is an object that changes.
type Change struct {
	Address string       `json:"address"`
	Entity  string       `json:"entity"`
	Action  plan.Action  `json:"action"`
	Fields  []Field      `json:"fields"`
	Held    []string     `json:"held"`
	Impact  kinds.Impact `json:"impact"`
}

// Image is something that is fetched for an object.
type Image struct {
	Address  string `json:"address"`
	Ref      string `json:"ref"`
	Kind     string `json:"kind"`
	Mirrored bool   `json:"mirrored"`
}

// ViewOf is a comparison of two fleets as rules see it at a time. The base is an empty fleet where the fleet
// begins.
func ViewOf(c blast.Comparison, base, head *fleet.Fleet, now time.Time) View {
	v := View{
		Version: viewVersion, Now: now.UTC().Format("2006-01-02T15:04:05Z"), Complete: c.Complete(), Mirror: mirrorOf(base, head) != nil,
		Base:    Revision{c.Base.Commit, c.Base.Subject},
		Head:    Revision{c.Head.Commit, c.Head.Subject},
		Tenants: []Tenant{}, Machines: []Machine{}, Segments: []Segment{}, Data: []Loss{}, Entities: []Entity{}, Changes: []Change{}, Images: []Image{},
	}
	for _, t := range c.Radius.Tenants {
		v.Tenants = append(v.Tenants, tenant(t, base, head))
	}
	pools := map[string]string{} // of machines, at the base
	for _, m := range c.Radius.Machines {
		pools[m.Name] = m.Was
		v.Machines = append(v.Machines, machine(m, base, head))
	}
	for _, s := range c.Radius.Segments {
		v.Segments = append(v.Segments, Segment{s.Name, s.Tenant, list(s.Joins), list(s.Leaves), s.Impact})
	}
	for _, l := range c.Radius.Data {
		v.Data = append(v.Data, Loss{l.What, l.Entity, tenantOf(l.Entity, pools), l.Why, l.Held, approved(l, c.Approvals.Given, head)})
	}
	for _, e := range c.Entities {
		v.Entities = append(v.Entities, Entity{e.Name, e.Change, fields(e.Fields), e.Objects, e.Impact})
	}
	for _, ch := range c.Changes {
		v.Changes = append(v.Changes, change(ch))
		v.Images = append(v.Images, images(ch, mirrorOf(base, head))...)
	}
	return v
}

// mirrorOf is the fleet's mirror, or the one that it gives up, or nil.
func mirrorOf(base, head *fleet.Fleet) *fleet.Mirror {
	for _, f := range []*fleet.Fleet{head, base} {
		if f.Platform != nil && f.Platform.Mirror != nil {
			return f.Platform.Mirror
		}
	}
	return nil
}

func tenant(t blast.Tenant, base, head *fleet.Fleet) Tenant {
	out := Tenant{Name: t.Name, Labels: map[string]string{}, Hosts: t.Hosts, GPUs: t.GPUs, Impact: t.Impact}
	known := head.Tenants[t.Name]
	if known == nil {
		out.Removed, known = true, base.Tenants[t.Name]
	} else if known.Labels != nil {
		out.Labels = known.Labels
	}
	if known != nil {
		out.Profile, out.Retired = known.Profile, known.Retired
	}
	return out
}

func machine(m blast.Machine, base, head *fleet.Fleet) Machine {
	out := Machine{Name: m.Name, Was: m.Was, Is: m.Is, Tenants: list(m.Tenants), ControlPlane: m.ControlPlane, Joins: m.Joins, Leaves: m.Leaves, Impact: m.Impact}
	known := head.Machines[m.Name]
	if known == nil {
		known = base.Machines[m.Name]
	}
	if known != nil {
		out.Class, out.Site, out.Rack = known.Class, known.Site, known.Rack
	}
	return out
}

// tenantOf is whose data an entity holds: a machine's is of whom it served.
func tenantOf(entity string, pools map[string]string) string {
	kind, name, _ := strings.Cut(plan.Owner(entity), "/")
	if kind == "machine" {
		kind, name, _ = strings.Cut(plan.Owner(pools[name]), "/")
	}
	if kind != "tenant" {
		return ""
	}
	return name
}

// approved are the approvals that are for a loss and great enough for it: a machine that is wiped is reprovisioned.
func approved(l blast.Loss, given []blast.Given, head *fleet.Fleet) []string {
	names := []string{}
	least := kinds.DataLoss
	if l.What == l.Entity {
		least = kinds.Reprovision
	}
	for _, g := range given {
		a := head.Approvals[g.Name]
		if a == nil || g.Standing != "" || !guard.Covers(a.For, l.Entity, l.What) {
			continue
		}
		var greatest kinds.Impact
		if err := greatest.UnmarshalText([]byte(a.Impact)); err == nil && greatest >= least {
			names = append(names, g.Name)
		}
	}
	return names
}

func change(ch plan.Change) Change {
	out := Change{Address: ch.ID.String(), Entity: ch.Entity, Action: ch.Action, Fields: []Field{}, Held: []string{}, Impact: ch.Impact}
	if ch.Action == plan.Update || ch.Action == plan.Replace {
		out.Fields = fields(ch.Fields)
	}
	for _, h := range ch.Held {
		if !slices.Contains(out.Held, h.By) {
			out.Held = append(out.Held, h.By)
		}
	}
	return out
}

// fields are those of a change, without secrets.
func fields(all []plan.Field) []Field {
	out := make([]Field, 0, len(all))
	for _, f := range all {
		if f.Sensitive {
			f.Old, f.New = nil, nil
		}
		out = append(out, Field{f.Name, f.Old, f.New, f.Sensitive})
	}
	return out
}

// images are what is fetched for an object that is created or changed.
func images(ch plan.Change, m *fleet.Mirror) []Image {
	if ch.Want == nil || ch.Action == plan.Nothing || ch.ID.Target.System != state.Kubernetes {
		return nil
	}
	var out []Image
	for path, leaf := range ch.Want.Tree.Leaves() {
		kind, from, ok := render.Fetches(*ch.Want, path, leaf)
		if !ok {
			continue
		}
		i := Image{ch.ID.String(), from, string(kind), m != nil && kind.In(m, from)}
		if !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	return out
}

// list is a list that JSON does not write as null.
func list(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}
