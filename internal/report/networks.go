package report

import (
	"time"

	"millwright.dev/millwright/internal/state"
)

// Networks is what was read of the networks of one segment or site, at the controllers that made them.
type Networks struct {
	// Entity is "segment/acme-train" or "site/dc1".
	Entity string `json:"entity"`
	// Tenant is whose the segment was then; empty where it is nobody's.
	Tenant string `json:"tenant,omitempty"`
	// Networks are sorted by name. Of one that is not in it nothing was read yet.
	Networks []Network `json:"networks"`
}

// What networks are called: as the fleet's fields for them; a V-Net is NetworkVNet and its name. The
// routes between a segment's networks are those of its VPC, which no field describes.
const (
	NetworkVPC        = "vpc"
	NetworkNorthSouth = "northSouth"
	NetworkInfiniBand = "infiniband"
	NetworkEastWest   = "eastWest"
	NetworkNVLink     = "nvlink"
	NetworkVNet       = "vnet."
)

// Network is what was read of one network: the numbers by which switches tell it from others, whether Git
// names them or leaves them to the controller.
type Network struct {
	Name       string            `json:"name" doc:"northSouth, eastWest, infiniband or nvlink, vnet. and the name of a V-Net, or vpc for the routes between them"`
	Target     string            `json:"target" doc:"the controller that says so, as netris/dc1"`
	VLAN       int               `json:"vlan,omitempty" doc:"left out where it has none"`
	VXLAN      int               `json:"vxlan,omitempty" doc:"the id (VNI) of the overlay; left out where it has none"`
	Partitions []state.Partition `json:"partitions,omitempty" doc:"of InfiniBand or NVLink"`
	// Read is when it was read, if the last pass could not: then it may be otherwise by now.
	Read time.Time `json:"read,omitzero" doc:"when it was read, if the controller could not be asked since"`
}
