package simulate

import (
	"maps"
	"slices"
)

// netrisStanza is one V-Net of a template, as the client wrote it.
type netrisStanza map[string]any

func (s netrisStanza) text(key string) string {
	text, _ := s[key].(string)
	return text
}

type netrisTemplateBody struct {
	Name  string         `json:"name"`
	VNets []netrisStanza `json:"vnets"`
}

type netrisTemplate struct {
	netrisTemplateBody
	netrisStamps
}

func (t *netrisTemplate) label() string { return t.Name }

// netrisStanzaKeys are the keys that a stanza of each type must have, and those that it may have. A
// key with values takes only these.
var netrisStanzaKeys = map[string]struct {
	must map[string][]string
	may  []string
}{
	"l2vpn": {
		must: map[string][]string{"postfix": nil, "vlan": {"untagged"}, "vlanID": {"auto", "specify"}, "serverNics": nil},
		may:  []string{"ipFamily", "ipv4Gateway", "ipv4DhcpEnabled", "ipv6Gateway"},
	},
	"l3vpn": {
		must: map[string][]string{"postfix": nil, "vlan": {"untagged"}, "vlanID": {"auto"}, "serverNics": nil},
		may:  []string{"ipFamily"},
	},
	"netris-ufm":    {must: map[string][]string{"postfix": nil, "ufm": nil, "pkey": {"auto"}}},
	"netris-nvlink": {must: map[string][]string{"postfix": nil, "partition": {"auto"}}},
}

func (n *Netris) checkTemplate(in netrisTemplateBody) error {
	if err := n.checkName(in.Name); err != nil {
		return err
	}
	if !n.site.Rule(NetrisTemplateKeys) {
		return nil
	}
	for i, stanza := range in.VNets {
		if err := stanza.check(); err != nil {
			return netrisRefuse("vnets", "vnets[%d]: %v", i, err)
		}
	}
	return nil
}

func (s netrisStanza) check() error {
	keys, ok := netrisStanzaKeys[s.text("type")]
	if !ok {
		return netrisRefuse("type", "type is one of %v", slices.Sorted(maps.Keys(netrisStanzaKeys)))
	}
	for _, key := range slices.Sorted(maps.Keys(keys.must)) {
		if _, ok := s[key]; !ok {
			return netrisRefuse(key, "%s is required for the type %s", key, s.text("type"))
		}
		if values := keys.must[key]; values != nil && !slices.Contains(values, s.text(key)) {
			return netrisRefuse(key, "%s is one of %v for the type %s", key, values, s.text("type"))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		// The id comes back from those who write what they have read.
		if _, must := keys.must[key]; !must && !slices.Contains(keys.may, key) && key != "type" && key != "id" {
			return netrisRefuse(key, "%s is not for the type %s", key, s.text("type"))
		}
	}
	if _, ok := s["ipv4Gateway"]; s["ipv4DhcpEnabled"] == true && !ok {
		return netrisRefuse("ipv4DhcpEnabled", "ipv4DhcpEnabled needs an ipv4Gateway")
	}
	return nil
}

func (n *Netris) viewTemplate(id int, t *netrisTemplate) any {
	stanzas := []any{}
	for i, stanza := range t.VNets {
		view := netrisStanza{}
		maps.Copy(view, stanza)
		view["id"] = id*100 + i + 1
		stanzas = append(stanzas, view)
	}
	return map[string]any{"id": id, "name": t.Name, "vnets": stanzas, "createdDate": t.CreatedDate, "modifiedDate": t.ModifiedDate}
}

func (n *Netris) listTemplates(*netrisCall) (any, error) {
	list := []any{}
	for id, t := range n.templates.all() {
		list = append(list, n.viewTemplate(id, t))
	}
	return list, nil
}

// template is the template that the request's path names.
func (n *Netris) template(call *netrisCall) (*netrisTemplate, error) {
	if t, ok := n.templates.rows[call.id]; ok {
		return t, nil
	}
	return nil, netrisNotFound("Not found.")
}

func (n *Netris) getTemplate(call *netrisCall) (any, error) {
	t, err := n.template(call)
	if err != nil {
		return nil, err
	}
	return n.viewTemplate(call.id, t), nil
}

func (n *Netris) createTemplate(call *netrisCall) (any, error) {
	in, err := netrisDecode[netrisTemplateBody](n, call, nil)
	if err != nil {
		return nil, err
	}
	if err := n.checkTemplate(in); err != nil {
		return nil, err
	}
	return netrisRef{ID: n.templates.add(&netrisTemplate{in, netrisNow()})}, nil
}

// templateUse is the name of a server cluster made from the template, or nothing.
func (n *Netris) templateUse(id int) string {
	for _, c := range n.clusters.all() {
		if c.Template.ID == id {
			return c.Name
		}
	}
	return ""
}

func (n *Netris) updateTemplate(call *netrisCall) (any, error) {
	t, err := n.template(call)
	if err != nil {
		return nil, err
	}
	if cluster := n.templateUse(call.id); cluster != "" && n.site.Rule(NetrisTemplateFrozen) {
		return nil, netrisRefuse("id", "the template is in use by the server cluster %s", cluster)
	}
	in, err := netrisDecode(n, call, &t.netrisTemplateBody)
	if err != nil {
		return nil, err
	}
	if err := n.checkTemplate(in); err != nil {
		return nil, err
	}
	t.netrisTemplateBody = in
	t.touch()
	return netrisRef{ID: call.id}, nil
}

func (n *Netris) deleteTemplate(call *netrisCall) (any, error) {
	if _, err := n.template(call); err != nil {
		return nil, err
	}
	if cluster := n.templateUse(call.id); cluster != "" && n.site.Rule(NetrisDeleteInUse) {
		return nil, netrisRefuse("id", "the template is in use by the server cluster %s", cluster)
	}
	delete(n.templates.rows, call.id)
	return nil, nil
}
