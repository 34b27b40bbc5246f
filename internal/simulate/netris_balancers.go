package simulate

import (
	"fmt"
	"net/netip"
	"strconv"
)

type netrisBackend struct {
	IP          string       `json:"ip"`
	Port        netrisNumber `json:"port"`
	Maintenance bool         `json:"maintenance"`
}

type netrisBalancerBody struct {
	Name        string          `json:"name"`
	Tenant      netrisRef       `json:"tenant"`
	Site        netrisRef       `json:"site"`
	VPC         netrisRef       `json:"vpc"`
	Automatic   bool            `json:"automatic"`
	Internal    int             `json:"internal"`
	Protocol    string          `json:"protocol"`
	IP          string          `json:"ip"`
	Port        int             `json:"port"`
	Status      string          `json:"status"`
	HealthCheck netrisWord      `json:"healthCheck"`
	Timeout     string          `json:"timeOut"` // milliseconds
	RequestPath string          `json:"requestPath"`
	Kubenet     string          `json:"kubenet_info"`
	Backends    []netrisBackend `json:"backendIps"`
}

type netrisBalancer struct {
	netrisBalancerBody
	netrisStamps
}

func (b *netrisBalancer) label() string { return b.Name }

// viewBalancer shows the site in two fields, the health check under its kind, and ports of backends as text.
func (n *Netris) viewBalancer(id int, b *netrisBalancer) any {
	check := map[string]any{}
	if kind := b.HealthCheck.text; kind != "None" {
		check[kind] = map[string]any{"timeOut": b.Timeout, "requestPath": b.RequestPath}
	}
	backends := []any{}
	for i, to := range b.Backends {
		backends = append(backends, map[string]any{"id": strconv.Itoa(id*100 + i), "ip": to.IP, "port": strconv.Itoa(int(to.Port)),
			"maintenance": to.Maintenance, "status": "ok", "response": ""})
	}
	return map[string]any{
		"id": id, "name": b.Name, "tenant": n.tenants.ref(b.Tenant.ID), "siteId": netrisSiteID, "siteName": n.opts.SiteName,
		"vpc": n.vpcs.ref(b.VPC.ID), "automatic": b.Automatic, "protocol": b.Protocol, "ip": b.IP, "port": b.Port, "status": b.Status,
		"healthCheck": check, "label": map[string]any{"status": "success", "text": "OK"}, "backendIps": backends,
		"kubenet_info": map[string]any{"kubenet_id": 0}, "createdDate": b.CreatedDate, "modifiedDate": b.ModifiedDate,
	}
}

func (n *Netris) listBalancers(call *netrisCall) (any, error) {
	shown, err := n.inList(call)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for id, b := range n.balancers.all() {
		if shown(b.VPC.ID) {
			list = append(list, n.viewBalancer(id, b))
		}
	}
	return list, nil
}

func (n *Netris) getBalancer(call *netrisCall) (any, error) {
	b, err := n.balancers.at(call)
	if err != nil {
		return nil, err
	}
	return n.viewBalancer(call.id, b), nil
}

func (n *Netris) decodeBalancer(call *netrisCall, id int, current *netrisBalancerBody) (netrisBalancerBody, error) {
	in, err := netrisDecode(n, call, current)
	if err != nil {
		return in, err
	}
	for _, check := range []func() error{
		func() error { return n.checkName(in.Name) },
		func() error { return n.tenants.resolve("tenant", &in.Tenant, n.refByName()) },
		func() error { return n.resolveSite("site", &in.Site, n.refByName()) },
		func() error { return n.resolveVPC(&in.VPC) },
		func() error { return n.checkBalancer(id, in) },
	} {
		if err := check(); err != nil {
			return in, err
		}
	}
	in.HealthCheck.labelled = false
	if in.Automatic {
		in.IP, err = n.freePublic(id)
	}
	return in, err
}

func (n *Netris) checkBalancer(id int, in netrisBalancerBody) error {
	if other := n.balancers.find(in.Name); other != 0 && other != id && n.site.Rule(NetrisBalancerName) {
		return netrisRefuse("name", "there is a load balancer of the name %q already", in.Name)
	}
	if in.Protocol != "TCP" && in.Protocol != "UDP" {
		return netrisRefuse("protocol", "protocol is TCP or UDP, not %q", in.Protocol)
	}
	if in.Port < 1 || in.Port > 65535 {
		return netrisRefuse("port", "port is between 1 and 65535, not %d", in.Port)
	}
	if in.Status != "enable" && in.Status != "disable" {
		return netrisRefuse("status", "status is enable or disable, not %q", in.Status)
	}
	if !in.HealthCheck.labelled || n.site.Rule(NetrisForms) { // shown, it has no word to be checked
		if err := n.checkWord("healthCheck", in.HealthCheck, "None", "TCP", "HTTP"); err != nil {
			return err
		}
	}
	if in.Protocol == "UDP" && in.HealthCheck.text != "None" {
		return netrisRefuse("healthCheck", "UDP has no health check")
	}
	for _, b := range in.Backends {
		if _, err := netip.ParseAddr(b.IP); err != nil || b.Port < 1 || b.Port > 65535 {
			return netrisRefuse("backendIps", "%s:%d is no backend", b.IP, b.Port)
		}
	}
	if in.Automatic {
		return nil
	}
	return n.checkPublic("ip", in.IP+"/32", "load-balancer")
}

// freePublic is the first address of a subnet for load balancers that none has; a balancer keeps its own.
func (n *Netris) freePublic(id int) (string, error) {
	if b, ok := n.balancers.rows[id]; ok {
		return b.IP, nil
	}
	taken := map[string]bool{}
	for _, b := range n.balancers.all() {
		taken[b.IP] = true
	}
	for _, s := range n.subnets.all() {
		prefix := netip.MustParsePrefix(s.Prefix)
		for a := prefix.Addr().Next(); s.Purpose == "load-balancer" && prefix.Contains(a.Next()); a = a.Next() {
			if !taken[a.String()] {
				return a.String(), nil
			}
		}
	}
	return "", netrisRefuse("automatic", "no subnet for load-balancer has a free address")
}

func (n *Netris) createBalancer(call *netrisCall) (any, error) {
	in, err := n.decodeBalancer(call, 0, nil)
	if err != nil {
		return nil, err
	}
	id := n.balancers.add(&netrisBalancer{in, netrisNow()})
	return map[string]any{"id": id, "ip": in.IP}, nil
}

func (n *Netris) updateBalancer(call *netrisCall) (any, error) {
	b, err := n.balancers.at(call)
	if err != nil {
		return nil, err
	}
	in, err := n.decodeBalancer(call, call.id, &b.netrisBalancerBody)
	if err != nil {
		return nil, err
	}
	if in.HealthCheck.text == "" {
		in.HealthCheck = b.HealthCheck
	}
	b.netrisBalancerBody = in
	b.touch()
	return netrisRef{ID: call.id}, nil
}

func (n *Netris) deleteBalancer(call *netrisCall) (any, error) {
	if _, err := n.balancers.at(call); err != nil {
		return nil, err
	}
	delete(n.balancers.rows, call.id)
	return nil, nil
}

// SetBalancerStatus enables or disables a load balancer, as a person does in the console.
func (n *Netris) SetBalancerStatus(name, status string) error {
	return n.byHand(name, fmt.Sprintf("sets the load balancer's status to %s", status), func() error {
		id := n.balancers.find(name)
		if id == 0 {
			return netrisNotFound("Not found.")
		}
		n.balancers.rows[id].Status = status
		n.balancers.rows[id].touch()
		return nil
	})
}
