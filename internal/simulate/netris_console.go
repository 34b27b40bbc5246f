package simulate

import "slices"

// AddMember makes a server a dedicated member of a server cluster, as a person does in the console.
func (n *Netris) AddMember(cluster, server string) error {
	return n.editCluster(cluster, "adds the server "+server, func(c *netrisCluster) {
		c.Servers = append(c.Servers, netrisMember{ID: n.servers.find(server)})
	})
}

// RemoveMember takes a server out of a server cluster, as a person does in the console.
func (n *Netris) RemoveMember(cluster, server string) error {
	return n.editCluster(cluster, "removes the server "+server, func(c *netrisCluster) {
		id := n.servers.find(server)
		c.Servers = slices.DeleteFunc(c.Servers, func(m netrisMember) bool { return m.ID == id })
	})
}

// SetClusterTags sets the tags of a server cluster, as a person does in the console.
func (n *Netris) SetClusterTags(cluster string, tags ...string) error {
	return n.editCluster(cluster, "sets the cluster's tags", func(c *netrisCluster) { c.Tags = slices.Clone(tags) })
}

// editCluster applies an edit to a cluster's tags and servers, within the rules.
func (n *Netris) editCluster(cluster, detail string, edit func(*netrisCluster)) error {
	return n.byHand(cluster, detail, func() error {
		id := n.clusters.find(cluster)
		if id == 0 {
			return netrisNotFound("Not found.")
		}
		c := n.clusters.rows[id]
		wanted := netrisCluster{netrisClusterBody: netrisClusterBody{Tags: c.Tags, Servers: slices.Clone(c.Servers)}}
		edit(&wanted)
		return n.setContent(id, c, wanted.Tags, wanted.Servers)
	})
}
