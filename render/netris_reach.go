package render

import (
	"net/netip"
	"strconv"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// reach renders what a segment lets in and out: peers, NAT, load balancers, ACLs.
func (r *renderer) reach(c cluster, vpc state.ID) {
	r.peers(c)
	r.nat(c, vpc)
	for n, b := range fleet.All(c.segment.Balancers) {
		r.balancer(c, vpc, n, b)
	}
	for n, a := range fleet.All(c.segment.ACLs) {
		r.acl(c, vpc, n, a)
	}
}

// inSegment is what every such object says of where it is.
func (c cluster) inSegment(name state.Tree) fields {
	site := source("site/" + c.segment.Site)
	return fields{
		"name": name,
		"site": named(site.of("netris.site", c.site.Netris.Site)),
		"vpc":  named(source("segment/" + c.Segment).fixed(c.Segment)),
	}
}

// publicSubnets are the site's public networks for one use, which must be there first.
func (c cluster) publicSubnets(use string) []state.ID {
	var ids []state.ID
	for n, p := range fleet.All(c.site.Network.Public) {
		if p.Use == use {
			ids = append(ids, netrisID(c.segment.Site, "subnet", c.segment.Site+"-"+n))
		}
	}
	return ids
}

// peers renders each pair once, from the end that comes first by name; both ends have agreed.
func (r *renderer) peers(c cluster) {
	seg := source("segment/" + c.Segment)
	for n := range fleet.All(c.segment.Peers) {
		tenant := r.fleet.TenantOf(n)
		if n < c.Segment || tenant == "" || r.fleet.Tenants[tenant].Retired {
			continue
		}
		name, field := c.Segment+"-to-"+n, key("peer", n)
		r.addNetris(c.segment.Site, "vpc-peering", name, seg, fields{
			"name": seg.because(field, "both segments' names", name),
			"vpcA": named(seg.fixed(c.Segment)),
			"vpcB": named(seg.because(field, "the other segment's VPC", n)),
		}, netrisID(c.segment.Site, "vpc", c.Segment), netrisID(c.segment.Site, "vpc", n))
	}
}

// anyPorts is every port, as Netris writes it.
const anyPorts = "1-65535"

func (r *renderer) nat(c cluster, vpc state.ID) {
	seg := source("segment/" + c.Segment)
	on := append([]state.ID{vpc}, c.publicSubnets(fleet.PublicNAT)...)
	add := func(name, field string, tree fields) {
		for k, v := range c.inSegment(seg.because(field, "with the segment's name before it", name)) {
			tree[k] = v
		}
		tree["state"] = seg.fixed("enabled")
		r.addNetris(c.segment.Site, "nat", name, seg, tree, on...)
	}
	if e := c.segment.Egress; e != nil {
		add(c.Segment+"-egress", "egress", fields{
			"action":             seg.fixed("SNAT"),
			"protocol":           seg.fixed("all"),
			"sourceAddress":      seg.of("northSouth.network", c.segment.NorthSouth.Network),
			"sourcePort":         seg.fixed(anyPorts),
			"destinationAddress": seg.fixed(anywhere(e.Address)),
			"destinationPort":    seg.fixed(anyPorts),
			"snatToIP":           seg.because("egress.address", "as a network of one", one(e.Address)),
		})
	}
	for n, p := range fleet.All(c.segment.Publish) {
		field := key("publish", n)
		add(c.Segment+"-publish-"+n, field, fields{
			"action":             seg.fixed("DNAT"),
			"protocol":           seg.of(field+".protocol", p.Protocol),
			"sourceAddress":      seg.of(field+".from", p.From),
			"sourcePort":         seg.fixed(anyPorts),
			"destinationAddress": seg.because(field+".address", "as a network of one", one(p.Address)),
			"destinationPort":    seg.because(field+".port", "as text", strconv.Itoa(p.Port)),
			"dnatToIP":           seg.because(field+".to.address", "as a network of one", one(p.To.Address)),
			"dnatToPort":         seg.because(field+".to.port", "as text", strconv.Itoa(p.To.Port)),
		})
	}
}

// one is an address as the network of it alone: "203.0.113.10/32".
func one(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address // the checks refused it
	}
	return netip.PrefixFrom(a, a.BitLen()).String()
}

// anywhere is every address of the family of an address.
func anywhere(address string) string {
	return map[string]string{"ipv4": "0.0.0.0/0", "ipv6": "::/0"}[family(address)]
}

func (r *renderer) balancer(c cluster, vpc state.ID, n string, b *fleet.Balancer) {
	seg, field, name := source("segment/"+c.Segment), key("balancer", n), c.Segment+"-"+n
	tree := c.inSegment(seg.because(field, "with the segment's name before it", name))
	tree["tenant"] = named(source("site/"+c.segment.Site).of("netris.adminTenant", c.site.Netris.AdminTenant))
	tree["protocol"] = seg.because(field+".protocol", "in capitals", map[string]string{"tcp": "TCP", "udp": "UDP"}[b.Protocol])
	tree["port"] = seg.of(field+".port", b.Port)
	tree["status"] = seg.because(field+".enabled", "as a word", map[bool]string{true: "enable", false: "disable"}[b.Enabled])
	if b.Address != fleet.AutoAddress {
		tree["ip"] = seg.of(field+".address", b.Address)
	}
	check := map[string]string{"tcp": "TCP", "http": "HTTP", "none": "None"}[b.Check]
	if b.Protocol == "udp" {
		check = "None"
	}
	tree["healthCheck"] = seg.because(field+".check", "as Netris writes it, and none for udp", check)
	if check != "None" {
		tree["timeOut"] = seg.because(field+".timeout", "as text", strconv.Itoa(b.Timeout))
	}
	if check == "HTTP" {
		tree["requestPath"] = seg.of(field+".path", b.Path)
	}
	backends := make([]state.Tree, len(b.Backends))
	for i, to := range b.Backends {
		at := field + ".backends" + state.Index(i)
		backends[i] = node(fields{
			"ip":          seg.of(at+".address", to.Address),
			"port":        seg.of(at+".port", to.Port),
			"maintenance": seg.fixed(false),
		})
	}
	tree["backendIps"] = list(backends...)
	r.addNetris(c.segment.Site, "l4lb", name, seg, tree, append([]state.ID{vpc}, c.publicSubnets(fleet.PublicBalancer)...)...)
}

func (r *renderer) acl(c cluster, vpc state.ID, n string, a *fleet.ACL) {
	seg, field, name := source("segment/"+c.Segment), key("acl", n), c.Segment+"-"+n
	tree := fields{
		"name":        seg.because(field, "with the segment's name before it", name),
		"vpc":         named(seg.fixed(c.Segment)),
		"action":      seg.of(field+".action", a.Action),
		"proto":       seg.of(field+".protocol", a.Protocol),
		"established": seg.because(field+".established", "as a number", map[bool]int{true: 1, false: 0}[a.Established]),
		"reverse":     seg.because(field+".reverse", "as a word", map[bool]string{true: "yes", false: "no"}[a.Reverse]),
		"comment":     seg.of(field+".comment", a.Comment),
	}
	for prefix, end := range map[string]fleet.ACLEnd{"src": a.Source, "dst": a.Destination} {
		at := field + map[string]string{"src": ".source", "dst": ".destination"}[prefix]
		tree[prefix+"_prefix"] = seg.of(at+".network", end.Network)
		from, to := 1, 65535
		if end.Ports != nil {
			from, to = end.Ports.From, end.Ports.To
			tree[prefix+"_port_from"], tree[prefix+"_port_to"] = seg.of(at+".ports.from", from), seg.of(at+".ports.to", to)
			continue
		}
		tree[prefix+"_port_from"], tree[prefix+"_port_to"] = seg.fixed(from), seg.fixed(to)
	}
	r.addNetris(c.segment.Site, "acl", name, seg, tree, vpc)
}
