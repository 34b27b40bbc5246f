package web

import (
	"cmp"
	"slices"
)

type tenantsData struct {
	List    List
	Filters []Filter
	Rows    []tenantRow
}

type tenantRow struct {
	Tenant
	Status               string
	Machines, GPUs, Want int // Want is how many machines its pools ask for
	Off                  int // objects that are not in sync
}

func (r *request) tenantRow(t Tenant) tenantRow {
	row := tenantRow{Tenant: t, Status: r.status("tenant/" + t.Name), Off: len(r.byEntity["tenant/"+t.Name])}
	for _, c := range t.Clusters {
		for _, p := range c.Pools {
			row.Want += p.Count
			row.Machines += len(p.Machines)
			row.GPUs += p.GPUs
		}
	}
	return row
}

func tenants(r *request) (view, error) {
	d := tenantsData{Filters: []Filter{r.filter("status", "Status", fromBest)}}
	var rows []tenantRow
	for _, t := range r.Tenants {
		if row := r.tenantRow(t); r.chosen("status", row.Status) && r.contains(t.Name, t.DisplayName) {
			rows = append(rows, row)
		}
	}
	d.List, d.Rows = list(r, "Tenants", rows, []column[tenantRow]{
		{key: "name", label: "Tenant", order: func(a, b tenantRow) int { return natural(a.Name, b.Name) }},
		{key: "status", label: "Status", order: func(a, b tenantRow) int { return gravity(a.Status) - gravity(b.Status) }},
		{label: "Clusters"},
		{key: "machines", label: "Machines", number: true, order: func(a, b tenantRow) int { return a.Machines - b.Machines }},
		{key: "gpus", label: "GPUs", number: true, order: func(a, b tenantRow) int { return a.GPUs - b.GPUs }},
		{key: "off", label: "Not in sync", number: true, order: func(a, b tenantRow) int { return a.Off - b.Off }},
	})
	return view{"tenants", "Tenants", d}, nil
}

type tenantData struct {
	tenantRow
	Quiet    string
	Clusters []clusterRow
	Items    []Item
	More     int
	Past     *timeline
}

type clusterRow struct {
	Cluster
	Status   string
	Pools    []poolRow
	Networks []networkRow
}

func tenant(r *request) (view, error) {
	name := r.http.PathValue("tenant")
	t := r.tenant(name)
	if t == nil {
		return view{}, errNotFound
	}
	d := tenantData{tenantRow: r.tenantRow(*t), Quiet: r.Quiet["tenant/"+name]}
	for _, c := range t.Clusters {
		row := clusterRow{Cluster: c, Status: r.status("cluster/" + name + "/" + c.Name)}
		for _, p := range c.Pools {
			row.Pools = append(row.Pools, r.poolRow(p))
		}
		if g := r.segment(c.Segment); g != nil {
			row.Networks = r.networksOf(*g)
		}
		d.Clusters = append(d.Clusters, row)
	}
	d.Items, d.More = r.worstItems(r.byEntity["tenant/"+name])
	d.Past = r.timeline("tenant/" + name)
	return view{"tenant", t.DisplayName, d}, nil
}

// mostItems is how many items a page about something else shows whole.
const mostItems = 40

// worstItems are those of the items that are worst off, and how many more there are.
func (r *request) worstItems(of []int) (items []Item, more int) {
	of = slices.Clone(of)
	slices.SortStableFunc(of, func(a, b int) int {
		x, y := r.items[a], r.items[b]
		return cmp.Or(gravity(string(y.Status))-gravity(string(x.Status)), x.Since.Compare(y.Since), cmp.Compare(x.Address, y.Address))
	})
	for _, n := range of[:min(len(of), mostItems)] {
		items = append(items, r.items[n])
	}
	return items, len(of) - len(items)
}
