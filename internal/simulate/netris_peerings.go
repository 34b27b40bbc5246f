package simulate

import "time"

// netrisPeeringEnd is one VPC of a peering. What it lets in by prefix is described in two ways that do
// not agree; here it is one text.
type netrisPeeringEnd struct {
	ID     int    `json:"id"`
	Prefix string `json:"prefixListInbound"`
}

type netrisPeeringBody struct {
	Name string           `json:"name"`
	A    netrisPeeringEnd `json:"vpcA"`
	B    netrisPeeringEnd `json:"vpcB"`
}

type netrisPeering struct {
	netrisPeeringBody
	netrisStamps
}

func (p *netrisPeering) label() string { return p.Name }

// viewPeering shows the ends by id alone.
func (n *Netris) viewPeering(id int, p *netrisPeering) any {
	date := func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
	return map[string]any{"id": id, "name": p.Name, "vpcA": p.A, "vpcB": p.B, "createdDate": date(p.CreatedDate), "modifiedDate": date(p.ModifiedDate)}
}

func (n *Netris) listPeerings(*netrisCall) (any, error) {
	list := []any{}
	for id, p := range n.peerings.all() {
		list = append(list, n.viewPeering(id, p))
	}
	return list, nil
}

func (n *Netris) getPeering(call *netrisCall) (any, error) {
	p, err := n.peerings.at(call)
	if err != nil {
		return nil, err
	}
	return n.viewPeering(call.id, p), nil
}

func (n *Netris) decodePeering(call *netrisCall, current *netrisPeeringBody) (netrisPeeringBody, error) {
	in, err := netrisDecode(n, call, current)
	if err != nil {
		return in, err
	}
	for property, end := range map[string]netrisPeeringEnd{"vpcA": in.A, "vpcB": in.B} {
		if _, ok := n.vpcs.rows[end.ID]; !ok {
			return in, netrisRefuse(property, "%s: there is none with the id %d", property, end.ID)
		}
	}
	if in.A.ID == in.B.ID {
		return in, netrisRefuse("vpcB", "a VPC is no peer of itself")
	}
	return in, n.checkName(in.Name)
}

func (n *Netris) createPeering(call *netrisCall) (any, error) {
	in, err := n.decodePeering(call, nil)
	if err != nil {
		return nil, err
	}
	id := n.peerings.add(&netrisPeering{in, netrisNow()})
	if !n.site.Rule(NetrisCreated) {
		return netrisRef{ID: id}, nil
	}
	return netrisMade{ID: id}, nil
}

func (n *Netris) updatePeering(call *netrisCall) (any, error) {
	p, err := n.peerings.at(call)
	if err != nil {
		return nil, err
	}
	in, err := n.decodePeering(call, &p.netrisPeeringBody)
	if err != nil {
		return nil, err
	}
	p.netrisPeeringBody = in
	p.touch()
	return netrisRef{ID: call.id}, nil
}

func (n *Netris) deletePeering(call *netrisCall) (any, error) {
	if _, err := n.peerings.at(call); err != nil {
		return nil, err
	}
	delete(n.peerings.rows, call.id)
	return netrisRef{ID: call.id}, nil
}

// peered reports whether a VPC is an end of a peering.
func (n *Netris) peered(vpc int) bool {
	for _, p := range n.peerings.all() {
		if p.A.ID == vpc || p.B.ID == vpc {
			return true
		}
	}
	return false
}
