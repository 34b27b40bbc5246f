package simulate

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

func (b *BMC) bios() doc {
	return redfishEntity(b.biosPath(), "Bios.v1_2_1.Bios", "BIOS", doc{
		"AttributeRegistry": redfishBIOSRegistry,
		"Attributes":        b.state().BIOS,
		"@Redfish.Settings": doc{
			"@odata.type":         "#Settings.v1_3_5.Settings",
			"SettingsObject":      redfishLink(b.settingsPath()),
			"SupportedApplyTimes": []string{"OnReset"},
		},
	})
}

// biosSettings shows only what is pending.
func (b *BMC) biosSettings() doc {
	return redfishEntity(b.settingsPath(), "Bios.v1_2_1.Bios", "BIOS Settings", doc{
		"AttributeRegistry": redfishBIOSRegistry,
		"Attributes":        b.state().Pending,
	})
}

// patchBIOS makes attributes pending; a value that is in force already is pending no more.
func (b *BMC) patchBIOS(body doc) redfishReply {
	if b.dell() && len(b.state().Pending) > 0 && b.site.Rule(RedfishBIOSOneJob) {
		return redfishFailure(http.StatusBadRequest, redfishMessage("IDRAC.2.8.SYS011", "Pending configuration values are already committed; a further change has to wait for the reset."))
	}
	problems := b.unknown("", body, b.biosSettings(), "Attributes", "@Redfish.SettingsApplyTime")
	attributes, ok := body["Attributes"].(doc)
	if !ok || len(attributes) == 0 {
		problems = append(problems, redfishMessage("PropertyMissing", "Attributes has to name an attribute at least.", "/Attributes"))
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if problem := b.attributeProblem(name, attributes[name]); problem != nil {
			problems = append(problems, problem)
		}
	}
	if when, given := body["@Redfish.SettingsApplyTime"]; given && b.site.Rule(RedfishBIOSApplyTime) {
		if apply, _ := when.(doc); apply["ApplyTime"] != "OnReset" {
			problems = append(problems, redfishMessage("PropertyValueNotInList", "ApplyTime is none of OnReset.", "/@Redfish.SettingsApplyTime/ApplyTime"))
		}
	}
	if len(problems) > 0 {
		return redfishFailure(http.StatusBadRequest, problems...)
	}
	atReset := b.site.Rule(RedfishBIOSAtReset)
	b.site.Update(b.machine, func(m *Machine) {
		for name, value := range attributes {
			switch {
			case !atReset:
				m.BIOS[name] = value
			case fmt.Sprint(m.BIOS[name]) == fmt.Sprint(value):
				delete(m.Pending, name)
			default:
				m.Pending[name] = value
			}
		}
	})
	if !b.dell() {
		return redfishReply{status: http.StatusOK, body: b.biosSettings()}
	}
	b.mu.Lock()
	j := redfishJob{id: fmt.Sprintf("JID_%012d", len(b.jobs)+1), resets: b.state().Resets}
	b.jobs = append(b.jobs, j)
	b.mu.Unlock()
	return redfishReply{status: http.StatusAccepted, header: map[string]string{"Location": redfishTasksPath + "/" + j.id}, body: b.taskDoc(j)}
}

// attributeProblem says what is wrong with an attribute's new value, or nothing.
func (b *BMC) attributeProblem(name string, value any) doc {
	at := "/Attributes/" + name
	i := slices.IndexFunc(b.opts.Attributes, func(a BIOSAttribute) bool { return a.Name == name })
	if i < 0 {
		if !b.site.Rule(RedfishBIOSKnown) {
			return nil
		}
		return redfishMessage("PropertyUnknown", name+" is no attribute of this BIOS.", at)
	}
	a := b.opts.Attributes[i]
	if a.ReadOnly && b.site.Rule(RedfishBIOSReadOnly) {
		return redfishMessage("PropertyNotWritable", name+" cannot be written.", at)
	}
	if !b.site.Rule(RedfishBIOSValue) {
		return nil
	}
	id, text := "", ""
	switch a.Type {
	case "Enumeration":
		if s, ok := value.(string); !ok || !slices.Contains(a.Values, s) {
			id, text = "PropertyValueNotInList", "is none of "+strings.Join(a.Values, ", ")
		}
	case "Integer":
		switch n, ok := value.(float64); {
		case !ok || n != math.Trunc(n):
			id, text = "PropertyValueTypeError", "is no whole number"
		case n < float64(a.Lower) || n > float64(a.Upper):
			id, text = "PropertyValueOutOfRange", fmt.Sprintf("is not within %d and %d", a.Lower, a.Upper)
		}
	case "Boolean":
		if _, ok := value.(bool); !ok {
			id, text = "PropertyValueTypeError", "is no boolean"
		}
	case "String":
		switch s, ok := value.(string); {
		case !ok:
			id, text = "PropertyValueTypeError", "is no string"
		case utf8.RuneCountInString(s) > a.MaxLen:
			id, text = "StringValueTooLong", fmt.Sprintf("is longer than %d", a.MaxLen)
		}
	}
	if id == "" {
		return nil
	}
	return redfishMessage(id, fmt.Sprintf("The value of %s %s.", name, text), at)
}
