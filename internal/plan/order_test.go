package plan

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

func after(edges ...state.Edge) func(*state.Object) {
	return func(o *state.Object) { o.After = edges }
}

func stoodOn(edges ...state.Edge) func(*state.Owned) {
	return func(o *state.Owned) { o.After = edges }
}

func healthOf(h state.HealthState) func(*state.LiveObject) {
	return func(o *state.LiveObject) { o.Health.State = h }
}

// What is new waits until what it stands on is applied and healthy.
func TestCreationWaitsForApplicationAndHealth(t *testing.T) {
	begin := func() *world { return newWorld(t).want(member, good, after(edges(t, cluster)...)) }
	for name, c := range map[string]struct {
		world *world
		ready bool
	}{
		"not there":           {begin().want(cluster, good), false},
		"there":               {begin().want(cluster, good).ours(cluster, good).there(cluster, good), true},
		"progressing":         {begin().want(cluster, good).ours(cluster, good).there(cluster, good, healthOf(state.Progressing)), false},
		"sick":                {begin().want(cluster, good).ours(cluster, good).there(cluster, good, healthOf(state.Unhealthy)), false},
		"unreadable":          {begin().want(cluster, good).ours(cluster, good).unreadable(cluster, errors.New("500")), false},
		"a stranger":          {begin().want(cluster, good).there(cluster, good), false},
		"going":               {begin().want(cluster, good).ours(cluster, good).there(cluster, good, func(o *state.LiveObject) { o.Deleting = true }), false},
		"nowhere":             {begin(), false},
		"to change":           {begin().want(cluster, m{"tags": []any{"x"}}).ours(cluster, good).there(cluster, good), true},
		"held to be replaced": {begin().want(cluster, m{"vpc": "b"}).ours(cluster, m{"vpc": "a"}).there(cluster, m{"vpc": "a"}), false},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.world.change(member)
			require.Equal(t, c.ready, got.Ready())
			require.Equal(t, c.ready, len(got.Waits) == 0)
		})
	}
}

// One sick machine does not freeze the fleet: what disturbs nobody goes on beside it, and only what
// disturbs waits for it.
func TestOneSickNodeFreezesNoHarmlessUpdate(t *testing.T) {
	begin := func(to m) *world {
		return newWorld(t).want(protected, to, after(edges(t, host)...)).ours(protected, m{"spec": m{"displayName": "a"}}).there(protected, m{"spec": m{"displayName": "a"}}).
			want(host, good).ours(host, good).there(host, good, healthOf(state.Unhealthy))
	}
	harmless, disruptive := m{"spec": m{"displayName": "b"}}, m{"spec": m{"template": m{"helmRelease": m{"values": m{"sync": "x"}}}}}
	// Where values are new altogether the change is told at their parent, which restarts nothing yet.
	require.True(t, begin(harmless).change(protected).Ready())
	w := begin(disruptive)
	live := m{"spec": m{"template": m{"helmRelease": m{"values": m{"sync": "y"}}}}}
	w.there(protected, live).ours(protected, live)
	got := w.change(protected)
	require.Equal(t, kinds.Restart, got.Impact)
	require.False(t, got.Ready())
	require.Contains(t, got.Waits[0], "to be healthy")
}

// What is unreadable satisfies no edge, not even that of a harmless update.
func TestUnknownSatisfiesNoEdge(t *testing.T) {
	w := newWorld(t).want(plain, good, after(edges(t, host)...)).ours(plain, bad).there(plain, bad).
		want(host, good).ours(host, good).unreadable(host, errors.New("500"))
	require.False(t, w.change(plain).Ready())
}

// Deletion runs backwards, and what cannot be seen may still stand on it.
func TestDeletionIsCreationReversed(t *testing.T) {
	begin := func() *world {
		return newWorld(t).entity("cluster/acme/train", true).ours(cluster, good).there(cluster, good).ours(member, good, stoodOn(edges(t, cluster)...))
	}
	w := begin().there(member, good)
	require.False(t, w.change(cluster).Ready())
	require.True(t, w.change(member).Ready())
	require.True(t, begin().change(cluster).Ready(), "the member is gone")
	require.False(t, begin().unreadable(member, errors.New("500")).change(cluster).Ready(), "the member cannot be read")
}

// What still stands on something that is to go moves off it first.
func TestWhatMovesOffGoesFirst(t *testing.T) {
	const oldVPC = "netris/dc1/vpc/old"
	w := newWorld(t).entity("cluster/acme/train", true).
		ours(oldVPC, good).there(oldVPC, good).
		want(vpc, good).ours(vpc, good).there(vpc, good).
		want(plain, bad, after(edges(t, vpc)...)).ours(plain, good, stoodOn(edges(t, oldVPC)...)).there(plain, good)
	require.True(t, w.change(plain).Ready())
	require.Equal(t, []string{plain + " to go first"}, w.change(oldVPC).Waits)
	w.unreadable(plain, errors.New("500"))
	require.False(t, w.change(oldVPC).Ready(), "it may not have moved yet")
}

// An edge to all parts waits for those wanted to be there and for those no longer wanted to be gone.
func TestBelowMeansEveryPart(t *testing.T) {
	const other = cluster + "/server/gpu-002"
	begin := func() *world {
		return newWorld(t).entity("cluster/acme/train", false).
			want(protected, good, after(state.Edge{On: id(t, cluster), Below: true})).
			want(cluster, good).ours(cluster, good).there(cluster, good).
			want(member, good).ours(member, good)
	}
	require.True(t, begin().there(member, good).change(protected).Ready())
	require.False(t, begin().change(protected).Ready(), "a wanted part is not there")
	require.False(t, begin().unreadable(member, errors.New("500")).change(protected).Ready())
	require.False(t, begin().there(member, good).ours(other, good).there(other, good).change(protected).Ready(), "a part must go")
	require.False(t, begin().there(member, good).ours(other, good).unreadable(other, errors.New("500")).change(protected).Ready(), "whether it went is unknown")
	require.True(t, begin().there(member, good).ours(other, good).change(protected).Ready(), "it is gone")
}

// A machine leaves a tenant cluster in one order and without deadlock: it is no longer offered, leaves
// the segment, and then the cluster shrinks.
func TestAMachineLeavesWithoutDeadlock(t *testing.T) {
	size := func(n int) m {
		return m{"spec": m{"template": m{"helmRelease": m{"values": m{"privateNodes": m{"autoNodes": []any{m{"static": []any{m{"quantity": n}}}}}}}}}}
	}
	below := state.Edge{On: id(t, cluster), Below: true}
	w := newWorld(t).entity("cluster/acme/train", false).
		want(host, good).ours(host, good).there(host, good).
		want(cluster, good).ours(cluster, good).there(cluster, good).
		ours(member, good, forPool, stoodOn(edges(t, cluster, host)...)).there(member, good).
		ours(offer, good, forPool, stoodOn(edges(t, host, member)...)).there(offer, good).
		want(protected, size(1), after(below)).ours(protected, size(2), stoodOn(append(edges(t, offer), below)...)).there(protected, size(2))

	var order []string
	for range 4 {
		p := w.build()
		for _, c := range p.Ready() {
			order = append(order, string(c.Action)+" "+c.ID.String())
			live := w.live(c.ID.String())
			if c.Action == Delete {
				delete(live.Objects, c.ID)
				delete(w.Owned, c.ID)
			} else {
				w.there(protected, size(1)).ours(protected, size(1), stoodOn(below))
			}
		}
	}
	require.Equal(t, []string{"delete " + offer, "delete " + member, "update " + protected}, order)
}

// What stands on itself can never be ordered: it is held and said so, wherever one begins to look,
// and so is what stands on that. The rest goes on.
func TestCyclesAreRefused(t *testing.T) {
	names := map[string]string{}
	for _, n := range []string{"a", "b", "c", "behind", "apart", "self"} {
		names[n] = "netris/dc1/tenant/" + n
	}
	on := func(n ...string) func(*state.Object) {
		var all []state.Edge
		for _, x := range n {
			all = append(all, state.Edge{On: id(t, names[x])})
		}
		return after(all...)
	}
	w := newWorld(t).want(names["a"], good, on("b", "c")).want(names["b"], good, on("a")).want(names["c"], good, on("b")).
		want(names["behind"], good, on("c")).want(names["apart"], good).want(names["self"], good, on("self"))
	for _, n := range []string{"a", "b", "c", "behind", "self"} {
		require.Equal(t, []string{"cycle"}, heldBy(w.change(names[n])), n)
	}
	require.True(t, w.change(names["apart"]).Ready())
}

// Whether a plan still moves decides whether "apply" goes on waiting: for targets and machines, never
// for people.
func TestMovingWaitsForNobody(t *testing.T) {
	moving := func(w *world) bool {
		p := w.build()
		return p.Moving()
	}
	require.False(t, moving(newWorld(t).want(plain, good).ours(plain, good).there(plain, good)))
	require.False(t, moving(newWorld(t).want(plain, good).there(plain, good)), "held for a person")
	require.False(t, moving(newWorld(t).want(member, good, after(edges(t, cluster)...)).want(cluster, good).there(cluster, good)), "waits for what a person must release")
	require.True(t, moving(newWorld(t).want(plain, good).ours(plain, good).there(plain, good, healthOf(state.Progressing))))
	require.True(t, moving(newWorld(t).want(bios, good).ours(bios, good).there(bios, good, func(o *state.LiveObject) { o.Pending = good })))

	p := newWorld(t).want(member, good).build()
	p.Changes[0].Hold(Hold{By: "isolation"})
	require.True(t, p.Moving(), "the machine is on its way out of another tenant")
	p.Changes[0].Hold(Hold{By: "observe-only"})
	require.False(t, p.Moving())
}

// Lost memory never causes a write: with nothing remembered and nothing adopted, no plan touches
// anything that is there and is not as wanted, whatever marks it bears, nor deletes anything. (What is
// there by nature, as a BMC's time servers, is ours to set on first sight.)
func TestLostMemoryNeverCausesAWrite(t *testing.T) {
	all := []string{plain, protected, host, offer, cluster, member, vpc, "netris/dc1/tenant/acme", "netris/dc1/allocation/a", "kubernetes/control-plane/Namespace/x"}
	values := []m{good, bad, older}
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t)
		for _, address := range all {
			if r.IntN(3) > 0 {
				w.want(address, values[r.IntN(3)])
			}
			if r.IntN(3) > 0 {
				w.there(address, values[r.IntN(3)], func(o *state.LiveObject) {
					if r.IntN(2) == 0 {
						o.Mark = o.ID
					}
					o.Deleting = r.IntN(8) == 0
				})
			}
			if r.IntN(2) == 0 {
				w.Previews[id(t, address)] = Preview{ID: id(t, address), Value: values[r.IntN(3)]}
			}
		}
		p := w.build()
		for _, c := range p.Ready() {
			require.Nil(t, c.Live, "seed %d: %s %s, which is there", seed, c.Action, c.ID)
			require.Equal(t, Create, c.Action, "seed %d: %s", seed, c.ID)
		}
	}
}

// The same input gives the same plan: nothing hangs on the order of maps.
func TestPlansAreDeterministic(t *testing.T) {
	w := newWorld(t).entity("cluster/acme/train", false).want(cluster, good).want(member, good, after(edges(t, cluster, host)...)).
		want(host, good).ours(offer, good).there(offer, good).ours(plain, good).there(plain, good).there(vpc, good, marked)
	first := w.build()
	for range 20 {
		require.Equal(t, first, w.build())
	}
	for i, c := range first.Changes {
		if i > 0 {
			require.Negative(t, first.Changes[i-1].ID.Compare(c.ID))
		}
	}
	require.Nil(t, first.Get(id(t, "netris/dc1/vpc/nobody")))
}

// What still stands on an object keeps what it needs of it: a node type goes after the tenant cluster whose
// machines were claimed by it. Something new for others does not wait for that.
func TestWhatIsTakenAwayGoesAfterItsUsers(t *testing.T) {
	const provider = "kubernetes/control-plane/NodeProvider.management.loft.sh/metal3"
	types := func(names ...string) m {
		list := []any{}
		for _, name := range names {
			list = append(list, m{"name": name})
		}
		return m{"spec": m{"metal3": m{"nodeTypes": list}}}
	}
	begin := func(names ...string) *world {
		w := newWorld(t)
		w.Previews[id(t, provider)] = Preview{Value: types(names...)}
		return w.want(provider, types(names...)).ours(provider, types("a", "b")).there(provider, types("a", "b")).
			ours(protected, good, stoodOn(edges(t, provider)...)).entity("cluster/acme/train", true)
	}
	require.Equal(t, []string{protected + " to go first"}, begin("a").there(protected, good).change(provider).Waits)
	require.True(t, begin("a").change(provider).Ready(), "it is gone")
	vanished := begin("a").there(protected, good)
	vanished.entities = nil
	require.Equal(t, []string{"retire-first"}, heldBy(vanished.change(provider)), "nothing says that it may go")
	require.True(t, begin("a", "b", "c").there(protected, good).change(provider).Ready())
}
