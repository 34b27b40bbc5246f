package fleet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"millwright.dev/millwright/internal/diag"
)

// All goes through a map in the order of its keys.
func All[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

// PoolRef is a pool with where it belongs and what serves it.
type PoolRef struct {
	Tenant, Cluster, Name string
	Pool                  *Pool
	// Class is that of the pool's machines: its own, else that of the first that is allocated to it.
	// It is empty while nothing tells it.
	Class string
	// Machines are the names allocated to the pool, in the order in which they were given.
	Machines []string
}

// Label is the value that binds a host to the pool: "acme.train.h100", at most 62 characters.
func (p PoolRef) Label() string { return p.Tenant + "." + p.Cluster + "." + p.Name }

// NodeType is the pool's node type in Platform: "acme-train-h100".
func (p PoolRef) NodeType() string { return p.Tenant + "-" + p.Cluster + "-" + p.Name }

// MoreName is what vcluster.yaml calls the part of an automatic pool that comes and goes. What is always
// there keeps the pool's own name, so that a pool that becomes automatic loses no machine by that.
func (p PoolRef) MoreName() string { return p.Name + "-more" }

// Address is the pool's own address: "pool/acme/train/h100".
func (p PoolRef) Address() string { return "pool/" + p.Tenant + "/" + p.Cluster + "/" + p.Name }

// index answers who serves what.
type index struct {
	pools     []PoolRef
	byName    map[[3]string]int // into pools, by tenant, cluster and name
	byMachine map[string]int    // into pools
	bySegment map[string]string // the tenant whose cluster it serves
}

// lookup builds the index at its first use.
func (f *Fleet) lookup() *index {
	f.once.Do(func() { f.index = newIndex(f) })
	return &f.index
}

func newIndex(f *Fleet) index {
	ix := index{byName: map[[3]string]int{}, byMachine: make(map[string]int, len(f.Machines)), bySegment: map[string]string{}}
	for tn, t := range All(f.Tenants) {
		for cn, c := range All(t.Clusters) {
			if _, taken := ix.bySegment[c.Segment]; !taken {
				ix.bySegment[c.Segment] = tn
			}
			for pn, p := range All(c.Pools) {
				ref := PoolRef{Tenant: tn, Cluster: cn, Name: pn, Pool: p, Class: p.Class, Machines: f.Allocation[tn][cn][pn]}
				for _, m := range ref.Machines {
					if first := f.Machines[m]; ref.Class == "" && first != nil {
						ref.Class = first.Class
					}
					if _, taken := ix.byMachine[m]; !taken {
						ix.byMachine[m] = len(ix.pools)
					}
				}
				ix.byName[[3]string{tn, cn, pn}] = len(ix.pools)
				ix.pools = append(ix.pools, ref)
			}
		}
	}
	return ix
}

// poolRef is a pool that there is, with what the fleet says of it elsewhere.
func (f *Fleet) poolRef(tenant, cluster, name string) PoolRef {
	ix := f.lookup()
	return ix.pools[ix.byName[[3]string{tenant, cluster, name}]]
}

// withoutMachines is the fleet as far as no machine matters: its pools have none, and know their class.
func (f *Fleet) withoutMachines() *Fleet {
	bare := &Fleet{Platform: f.Platform, Policy: f.Policy, Sites: f.Sites, Classes: f.Classes, Images: f.Images, Segments: f.Segments,
		Stacks: f.Stacks, Tenants: f.Tenants, Profiles: f.Profiles}
	bare.once.Do(func() {
		ix := f.lookup()
		bare.index = index{pools: slices.Clone(ix.pools), byName: ix.byName, bySegment: ix.bySegment}
		for i := range bare.index.pools {
			bare.index.pools[i].Machines = nil
		}
	})
	return bare
}

// Pools are all pools, ordered by tenant, cluster and name. The slice is shared: don't change it.
func (f *Fleet) Pools() []PoolRef { return f.lookup().pools }

// PoolOf is the pool that a machine is allocated to, if it is.
func (f *Fleet) PoolOf(machine string) (PoolRef, bool) {
	i, ok := f.lookup().byMachine[machine]
	if !ok {
		return PoolRef{}, false
	}
	return f.lookup().pools[i], true
}

// Members are the machines of all pools of a cluster, sorted by name.
func (f *Fleet) Members(tenant, cluster string) []string {
	var names []string
	for _, p := range f.lookup().pools {
		if p.Tenant == tenant && p.Cluster == cluster {
			names = append(names, p.Machines...)
		}
	}
	slices.Sort(names)
	return names
}

// TenantOf is the tenant whose cluster a segment serves; empty if it serves none.
func (f *Fleet) TenantOf(segment string) string { return f.lookup().bySegment[segment] }

// SiteOf is the site that a cluster is in: that of its segment. With shared nodes it has neither, and
// the answer is nil.
func (f *Fleet) SiteOf(c *Cluster) *Site {
	if s := f.Segments[c.Segment]; s != nil {
		return f.Sites[s.Site]
	}
	return nil
}

// NTP are the time servers that a machine's BMC is to use: its own, else those of its site.
func (f *Fleet) NTP(m *Machine) []string {
	if len(m.NTP) > 0 {
		return m.NTP
	}
	return f.Sites[m.Site].NTP
}

// UFM is the InfiniBand manager of a segment, as Netris's agent calls it: its own, else that of its site;
// empty where the segment has no InfiniBand, or Millwright itself keeps the partition.
func (f *Fleet) UFM(s *Segment) string {
	if s.InfiniBand == nil || s.Direct() {
		return ""
	}
	return cmp.Or(s.InfiniBand.UFM, f.Sites[s.Site].Netris.UFM)
}

// ImageOf is the name of a pool's image: its own, else that of its class.
func (f *Fleet) ImageOf(p PoolRef) string {
	if c := f.Classes[p.Class]; c != nil {
		return cmp.Or(p.Pool.Image, c.Image)
	}
	return p.Pool.Image
}

// GatewayCIDR is the gateway with the subnet's prefix length, as Netris and Platform want it:
// "10.20.1.1/24".
func (s *Segment) GatewayCIDR() string { return withLength(s.NorthSouth.Gateway, s.NorthSouth.Subnet) }

// withLength is an address with the length of its subnet's prefix.
func withLength(address, subnet string) string {
	_, bits, _ := strings.Cut(subnet, "/")
	return address + "/" + bits
}

// Endpoint is the BMC's scheme and host: "https://10.10.0.11".
func (b BMC) Endpoint() string {
	scheme, host, _ := b.parts()
	return scheme + "://" + host
}

// Host is the BMC's host name or address, without a port and without brackets.
func (b BMC) Host() string {
	_, host, _ := b.parts()
	if ap, err := netip.ParseAddrPort(host); err == nil {
		return ap.Addr().String()
	}
	if strings.HasPrefix(host, "[") {
		return strings.Trim(host, "[]")
	}
	name, _, _ := strings.Cut(host, ":")
	return name
}

// SystemPath is the Redfish path of the System: "/redfish/v1/Systems/1".
func (b BMC) SystemPath() string {
	_, _, path := b.parts()
	return path
}

func (b BMC) parts() (scheme, host, path string) {
	driver, rest, _ := strings.Cut(b.Address, "://")
	scheme = "https"
	if strings.HasSuffix(driver, "+http") {
		scheme = "http"
	}
	host, path, _ = strings.Cut(rest, "/")
	return scheme, host, "/" + path
}

// NormalMAC is a MAC or GUID as it is compared: in lower case.
func NormalMAC(s string) string { return strings.ToLower(s) }

// VLAN is a VLAN number from 2 to 4094; 0 is "auto", chosen by the network controller.
type VLAN int

// UnmarshalJSON takes "auto" or a number.
func (v *VLAN) UnmarshalJSON(b []byte) error {
	if string(b) == `"auto"` {
		*v = 0
		return nil
	}
	n, err := strconv.Atoi(string(b))
	if err != nil {
		return fmt.Errorf("vlan %s: neither \"auto\" nor a number", b)
	}
	*v = VLAN(n)
	return nil
}

// MarshalJSON writes "auto" or the number.
func (v VLAN) MarshalJSON() ([]byte, error) {
	if v == 0 {
		return json.Marshal("auto")
	}
	return json.Marshal(int(v))
}

// PosOf is where an entity was written: "machine/gpu-001", "tenant/acme", "platform". The zero Pos if
// the fleet has no such entity, or was not loaded from files.
func (f *Fleet) PosOf(entity string) diag.Pos {
	if f.source == nil {
		return diag.Pos{}
	}
	return f.source.homes[entity].pos
}

// FilesOf are the files of the repository that an entity is computed from, sorted, from the fleet's root; none if the
// fleet does not have it, or was not loaded from files.
func (f *Fleet) FilesOf(entity string) []string {
	if f.source == nil || f.source.homes[entity].instance == nil {
		return nil
	}
	in := f.source.homes[entity].instance
	var files []string
	for _, file := range in.Files {
		files = append(files, file.Name)
	}
	for _, imported := range in.Imports {
		for _, file := range imported {
			files = append(files, file.Name)
		}
	}
	slices.Sort(files)
	return files
}

// Entities are the addresses of everything that was written, sorted.
func (f *Fleet) Entities() []string {
	if f.source == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(f.source.homes))
}

// TenantCluster takes the name of a tenant cluster's target apart ("acme.train"); ok is false if the
// fleet has no such cluster.
func (f *Fleet) TenantCluster(name string) (tenant, cluster string, ok bool) {
	tenant, cluster, _ = strings.Cut(name, ".")
	t, ok := f.Tenants[tenant]
	if !ok {
		return "", "", false
	}
	_, ok = t.Clusters[cluster]
	return tenant, cluster, ok
}
