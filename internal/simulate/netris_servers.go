package simulate

import (
	"encoding/json"
	"fmt"
)

type netrisServerBody struct {
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Tenant      netrisRef  `json:"tenant"`
	Site        netrisRef  `json:"site"`
	PortCount   int        `json:"portCount"`
	ASN         any        `json:"asn"` // a number, or "auto"
	MainAddress string     `json:"mainAddress"`
	MgmtAddress string     `json:"mgmtAddress"`
	CustomData  *string    `json:"customData"` // nil if the request does not name it
	Links       []any      `json:"links"`
	Profile     *netrisRef `json:"profile"`
	UUID        string     `json:"uuid"`
	Tags        []string   `json:"tags"`
	SrvRole     string     `json:"srvRole"`
}

type netrisServer struct {
	netrisServerBody
	netrisStamps
}

func (s *netrisServer) label() string { return s.Name }

// netrisGUIDs is the customData that the agents write for a server. Its inner form is not documented.
func netrisGUIDs(server int) string {
	guids := make([]string, 8)
	for i := range guids {
		guids[i] = fmt.Sprintf("%016x", 0x0011_2233_0000_0000+server<<8+i)
	}
	data, _ := json.Marshal(map[string]any{"hosting_system_guid": fmt.Sprintf("%016x", 0x00aa_bbcc_0000_0000+server), "hca_guids": guids})
	return string(data)
}

// guids are what the UFM agent finds in a server's customData: nothing, if a PUT has wiped it.
func (s *netrisServer) guids() []string {
	var data struct {
		GUIDs []string `json:"hca_guids"`
	}
	if s.CustomData == nil || json.Unmarshal([]byte(*s.CustomData), &data) != nil {
		return nil
	}
	return data.GUIDs
}

func (n *Netris) viewServer(id int, s *netrisServer, withCustomData bool) any {
	asn := s.ASN
	if _, ok := asn.(float64); !ok {
		asn = 4_200_000_000 + id
	}
	view := map[string]any{
		"id": id, "type": "server", "name": s.Name, "description": s.Description, "portCount": s.PortCount,
		"tenant": n.tenants.ref(s.Tenant.ID), "site": n.siteRef(), "asn": asn, "links": s.Links, "profile": s.Profile,
		"mainIP": map[string]any{"address": s.MainAddress}, "mgmtIP": map[string]any{"address": s.MgmtAddress},
		"uuid": s.UUID, "tags": s.Tags, "srvRole": s.SrvRole, "status": "OK", "maintenanceMode": false,
		"createdDate": s.CreatedDate, "modifiedDate": s.ModifiedDate,
	}
	if withCustomData {
		custom := ""
		if s.CustomData != nil {
			custom = *s.CustomData
		}
		view["customData"] = custom
	}
	return view
}

// listHardware lists the servers, the only hardware here.
func (n *Netris) listHardware(call *netrisCall) (any, error) {
	list, query := []any{}, call.URL.Query()
	if kind := query.Get("type"); kind != "" && kind != "server" {
		return list, nil
	}
	custom := query.Get("showCustom") == "true" || !n.site.Rule(NetrisShowCustom)
	for id, s := range n.servers.all() {
		list = append(list, n.viewServer(id, s, custom))
	}
	return list, nil
}

// server is the server that the request's path names.
func (n *Netris) server(call *netrisCall) (*netrisServer, error) {
	if s, ok := n.servers.rows[call.id]; ok {
		return s, nil
	}
	return nil, netrisNotFound("Not found.")
}

func (n *Netris) getServer(call *netrisCall) (any, error) {
	s, err := n.server(call)
	if err != nil {
		return nil, err
	}
	return n.viewServer(call.id, s, true), nil
}

// checkServer accepts tenant and site by name too, as is documented for /hw.
func (n *Netris) checkServer(in *netrisServerBody) error {
	if err := n.tenants.resolve("tenant", &in.Tenant, true); err != nil {
		return err
	}
	if err := n.resolveSite("site", &in.Site, true); err != nil {
		return err
	}
	if in.PortCount < 0 || in.PortCount > 64 {
		return netrisRefuse("portCount", "portCount is between 0 and 64, not %d", in.PortCount)
	}
	if err := n.checkName(in.Name); err != nil {
		return err
	}
	return n.checkTags(in.Tags)
}

func (n *Netris) createServer(call *netrisCall) (any, error) {
	in, err := netrisDecode[netrisServerBody](n, call, nil)
	if err != nil {
		return nil, err
	}
	if err := n.checkServer(&in); err != nil {
		return nil, err
	}
	return netrisRef{ID: n.servers.add(&netrisServer{in, netrisNow()})}, nil
}

func (n *Netris) updateServer(call *netrisCall) (any, error) {
	s, err := n.server(call)
	if err != nil {
		return nil, err
	}
	in, err := netrisDecode(n, call, &s.netrisServerBody)
	if err != nil {
		return nil, err
	}
	if n.site.Rule(NetrisCreateOnly) {
		in.PortCount = s.PortCount
	}
	if in.CustomData == nil && !n.site.Rule(NetrisCustomData) {
		in.CustomData = s.CustomData
	}
	if err := n.checkServer(&in); err != nil {
		return nil, err
	}
	s.netrisServerBody = in
	s.touch()
	n.wakeAgent()
	return netrisRef{ID: call.id}, nil
}

func (n *Netris) deleteServer(call *netrisCall) (any, error) {
	s, err := n.server(call)
	if err != nil {
		return nil, err
	}
	for _, c := range n.clusters.all() {
		_, wired := c.wired[call.id]
		if (wired || c.lists(call.id)) && n.site.Rule(NetrisDeleteInUse) {
			return nil, netrisRefuse("id", "the server %s is in the server cluster %s", s.Name, c.Name)
		}
	}
	delete(n.servers.rows, call.id)
	return nil, nil
}
