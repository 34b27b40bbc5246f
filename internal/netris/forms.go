package netris

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Some kinds are shown in another form than they are written in, and the vendor's own descriptions do
// not agree on either. This file is all that knows of it. What an answer has in neither form is kept
// as it is: it then differs from what is wanted, and is seen.

// formVNet tells a port by its name and its switch's, as it is written, and its state as a word.
func formVNet(o item) {
	for _, port := range o.list("ports") {
		if at := port.text("switchName"); at != "" && port.text("port") != "" {
			port["name"] = port.text("port") + "@" + at
		}
		if port["accessMode"] == nil {
			port["accessMode"] = port["untagged"] == true
		}
		word(port, "state")
		drop(port, "untagged", "port", "switchName", "switch", "site", "status", "stateInHierarchy", "macCount")
	}
}

// fillVNet gives each port and gateway the VLAN that its network has: the controller wants one said.
func fillVNet(body map[string]any) {
	for _, port := range items(body["ports"]) {
		if port["vlan"] == nil {
			port["vlan"] = fmt.Sprint(body["vlan"])
		}
	}
	for _, gateway := range items(body["gateways"]) {
		if gateway["vlan"] == nil {
			gateway["vlan"] = ""
		}
	}
}

// formNAT has words for what comes with a label, addresses with their length, and ports as text.
func formNAT(o item) {
	for _, field := range []string{"action", "protocol", "state"} {
		word(o, field)
	}
	lower(o, "protocol")
	lower(o, "state")
	for _, field := range []string{"sourceAddress", "destinationAddress", "dnatToIP", "snatToIP"} {
		if a, err := netip.ParseAddr(o.text(field)); err == nil {
			o[field] = netip.PrefixFrom(a, a.BitLen()).String()
		}
	}
	if port := number(o["dnatToPort"]); port != 0 {
		o["dnatToPort"] = decimal(port)
	} else {
		o["dnatToPort"] = ""
	}
}

// formBalancer has one word for the health check, which comes as {"TCP": {"timeOut": ..}}, and
// backends without how they fare. Whether the address was automatic is not ours to keep: once given,
// it stays.
func formBalancer(o item) {
	check := o.ref("healthCheck")
	if check == nil {
		check = o.ref("healthcheck")
	}
	if _, text := o["healthCheck"].(string); !text {
		o["healthCheck"] = "None"
		for _, kind := range []string{"TCP", "HTTP"} {
			if of := check.ref(kind); fmt.Sprint(of["timeOut"]) != "" && of["timeOut"] != nil {
				o["healthCheck"], o["timeOut"] = kind, of["timeOut"]
				if of["requestPath"] != nil {
					o["requestPath"] = of["requestPath"]
				}
			}
		}
	}
	if o["timeOut"] != nil {
		o["timeOut"] = fmt.Sprint(o["timeOut"])
	}
	if o["site"] == nil && o["siteId"] != nil {
		o["site"] = map[string]any{"id": o["siteId"], "name": o["siteName"]}
	}
	backends := []any{}
	for _, b := range o.list("backendIps") {
		backends = append(backends, map[string]any{"ip": b["ip"], "port": number(b["port"]), "maintenance": b["maintenance"] == true})
	}
	o["backendIps"] = backends
	drop(o, "healthcheck", "automatic", "siteId", "siteName", "tenantId", "tenantName")
}

// fillBalancer asks for an address if none is given.
func fillBalancer(body map[string]any) { body["automatic"] = body["ip"] == "" }

// formACL has numbers for ports and flags, which may come as text.
func formACL(o item) {
	for _, field := range []string{"src_port_from", "src_port_to", "dst_port_from", "dst_port_to", "established"} {
		if text, ok := o[field].(string); ok && text != "" {
			o[field] = number(text)
		}
	}
	lower(o, "proto")
}

func lower(o item, field string) {
	if text := o.text(field); text != "" {
		o[field] = strings.ToLower(text)
	}
}

// word puts the value in the place of a value with its label.
func word(o item, field string) {
	if labelled := o.ref(field); labelled != nil {
		o[field] = labelled["value"]
	}
}

func drop(o item, fields ...string) {
	for _, field := range fields {
		delete(o, field)
	}
}

// formed brings an answer's objects into the form in which they are written.
func (c *Controller) formed(ctx context.Context, k kind, l listed) listed {
	for _, o := range l.items {
		if k.form != nil {
			k.form(o)
		}
	}
	if k.name == kindPeering {
		return c.namedEnds(ctx, l)
	}
	return l
}

// namedEnds gives the ends of peerings their names, which an answer leaves out (OpenAPI).
func (c *Controller) namedEnds(ctx context.Context, l listed) listed {
	ends := func(o item) []item { return []item{o.ref("vpcA"), o.ref("vpcB")} }
	if !slices.ContainsFunc(l.items, func(o item) bool {
		return slices.ContainsFunc(ends(o), func(end item) bool { return end.name() == "" })
	}) {
		return l
	}
	vpc, _, _ := kindNamed(kindVPC)
	all := c.list(ctx, vpc, 0)
	if all.err != nil {
		return listed{err: all.err}
	}
	for _, o := range l.items {
		for _, end := range ends(o) {
			for _, v := range all.items {
				if end != nil && v.id() == end.id() {
					end["name"] = v.name()
				}
			}
		}
	}
	return l
}
