package fleet

// The postfixes by which Netris tells the networks of a segment apart that it makes for a server cluster.
const (
	PostfixNorthSouth = "ns"
	PostfixInfiniBand = "ib"
	PostfixEastWest   = "ew"
	PostfixNVLink     = "nvl"
)

// The networks of a segment as the fields of the fleet call them; a V-Net is "vnet." and its name. A
// segment's routes are those of its VPC, which no field describes.
const (
	NetworkVPC        = "vpc"
	NetworkNorthSouth = "northSouth"
	NetworkInfiniBand = "infiniband"
	NetworkEastWest   = "eastWest"
	NetworkNVLink     = "nvlink"
	NetworkVNet       = "vnet."
)
