package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

// Demand is what a machine must show before it is handed to a tenant, beside having been cleaned by
// Metal3. The fleet says it, per hardware class.
type Demand struct {
	Checks []Check
	// BIOS are the attributes that the BMC must report.
	BIOS map[string]any
	// Firmware are versions by component, as Metal3 names them.
	Firmware map[string]string
	// CPUs are logical processors, Memory is in GiB, Serial and MACs are empty where nobody said.
	CPUs, Memory int
	Serial       string
	MACs         []string
}

// Check is one thing that a machine must show.
type Check struct {
	Name string
	// Description tells people what is to be done; empty where the fleet does not.
	Description string
	// Evidence is what shows it: "inspection", "bios", "firmware", "gpus" or "record".
	Evidence string
	// SinceUse wants evidence from after the machine was last used.
	SinceUse bool
	// Recorded is when somebody saw to it, according to the fleet; zero if nobody did.
	Recorded time.Time
}

// shown: the machine passes every check that is demanded of it. What this version cannot see, what
// was not read, and a kind of evidence that it does not know keep the gate shut.
func shown(w World, host state.LiveObject) (why string, ok bool) {
	demand := w.Demands[host.ID.Name]
	used, err := lastUse(host)
	if err != nil && len(demand.Checks) > 0 {
		return fmt.Sprintf("the history of %s cannot be read: %v", host.ID.Name, err), false
	}
	for _, c := range demand.Checks {
		if why := w.show(c, demand, host, used); why != "" {
			name := c.Name
			if c.Description != "" {
				name += " (" + c.Description + ")"
			}
			return fmt.Sprintf("%s has not passed the check %s: %s", host.ID.Name, name, why), false
		}
	}
	return "", true
}

// show is why a check is not passed, or nothing.
func (w World) show(c Check, d Demand, host state.LiveObject, used time.Time) string {
	switch c.Evidence {
	case "record":
		switch {
		case c.Recorded.IsZero():
			return "there is no record of it"
		case c.SinceUse && !c.Recorded.After(used):
			return fmt.Sprintf("it is recorded for %s, and the machine was used until %s", c.Recorded.UTC().Format(time.RFC3339), used.UTC().Format(time.RFC3339))
		}
		return ""
	case "bios":
		return w.bios(d, host.ID.Name)
	case "firmware":
		return w.firmware(c, d, host.ID, used)
	case "inspection":
		return inspected(d, host)
	case "gpus":
		return "this version cannot count the GPUs that a BMC lists"
	}
	return fmt.Sprintf("this version knows no evidence of the kind %q", c.Evidence)
}

// bios: the BMC reports every attribute as it ought to be, and nothing waits for a reset.
func (w World) bios(d Demand, machine string) string {
	id := state.ID{Target: state.Target{System: state.Redfish, Name: machine}, Kind: "bios"}
	switch presence, live, err := w.Live[id.Target].Presence(id); {
	case len(d.BIOS) == 0:
		return "the fleet says of no BIOS attribute what it ought to be"
	case presence != state.Present:
		return fmt.Sprintf("its BIOS could not be read: %v", orUnread(err))
	case live.Pending != nil:
		return "BIOS settings wait for a reset"
	default:
		for _, attribute := range sorted(d.BIOS) {
			if is, want := kinds.Lookup(live.Value, "Attributes", attribute), d.BIOS[attribute]; state.Scalar(is) != state.Scalar(want) {
				return fmt.Sprintf("BIOS attribute %s is %v, not %v", attribute, is, want)
			}
		}
	}
	return ""
}

// firmware: Metal3 has every component in its version and, where that is asked for, has read it since
// the machine was last used.
func (w World) firmware(c Check, d Demand, host state.ID, used time.Time) string {
	id := host
	id.Kind = "HostFirmwareComponents.metal3.io"
	presence, live, err := w.Live[id.Target].Presence(id)
	switch {
	case len(d.Firmware) == 0:
		return "the fleet says of no component which version it ought to have"
	case presence != state.Present:
		return fmt.Sprintf("its firmware could not be read: %v", orUnread(err))
	}
	read, err := time.Parse(time.RFC3339, kinds.Text(live.Value, "status", "lastUpdated"))
	if c.SinceUse && (err != nil || !read.After(used)) {
		return "Metal3 has not read its firmware since it was last used"
	}
	has := map[string]string{}
	components, _ := kinds.Lookup(live.Value, "status", "components").([]any)
	for _, item := range components {
		component, _ := item.(map[string]any)
		has[kinds.Text(component, "component")] = kinds.Text(component, "currentVersion")
	}
	for _, component := range sorted(d.Firmware) {
		if has[component] != d.Firmware[component] {
			return fmt.Sprintf("%s has version %q, not %s", component, has[component], d.Firmware[component])
		}
	}
	return ""
}

// inspected: Metal3 found in the machine what belongs there.
func inspected(d Demand, host state.LiveObject) string {
	hardware, _ := kinds.Lookup(host.Value, "status", "hardware").(map[string]any)
	if hardware == nil {
		return "Metal3 has not inspected it"
	}
	number := func(path ...string) int64 {
		n, _ := state.Scalar(kinds.Lookup(hardware, path...)).(int64)
		return n
	}
	if cpus := number("cpu", "count"); cpus != int64(d.CPUs) {
		return fmt.Sprintf("it has %d processors, not %d", cpus, d.CPUs)
	}
	// Firmware and devices keep some of the memory for themselves.
	if memory := number("ramMebibytes"); memory*10 < int64(d.Memory)*1024*9 {
		return fmt.Sprintf("it has %d GiB of memory, of %d", memory/1024, d.Memory)
	}
	if serial := kinds.Text(hardware, "systemVendor", "serialNumber"); d.Serial != "" && !strings.EqualFold(serial, d.Serial) {
		return fmt.Sprintf("its serial number is %q, not %s", serial, d.Serial)
	}
	ports := map[string]bool{}
	nics, _ := hardware["nics"].([]any)
	for _, item := range nics {
		nic, _ := item.(map[string]any)
		ports[strings.ToLower(kinds.Text(nic, "mac"))] = true
	}
	for _, mac := range d.MACs {
		if !ports[strings.ToLower(mac)] {
			return fmt.Sprintf("it has no port %s", mac)
		}
	}
	return ""
}

// lastUse is when a host was last used, as far as Metal3 knows: when it was last provisioned, or began
// to be; the zero time if it never was.
func lastUse(host state.LiveObject) (time.Time, error) {
	started, err := operation(host, "provision", "start")
	if err != nil {
		return time.Time{}, err
	}
	ended, err := operation(host, "provision", "end")
	if err != nil {
		return time.Time{}, err
	}
	if ended.After(started) {
		return ended, nil
	}
	return started, nil
}

func orUnread(err error) any {
	if err == nil {
		return "it is not there, or was not looked at"
	}
	return err
}

func sorted[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
