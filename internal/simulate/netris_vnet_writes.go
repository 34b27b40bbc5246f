package simulate

import (
	"net/netip"
	"slices"
	"strconv"
)

// createVNet answers with an array, as the API's schema says, where other kinds answer with an object.
func (n *Netris) createVNet(call *netrisCall) (any, error) {
	in, err := netrisDecode[netrisVNetBody](n, call, nil)
	if err != nil {
		return nil, err
	}
	if err := n.tenants.resolve("tenant", &in.Tenant, n.refByName()); err != nil {
		return nil, err
	}
	if err := n.resolveVPC(&in.VPC); err != nil {
		return nil, err
	}
	if err := n.checkVNet(0, &in); err != nil {
		return nil, err
	}
	return []any{netrisRef{ID: n.addVNet(in, 0)}}, nil
}

// checkVNet checks what POST and PUT have in common, and fills in defaults.
func (n *Netris) checkVNet(id int, in *netrisVNetBody) error {
	if err := n.checkVNetName(id, in.Name); err != nil {
		return err
	}
	if in.State == "" {
		in.State = "active"
	}
	if in.IPFamily == "" {
		in.IPFamily = "dual"
	}
	if in.L3VPN && len(in.Gateways) > 0 {
		return netrisRefuse("gateways", "an L3VPN V-Net has no gateways")
	}
	for i := range in.Gateways {
		if err := n.checkGateway(in.VPC.ID, &in.Gateways[i]); err != nil {
			return err
		}
	}
	for i := range in.Ports {
		if err := n.checkPort(&in.Ports[i]); err != nil {
			return err
		}
	}
	for i := range in.GuestTenants {
		if err := n.tenants.resolve("guestTenants", &in.GuestTenants[i], n.refByName()); err != nil {
			return err
		}
	}
	if err := n.resolveSites(in.Sites); err != nil {
		return err
	}
	return n.checkTags(in.Tags)
}

func (n *Netris) checkVNetName(id int, name string) error {
	if other := n.vnets.find(name); other != 0 && other != id && n.site.Rule(NetrisVNetName) {
		return netrisRefuse("name", "there is a V-Net of the name %q already", name)
	}
	return n.checkName(name)
}

func (n *Netris) checkGateway(vpc int, g *netrisGateway) error {
	p, err := netip.ParsePrefix(g.Prefix)
	if err != nil {
		return netrisRefuse("gateways", "%q is no address with a prefix length", g.Prefix)
	}
	subnet := n.subnetFor(vpc, p)
	if n.site.Rule(NetrisGatewaySubnet) && (subnet == nil || subnet.Purpose != "common") {
		return netrisRefuse("gateways", "the VPC has no common subnet for the gateway %s", g.Prefix)
	}
	if !g.DHCPEnabled {
		return nil
	}
	if g.DHCP == nil {
		g.DHCP = &netrisDHCP{}
	}
	if g.DHCP.Start == "" {
		g.DHCP.Start, g.DHCP.End = p.Addr().Next().String(), netrisAdd(p.Masked().Addr(), 1, p.Bits()).Prev().Prev().String()
	}
	if g.DHCP.OptionSet == (netrisRef{}) {
		g.DHCP.OptionSet.ID = netrisOptionsID
	}
	return n.options.resolve("optionSet", &g.DHCP.OptionSet, n.refByName())
}

// netrisPortID is the id of the first of NetrisOptions.Ports.
const netrisPortID = 501

// checkPort finds a port by its id or, where that is 0, by its name.
func (n *Netris) checkPort(p *netrisPort) error {
	if p.ID == 0 {
		p.ID = slices.Index(n.opts.Ports, p.Name) + netrisPortID
	}
	if p.ID < netrisPortID || p.ID >= netrisPortID+len(n.opts.Ports) {
		return netrisRefuse("ports", "there is no port %q with the id %d", p.Name, p.ID)
	}
	if p.VLAN == "" {
		return netrisRefuse("ports", "the port %q has no vlan", p.Name)
	}
	if err := n.checkWord("ports", p.State, "active", "disabled"); err != nil {
		return err
	}
	p.State.labelled = false
	return nil
}

// subnetFor is the narrowest subnet of the VPC that contains the address, or nil.
func (n *Netris) subnetFor(vpc int, gateway netip.Prefix) *netrisSubnet {
	var found *netrisSubnet
	bits := -1
	for _, s := range n.subnets.all() {
		p := netip.MustParsePrefix(s.Prefix)
		if s.VPC.ID == vpc && p.Contains(gateway.Addr()) && p.Bits() > bits {
			found, bits = s, p.Bits()
		}
	}
	return found
}

// addVNet makes a V-Net of a checked body; the caller provisions those of a cluster.
func (n *Netris) addVNet(in netrisVNetBody, cluster int) int {
	v := &netrisVNet{netrisVNetBody: in, netrisStamps: netrisNow(), cluster: cluster}
	id := n.vnets.add(v)
	v.vlan = netrisVLAN(in, id-700)
	if v.VXLANID == 0 {
		v.VXLANID = id
	}
	v.provisioning = true
	if cluster == 0 {
		n.provisionVNet(v)
	}
	return id
}

// netrisVLAN is the VLAN in force for what was asked, where auto is the number to assign.
func netrisVLAN(in netrisVNetBody, auto int) int {
	if in.L3VPN {
		return 0
	}
	switch asked := in.VLAN.(type) {
	case float64:
		return int(asked)
	case string:
		if number, err := strconv.Atoi(asked); err == nil {
			return number
		}
	}
	return auto
}

// provisionVNet lets a change of a V-Net take effect later.
func (n *Netris) provisionVNet(v *netrisVNet) {
	v.provisioning = true
	v.generation++
	generation := v.generation
	n.later(n.opts.Provisioning, NetrisAsync, func() {
		if v.generation == generation {
			v.provisioning = false
		}
	})
}

func (n *Netris) updateVNet(call *netrisCall) (any, error) {
	v, err := n.vnet(call)
	if err != nil {
		return nil, err
	}
	in, err := netrisDecode(n, call, &v.netrisVNetBody)
	if err != nil {
		return nil, err
	}
	if v.provisioning && n.site.Rule(NetrisBusy) {
		return nil, netrisRefuse("id", "the V-Net %s is being provisioned", v.Name)
	}
	locked := n.site.Rule(NetrisCreateOnly)
	if locked || in.Tenant == (netrisRef{}) {
		in.Tenant = v.Tenant
	}
	if locked || in.VPC == (netrisRef{}) {
		in.VPC = v.VPC
	}
	if locked {
		in.VLANAware = v.VLANAware
	}
	if err := n.checkVNet(call.id, &in); err != nil {
		return nil, err
	}
	if in.VXLANID == 0 {
		in.VXLANID = v.VXLANID
	}
	v.netrisVNetBody, v.vlan = in, netrisVLAN(in, v.vlan)
	v.touch()
	n.provisionVNet(v)
	return netrisRef{ID: call.id}, nil
}

func (n *Netris) deleteVNet(call *netrisCall) (any, error) {
	v, err := n.vnet(call)
	if err != nil {
		return nil, err
	}
	if v.provisioning && n.site.Rule(NetrisBusy) {
		return nil, netrisRefuse("id", "the V-Net %s is being provisioned", v.Name)
	}
	if v.cluster != 0 && n.site.Rule(NetrisDeleteInUse) {
		return nil, netrisRefuse("id", "the V-Net %s belongs to the server cluster %s", v.Name, n.clusters.ref(v.cluster).Name)
	}
	delete(n.vnets.rows, call.id)
	return nil, nil
}
