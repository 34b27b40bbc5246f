package netris_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/netris"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target/conformance"
)

// Each kind that we write passes the suite that every system passes.
func TestConformance(t *testing.T) {
	mine := member("acme-train", "gpu-001")
	for name, kind := range map[string]struct {
		objects []state.Object // the suite's; what they stand on is made beforehand
		update  map[string]any
		tamper  func(w *world)
		foreign map[string]any
		path    string // a list that counts the last object
	}{
		"tenant": {
			objects: []state.Object{tenant},
			update:  map[string]any{"description": "Acme"},
			tamper: func(w *world) {
				w.do(http.MethodPut, "/api/tenants", map[string]any{"id": 2, "name": "acme", "description": "tampered"})
			},
			foreign: map[string]any{"description": "somebody else's"},
			path:    "/api/tenants",
		},
		"vpc": {
			objects: []state.Object{vpc},
			update:  map[string]any{"tags": []any{"tier=lead"}},
			tamper: func(w *world) {
				require.NoError(w.t, w.netris.SetVPCTags("acme", "tampered", "millwright-fleet=example", "millwright-id=netris.dc1.vpc.acme"))
			},
			foreign: map[string]any{"tags": []any{"theirs"}},
			path:    "/api/v2/vpc",
		},
		"allocation": {
			objects: []state.Object{with(allocation, map[string]any{"description": ""})},
			update:  map[string]any{"description": "ours"},
			tamper: func(w *world) {
				w.do(http.MethodPut, "/api/v2/ipam/allocation/1", map[string]any{"name": "acme-train-ns", "prefix": "10.20.0.0/16", "description": "tampered",
					"tenant": map[string]any{"id": 1}, "vpc": map[string]any{"id": 2}})
			},
			foreign: map[string]any{"description": "theirs"},
			path:    "/api/v2/ipam?filterByVpc=2",
		},
		"subnet": {
			objects: []state.Object{subnet},
			update:  map[string]any{"purpose": "management"},
			tamper: func(w *world) {
				w.do(http.MethodPut, "/api/v2/ipam/subnet/1", map[string]any{"name": "acme-train-ns", "prefix": "10.20.1.0/24", "purpose": "nat",
					"tenant": map[string]any{"id": 1}, "vpc": map[string]any{"id": 2}, "sites": []any{map[string]any{"id": 22}},
					"tags": []any{"millwright-fleet=example", "millwright-id=netris.dc1.subnet.acme-train-ns"}})
			},
			foreign: map[string]any{"purpose": "nat"},
			path:    "/api/v2/ipam/subnets?filterByVpc=2",
		},
		"servercluster": {
			objects: []state.Object{cluster},
			update:  map[string]any{"tags": []any{"pool=b200"}},
			tamper: func(w *world) {
				require.NoError(w.t, w.netris.SetClusterTags("acme-train", "tampered", "millwright-fleet=example", "millwright-id=netris.dc1.servercluster.acme-train"))
			},
			foreign: map[string]any{"tags": []any{"theirs"}},
			path:    "/api/v2/server-cluster",
		},
		"member": {
			objects: []state.Object{cluster, mine},
			update:  map[string]any{"shared": true},
			tamper: func(w *world) {
				c, _ := w.named("/api/v2/server-cluster", "acme-train")
				w.do(http.MethodPut, "/api/v2/server-cluster/23", map[string]any{"tags": c["tags"], "servers": []any{map[string]any{"id": 101, "shared": true}}})
			},
			foreign: map[string]any{"shared": true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			conformance.Run(t, func(t *testing.T) conformance.Suite {
				w := newWorld(t)
				last := kind.objects[len(kind.objects)-1]
				w.below(kind.objects[0])
				before := len(w.writes())
				net := conformance.Wire{Writes: isWrite}
				return conformance.Suite{
					Open:    func(*testing.T) conformance.System { return w.client(through(net.Through)) },
					Objects: kind.objects,
					Marked:  slices.Contains([]string{"vpc", "subnet", "servercluster"}, name),
					Update:  func(o state.Object) state.Object { return with(o, kind.update) },
					Tamper:  func(*testing.T, state.ID) { kind.tamper(w) },
					Foreign: func(_ *testing.T, o state.Object) { w.foreign(with(o, kind.foreign)) },
					Break:   net.Cut, Stall: net.Stall, LoseAnswer: net.LoseAnswer,
					Count: func(*testing.T, state.ID) int {
						if kind.path == "" {
							return 1
						}
						return w.count(kind.path, last.ID.Name)
					},
					Writes: func() int { return len(w.writes()) - before },
				}
			})
		})
	}
}

// below makes what an object stands on, as somebody else would.
func (w *world) below(o state.Object) {
	admin, vpc := map[string]any{"id": 1}, map[string]any{"id": 2}
	for _, below := range everything {
		if below.ID == o.ID {
			return
		}
		switch below.ID.Kind {
		case "tenant":
			w.made("/api/tenants", map[string]any{"name": "acme", "description": "Acme Robotics"})
		case "vpc":
			w.made("/api/v2/vpc", map[string]any{"name": "acme", "adminTenant": admin})
		case "allocation":
			w.made("/api/v2/ipam/allocation", map[string]any{"name": "acme-train-ns", "prefix": "10.20.0.0/16", "tenant": admin, "vpc": vpc})
		case "subnet":
			w.made("/api/v2/ipam/subnet", map[string]any{"name": "acme-train-ns", "prefix": "10.20.1.0/24", "purpose": "common",
				"tenant": admin, "vpc": vpc, "sites": []any{map[string]any{"id": 22}}})
		case "servercluster-template":
			w.made("/api/v2/server-cluster-template", template.Tree.Masked())
		}
	}
}

// foreign makes an object as somebody else would: without our mark.
func (w *world) foreign(o state.Object) {
	body := o.Tree.Masked().(map[string]any)
	for field, id := range map[string]int{"adminTenant": 1, "admin": 1, "vpc": 2, "site": 22, "srvClusterTemplate": 7} {
		if body[field] != nil {
			body[field] = map[string]any{"id": id}
		}
	}
	if o.ID.Kind == "allocation" || o.ID.Kind == "subnet" {
		body["tenant"] = map[string]any{"id": 1}
	}
	if body["sites"] != nil {
		body["sites"] = []any{map[string]any{"id": 22}}
	}
	if body["guestTenant"] != nil {
		body["guestTenant"] = []any{map[string]any{"id": 2}}
	}
	switch {
	case o.ID.Part != "":
		c, _ := w.named("/api/v2/server-cluster", o.ID.Name)
		tags := slices.DeleteFunc(c["tags"].([]any), func(tag any) bool { return strings.HasPrefix(tag.(string), "millwright-") })
		w.do(http.MethodPut, "/api/v2/server-cluster/23", map[string]any{"tags": tags, "servers": []any{map[string]any{"id": 101, "shared": body["shared"]}}})
	default:
		w.made(map[string]string{"tenant": "/api/tenants", "vpc": "/api/v2/vpc", "allocation": "/api/v2/ipam/allocation",
			"subnet": "/api/v2/ipam/subnet", "servercluster": "/api/v2/server-cluster"}[o.ID.Kind], body)
	}
}

var _ conformance.System = (*netris.Controller)(nil)
