package fleet

// classless: a pool that names no class has labels to choose by, and something tells its class: else
// nobody knew how large its nodes are.
func (c *checker) classless(p PoolRef, at func(string) Query) {
	switch {
	case p.Pool.Class != "":
	case len(p.Pool.Selector) == 0:
		c.report("MW340", at(""), "pool "+p.Name+" says neither of what class nor with what labels its machines are", "write class, or a selector")
	case p.Class != "":
	case p.Pool.Count == 0:
		c.report("MW340", at(".count"), "pool "+p.Name+" has no machines, and names no class: nothing says how large its nodes are", "write class, or a count that is not 0")
	case c.f.Leaving(p.Tenant, p.Cluster) != "":
		c.report("MW340", at(""), "pool "+p.Name+" is given up and has no machines any more that would tell its class", "write the class that they had, so that the node type stays what it is until the pool has left the fleet")
	}
}

// classOf is the class of the machines of one of the cluster's pools; empty while nothing tells it.
func (c clusterCheck) classOf(pool string) string {
	return c.f.poolRef(c.tenant, c.name, pool).Class
}
