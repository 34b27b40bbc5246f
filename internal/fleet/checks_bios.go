package fleet

import (
	"fmt"
	"slices"
	"strings"
)

// biosNames are BIOS attributes by the vendor whose machines were seen to have them. It is far from all that there
// are: a name that nobody is known for is not judged. Supermicro's carry an ending that varies by board ("*").
var biosNames = map[string][]string{
	"dell": {"SriovGlobalEnable", "ProcVirtualization", "SubNumaCluster", "NodeInterleave", "SysProfile", "ProcCStates", "ProcTurboMode", "PcieAspmL1",
		"MmioAbove4Gb", "SecureBoot", "SecureBootMode", "SecureBootPolicy", "PxeDev1EnDis", "PxeDev1Interface", "HttpDev1EnDis", "HttpDev1Interface", "HttpDev1Uri",
		"HttpDev1TlsMode", "BootMode", "AcPwrRcvry", "MemOpMode", "InBandManageabilityInterface"},
	"lenovo": {"DevicesandIOPorts_IntelVTforDirectedIOVTd", "Processors_IntelVirtualizationTechnology", "Processors_PCIeACSCTL", "Processors_SNC",
		"OperatingModes_ChooseOperatingMode", "Power_ASPM", "Processors_TurboMode", "SecureBootConfiguration_SecureBootSetting",
		"NetworkStackSettings_IPv4PXESupport", "NetworkStackSettings_IPv4HTTPSupport", "BootModes_SystemBootMode", "BootModes_InfiniteBootRetry"},
	"nvidia": {"SRIOVEnable", "SriovSupport", "VTdSupport", "Ipv4Http", "Ipv4Pxe", "Ipv6Http", "Ipv6Pxe", "NvidiaInfiniteboot", "KcsInterfaceDisable", "RedfishEnable",
		"EmbeddedUefiShell", "NewDevicePosition", "EGM", "EGMHypervisorReservedMemory", "RedfishHostInterface"},
	"supermicro": {"SR-IOVSupport*", "SR_IOVSupport*", "IntelVTforDirectedI/O(VT-d)*", "IntelVirtualizationTechnology*", "SecureBootEnable*", "CSMSupport*",
		"IPv4HTTPSupport*", "IPv4PXESupport*"},
	"hpe": {"AmdDmaRemapping", "ProcAmdIoVt", "AccessControlService", "NumaMemoryDomainsPerSocket", "LastLevelCacheAsNUMANode", "NumaGroupSizeOpt",
		"AMDPerformanceWorkloadProfile", "PowerRegulator", "AmdMmcfgBase3Gb", "HttpSupport", "BootMode", "BootOrderPolicy", "AutoPowerOn", "SysLockdown"},
}

// biosOf are the vendors that have a BIOS attribute, as far as is known, sorted.
func biosOf(attribute string) []string {
	var vendors []string
	for vendor, names := range All(biosNames) {
		if slices.ContainsFunc(names, func(n string) bool {
			prefix, open := strings.CutSuffix(n, "*")
			return n == attribute || open && strings.HasPrefix(attribute, prefix)
		}) {
			vendors = append(vendors, vendor)
		}
	}
	return vendors
}

// attributes: what is written to a BMC has a name that its vendor knows. It is a warning: firmware differs by model and
// version, and a BMC that lacks an attribute refuses it.
func (c *checker) attributes() {
	of := map[string]map[string]string{} // a machine by class and vendor
	for name, m := range c.f.Machines {
		if m.BMC.Vendor == "" {
			continue
		}
		if of[m.Class] == nil {
			of[m.Class] = map[string]string{}
		}
		if first := of[m.Class][m.BMC.Vendor]; first == "" || name < first {
			of[m.Class][m.BMC.Vendor] = name
		}
	}
	for n, k := range All(c.f.Classes) {
		for attribute := range All(k.BIOS) {
			for vendor, machine := range All(of[n]) {
				c.calls(vendor, attribute, Query{address("class", n), joinPath("bios", attribute)}, mention{Query{address("machine", machine), "bmc.vendor"}, "a machine of that vendor"})
			}
		}
		for vendor, b := range All(k.Baselines) {
			for attribute := range All(b.BIOS) {
				c.calls(vendor, attribute, Query{address("class", n), joinPath("baseline", vendor, "bios", attribute)})
			}
		}
	}
}

// calls warns of an attribute that only other vendors are known to have.
func (c *checker) calls(vendor, attribute string, at Query, related ...mention) {
	if has := biosOf(attribute); len(has) > 0 && !slices.Contains(has, vendor) {
		c.warn("MW265", at, fmt.Sprintf("BIOS attribute %s is called so by %s, and not as far as is known by %s", attribute, strings.Join(has, " and "), vendor),
			"write it into the baseline of the vendor that has it", related...)
	}
}
