package fleet

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// yard is a fleet of one tenant and cluster with the pools given as CUE, on machines given as
// "name rack [field: value...]", with an allocation given as CUE.
func yard(t *testing.T, pools, allocation string, machines ...string) *Fleet {
	t.Helper()
	fsys := fixture(t, &txtar.Archive{})
	delete(fsys, "machines/r1/machines.cue")
	delete(fsys, "machines/r2/machines.cue")
	delete(fsys, "tenants/globex/globex.cue")
	var b strings.Builder
	b.WriteString("package machines\n\nimport \"millwright.dev/fleet\"\n\n")
	for i, m := range machines {
		name, rest, _ := strings.Cut(m, " ")
		rack, more, _ := strings.Cut(rest, " ")
		fmt.Fprintf(&b, "machine: %q: fleet.#Machine & {site: \"dc1\", rack: %q, class: _ | *\"gpu\", bootMAC: \"5c:ff:35:00:00:%02x\", bmc: {address: \"redfish://10.10.0.%d/redfish/v1/Systems/1\", credentials: \"x\"}, %s}\n", name, rack, i, i+1, more)
	}
	fsys["machines/machines.cue"] = &fstest.MapFile{Data: []byte(b.String())}
	fsys["tenants/acme/acme.cue"] = &fstest.MapFile{Data: []byte("package tenants\n\nimport \"millwright.dev/fleet\"\n\ntenant: acme: fleet.#Tenant & {\n\tdisplayName: \"Acme\"\n\tadmins: [\"idp:x\"]\n\tcluster: train: {kubernetes: \"v1.35.2\", segment: \"a\"\n" + pools + "}\n}\n")}
	fsys["allocation/allocation.cue"] = &fstest.MapFile{Data: []byte("package allocation\n\nimport \"millwright.dev/fleet\"\n\nallocation: fleet.#Allocation & {" + allocation + "}\n")}
	fsys["common/cpu.cue"] = &fstest.MapFile{Data: []byte("package common\n\nimport \"millwright.dev/fleet\"\n\nclass: cpu: fleet.#Class & {cpus: 64, memory: 256, image: \"noble\", nics: class.gpu.nics}\n")}
	f, list := Load(t.Context(), fsys, Options{})
	for _, d := range list {
		require.Equal(t, "MW203", d.Code, "%v", d)
	}
	require.NotNil(t, f)
	return f
}

func TestAllocate(t *testing.T) {
	six := []string{"m1 r1", "m2 r1", "m3 r1", "m4 r2", "m5 r2", "m6 r3"}
	for name, c := range map[string]struct {
		pools, before string
		machines      []string
		want          string // pool lines, then changes
	}{
		"spread over racks": {
			pools: `pool: a: {class: "gpu", count: 4}`, machines: six,
			want: "a: m1 m4 m6 m2",
		},
		"packed into few racks": {
			pools: `pool: a: {class: "gpu", count: 4, spread: "pack"}`, machines: six,
			want: "a: m1 m2 m3 m6", // and rack r2 stays whole
		},
		"packed under few leaves": {
			pools: `pool: a: {class: "gpu", count: 3, spread: "pack-leaf"}`,
			machines: []string{
				`m1 r1 nics: [{name: "ib0", role: "infiniband", leaf: "l1"}]`, `m2 r1 nics: [{name: "ib0", role: "infiniband", leaf: "l2"}]`,
				`m3 r2 nics: [{name: "ib0", role: "infiniband", leaf: "l2"}]`, `m4 r3 nics: [{name: "ib0", role: "infiniband", leaf: "l2"}]`,
			},
			want: "a: m2 m3 m4",
		},
		"growing moves nobody": {
			pools: `pool: a: {class: "gpu", count: 3}`, before: `acme: train: a: ["m3", "m2"]`, machines: six,
			want: "a: m3 m2 m4",
		},
		"shrinking gives up the last": {
			pools: `pool: a: {class: "gpu", count: 1}`, before: `acme: train: a: ["m3", "m2", "m5"]`, machines: six,
			want: "a: m3; -m2 the pool wants 1; -m5 the pool wants 1",
		},
		"what another gives up comes last": {
			pools: `pool: a: {class: "gpu", count: 0}, pool: b: {class: "gpu", count: 1}`, before: `acme: train: a: ["m1"]`, machines: []string{"m1 r1", "m2 r1"},
			want: "b: m2; -m1 the pool wants 0",
		},
		"but comes, if nothing else is free": {
			pools: `pool: a: {class: "gpu", count: 0}, pool: b: {class: "gpu", count: 1}`, before: `acme: train: a: ["m1"]`, machines: []string{"m1 r1"},
			want: "b: m1; -m1 the pool wants 0",
		},
		"spare, sick and foreign machines stay out": {
			pools: `pool: a: {class: "gpu", count: 1}`,
			machines: []string{
				`m1 r1 lifecycle: "spare"`, `m2 r1 lifecycle: "quarantine"`, `m3 r1 lifecycle: "maintenance"`,
				`m4 r1 role: "control-plane"`, `m5 r1 provisioning: "direct"`, "m6 r1",
			},
			want: "a: m6",
		},
		"maintenance keeps its place, retirement does not": {
			pools: `pool: a: {class: "gpu", count: 2}`, before: `acme: train: a: ["m1", "m2"]`,
			machines: []string{`m1 r1 lifecycle: "maintenance"`, `m2 r1 lifecycle: "retired"`, "m3 r1"},
			want:     "a: m1 m3; -m2 it is retired",
		},
		"by labels": {
			pools:    `pool: a: {class: "gpu", count: 1, selector: "example.com/leaf": "2"}`,
			machines: []string{"m1 r1", `m2 r1 labels: "example.com/leaf": "2"`},
			want:     "a: m2",
		},
		"by labels alone, all of one class": {
			pools: `pool: a: {count: 2, selector: "example.com/leaf": "2"}`,
			machines: []string{
				`m1 r1 class: "cpu", labels: "example.com/leaf": "2"`, `m2 r1 labels: "example.com/leaf": "2"`,
				"m3 r2", `m4 r2 labels: "example.com/leaf": "2"`, `m5 r2 labels: "example.com/leaf": "2"`,
			},
			want: "a: m4 m2",
		},
		"by labels alone, the class stays": {
			pools: `pool: a: {count: 2, selector: "example.com/leaf": "2"}`, before: `acme: train: a: ["m1"]`,
			machines: []string{
				`m1 r1 class: "cpu", labels: "example.com/leaf": "2"`, `m2 r1 labels: "example.com/leaf": "2"`,
				`m3 r1 labels: "example.com/leaf": "2"`, `m4 r2 class: "cpu", labels: "example.com/leaf": "2"`,
			},
			want: "a: m1 m4",
		},
		"what is gone is given back": {
			pools: `pool: a: {class: "gpu", count: 1}`, before: `acme: train: {a: ["m9", "m2"], old: ["m1"]}`, machines: six,
			want: "a: m2; -m1 the pool is gone; -m9 there is no such machine",
		},
		"a retired cluster gives up all": {
			pools: "pool: a: {class: \"gpu\", count: 1}\nretired: true", before: `acme: train: a: ["m1"]`, machines: six,
			want: "-m1 the cluster is retired",
		},
		"a retired tenant gives up all": {
			pools: "pool: a: {class: \"gpu\", count: 1}}\nretired: true\ncluster: train: {", before: `acme: train: a: ["m1"]`, machines: six,
			want: "-m1 the tenant is retired",
		},
		"two pools claim one": {
			pools: `pool: a: {class: "gpu", count: 1}, pool: b: {class: "gpu", count: 1}`, before: `acme: train: {a: ["m1"], b: ["m1"]}`, machines: six,
			want: "a: m1; b: m2; -m1 another pool has it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := yard(t, c.pools, c.before, c.machines...)
			file, changes, err := Allocate(f)
			require.NoError(t, err)
			var got []string
			after := yard(t, c.pools, between(string(file)), c.machines...)
			for _, p := range after.Pools() {
				if len(p.Machines) > 0 {
					got = append(got, p.Name+": "+strings.Join(p.Machines, " "))
				}
			}
			given := 0
			for _, ch := range changes {
				if ch.Given {
					given++
				} else {
					got = append(got, "-"+ch.Machine+" "+ch.Why)
				}
			}
			require.Equal(t, c.want, strings.Join(got, "; "))

			// The result is a fleet without findings about it, and allocating again changes nothing.
			again, changes, err := Allocate(after)
			require.NoError(t, err)
			require.Empty(t, changes)
			require.Equal(t, string(file), string(again))
		})
	}
}

// between is what stands in the outer braces of an allocation file.
func between(file string) string {
	_, file, _ = strings.Cut(file, "& {")
	return file[:strings.LastIndex(file, "}")]
}

// Pools that cannot be filled are all named, and nothing is written.
func TestAllocateTooMuch(t *testing.T) {
	f := yard(t, `pool: a: {class: "gpu", count: 3}, pool: b: {class: "gpu", count: 2}`, "", "m1 r1", "m2 r1")
	file, changes, err := Allocate(f)
	require.Nil(t, file)
	require.Nil(t, changes)
	require.EqualError(t, err, "pool/acme/train/a wants 3 machines of class gpu and has 0: only 2 more are free in site dc1")
}

// The example's allocation is what the command would write.
func TestExampleIsAllocated(t *testing.T) {
	f := loadExample(t)
	require.Equal(t, "allocation/allocation.cue", AllocationFile(f))
	_, changes, err := Allocate(f)
	require.NoError(t, err)
	require.Empty(t, changes)
	require.Equal(t, "+ m1 → pool/a: why", AllocationChange{Pool: "pool/a", Machine: "m1", Given: true, Why: "why"}.String())
}
