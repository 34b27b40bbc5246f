package netris_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/netris"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
)

// mutant is a sloppier client: ours, with one careful habit undone on the wire. It must be caught
// with the rule in force and pass with the rule off, or the rule proves nothing about us.
type mutant struct {
	rule  simulate.Rule
	habit string // what it does instead
	// caught is part of what is said when it is caught.
	caught string
	// setup is done by a careful client, in a world where effects are in force at once.
	setup   []state.Object
	options func(*simulate.NetrisOptions)
	spoil   func(s *spoiler)
	// try is what a client is asked to do. Its error says how it was caught: by a refusal, or by what
	// others see afterwards. Refusing by itself to send something (held) is no offence.
	try func(w *world, c *netris.Controller) error
}

var mutants = []mutant{
	{
		rule: simulate.NetrisSession, habit: "sends no cookie",
		caught: "answered 401",
		spoil:  func(s *spoiler) { s.request = func(r *http.Request) *http.Request { r.Header.Del("Cookie"); return r } },
		try:    observes,
	},
	{
		rule: simulate.NetrisSessionExpires, habit: "logs in once for ever",
		caught:  "answered 401",
		options: func(o *simulate.NetrisOptions) { o.SessionLife = 1000 * time.Second }, // one of ours
		spoil: func(s *spoiler) {
			logins := 0
			s.intercept = func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/api/auth" {
					if logins++; logins > 1 {
						return answer(r, http.StatusOK, nil), nil
					}
				}
				return s.next.RoundTrip(r)
			}
		},
		try: func(w *world, c *netris.Controller) error {
			if err := observes(w, c); err != nil {
				return err
			}
			ends := time.Now().Add(1010 * time.Millisecond)
			require.Eventually(w.t, func() bool { return time.Now().After(ends) }, 10*time.Second, 10*time.Millisecond)
			return observes(w, c)
		},
	},
	{
		rule: simulate.NetrisRefsByID, habit: "refers by name",
		caught: "there is none with the id 0",
		setup:  everything[:1],
		spoil: func(s *spoiler) {
			s.body("POST /api/v2/vpc", func(body map[string]any) { body["adminTenant"] = ref("Admin") })
		},
		try: makes(vpc),
	},
	{
		rule: simulate.NetrisNoIdempotency, habit: "repeats a POST blindly",
		caught: "2 objects",
		setup:  everything[:1],
		spoil: func(s *spoiler) {
			s.intercept = func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPost && isWrite(r) {
					s.send(r, r.Method, r.URL.Path, bodyOf(s.t, r))
				}
				return s.next.RoundTrip(r)
			}
		},
		try: makes(vpc),
	},
	{
		rule: simulate.NetrisTagCharset, habit: "writes an address into a tag as it is",
		caught: "may contain letters",
		setup:  everything[:1],
		spoil: func(s *spoiler) {
			s.body("POST /api/v2/vpc", func(body map[string]any) { replaceTag(body, "netris.dc1.vpc.acme", "netris/dc1/vpc/acme") })
			s.data("/api/v2/vpc", func(o map[string]any) { replaceTag(o, "netris/dc1/vpc/acme", "netris.dc1.vpc.acme") })
		},
		try: makes(vpc),
	},
	{
		rule: simulate.NetrisListDefaultVPC, habit: "lists without a VPC",
		caught: "does not read back",
		setup:  everything[:2],
		spoil: func(s *spoiler) {
			s.request = func(r *http.Request) *http.Request { r.URL.RawQuery = ""; return r }
		},
		try: makes(allocation),
	},
	{
		rule: simulate.NetrisVPCFallback, habit: "leaves the VPC out",
		caught: "does not read back",
		setup:  everything[:2],
		spoil: func(s *spoiler) {
			s.body("POST /api/v2/ipam/allocation", func(body map[string]any) { delete(body, "vpc") })
		},
		try: makes(allocation),
	},
	{
		rule: simulate.NetrisSystemVPC, habit: "overlooks that a VPC is the system's",
		caught: "cannot be deleted",
		spoil: func(s *spoiler) {
			s.data("/api/v2/vpc", func(o map[string]any) { delete(o, "isSystem"); delete(o, "isDefault") })
		},
		try: deletes(id("vpc", "VPC-1")),
	},
	{
		rule: simulate.NetrisPutReplaces, habit: "puts only what changes",
		caught: "does not read back so: guestTenant",
		setup:  everything[:2],
		spoil: func(s *spoiler) {
			s.body("PUT /api/v2/vpc/2", func(body map[string]any) {
				maps.DeleteFunc(body, func(field string, _ any) bool { return field != "name" && field != "tags" })
			})
		},
		try: updates(with(vpc, map[string]any{"tags": []any{"tier=lead"}})),
	},
	{
		rule: simulate.NetrisCreateOnly, habit: "sends what cannot change, and believes that it did",
		caught: "adminTenant.name is Admin",
		setup:  everything[:2],
		spoil: func(s *spoiler) {
			s.data("/api/v2/vpc/2", func(o map[string]any) { o["adminTenant"] = map[string]any{"id": 2, "name": "acme"} })
		},
		try: updates(with(vpc, map[string]any{"adminTenant": ref("acme"), "tags": []any{"tier=lead"}})),
	},
	{
		rule: simulate.NetrisCustomData, habit: "writes the server that it adds",
		caught: "waits for its InfiniBand partition",
		setup:  everything,
		spoil: func(s *spoiler) {
			s.intercept = func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPut {
					s.send(r, http.MethodPut, "/api/v2/hw/server/101", map[string]any{"name": "gpu-001", "portCount": 11,
						"tenant": map[string]any{"id": 1}, "site": map[string]any{"id": 22}})
				}
				return s.next.RoundTrip(r)
			}
		},
		try: joins("acme-train"),
	},
	{
		rule: simulate.NetrisShowCustom, habit: "writes the server that it adds as the list shows it",
		caught: "waits for its InfiniBand partition",
		setup:  everything,
		spoil: func(s *spoiler) {
			s.intercept = func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPut {
					servers := s.send(r, http.MethodGet, "/api/v2/hw?type=server", nil).([]any)
					s.send(r, http.MethodPut, "/api/v2/hw/server/101", servers[0])
				}
				return s.next.RoundTrip(r)
			}
		},
		try: joins("acme-train"),
	},
	{
		rule: simulate.NetrisTenantName, habit: "makes a tenant without looking",
		caught: "there is a tenant of the name",
		setup:  []state.Object{with(tenant, map[string]any{"description": "somebody else's"})},
		spoil:  func(s *spoiler) { s.blindBefore("/api/tenants") },
		try:    creates(tenant),
	},
	{
		rule: simulate.NetrisVNetName, habit: "makes a cluster without looking",
		caught: "there is a V-Net of the name",
		setup:  append(everything[:5:5], cluster),
		spoil: func(s *spoiler) {
			s.blindBefore("/api/v2/server-cluster")
		},
		try: creates(cluster),
	},
	{
		rule: simulate.NetrisAllocationOverlap, habit: "makes an allocation without looking",
		caught: "overlaps",
		setup:  append(everything[:2:2], with(allocation, map[string]any{"description": "somebody else's"})),
		spoil:  func(s *spoiler) { s.blindBefore("/api/v2/ipam") },
		try:    creates(with(allocation, map[string]any{"description": ""})),
	},
	{
		rule: simulate.NetrisSubnetInAllocation, habit: "makes subnets before allocations",
		caught: "no allocation of the VPC",
		setup:  everything[:2],
		spoil:  subnetsFirst,
		try:    makes(allocation, subnet),
	},
	{
		rule: simulate.NetrisGatewaySubnet, habit: "makes every subnet for management",
		caught: "is not common",
		setup:  everything[:3],
		spoil: func(s *spoiler) {
			s.body("POST /api/v2/ipam/subnet", func(body map[string]any) { body["purpose"] = "management" })
			s.data("/api/v2/ipam", func(o map[string]any) {
				for _, child := range o["children"].([]any) {
					child.(map[string]any)["purpose"] = "common"
				}
			})
		},
		try: creates(subnet, template, cluster),
	},
	{
		rule: simulate.NetrisDeleteInUse, habit: "overlooks a cluster's servers",
		caught: "has 1 servers",
		setup:  append(everything[:6:6], member("acme-train", "gpu-001")),
		spoil: func(s *spoiler) {
			s.data("/api/v2/server-cluster/23", func(o map[string]any) { o["servers"] = []any{} })
		},
		try: deletes(cluster.ID),
	},
	{
		rule: simulate.NetrisTemplateKeys, habit: "gives every stanza the same keys",
		caught: "is not for the type netris-ufm",
		spoil: func(s *spoiler) {
			s.body("POST /api/v2/server-cluster-template", func(body map[string]any) {
				for _, stanza := range body["vnets"].([]any) {
					stanza.(map[string]any)["vlan"] = "untagged"
				}
			})
		},
		try: makes(template),
	},
	{
		rule: simulate.NetrisTemplateFrozen, habit: "edits a template in place of making a new one",
		caught: "the template is in use",
		setup:  everything,
		spoil:  func(s *spoiler) { s.inPlace("/api/v2/server-cluster-template", 7) },
		try:    creates(named(template, "gpu-ib-v2")),
	},
	{
		rule: simulate.NetrisClusterLocked, habit: "renames a cluster in place of making a new one",
		caught: "does not read back so: name",
		setup:  everything,
		spoil:  func(s *spoiler) { s.inPlace("/api/v2/server-cluster", 23) },
		try:    creates(named(cluster, "acme-serve")),
	},
	{
		rule: simulate.NetrisDedicatedOnce, habit: "adds a machine without looking where it is",
		caught: "is a dedicated member",
		setup:  append(everything[:6:6], member("acme-train", "gpu-001"), plainTemplate, other),
		spoil: func(s *spoiler) {
			s.list("/api/v2/server-cluster", func(o map[string]any) bool { return o["name"] == "globex-train" })
			s.list("/api/v2/server-cluster/servers", func(map[string]any) bool { return false })
			s.list("/api/v2/pkeyledger", func(map[string]any) bool { return false })
		},
		try: creates(member("globex-train", "gpu-001")),
	},
	{
		rule: simulate.NetrisSharedOrDedicated, habit: "lists a server both ways",
		caught: "is listed twice",
		setup:  append(everything[:2:2], plainTemplate, other),
		spoil: func(s *spoiler) {
			s.body("PUT /api/v2/server-cluster/23", func(body map[string]any) {
				body["servers"] = append(body["servers"].([]any), map[string]any{"id": 101, "shared": true})
			})
		},
		try: creates(member("globex-train", "gpu-001")),
	},
	{
		rule: simulate.NetrisServerOwner, habit: "lets the tenant administer the cluster",
		caught: "is not owned",
		setup:  append(everything[:2:2], plainTemplate),
		spoil: func(s *spoiler) {
			s.body("POST /api/v2/server-cluster", func(body map[string]any) { body["admin"] = map[string]any{"id": 2} })
			s.data("/api/v2/server-cluster", func(o map[string]any) {
				if o["admin"] != nil {
					o["admin"] = map[string]any{"id": 1, "name": "Admin"}
				}
			})
		},
		try: creates(other, member("globex-train", "gpu-001")),
	},
	{
		rule: simulate.NetrisAsync, habit: "takes what was accepted for done",
		caught: "said to be in the segment",
		setup:  append(everything[:2:2], plainTemplate, other), options: slow,
		spoil: alwaysActive,
		try: func(w *world, c *netris.Controller) error {
			r, err := claims(w, c, member("globex-train", "gpu-001"))
			if machine, _ := w.site.Machine("gpu-001"); r && machine.Membership != "globex-train" {
				return errors.New("said to be in the segment, and is not")
			}
			return err
		},
	},
	{
		rule: simulate.NetrisBusy, habit: "sends a PUT while the last one takes effect",
		caught: "is being provisioned",
		setup:  append(everything[:2:2], plainTemplate, other), options: slow,
		spoil: alwaysActive,
		try: func(w *world, c *netris.Controller) error {
			w.site.SetRule(simulate.NetrisAsync, true)
			return creates(member("globex-train", "gpu-001"), member("globex-train", "gpu-002"))(w, c)
		},
	},
	{
		rule: simulate.NetrisLedgerLags, habit: "does not ask the ledger",
		caught: "said to be in the partition",
		setup:  everything, options: slow,
		spoil: func(s *spoiler) {
			s.data("/api/v2/server-cluster-template", func(o map[string]any) { o["vnets"] = o["vnets"].([]any)[:1] })
		},
		try: func(w *world, c *netris.Controller) error {
			claimed, err := claims(w, c, member("acme-train", "gpu-001"))
			text, _ := json.Marshal(w.do(http.MethodGet, "/api/v2/pkeyledger", nil))
			if claimed && !strings.Contains(string(text), "gpu-001") {
				return errors.New("said to be in the partition, and is not")
			}
			return err
		},
	},
}

// For each rule of the simulator there is a client that it catches, and that passes without it.
func TestEveryRuleCatchesASloppyClient(t *testing.T) {
	covered := map[simulate.Rule]bool{}
	for _, m := range mutants {
		covered[m.rule] = true
		t.Run(fmt.Sprintf("%s/%s", m.rule, m.habit), func(t *testing.T) {
			t.Parallel()
			require.NoError(t, m.run(t, true, false), "a careful client")
			require.ErrorContains(t, m.run(t, true, true), m.caught, "the sloppy client is not caught")
			require.NoError(t, m.run(t, false, true), "it is something else that catches the sloppy client")
		})
	}
	for _, rule := range simulate.NetrisRules() {
		require.True(t, covered[rule], "no sloppy client for %s", rule)
	}
}

func (m mutant) run(t *testing.T, rule, sloppy bool) error {
	t.Helper()
	var w *world
	if m.options != nil {
		w = newWorld(t, m.options)
	} else {
		w = newWorld(t)
	}
	mustMake(t, w.client(), m.setup...)
	w.site.SetRule(m.rule, rule)
	if !sloppy {
		return m.try(w, w.client())
	}
	return m.try(w, w.client(through(func(next http.RoundTripper) http.RoundTripper {
		s := &spoiler{t: t, next: next}
		m.spoil(s)
		return s
	})))
}

// subnetsFirst keeps allocations back until a subnet has been sent.
func subnetsFirst(s *spoiler) {
	var kept map[string]any
	s.intercept = func(r *http.Request) (*http.Response, error) {
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/api/v2/ipam/allocation":
			kept = bodyOf(s.t, r)
			return answer(r, http.StatusOK, map[string]any{"id": 1}), nil
		case r.Method == http.MethodPost && r.URL.Path == "/api/v2/ipam/subnet":
			response, err := s.next.RoundTrip(r)
			s.send(r, http.MethodPost, "/api/v2/ipam/allocation", kept)
			kept = nil
			return response, err
		case kept != nil && r.URL.Path == "/api/v2/ipam":
			shown := maps.Clone(kept)
			maps.Copy(shown, map[string]any{"id": 1, "type": "allocation", "children": []any{},
				"tenant": map[string]any{"id": 1, "name": "Admin"}, "vpc": map[string]any{"id": 2, "name": "acme"}})
			return answer(r, http.StatusOK, []any{shown}), nil
		}
		return s.next.RoundTrip(r)
	}
}

func alwaysActive(s *spoiler) {
	s.data("/api/v2/server-cluster", func(o map[string]any) { o["status"] = "active" })
}
