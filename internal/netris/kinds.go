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
	kindOptions    = "dhcp-option-set"
	kindVNet       = "vnet"
	kindPeering    = "vpc-peering"
	kindNAT        = "nat"
	kindBalancer   = "l4lb"
	kindACL        = "acl"
	kindProfile    = "inventory-profile" // observed
)

// kind is how one kind of object is spoken about with the controller.
type kind struct {
	name string
	// path is the collection: POST goes to it, PUT and DELETE to path/{id}.
	path string
	// v1 kinds take PUT and DELETE on the collection, with the id in the body.
	v1 bool
	// list is what lists them all, where that is not path.
	list string
	// inVPC kinds lie in one VPC each and are listed VPC by VPC: without a filter a list would be that of
	// the default VPC alone (OpenAPI says so of V-Nets and IPAM; of the others we take it to hold).
	inVPC bool
	// inTree kinds are listed as nodes of their VPC's IPAM tree whose type is the kind's name.
	inTree bool
	// onDemand kinds are listed only if somebody asks for one: they bear no mark, so that a list could
	// not tell of any that nobody remembers.
	onDemand bool
	// byID kinds answer to GET path/{id}.
	byID bool
	// tagged kinds have tags, and so can bear our mark.
	tagged bool
	// readOnly kinds are never written.
	readOnly bool
	// refs are the fields that name other objects, or lists of them, and of which kind; a path with dots
	// leads into maps and through lists.
	refs map[string]string
	// posted are the fields that a POST takes and a PUT does not.
	posted []string
	// form brings an object, as an answer has it, into the form in which it is written.
	form func(item)
	// fill completes what is to be written with what follows from the rest of it.
	fill func(map[string]any)
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
		name: kindAllocation, path: "/api/v2/ipam/allocation", inVPC: true, inTree: true,
		refs:    map[string]string{"tenant": kindTenant, "vpc": kindVPC},
		always:  map[string]any{"description": ""},
		derived: ipamDerived,
	},
	{
		name: kindSubnet, path: "/api/v2/ipam/subnet", inVPC: true, inTree: true, tagged: true,
		refs:    map[string]string{"tenant": kindTenant, "vpc": kindVPC, "sites": kindSite},
		always:  map[string]any{"description": "", "defaultGateway": "", "sites": []any{}, "tags": []any{}},
		derived: ipamDerived,
	},
	{
		name: kindOptions, path: "/api/v2/dhcp-option-set", byID: true, onDemand: true,
		always: map[string]any{"description": "", "domainSearch": "", "dnsServers": []any{}, "ntpServers": []any{}, "leaseTime": 86400,
			"additionalOptions": []any{}},
		derived: append([]string{"isDefault"}, stamps...),
	},
	{
		name: kindVNet, path: "/api/v2/vnet", inVPC: true, byID: true, tagged: true,
		refs: map[string]string{"tenant": kindTenant, "vpc": kindVPC, "sites": kindSite, "guestTenants": kindTenant,
			"gateways.dhcp.optionSet": kindOptions},
		always: map[string]any{"guestTenants": []any{}, "state": "active", "provisioning": false, "ipFamily": "dual", "vlanAware": false,
			"vlans": "", "vlan": "auto", "nativeVlan": 0, "vxlanID": 0, "l3vpn": false, "gateways": []any{}, "ports": []any{},
			"portTags": []any{}, "tags": []any{}},
		posted:  []string{"tenant", "vpc", "vlanAware"},
		form:    formVNet,
		fill:    fillVNet,
		derived: append([]string{"status", "macAddress", "portsCount", "internal"}, stamps...),
	},
	// What the two ends let in by prefix is not ours, so that a peering is made and deleted, never changed.
	{
		name: kindPeering, path: "/api/v2/vpc-peering", byID: true,
		refs:    map[string]string{"vpcA": kindVPC, "vpcB": kindVPC},
		derived: stamps,
	},
	{
		name: kindNAT, path: "/api/v2/nat", inVPC: true, byID: true, onDemand: true,
		refs:    map[string]string{"site": kindSite, "vpc": kindVPC},
		always:  map[string]any{"comment": "", "state": "enabled", "snatToIP": "", "snatToPool": "", "dnatToIP": "", "dnatToPort": ""},
		form:    formNAT,
		derived: append([]string{"creator", "editor"}, stamps...),
	},
	{
		name: kindBalancer, path: "/api/v2/l4lb", inVPC: true, byID: true, onDemand: true,
		refs: map[string]string{"tenant": kindTenant, "site": kindSite, "vpc": kindVPC},
		always: map[string]any{"internal": 0, "protocol": "TCP", "ip": "", "status": "enable", "healthCheck": "None", "timeOut": "2000",
			"requestPath": "", "kubenet_info": "", "backendIps": []any{}},
		form:    formBalancer,
		fill:    fillBalancer,
		derived: append([]string{"label", "state", "kubenet_info", "ipFamily"}, stamps...),
	},
	{
		name: kindACL, path: "/api/v2/acl", inVPC: true, byID: true, onDemand: true,
		refs:    map[string]string{"vpc": kindVPC},
		always:  map[string]any{"proto": "all", "established": 0, "icmp_type": "", "reverse": "no", "valid_until": "", "comment": ""},
		form:    formACL,
		derived: append([]string{"approvers", "status"}, stamps...),
	},
	{name: kindProfile, path: "/api/inventoryProfiles", readOnly: true, onDemand: true},
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
