package simulate

// The rules of the simulated Netris controller and of the UFM agent beside it. Where the vendor's
// documents leave an answer open, the comment says so and the stand-in takes the stricter reading.
const (
	// NetrisSession: only a session cookie (connect.sid, from POST /api/auth) authenticates; a request
	// without a valid one is answered 401. The API knows no bearer token and no basic authentication.
	NetrisSession Rule = "netris.session"
	// NetrisSessionExpires: a session ends after NetrisOptions.SessionLife, however busy it was. The
	// lifetime is not documented; that clients must be ready to log in again is.
	NetrisSessionExpires Rule = "netris.session-expires"
	// NetrisRefsByID: another object is named by its id. That a name alone will do is documented for
	// /hw only. Off, a name will do everywhere.
	NetrisRefsByID Rule = "netris.refs-by-id"
	// NetrisNoIdempotency: there is no idempotency key, so a POST that is sent again makes a second
	// object, of the same name where names need not be unique. Off, the first answer is repeated.
	NetrisNoIdempotency Rule = "netris.no-idempotency"
	// NetrisTagCharset: a tag consists of letters, digits and the characters _ = - . only.
	NetrisTagCharset Rule = "netris.tag-charset"

	// NetrisListDefaultVPC: a list of V-Nets, IPAM, NAT rules, load balancers or ACLs without filterByVpc
	// shows the default VPC only. That is documented for the first two, and taken to hold for the others.
	// Off, it shows all VPCs.
	NetrisListDefaultVPC Rule = "netris.list-default-vpc"
	// NetrisVPCFallback: an allocation, subnet, V-Net, NAT rule, load balancer or ACL created without a vpc lands in the default
	// VPC. Off, it lands in the VPC that was made last, which is what a careless caller had in mind.
	NetrisVPCFallback Rule = "netris.vpc-fallback"
	// NetrisSystemVPC: VPC 1 is the system's and cannot be deleted, nor can the default VPC.
	NetrisSystemVPC Rule = "netris.system-vpc"

	// NetrisPutReplaces: PUT sets the whole object, so that what the body leaves out is reset: tags
	// become none, and a server cluster loses all its servers. Off, PUT merges top-level keys.
	NetrisPutReplaces Rule = "netris.put-replaces"
	// NetrisCreateOnly: these keep their first value whatever a PUT says, and the PUT succeeds: a VPC's
	// adminTenant, an allocation's tenant and vpc, a subnet's prefix and vpc, a V-Net's tenant, vpc and
	// vlanAware, a server's portCount. The API's schema calls them read-only on update; whether a
	// controller ignores or refuses them is not documented, and silence is harder on a client.
	NetrisCreateOnly Rule = "netris.create-only"
	// NetrisCustomData: a server's customData, where the agents keep its GUIDs, survives a PUT only if
	// the PUT sends it again. Off, it survives.
	NetrisCustomData Rule = "netris.custom-data"
	// NetrisShowCustom: the inventory list carries customData only if asked with showCustom=true.
	NetrisShowCustom Rule = "netris.show-custom"

	// NetrisTenantName: a tenant's name is unique.
	NetrisTenantName Rule = "netris.tenant-name"
	// NetrisVNetName: a V-Net's name is unique across all VPCs, those that clusters make included.
	NetrisVNetName Rule = "netris.vnet-name"
	// NetrisAllocationOverlap: allocations of one VPC do not overlap.
	NetrisAllocationOverlap Rule = "netris.allocation-overlap"
	// NetrisSubnetInAllocation: a subnet lies within an allocation of its own VPC.
	NetrisSubnetInAllocation Rule = "netris.subnet-in-allocation"
	// NetrisGatewaySubnet: a V-Net's gateway lies in a subnet of its VPC whose purpose is common. A
	// server cluster makes such a subnet where there is none, but does not mend one of another purpose.
	NetrisGatewaySubnet Rule = "netris.gateway-subnet"
	// NetrisDeleteInUse: what something else needs is not deleted (400): a tenant that owns anything, a
	// VPC with resources or a peering, a set of DHCP options that a gateway hands out, an allocation with subnets, a subnet with a gateway, a template with clusters,
	// a server in a cluster, a V-Net of a cluster, a cluster with servers.
	NetrisDeleteInUse Rule = "netris.delete-in-use"

	// NetrisForms: some fields are shown in another form than they are written in, and a body that has
	// them as they are shown is refused (400): a V-Net port's state and a NAT rule's action, protocol and
	// state, which come with labels; a load balancer's health check. That the forms differ is documented,
	// the refusal is not.
	NetrisForms Rule = "netris.forms"
	// NetrisDefaultOptions: the default set of DHCP options cannot be deleted.
	NetrisDefaultOptions Rule = "netris.default-options"
	// NetrisPublicSubnet: the public address of a NAT rule lies in a subnet of the system's VPC whose
	// purpose is nat, that of a load balancer in one for load-balancer.
	NetrisPublicSubnet Rule = "netris.public-subnet"
	// NetrisNoMasquerade: the action MASQUERADE is refused; it was removed in 4.14.0.
	NetrisNoMasquerade Rule = "netris.no-masquerade"
	// NetrisBalancerName: a load balancer's name is unique.
	NetrisBalancerName Rule = "netris.balancer-name"
	// NetrisCreated: a peering that was made is answered 201. Off, 200 as everywhere else.
	NetrisCreated Rule = "netris.created"

	// NetrisTemplateKeys: a template's stanza has exactly the keys that its type asks for and allows.
	NetrisTemplateKeys Rule = "netris.template-keys"
	// NetrisTemplateFrozen: a template with clusters is not edited (400). What an edit would do to live
	// clusters is not documented. Off, the edit succeeds and reaches clusters made later.
	NetrisTemplateFrozen Rule = "netris.template-frozen"

	// NetrisClusterLocked: PUT of a server cluster takes tags and servers; its name, admin, site, VPC
	// and template stay as created, and the PUT succeeds.
	NetrisClusterLocked Rule = "netris.cluster-locked"
	// NetrisDedicatedOnce: a server is a dedicated member of one cluster at most (400). One that still
	// leaves a cluster, which is provisioning that, counts as its member: remove, wait, then add.
	NetrisDedicatedOnce Rule = "netris.dedicated-once"
	// NetrisSharedOrDedicated: a server is listed once in a cluster, dedicated or shared, never both.
	NetrisSharedOrDedicated Rule = "netris.shared-or-dedicated"
	// NetrisServerOwner: a cluster takes only servers that its admin tenant owns.
	NetrisServerOwner Rule = "netris.server-owner"

	// NetrisAsync: a V-Net or a server cluster answers at once and takes effect later; until then it
	// is provisioning.
	NetrisAsync Rule = "netris.async"
	// NetrisBusy: what is provisioning takes no PUT and no DELETE (400). It is documented that it should
	// get none, not what it would answer. Off, the newest PUT wins.
	NetrisBusy Rule = "netris.busy"
	// NetrisLedgerLags: the UFM and NVLink agents look every NetrisOptions.AgentLoop, so the ledgers follow
	// a cluster's members some time after the cluster is active.
	NetrisLedgerLags Rule = "netris.ledger-lags"
)

// NetrisRules are all rules of the simulated controller, in the order of their declaration.
func NetrisRules() []Rule {
	return []Rule{
		NetrisSession, NetrisSessionExpires, NetrisRefsByID, NetrisNoIdempotency, NetrisTagCharset,
		NetrisListDefaultVPC, NetrisVPCFallback, NetrisSystemVPC,
		NetrisPutReplaces, NetrisCreateOnly, NetrisCustomData, NetrisShowCustom,
		NetrisTenantName, NetrisVNetName, NetrisAllocationOverlap, NetrisSubnetInAllocation,
		NetrisGatewaySubnet, NetrisDeleteInUse,
		NetrisForms, NetrisDefaultOptions, NetrisPublicSubnet, NetrisNoMasquerade, NetrisBalancerName, NetrisCreated,
		NetrisTemplateKeys, NetrisTemplateFrozen,
		NetrisClusterLocked, NetrisDedicatedOnce, NetrisSharedOrDedicated, NetrisServerOwner,
		NetrisAsync, NetrisBusy, NetrisLedgerLags,
	}
}
