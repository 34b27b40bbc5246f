package web

import "strings"

// inOverview is how many concerns the overview lists; the rest is on a page of its own.
const inOverview = 12

type overviewData struct {
	Machines, Objects []Count
	MachineTotal      int
	GPUs, Given       int // Given serve a pool
	Clusters          int
	Sites             []siteRow
	Systems           []systemRow
	Columns           []string // statuses
	Concerns          []Concern
	More              int
}

type siteRow struct {
	Site
	Machines, GPUs, Racks int
	Quiet                 string
	States                []Count
}

type systemRow struct {
	Name        string
	Cells       []int // by column
	Total       int
	Unreachable int
}

func overview(r *request) (view, error) {
	d := overviewData{Concerns: r.concerns(), Objects: ordered(r.count(""))}
	if len(d.Concerns) > inOverview {
		d.More = len(d.Concerns) - inOverview
		d.Concerns = d.Concerns[:inOverview]
	}
	states := map[string]int{}
	bySite := map[string]map[string]int{}
	rows := map[string]*siteRow{}
	for _, s := range r.Sites {
		rows[s.Name] = &siteRow{Site: s, Quiet: r.Quiet["site/"+s.Name]}
		bySite[s.Name] = map[string]int{}
	}
	for at := range r.racks {
		if row := rows[at[0]]; row != nil {
			row.Racks++
		}
	}
	for i, m := range r.Machines {
		states[r.states[i]]++
		d.GPUs += m.GPUs
		if m.Pool != "" {
			d.Given += m.GPUs
		}
		if row := rows[m.Site]; row != nil {
			row.Machines++
			row.GPUs += m.GPUs
			bySite[m.Site][r.states[i]]++
		}
	}
	for _, s := range r.Sites {
		rows[s.Name].States = ordered(bySite[s.Name])
		d.Sites = append(d.Sites, *rows[s.Name])
	}
	d.Machines, d.MachineTotal = ordered(states), len(r.Machines)
	for _, t := range r.Tenants {
		d.Clusters += len(t.Clusters)
	}
	d.Systems, d.Columns = r.bySystem()
	return view{"overview", "Overview", d}, nil
}

// bySystem are the objects of each system by status, and which statuses there are.
func (r *request) bySystem() (rows []systemRow, columns []string) {
	all := r.count("")
	for _, status := range fromBest {
		if all[status] > 0 {
			columns = append(columns, status)
		}
	}
	for _, name := range r.systems() {
		row := systemRow{Name: name}
		counts := r.count(name)
		for _, status := range columns {
			row.Cells = append(row.Cells, counts[status])
			row.Total += counts[status]
		}
		for target := range r.down {
			if strings.HasPrefix(target, name+"/") {
				row.Unreachable++
			}
		}
		rows = append(rows, row)
	}
	return rows, columns
}

type attentionData struct {
	List     List
	Filters  []Filter
	Concerns []Concern
}

func attention(r *request) (view, error) {
	all := r.concerns()
	d := attentionData{Filters: []Filter{
		r.filter("status", "Status", distinct(all, func(c Concern) string { return c.Status })),
		r.filter("impact", "Impact", distinct(all, func(c Concern) string { return c.Impact })),
	}}
	var rows []Concern
	for _, c := range all {
		if r.chosen("status", c.Status) && r.chosen("impact", c.Impact) && r.contains(c.Address, c.Text) {
			rows = append(rows, c)
		}
	}
	d.List, d.Concerns = list(r, "What needs attention", rows, []column[Concern]{
		{key: "status", label: "Status", order: func(a, b Concern) int { return gravity(a.Status) - gravity(b.Status) }},
		{key: "impact", label: "Impact", order: func(a, b Concern) int { return impactRank(a.Impact) - impactRank(b.Impact) }},
		{key: "address", label: "What", order: func(a, b Concern) int { return strings.Compare(a.Address, b.Address) }},
		{key: "since", label: "Since", order: func(a, b Concern) int { return a.Since.Compare(b.Since) }},
	})
	return view{"attention", "What needs attention", d}, nil
}
