package netris

import (
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

// The kinds, as they are called in addresses.
const (
	kindSite       = "site" // only referred to
	kindTenant     = "tenant"
	kindVPC        = "vpc"
	kindAllocation = "allocation"
	kindSubnet     = "subnet"
	kindTemplate   = "servercluster-template"
	kindCluster    = "servercluster"
	kindServer     = "server" // observed and referred to
)

// kind is how one kind of object is spoken about with the controller.
type kind struct {
	name string
	// path is the collection: POST goes to it, PUT and DELETE to path/{id}.
	path string
	// v1 kinds take PUT and DELETE on the collection, with the id in the body.
	v1 bool
	// list is what lists them all, where that is not path. A list of IPAM is the tree of one VPC: without
	// a filter it would be that of the default VPC alone (OpenAPI).
	list string
	// inVPC kinds lie in IPAM's trees, one a VPC, as nodes whose type is the kind's name.
	inVPC bool
	// byID kinds answer to GET path/{id}.
	byID bool
	// tagged kinds have tags, and so can bear our mark.
	tagged bool
	// readOnly kinds are never written.
	readOnly bool
	// refs are the fields that name other objects, or lists of them, and of which kind.
	refs map[string]string
	// always are the fields that every write carries, with what they are if nobody says (the vendor's
	// client sends them all); a null in an answer means the same.
	always map[string]any
	// derived are the fields of answers that are not the object's own and do not go back in a PUT.
	derived []string
}

var stamps = []string{"id", "createdDate", "modifiedDate"}

// ipamDerived are the fields that IPAM's tree adds to its nodes.
var ipamDerived = append([]string{"type", "ipFamily", "readonly", "subnet", "children", "parentID", "allocationID", "fullName",
	"hasHosts", "utilization"}, stamps...)

// kindTable is in the order in which objects stand on each other.
var kindTable = []kind{
	{name: kindSite, path: "/api/v2/sites", readOnly: true},
	{
		name: kindTenant, path: "/api/tenants", v1: true,
		always:  map[string]any{"description": ""},
		derived: []string{"id", "tenant_id", "create_date", "modified_date"},
	},
	{
		name: kindVPC, path: "/api/v2/vpc", byID: true, tagged: true,
		refs:    map[string]string{"adminTenant": kindTenant, "guestTenant": kindTenant},
		always:  map[string]any{"guestTenant": []any{}, "tags": []any{}},
		derived: append([]string{"isDefault", "isSystem", "vni", "vlans"}, stamps...),
	},
	{
		name: kindAllocation, path: "/api/v2/ipam/allocation", inVPC: true,
		refs:    map[string]string{"tenant": kindTenant, "vpc": kindVPC},
		always:  map[string]any{"description": ""},
		derived: ipamDerived,
	},
	{
		name: kindSubnet, path: "/api/v2/ipam/subnet", inVPC: true, tagged: true,
		refs:    map[string]string{"tenant": kindTenant, "vpc": kindVPC, "sites": kindSite},
		always:  map[string]any{"description": "", "defaultGateway": "", "sites": []any{}, "tags": []any{}},
		derived: ipamDerived,
	},
	{
		name: kindTemplate, path: "/api/v2/server-cluster-template", byID: true,
		always:  map[string]any{"vnets": []any{}},
		derived: stamps,
	},
	{
		name: kindCluster, path: "/api/v2/server-cluster", byID: true, tagged: true,
		refs:   map[string]string{"admin": kindTenant, "site": kindSite, "vpc": kindVPC, "srvClusterTemplate": kindTemplate},
		always: map[string]any{"tags": []any{}, "servers": []any{}},
	},
	// The list carries each server's health unless told not to, which is most of it.
	{
		name: kindServer, path: "/api/v2/hw/server", list: "/api/v2/hw?type=server&showHealth=false", readOnly: true, tagged: true,
		refs: map[string]string{"tenant": kindTenant, "site": kindSite}, always: map[string]any{"tags": []any{}},
	},
}

// kindNamed is the kind of that name, and its place in kindTable.
func kindNamed(name string) (k kind, rank int, ok bool) {
	for i, k := range kindTable {
		if k.name == name {
			return k, i, true
		}
	}
	return kind{}, 0, false
}

// fixed are the fields that cannot change in place.
func (k kind) fixed(id state.ID) []string {
	fields := kinds.Of(id).Immutable
	if k.name == kindCluster {
		fields = append([]string{"name"}, fields...) // its PUT takes tags and servers only (vendor's client)
	}
	return fields
}
