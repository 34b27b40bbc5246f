package web

import (
	"cmp"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/state"
)

// Floor is what pages need of the commit in force: what stands where, who has it, and every desired
// object. It is never changed once it is made. Lists are sorted.
type Floor struct {
	Commit   string
	Machines []Machine // by site, rack, unit from the bottom, name
	Tenants  []Tenant
	Segments []Segment
	Stacks   []Stack
	Sites    []Site
	Objects  state.Set
	// Positions say where an entity was written, as file:line, by its address.
	Positions map[string]string
	// Quiet says why a site ("site/dc1") or a tenant ("tenant/acme") is only observed.
	Quiet map[string]string
}

// Site is one data centre.
type Site struct {
	Name, Description string
}

// Machine is one server as the fleet says it.
type Machine struct {
	Name, Site, Rack string
	// Unit is the lowest rack unit, from 1; 0 where the fleet does not say. Height is in units.
	Unit, Height    int
	Class, GPUModel string
	GPUs            int
	Lifecycle, Role string
	Model, Serial   string
	BMC             string // its host
	Image           string
	Description     string
	// Tenant, Cluster and Pool are empty where the machine serves nobody. Segment is that of the cluster.
	Serves
	Segment string
	NICs    []NIC
}

// Serves is a pool that machines serve. All of it is empty for none.
type Serves struct{ Tenant, Cluster, Pool string }

// InService is the lifecycle of a machine that works.
const InService = "in-service"

// PoolAddress is the address of the pool, or "".
func (s Serves) PoolAddress() string {
	if s.Pool == "" {
		return ""
	}
	return "pool/" + s.Tenant + "/" + s.Cluster + "/" + s.Pool
}

// NIC is one network port.
type NIC struct {
	Name, Role, Address, Leaf string
	// Port is an InfiniBand port as addresses of partitions write it; empty for others.
	Port string
}

// Tenant is a customer.
type Tenant struct {
	Name, DisplayName, Profile string
	// Admins are groups as the fleet names them; Groups are those of the provider that people sign in
	// with, as it calls them: their members may see this tenant.
	Admins, Groups []string
	Retired        bool
	Clusters       []Cluster
}

// Cluster is one virtual cluster of a tenant.
type Cluster struct {
	Tenant, Name, Kubernetes, Nodes, Stack, Segment string
	Retired                                         bool
	Pools                                           []Pool
}

// Pool is a number of machines that serve a cluster.
type Pool struct {
	Tenant, Cluster, Name, Class, Spread string
	Count, Floor                         int
	Automatic                            bool
	GPUs                                 int // of all its machines
	Machines                             []string
}

// Address is "pool/acme/train/h100".
func (p Pool) Address() string { return "pool/" + p.Tenant + "/" + p.Cluster + "/" + p.Name }

// Segment is the network of a tenant cluster, as far as Git says it: what a controller chooses by
// itself is "auto".
type Segment struct {
	Name, Site, Tenant, Cluster string
	Network, Subnet, Gateway    string
	VLAN, PKey, NVLink          string // PKey and NVLink are empty where there is none
	EastWest                    string // the address families of the RoCE part; empty: none
	UFM                         string
	VNets                       []VNet
	Peers                       []string
}

// VNet is a network of a segment outside of its server cluster.
type VNet struct {
	Name, Type, VLAN, VXLAN, Subnet string
}

// Stack is what is installed into tenant clusters.
type Stack struct {
	Name, Description, Certified string
	Components                   []Component
	Clusters                     []string // "acme/train"
}

// Component is one part of a stack.
type Component struct {
	Name, Type, Version, Namespace string
	Privileged                     bool
	After                          []string
}

// entityWords takes an entity's address apart: its kind, and the tenant if its name begins with one.
func entityWords(entity string) (kind, name, tenant string) {
	kind, name, _ = strings.Cut(entity, "/")
	switch kind {
	case "tenant", "cluster", "pool":
		tenant, _, _ = strings.Cut(name, "/")
	}
	return kind, name, tenant
}

// tenant is one tenant, or nil.
func (f *Floor) tenant(name string) *Tenant {
	i, ok := slices.BinarySearchFunc(f.Tenants, name, func(t Tenant, name string) int { return cmp.Compare(t.Name, name) })
	if !ok {
		return nil
	}
	return &f.Tenants[i]
}

// segment is one segment, or nil.
func (f *Floor) segment(name string) *Segment {
	i, ok := slices.BinarySearchFunc(f.Segments, name, func(s Segment, name string) int { return cmp.Compare(s.Name, name) })
	if !ok {
		return nil
	}
	return &f.Segments[i]
}

// stack is one stack, or nil.
func (f *Floor) stack(name string) *Stack {
	i, ok := slices.BinarySearchFunc(f.Stacks, name, func(s Stack, name string) int { return cmp.Compare(s.Name, name) })
	if !ok {
		return nil
	}
	return &f.Stacks[i]
}

// pools are those of all tenants.
func (f *Floor) pools() []Pool {
	var all []Pool
	for _, t := range f.Tenants {
		for _, c := range t.Clusters {
			all = append(all, c.Pools...)
		}
	}
	return all
}
