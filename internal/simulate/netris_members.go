package simulate

import (
	"maps"
	"slices"
)

// checkContent checks what a PUT of a cluster may set: its tags and servers. Id is 0 for a new cluster.
func (n *Netris) checkContent(id int, admin netrisRef, tags []string, servers []netrisMember) error {
	seen := map[int]bool{}
	for _, m := range servers {
		s, ok := n.servers.rows[m.ID]
		if !ok {
			return netrisRefuse("servers", "servers: there is none with the id %d", m.ID)
		}
		if seen[m.ID] && n.site.Rule(NetrisSharedOrDedicated) {
			return netrisRefuse("servers", "the server %s is listed twice: it is a dedicated member or a shared one", s.Name)
		}
		seen[m.ID] = true
		if s.Tenant.ID != admin.ID && n.site.Rule(NetrisServerOwner) {
			return netrisRefuse("servers", "the server %s is not owned by the cluster's admin tenant", s.Name)
		}
		if other := n.dedicatedTo(m.ID, id); !m.Shared && other != "" && n.site.Rule(NetrisDedicatedOnce) {
			return netrisRefuse("servers", "the server %s is a dedicated member of the server cluster %s", s.Name, other)
		}
	}
	return n.checkTags(tags)
}

// dedicatedTo is the name of another cluster that has the server as a dedicated member, or has not
// finished to let it go.
func (n *Netris) dedicatedTo(server, except int) string {
	for id, c := range n.clusters.all() {
		shared, wired := c.wired[server]
		if id != except && (wired && !shared || slices.ContainsFunc(c.Servers, func(m netrisMember) bool { return m.ID == server && !m.Shared })) {
			return c.Name
		}
	}
	return ""
}

func (n *Netris) updateCluster(call *netrisCall) (any, error) {
	c, err := n.cluster(call)
	if err != nil {
		return nil, err
	}
	in, err := netrisDecode(n, call, &c.netrisClusterBody)
	if err != nil {
		return nil, err
	}
	if err := n.setContent(call.id, c, in.Tags, in.Servers); err != nil {
		return nil, err
	}
	if !n.site.Rule(NetrisClusterLocked) {
		return netrisRef{ID: call.id}, n.moveCluster(c, in)
	}
	return netrisRef{ID: call.id}, nil
}

// moveCluster sets what NetrisClusterLocked protects, as far as the request names it.
func (n *Netris) moveCluster(c *netrisCluster, in netrisClusterBody) error {
	if in.Name != "" {
		c.Name = in.Name
	}
	if in.Template.ID != 0 {
		if err := n.templates.resolve("srvClusterTemplate", &in.Template.netrisRef, n.refByName()); err != nil {
			return err
		}
		c.Template, c.stanzas = in.Template, n.templates.rows[in.Template.ID].VNets
	}
	if in.VPC.ID != 0 {
		if err := n.vpcs.resolve("vpc", &in.VPC, n.refByName()); err != nil {
			return err
		}
		c.VPC = in.VPC
	}
	return nil
}

// setContent sets a cluster's tags and servers, at once in the object and later in the fabric.
func (n *Netris) setContent(id int, c *netrisCluster, tags []string, servers []netrisMember) error {
	if err := n.checkIdle(c); err != nil {
		return err
	}
	if err := n.checkContent(id, c.Admin, tags, servers); err != nil {
		return err
	}
	moved := !maps.Equal(netrisSharing(c.Servers), netrisSharing(servers))
	c.Tags, c.Servers = tags, servers
	c.touch()
	if moved {
		n.provisionCluster(c)
	}
	return nil
}

func (n *Netris) checkIdle(c *netrisCluster) error {
	if c.provisioning && n.site.Rule(NetrisBusy) {
		return netrisRefuse("id", "the server cluster %s is being provisioned", c.Name)
	}
	return nil
}

// setClusterState disables a cluster, which takes its servers off the fabric, or activates it again.
func (n *Netris) setClusterState(call *netrisCall) (any, error) {
	c, err := n.cluster(call)
	if err != nil {
		return nil, err
	}
	state := call.PathValue("state")
	if state != "active" && state != "disabled" {
		return nil, netrisRefuse("state", "state is active or disabled, not %q", state)
	}
	if err := n.checkIdle(c); err != nil {
		return nil, err
	}
	c.state = state
	c.touch()
	n.provisionCluster(c)
	return netrisRef{ID: call.id}, nil
}

// deleteCluster deletes the cluster with the V-Nets, subnets and allocations that it made. Whether a VPC
// that it made goes too is not documented; here it stays.
func (n *Netris) deleteCluster(call *netrisCall) (any, error) {
	c, err := n.cluster(call)
	if err != nil {
		return nil, err
	}
	if err := n.checkIdle(c); err != nil {
		return nil, err
	}
	if len(c.Servers) > 0 && n.site.Rule(NetrisDeleteInUse) {
		return nil, netrisRefuse("id", "the server cluster %s has %d servers", c.Name, len(c.Servers))
	}
	c.Servers = nil
	c.generation++
	n.settle(c)
	for _, id := range c.vnets {
		delete(n.vnets.rows, id)
	}
	for _, id := range c.subnets {
		delete(n.subnets.rows, id)
	}
	for _, id := range c.allocations {
		delete(n.allocations.rows, id)
	}
	delete(n.clusters.rows, call.id)
	return nil, nil
}
