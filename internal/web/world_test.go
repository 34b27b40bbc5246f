package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
)

// noon is when all tests are.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const (
	head         = "9d02e71a5b8d4036c1e2f3a4b5968778695a4b3c"
	staleInWorld = 5 * time.Minute

	refused = "4f1c2ab05b8d4036c1e2f3a4b5968778695a4b3c"
)

// world is a floor of so many machines, eight to a rack but for some racks of smaller ones, shared by
// tenants, and a report in which a few of everything are not as they ought to be. It is the same each time.
func world(t testing.TB, size int) (*Floor, report.Report) {
	t.Helper()
	f := &Floor{
		Commit: head, Sites: []Site{{Name: "dc1", Description: "the first hall"}},
		Positions: map[string]string{"site/dc1": "sites/dc1.cue:5"}, Quiet: map[string]string{},
	}
	tenants := max(2, size/160)
	for n := range tenants {
		f.Tenants = append(f.Tenants, worldTenant(n))
		f.Segments = append(f.Segments, worldSegment(n))
		f.Positions["tenant/"+tenantName(n)] = fmt.Sprintf("tenants/%s/tenant.cue:5", tenantName(n))
		f.Positions["segment/"+tenantName(n)+"-train"] = fmt.Sprintf("segments/%s-train.cue:5", tenantName(n))
	}
	f.Stacks = []Stack{worldStack(f.Tenants)}
	var objects []state.Object
	for n, rack, unit := 0, 0, 1; n < size; n++ {
		m := worldMachine(n, rack, unit)
		if unit += m.Height; unit+m.Height > 43 {
			rack, unit = rack+1, 1
		}
		if tenant := n / 100; n%100 < 60 && tenant < tenants && m.Lifecycle != "spare" {
			m.Tenant, m.Cluster, m.Pool, m.Segment = tenantName(tenant), "train", poolOf(m.Class), tenantName(tenant)+"-train"
			pools := f.Tenants[tenant].Clusters[0].Pools
			for i := range pools {
				if pools[i].Name == m.Pool {
					pools[i].Machines = append(pools[i].Machines, m.Name)
					pools[i].Count = len(pools[i].Machines)
					pools[i].GPUs += m.GPUs
				}
			}
		}
		f.Machines = append(f.Machines, m)
		f.Positions["machine/"+m.Name] = fmt.Sprintf("machines/%s/machines.cue:%d", m.Rack, 5+10*(n%8))
		objects = append(objects, machineObjects(m)...)
	}
	for _, tenant := range f.Tenants {
		objects = append(objects, tenantObjects(tenant)...)
	}
	set, err := state.NewSet(objects, nil)
	require.NoError(t, err)
	f.Objects = set
	return f, worldReport(f)
}

func tenantName(n int) string {
	if names := []string{"acme", "globex", "hanse", "ilmen", "juno"}; n < len(names) {
		return names[n]
	}
	return fmt.Sprintf("tenant%03d", n)
}

func poolOf(class string) string {
	if class == "l40s-4x" {
		return "l40s"
	}
	return "h100"
}

func worldTenant(n int) Tenant {
	name := tenantName(n)
	pool := func(p, class string) Pool {
		return Pool{Tenant: name, Cluster: "train", Name: p, Class: class, Spread: "rack", Floor: 1}
	}
	return Tenant{
		Name: name, DisplayName: "Tenant " + name, Profile: "ai-cloud", Admins: []string{"idp:" + name + "-admins"}, Groups: []string{name + "-admins"},
		Clusters: []Cluster{{
			Tenant: name, Name: "train", Kubernetes: "v1.35.2", Nodes: "private", Stack: "training", Segment: name + "-train",
			Pools: []Pool{pool("h100", "h100-8x"), pool("l40s", "l40s-4x")},
		}},
	}
}

func worldSegment(n int) Segment {
	name := tenantName(n)
	return Segment{
		Name: name + "-train", Site: "dc1", Tenant: name, Cluster: "train", Network: fmt.Sprintf("10.%d.0.0/16", 20+n), Subnet: fmt.Sprintf("10.%d.1.0/24", 20+n),
		Gateway: fmt.Sprintf("10.%d.1.1", 20+n), VLAN: "auto", PKey: "auto", EastWest: "ipv4", UFM: "ufm-dc1",
		VNets: []VNet{{Name: "storage", Type: "l2", VLAN: "310", VXLAN: "auto", Subnet: fmt.Sprintf("10.%d.9.0/24", 20+n)}},
	}
}

func worldStack(tenants []Tenant) Stack {
	k := Stack{Name: "training", Description: "batch training: network and GPU operators, a scheduler and queues", Certified: "2026.1"}
	for _, t := range tenants {
		k.Clusters = append(k.Clusters, t.Name+"/train")
	}
	for _, c := range []Component{
		{Name: "cilium", Version: "1.18.4", Namespace: "kube-system", Privileged: true},
		{Name: "cert-manager", Version: "1.19.1", Namespace: "cert-manager", After: []string{"cilium"}},
		{Name: "csi-driver-nfs", Version: "4.12.1", Namespace: "kube-system", After: []string{"cilium"}},
		{Name: "node-feature-discovery", Version: "0.18.3", Namespace: "nfd", After: []string{"cilium"}},
		{Name: "kube-prometheus-stack", Version: "79.5.0", Namespace: "monitoring", After: []string{"cert-manager", "csi-driver-nfs", "node-feature-discovery"}},
		{Name: "network-operator", Version: "26.1.0", Namespace: "network-operator", Privileged: true, After: []string{"kube-prometheus-stack", "node-feature-discovery"}},
		{Name: "gpu-operator", Version: "26.3.0", Namespace: "gpu-operator", Privileged: true, After: []string{"network-operator", "node-feature-discovery"}},
		{Name: "kueue", Version: "0.14.4", Namespace: "kueue-system", After: []string{"gpu-operator"}},
	} {
		c.Type = "chart"
		k.Components = append(k.Components, c)
	}
	k.Components = append(k.Components, Component{Name: "priorities", Type: "kustomize", After: []string{"kueue"}})
	return k
}

func worldMachine(n, rack, unit int) Machine {
	m := Machine{
		Name: fmt.Sprintf("gpu-%04d", n+1), Site: "dc1", Rack: fmt.Sprintf("%c%02d", 'a'+rack/12%26, rack%12+1), Unit: unit, Height: 5, Class: "h100-8x",
		GPUModel: "H100-SXM5-80GB", GPUs: 8, Lifecycle: InService, Role: "worker", Serial: fmt.Sprintf("SN%08d", n), BMC: fmt.Sprintf("10.10.%d.%d", n>>8, n&255),
		Image: "ubuntu-noble-gpu", NICs: []NIC{{"eth0", "north-south", fmt.Sprintf("5c:ff:35:%02x:%02x:00", n>>8, n&255), "leaf-1", ""}, {"ib0", "infiniband", fmt.Sprintf("b8:3f:d2:03:00:%02x:%02x:00", n>>8, n&255), "ib-leaf-1", fmt.Sprintf("b83fd20300%02x%02x00", n>>8, n&255)}},
	}
	if rack > 311 {
		m.Rack = fmt.Sprintf("z%03d", rack)
	}
	if rack%5 == 3 {
		m.Height, m.Class, m.GPUModel, m.GPUs = 3, "l40s-4x", "L40S-48GB", 4
	}
	switch {
	case n%53 == 17:
		m.Lifecycle = "maintenance"
	case n%61 == 60:
		m.Lifecycle = "spare"
	}
	return m
}

func leaf(v any, entity, field string) state.Tree {
	return state.Leaf(v, state.Origin{Entity: entity, Field: field})
}

func machineObjects(m Machine) []state.Object {
	entity := "machine/" + m.Name
	plane := state.ControlPlane
	bmc := state.Target{System: state.Redfish, Name: m.Name}
	objects := []state.Object{
		{ID: state.ID{Target: plane, Kind: "BareMetalHost.metal3.io", Namespace: "metal3-system", Name: m.Name}, Entity: entity, Mode: state.Own,
			Tree: state.Map(map[string]state.Tree{"spec": state.Map(map[string]state.Tree{
				"bootMACAddress": leaf(m.NICs[0].Address, entity, "bootMAC"), "bmc": state.Map(map[string]state.Tree{"address": leaf("redfish://"+m.BMC, entity, "bmc.address")}, state.Origin{}),
			}, state.Origin{})}, state.Origin{})},
		{ID: state.ID{Target: bmc, Kind: "ntp"}, Entity: entity, Mode: state.Own, Tree: state.Map(map[string]state.Tree{"NTP": leaf("ntp1.dc1.example.com", "site/dc1", "ntp[0]")}, state.Origin{})},
		{ID: state.ID{Target: bmc, Kind: "bios"}, Entity: entity, Mode: state.Observe, Tree: state.Map(map[string]state.Tree{"SriovGlobalEnable": leaf("Enabled", "class/"+m.Class, "bios.SriovGlobalEnable")}, state.Origin{})},
		{ID: state.ID{Target: state.Target{System: state.Netris, Name: m.Site}, Kind: "server", Name: m.Name}, Entity: entity, Mode: state.Own, Tree: state.Map(map[string]state.Tree{"name": leaf(m.Name, entity, "")}, state.Origin{})},
	}
	if m.Pool != "" {
		objects = append(objects, state.Object{
			ID:     state.ID{Target: state.Target{System: state.Netris, Name: m.Site}, Kind: "servercluster", Name: m.Segment, Part: "server/" + m.Name},
			Entity: m.PoolAddress(), Mode: state.Own, Tree: state.Map(map[string]state.Tree{"server": leaf(m.Name, m.PoolAddress(), "")}, state.Origin{}),
		}, state.Object{
			ID:     state.ID{Target: state.Target{System: state.UFM, Name: "fabric"}, Kind: "pkey", Name: "0x101", Part: "guid/" + m.NICs[1].Port},
			Entity: m.PoolAddress(), Mode: state.Own, Tree: state.Map(map[string]state.Tree{"membership": leaf("full", m.PoolAddress(), "")}, state.Origin{}),
		})
	}
	return objects
}

func tenantObjects(t Tenant) []state.Object {
	entity := "tenant/" + t.Name
	return []state.Object{
		{ID: state.ID{Target: state.ControlPlane, Kind: "Project.management.loft.sh", Name: t.Name}, Entity: entity, Mode: state.Own, Tree: state.Map(map[string]state.Tree{"displayName": leaf(t.DisplayName, entity, "displayName")}, state.Origin{})},
		{ID: state.ID{Target: state.ControlPlane, Kind: "VirtualClusterInstance.management.loft.sh", Namespace: "p-" + t.Name, Name: "train"}, Entity: "cluster/" + t.Name + "/train", Mode: state.Own,
			Tree: state.Map(map[string]state.Tree{"version": leaf("v1.35.2", "tenant/"+t.Name, "cluster.train.kubernetes")}, state.Origin{})},
		{ID: state.ID{Target: state.Target{System: state.Netris, Name: "dc1"}, Kind: "vpc", Name: t.Name + "-train"}, Entity: "segment/" + t.Name + "-train", Mode: state.Own, Tree: state.Map(map[string]state.Tree{"name": leaf(t.Name+"-train", "segment/"+t.Name+"-train", "")}, state.Origin{})},
		{ID: state.ID{Target: state.Target{System: state.Kubernetes, Name: t.Name + ".train"}, Kind: "Namespace", Name: "training"}, Entity: "cluster/" + t.Name + "/train", Mode: state.Own, Tree: state.Map(map[string]state.Tree{"name": leaf("training", "stack/training", "component.kueue")}, state.Origin{})},
	}
}

// worldNetworks are what was read of the segments' networks: of most what the controllers chose, of some a
// while ago, of some nothing yet.
func worldNetworks(f *Floor) []report.Networks {
	var all []report.Networks
	for n, g := range f.Segments {
		var read time.Time
		switch n % 5 {
		case 3:
			read = noon.Add(-12 * time.Minute)
		case 4:
			continue
		}
		of := func(name string, vlan, vxlan int, pkeys ...state.Partition) report.Network {
			return report.Network{Name: name, Target: "netris/dc1", VLAN: vlan, VXLAN: vxlan, Partitions: pkeys, Read: read}
		}
		all = append(all, report.Networks{Entity: "segment/" + g.Name, Tenant: g.Tenant, Networks: []report.Network{
			of(report.NetworkEastWest, 0, 10501+n), of(report.NetworkInfiniBand, 0, 0, state.Partition{Fabric: g.UFM, Number: fmt.Sprintf("0x%x", 0x101+n)}),
			of(report.NetworkNorthSouth, 3021+n, 10021+n), of(report.NetworkVNet+"storage", 310, 10901+n), of(report.NetworkVPC, 0, 2012+n),
		}})
	}
	return all
}

// worldReport is of the floor: of every forty machines one is off in one of several ways.
func worldReport(f *Floor) report.Report {
	r := report.Report{Version: report.FormatVersion, Fleet: "example", Time: noon.Add(-20 * time.Second), Complete: true, Source: report.Source{Commit: head, Subject: "Grow acme by two machines", Signer: "carol@example.com", Fetched: noon.Add(-30 * time.Second)}}
	counts := map[plan.Status]int{plan.InSync: f.Objects.Len()}
	add := func(i report.Item) {
		r.Items = append(r.Items, i)
		counts[i.Status]++
		counts[plan.InSync]--
	}
	for n, m := range f.Machines {
		since := noon.Add(-time.Duration(n%700+5) * time.Minute)
		entity := "machine/" + m.Name
		switch n % 40 {
		case 7:
			add(report.Item{Address: "redfish/" + m.Name + "/ntp", Entity: entity, Status: plan.Drifted, Since: since, Action: plan.Update, Impact: "none", Causes: []plan.Cause{plan.CauseDrift},
				Fields: []plan.Field{{Name: "NTP.NTPServers[0]", Old: "time.nowhere.example.com", New: "ntp1.dc1.example.com", Origin: state.Origin{Entity: "site/dc1", Field: "ntp[0]"}}}})
		case 13:
			add(report.Item{Address: "kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/" + m.Name, Entity: entity, Status: plan.Progressing, Since: since, Action: plan.Update, Impact: "none", Causes: []plan.Cause{plan.CauseCommit}, Waits: []string{"netris/dc1/server/" + m.Name}})
		case 19:
			if m.Pool != "" {
				add(report.Item{Address: "netris/dc1/servercluster/" + m.Segment + "/server/" + m.Name, Entity: m.PoolAddress(), Status: plan.Held, Since: since, Action: plan.Create, Impact: "network", Causes: []plan.Cause{plan.CauseDrift},
					Held:   []plan.Hold{{By: "drift-policy", Why: "somebody took the machine out of the segment, and to put it back changes a network", Until: "somebody puts it back, or policy corrects drift of this kind"}},
					Fields: []plan.Field{{Name: "server", New: m.Name, Who: []state.Writer{{Name: "operator@example.com", Time: since}}, Origin: state.Origin{Entity: m.PoolAddress()}}}})
			}
		case 25:
			add(report.Item{Address: "redfish/" + m.Name + "/bios", Entity: entity, Status: plan.Pending, Since: since, Action: plan.Update, Impact: "reboot", Causes: []plan.Cause{plan.CauseCommit}, Waits: []string{"its turn: of role worker in dc1 only 2 may be down at once"},
				Consent: &plan.Consent{Approval: "cap-17", By: "olga@example.com", Verified: true, Commit: head, Until: noon.Add(time.Hour)},
				Fields:  []plan.Field{{Name: "SriovGlobalEnable", Old: "Disabled", New: "Enabled", Origin: state.Origin{Entity: "class/h100-8x", Field: "bios.SriovGlobalEnable"}}}})
		case 33:
			if n%80 == 33 {
				for _, kind := range []string{"bios", "ntp"} {
					add(report.Item{Address: "redfish/" + m.Name + "/" + kind, Entity: entity, Status: plan.Unknown, Since: since})
				}
				r.Unreachable = append(r.Unreachable, report.Unreachable{Target: "redfish/" + m.Name, Why: "no answer from " + m.BMC + ": i/o timeout", Since: since})
				r.Complete = false
			} else {
				add(report.Item{Address: "netris/dc1/server/" + m.Name, Entity: entity, Status: plan.Failed, Since: since, Action: plan.Update, Impact: "none", Note: "the controller answered 422: the port eth0 is in use by another server"})
			}
		}
	}
	r.Counts, r.Networks = counts, worldNetworks(f)
	return r
}

// served is a dashboard of what is in a store, as of noon.
func served(t testing.TB, store *Store, change ...func(*Options)) *Dashboard {
	t.Helper()
	o := Options{
		Store: store, Access: Loopback{}, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Now: func() time.Time { return noon },
		StaleAfter: staleInWorld, Rate: 1e6, Burst: 1e6,
	}
	for _, c := range change {
		c(&o)
	}
	return New(o)
}

// filled is a store with a world of so many machines.
func filled(t testing.TB, size int) *Store {
	t.Helper()
	f, r := world(t, size)
	store := &Store{}
	store.SetFloor(f)
	past := worldPast(f)
	store.SetPast(past)
	store.SetRuns(worldRuns(f, past))
	store.SetReport(r)
	return store
}

// get asks for a path from this machine.
func get(t testing.TB, d http.Handler, path string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:40000", "127.0.0.1:8080"
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}
