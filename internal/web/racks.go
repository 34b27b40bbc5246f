package web

import (
	"cmp"
	"slices"
	"strings"
)

const (
	// perFloor is how many machines a page of racks draws at most, but for a single rack that has more.
	perFloor = 144
	// onMap is how many racks the map of a site shows.
	onMap = 1000
)

type racksData struct {
	Sites   []Filter
	Site    string
	Quiet   string
	Map     []RackMark
	MapMore int
	Racks   []Rack
	List    List
	Legend  []Count
	Tenants []string // those on this page
}

// RackMark is a rack on the map: its name, how it stands, and where it is drawn.
type RackMark struct {
	Name, Status, URL string
	Current           bool
	Off, Machines     int // Off are not in sync
}

// Rack is one rack as it is drawn.
type Rack struct {
	Name, Site string
	Units      int // it has
	Cells      []Cell
	Loose      []Cell // whose unit is not said
	States     []Count
	GPUs       int
}

// Cell is one machine in its units.
type Cell struct {
	Machine
	Status string
	// Still is the pool that the machine has yet to leave, as it was seen last: Git has it there no longer.
	Still Serves
	Here  bool // it is what the page is about
}

// Has is the pool that a machine is coloured by: while it has not come free it is its former tenant's.
func (c Cell) Has() Serves {
	if c.Still.Pool != "" {
		return c.Still
	}
	return c.Serves
}

// Quiet reports whether the machine's place in life needs a word: it is not simply at work.
func (c Cell) Quiet() bool { return c.Lifecycle != InService }

// heights of racks, in units; a rack is drawn with the least that all its machines fit in.
var heights = []int{42, 48, 60}

func racks(r *request) (view, error) {
	var sites []string
	for _, s := range r.Sites {
		sites = append(sites, s.Name)
	}
	d := racksData{Site: r.query.Get("site")}
	if !slices.Contains(sites, d.Site) && len(sites) > 0 {
		d.Site = sites[0]
	}
	site := r.filter("site", "Site", sites)
	site.Chosen = d.Site
	d.Sites, d.Quiet = []Filter{site}, r.Quiet["site/"+d.Site]

	var names []string
	for at := range r.racks {
		if at[0] == d.Site {
			names = append(names, at[1])
		}
	}
	slices.SortFunc(names, natural)
	sheets := r.sheets(d.Site, names)
	at := len(sheets) // of the rack that was asked for
	if want := r.query.Get("rack"); want != "" {
		at = slices.IndexFunc(sheets, func(s []string) bool { return slices.Contains(s, want) })
	}
	d.List = List{Caption: "Racks of " + d.Site}
	n, _ := d.List.pageOf(r, len(sheets), 1)
	if at >= 0 && at < len(sheets) && !r.query.Has("page") {
		n = at
		d.List.Page = at + 1
		d.List.links(r)
	}
	states := map[string]int{}
	if n < len(sheets) {
		for _, name := range sheets[n] {
			rack := r.rack(d.Site, name)
			d.Racks = append(d.Racks, rack)
			for _, c := range append(slices.Clone(rack.Cells), rack.Loose...) {
				states[c.Status]++
				for _, t := range []string{c.Tenant, c.Still.Tenant} {
					if t != "" && !slices.Contains(d.Tenants, t) {
						d.Tenants = append(d.Tenants, t)
					}
				}
			}
		}
	}
	slices.Sort(d.Tenants)
	d.Legend = ordered(states)
	d.Map, d.MapMore = r.floorMap(d.Site, sheets, n)
	return view{"racks", "Racks", d}, nil
}

// sheets are the racks of each page.
func (r *request) sheets(site string, names []string) [][]string {
	var all [][]string
	machines := perFloor
	for _, name := range names {
		n := len(r.racks[[2]string{site, name}])
		if machines+n > perFloor {
			all = append(all, nil)
			machines = 0
		}
		all[len(all)-1] = append(all[len(all)-1], name)
		machines += n
	}
	return all
}

func (r *request) floorMap(site string, sheets [][]string, current int) (marks []RackMark, more int) {
	for page, names := range sheets {
		for _, name := range names {
			if len(marks) == onMap {
				more++
				continue
			}
			mark := RackMark{Name: name, Status: inSync, Current: page == current, URL: r.where("rack", name, "page", "") + "#" + name}
			for _, i := range r.racks[[2]string{site, name}] {
				mark.Machines++
				if r.states[i] != inSync {
					mark.Off++
				}
				if gravity(r.states[i]) > gravity(mark.Status) {
					mark.Status = r.states[i]
				}
			}
			marks = append(marks, mark)
		}
	}
	return marks, more
}

// rack draws one rack: from the top down, as one looks at it.
func (r *request) rack(site, name string) Rack {
	rack := Rack{Name: name, Site: site, Units: heights[0]}
	states := map[string]int{}
	for _, i := range r.racks[[2]string{site, name}] {
		cell, m := r.cell(i), r.Machines[i]
		states[cell.Status]++
		rack.GPUs += m.GPUs
		if m.Unit == 0 {
			rack.Loose = append(rack.Loose, cell)
			continue
		}
		for _, h := range heights {
			if rack.Units < m.Unit+m.Height-1 {
				rack.Units = h
			}
		}
		rack.Cells = append(rack.Cells, cell)
	}
	slices.SortStableFunc(rack.Cells, func(a, b Cell) int { return cmp.Compare(b.Unit, a.Unit) })
	rack.States = ordered(states)
	return rack
}

// ticks are the units whose number stands beside a rack.
func ticks(units int) []int {
	all := []int{1}
	for n := 6; n <= units; n += 6 {
		all = append(all, n)
	}
	return all
}

// natural orders names with numbers in them as people do: r2 before r10.
func natural(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x > 0 && y > 0 {
			n, m := strings.TrimLeft(a[:x], "0"), strings.TrimLeft(b[:y], "0")
			if c := cmp.Or(len(n)-len(m), cmp.Compare(n, m), x-y); c != 0 {
				return c
			}
			a, b = a[x:], b[y:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

// digits is how many digits a text begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
