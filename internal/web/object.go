package web

import (
	"strings"

	"millwright.dev/millwright/internal/state"
)

type objectData struct {
	Address, Entity, Origin string
	Status                  string
	Mode                    string
	Wanted                  bool // by the commit in force
	Item                    *Item
	Leaves                  []leafRow
	More                    int
	After                   []string
	Parts                   []objectRow
	Unreachable             string
	Past                    *timeline
}

// leafRow is one wanted field and where it comes from.
type leafRow struct {
	Path, Value   string
	Entity, Field string
	Note, Place   string
}

// mostLeaves is how many fields of an object its page shows.
const mostLeaves = 400

func object(r *request) (view, error) {
	address := strings.TrimSuffix(r.http.PathValue("address"), "/")
	d := objectData{Address: address, Status: r.objectStatus(address)}
	if n, ok := r.byAddress[address]; ok {
		d.Item, d.Entity = &r.items[n], r.items[n].Entity
	}
	o, wanted := r.object(address)
	if !wanted && d.Item == nil {
		return r.elsewhere(address)
	}
	target := strings.SplitN(address, "/", 3)
	d.Unreachable = r.down[target[0]+"/"+target[1]].Why
	if d.Wanted = wanted; wanted {
		d.Entity, d.Mode = o.Entity, string(o.Mode)
		d.Leaves, d.More = r.leaves(o.Tree)
		for _, e := range o.After {
			if on := e.On.String(); r.known(on) {
				d.After = append(d.After, on)
			}
		}
		id := o.ID
		d.Parts = r.rows(r.objects(func(o state.Object) bool { return o.ID.Below(id) }))
	}
	d.Origin, d.Past = r.Positions[d.Entity], r.timeline(d.Entity)
	return view{"object", address, d}, nil
}

// leaves are the fields of a tree with their origins. A value that comes from somebody whom the reader may
// not see is left out.
func (r *request) leaves(t state.Tree) (rows []leafRow, more int) {
	for path, leaf := range t.Leaves() {
		if len(rows) == mostLeaves {
			more++
			continue
		}
		row := leafRow{Path: path.String(), Value: valueText(leaf.Masked())}
		if origin := leaf.Origin(); r.may(origin.Entity) {
			row.Entity, row.Field, row.Note, row.Place = origin.Entity, origin.Field, origin.Note, r.Positions[origin.Entity]
		} else {
			row.Value = withheld
		}
		rows = append(rows, row)
	}
	return rows, more
}

// may reports whether the reader may see what comes from an entity: all that is no tenant's and no other
// machine's.
func (r *request) may(entity string) bool {
	switch kind, _, _ := entityWords(entity); kind {
	case "tenant", "cluster", "pool", "segment", "machine":
		return r.shows(entity, "")
	}
	return true
}

// elsewhere is for addresses of things that have a page of their own: a command prints one, and people
// paste it.
func (r *request) elsewhere(address string) (view, error) {
	if l := r.link(address); l.URL != "" {
		return view{"moved", address, l}, nil
	}
	return view{}, errNotFound
}

type searchData struct {
	Query   string
	Found   []found
	More    int
	Nothing bool
}

type found struct {
	Kind, Status string
	Link         Link
	Detail       string
}

// mostFound is how many things a search shows.
const mostFound = 100

func search(r *request) (view, error) {
	d := searchData{Query: strings.TrimSpace(r.query.Get("q"))}
	if d.Query == "" {
		return view{"search", "Search", d}, nil
	}
	add := func(kind, status, address, detail string, texts ...string) {
		if !r.contains(texts...) {
			return
		}
		if len(d.Found) == mostFound {
			d.More++
			return
		}
		d.Found = append(d.Found, found{kind, status, r.link(address), detail})
	}
	for _, t := range r.Tenants {
		add("tenant", r.status("tenant/"+t.Name), "tenant/"+t.Name, t.DisplayName, "tenant/"+t.Name, t.DisplayName)
	}
	for i, m := range r.Machines {
		add("machine", r.states[i], "machine/"+m.Name, strings.TrimSpace(m.Class+" in rack "+m.Rack+" "+m.PoolAddress()), "machine/"+m.Name, m.Serial, m.BMC, m.Model)
	}
	for _, p := range r.pools() {
		add("pool", r.poolRow(p).Status, p.Address(), p.Class, p.Address())
	}
	for _, g := range r.Segments {
		add("segment", r.status("segment/"+g.Name), "segment/"+g.Name, g.Subnet, append(r.segmentTexts(g), "segment/"+g.Name)...)
	}
	for _, k := range r.Stacks {
		add("stack", "", "stack/"+k.Name, k.Description, "stack/"+k.Name)
	}
	for _, i := range r.items {
		add("object", string(i.Status), i.Address, i.Entity, i.Address)
	}
	for o := range r.Objects.All() {
		if address := o.ID.String(); d.More <= mostFound { // all that can be said is "more"
			if _, told := r.byAddress[address]; !told {
				add("object", r.objectStatus(address), address, o.Entity, address)
			}
		}
	}
	d.Nothing = len(d.Found) == 0
	return view{"search", "Search: " + d.Query, d}, nil
}
