package fleet

import (
	"strconv"
	"strings"
)

// Size is what one replica of a control plane gets, as Kubernetes quantities.
type Size struct{ CPU, Memory string }

// sizes are by name; schema/cluster_controlplane.cue promises them.
var sizes = map[string]Size{
	"tiny":   {"1", "2Gi"},
	"small":  {"2", "4Gi"},
	"medium": {"4", "8Gi"},
	"large":  {"8", "16Gi"},
	"xlarge": {"16", "32Gi"},
}

// OneReplica is what one replica of the control plane gets.
func (c ControlPlane) OneReplica() Size { return sizes[c.Size] }

// suffixes are those of Kubernetes quantities, and what they multiply by.
var suffixes = map[string]float64{
	"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
	"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50,
}

// amountOf is the number that a Kubernetes quantity stands for; the schema has its form. It is good for
// comparing what people write, not for counting bytes.
func amountOf(quantity string) float64 {
	digits := strings.TrimRight(quantity, "mkMGTPi")
	n, _ := strconv.ParseFloat(digits, 64)
	if times, ok := suffixes[quantity[len(digits):]]; ok {
		n *= times
	}
	return n
}
