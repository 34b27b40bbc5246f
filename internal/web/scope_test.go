package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
)

// canary is in every word that is globex's; whoever may see acme only must never read it.
const canary = "canary"

// theirs is a number of a network of the canary's, which stands nowhere else.
const theirs = 9990999

// shared is a fleet of acme and of a tenant all of whose names and texts hold the canary, with a report
// that speaks of the latter wherever a text can stand, also in what is acme's.
func shared(t *testing.T) *Store {
	t.Helper()
	f, r := world(t, 320)
	rename := strings.NewReplacer("globex", canary, "Globex", canary)
	f.Tenants[1] = Tenant{Name: canary, DisplayName: "The " + canary, Admins: []string{"idp:" + canary + "-admins"}, Groups: []string{canary + "-admins"}, Clusters: []Cluster{{
		Tenant: canary, Name: "train", Segment: canary + "-train", Stack: "training", Pools: []Pool{{Tenant: canary, Cluster: "train", Name: "h100"}},
	}}}
	f.Segments[1] = Segment{Name: canary + "-train", Tenant: canary, Cluster: "train", Site: "dc1"}
	f.Segments[0].Peers = []string{canary + "-train"}
	f.Stacks[0].Clusters = []string{"acme/train", canary + "/train"}
	f.Stacks = append([]Stack{{Name: canary, Clusters: []string{canary + "/train"}}}, f.Stacks...)
	f.Quiet["tenant/"+canary], f.Quiet["site/dc1"] = canary, canary
	f.Sites[0].Description = canary
	f.Positions["tenant/"+canary] = canary + ".cue:1"
	taken := "" // a machine of acme that is still in the other's segment
	for i := range f.Machines {
		m := &f.Machines[i]
		m.Tenant, m.Segment = rename.Replace(m.Tenant), rename.Replace(m.Segment)
		m.Description = "was " + canary + "'s"
		if m.Tenant != "acme" {
			f.Positions["machine/"+m.Name] = canary + ".cue:2"
			m.Serial, m.BMC = canary, canary
		} else {
			taken = m.Name
		}
	}
	var objects []state.Object
	for o := range f.Objects.All() {
		o.ID.Target.Name, o.ID.Name, o.ID.Namespace, o.Entity = rename.Replace(o.ID.Target.Name), rename.Replace(o.ID.Name), rename.Replace(o.ID.Namespace), rename.Replace(o.Entity)
		if kind, name, tenant := entityWords(o.Entity); tenant == "acme" || kind == "segment" && strings.HasPrefix(name, "acme") {
			o.Tree = state.Map(map[string]state.Tree{"peer": leaf(canary, "segment/"+canary+"-train", "northSouth")}, state.Origin{})
		}
		objects = append(objects, o)
	}
	set, err := state.NewSet(objects, nil)
	require.NoError(t, err)
	f.Objects = set

	r.Source = report.Source{Commit: head, Subject: "Grow " + canary, Signer: canary, Error: "tenants/" + canary + ".cue:4: no such field", Refused: refused}
	r.Alarms = []string{taken + " is in the segment of " + canary}
	for i := range r.Items {
		item := &r.Items[i]
		item.Address, item.Entity = rename.Replace(item.Address), rename.Replace(item.Entity)
		item.Note, item.Waits = "it is "+canary+"'s", append(item.Waits, "netris/dc1/servercluster/"+canary+"-train/server/"+taken)
		item.Held = append(item.Held, plan.Hold{By: "isolation", Why: taken + " is " + canary + "'s", Until: canary + " gives it up"})
		item.Consent = &plan.Consent{Approval: canary + "-1", By: canary + "@example.com"}
		item.Fields = append(item.Fields, plan.Field{Name: "labels", Old: canary, New: "acme", Who: []state.Writer{{Name: canary}}, Origin: state.Origin{Entity: "tenant/" + canary, Field: canary}})
	}
	number := func(name string) []report.Network {
		return []report.Network{{Name: name, Target: "netris/dc1", VLAN: theirs, VXLAN: theirs, Partitions: []state.Partition{{Fabric: canary, Number: canary}}}}
	}
	r.Networks = []report.Networks{r.Networks[0], // of acme's segment
		{Entity: "segment/" + canary + "-train", Tenant: canary, Networks: number(report.NetworkNorthSouth)},
		{Entity: "site/dc1", Networks: number(report.NetworkVNet + canary)}}
	r.Items = append(r.Items,
		report.Item{Address: "netris/dc1/servercluster/" + canary + "-train/server/" + taken, Entity: "pool/" + canary + "/train/h100", Status: plan.Held, Action: plan.Delete},
		report.Item{Address: "netris/dc1/servercluster/" + canary + "-old/server/" + taken, Status: plan.Orphaned},
	)
	slices.SortFunc(r.Items, func(a, b report.Item) int { return strings.Compare(a.Address, b.Address) })
	for _, target := range []string{"kubernetes/" + canary + ".train", "kubernetes/acme.train", "netris/dc1"} {
		r.Unreachable = append(r.Unreachable, report.Unreachable{Target: target, Why: "asked for " + canary})
	}
	store := &Store{}
	store.SetFloor(f)
	store.SetReport(r)
	store.SetPast(sharedPast(taken))
	store.SetRuns(sharedRuns(taken, rename.Replace(others(f))))
	return store
}

// sharedPast is a history in which the canary did everything, a machine of acme's had before included.
func sharedPast(taken string) *Past {
	invalid := &Commit{Hash: refused, Subject: canary, Invalid: canary, Authors: []string{canary}, Tenants: []string{""}}
	alone := func(tenants ...string) *Commit {
		return &Commit{Hash: head, Subject: "For " + canary, Time: noon, Authors: []string{canary}, MergedBy: canary, ApprovedBy: []string{canary}, Tickets: []string{canary}, Tenants: tenants}
	}
	own := &Commit{Hash: head, Subject: "After " + canary + " left", Time: noon, Authors: []string{"reader@example.com"}, Tenants: []string{"acme"}}
	of := func(path string) FieldChange { return FieldChange{path, `"` + canary + `"`, `"` + canary + `"`} }
	given := FieldChange{"tenant", `"` + canary + `"`, `"acme"`}
	return &Past{Head: head, Events: []Event{
		{Commit: own, With: []*Commit{invalid}, Entity: "tenant/acme", Change: "changed", Tenants: []string{"acme"}, Fields: []FieldChange{{"gpus", "8", "16"}}},
		{Commit: invalid, Change: "invalid"},
		{Commit: alone("acme", canary), Entity: "machine/" + taken, Change: "changed", Tenants: []string{"acme", canary}, Fields: []FieldChange{of(canary), given, {"pool", `"pool/` + canary + `/train/h100"`, `"pool/acme/train/h100"`}}},
		{Commit: alone("acme", ""), Entity: "segment/acme-train", Change: "changed", Tenants: []string{"acme", canary}, Fields: []FieldChange{of("peers." + canary), given}},
		{Commit: alone("", "acme"), Entity: "site/dc1", Change: "changed", Fields: []FieldChange{of("description")}},
		{Commit: alone(canary), Entity: "tenant/" + canary, Change: "removed", Tenants: []string{canary}, Fields: []FieldChange{of("displayName")}},
	}}
}

// others is a machine of the canary's.
func others(f *Floor) (name string) {
	for _, m := range f.Machines {
		if m.Tenant == canary {
			name = m.Name
		}
	}
	return name
}

// sharedRuns are runs in which much was done for the canary, beside a little for acme.
func sharedRuns(taken, others string) *Runs {
	values := []DeedField{{FieldChange: FieldChange{"labels", `"` + canary + `"`, `"acme"`}, Who: []state.Writer{{Name: canary}}}}
	named := []DeedField{{FieldChange: FieldChange{"peers." + canary, `"` + canary + `"`, `"` + canary + `"`}}}
	leave := &Leave{Approval: canary + "-1", Window: canary, By: canary + "@example.com", Commit: head}
	deed := func(kind, entity, address, result string, fields []DeedField) Deed {
		d := Deed{Kind: kind, Entity: entity, Address: address, What: "update", Result: result, Fields: fields, Time: noon}
		if result != "" {
			d.Leave, d.Error = leave, "refused for "+canary
		}
		return d
	}
	all := []Deed{
		deed(DeedChange, "tenant/acme", "kubernetes/control-plane/Project.management.loft.sh/acme", "failed", values),
		deed(DeedChange, "machine/"+taken, "redfish/"+taken+"/ntp", "done", named),
		deed(DeedChange, "segment/acme-train", "netris/dc1/vpc/acme-train", "done", named),
		deed(DeedChange, "machine/"+others, "redfish/"+others+"/ntp", "done", nil),
		deed(DeedChange, "pool/acme/train/h100", "netris/dc1/servercluster/acme-train/server/"+others, "done", nil),
		deed(DeedChange, "tenant/"+canary, "kubernetes/control-plane/Project.management.loft.sh/"+canary, "done", values),
		deed(DeedChange, "site/dc1", "netris/dc1/site/"+canary, "done", values),
		deed(DeedDrift, "cluster/acme/train", "kubernetes/acme.train/Namespace/training", "", values),
		deed(DeedBinding, "machine/"+taken, "machine/"+taken, "", []DeedField{{FieldChange: FieldChange{"consumer", `"` + canary + `/x"`, `"` + canary + `/y"`}}}),
		deed(DeedBinding, "machine/"+others, "machine/"+others, "", nil),
	}
	run := func(id string, number int, commit string, deeds ...Deed) Run {
		return Run{ID: id, Number: number, By: "agent " + canary, Commit: commit, Subject: "For " + canary, Began: noon.Add(-time.Hour), Ended: noon, Deeds: deeds}
	}
	return &Runs{Error: "at " + canary, List: []Run{
		run(runOfAll, 4711, head, all...),
		run(canary+"-run", 4710, head, all[3], all[5], all[6]),
		// Nothing is known of whose the machine was when that commit was in force.
		run(canary+"-before", 4709, "0000000000000000000000000000000000000000", all[1]),
	}}
}

// proxied is a dashboard behind a proxy.
func proxied(t *testing.T, store *Store) *Dashboard {
	return served(t, store, func(o *Options) {
		o.Access = Proxy{Trusted: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, User: "X-User", Groups: "X-Groups", Viewers: []string{"ops"}, Metrics: []netip.Prefix{netip.MustParsePrefix("10.2.0.1/32")}}
	})
}

// by asks as somebody of these groups.
func by(groups string) func(*http.Request) {
	return func(r *http.Request) {
		r.RemoteAddr = "10.1.2.3:40000"
		r.Header.Set("X-User", "reader@example.com")
		r.Header.Set("X-Groups", groups)
	}
}

// TestATenantSeesNothingOfOthers asks for every route as a reader of acme: no page, no answer of the API
// and no header may hold the canary, and what is acme's must be there.
func TestATenantSeesNothingOfOthers(t *testing.T) {
	store := shared(t)
	tenantSeesNothingOfOthers(t, proxied(t, store), by)
}

// tenantSeesNothingOfOthers is that for a dashboard at which by asks as somebody of a group.
func tenantSeesNothingOfOthers(t *testing.T, d *Dashboard, by func(group string) func(*http.Request)) {
	t.Helper()
	others, taken := others(&d.Store.Snapshot(Scope{All: true}).Floor), ""
	for _, m := range d.Store.Snapshot(Scope{All: true}).Machines {
		if m.Tenant == "acme" {
			taken = m.Name
		}
	}
	require.Contains(t, get(t, d, "/machines/"+taken, by("ops")).Body.String(), "still ", "the other tenant has not given it back")
	paths := slices.Clone(everyPage)
	for _, e := range endpoints() {
		paths = append(paths, strings.NewReplacer("{machine}", "gpu-0008", "{run}", runOfAll, "{address...}", "redfish/gpu-0008/ntp").Replace(e.pattern))
	}
	paths = append(paths, "/search?q=can", "/search?q=999", "/segments?q=999", "/api/v1/segments?q=999", "/search?q="+others, "/machines?tenant=can", "/segments/acme-train", "/attention?sort=address", "/plan?sort=-since",
		"/o/kubernetes/control-plane/Project.management.loft.sh/acme", "/api/v1/objects/kubernetes/control-plane/Project.management.loft.sh/acme", "/api/v1/openapi.json",
		"/history.csv", "/history?tenant=acme", "/history?address=segment%2Facme-train", "/api/v1/history?by=can",
		"/machines/"+taken, "/api/v1/machines/"+taken, aRun, "/runs?tenant="+"can", "/runs?result=done", "/api/v1/runs?result=failed")
	for _, path := range paths {
		w := get(t, d, path, by("acme-admins"))
		require.Equal(t, http.StatusOK, w.Code, path)
		require.NotContains(t, w.Body.String(), canary, path)
		require.NotContains(t, w.Body.String(), strconv.Itoa(theirs), path)
		if !strings.HasPrefix(path, "/search?q="+others) {
			require.NotContains(t, w.Body.String(), others, path)
		}
		require.Contains(t, get(t, d, "/tenants", by("ops")).Body.String(), canary, "without the scope it is there")
	}
	for _, path := range []string{"/segments", "/segments/acme-train", "/tenants/acme", "/api/v1/segments", "/api/v1/report"} {
		require.Contains(t, get(t, d, path, by("acme-admins")).Body.String(), "3021", "%s has the number of its own network", path)
	}
	for _, path := range []string{"/segments", "/segments/" + canary + "-train", "/tenants/" + canary, "/api/v1/segments", "/api/v1/report"} {
		require.Contains(t, get(t, d, path, by("ops")).Body.String(), strconv.Itoa(theirs), path)
	}
	require.Contains(t, get(t, d, "/search?q="+strconv.Itoa(theirs), by("ops")).Body.String(), canary+"-train", "and others find whose it is")
	require.Contains(t, get(t, d, "/tenants", by("acme-admins")).Body.String(), "acme")
	require.Contains(t, get(t, d, "/api/v1/items", by("acme-admins")).Body.String(), "redfish/gpu-0008/ntp")
	for _, path := range []string{"/tenants/" + canary, "/segments/" + canary + "-train", "/stacks/" + canary, "/pools/" + canary + "/train/h100", "/machines/" + others, "/api/v1/machines/" + others,
		"/o/redfish/" + others + "/ntp", "/api/v1/objects/redfish/" + others + "/ntp", "/o/netris/dc1/vpc/" + canary + "-train"} {
		mine, none := get(t, d, path, by("acme-admins")), get(t, d, "/tenants/nobody", by("acme-admins"))
		require.Equal(t, http.StatusNotFound, mine.Code, path)
		require.Equal(t, http.StatusOK, get(t, d, path, by("ops")).Code, "%s is there for others", path)
		if !strings.HasPrefix(path, "/api") {
			_, says, _ := strings.Cut(mine.Body.String(), "<main")
			_, none, _ := strings.Cut(none.Body.String(), "<main")
			require.Equal(t, none, says, "%s: it must not show that there is such a thing", path)
		}
	}
	for name, there := range map[string]int{runOfAll: http.StatusOK, "4711": http.StatusNotFound, "4710": http.StatusNotFound, canary + "-run": http.StatusNotFound, canary + "-before": http.StatusNotFound} {
		require.Equal(t, there, get(t, d, "/runs/"+name, by("acme-admins")).Code, name)
		require.Equal(t, http.StatusOK, get(t, d, "/api/v1/runs/"+name, by("ops")).Code, name)
	}
	require.Equal(t, http.StatusForbidden, get(t, d, "/metrics", by("acme-admins")).Code)
	require.NotContains(t, get(t, d, "/metrics", by("ops")).Body.String(), canary, "metrics name no tenant")
}

// TestAccess protects who is let in, and who is believed.
func TestAccess(t *testing.T) {
	d := proxied(t, shared(t))
	from := func(address string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = address } }
	for _, c := range []struct {
		what   string
		change []func(*http.Request)
		path   string
		want   int
	}{
		{"whoever does not come through the proxy", []func(*http.Request){by("ops"), from("10.3.0.1:1")}, "/", 403},
		{"this machine is no proxy either", []func(*http.Request){by("ops"), from("127.0.0.1:1")}, "/", 403},
		{"an address that only looks like it", []func(*http.Request){by("ops"), from("[::ffff:10.1.2.3]:1")}, "/", 200},
		{"nobody", []func(*http.Request){by("ops"), func(r *http.Request) { r.Header.Del("X-User") }}, "/", 403},
		{"two at once", []func(*http.Request){by("ops"), func(r *http.Request) { r.Header.Add("X-User", "other") }}, "/", 403},
		{"a group that nothing is known of", []func(*http.Request){by("strangers")}, "/api/v1/summary", 403},
		{"one of several groups", []func(*http.Request){by("strangers, ops")}, "/", 200},
		{"metrics for the scraper", []func(*http.Request){from("10.2.0.1:1")}, "/metrics", 200},
		{"metrics for others", []func(*http.Request){from("10.2.0.2:1")}, "/metrics", 403},
		{"a page for the scraper", []func(*http.Request){from("10.2.0.1:1")}, "/", 403},
		{"the kubelet", []func(*http.Request){from("10.9.0.1:1")}, "/healthz", 200},
		{"a stream without login", []func(*http.Request){from("10.9.0.1:1")}, "/events", 403},
	} {
		require.Equal(t, c.want, get(t, d, c.path, c.change...).Code, c.what)
	}
	wide := served(t, shared(t), func(o *Options) {
		p := d.Access.(Proxy)
		p.Metrics = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} // the proxy lies in it, too
		o.Access = p
	})
	require.Equal(t, 403, get(t, wide, "/metrics", by("acme-admins")).Code, "whoever comes through the proxy is not the scraper")
	require.Equal(t, 403, get(t, wide, "/metrics", by("strangers")).Code)
	require.Equal(t, 200, get(t, wide, "/metrics", by("ops")).Code)
	require.Equal(t, 200, get(t, wide, "/metrics", from("10.2.0.1:1")).Code)
	for _, header := range []string{"X-Forwarded-For", "Forwarded"} {
		require.Equal(t, 403, get(t, wide, "/metrics", from("10.2.0.1:1"), func(r *http.Request) { r.Header.Set(header, "198.51.100.7") }).Code, "another proxy asks for somebody")
	}
	local := served(t, filled(t, 16))
	require.Equal(t, 200, get(t, local, "/").Code)
	require.Equal(t, 403, get(t, local, "/", from("192.0.2.1:1")).Code)
	require.Equal(t, 403, get(t, local, "/", func(r *http.Request) { r.Host = "attacker.example.com" }).Code, "a browser that was led here by another page's name")
	require.Equal(t, 200, get(t, local, "/", func(r *http.Request) { r.Host = "localhost:8080" }).Code)
}
