// Package state is the vocabulary of what is wanted and what is there: targets, the addresses of
// objects in them, desired trees whose every leaf knows where it comes from, and live objects. Begin
// with [Object] (what Git wants) and [LiveObject] (what a target reports). It knows no CUE, no client
// and no plan.
package state

import (
	"cmp"
	"fmt"
	"strings"
)

// System names one of the worlds that a fleet lives in.
type System string

// The systems.
const (
	Kubernetes System = "kubernetes"
	Redfish    System = "redfish"
	Netris     System = "netris"
	UFM        System = "ufm"
)

// Target is one thing that is observed, written, rate-limited, failed and retried on its own: one
// cluster ("kubernetes/control-plane", "kubernetes/acme.train"), one BMC ("redfish/gpu-001"), one
// controller ("netris/dc1"), one InfiniBand manager ("ufm/ufm-dc1").
type Target struct {
	System System
	Name   string
}

// ControlPlane is the cluster that Metal3, vCluster Platform and Millwright's own memory live in.
var ControlPlane = Target{Kubernetes, "control-plane"}

func (t Target) String() string { return string(t.System) + "/" + t.Name }

// Compare orders targets by system and name.
func (t Target) Compare(u Target) int {
	return cmp.Or(cmp.Compare(t.System, u.System), cmp.Compare(t.Name, u.Name))
}

// ID is the address of one object, the same in the command line, reports and logs. Its String is
//
//	kubernetes/<cluster>/<Kind.group>[/<namespace>]/<name>[/<part>]
//	redfish/<machine>/<kind>
//	netris/<site>/<kind>/<name>[/<part>]
//	ufm/<manager>/<kind>/<name>[/<part>]
//
// A Part is an object of its own within a remote object, such as one member of a server cluster
// ("server/gpu-001") or one port of a partition ("guid/b83fd20300aa0101"): it has its own order, status and history, and is folded at the wire.
type ID struct {
	Target    Target
	Kind      string // on Kubernetes Kind.group, or Kind alone for the core group
	Namespace string
	Name      string
	Part      string
}

func (id ID) String() string {
	s := id.Target.String()
	for _, part := range []string{id.Kind, id.Namespace, id.Name, id.Part} {
		if part != "" {
			s += "/" + part
		}
	}
	return s
}

// Whole is the remote object that id is, or is a part of.
func (id ID) Whole() ID {
	id.Part = ""
	return id
}

// Below reports whether id is a part of the object above.
func (id ID) Below(above ID) bool {
	return id.Part != "" && id.Whole() == above.Whole() && (above.Part == "" || strings.HasPrefix(id.Part, above.Part+"/"))
}

// Compare orders IDs by their parts, so that an object comes just before its parts.
func (id ID) Compare(other ID) int {
	return cmp.Or(id.Target.Compare(other.Target), cmp.Compare(id.Kind, other.Kind), cmp.Compare(id.Namespace, other.Namespace),
		cmp.Compare(id.Name, other.Name), cmp.Compare(id.Part, other.Part))
}

// MarshalText makes an ID its address in JSON, also as a map's key.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is ParseID.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}

// ParseID reads an address as ID.String writes it. A cluster-scoped Kubernetes object has no parts,
// so that two words after the kind are always namespace and name.
func ParseID(s string) (ID, error) {
	word := strings.Split(s, "/")
	if len(word) < 3 {
		return ID{}, fmt.Errorf("address %q is too short: want <system>/<target>/<kind>/…", s)
	}
	for _, w := range word {
		if w == "" {
			return ID{}, fmt.Errorf("address %q has an empty part", s)
		}
	}
	id := ID{Target: Target{System(word[0]), word[1]}, Kind: word[2]}
	rest := word[3:]
	switch id.Target.System {
	case Kubernetes:
		if len(rest) == 0 {
			return ID{}, fmt.Errorf("address %q names no object", s)
		}
		if len(rest) > 1 {
			id.Namespace, rest = rest[0], rest[1:]
		}
		id.Name, id.Part = rest[0], strings.Join(rest[1:], "/")
	case Netris, UFM:
		if len(rest) == 0 {
			return ID{}, fmt.Errorf("address %q names no object", s)
		}
		id.Name, id.Part = rest[0], strings.Join(rest[1:], "/")
	case Redfish:
		if len(rest) != 0 {
			return ID{}, fmt.Errorf("address %q is too long: want redfish/<machine>/<kind>", s)
		}
	default:
		return ID{}, fmt.Errorf("address %q begins with no known system: want kubernetes, redfish, netris or ufm", s)
	}
	return id, nil
}
