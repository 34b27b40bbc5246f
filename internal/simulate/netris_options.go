package simulate

// netrisOptionSetBody is what a client writes of a set of DHCP options.
type netrisOptionSetBody struct {
	Name         string   `json:"name"`
	Description  string   `json:"description"`
	DomainSearch string   `json:"domainSearch"`
	DNSServers   []string `json:"dnsServers"`
	NTPServers   []string `json:"ntpServers"`
	LeaseTime    int      `json:"leaseTime"` // seconds
	Additional   []any    `json:"additionalOptions"`
}

type netrisOptionSet struct {
	netrisOptionSetBody
	netrisStamps
}

func (o *netrisOptionSet) label() string { return o.Name }

func (n *Netris) viewOptions(id int, o *netrisOptionSet) any {
	return map[string]any{
		"id": id, "name": o.Name, "description": o.Description, "domainSearch": o.DomainSearch, "dnsServers": o.DNSServers,
		"ntpServers": o.NTPServers, "leaseTime": o.LeaseTime, "additionalOptions": o.Additional, "isDefault": id == netrisOptionsID,
		"createdDate": o.CreatedDate, "modifiedDate": o.ModifiedDate,
	}
}

func (n *Netris) listOptions(*netrisCall) (any, error) {
	list := []any{}
	for id, o := range n.options.all() {
		list = append(list, n.viewOptions(id, o))
	}
	return list, nil
}

func (n *Netris) getOptions(call *netrisCall) (any, error) {
	o, err := n.options.at(call)
	if err != nil {
		return nil, err
	}
	return n.viewOptions(call.id, o), nil
}

func (n *Netris) checkOptions(in *netrisOptionSetBody) error {
	if in.LeaseTime == 0 {
		in.LeaseTime = 86400
	}
	if in.LeaseTime < 600 {
		return netrisRefuse("leaseTime", "leaseTime is at least 600, not %d", in.LeaseTime)
	}
	return n.checkName(in.Name)
}

func (n *Netris) createOptions(call *netrisCall) (any, error) {
	in, err := netrisDecode[netrisOptionSetBody](n, call, nil)
	if err != nil {
		return nil, err
	}
	if err := n.checkOptions(&in); err != nil {
		return nil, err
	}
	return []any{netrisRef{ID: n.options.add(&netrisOptionSet{in, netrisNow()})}}, nil
}

func (n *Netris) updateOptions(call *netrisCall) (any, error) {
	o, err := n.options.at(call)
	if err != nil {
		return nil, err
	}
	in, err := netrisDecode(n, call, &o.netrisOptionSetBody)
	if err != nil {
		return nil, err
	}
	if err := n.checkOptions(&in); err != nil {
		return nil, err
	}
	o.netrisOptionSetBody = in
	o.touch()
	return []any{netrisRef{ID: call.id}}, nil
}

func (n *Netris) deleteOptions(call *netrisCall) (any, error) {
	if _, err := n.options.at(call); err != nil {
		return nil, err
	}
	if call.id == netrisOptionsID && n.site.Rule(NetrisDefaultOptions) {
		return nil, netrisRefuse("id", "the default set of DHCP options cannot be deleted")
	}
	for _, v := range n.vnets.all() {
		for _, g := range v.Gateways {
			if g.DHCP != nil && g.DHCP.OptionSet.ID == call.id && n.site.Rule(NetrisDeleteInUse) {
				return nil, netrisRefuse("id", "the V-Net %s hands the options out", v.Name)
			}
		}
	}
	delete(n.options.rows, call.id)
	return nil, nil
}
