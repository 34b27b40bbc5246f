package simulate

import "slices"

// netrisTenantBody is what a client writes. A tenant's API is of the first version: PUT and DELETE go to
// the collection, with the id in the body.
type netrisTenantBody struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

type netrisTenant struct {
	netrisTenantBody
	netrisStamps
}

func (t *netrisTenant) label() string { return t.Name }

func (n *Netris) listTenants(*netrisCall) (any, error) {
	list := []any{}
	for id, t := range n.tenants.all() {
		list = append(list, map[string]any{"id": id, "tenant_id": id, "name": t.Name, "description": t.Description,
			"create_date": t.CreatedDate, "modified_date": t.ModifiedDate})
	}
	return list, nil
}

func (n *Netris) createTenant(call *netrisCall) (any, error) {
	in, err := netrisDecode[netrisTenantBody](n, call, nil)
	if err != nil {
		return nil, err
	}
	if err := n.checkTenant(0, in); err != nil {
		return nil, err
	}
	return netrisRef{ID: n.tenants.add(&netrisTenant{netrisTenantBody: in, netrisStamps: netrisNow()})}, nil
}

func (n *Netris) checkTenant(id int, in netrisTenantBody) error {
	if other := n.tenants.find(in.Name); other != 0 && other != id && n.site.Rule(NetrisTenantName) {
		return netrisRefuse("name", "there is a tenant of the name %q already", in.Name)
	}
	return n.checkName(in.Name)
}

// tenantInBody finds the tenant that a v1 request's body names by its id.
func (n *Netris) tenantInBody(call *netrisCall) (int, *netrisTenant, error) {
	in, err := netrisDecode[netrisRef](n, call, nil)
	if err != nil {
		return 0, nil, err
	}
	t, ok := n.tenants.rows[in.ID]
	if !ok {
		return 0, nil, netrisNotFound("Not found.")
	}
	return in.ID, t, nil
}

func (n *Netris) updateTenant(call *netrisCall) (any, error) {
	id, t, err := n.tenantInBody(call)
	if err != nil {
		return nil, err
	}
	in, err := netrisDecode(n, call, &t.netrisTenantBody)
	if err != nil {
		return nil, err
	}
	if err := n.checkTenant(id, in); err != nil {
		return nil, err
	}
	t.netrisTenantBody = in
	t.touch()
	return netrisRef{ID: id}, nil
}

func (n *Netris) deleteTenant(call *netrisCall) (any, error) {
	id, _, err := n.tenantInBody(call)
	if err != nil {
		return nil, err
	}
	if what := n.tenantUse(id); what != "" && n.site.Rule(NetrisDeleteInUse) {
		return nil, netrisRefuse("id", "the tenant is in use by %s", what)
	}
	delete(n.tenants.rows, id)
	return nil, nil
}

// tenantUse names something that belongs to the tenant, or nothing.
func (n *Netris) tenantUse(id int) string {
	for _, v := range n.vpcs.all() {
		if v.AdminTenant.ID == id || slices.ContainsFunc(v.GuestTenant, func(r netrisRef) bool { return r.ID == id }) {
			return "the VPC " + v.Name
		}
	}
	for _, a := range n.allocations.all() {
		if a.Tenant.ID == id {
			return "the allocation " + a.Prefix
		}
	}
	for _, s := range n.subnets.all() {
		if s.Tenant.ID == id {
			return "the subnet " + s.Prefix
		}
	}
	for _, s := range n.servers.all() {
		if s.Tenant.ID == id {
			return "the server " + s.Name
		}
	}
	for _, v := range n.vnets.all() {
		if v.Tenant.ID == id {
			return "the V-Net " + v.Name
		}
	}
	for _, b := range n.balancers.all() {
		if b.Tenant.ID == id {
			return "the load balancer " + b.Name
		}
	}
	for _, c := range n.clusters.all() {
		if c.Admin.ID == id {
			return "the server cluster " + c.Name
		}
	}
	return ""
}
