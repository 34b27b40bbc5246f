package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"millwright.dev/millwright/internal/report"
)

// NetworksText prints the numbers that were read of networks, one line for each.
func NetworksText(w io.Writer, all []report.Networks, now time.Time) error {
	p := printer{w: w}
	entity, name := 0, 0
	for _, of := range all {
		entity = max(entity, len(clean(of.Entity)))
		for _, n := range of.Networks {
			name = max(name, len(clean(n.Name)))
		}
	}
	for _, of := range all {
		for _, n := range of.Networks {
			p.f("  %-*s  %-*s  %s at %s", entity, clean(of.Entity), name, clean(n.Name), clean(numbers(n)), clean(n.Target))
			if !n.Read.IsZero() {
				p.f(", read %s", report.Ago(now, n.Read))
			}
			p.f("\n")
		}
	}
	return p.err
}

// numbers of a network in words.
func numbers(n report.Network) string {
	var parts []string
	if n.VLAN != 0 {
		parts = append(parts, fmt.Sprintf("VLAN %d", n.VLAN))
	}
	if n.VXLAN != 0 {
		parts = append(parts, fmt.Sprintf("VXLAN %d", n.VXLAN))
	}
	for _, part := range n.Partitions {
		word := "partition"
		if n.Name == report.NetworkInfiniBand {
			word = "PKey"
		}
		parts = append(parts, word+" "+part.Number+" in "+part.Fabric)
	}
	return strings.Join(parts, ", ")
}
