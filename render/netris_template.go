package render

import (
	"fmt"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// stanzas are what Netris makes for a server cluster: the Ethernet, and what joins GPUs.
func (r *renderer) stanzas(c cluster) state.Tree {
	seg, ns := source("segment/"+c.Segment), c.segment.NorthSouth
	if ns.VLAN != 0 {
		r.report(diag.Diagnostic{
			Code: "MW310", Summary: fmt.Sprintf("segment %s asks for VLAN %d, and Netris documents no way to give a template's network one", c.Segment, ns.VLAN),
			Hint: `write vlan: "auto"`, Path: string(seg) + ".northSouth.vlan", Pos: c.segment.Pos,
		})
	}
	stanzas := []state.Tree{node(fields{
		"postfix":         seg.fixed(fleet.PostfixNorthSouth),
		"type":            seg.fixed("l2vpn"),
		"vlan":            seg.fixed("untagged"),
		"vlanID":          seg.of("northSouth.vlan", "auto"),
		"ipFamily":        seg.fixed("ipv4"),
		"serverNics":      seg.texts("northSouth.nics", ns.NICs),
		"ipv4Gateway":     seg.because("northSouth.gateway", "with the length of the subnet's prefix", c.segment.GatewayCIDR()),
		"ipv4DhcpEnabled": seg.of("northSouth.dhcp", ns.DHCP),
	})}
	if ib := c.segment.InfiniBand; ib != nil && !c.segment.Direct() {
		ufm := source("site/"+c.segment.Site).of("netris.ufm", c.site.Netris.UFM)
		if ib.UFM != "" {
			ufm = seg.of("infiniband.ufm", ib.UFM)
		}
		stanzas = append(stanzas, node(fields{
			"postfix": seg.fixed(fleet.PostfixInfiniBand),
			"type":    seg.fixed("netris-ufm"),
			"ufm":     ufm,
			"pkey":    seg.of("infiniband.pkey", ib.PKey),
		}))
	}
	if ew := c.segment.EastWest; ew != nil {
		stanzas = append(stanzas, node(fields{
			"postfix":    seg.fixed(fleet.PostfixEastWest),
			"type":       seg.fixed("l3vpn"),
			"vlan":       seg.fixed("untagged"),
			"vlanID":     seg.fixed("auto"),
			"ipFamily":   seg.of("eastWest.ipFamily", ew.IPFamily),
			"serverNics": seg.texts("eastWest.nics", ew.NICs),
		}))
	}
	if nvl := c.segment.NVLink; nvl != nil {
		stanzas = append(stanzas, node(fields{
			"postfix":   seg.fixed(fleet.PostfixNVLink),
			"type":      seg.fixed("netris-nvlink"),
			"partition": seg.of("nvlink.partition", nvl.Partition),
		}))
	}
	return list(stanzas...)
}
