package web

import (
	"cmp"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/state"
)

type machinesData struct {
	List    List
	Filters []Filter
	Rows    []Cell
}

func machines(r *request) (view, error) {
	d := machinesData{Filters: []Filter{
		r.filter("status", "Status", fromBest),
		r.filter("site", "Site", distinct(r.Machines, func(m Machine) string { return m.Site })),
		r.filter("class", "Class", distinct(r.Machines, func(m Machine) string { return m.Class })),
		r.filter("lifecycle", "Lifecycle", distinct(r.Machines, func(m Machine) string { return m.Lifecycle })),
		r.filter("tenant", "Tenant", distinct(r.Machines, func(m Machine) string { return m.Tenant })),
	}}
	var rows []Cell
	for i, m := range r.Machines {
		if r.chosen("status", r.states[i]) && r.chosen("site", m.Site) && r.chosen("class", m.Class) && r.chosen("lifecycle", m.Lifecycle) &&
			r.chosen("tenant", m.Tenant) && r.contains(m.Name, m.Rack, m.Serial, m.PoolAddress(), m.BMC) {
			rows = append(rows, r.cell(i))
		}
	}
	d.List, d.Rows = list(r, "Machines", rows, []column[Cell]{
		{key: "name", label: "Machine", order: func(a, b Cell) int { return natural(a.Name, b.Name) }},
		{key: "status", label: "Status", order: func(a, b Cell) int { return gravity(a.Status) - gravity(b.Status) }},
		{key: "lifecycle", label: "Lifecycle", order: func(a, b Cell) int { return cmp.Compare(a.Lifecycle, b.Lifecycle) }},
		{key: "rack", label: "Rack", order: func(a, b Cell) int { return cmp.Or(natural(a.Rack, b.Rack), a.Unit-b.Unit) }},
		{key: "class", label: "Class", order: func(a, b Cell) int { return cmp.Compare(a.Class, b.Class) }},
		{key: "gpus", label: "GPUs", number: true, order: func(a, b Cell) int { return a.GPUs - b.GPUs }},
		{key: "pool", label: "Serves", order: func(a, b Cell) int { return cmp.Compare(a.PoolAddress(), b.PoolAddress()) }},
	})
	return view{"machines", "Machines", d}, nil
}

type machineData struct {
	Cell
	Unreachable string // why its BMC does not answer
	Quiet       string // why its site is only observed
	Items       []Item
	Objects     []objectRow
	Neighbours  Rack
	Past        *timeline
}

type objectRow struct{ Address, Status, Entity string }

func machine(r *request) (view, error) {
	name := r.http.PathValue("machine")
	i, ok := r.machines[name]
	if !ok {
		return view{}, errNotFound
	}
	m := r.Machines[i]
	d := machineData{Cell: r.cell(i), Quiet: r.Quiet["site/"+m.Site], Neighbours: r.rack(m.Site, m.Rack)}
	for _, cells := range [][]Cell{d.Neighbours.Cells, d.Neighbours.Loose} {
		for n := range cells {
			cells[n].Here = cells[n].Name == name
		}
	}
	d.Unreachable = r.down["redfish/"+name].Why
	for _, n := range r.byMachine[name] {
		d.Items = append(d.Items, r.items[n])
	}
	d.Objects = r.rows(r.ofMachine(name))
	d.Past = r.timeline("machine/" + name)
	return view{"machine", name, d}, nil
}

// mostObjects is how many objects a page lists that is not about them.
const mostObjects = 200

func (r *request) rows(objects []state.Object) []objectRow {
	var rows []objectRow
	for _, o := range objects {
		address := o.ID.String()
		rows = append(rows, objectRow{address, r.objectStatus(address), o.Entity})
	}
	slices.SortStableFunc(rows, func(a, b objectRow) int { return gravity(b.Status) - gravity(a.Status) })
	return rows[:min(len(rows), mostObjects)]
}

type poolsData struct {
	List    List
	Filters []Filter
	Rows    []poolRow
}

type poolRow struct {
	Pool
	Status string
	States []Count // of its machines
}

func pools(r *request) (view, error) {
	all := r.pools()
	d := poolsData{Filters: []Filter{
		r.filter("tenant", "Tenant", distinct(all, func(p Pool) string { return p.Tenant })),
		r.filter("class", "Class", distinct(all, func(p Pool) string { return p.Class })),
	}}
	var rows []poolRow
	for _, p := range all {
		if r.chosen("tenant", p.Tenant) && r.chosen("class", p.Class) && r.contains(p.Address()) {
			rows = append(rows, r.poolRow(p))
		}
	}
	d.List, d.Rows = list(r, "Node pools", rows, []column[poolRow]{
		{key: "name", label: "Pool", order: func(a, b poolRow) int { return natural(a.Address(), b.Address()) }},
		{key: "status", label: "Status", order: func(a, b poolRow) int { return gravity(a.Status) - gravity(b.Status) }},
		{key: "class", label: "Class", order: func(a, b poolRow) int { return cmp.Compare(a.Class, b.Class) }},
		{key: "count", label: "Given of wanted", number: true, order: func(a, b poolRow) int { return len(a.Machines) - len(b.Machines) }},
		{key: "gpus", label: "GPUs", number: true, order: func(a, b poolRow) int { return a.GPUs - b.GPUs }},
		{label: "Its machines"},
	})
	return view{"pools", "Node pools", d}, nil
}

func (r *request) poolRow(p Pool) poolRow {
	states := map[string]int{}
	var off []int
	for _, name := range p.Machines {
		if i, ok := r.machines[name]; ok {
			states[r.states[i]]++
		}
	}
	off = append(off, r.byEntity[p.Address()]...)
	return poolRow{p, r.worst(off), ordered(states)}
}

type poolData struct {
	poolRow
	List    List
	Cells   []Cell
	Cluster Cluster
	Items   []Item
}

func pool(r *request) (view, error) {
	name := strings.Join([]string{r.http.PathValue("tenant"), r.http.PathValue("cluster"), r.http.PathValue("pool")}, "/")
	p := r.pool(name)
	if p == nil {
		return view{}, errNotFound
	}
	d := poolData{poolRow: r.poolRow(*p), Cluster: *r.cluster(p.Tenant + "/" + p.Cluster)}
	var cells []Cell
	for _, name := range p.Machines {
		if i, ok := r.machines[name]; ok {
			cells = append(cells, r.cell(i))
		}
	}
	d.List, d.Cells = list(r, "Machines of the pool", cells, []column[Cell]{
		{key: "name", label: "Machine", order: func(a, b Cell) int { return natural(a.Name, b.Name) }},
		{key: "status", label: "Status", order: func(a, b Cell) int { return gravity(a.Status) - gravity(b.Status) }},
		{key: "rack", label: "Rack", order: func(a, b Cell) int { return cmp.Or(natural(a.Rack, b.Rack), a.Unit-b.Unit) }},
		{key: "lifecycle", label: "Lifecycle", order: func(a, b Cell) int { return cmp.Compare(a.Lifecycle, b.Lifecycle) }},
	})
	for _, n := range r.byEntity[p.Address()] {
		d.Items = append(d.Items, r.items[n])
	}
	d.Items = d.Items[:min(len(d.Items), mostObjects)]
	return view{"pool", p.Address(), d}, nil
}
