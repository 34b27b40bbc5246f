package simulate

import (
	"net/netip"
	"slices"
	"strconv"
)

type netrisACLBody struct {
	Name        string       `json:"name"`
	VPC         netrisRef    `json:"vpc"`
	Comment     string       `json:"comment"`
	Action      string       `json:"action"`
	Proto       string       `json:"proto"`
	SrcPrefix   string       `json:"src_prefix"`
	DstPrefix   string       `json:"dst_prefix"`
	SrcPortFrom netrisNumber `json:"src_port_from"`
	SrcPortTo   netrisNumber `json:"src_port_to"`
	DstPortFrom netrisNumber `json:"dst_port_from"`
	DstPortTo   netrisNumber `json:"dst_port_to"`
	Established int          `json:"established"`
	ICMPType    string       `json:"icmp_type"`
	Reverse     string       `json:"reverse"`
	ValidUntil  string       `json:"valid_until"`
}

type netrisACL struct {
	netrisACLBody
	netrisStamps
}

func (a *netrisACL) label() string { return a.Name }

// viewACL shows ports as text, which the API's schema allows beside numbers.
func (n *Netris) viewACL(id int, a *netrisACL) any {
	port := func(p netrisNumber) string { return strconv.Itoa(int(p)) }
	return map[string]any{
		"id": id, "name": a.Name, "vpc": n.vpcs.ref(a.VPC.ID), "comment": a.Comment, "action": a.Action, "proto": a.Proto,
		"src_prefix": a.SrcPrefix, "dst_prefix": a.DstPrefix, "src_port_from": port(a.SrcPortFrom), "src_port_to": port(a.SrcPortTo),
		"dst_port_from": port(a.DstPortFrom), "dst_port_to": port(a.DstPortTo), "established": a.Established, "icmp_type": a.ICMPType,
		"reverse": a.Reverse, "valid_until": a.ValidUntil, "approvers": []any{},
	}
}

func (n *Netris) listACLs(call *netrisCall) (any, error) {
	shown, err := n.inList(call)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for id, a := range n.acls.all() {
		if shown(a.VPC.ID) {
			list = append(list, n.viewACL(id, a))
		}
	}
	return list, nil
}

func (n *Netris) getACL(call *netrisCall) (any, error) {
	a, err := n.acls.at(call)
	if err != nil {
		return nil, err
	}
	return n.viewACL(call.id, a), nil
}

func (n *Netris) decodeACL(call *netrisCall, current *netrisACLBody) (netrisACLBody, error) {
	in, err := netrisDecode(n, call, current)
	if err != nil {
		return in, err
	}
	if err := n.resolveVPC(&in.VPC); err != nil {
		return in, err
	}
	for _, word := range []struct {
		property, text string
		allowed        []string
	}{
		{"action", in.Action, []string{"permit", "deny"}},
		{"proto", in.Proto, []string{"all", "ip", "tcp", "udp", "icmp", "icmpv6"}},
		{"reverse", in.Reverse, []string{"yes", "no"}},
	} {
		if !slices.Contains(word.allowed, word.text) {
			return in, netrisRefuse(word.property, "%s is one of %v, not %q", word.property, word.allowed, word.text)
		}
	}
	for property, text := range map[string]string{"src_prefix": in.SrcPrefix, "dst_prefix": in.DstPrefix} {
		if _, err := netip.ParsePrefix(text); err != nil {
			return in, netrisRefuse(property, "%q is no prefix", text)
		}
	}
	for property, r := range map[string][2]netrisNumber{"src_port_to": {in.SrcPortFrom, in.SrcPortTo}, "dst_port_to": {in.DstPortFrom, in.DstPortTo}} {
		if r[0] < 1 || r[1] < r[0] || r[1] > 65535 {
			return in, netrisRefuse(property, "%d to %d is no range of ports", r[0], r[1])
		}
	}
	return in, n.checkName(in.Name)
}

func (n *Netris) createACL(call *netrisCall) (any, error) {
	in, err := n.decodeACL(call, nil)
	if err != nil {
		return nil, err
	}
	return netrisRef{ID: n.acls.add(&netrisACL{in, netrisNow()})}, nil
}

func (n *Netris) updateACL(call *netrisCall) (any, error) {
	a, err := n.acls.at(call)
	if err != nil {
		return nil, err
	}
	in, err := n.decodeACL(call, &a.netrisACLBody)
	if err != nil {
		return nil, err
	}
	a.netrisACLBody = in
	a.touch()
	return netrisRef{ID: call.id}, nil
}

func (n *Netris) deleteACL(call *netrisCall) (any, error) {
	if _, err := n.acls.at(call); err != nil {
		return nil, err
	}
	delete(n.acls.rows, call.id)
	return nil, nil
}
