package simulate

import (
	"cmp"
	"slices"
)

// BIOSAttribute is one entry of a BIOS attribute registry. Numbers are float64, as JSON gives them.
type BIOSAttribute struct {
	Name     string
	Type     string   // Enumeration, String, Integer or Boolean
	Values   []string // of an Enumeration
	Default  any
	Lower    int // of an Integer, both included
	Upper    int
	MaxLen   int // of a String
	ReadOnly bool
}

const redfishBIOSRegistry = "BiosAttributeRegistry.v1_0_0"

// DefaultBIOSAttributes are attributes as a two-socket GPU server has them, named as Dell names them.
func DefaultBIOSAttributes() []BIOSAttribute {
	choice := func(name, first string, others ...string) BIOSAttribute {
		return BIOSAttribute{Name: name, Type: "Enumeration", Values: append([]string{first}, others...), Default: first}
	}
	return []BIOSAttribute{
		choice("SriovGlobalEnable", "Disabled", "Enabled"),
		choice("ProcVirtualization", "Enabled", "Disabled"),
		choice("SubNumaCluster", "Disabled", "2-Way", "4-Way"),
		choice("SysProfile", "PerfPerWattOptimizedDapc", "PerfOptimized", "Custom"),
		choice("ProcCStates", "Enabled", "Disabled"),
		choice("ProcTurboMode", "Enabled", "Disabled"),
		choice("MmioAbove4Gb", "Enabled", "Disabled"),
		choice("BootMode", "Uefi", "Bios"),
		choice("PxeDev1EnDis", "Enabled", "Disabled"),
		choice("AcPwrRcvry", "Last", "On", "Off"),
		{Name: "AcPwrRcvryUserDelay", Type: "Integer", Lower: 60, Upper: 600, Default: 60.0},
		{Name: "AssetTag", Type: "String", MaxLen: 63, Default: ""},
		{Name: "ForceIntegrated", Type: "Boolean", Default: false},
		{Name: "SystemServiceTag", Type: "String", MaxLen: 63, Default: "", ReadOnly: true},
	}
}

func (b *BMC) registryFile() doc {
	return redfishEntity(redfishRegistryPath, "MessageRegistryFile.v1_1_3.MessageRegistryFile", "BIOS Attribute Registry File", doc{
		"Registry":  redfishBIOSRegistry,
		"Languages": []string{"en"},
		"Location":  []doc{{"Language": "en", "Uri": redfishRegistryPath + "/Registry"}},
	})
}

func (b *BMC) registry() doc {
	entries := []doc{}
	for _, a := range b.opts.Attributes {
		e := doc{"AttributeName": a.Name, "Type": a.Type, "DefaultValue": a.Default, "ReadOnly": a.ReadOnly, "ResetRequired": true}
		switch a.Type {
		case "Enumeration":
			values := []doc{}
			for _, v := range a.Values {
				values = append(values, doc{"ValueName": v, "ValueDisplayName": v})
			}
			e["Value"] = values
		case "Integer":
			e["LowerBound"], e["UpperBound"] = a.Lower, a.Upper
		case "String":
			e["MaxLength"] = a.MaxLen
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(x, y doc) int {
		return cmp.Compare(x["AttributeName"].(string), y["AttributeName"].(string))
	})
	return redfishEntity(redfishRegistryPath+"/Registry", "AttributeRegistry.v1_3_8.AttributeRegistry", "BIOS Attribute Registry", doc{
		"Id":              redfishBIOSRegistry,
		"Language":        "en",
		"OwningEntity":    b.opts.Vendor,
		"RegistryVersion": "1.0.0",
		"RegistryEntries": doc{"Attributes": entries},
	})
}
