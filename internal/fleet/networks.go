package fleet

// The postfixes by which Netris tells the networks of a segment apart that it makes for a server cluster.
const (
	PostfixNorthSouth = "ns"
	PostfixInfiniBand = "ib"
	PostfixEastWest   = "ew"
	PostfixNVLink     = "nvl"
)
