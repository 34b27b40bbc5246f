package policy

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

var may = time.Date(2026, 5, 12, 10, 0, 0, 0, time.FixedZone("", 2*60*60))

func id(t *testing.T, address string) state.ID {
	t.Helper()
	i, err := state.ParseID(address)
	require.NoError(t, err)
	return i
}

// full is a comparison with everything that a view shows, and the fleets that it is of.
func full(t *testing.T) (c blast.Comparison, base, head *fleet.Fleet) {
	t.Helper()
	base = &fleet.Fleet{
		Platform: &fleet.Platform{Mirror: &fleet.Mirror{Registry: "registry.example.com/mirror", Charts: "https://mirror.example.com/charts", Files: "https://mirror.example.com/files"}},
		Tenants:  map[string]*fleet.Tenant{"old": {Profile: "enterprise", Labels: map[string]string{"shrink-to-gpus": "0"}}},
		Machines: map[string]*fleet.Machine{"gpu-001": {Class: "h100", Site: "dc1", Rack: "a1"}, "gpu-002": {Class: "l40s", Site: "dc1", Rack: "a2"}},
	}
	head = &fleet.Fleet{
		Platform: &fleet.Platform{},
		Tenants:  map[string]*fleet.Tenant{"acme": {Profile: "ai-cloud", Retired: true, Labels: map[string]string{"shrink-to-gpus": "8"}}},
		Machines: map[string]*fleet.Machine{"gpu-001": {Class: "h100", Site: "dc1", Rack: "a3"}},
	}
	pod := func(image string) state.Tree {
		return state.FromPlain(map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"image": image}, map[string]any{"image": image}}, "chart": map[string]any{"repo": "https://mirror.example.com/charts/x"}}}, state.Origin{})
	}
	created := state.Object{ID: id(t, "kubernetes/acme.train/Pod/a/b"), Entity: "cluster/acme/train", Tree: pod("docker.io/library/nginx:1.27")}
	gone := id(t, "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-old/x")
	hold := plan.Hold{By: "retire-first", Why: "it vanished", Until: "it is back"}
	c = blast.Comparison{
		Base: blast.Revision{Name: "main", Commit: "4f1c2ab", Subject: "Before"}, Head: blast.Revision{Name: "HEAD", Commit: "9d02e71", Subject: "After"},
		Radius: blast.Radius{
			Tenants:  []blast.Tenant{{Name: "acme", Hosts: blast.Count{Was: 2, Is: 1}, GPUs: blast.Count{Was: 16, Is: 8}, Impact: kinds.Reboot}, {Name: "old", GPUs: blast.Count{Was: 4}, Impact: kinds.DataLoss}},
			Machines: []blast.Machine{{Name: "gpu-001", Was: "pool/acme/train/h100", Is: "pool/acme/train/h100", Tenants: []string{"acme"}, ControlPlane: true, Joins: true, Impact: kinds.Reboot}, {Name: "gpu-002", Was: "pool/old/x/l40s", Leaves: true, Impact: kinds.Reprovision}},
			Segments: []blast.Segment{{Name: "acme-train", Tenant: "acme", Joins: []string{"gpu-001"}, Leaves: []string{"gpu-002"}, Impact: kinds.Network}},
			Data:     []blast.Loss{{What: "machine/gpu-002", Entity: "machine/gpu-002", Why: "its disks are wiped"}, {What: gone.String(), Entity: "cluster/old/x", Why: "delete", Held: true}},
			Held:     []blast.Held{{What: gone.String(), Hold: hold}},
		},
		Entities: []blast.Entity{
			{Name: "tenant/acme", Change: blast.Changed, Objects: 1, Impact: kinds.Reboot, Pos: diag.Pos{File: "tenants/acme.cue", Line: 5, Column: 9}, Fields: []plan.Field{{Name: "displayName", Old: "A", New: "B"}, {Name: "count", Old: 1, New: 2}, {Name: "admins", New: []any{"x"}}}},
			{Name: "tenant/old", Change: blast.Removed, Pos: diag.Pos{File: "tenants/old.cue", Line: 3}},
		},
		Changes: []plan.Change{
			{ID: created.ID, Entity: created.Entity, Action: plan.Create, Want: &created, Fields: []plan.Field{{Name: "kind", New: "Pod"}}},
			{ID: id(t, "kubernetes/acme.train/Secret/ops/db"), Entity: "cluster/acme/train", Action: plan.Update, Fields: []plan.Field{{Name: "data.password", Old: "hunter2", New: "hunter3", Sensitive: true}, {Name: "type", Old: "a", New: "b"}}},
			{ID: gone, Entity: "cluster/old/x", Action: plan.Delete, Impact: kinds.DataLoss, Held: []plan.Hold{hold, hold}},
			{ID: id(t, "redfish/gpu-002/power"), Entity: "machine/gpu-002", Action: plan.Nothing},
			{ID: id(t, "netris/dc1/server/gpu-002"), Entity: "machine/gpu-002", Action: plan.Release},
		},
	}
	return c, base, head
}

// What rules are given is what the schema promises, field for field: it is a plan that a test could have written
// down, and every field that is documented is there.
func TestViewIsWhatTheSchemaSays(t *testing.T) {
	c, base, head := full(t)
	for name, v := range map[string]View{"full": ViewOf(c, base, head, may), "empty": ViewOf(blast.Comparison{}, &fleet.Fleet{}, &fleet.Fleet{}, may)} {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		require.NotContains(t, string(text), "hunter")
		require.NotContains(t, string(text), "null")
		fsys := fstest.MapFS{}
		for file, f := range starter(nil) {
			if !strings.HasPrefix(file, "policy/rules/") {
				fsys[file] = f
			}
		}
		fsys["policy/rules/a.cue"] = &fstest.MapFile{Data: []byte("package rules\n\nimport \"millwright.dev/fleet\"\n\n#plan: fleet.#Plan\n")}
		fsys["policy/rules/a_test.cue"] = &fstest.MapFile{Data: []byte("package rules\n\nimport \"millwright.dev/fleet\"\n\ntest: a: fleet.#RuleTest & {plan: " + string(text) + "}\n")}
		out, found := tried(t, fsys)
		require.Empty(t, found, name)
		require.Equal(t, 1, out.Tests)
	}
	fieldsOf(t, "test.plan", reflect.TypeFor[View]())
	require.Equal(t, "2026-05-12T08:00:00Z", ViewOf(c, base, head, may).Now)
}

// computed are the fields of a plan that the schema makes of others.
var computed = []string{"weekday", "hour", "reboots", "wipes"}

func fieldsOf(t *testing.T, path string, typ reflect.Type) {
	t.Helper()
	for typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return
	}
	f, err := fleet.Explain(path)
	require.NoError(t, err)
	var have []string
	for field := range typ.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		have = append(have, name)
		fieldsOf(t, path+"."+name, field.Type)
	}
	want := slices.DeleteFunc(slices.Clone(f.Fields), func(name string) bool { return slices.Contains(computed, name) })
	require.ElementsMatch(t, want, have, path)
}

// The view says whose labels, data and images are meant.
func TestViewOf(t *testing.T) {
	c, base, head := full(t)
	v := ViewOf(c, base, head, may)
	require.Equal(t, map[string]string{"shrink-to-gpus": "8"}, v.Tenants[0].Labels)
	require.True(t, v.Tenants[0].Retired)
	require.Empty(t, v.Tenants[1].Labels, "what is removed says nothing any more")
	require.True(t, v.Tenants[1].Removed)
	require.Equal(t, "enterprise", v.Tenants[1].Profile)
	require.Equal(t, []string{"a3", "a2"}, []string{v.Machines[0].Rack, v.Machines[1].Rack})
	require.Equal(t, []string{"old", "old"}, []string{v.Data[0].Tenant, v.Data[1].Tenant}, "a machine's data is of whom it served")
	require.Empty(t, v.Changes[0].Fields)
	require.Equal(t, []Field{{Path: "data.password", Sensitive: true}, {Path: "type", Old: "a", New: "b"}}, v.Changes[1].Fields)
	require.Equal(t, []string{"retire-first"}, v.Changes[2].Held)
	require.True(t, v.Mirror, "a mirror that is given up still counts")
	require.Equal(t, []Image{
		{"kubernetes/acme.train/Pod/a/b", "https://mirror.example.com/charts/x", "chart", true},
		{"kubernetes/acme.train/Pod/a/b", "docker.io/library/nginx:1.27", "container", false},
	}, v.Images)
	require.True(t, v.Complete)

	// Of what may be lost each is approved by what is for it, great enough, and counts.
	head.Approvals = map[string]*fleet.Approval{
		"machine": {For: []string{"machine/gpu-*"}, Impact: "reprovision"}, "small": {For: []string{"machine/gpu-002"}, Impact: "reboot"},
		"tenant": {For: []string{"tenant/old"}, Impact: "data-loss"}, "over": {For: []string{"tenant/old"}, Impact: "data-loss"},
	}
	c.Approvals.Given = []blast.Given{{Name: "machine"}, {Name: "over", Standing: "it has ended"}, {Name: "small"}, {Name: "tenant"}}
	v = ViewOf(c, base, head, may)
	require.Equal(t, []string{"machine"}, v.Data[0].Approvals)
	require.Equal(t, []string{"tenant"}, v.Data[1].Approvals)
	c.Incomplete = []string{"a chart"}
	require.False(t, ViewOf(c, base, head, may).Complete)
}

// Whatever the rules of the base deny stands, wherever the change's own rules would let it pass; each denial leads to
// the place that its address comes from.
func TestJudge(t *testing.T) {
	c, base, head := full(t)
	l := fleet.NewLoader(fleet.Options{Worker: worker})
	defer l.Close()
	rules := func(edit func(string) string) *fleet.Rules {
		r, found := l.Rules(t.Context(), starter(map[string]func(string) string{"policy/rules/rules.cue": edit}))
		require.Empty(t, found)
		return r
	}
	same := func(s string) string { return s }
	loose := func(s string) string { return strings.ReplaceAll(s, `"shrink-to-gpus"`, `"any"`) }
	none := func(string) string { return "package rules\n" }
	judge := func(base_, head_ *fleet.Rules) blast.Policy {
		p, err := Judge(t.Context(), c, ViewOf(c, base, head, may), base_, head_)
		require.NoError(t, err)
		return p
	}
	p := judge(rules(same), rules(same))
	require.False(t, p.Differ)
	require.Len(t, p.Rulings, 5)
	ruling := p.Rulings[slices.IndexFunc(p.Rulings, func(r blast.Ruling) bool { return r.Rule == "tenants-keep-their-gpus" })]
	require.Equal(t, []blast.Denied{{At: "tenant/old", Why: "it falls from 4 to 0 GPUs", Pos: diag.Pos{File: "tenants/old.cue", Line: 3}}}, ruling.Denied)
	ruling = p.Rulings[slices.IndexFunc(p.Rulings, func(r blast.Ruling) bool { return r.Rule == "mirrored-images" })]
	require.Equal(t, diag.Pos{File: "tenants/acme.cue", Line: 5, Column: 9}, ruling.Denied[0].Pos, "an object is written where its tenant is")

	p = judge(rules(same), rules(loose))
	require.True(t, p.Differ)
	require.Len(t, p.Rulings, 10)
	p = judge(rules(same), nil)
	require.True(t, p.Differ)
	require.Len(t, p.Rulings, 5)
	require.True(t, p.Blocked())
	require.Equal(t, blast.OfBase, p.Rulings[0].Of)
	p = judge(nil, rules(same))
	require.Equal(t, blast.OfHead, p.Rulings[0].Of)
	require.True(t, p.Blocked())
	p = judge(nil, rules(none))
	require.False(t, p.Differ)
	require.Empty(t, p.Rulings)
}
