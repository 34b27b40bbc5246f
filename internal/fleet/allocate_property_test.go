package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hall is a fleet of some machines in racks and under leaves, with pools of every spread, made by
// chance. Its pools may want more than there is.
func hall(r *rand.Rand) *Fleet {
	f := &Fleet{
		Platform: &Platform{}, Policy: &Policy{}, Machines: map[string]*Machine{},
		Sites: map[string]*Site{"dc1": {}}, Classes: map[string]*Class{"gpu": {}, "cpu": {}},
		Segments: map[string]*Segment{"a": {Site: "dc1"}}, Tenants: map[string]*Tenant{},
		Allocation: Allocation{},
	}
	for range 10 + r.IntN(40) {
		arrive(r, f)
	}
	for i := range 1 + r.IntN(4) {
		pool := &Pool{Class: []string{"gpu", "gpu", "cpu"}[r.IntN(3)], Count: r.IntN(6), Spread: []string{SpreadRacks, PackRacks, PackLeaves}[r.IntN(3)]}
		f.Tenants[fmt.Sprintf("t%d", i)] = &Tenant{Clusters: map[string]*Cluster{"c": {Segment: "a", Pools: map[string]*Pool{"p": pool}}}}
	}
	return f
}

// arrive adds a machine, whose name may come anywhere in the order of names.
func arrive(r *rand.Rand, f *Fleet) {
	name := fmt.Sprintf("m%04d", r.IntN(10000))
	if f.Machines[name] != nil {
		return
	}
	f.Machines[name] = &Machine{
		Meta: Meta{Name: name}, Lifecycle: InService, Role: RoleWorker, Site: "dc1", Rack: fmt.Sprintf("r%d", r.IntN(6)),
		Class: []string{"gpu", "gpu", "cpu"}[r.IntN(3)], Provisioning: ProvisioningMetal3,
		NICs: []NIC{{Role: InfiniBand, Leaf: fmt.Sprintf("l%d", r.IntN(4))}},
	}
}

// next is the fleet with what Allocate wrote, read back from the changes that it tells.
func next(t *testing.T, f *Fleet, changes []AllocationChange) *Fleet {
	t.Helper()
	after := Allocation{}
	for tn := range f.Tenants {
		machines := slices.Clone(f.Allocation[tn]["c"]["p"])
		for _, c := range changes {
			if c.Pool != "pool/"+tn+"/c/p" {
				continue
			}
			require.NotEmpty(t, c.Why)
			if c.Given {
				require.NotContains(t, machines, c.Machine)
				machines = append(machines, c.Machine)
			} else {
				i := slices.Index(machines, c.Machine)
				require.GreaterOrEqual(t, i, 0, c.String())
				machines = slices.Delete(machines, i, i+1)
			}
		}
		after[tn] = map[string]map[string][]string{"c": {"p": machines}}
	}
	return &Fleet{
		Platform: f.Platform, Policy: f.Policy, Machines: f.Machines, Sites: f.Sites, Classes: f.Classes,
		Segments: f.Segments, Tenants: f.Tenants, Allocation: after,
	}
}

// Whatever happens to a fleet, a machine that fits its pool stays there: it is taken back only if it
// must be, and as few are taken as may be. What was given is told line by line, and says all.
func TestAllocateIsStable(t *testing.T) {
	moved := 0
	for seed := range 300 {
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		f := hall(r)
		for range 8 {
			file, changes, err := Allocate(f)
			if err != nil {
				for _, tenant := range f.Tenants { // what cannot be filled wants less
					p := tenant.Clusters["c"].Pools["p"]
					p.Count = max(0, p.Count-1)
				}
				continue
			}
			after := next(t, f, changes)
			for _, p := range after.Pools() {
				require.Len(t, p.Machines, p.Pool.Count, "seed %d: %s", seed, p.Address())
				before := f.Allocation[p.Tenant]["c"]["p"]
				a := &allocator{f: f, taken: map[string]bool{}}
				fit := slices.DeleteFunc(slices.Clone(before), func(m string) bool {
					return a.unfit(PoolRef{Tenant: p.Tenant, Cluster: "c", Name: "p", Pool: p.Pool}, m) != ""
				})
				kept := fit[:min(len(fit), p.Pool.Count)]
				require.True(t, slices.Equal(kept, p.Machines[:len(kept)]), "seed %d: %s had %v and has %v", seed, p.Address(), before, p.Machines)
				moved += len(p.Machines) - len(kept)
			}
			again, none, err := Allocate(after)
			require.NoError(t, err)
			require.Empty(t, none, "seed %d: what was allocated is settled", seed)
			require.Equal(t, string(file), string(again))

			f = after
			switch r.IntN(4) {
			case 0:
				arrive(r, f)
			case 1:
				names := slices.Sorted(maps.Keys(f.Machines))
				f.Machines[names[r.IntN(len(names))]].Lifecycle = []string{InService, Maintenance, Spare, RMA}[r.IntN(4)]
			case 2:
				for _, tenant := range f.Tenants {
					tenant.Clusters["c"].Pools["p"].Count = r.IntN(6)
				}
			case 3: // a machine is gone from the files
				names := slices.Sorted(maps.Keys(f.Machines))
				delete(f.Machines, names[r.IntN(len(names))])
			}
		}
	}
	require.Greater(t, moved, 1000, "the test does something")
}

// A pool that is spread takes evenly from all racks, as far as they have any; one that is packed takes
// as few racks, or leaves, as could hold it.
func TestAllocateIsFair(t *testing.T) {
	for seed := range 400 {
		r := rand.New(rand.NewPCG(uint64(seed), 5))
		f := hall(r)
		f.Tenants = map[string]*Tenant{"t0": {Clusters: map[string]*Cluster{"c": {Segment: "a", Pools: map[string]*Pool{"p": {
			Class: "gpu", Count: r.IntN(12), Spread: []string{SpreadRacks, PackRacks, PackLeaves}[seed%3],
		}}}}}}
		_, changes, err := Allocate(f)
		if err != nil {
			continue
		}
		p := next(t, f, changes).Pools()[0]
		all, got := map[string]int{}, map[string]int{}
		for _, m := range f.Machines {
			if m.Class == "gpu" {
				all[domain(p.Pool, m)]++
			}
		}
		for _, m := range p.Machines {
			got[domain(p.Pool, f.Machines[m])]++
		}
		if p.Pool.Spread == SpreadRacks {
			for x := range all {
				for y := range all {
					require.False(t, got[x] > got[y]+1 && got[y] < all[y], "seed %d: rack %s gave %d, and %s only %d of %d", seed, x, got[x], y, got[y], all[y])
				}
			}
			continue
		}
		sizes := slices.SortedFunc(maps.Values(all), func(a, b int) int { return cmp.Compare(b, a) })
		fewest := 0
		for left := p.Pool.Count; left > 0; fewest++ {
			left -= sizes[fewest]
		}
		require.Len(t, got, fewest, "seed %d: %v of %v", seed, got, all)
	}
}

// Each machine that is given says by what it was chosen, and why a machine that another pool had.
func TestAllocateExplains(t *testing.T) {
	f := yard(t, `pool: a: {class: "gpu", count: 0}, pool: b: {class: "gpu", count: 2, spread: "pack"}`, `acme: train: a: ["m2"]`, "m1 r1", "m2 r1")
	_, changes, err := Allocate(f)
	require.NoError(t, err)
	var said []string
	for _, c := range changes {
		said = append(said, c.String())
	}
	require.Equal(t, []string{
		"- m2 ← pool/acme/train/a: the pool wants 0",
		"+ m1 → pool/acme/train/b: free in rack r1, where the pool has 1 now",
		"+ m2 → pool/acme/train/b: free in rack r1, where the pool has 2 now; given up by another, since nothing else was free",
	}, said)
}

// A machine that its class wants proved is not given to a pool before somebody has written so.
func TestAllocateWantsRecords(t *testing.T) {
	f := hall(rand.New(rand.NewPCG(1, 1)))
	f.Classes["gpu"].Acceptance.Checks = map[string]Check{"burn-in": {Evidence: EvidenceRecord}}
	f.Tenants = map[string]*Tenant{"t0": {Clusters: map[string]*Cluster{"c": {Segment: "a", Pools: map[string]*Pool{"p": {Class: "gpu", Count: 1, Spread: SpreadRacks}}}}}}
	_, _, err := Allocate(f)
	require.ErrorContains(t, err, "more have no record of what their class wants them to be accepted by")
	var proved string
	for n, m := range All(f.Machines) {
		if m.Class == "gpu" {
			proved, m.Records = n, map[string]string{"burn-in": "2026-11-20T14:00:00Z"}
		}
	}
	_, changes, err := Allocate(f)
	require.NoError(t, err)
	require.Len(t, changes, 1)
	require.True(t, changes[0].Given && !strings.Contains(changes[0].Why, "given up"), proved)
}
