package simulate

import (
	"cmp"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// NetrisOptions say what a simulated controller is like when it is first met. Durations are in
// simulated time; a zero takes the default.
type NetrisOptions struct {
	Username, Password string
	SiteName           string
	// Servers are the servers that it has from the start, owned by the tenant Admin. Each stands for
	// the site's machine of the same name.
	Servers []string
	// UFM is the id of the one UFM that has an agent (default ufm-1), PKeyFirst and PKeyLast the range
	// that the agent allots from (default 0x100 to 0x7ffe, both inclusive).
	UFM                 string
	PKeyFirst, PKeyLast int
	// Ports are the switch ports that there are beside those of servers, as "swp5@leaf1".
	Ports []string
	// Profiles are the inventory profiles of switches that there are; all have RoCE on.
	Profiles     []string
	Version      string        // buildVersion, default 4.15.0
	Provisioning time.Duration // until a change of V-Nets takes effect, default 20 s
	AgentLoop    time.Duration // the UFM agent's interval, default 10 s
	SessionLife  time.Duration // default 24 h
}

// Netris is a simulated Netris controller with its UFM agent. It serves the REST API below /api, as
// the vendor's documents describe it, for tenants, VPCs and their peerings, IPAM, DHCP options, servers,
// V-Nets, NAT, load balancers, ACLs, server clusters, inventory profiles (to read) and the ledgers of
// PKeys and NVLink partitions; its rules are [NetrisRules]. A cluster's dedicated members have its name in
// [Machine].Membership, once the change that made them so has taken effect.
type Netris struct {
	site    *Site
	opts    NetrisOptions
	handler http.Handler

	mu         sync.Mutex
	sessions   map[string]time.Time // when each ends
	sessionSeq int
	answered   map[string]any // data of past POSTs, for NetrisNoIdempotency off

	tenants     netrisTable[*netrisTenant]
	vpcs        netrisTable[*netrisVPC]
	allocations netrisTable[*netrisAllocation]
	subnets     netrisTable[*netrisSubnet]
	servers     netrisTable[*netrisServer]
	vnets       netrisTable[*netrisVNet]
	templates   netrisTable[*netrisTemplate]
	clusters    netrisTable[*netrisCluster]
	options     netrisTable[*netrisOptionSet]
	peerings    netrisTable[*netrisPeering]
	nats        netrisTable[*netrisNAT]
	balancers   netrisTable[*netrisBalancer]
	acls        netrisTable[*netrisACL]
	profiles    netrisTable[*netrisProfile]
	defaultVPC  int

	ledger       []*netrisLedgerEntry
	nvlink       []*netrisNVLinkEntry
	agentPending bool
}

// The ids of what a controller has from the start.
const (
	netrisSiteID      = 22
	netrisAdminID     = 1
	netrisSystemVPCID = 1
	netrisOptionsID   = 21 // the default set of DHCP options
)

// NewNetris is a controller with the tenant Admin, the system's VPC, one site and opts.Servers. It
// answers requests as an [http.Handler]; ids count upwards per kind, so equal requests give equal ids.
func NewNetris(site *Site, opts NetrisOptions) *Netris {
	opts.UFM = cmp.Or(opts.UFM, "ufm-1")
	opts.PKeyFirst, opts.PKeyLast = cmp.Or(opts.PKeyFirst, 0x100), cmp.Or(opts.PKeyLast, 0x7ffe)
	opts.Version = cmp.Or(opts.Version, "4.15.0")
	opts.Provisioning = cmp.Or(opts.Provisioning, 20*time.Second)
	opts.AgentLoop = cmp.Or(opts.AgentLoop, 10*time.Second)
	opts.SessionLife = cmp.Or(opts.SessionLife, 24*time.Hour)
	n := &Netris{site: site, opts: opts, sessions: map[string]time.Time{}, answered: map[string]any{}}
	n.tenants.next, n.vpcs.next, n.defaultVPC = netrisAdminID, netrisSystemVPCID, netrisSystemVPCID
	n.allocations.next, n.subnets.next, n.servers.next = 1, 1, 101
	n.vnets.next, n.templates.next, n.clusters.next = 1001, 7, 23

	n.tenants.add(&netrisTenant{netrisTenantBody: netrisTenantBody{Name: "Admin"}, netrisStamps: netrisNow()})
	n.vpcs.add(&netrisVPC{netrisVPCBody: netrisVPCBody{Name: "VPC-1", AdminTenant: netrisRef{ID: netrisAdminID}}, netrisStamps: netrisNow()})
	for _, name := range opts.Servers {
		server := &netrisServer{netrisServerBody: netrisServerBody{Name: name, PortCount: 11, SrvRole: "generic",
			Tenant: netrisRef{ID: netrisAdminID}, Site: netrisRef{ID: netrisSiteID}}, netrisStamps: netrisNow()}
		guids := netrisGUIDs(n.servers.add(server))
		server.CustomData = &guids
	}
	n.options.next, n.peerings.next, n.nats.next, n.balancers.next, n.acls.next, n.profiles.next = netrisOptionsID, 1, 1, 1, 1, 1
	n.options.add(&netrisOptionSet{netrisOptionSetBody{Name: "Default", LeaseTime: 86400}, netrisNow()})
	for _, name := range opts.Profiles {
		n.profiles.add(&netrisProfile{name: name, roce: true})
	}
	n.handler = site.Wire("netris", opts.SiteName, n.routes())
	return n
}

// ServeHTTP answers one request, as the site's faults allow.
func (n *Netris) ServeHTTP(w http.ResponseWriter, r *http.Request) { n.handler.ServeHTTP(w, r) }

func (n *Netris) routes() http.Handler {
	mux := http.NewServeMux()
	// The API's version is answered in three forms, as the vendor's own descriptions of it differ.
	route := func(version any, pattern string, h netrisHandler) { mux.Handle(pattern, n.serve(version, h)) }

	mux.Handle("/", n.serve(2, func(*netrisCall) (any, error) { return nil, netrisNotFound("Not found.") }))
	mux.HandleFunc("POST /api/auth", n.login)
	route("2", "GET /api/auth", func(*netrisCall) (any, error) { return map[string]any{"user": n.opts.Username}, nil })
	route("2", "GET /api/users/permissions", func(*netrisCall) (any, error) {
		return map[string]any{"buildVersion": n.opts.Version}, nil
	})
	route("2", "GET /api/v2/sites", n.listSites)

	route("2", "GET /api/tenants", n.listTenants)
	route("2", "POST /api/tenants", n.createTenant)
	route("2", "PUT /api/tenants", n.updateTenant)
	route("2", "DELETE /api/tenants", n.deleteTenant)

	route("2", "GET /api/v2/vpc", n.listVPCs)
	route("2", "POST /api/v2/vpc", n.createVPC)
	route("2", "GET /api/v2/vpc/{id}", n.getVPC)
	route("2", "PUT /api/v2/vpc/{id}", n.updateVPC)
	route("2", "DELETE /api/v2/vpc/{id}", n.deleteVPC)
	route("2", "PUT /api/v2/vpc/{id}/make-default", n.makeDefaultVPC)
	route("2", "GET /api/v2/vpc/{id}/resources", n.vpcResources)

	route("v2", "GET /api/v2/ipam", n.listIPAM)
	route("v2", "GET /api/v2/ipam/subnets", n.listSubnets)
	route("v2", "POST /api/v2/ipam/allocation", n.createAllocation)
	route("v2", "PUT /api/v2/ipam/allocation/{id}", n.updateAllocation)
	route("v2", "DELETE /api/v2/ipam/allocation/{id}", n.deleteAllocation)
	route("v2", "POST /api/v2/ipam/subnet", n.createSubnet)
	route("v2", "PUT /api/v2/ipam/subnet/{id}", n.updateSubnet)
	route("v2", "DELETE /api/v2/ipam/subnet/{id}", n.deleteSubnet)

	route("v2", "GET /api/v2/hw", n.listHardware)
	route("v2", "GET /api/v2/hw/{id}", n.getServer)
	route("v2", "POST /api/v2/hw/server", n.createServer)
	route("v2", "PUT /api/v2/hw/server/{id}", n.updateServer)
	route("v2", "DELETE /api/v2/hw/server/{id}", n.deleteServer)

	route("v2", "GET /api/v2/vnet", n.listVNets)
	route("v2", "POST /api/v2/vnet", n.createVNet)
	route("v2", "GET /api/v2/vnet/{id}", n.getVNet)
	route("v2", "PUT /api/v2/vnet/{id}", n.updateVNet)
	route("v2", "DELETE /api/v2/vnet/{id}", n.deleteVNet)

	route(2, "GET /api/v2/server-cluster-template", n.listTemplates)
	route(2, "POST /api/v2/server-cluster-template", n.createTemplate)
	route(2, "GET /api/v2/server-cluster-template/{id}", n.getTemplate)
	route(2, "PUT /api/v2/server-cluster-template/{id}", n.updateTemplate)
	route(2, "DELETE /api/v2/server-cluster-template/{id}", n.deleteTemplate)

	route(2, "GET /api/v2/server-cluster", n.listClusters)
	route(2, "POST /api/v2/server-cluster", n.createCluster)
	route(2, "GET /api/v2/server-cluster/servers", n.listMembers)
	route(2, "GET /api/v2/server-cluster/{id}", n.getCluster)
	route(2, "PUT /api/v2/server-cluster/{id}", n.updateCluster)
	route(2, "DELETE /api/v2/server-cluster/{id}", n.deleteCluster)
	route(2, "PUT /api/v2/server-cluster/{id}/{state}", n.setClusterState)

	route(2, "GET /api/v2/pkeyledger", n.listLedger)
	route(2, "GET /api/v2/nvlinkledger", n.listNVLink)
	route("2", "GET /api/inventoryProfiles", n.listProfiles)
	crud := func(version any, path string, list, create, get, update, remove netrisHandler) {
		route(version, "GET "+path, list)
		route(version, "POST "+path, create)
		route(version, "GET "+path+"/{id}", get)
		route(version, "PUT "+path+"/{id}", update)
		route(version, "DELETE "+path+"/{id}", remove)
	}
	crud(2, "/api/v2/dhcp-option-set", n.listOptions, n.createOptions, n.getOptions, n.updateOptions, n.deleteOptions)
	crud("2", "/api/v2/vpc-peering", n.listPeerings, n.createPeering, n.getPeering, n.updatePeering, n.deletePeering)
	crud(2, "/api/v2/nat", n.listNATs, n.createNAT, n.getNAT, n.updateNAT, n.deleteNAT)
	crud(2, "/api/v2/l4lb", n.listBalancers, n.createBalancer, n.getBalancer, n.updateBalancer, n.deleteBalancer)
	crud("v2", "/api/v2/acl", n.listACLs, n.createACL, n.getACL, n.updateACL, n.deleteACL)
	return mux
}

// Restart is what a new process of the controller is like: all state stays, every session is gone.
func (n *Netris) Restart() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.sessions)
	n.site.Record(Event{System: "netris", Target: n.opts.SiteName, Verb: "restart"})
}

// later runs an effect after d of simulated time, holding n.mu; at once if the rule is off, in which
// case the caller holds n.mu.
func (n *Netris) later(d time.Duration, rule Rule, effect func()) {
	if !n.site.Rule(rule) {
		effect()
		return
	}
	time.AfterFunc(n.site.Delay(d), func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		effect()
	})
}

// byHand makes a change as a person does in the console: past sessions and faults, within all rules.
func (n *Netris) byHand(target, detail string, change func() error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := change(); err != nil {
		return fmt.Errorf("netris console: %s %s: %w", target, detail, err)
	}
	n.site.Record(Event{System: "netris", Target: target, Verb: "by-hand", Detail: detail})
	return nil
}
