package fleet

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// blockPool: a class takes its volumes from a pool that rook-ceph-cluster makes, unless its parameters
// name one that something else does.
func (c onCluster) blockPool(name string, s *StorageClass) {
	values := c.stack.Catalogue[entryCeph].Values
	var pools []string
	for _, p := range listAt(values, "cephBlockPools") {
		pools = append(pools, fmt.Sprint(p["name"]))
	}
	for _, p := range listAt(values, "cephECBlockPools") { // volumes are kept by the pool of the metadata
		pools = append(pools, fmt.Sprint(p["name"], "-metadata"))
	}
	if _, another := s.Parameters["pool"]; another || slices.Contains(pools, s.Ceph.Pool) {
		return
	}
	c.report("MW235", c.at("storage", name, "ceph"), fmt.Sprintf("storage class %s takes volumes from block pool %s, which %s does not make", name, s.Ceph.Pool, entryCeph),
		hintNames("its pools are", pools), mention{c.stackAt("catalogue", entryCeph), "the storage"})
}

// copies: nothing is to be kept on more machines than there are. A cluster without machines keeps nothing.
func (c onCluster) copies(all, withDisks int) {
	if all == 0 {
		return
	}
	if ceph := c.stack.Catalogue[entryCeph]; ceph != nil {
		for _, pool := range listAt(ceph.Values, "cephBlockPools") {
			size, _ := valueAt(pool, "spec", "replicated", "size").(int64)
			if size > int64(withDisks) && valueAt(pool, "spec", "failureDomain") != "osd" { // of disks a machine can have several
				c.report("MW236", c.at("stack"), fmt.Sprintf("block pool %v keeps %d copies, each on a machine of its own, but of the cluster's machines only %d have spare disks", pool["name"], size, withDisks),
					"lower replicated: size, give the classes spareDisks, or the pools more machines", mention{c.stackAt("catalogue", entryCeph), "the storage"})
			}
		}
	}
	for name, s := range All(c.cluster.Storage) {
		if s.Longhorn != nil && s.Longhorn.Replicas > all {
			c.report("MW236", c.at("storage", name, "longhorn"), fmt.Sprintf("storage class %s keeps %d copies, each on a machine of its own, but the cluster has %s", name, s.Longhorn.Replicas, machines(all)),
				"lower replicas, or give the pools more machines")
		}
	}
}

// filterPath is where an entry's values say which disks Rook takes, by the kernel's names of them.
var filterPath = []string{"cephClusterSpec", "storage", "deviceFilter"}

func filterAt() string {
	return joinPath(append([]string{"catalogue", entryCeph, "values"}, filterPath...)...)
}

// deviceFilter: it is an expression, and leaves some disks alone.
func (c *checker) deviceFilter(entity string, k *Chart) {
	at := Query{entity, filterAt()}
	filter, err := takes(k)
	if err != nil {
		c.report("MW236", at, fmt.Sprintf("the filter of disks is no regular expression: %v", err), `for instance "^nvme[1-4]n1$"`)
	} else if everyDisk(filter) {
		c.report("MW236", at, fmt.Sprintf("%q fits every disk, that of the system among them", filter), `name the disks that the storage may have, for instance "^nvme[1-4]n1$"`)
	}
}

// rootDisk: Rook does not take the disk that the machines of a pool start from.
func (c onCluster) rootDisk(p PoolRef, class *Class) {
	ceph := c.stack.Catalogue[entryCeph]
	if ceph == nil || class.RootDeviceHints == nil {
		return
	}
	disk := strings.TrimPrefix(class.RootDeviceHints.DeviceName, "/dev/")
	filter, err := takes(ceph)
	if err != nil || everyDisk(filter) || disk == "" || strings.Contains(disk, "/") {
		return // said of the stack; and Rook looks at the kernel's names, which a path does not tell
	}
	if filter.MatchString(disk) {
		c.report("MW236", c.at("pool", p.Name), fmt.Sprintf("rook-ceph-cluster would take %s, which the machines of pool %s start from: it fits %q", disk, p.Name, filter),
			"narrow deviceFilter to the spare disks", mention{Query{address("stack", c.stack.Name), filterAt()}, "the filter"},
			mention{Query{address("class", p.Class), "rootDeviceHints.deviceName"}, "the system's disk"})
	}
}

// takes is the filter of the disks that Rook takes.
func takes(k *Chart) (*regexp.Regexp, error) {
	filter, _ := valueAt(k.Values, filterPath...).(string)
	return regexp.Compile(filter)
}

// everyDisk reports whether a filter fits the first disk of whatever kind.
func everyDisk(filter *regexp.Regexp) bool {
	return !slices.ContainsFunc([]string{"sda", "vda", "xvda", "nvme0n1", "mmcblk0", "pmem0"}, func(disk string) bool { return !filter.MatchString(disk) })
}
