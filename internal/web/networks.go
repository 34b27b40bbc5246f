package web

import (
	"strconv"
	"strings"

	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
)

// auto is what Git says of a number that it leaves to the network's controller.
const auto = "auto"

// Number is a number of a network: what Git says, or what its controller chose where Git leaves it to that.
type Number struct {
	Word string // what it is a number of, as "VLAN"
	Is   string // "auto" where Git does not say and nobody knows; empty where there is no such network
	Says string // what is to be said of it
	Read string // how long ago it was read, if its controller cannot be asked now
}

// networkRow is one network of a segment as the text says what the drawing shows.
type networkRow struct {
	Name        string
	Numbers     []Number
	Range, Note string
	Joined      bool // machines are on it, where others join switch ports
}

// networksOf are the networks of a segment, with their numbers as far as they are known.
func (r *request) networksOf(g Segment) []networkRow {
	ethernet := r.observed(g, report.NetworkNorthSouth)
	rows := []networkRow{{"Ethernet", []Number{r.vlan(g.VLAN, ethernet), r.vxlan(auto, ethernet)}, g.Subnet, "gateway " + g.Gateway, true}}
	if g.EastWest != "" {
		roce := r.vxlan(auto, r.observed(g, report.NetworkEastWest))
		rows = append(rows, networkRow{"RoCE", []Number{roce}, "", g.EastWest + ", between machines", true})
	}
	if g.PKey != "" {
		pkey := r.partition("PKey", g.PKey, r.observed(g, report.NetworkInfiniBand), manyPartitions)
		rows = append(rows, networkRow{"InfiniBand", []Number{pkey}, "", g.UFM, true})
	}
	if g.NVLink != "" {
		partition := r.partition("partition", g.NVLink, r.observed(g, report.NetworkNVLink), manyPartitions)
		rows = append(rows, networkRow{"NVLink", []Number{partition}, "", "", true})
	}
	for _, v := range g.VNets {
		rows = append(rows, r.vnet(g, v))
	}
	routes := r.vxlan(auto, r.observed(g, report.NetworkVPC))
	return append(rows, networkRow{"VPC", []Number{routes}, g.Network, "the routes between them", false})
}

// vnet is a network outside of the server cluster. One that is routed has no VLAN.
func (r *request) vnet(g Segment, v VNet) networkRow {
	is := r.observed(g, report.NetworkVNet+v.Name)
	row := networkRow{Name: v.Name, Numbers: []Number{r.vxlan(v.VXLAN, is)}, Range: v.Subnet, Note: v.Type + " V-Net"}
	if v.Type != "l3" {
		row.Numbers = append([]Number{r.vlan(v.VLAN, is)}, row.Numbers...)
	}
	return row
}

// observed is what was read of a network of a segment; zero if nothing was.
func (s *Snapshot) observed(g Segment, name string) report.Network {
	for _, n := range s.networks["segment/"+g.Name] {
		if n.Name == name {
			return n
		}
	}
	return report.Network{}
}

func (r *request) vlan(git string, n report.Network) Number {
	return r.number("VLAN", git, decimal(n.VLAN), n)
}

func (r *request) vxlan(git string, n report.Network) Number {
	return r.number("VXLAN", git, decimal(n.VXLAN), n)
}

// decimal is a number, or empty for zero.
func decimal(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// manyPartitions is how many partitions of one network are named; the API has them all.
const manyPartitions = 8

// partition is the number of a partition, or of each of them with where it is, if they are not too many.
func (r *request) partition(word, git string, n report.Network, most int) Number {
	var is string
	switch of := n.Partitions; {
	case len(of) == 1:
		is = of[0].Number
	case len(of) > most:
		is = plural(len(of), "partition")
		word = ""
	case len(of) > 1:
		var each []string
		for _, p := range of {
			each = append(each, p.Number+" in "+p.Fabric)
		}
		is = strings.Join(each, ", ")
	}
	return r.number(word, git, is, n)
}

// number joins what Git says with what was read, which is empty if nothing was.
func (r *request) number(word, git, is string, n report.Network) Number {
	out := Number{Word: word, Is: git}
	by := controller(n.Target)
	switch {
	case git == auto && is == "":
		out.Says = "not known yet"
		return out
	case git == auto:
		out.Is, out.Says = is, "chosen by "+by
	case is == "" || is == git:
		return out
	default:
		out.Says = is + " at " + by
	}
	if !n.Read.IsZero() {
		out.Read = "read " + report.Ago(r.now, n.Read)
	}
	return out
}

// controller is what people call the system of a target.
func controller(target string) string {
	if strings.HasPrefix(target, string(state.UFM)+"/") {
		return "UFM"
	}
	return "Netris"
}

// short is a number with the word for it, as switches log it.
func (n Number) short() string { return strings.TrimSpace(n.Word + " " + n.Is) }

// segmentTexts are what a segment is found by: its name, its addresses, and its networks' numbers.
func (r *request) segmentTexts(g Segment) []string {
	texts := []string{g.Name, g.Network, g.Subnet}
	for _, n := range r.networksOf(g) {
		for _, number := range n.Numbers {
			texts = append(texts, number.short())
		}
	}
	return texts
}
