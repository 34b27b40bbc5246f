package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet/fleettest"
)

const example = "../../fleet-example"

func loadExample(t *testing.T) *Fleet {
	t.Helper()
	f, list := Load(t.Context(), os.DirFS(example), Options{Worker: worker})
	require.Empty(t, list)
	return f
}

func mapFS(files fleettest.Files) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// The example is what people begin with: it must be correct, and big enough to show something.
func TestExample(t *testing.T) {
	f := loadExample(t)
	classes, racks := map[string]int{}, map[string]bool{}
	for _, m := range f.Machines {
		classes[m.Class]++
		racks[m.Rack] = true
	}
	require.Equal(t, map[string]int{"h100-8x": 10, "l40s-4x": 6, "control-1u": 3}, classes)
	require.Len(t, racks, 2)
	require.Len(t, f.Pools(), 3)
	require.Equal(t, []string{"gpu-001", "gpu-002", "gpu-006", "gpu-007"}, f.Members("acme", "train"))

	pool, ok := f.PoolOf("gpu-006")
	require.True(t, ok)
	require.Equal(t, "acme.train.h100", pool.Label())
	require.Equal(t, "acme-train-h100", pool.NodeType())
	require.Equal(t, "ubuntu-noble-gpu", f.ImageOf(pool))
	require.Equal(t, "10.20.1.1/24", f.Segments["acme-train"].GatewayCIDR())
	require.Equal(t, "ufm-dc1", f.UFM(f.Segments["acme-train"]))
	require.Empty(t, f.UFM(f.Segments["globex-serve"]))
	require.Equal(t, "dc1", f.SiteOf(f.Tenants["globex"].Clusters["serve"]).Name)
	require.Len(t, f.NTP(f.Machines["cp-001"]), 2)
	require.Equal(t, diag.Pos{File: "tenants/acme/acme.cue", Line: 5, Column: 9}, f.Tenants["acme"].Pos)
	require.Equal(t, map[string]any{"gpus": int64(32), "tier": "batch"}, f.Stacks["training"].Components["limits"].Values)

	bmc := f.Machines["gpu-001"].BMC
	require.Equal(t, []string{"https://10.10.0.11", "10.10.0.11", "/redfish/v1/Systems/1"}, []string{bmc.Endpoint(), bmc.Host(), bmc.SystemPath()})
}

func TestBMCAddresses(t *testing.T) {
	for address, want := range map[string][3]string{
		"redfish://bmc1.example.com/redfish/v1/Systems/1":           {"https://bmc1.example.com", "bmc1.example.com", "/redfish/v1/Systems/1"},
		"redfish+http://10.0.0.1:8000/redfish/v1/Systems/a":         {"http://10.0.0.1:8000", "10.0.0.1", "/redfish/v1/Systems/a"},
		"redfish+https://[fd00::1]/redfish/v1/Systems/1":            {"https://[fd00::1]", "fd00::1", "/redfish/v1/Systems/1"},
		"idrac-virtualmedia://[fd00::1]:444/redfish/v1/Systems/S.1": {"https://[fd00::1]:444", "fd00::1", "/redfish/v1/Systems/S.1"},
		"redfish://bmc1.example.com:8443/redfish/v1/Systems/1":      {"https://bmc1.example.com:8443", "bmc1.example.com", "/redfish/v1/Systems/1"},
	} {
		b := BMC{Address: address}
		require.Equal(t, want, [3]string{b.Endpoint(), b.Host(), b.SystemPath()}, address)
	}
}

// The Go types must know every field of the schema, or a value would be lost on the way: the example
// decodes strictly, and what it leaves out is compared by name here.
func TestTypesKnowTheSchema(t *testing.T) {
	types := map[string]reflect.Type{
		"class": reflect.TypeFor[Class](), "image": reflect.TypeFor[Image](), "machine": reflect.TypeFor[Machine](),
		"segment": reflect.TypeFor[Segment](), "site": reflect.TypeFor[Site](), "stack": reflect.TypeFor[Stack](),
		"tenant": reflect.TypeFor[Tenant](), "platform": reflect.TypeFor[Platform](), "profile": reflect.TypeFor[Profile](), "approval": reflect.TypeFor[Approval](), "policy": reflect.TypeFor[Policy](),
	}
	for _, k := range kinds {
		if k.name == "allocation" {
			continue // a map to its last level
		}
		path := []string{k.name}
		if k.many {
			path = append(path, "a")
		}
		compareFields(t, path, types[k.name])
	}
}

func compareFields(t *testing.T, path []string, typ reflect.Type) {
	t.Helper()
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch typ.Kind() {
	case reflect.Map:
		compareFields(t, append(slices.Clone(path), "a"), typ.Elem())
		return
	case reflect.Slice:
		compareFields(t, append(slices.Clone(path), "0"), typ.Elem())
		return
	case reflect.Struct:
	default:
		return
	}
	names := allowed(path).names
	var have []string
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Name == "Meta" {
			continue
		}
		have = append(have, name)
		compareFields(t, append(slices.Clone(path), name), f.Type)
	}
	slices.Sort(have)
	require.Equal(t, names, have, "fields of %s", strings.Join(path, "."))
}

// The order of files, directories and goroutines must not matter, nor where the compiler runs.
func TestSameFleetHoweverLoaded(t *testing.T) {
	want := loadExample(t)
	for _, opts := range []Options{{}, {Workers: 1}, {Worker: worker, Workers: 4}} {
		got, list := Load(t.Context(), os.DirFS(example), opts)
		require.Empty(t, list)
		require.Equal(t, asJSON(t, want), asJSON(t, got))
		require.Empty(t, cmp.Diff(want, got, cmpopts.IgnoreUnexported(Fleet{})))
	}
}

func asJSON(t *testing.T, f *Fleet) string {
	t.Helper()
	b, err := json.Marshal(f)
	require.NoError(t, err)
	return string(b)
}

// A generated fleet is correct, so that what benchmarks measure is the good case.
func TestGeneratedFleet(t *testing.T) {
	f, list := Load(t.Context(), mapFS(fleettest.Generate(fleettest.Size{Machines: 160, Tenants: 3})), Options{Worker: worker})
	require.Empty(t, list)
	require.Len(t, f.Machines, 160)
	require.Len(t, f.Pools(), 15)
	for _, p := range f.Pools() {
		require.NotEmpty(t, p.Machines, p.Address())
	}
}

// counter counts which directories were compiled.
type counter struct {
	mu   sync.Mutex
	dirs []string
}

func (c *counter) add(dir string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dirs = append(c.dirs, dir)
}

func (c *counter) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.dirs
	slices.Sort(out)
	c.dirs = nil
	return out
}

// A change compiles what depends on it and nothing else: in memory, and over the disk.
func TestCache(t *testing.T) {
	files := fleettest.Generate(fleettest.Size{Machines: 24, Tenants: 1})
	files["machines/shared.cue"] = "package machines\n\n_row: \"1\"\n"
	files["lib/lib.cue"] = "package lib\n\n#Serial: \"X\"\n"
	files["more/m.cue"] = "package more\n\nimport \"fleet.example.com/lib\"\n\n_serial: lib.#Serial\n"
	var compiled counter
	dir := t.TempDir()
	opts := Options{Worker: worker, CacheDir: dir, Compiled: compiled.add}
	l := NewLoader(opts)
	defer l.Close()
	load := func(l *Loader) *Fleet {
		f, list := l.Load(t.Context(), mapFS(files))
		require.Empty(t, list)
		return f
	}
	load(l)
	all := compiled.take()
	require.Contains(t, all, "machines/rack-0001")

	first := load(l)
	require.Empty(t, compiled.take(), "nothing changed")

	files[fleettest.RackFile(1)] = strings.Replace(files[fleettest.RackFile(1)], "SN00000009", "SN7", 1)
	changed := load(l)
	require.Equal(t, []string{"machines/rack-0001"}, compiled.take())
	require.Equal(t, "SN7", changed.Machines[fleettest.MachineName(9)].Serial)
	require.Equal(t, "SN00000009", first.Machines[fleettest.MachineName(9)].Serial, "an older fleet stays as it was")

	files["machines/shared.cue"] += "_row2: \"2\"\n"
	load(l)
	require.Equal(t, []string{"machines", "machines/rack-0000", "machines/rack-0001", "machines/rack-0002"}, compiled.take(), "a shared file is part of all below it")

	files["lib/lib.cue"] += "#More: 1\n"
	load(l)
	require.Equal(t, []string{"lib", "more"}, compiled.take(), "an imported package is part of what imports it")

	again := NewLoader(opts)
	defer again.Close()
	warm := load(again)
	require.Empty(t, compiled.take(), "another process finds the results on disk")
	require.Equal(t, asJSON(t, load(l)), asJSON(t, warm))

	// A damaged file is no cache, and no failure.
	pack := dir + "/fleet.pack"
	data, err := os.ReadFile(pack)
	require.NoError(t, err)
	data[len(data)/2] ^= 1
	require.NoError(t, os.WriteFile(pack, data, 0o600))
	damaged := NewLoader(opts)
	defer damaged.Close()
	load(damaged)
	require.NotEmpty(t, compiled.take())
}

// What was not used for some loads is forgotten, or an agent would grow for ever.
func TestCacheForgets(t *testing.T) {
	files := fleettest.Generate(fleettest.Size{Machines: 8, Tenants: 1})
	l := NewLoader(Options{})
	defer l.Close()
	for i := range 12 {
		files[fleettest.RackFile(0)] += fmt.Sprintf("_n%d: %d\n", i, i)
		_, list := l.Load(t.Context(), mapFS(files))
		require.Empty(t, list)
	}
	const unchanged = 4 // common, allocation, segments, tenant
	require.Len(t, l.cache.items, unchanged+keptRounds)
}

// Processes that come one after the other, each with a change: what one compiled is written without all the rest, the
// next finds it, and what nobody uses any more is forgotten on disk too.
func TestCacheOfManyProcesses(t *testing.T) {
	files := fleettest.Generate(fleettest.Size{Machines: 200, Tenants: 1})
	var compiled counter
	opts := Options{Worker: worker, CacheDir: t.TempDir(), Compiled: compiled.add}
	process := func() *cache {
		l := NewLoader(opts)
		defer l.Close()
		_, list := l.Load(t.Context(), mapFS(files))
		require.Empty(t, list)
		return l.cache
	}
	process()
	compiled.take()
	large := func() string {
		data, err := os.ReadFile(opts.CacheDir + "/fleet.pack")
		require.NoError(t, err)
		return string(data)
	}
	first, writes, most := large(), 0, 0
	before := first
	for i := range 60 {
		files[fleettest.RackFile(0)] += fmt.Sprintf("_n%d: %d\n", i, i)
		process()
		require.Equal(t, []string{"machines/rack-0000"}, compiled.take())
		c := process()
		require.Empty(t, compiled.take(), "the process after it does not find what it compiled")
		most = max(most, len(c.items))
		if now := large(); now != before {
			before, writes = now, writes+1
		}
		if i == 0 {
			require.Equal(t, first, before, "one change writes all that there is")
		}
	}
	require.Greater(t, writes, 2*keptWrites, "the files were not tried for long enough")
	require.Less(t, most, 60, "what nobody uses stays for ever")
}

// A load that is cut short ends soon and leaves no worker behind (goleak looks for their goroutines).
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := NewLoader(Options{Worker: worker, Compiled: func(string) { cancel() }})
	defer l.Close()
	f, list := l.Load(ctx, os.DirFS(example))
	require.Nil(t, f)
	require.Error(t, list.Err())
	require.Contains(t, list.Error(), "context canceled")
}

// After Close a fleet still says where its values come from.
func TestLocateAfterClose(t *testing.T) {
	f := loadExample(t)
	places, err := f.Locate(t.Context(), "machine/gpu-001", "unit")
	require.NoError(t, err)
	require.Equal(t, "machines/rack-a1/h100.cue:6:2", places[0].Pos.String())
}
