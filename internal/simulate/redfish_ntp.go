package simulate

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

func (b *BMC) networkProtocol() doc {
	m := b.state()
	return redfishEntity(b.managerPath()+"/NetworkProtocol", "ManagerNetworkProtocol.v1_10_0.ManagerNetworkProtocol", "Network Protocol", doc{
		"Status": redfishHealthy,
		"HTTPS":  doc{"ProtocolEnabled": true, "Port": 443},
		"NTP": doc{
			"ProtocolEnabled": m.NTPEnabled,
			"NTPServers":      append([]string{}, m.NTP...),
			"Port":            123,
		},
	})
}

// patchNetworkProtocol writes NTP, the only part of the network protocols that can be written here.
func (b *BMC) patchNetworkProtocol(body doc) redfishReply {
	problems := b.unknown("", body, b.networkProtocol(), "NTP")
	ntp, ok := body["NTP"].(doc)
	if _, given := body["NTP"]; given && !ok {
		problems = append(problems, redfishMessage("PropertyValueTypeError", "NTP is not an object.", "/NTP"))
	}
	problems = append(problems, b.unknown("/NTP", ntp, b.networkProtocol()["NTP"].(doc), "NTPServers", "ProtocolEnabled")...)
	enabled, hasEnabled := ntp["ProtocolEnabled"]
	on, ok := enabled.(bool)
	if hasEnabled && !ok {
		problems = append(problems, redfishMessage("PropertyValueTypeError", "ProtocolEnabled is not a boolean.", "/NTP/ProtocolEnabled"))
	}
	given, hasServers := ntp["NTPServers"]
	servers, ok := redfishStringList(given)
	if hasServers && !ok {
		problems = append(problems, redfishMessage("PropertyValueTypeError", "NTPServers is not a list of names and addresses.", "/NTP/NTPServers"))
	}
	if len(servers) > b.opts.NTPServers && b.site.Rule(RedfishNTPSlots) {
		problems = append(problems, redfishMessage("ArraySizeTooLong",
			fmt.Sprintf("NTPServers has %d entries, of which %d fit.", len(servers), b.opts.NTPServers), "/NTP/NTPServers"))
	}
	if len(problems) > 0 {
		return redfishFailure(http.StatusBadRequest, problems...)
	}
	b.site.Update(b.machine, func(m *Machine) {
		if hasEnabled {
			m.NTPEnabled = on
		}
		if hasServers {
			m.NTP = servers
		}
	})
	return redfishReply{status: http.StatusOK, body: b.networkProtocol()}
}

// unknown tells which properties of a PATCH the resource at a JSON pointer lacks, and which cannot be written.
func (b *BMC) unknown(at string, body, has doc, writable ...string) []doc {
	if !b.site.Rule(RedfishKnownProperties) {
		return nil
	}
	var problems []doc
	for _, name := range slices.Sorted(maps.Keys(body)) {
		_, known := has[name]
		switch {
		case slices.Contains(writable, name):
		case known:
			problems = append(problems, redfishMessage("PropertyNotWritable", name+" cannot be written.", at+"/"+name))
		default:
			problems = append(problems, redfishMessage("PropertyUnknown", name+" is no property of this resource.", at+"/"+name))
		}
	}
	return problems
}

// redfishStringList is a JSON list of strings that are not empty, and whether it is one.
func redfishStringList(v any) ([]string, bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	strs := []string{}
	for _, e := range list {
		s, ok := e.(string)
		if !ok || s == "" {
			return nil, false
		}
		strs = append(strs, s)
	}
	return strs, true
}
