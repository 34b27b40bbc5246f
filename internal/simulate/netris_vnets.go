package simulate

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// netrisDHCP is what a gateway hands out; where a client leaves it out the controller fills it in.
type netrisDHCP struct {
	Start     string    `json:"start"`
	End       string    `json:"end"`
	OptionSet netrisRef `json:"optionSet"`
}

// netrisPort is a switch port of a V-Net, by its id or as "swp5@leaf1".
type netrisPort struct {
	ID         int        `json:"id"`
	Name       string     `json:"name"`
	VLAN       string     `json:"vlan"`
	AccessMode bool       `json:"accessMode"` // untagged
	State      netrisWord `json:"state"`
}

type netrisGateway struct {
	Prefix         string      `json:"prefix"` // an address with the subnet's length
	VLAN           string      `json:"vlan"`
	DHCPEnabled    bool        `json:"dhcpEnabled"`
	DHCPLeaseCount int         `json:"dhcpLeaseCount"`
	DHCP           *netrisDHCP `json:"dhcp"`
}

type netrisVNetBody struct {
	Name         string          `json:"name"`
	Sites        []netrisRef     `json:"sites"`
	Tenant       netrisRef       `json:"tenant"`
	VPC          netrisRef       `json:"vpc"`
	GuestTenants []netrisRef     `json:"guestTenants"`
	State        string          `json:"state"`
	IPFamily     string          `json:"ipFamily"`
	VLANAware    bool            `json:"vlanAware"`
	VLANs        string          `json:"vlans"`
	VLAN         any             `json:"vlan"` // "auto", or a number in either form
	NativeVLAN   int             `json:"nativeVlan"`
	VXLANID      int             `json:"vxlanID"`
	L3VPN        bool            `json:"l3vpn"`
	Gateways     []netrisGateway `json:"gateways"`
	Ports        []netrisPort    `json:"ports"`
	PortTags     []any           `json:"portTags"`
	Tags         []string        `json:"tags"`
}

type netrisVNet struct {
	netrisVNetBody
	netrisStamps
	vlan         int // in force
	cluster      int // the server cluster that made it, or 0
	provisioning bool
	generation   int // counts changes, so that only the newest takes effect
}

func (v *netrisVNet) label() string { return v.Name }

// hasGatewayIn reports whether a gateway's address lies in the subnet.
func (v *netrisVNet) hasGatewayIn(subnet netip.Prefix) bool {
	return slices.ContainsFunc(v.Gateways, func(g netrisGateway) bool {
		p, err := netip.ParsePrefix(g.Prefix)
		return err == nil && subnet.Contains(p.Addr())
	})
}

// netrisStatus is how V-Nets and server clusters tell their status.
func netrisStatus(state string, provisioning bool) any {
	switch {
	case provisioning:
		return map[string]any{"label": "Provisioning", "value": "provisioning"}
	case state == "disabled":
		return map[string]any{"label": "Disabled", "value": "disabled"}
	}
	return map[string]any{"label": "Active", "value": "active"}
}

func (n *Netris) viewVNet(id int, v *netrisVNet) any {
	return map[string]any{
		"id": id, "name": v.Name, "state": v.State, "status": netrisStatus(v.State, v.provisioning), "provisioning": v.provisioning,
		"vlan": v.vlan, "vlans": v.VLANs, "vlanAware": v.VLANAware, "nativeVlan": v.NativeVLAN, "vxlanID": v.VXLANID,
		"ipFamily": v.IPFamily, "l3vpn": v.L3VPN, "macAddress": fmt.Sprintf("02:00:00:00:%02x:%02x", id>>8&0xff, id&0xff),
		"tenant": n.tenants.ref(v.Tenant.ID), "vpc": n.vpcs.ref(v.VPC.ID), "guestTenants": n.tenants.refs(v.GuestTenants),
		"sites": []netrisRef{n.siteRef()}, "gateways": n.viewGateways(v), "ports": n.viewPorts(v), "portTags": v.PortTags,
		"portsCount": len(v.Ports), "tags": v.Tags, "createdDate": v.CreatedDate, "modifiedDate": v.ModifiedDate,
	}
}

func (n *Netris) viewGateways(v *netrisVNet) []any {
	list := []any{}
	for _, g := range v.Gateways {
		if g.DHCP != nil {
			g.DHCP = &netrisDHCP{g.DHCP.Start, g.DHCP.End, n.options.ref(g.DHCP.OptionSet.ID)}
		}
		list = append(list, g)
	}
	return list
}

// viewPorts shows a port's name in two fields and its state with a label, beside much that nobody wrote.
func (n *Netris) viewPorts(v *netrisVNet) []any {
	list := []any{}
	for _, p := range v.Ports {
		port, leaf, _ := strings.Cut(n.opts.Ports[p.ID-netrisPortID], "@")
		vlan := p.VLAN
		if vlan == "auto" {
			vlan = strconv.Itoa(v.vlan)
		}
		list = append(list, map[string]any{"id": p.ID, "port": port, "switchName": leaf, "vlan": vlan, "untagged": p.AccessMode,
			"accessMode": p.AccessMode, "state": map[string]any{"id": 1, "label": p.State.text, "value": p.State.text},
			"status": map[string]any{"label": "UP"}, "site": n.siteRef(), "macCount": 0})
	}
	return list
}

func (n *Netris) listVNets(call *netrisCall) (any, error) {
	shown, err := n.inList(call)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for id, v := range n.vnets.all() {
		if shown(v.VPC.ID) {
			list = append(list, n.viewVNet(id, v))
		}
	}
	return list, nil
}

// vnet is the V-Net that the request's path names.
func (n *Netris) vnet(call *netrisCall) (*netrisVNet, error) {
	if v, ok := n.vnets.rows[call.id]; ok {
		return v, nil
	}
	return nil, netrisNotFound("Not found.")
}

func (n *Netris) getVNet(call *netrisCall) (any, error) {
	v, err := n.vnet(call)
	if err != nil {
		return nil, err
	}
	return n.viewVNet(call.id, v), nil
}
