package render_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/fleet/fleettest"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
)

// commit is a file system that knows what stands where, as that of a commit does.
type commit struct{ fstest.MapFS }

func (c commit) Identity(name string) (string, error) {
	info, err := fs.Stat(c, name)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	if !info.IsDir() {
		sum.Write(c.MapFS[name].Data)
		return fmt.Sprintf("file %x", sum.Sum(nil)), nil
	}
	entries, err := fs.ReadDir(c, name)
	for _, e := range entries {
		id, _ := c.Identity(strings.TrimPrefix(name+"/"+e.Name(), "./"))
		fmt.Fprintf(sum, "%s %s\n", e.Name(), id)
	}
	return fmt.Sprintf("directory %x", sum.Sum(nil)), err
}

// edits are changes that a fleet may go through, in any order and as often as one likes.
var edits = []struct{ file, old, new string }{
	{`machines/.*`, `serial: "SN`, `serial: "SX`},
	{`machines/.*`, `serial: "SX`, `serial: "SN`},
	{`machines/.*`, `unit: 1\n`, "unit: 1\n\tlifecycle: \"maintenance\"\n"},
	{`machines/.*`, `\tlifecycle: "maintenance"\n`, ""},
	{`machines/.*`, `unit: 6\n`, "unit: 6\n\tlifecycle: \"rma\"\n"},
	{`machines/.*`, `\tlifecycle: "rma"\n`, ""},
	{`machines/.*`, `"example.com/row": "0"`, `"example.com/row": "1"`},
	{`machines/.*`, `"example.com/row": "1"`, `"example.com/row": "0"`},
	{`tenants/.*`, `\tdisplayName: "Tenant`, "\tretired: true\n\tdisplayName: \"Tenant"},
	{`tenants/.*`, `\tretired: true\n`, ""},
	{`tenants/.*`, `v1\.35\.2`, "v1.35.3"},
	{`tenants/.*`, `v1\.35\.3`, "v1.35.2"},
	{`tenants/.*`, `\tdisplayName: "Tenant`, "\tobserveOnly: reason: \"until the hand-over\"\n\tdisplayName: \"Tenant"},
	{`tenants/.*`, `\tobserveOnly: .*\n`, ""},
	{`segments/.*`, `"eth0", "eth1"`, `"eth0"`},
	{`segments/.*`, `"eth0"\]`, `"eth0", "eth1"]`},
	{`allocation/.*`, `"gpu-00000", "gpu-00001"`, `"gpu-00001", "gpu-00000"`},
	{`allocation/.*`, `"gpu-00001", "gpu-00000"`, `"gpu-00000", "gpu-00001"`},
	{`common/.*`, `image: "ubuntu-noble-gpu"\n`, "image: \"ubuntu-noble-gpu\"\n\tcost: 7\n"},
	{`common/.*`, `\tcost: 7\n`, ""},
	{`common/.*`, `policy: fleet.#Policy\n`, "policy: fleet.#Policy & {observeOnly: \"redfish/ntp\": reason: \"until the hand-over\"}\n"},
	{`common/.*`, `policy: fleet.#Policy & .*\n`, "policy: fleet.#Policy\n"},
	{`stacks/.*`, `a: one`, "a: two"},
	{`stacks/.*`, `a: two`, "a: one"},
}

// Rendering again gives what rendering afresh gives, whatever changed in between: nothing stale is
// ever taken over. And it does take over what did not change, or it would be of no use.
func TestRenderingAgainIsRenderingAfresh(t *testing.T) {
	files := fstest.MapFS{}
	for name, text := range fleettest.Generate(fleettest.Size{Machines: 64, Tenants: 4}) {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	common := files["common/common.cue"]
	common.Data = []byte(strings.Replace(string(common.Data), "stack: base: fleet.#Stack & {", "stack: base: fleet.#Stack & {\n\tcomponent: a: {type: \"kustomize\", path: \"stacks/a\"}", 1))
	files["stacks/a/kustomization.yaml"] = &fstest.MapFile{Data: []byte("resources: [a.yaml]\n")}
	files["stacks/a/a.yaml"] = &fstest.MapFile{Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: one}\n")}

	loader := fleet.NewLoader(fleet.Options{})
	defer loader.Close()
	var again render.Renderer
	random := rand.New(rand.NewPCG(7, 7))
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range files {
			if !yield(name) {
				return
			}
		}
	})
	var last string
	var before struct {
		fleet *fleet.Fleet
		set   state.Set
		in    render.Inputs
	}
	changed, left := 0, 0
	for range 150 {
		e := edits[random.IntN(len(edits))]
		candidates := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !regexp.MustCompile("^" + e.file + "$").MatchString(n) })
		name := candidates[random.IntN(len(candidates))]
		was := files[name]
		text := regexp.MustCompile(e.old).ReplaceAllString(string(was.Data), e.new)
		files[name] = &fstest.MapFile{Data: []byte(text)}

		f, found := loader.Load(t.Context(), commit{files})
		if found.Err() != nil { // a machine is away that a pool has
			files[name] = was
			continue
		}
		got, found := again.Render(t.Context(), f, render.Inputs{FS: commit{files}})
		require.NoError(t, found.Err())
		want := dump(mustRender(t, f, render.Inputs{FS: files}))
		require.Equal(t, want, dump(got), "after %s: %s -> %s", name, e.old, e.new)
		if want != last {
			changed++
		}
		last = want

		in := render.Inputs{FS: commit{maps.Clone(files)}}
		if before.fleet != nil {
			a, b, foundA, foundB := render.Differ(t.Context(), before.fleet, before.in, f, in)
			require.NoError(t, append(foundA, foundB...).Err())
			require.Equal(t, difference(before.set, got), difference(a, b), "after %s: %s -> %s", name, e.old, e.new)
			left += before.set.Len() - a.Len()
		}
		before.fleet, before.set, before.in = f, got, in
	}
	require.Greater(t, changed, 30, "the edits hardly change anything")
	require.Greater(t, left, 30*before.set.Len(), "the comparison renders nearly everything")
}

// difference is what two sets do not have in common.
func difference(a, b state.Set) string {
	var text strings.Builder
	for _, s := range []struct{ set, other state.Set }{{a, b}, {b, a}} {
		for o := range s.set.All() {
			if p, ok := s.other.Get(o.ID); !ok || !reflect.DeepEqual(o, p) {
				fmt.Fprintln(&text, o.ID, o.Entity, o.Mode, o.ObserveOnly, o.After, o.Tree.Digest())
			}
		}
		fmt.Fprintln(&text, "against")
	}
	return text.String()
}

// A peering goes with either of its tenants, although only one of them renders it.
func TestPeersAreRenderedAgain(t *testing.T) {
	var again render.Renderer
	joined := func(f *fleet.Fleet) bool {
		set, found := again.Render(t.Context(), f, render.Inputs{})
		require.Empty(t, found)
		require.Equal(t, dump(mustRender(t, f, render.Inputs{})), dump(set))
		for o := range set.All() {
			if o.ID.Kind == "vpc-peering" {
				return true
			}
		}
		return false
	}
	f := networked()
	require.True(t, joined(f))
	without := &fleet.Fleet{Platform: f.Platform, Policy: f.Policy, Sites: f.Sites, Classes: f.Classes, Images: f.Images, Machines: f.Machines,
		Segments: f.Segments, Stacks: f.Stacks, Tenants: maps.Clone(f.Tenants), Allocation: f.Allocation}
	leaving := *f.Tenants["globex"]
	leaving.Retired = true
	without.Tenants["globex"] = &leaving
	require.False(t, joined(without))
	require.True(t, joined(f))
}
