package state

// Network is what a target says of one network: the numbers by which switches tell it from others, which
// Git may leave to the target. Zero and empty are not told.
type Network struct {
	// Name is which of several networks of an object it is, in the target's words; empty if the object
	// itself is the network.
	Name string
	// VLAN is from 1 to 4094, VXLAN is the id (VNI) of the overlay.
	VLAN, VXLAN int
	// Partitions are those of InfiniBand or NVLink, sorted: one in each fabric that the network is in.
	Partitions []Partition
}

// Partition is a part of an InfiniBand or NVLink fabric.
type Partition struct {
	Fabric string `json:"fabric" doc:"the UFM or the NVLink domain that it is a part of"`
	// Number is a PKey or an NVLink partition, in the form that the target has it in.
	Number string `json:"number" doc:"the PKey or the number of the NVLink partition, as the controller writes it"`
}
