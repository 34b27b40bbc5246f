package fleet

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/diag"
)

// leaves lists the paths of all leaves of a JSON value, empty lists and structs among them.
func leaves(v any, path string, emit func(string)) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range All(v) {
			leaves(x, strings.TrimPrefix(path+"."+joinPath(k), "."), emit)
		}
		if len(v) > 0 {
			return
		}
	case []any:
		for i, x := range v {
			leaves(x, fmt.Sprintf("%s[%d]", path, i), emit)
		}
		if len(v) > 0 {
			return
		}
	}
	emit(path)
}

// entities are a fleet's entities by address.
func entities(f *Fleet) map[string]any {
	out := map[string]any{"platform": f.Platform, "policy": f.Policy, "allocation": f.Allocation}
	for n, x := range f.Sites {
		out["site/"+n] = x
	}
	for n, x := range f.Classes {
		out["class/"+n] = x
	}
	for n, x := range f.Images {
		out["image/"+n] = x
	}
	for n, x := range f.Machines {
		out["machine/"+n] = x
	}
	for n, x := range f.Segments {
		out["segment/"+n] = x
	}
	for n, x := range f.Stacks {
		out["stack/"+n] = x
	}
	for n, x := range f.Approvals {
		out["approval/"+n] = x
	}
	for n, x := range f.Profiles {
		out["profile/"+n] = x
	}
	for n, x := range f.Tenants {
		out["tenant/"+n] = x
	}
	return out
}

// "why" must have an answer for every value: a line that the author wrote, or the schema's default.
func TestLocateEveryLeaf(t *testing.T) {
	f := loadExample(t)
	require.Len(t, f.Entities(), len(entities(f)))
	var ask []Query
	for e, v := range All(entities(f)) {
		require.True(t, f.PosOf(e).Line > 0 && !f.PosOf(e).IsBuiltIn(), "%s has no position", e)
		data, err := json.Marshal(v)
		require.NoError(t, err)
		var tree any
		require.NoError(t, json.Unmarshal(data, &tree))
		leaves(tree, "", func(path string) { ask = append(ask, Query{e, path}) })
	}
	require.Greater(t, len(ask), 700)
	answers, err := f.LocateAll(t.Context(), ask)
	require.NoError(t, err)
	files := map[string]int{} // lines by file
	for i, places := range answers {
		require.NotEmpty(t, places, "%s has no place", ask[i])
		user := false
		for _, p := range places {
			require.Positive(t, p.Pos.Line, "%s: %v", ask[i], places)
			require.Equal(t, p.Pos.IsBuiltIn(), p.Schema)
			user = user || !p.Schema
			if _, ok := files[p.Pos.File]; !ok && !p.Schema {
				data, err := os.ReadFile(example + "/" + p.Pos.File)
				require.NoError(t, err)
				files[p.Pos.File] = strings.Count(string(data), "\n")
			}
			if !p.Schema {
				require.LessOrEqual(t, p.Pos.Line, files[p.Pos.File])
			}
		}
		require.Equal(t, !user, places[0].Default, "%s: %v", ask[i], places)
	}
}

// The answers are the ones a reader would give.
func TestLocate(t *testing.T) {
	f := loadExample(t)
	first := func(entity, path string) diag.Pos {
		places, err := f.Locate(t.Context(), entity, path)
		require.NoError(t, err)
		require.NotEmpty(t, places)
		return places[0].Pos
	}
	line := func(p diag.Pos) string {
		name := example + "/" + p.File
		if file, ok := strings.CutPrefix(p.File, diag.BuiltIn); ok {
			name = "../../schema/" + file
		}
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		return strings.TrimSpace(strings.Split(string(data), "\n")[p.Line-1])
	}
	for _, c := range []struct{ entity, path, want string }{
		{"machine/gpu-001", "bmc.address", `bmc: address: "redfish-virtualmedia+https://10.10.0.11/redfish/v1/Systems/1"`},
		{"machine/gpu-001", "rack", `machine: [string]: rack: "a1"`},
		{"machine/gpu-001", "lifecycle", `lifecycle: *"in-service" | "maintenance" | "spare" | "quarantine" | "rma" | "retired"`},
		{"machine/gpu-001", "nics[1].mac", `{name: "eth1", role: "north-south", mac: "5c:ff:35:\(_port):01"},`},
		{"tenant/acme", "cluster.train.pool.h100.count", "count:  4"},
		{"tenant/acme", "cluster.train.pool.h100", "pool: h100: {"},
		{"class/h100-8x", `resources."nvidia.com/gpu"`, `gpus: {model: "H100-SXM5-80GB", count: 8}`}, // it is counted from there
		{"class/h100-8x", "resources.memory", "memory: 2048"},
		{"class/h100-8x", "cost", "cost:   100000"},
		{"policy", `drift."redfish/ntp"`, `"redfish/ntp":          "correct"`},
		{"allocation", "acme.train.h100[1]", `"gpu-006",`},
		{"platform", "", "platform: fleet.#Platform & {"},
		{"tenant/acme", "observeOnly.reason", "tenant: acme: fleet.#Tenant & {"}, // nobody set it: what would hold it
	} {
		require.Contains(t, line(first(c.entity, c.path)), c.want, "%s %s", c.entity, c.path)
	}

	// What a template puts into a text was written elsewhere: both places are told.
	places, err := f.Locate(t.Context(), "machine/gpu-001", "nics[0].mac")
	require.NoError(t, err)
	var all []string
	for _, p := range places {
		all = append(all, line(p.Pos))
	}
	require.Contains(t, all, `_port:  "01:01"`)

	_, err = f.Locate(t.Context(), "machine/nobody", "rack")
	require.EqualError(t, err, "locating machine/nobody: the fleet has no such entity")
	_, err = (&Fleet{}).Locate(t.Context(), "machine/gpu-001", "rack")
	require.ErrorContains(t, err, "was not loaded from files")
}

func TestPaths(t *testing.T) {
	for path, want := range map[string][]string{
		"":                                nil,
		"a":                               {"a"},
		"a.b[10].c":                       {"a", "b", "10", "c"},
		`labels."example.com/tier"`:       {"labels", "example.com/tier"},
		`a."b.c"[0]`:                      {"a", "b.c", "0"},
		"cluster.my-name.pool.h100.count": {"cluster", "my-name", "pool", "h100", "count"},
	} {
		require.Equal(t, want, splitPath(path), path)
	}
	require.Equal(t, `a."b.c"[0].d`, joinPath("a", "b.c", "[0]", "d"))
}
