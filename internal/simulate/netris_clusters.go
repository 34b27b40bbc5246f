package simulate

import "slices"

// netrisMember is a server of a server cluster.
type netrisMember struct {
	ID     int    `json:"id"`
	Name   string `json:"name,omitempty"`
	Shared bool   `json:"shared"`
}

// netrisSpecified is a gateway for a stanza that leaves it to the cluster ("specify"). The exact form
// is not documented.
type netrisSpecified struct {
	Postfix string `json:"postfix"`
	Address string `json:"address"`
}

type netrisTemplateRef struct {
	netrisRef
	IPv4Gateways []netrisSpecified `json:"ipv4Gateways,omitempty"`
	IPv6Gateways []netrisSpecified `json:"ipv6Gateways,omitempty"`
}

type netrisClusterBody struct {
	Name     string            `json:"name"`
	Admin    netrisRef         `json:"admin"`
	Site     netrisRef         `json:"site"`
	VPC      netrisRef         `json:"vpc"` // id 0 or absent: the cluster makes a VPC of its own
	Template netrisTemplateRef `json:"srvClusterTemplate"`
	Tags     []string          `json:"tags"`
	Servers  []netrisMember    `json:"servers"`
}

type netrisCluster struct {
	netrisClusterBody
	netrisStamps
	state                       string
	stanzas                     []netrisStanza // the template's, when the cluster was made
	vnets, allocations, subnets []int          // that it made
	wired                       map[int]bool   // servers whose ports are set up for it; true: as shared
	provisioning                bool
	generation                  int // counts changes, so that only the newest takes effect
}

func (c *netrisCluster) label() string { return c.Name }

func (c *netrisCluster) lists(server int) bool {
	return slices.ContainsFunc(c.Servers, func(m netrisMember) bool { return m.ID == server })
}

// netrisSharing says of each member whether it is a shared one.
func netrisSharing(members []netrisMember) map[int]bool {
	sharing := map[int]bool{}
	for _, m := range members {
		sharing[m.ID] = m.Shared
	}
	return sharing
}

func (n *Netris) viewCluster(id int, c *netrisCluster) map[string]any {
	servers := []netrisMember{}
	for _, m := range c.Servers {
		servers = append(servers, netrisMember{ID: m.ID, Name: n.servers.ref(m.ID).Name, Shared: m.Shared})
	}
	return map[string]any{
		"id": id, "name": c.Name, "state": c.state, "status": netrisStatus(c.state, c.provisioning),
		"admin": n.tenants.ref(c.Admin.ID), "site": n.siteRef(), "vpc": n.vpcs.ref(c.VPC.ID),
		"srvClusterTemplate": n.templates.ref(c.Template.ID), "tags": c.Tags, "servers": servers,
		"createdDate": c.CreatedDate, "modifiedDate": c.ModifiedDate,
	}
}

// listClusters lists the clusters of all VPCs. Their resources are shown by getCluster only.
func (n *Netris) listClusters(*netrisCall) (any, error) {
	list := []any{}
	for id, c := range n.clusters.all() {
		list = append(list, n.viewCluster(id, c))
	}
	return list, nil
}

// listMembers tells for each server of a cluster which cluster that is.
func (n *Netris) listMembers(*netrisCall) (any, error) {
	list := []any{}
	for id, c := range n.clusters.all() {
		for _, m := range c.Servers {
			list = append(list, map[string]any{"id": m.ID, "name": n.servers.ref(m.ID).Name, "serverClusterID": id})
		}
	}
	return list, nil
}

// cluster is the server cluster that the request's path names.
func (n *Netris) cluster(call *netrisCall) (*netrisCluster, error) {
	if c, ok := n.clusters.rows[call.id]; ok {
		return c, nil
	}
	return nil, netrisNotFound("Not found.")
}

func (n *Netris) getCluster(call *netrisCall) (any, error) {
	c, err := n.cluster(call)
	if err != nil {
		return nil, err
	}
	vnets, allocations, subnets := []any{}, []any{}, []any{}
	for _, id := range c.vnets {
		if v, ok := n.vnets.rows[id]; ok {
			vnets = append(vnets, map[string]any{"id": id, "name": v.Name, "ipv4Gateways": v.gateways(true), "ipv6Gateways": v.gateways(false)})
		}
	}
	for _, id := range c.allocations {
		if a, ok := n.allocations.rows[id]; ok {
			allocations = append(allocations, map[string]any{"id": id, "prefix": a.Prefix})
		}
	}
	for _, id := range c.subnets {
		if s, ok := n.subnets.rows[id]; ok {
			subnets = append(subnets, map[string]any{"id": id, "prefix": s.Prefix})
		}
	}
	view := n.viewCluster(call.id, c)
	view["resources"] = map[string]any{"vnets": vnets, "allocations": allocations, "subnets": subnets}
	return view, nil
}
