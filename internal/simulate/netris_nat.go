package simulate

import (
	"net/netip"
	"strconv"
	"strings"
)

type netrisNATBody struct {
	Name       string     `json:"name"`
	Comment    string     `json:"comment"`
	Action     netrisWord `json:"action"`
	Protocol   netrisWord `json:"protocol"`
	State      netrisWord `json:"state"`
	Site       netrisRef  `json:"site"`
	VPC        netrisRef  `json:"vpc"`
	Source     string     `json:"sourceAddress"`
	SourcePort string     `json:"sourcePort"`
	Dest       string     `json:"destinationAddress"`
	DestPort   string     `json:"destinationPort"`
	SNATToIP   string     `json:"snatToIP"`
	SNATToPool string     `json:"snatToPool"`
	DNATToIP   string     `json:"dnatToIP"`
	DNATToPort string     `json:"dnatToPort"`
}

type netrisNAT struct {
	netrisNATBody
	netrisStamps
}

func (r *netrisNAT) label() string { return r.Name }

// viewNAT shows words with labels, the address that is called without its length, and one port as a number.
func (n *Netris) viewNAT(id int, r *netrisNAT) any {
	word := func(w netrisWord) any { return map[string]any{"label": strings.ToUpper(w.text), "value": w.text} }
	port, _ := strconv.Atoi(r.DNATToPort)
	dest := r.Dest
	if r.Action.text == "DNAT" {
		dest, _, _ = strings.Cut(dest, "/")
	}
	return map[string]any{
		"id": id, "name": r.Name, "comment": r.Comment, "action": word(r.Action), "protocol": word(r.Protocol), "state": word(r.State),
		"site": n.siteRef(), "vpc": n.vpcs.ref(r.VPC.ID), "sourceAddress": r.Source, "sourcePort": r.SourcePort,
		"destinationAddress": dest, "destinationPort": r.DestPort, "snatToIP": r.SNATToIP, "snatToPool": r.SNATToPool,
		"dnatToIP": r.DNATToIP, "dnatToPort": port, "creator": netrisRef{ID: 1, Name: "agent"}, "editor": netrisRef{ID: 1, Name: "agent"},
		"createdDate": r.CreatedDate, "modifiedDate": r.ModifiedDate,
	}
}

func (n *Netris) listNATs(call *netrisCall) (any, error) {
	shown, err := n.inList(call)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for id, r := range n.nats.all() {
		if shown(r.VPC.ID) {
			list = append(list, n.viewNAT(id, r))
		}
	}
	return list, nil
}

func (n *Netris) getNAT(call *netrisCall) (any, error) {
	r, err := n.nats.at(call)
	if err != nil {
		return nil, err
	}
	return n.viewNAT(call.id, r), nil
}

func (n *Netris) decodeNAT(call *netrisCall, current *netrisNATBody) (netrisNATBody, error) {
	in, err := netrisDecode(n, call, current)
	if err != nil {
		return in, err
	}
	actions := []string{"DNAT", "SNAT", "ACCEPT_SNAT"}
	if !n.site.Rule(NetrisNoMasquerade) {
		actions = append(actions, "MASQUERADE")
	}
	for _, check := range []func() error{
		func() error { return n.checkName(in.Name) },
		func() error { return n.checkWord("action", in.Action, actions...) },
		func() error { return n.checkWord("protocol", in.Protocol, "all", "tcp", "udp", "icmp") },
		func() error { return n.checkWord("state", in.State, "enabled", "disabled") },
		func() error { return n.resolveSite("site", &in.Site, n.refByName()) },
		func() error { return n.resolveVPC(&in.VPC) },
		func() error { return n.checkTranslation(in) },
	} {
		if err := check(); err != nil {
			return in, err
		}
	}
	in.Action.labelled, in.Protocol.labelled, in.State.labelled = false, false, false
	return in, nil
}

// checkTranslation checks the addresses: all have a length, and the public one is of a subnet for NAT.
func (n *Netris) checkTranslation(in netrisNATBody) error {
	for property, text := range map[string]string{"sourceAddress": in.Source, "destinationAddress": in.Dest} {
		if _, err := netip.ParsePrefix(text); err != nil {
			return netrisRefuse(property, "%q is no address with a prefix length", text)
		}
	}
	switch in.Action.text {
	case "SNAT":
		if in.SNATToIP == "" {
			return n.checkPublic("snatToPool", in.SNATToPool, "nat")
		}
		return n.checkPublic("snatToIP", in.SNATToIP, "nat")
	case "DNAT":
		if _, err := netip.ParsePrefix(in.DNATToIP); err != nil {
			return netrisRefuse("dnatToIP", "%q is no address with a prefix length", in.DNATToIP)
		}
		return n.checkPublic("destinationAddress", in.Dest, "nat")
	}
	return nil
}

// checkPublic refuses an address that no subnet of the system's VPC has for the purpose.
func (n *Netris) checkPublic(property, text, purpose string) error {
	address, err := netip.ParsePrefix(text)
	if err != nil {
		return netrisRefuse(property, "%q is no address with a prefix length", text)
	}
	subnet := n.subnetFor(netrisSystemVPCID, address)
	if n.site.Rule(NetrisPublicSubnet) && (subnet == nil || subnet.Purpose != purpose) {
		return netrisRefuse(property, "no subnet for %s contains %s", purpose, address)
	}
	return nil
}

func (n *Netris) createNAT(call *netrisCall) (any, error) {
	in, err := n.decodeNAT(call, nil)
	if err != nil {
		return nil, err
	}
	return netrisRef{ID: n.nats.add(&netrisNAT{in, netrisNow()})}, nil
}

func (n *Netris) updateNAT(call *netrisCall) (any, error) {
	r, err := n.nats.at(call)
	if err != nil {
		return nil, err
	}
	in, err := n.decodeNAT(call, &r.netrisNATBody)
	if err != nil {
		return nil, err
	}
	r.netrisNATBody = in
	r.touch()
	return netrisRef{ID: call.id}, nil
}

func (n *Netris) deleteNAT(call *netrisCall) (any, error) {
	if _, err := n.nats.at(call); err != nil {
		return nil, err
	}
	delete(n.nats.rows, call.id)
	return nil, nil
}
