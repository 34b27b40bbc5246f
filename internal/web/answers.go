package web

func summary(r *request) (any, error) {
	s := Summary{
		Version: apiVersion, Sequence: r.Sequence, Commit: r.Commit,
		Objects: r.count(""), Systems: map[string]map[string]int{}, Machines: map[string]int{},
	}
	if r.Report != nil {
		s.Fleet, s.Time, s.Complete, s.Alarms = r.Report.Fleet, r.Report.Time, r.Report.Complete, r.Report.Alarms
		s.Refused, s.Error = r.Report.Source.Refused, r.Report.Source.Error
		s.Stale = r.now.Sub(r.Report.Time) > r.stale
	}
	for _, system := range r.systems() {
		s.Systems[system] = r.count(system)
	}
	for _, state := range r.states {
		s.Machines[state]++
	}
	return s, nil
}

func attentionJSON(r *request) (any, error) {
	var rows []ConcernJSON
	for _, c := range r.concerns() {
		if r.chosen("status", c.Status) && r.contains(c.Address, c.Text) {
			rows = append(rows, ConcernJSON{c.Address, c.Status, c.Impact, c.Text, c.Since, c.Hidden})
		}
	}
	return paged(r, rows)
}

func itemsJSON(r *request) (any, error) {
	var rows []ItemJSON
	for _, i := range r.items {
		if r.chosen("status", string(i.Status)) && r.chosen("system", i.System) && r.chosen("tenant", i.Tenant) && r.chosen("machine", i.Machine) && r.contains(i.Address, i.Entity) {
			rows = append(rows, ItemJSON{i.Item, i.System, i.Machine, i.Tenant})
		}
	}
	return paged(r, rows)
}

func (r *request) machineJSON(i int) MachineJSON {
	m := r.Machines[i]
	return MachineJSON{
		Name: m.Name, Status: r.states[i], Site: m.Site, Rack: m.Rack, Unit: m.Unit, Height: m.Height, Class: m.Class, GPUs: m.GPUs, GPUModel: m.GPUModel,
		Lifecycle: m.Lifecycle, Role: m.Role, Tenant: m.Tenant, Pool: m.PoolAddress(), Still: r.cell(i).Still.PoolAddress(), Segment: m.Segment, Origin: r.Positions["machine/"+m.Name],
	}
}

func machinesJSON(r *request) (any, error) {
	var rows []MachineJSON
	for i, m := range r.Machines {
		if r.chosen("status", r.states[i]) && r.chosen("site", m.Site) && r.chosen("class", m.Class) && r.chosen("lifecycle", m.Lifecycle) &&
			r.chosen("tenant", m.Tenant) && r.contains(m.Name, m.Rack, m.Serial, m.PoolAddress()) {
			rows = append(rows, r.machineJSON(i))
		}
	}
	return paged(r, rows)
}

func machineJSON(r *request) (any, error) {
	name := r.http.PathValue("machine")
	i, ok := r.machines[name]
	if !ok {
		return nil, errNotFound
	}
	m := r.machineJSON(i)
	for _, o := range r.ofMachine(name) {
		m.Objects = append(m.Objects, o.ID.String())
	}
	return m, nil
}

func tenantsJSON(r *request) (any, error) {
	var rows []TenantJSON
	for _, t := range r.Tenants {
		row := r.tenantRow(t)
		if !r.chosen("status", row.Status) || !r.contains(t.Name, t.DisplayName) {
			continue
		}
		clusters := []string{}
		for _, c := range t.Clusters {
			clusters = append(clusters, c.Name)
		}
		rows = append(rows, TenantJSON{t.Name, t.DisplayName, row.Status, row.Machines, row.Want, row.GPUs, row.Off, clusters, t.Retired, r.Positions["tenant/"+t.Name]})
	}
	return paged(r, rows)
}

func poolsJSON(r *request) (any, error) {
	var rows []PoolJSON
	for _, p := range r.pools() {
		if !r.chosen("tenant", p.Tenant) || !r.chosen("class", p.Class) || !r.contains(p.Address()) {
			continue
		}
		row := r.poolRow(p)
		states := map[string]int{}
		for _, c := range row.States {
			states[c.Status] = c.N
		}
		rows = append(rows, PoolJSON{p.Address(), p.Tenant, p.Cluster, p.Name, row.Status, p.Class, p.Count, p.Machines, states})
	}
	return paged(r, rows)
}

func segmentsJSON(r *request) (any, error) {
	members := map[string][]string{}
	for _, m := range r.Machines {
		members[m.Segment] = append(members[m.Segment], m.Name)
	}
	var rows []SegmentJSON
	for _, g := range r.Segments {
		if r.chosen("site", g.Site) && r.chosen("tenant", g.Tenant) && r.contains(r.segmentTexts(g)...) {
			rows = append(rows, SegmentJSON{
				g.Name, r.status("segment/" + g.Name), g.Site, g.Tenant, g.Cluster, g.Network, g.Subnet, g.Gateway, g.VLAN, g.PKey, g.NVLink,
				r.networks["segment/"+g.Name], members[g.Name],
			})
		}
	}
	return paged(r, rows)
}

func stacksJSON(r *request) (any, error) {
	var rows []StackJSON
	for _, k := range r.Stacks {
		if r.contains(k.Name, k.Description) {
			rows = append(rows, StackJSON{k.Name, after(k.Components), k.Clusters})
		}
	}
	return paged(r, rows)
}

func objectJSON(r *request) (any, error) {
	address := r.http.PathValue("address")
	out := ObjectJSON{Version: apiVersion, Address: address, Status: r.objectStatus(address)}
	if n, ok := r.byAddress[address]; ok {
		i := r.items[n]
		out.Item, out.Entity = &ItemJSON{i.Item, i.System, i.Machine, i.Tenant}, i.Entity
	}
	o, wanted := r.object(address)
	if !wanted && out.Item == nil {
		return nil, errNotFound
	}
	if out.Wanted = wanted; wanted {
		out.Entity = o.Entity
		leaves, _ := r.leaves(o.Tree)
		for _, l := range leaves {
			out.Fields = append(out.Fields, LeafJSON(l))
		}
	}
	out.Origin = r.Positions[out.Entity]
	return out, nil
}
