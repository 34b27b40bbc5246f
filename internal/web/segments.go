package web

import (
	"cmp"
	"slices"

	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
)

type segmentsData struct {
	List    List
	Filters []Filter
	Rows    []segmentRow
}

type segmentRow struct {
	Segment
	Status  string
	Numbers []Number // VLAN, VXLAN, PKey and NVLink partition
	Members []Cell   // the machines that are to be on it
}

func (r *request) segmentRow(g Segment, members []Cell) segmentRow {
	row := segmentRow{Segment: g, Status: r.status("segment/" + g.Name), Members: members}
	ethernet := r.observed(g, report.NetworkNorthSouth)
	row.Numbers = []Number{r.vlan(g.VLAN, ethernet), r.vxlan(auto, ethernet), {}, {}}
	if g.PKey != "" {
		row.Numbers[2] = r.partition("PKey", g.PKey, r.observed(g, report.NetworkInfiniBand), 1)
	}
	if g.NVLink != "" {
		row.Numbers[3] = r.partition("partition", g.NVLink, r.observed(g, report.NetworkNVLink), 1)
	}
	return row
}

func segments(r *request) (view, error) {
	d := segmentsData{Filters: []Filter{
		r.filter("site", "Site", distinct(r.Segments, func(g Segment) string { return g.Site })),
		r.filter("tenant", "Tenant", distinct(r.Segments, func(g Segment) string { return g.Tenant })),
	}}
	members := map[string][]Cell{}
	for i, m := range r.Machines {
		members[m.Segment] = append(members[m.Segment], r.cell(i))
	}
	var rows []segmentRow
	for _, g := range r.Segments {
		if r.chosen("site", g.Site) && r.chosen("tenant", g.Tenant) && r.contains(r.segmentTexts(g)...) {
			rows = append(rows, r.segmentRow(g, members[g.Name]))
		}
	}
	d.List, d.Rows = list(r, "Network segments", rows, []column[segmentRow]{
		{key: "name", label: "Segment", order: func(a, b segmentRow) int { return natural(a.Name, b.Name) }},
		{key: "status", label: "Status", order: func(a, b segmentRow) int { return gravity(a.Status) - gravity(b.Status) }},
		{key: "tenant", label: "Serves", order: func(a, b segmentRow) int { return cmp.Compare(a.Tenant, b.Tenant) }},
		{key: "subnet", label: "Subnet", order: func(a, b segmentRow) int { return natural(a.Subnet, b.Subnet) }},
		{label: "VLAN"}, {label: "VXLAN"}, {label: "PKey"}, {label: "NVLink"},
		{key: "members", label: "Machines", number: true, order: func(a, b segmentRow) int { return len(a.Members) - len(b.Members) }},
	})
	return view{"segments", "Segments", d}, nil
}

type segmentData struct {
	segmentRow
	Drawing  Drawing
	List     List
	Cells    []Cell
	Networks []networkRow
	Items    []Item
	More     int
}

func segment(r *request) (view, error) {
	g := r.segment(r.http.PathValue("segment"))
	if g == nil {
		return view{}, errNotFound
	}
	var members []Cell
	for i, m := range r.Machines {
		if m.Segment == g.Name && m.Segment != "" {
			members = append(members, r.cell(i))
		}
	}
	d := segmentData{segmentRow: r.segmentRow(*g, members)}
	slices.SortStableFunc(d.Members, func(a, b Cell) int { return cmp.Or(natural(a.Rack, b.Rack), natural(a.Name, b.Name)) })
	d.Networks = r.networksOf(*g)
	d.Drawing = drawSegment(*g, d.Networks, d.Members)
	d.List, d.Cells = list(r, "Machines on the segment", d.Members, []column[Cell]{
		{key: "name", label: "Machine", order: func(a, b Cell) int { return natural(a.Name, b.Name) }},
		{key: "status", label: "Status", order: func(a, b Cell) int { return gravity(a.Status) - gravity(b.Status) }},
		{key: "rack", label: "Rack", order: func(a, b Cell) int { return natural(a.Rack, b.Rack) }},
		{key: "pool", label: "Pool", order: func(a, b Cell) int { return cmp.Compare(a.PoolAddress(), b.PoolAddress()) }},
	})
	d.Items, d.More = r.worstItems(append(slices.Clone(r.byEntity["segment/"+g.Name]), r.membership(*g)...))
	return view{"segment", g.Name, d}, nil
}

// membership are the items about who is on a segment.
func (r *request) membership(g Segment) []int {
	var of []int
	for n, i := range r.items {
		id, err := state.ParseID(i.Address)
		if err == nil && id.Target.System == state.Netris && id.Kind == "servercluster" && id.Target.Name == g.Site && id.Name == g.Name {
			of = append(of, n)
		}
	}
	return of
}

type stacksData struct {
	List List
	Rows []Stack
}

func stacks(r *request) (view, error) {
	var rows []Stack
	for _, k := range r.Stacks {
		if r.contains(k.Name, k.Description) {
			rows = append(rows, k)
		}
	}
	var d stacksData
	d.List, d.Rows = list(r, "Stacks", rows, []column[Stack]{
		{key: "name", label: "Stack", order: func(a, b Stack) int { return natural(a.Name, b.Name) }},
		{key: "parts", label: "Components", number: true, order: func(a, b Stack) int { return len(a.Components) - len(b.Components) }},
		{key: "clusters", label: "Clusters", number: true, order: func(a, b Stack) int { return len(a.Clusters) - len(b.Clusters) }},
		{label: "What it is"},
	})
	return view{"stacks", "Stacks", d}, nil
}

type stackData struct {
	Stack
	Drawing Drawing
	List    List
	Rows    []Component
	Used    []clusterLink
	More    int // clusters that are not listed
}

type clusterLink struct {
	Name, Status string
	Link         Link
}

func stack(r *request) (view, error) {
	k := r.stack(r.http.PathValue("stack"))
	if k == nil {
		return view{}, errNotFound
	}
	d := stackData{Stack: *k, Drawing: drawStack(k.Components)}
	d.List, d.Rows = list(r, "Components, and what each waits for", k.Components, []column[Component]{
		{key: "name", label: "Component", order: func(a, b Component) int { return natural(a.Name, b.Name) }},
		{key: "type", label: "Type", order: func(a, b Component) int { return cmp.Compare(a.Type, b.Type) }},
		{label: "Version"}, {label: "Namespace"}, {label: "Waits for"},
	})
	for _, c := range k.Clusters[:min(len(k.Clusters), mostObjects)] {
		d.Used = append(d.Used, clusterLink{c, r.status("cluster/" + c), r.link("cluster/" + c)})
	}
	d.More = len(k.Clusters) - len(d.Used)
	return view{"stack", k.Name, d}, nil
}
