package simulate

import (
	"slices"
	"strconv"
)

type netrisVPCBody struct {
	Name        string      `json:"name"`
	AdminTenant netrisRef   `json:"adminTenant"`
	GuestTenant []netrisRef `json:"guestTenant"`
	Tags        []string    `json:"tags"`
}

type netrisVPC struct {
	netrisVPCBody
	netrisStamps
}

func (v *netrisVPC) label() string { return v.Name }

func (n *Netris) viewVPC(id int, v *netrisVPC) any {
	return map[string]any{
		"id": id, "name": v.Name, "tags": v.Tags,
		"adminTenant": n.tenants.ref(v.AdminTenant.ID), "guestTenant": n.tenants.refs(v.GuestTenant),
		"isDefault": id == n.defaultVPC, "isSystem": id == netrisSystemVPCID,
		// The controller reserves both numbers when it makes a VPC.
		"vni": 2000 + id, "vlans": []any{map[string]any{"siteId": netrisSiteID, "vlan": 300 + id}},
		"createdDate": v.CreatedDate, "modifiedDate": v.ModifiedDate,
	}
}

func (n *Netris) listVPCs(*netrisCall) (any, error) {
	list := []any{}
	for id, v := range n.vpcs.all() {
		list = append(list, n.viewVPC(id, v))
	}
	return list, nil
}

// vpc is the VPC that the request's path names.
func (n *Netris) vpc(call *netrisCall) (*netrisVPC, error) {
	if v, ok := n.vpcs.rows[call.id]; ok {
		return v, nil
	}
	return nil, netrisNotFound("VPC is not found.")
}

func (n *Netris) getVPC(call *netrisCall) (any, error) {
	v, err := n.vpc(call)
	if err != nil {
		return nil, err
	}
	return n.viewVPC(call.id, v), nil
}

func (n *Netris) checkVPC(in *netrisVPCBody) error {
	for i := range in.GuestTenant {
		if err := n.tenants.resolve("guestTenant", &in.GuestTenant[i], n.refByName()); err != nil {
			return err
		}
	}
	if err := n.checkName(in.Name); err != nil {
		return err
	}
	return n.checkTags(in.Tags)
}

func (n *Netris) createVPC(call *netrisCall) (any, error) {
	in, err := netrisDecode[netrisVPCBody](n, call, nil)
	if err != nil {
		return nil, err
	}
	if err := n.tenants.resolve("adminTenant", &in.AdminTenant, n.refByName()); err != nil {
		return nil, err
	}
	if err := n.checkVPC(&in); err != nil {
		return nil, err
	}
	return netrisRef{ID: n.vpcs.add(&netrisVPC{netrisVPCBody: in, netrisStamps: netrisNow()})}, nil
}

func (n *Netris) updateVPC(call *netrisCall) (any, error) {
	v, err := n.vpc(call)
	if err != nil {
		return nil, err
	}
	in, err := netrisDecode(n, call, &v.netrisVPCBody)
	if err != nil {
		return nil, err
	}
	if n.site.Rule(NetrisCreateOnly) || in.AdminTenant == (netrisRef{}) {
		in.AdminTenant = v.AdminTenant
	} else if err := n.tenants.resolve("adminTenant", &in.AdminTenant, n.refByName()); err != nil {
		return nil, err
	}
	if err := n.checkVPC(&in); err != nil {
		return nil, err
	}
	v.netrisVPCBody = in
	v.touch()
	return netrisRef{ID: call.id}, nil
}

func (n *Netris) makeDefaultVPC(call *netrisCall) (any, error) {
	if _, err := n.vpc(call); err != nil {
		return nil, err
	}
	n.defaultVPC = call.id
	return netrisRef{ID: call.id}, nil
}

func (n *Netris) deleteVPC(call *netrisCall) (any, error) {
	if _, err := n.vpc(call); err != nil {
		return nil, err
	}
	if (call.id == netrisSystemVPCID || call.id == n.defaultVPC) && n.site.Rule(NetrisSystemVPC) {
		return nil, netrisRefuse("id", "the system's VPC and the default VPC cannot be deleted")
	}
	inUse := len(n.inVPC(call.id)) > 0 || n.peered(call.id) || n.servedFrom(call.id)
	for _, c := range n.clusters.all() {
		inUse = inUse || c.VPC.ID == call.id
	}
	if inUse && n.site.Rule(NetrisDeleteInUse) {
		return nil, netrisRefuse("id", "the VPC has resources")
	}
	delete(n.vpcs.rows, call.id)
	return nil, nil
}

// inVPC are the resources of a VPC by kind, as its resources answer names the kinds.
func (n *Netris) inVPC(id int) map[string][]netrisRef {
	found := map[string][]netrisRef{}
	for vnet, v := range n.vnets.all() {
		if v.VPC.ID == id {
			found["vnet"] = append(found["vnet"], n.vnets.ref(vnet))
		}
	}
	for allocation, a := range n.allocations.all() {
		if a.VPC.ID == id {
			found["ipam"] = append(found["ipam"], netrisRef{ID: allocation, Name: a.Prefix})
		}
	}
	for subnet, s := range n.subnets.all() {
		if s.VPC.ID == id {
			found["ipam"] = append(found["ipam"], netrisRef{ID: subnet, Name: s.Prefix})
		}
	}
	return found
}

// servedFrom reports whether something lies in a VPC that its resources answer does not tell of.
func (n *Netris) servedFrom(id int) bool {
	for _, r := range n.nats.all() {
		if r.VPC.ID == id {
			return true
		}
	}
	for _, b := range n.balancers.all() {
		if b.VPC.ID == id {
			return true
		}
	}
	for _, a := range n.acls.all() {
		if a.VPC.ID == id {
			return true
		}
	}
	return false
}

func (n *Netris) vpcResources(call *netrisCall) (any, error) {
	if _, err := n.vpc(call); err != nil {
		return nil, err
	}
	perSite := map[string]any{"site": n.siteRef()}
	found := n.inVPC(call.id)
	for _, kind := range []string{"vnet", "ipam", "bgp", "roh", "route"} {
		perSite[kind] = append([]netrisRef{}, found[kind]...)
	}
	return []any{map[string]any{"id": call.id, "resources": []any{perSite}}}, nil
}

// inList says which VPCs' objects a list shows: those of filterByVpc, else of the default VPC.
func (n *Netris) inList(call *netrisCall) (func(vpc int) bool, error) {
	asked := n.defaultVPC
	if filter := call.URL.Query().Get("filterByVpc"); filter != "" {
		id, err := strconv.Atoi(filter)
		if err != nil {
			return nil, netrisRefuse("filterByVpc", "filterByVpc: %q is no id", filter)
		}
		asked = id
	} else if !n.site.Rule(NetrisListDefaultVPC) {
		return func(int) bool { return true }, nil
	}
	return func(vpc int) bool { return vpc == asked }, nil
}

// resolveVPC settles where an object lands that is being created.
func (n *Netris) resolveVPC(r *netrisRef) error {
	if *r != (netrisRef{}) {
		return n.vpcs.resolve("vpc", r, n.refByName())
	}
	r.ID = n.defaultVPC
	if !n.site.Rule(NetrisVPCFallback) {
		for id := range n.vpcs.rows {
			r.ID = max(r.ID, id)
		}
	}
	return nil
}

// SetVPCTags sets the tags of the VPC of that name, as a person does in the console.
func (n *Netris) SetVPCTags(vpc string, tags ...string) error {
	return n.byHand(vpc, "sets the VPC's tags", func() error {
		id := n.vpcs.find(vpc)
		if id == 0 {
			return netrisNotFound("VPC is not found.")
		}
		if err := n.checkTags(tags); err != nil {
			return err
		}
		n.vpcs.rows[id].Tags = slices.Clone(tags)
		n.vpcs.rows[id].touch()
		return nil
	})
}
