package fleet

import (
	"fmt"
	"strings"

	"millwright.dev/millwright/internal/diag"
)

// hardware: classes do not contradict themselves, and what their machines must show can be shown.
func (c *checker) hardware() {
	for n, k := range All(c.f.Classes) {
		c.settings(n, k)
		c.volumes(n, k)
		c.evidence(n, k)
	}
}

// settings: no password stands in a BIOS attribute, which Metal3 would refuse and Git would show.
func (c *checker) settings(name string, k *Class) {
	look := func(bios map[string]any, in ...string) {
		for attribute := range bios { // findings are sorted in the end
			if strings.Contains(strings.ToLower(attribute), "password") {
				c.report("MW265", Query{address("class", name), joinPath(append(in, attribute)...)}, fmt.Sprintf("BIOS attribute %s is a password, and secrets are never written here", attribute),
					"take it out, and set it at the BMC; Metal3 refuses it too")
			}
		}
	}
	look(k.BIOS, "bios")
	for vendor, b := range All(k.Baselines) {
		look(b.BIOS, "baseline", vendor, "bios")
	}
}

// volumes: what Metal3 and Ironic take as RAID.
func (c *checker) volumes(name string, k *Class) {
	if k.RAID == nil {
		return
	}
	e := address("class", name)
	refuse := func(field, summary, hint string) { c.report("MW265", Query{e, field}, summary, hint) }
	if k.RAID.Hardware != nil && k.RAID.Software != nil {
		refuse("raid.software", "RAID volumes are either hardware or software", "remove one of the two")
	}
	for i, v := range k.RAID.Hardware {
		if len(v.PhysicalDisks) > 0 && v.Controller == "" {
			refuse(fmt.Sprintf("raid.hardware[%d].physicalDisks", i), "disks are named without their controller", "name the controller, whose words these are")
		}
		if v.Disks > 0 && len(v.PhysicalDisks) > 0 && v.Disks != len(v.PhysicalDisks) {
			refuse(fmt.Sprintf("raid.hardware[%d].disks", i), fmt.Sprintf("%d disks are wanted and %d named", v.Disks, len(v.PhysicalDisks)), "leave disks out")
		}
	}
	if k.RAID.Software != nil && len(k.RAID.Software) == 0 {
		refuse("raid.software", "no software volume is named", "leave raid out, or name one")
	}
	for i, v := range k.RAID.Software {
		if i == 0 && v.Level != "1" {
			refuse("raid.software[0].level", "the first software volume carries the system and must be of level 1", "so that a machine still starts when a disk fails")
		}
		if len(v.PhysicalDisks) == 1 {
			refuse(fmt.Sprintf("raid.software[%d].physicalDisks", i), "a software volume takes two disks or more", "name another, or none")
		}
	}
}

// evidence: what a class demands can be had of its machines at all.
func (c *checker) evidence(name string, k *Class) {
	e := address("class", name)
	bios, firmware := len(k.BIOS) > 0, false
	for _, b := range k.Baselines {
		bios, firmware = bios || len(b.BIOS) > 0, firmware || len(b.Firmware) > 0
	}
	for field, checks := range All(map[string]map[string]Check{"sanitise": k.Sanitise.Checks, "acceptance": k.Acceptance.Checks}) {
		for cn, check := range All(checks) {
			at := Query{e, joinPath(field, "check", cn, "evidence")}
			switch {
			case check.Evidence == EvidenceBIOS && !bios:
				c.report("MW266", at, "nothing is said of the BIOS that could be compared", "write bios, or a baseline with bios")
			case check.Evidence == EvidenceFirmware && !firmware:
				c.report("MW266", at, "no firmware version is said that could be compared", "write a baseline with firmware")
			case check.Evidence == EvidenceInspection && k.Inspection == "disabled":
				c.report("MW266", at, "Metal3 does not inspect machines of this class", "write inspection: \"agent\"", mention{Query{e, "inspection"}, "disabled here"})
			case check.Evidence == EvidenceGPUs && k.GPUs == nil:
				c.report("MW266", at, "the class has no GPUs", "write gpus, or take the check out")
			case check.Evidence == EvidenceGPUs:
				c.report("MW266", at, "GPUs cannot be counted yet, so that every machine of this class is held before it is handed over", "let somebody count them: evidence: \"record\"")
				c.found[len(c.found)-1].Severity = diag.Warning
			}
		}
	}
}
