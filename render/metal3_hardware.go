package render

import (
	"strconv"
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

const (
	kindSettings   = "HostFirmwareSettings.metal3.io"
	kindComponents = "HostFirmwareComponents.metal3.io"
	kindUpdates    = "HostUpdatePolicy.metal3.io"
)

// bios are the BIOS attributes that a machine ought to have, each from where it is written: the
// baseline of its vendor, else its class.
func (r *renderer) bios(m *fleet.Machine) fields {
	class, attributes := source("class/"+m.Class), fields{}
	for name, value := range r.fleet.Classes[m.Class].BIOS {
		attributes[name] = class.of(key("bios", name), value)
	}
	if b := r.fleet.Baseline(m); b != nil {
		for name, value := range b.BIOS {
			attributes[name] = class.of(key(baselineField(m, "bios"), name), value)
		}
	}
	return attributes
}

// baselineField is where a field of the machine's baseline is written in its class.
func baselineField(m *fleet.Machine, field string) string {
	return "baseline." + m.BMC.Vendor + "." + field
}

// firmware is what Metal3 is told of a machine's BIOS and firmware. Metal3 makes both objects along
// with the host; when it does what they say is a third one, which only exists to allow more than the
// careful default.
func (r *renderer) firmware(name string, m *fleet.Machine) {
	class, updates := source("class/"+m.Class), r.fleet.Classes[m.Class].Updates
	policy := fields{}
	if bios := r.bios(m); len(bios) > 0 {
		for attribute, value := range bios {
			if b, ok := value.Value().(bool); ok { // Metal3 takes strings and integers only
				from := value.Origin()
				bios[attribute] = source(from.Entity).because(from.Field, "Metal3 wants it as text", strconv.FormatBool(b))
			}
		}
		r.hostObject(kindSettings, name, fields{"settings": node(bios)})
		if updates.BIOS == "onReboot" {
			policy["firmwareSettings"] = class.of("updates.bios", updates.BIOS)
		}
	}
	if b := r.fleet.Baseline(m); b != nil && len(b.Firmware) > 0 {
		var components []state.Tree
		for component, f := range fleet.All(b.Firmware) {
			at := key(baselineField(m, "firmware"), component)
			components = append(components, node(fields{
				"component": class.because(at, "the component", component),
				"url":       r.fileURL(class, at+".url", f.URL),
			}))
		}
		r.hostObject(kindComponents, name, fields{"updates": list(components...)})
		if updates.Firmware == "onReboot" {
			policy["firmwareUpdates"] = class.of("updates.firmware", updates.Firmware)
		}
	}
	if len(policy) > 0 {
		r.hostObject(kindUpdates, name, policy)
	}
}

// hostObject is one of Metal3's objects that bear the host's name and say more about it.
func (r *renderer) hostObject(kind, name string, spec fields) {
	machine, id := source("machine/"+name), r.control(kind, r.fleet.Platform.Metal3.Namespace, name)
	short, _, _ := strings.Cut(kind, ".")
	r.add(state.Object{
		ID: id, Entity: string(machine), After: after(r.hostID(name)),
		Tree: node(fields{
			"apiVersion": machine.fixed("metal3.io/v1alpha1"),
			"kind":       machine.fixed(short),
			"metadata":   node(r.metadata(machine, id, nil)),
			"spec":       node(spec),
		}),
	})
}

// dhcpPrefix is that of the annotations that the DHCP server of Platform's Metal3 reads off a host.
const dhcpPrefix = "metal3.vcluster.com/"

// dhcpID are the annotations by which a host is installed.
func (r *renderer) dhcpID(machine string) state.ID {
	id := r.hostID(machine)
	id.Part = "dhcp"
	return id
}

// dhcp is what a machine is told while it is being installed. It is a part of its own, so that nothing
// else about the host is written over what Platform puts there while a tenant has the machine.
func (r *renderer) dhcp(name string, m *fleet.Machine) {
	if m.DHCP == nil {
		return
	}
	s := source("machine/" + name)
	says := fields{dhcpPrefix + "ip-address": s.of("dhcp.address", m.DHCP.Address)}
	if m.DHCP.Gateway != "" {
		says[dhcpPrefix+"gateway"] = s.of("dhcp.gateway", m.DHCP.Gateway)
	}
	for annotation, servers := range map[string][]string{"dns": m.DHCP.DNS, "ntp": m.DHCP.NTP} {
		if len(servers) > 0 {
			says[dhcpPrefix+annotation+"-servers"] = s.because("dhcp."+annotation, "joined with commas", strings.Join(servers, ","))
		}
	}
	r.add(state.Object{
		ID: r.dhcpID(name), Entity: string(s), After: after(r.hostID(name)),
		Tree: node(fields{"metadata": node(fields{"annotations": node(says)})}),
	})
}

// raid are the volumes that Metal3 makes; an empty list of hardware volumes clears all.
func raid(class source, wants *fleet.RAID) state.Tree {
	if wants.Hardware == nil {
		var volumes []state.Tree
		for i, v := range wants.Software {
			at := "raid.software" + state.Index(i)
			volume := fields{"level": class.of(at+".level", v.Level)}
			if v.Size != 0 {
				volume["sizeGibibytes"] = class.of(at+".size", v.Size)
			}
			var disks []state.Tree
			for j, d := range v.PhysicalDisks {
				disks = append(disks, node(diskHints(class, at+".physicalDisks"+state.Index(j), d)))
			}
			if disks != nil {
				volume["physicalDisks"] = list(disks...)
			}
			volumes = append(volumes, node(volume))
		}
		return node(fields{"softwareRAIDVolumes": list(volumes...)})
	}
	volumes := []state.Tree{}
	for i, v := range wants.Hardware {
		at := "raid.hardware" + state.Index(i)
		volume := fields{"level": class.of(at+".level", v.Level)}
		for name, text := range map[string]string{"name": v.Name, "controller": v.Controller} {
			if text != "" {
				volume[name] = class.of(at+"."+name, text)
			}
		}
		if v.Size != 0 {
			volume["sizeGibibytes"] = class.of(at+".size", v.Size)
		}
		if v.Disks != 0 {
			volume["numberOfPhysicalDisks"] = class.of(at+".disks", v.Disks)
		}
		if len(v.PhysicalDisks) > 0 {
			volume["physicalDisks"] = class.texts(at+".physicalDisks", v.PhysicalDisks)
		}
		if v.Rotational != nil {
			volume["rotational"] = class.of(at+".rotational", *v.Rotational)
		}
		volumes = append(volumes, node(volume))
	}
	return node(fields{"hardwareRAIDVolumes": state.List(volumes, state.Origin{Entity: string(class), Field: "raid.hardware"})})
}

// diskHints choose a disk; at is where they are written.
func diskHints(class source, at string, h fleet.DiskHints) fields {
	hints := fields{}
	for name, text := range map[string]string{
		"deviceName": h.DeviceName, "hctl": h.HCTL, "model": h.Model, "vendor": h.Vendor, "serialNumber": h.SerialNumber, "wwn": h.WWN,
	} {
		if text != "" {
			hints[name] = class.of(at+"."+name, text)
		}
	}
	if h.MinSizeGigabytes != 0 {
		hints["minSizeGigabytes"] = class.of(at+".minSizeGigabytes", h.MinSizeGigabytes)
	}
	if h.Rotational != nil {
		hints["rotational"] = class.of(at+".rotational", *h.Rotational)
	}
	return hints
}
