package state

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func object(address, entity string) Object {
	id, err := ParseID(address)
	if err != nil {
		panic(err)
	}
	return Object{ID: id, Entity: entity, Mode: Own}
}

// A set is the same whatever order it was made in, and each target finds exactly its own.
func TestSetSortsAndSplitsByTarget(t *testing.T) {
	set, err := NewSet([]Object{
		object("redfish/gpu-002/ntp", "machine/gpu-002"), object("netris/dc1/vpc/b", "segment/b"),
		object("redfish/gpu-001/ntp", "machine/gpu-001"), object("netris/dc1/vpc/a", "segment/a"),
	}, []Entity{{Name: "machine/gpu-001"}, {Name: "machine/gpu-002", Retired: true}})
	require.NoError(t, err)
	require.Equal(t, []Target{{Netris, "dc1"}, {Redfish, "gpu-001"}, {Redfish, "gpu-002"}}, set.Targets())
	var all []string
	for _, target := range set.Targets() {
		for _, o := range set.Of(target) {
			require.Equal(t, target, o.ID.Target)
			all = append(all, o.ID.String())
		}
	}
	require.Equal(t, []string{"netris/dc1/vpc/a", "netris/dc1/vpc/b", "redfish/gpu-001/ntp", "redfish/gpu-002/ntp"}, all)
	require.Equal(t, set.Len(), len(all))
	require.Empty(t, set.Of(Target{Netris, "dc0"}))
	require.Empty(t, set.Of(Target{Redfish, "gpu-999"}))

	found, ok := set.Get(object("netris/dc1/vpc/b", "").ID)
	require.True(t, ok)
	require.Equal(t, "segment/b", found.Entity)
	_, ok = set.Get(object("netris/dc1/vpc/c", "").ID)
	require.False(t, ok)

	e, ok := set.Entity("machine/gpu-002")
	require.True(t, ok && e.Retired)
	_, ok = set.Entity("machine/gpu-003")
	require.False(t, ok)
	require.Equal(t, "pool", EntityKind("pool/acme/train/h100"))
}

// Two entities that render one object would overwrite each other for ever: both are named.
func TestSetRefusesOneObjectTwice(t *testing.T) {
	_, err := NewSet([]Object{object("netris/dc1/vpc/a", "segment/a"), object("netris/dc1/vpc/a", "segment/b")}, nil)
	require.ErrorContains(t, err, "netris/dc1/vpc/a is rendered twice")
	require.ErrorContains(t, err, "segment/a")
	require.ErrorContains(t, err, "segment/b")
}

// What a change makes of a set is what making it anew would: nothing is lost, doubled or out of order.
func TestReplaceIsAsMadeAnew(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	name := func(n int) Object {
		return object(fmt.Sprintf("netris/dc1/vpc/n%02d", n), fmt.Sprintf("segment/%d", random.IntN(1000)))
	}
	for range 500 {
		before, after := map[ID]Object{}, map[ID]Object{}
		for range random.IntN(12) {
			o := name(random.IntN(20))
			before[o.ID], after[o.ID] = o, o
		}
		set, err := NewSet(slices.Collect(maps.Values(before)), nil)
		require.NoError(t, err)
		var drop []ID
		for range random.IntN(8) {
			id := name(random.IntN(20)).ID
			drop = append(drop, id)
			delete(after, id)
		}
		twice, add := false, []Object(nil)
		for range random.IntN(5) {
			o := name(random.IntN(20))
			_, there := after[o.ID]
			twice = twice || there
			after[o.ID], add = o, append(add, o)
		}
		got, err := set.Replace(drop, add, func(name string) (Entity, bool) { return Entity{Name: name}, name == "policy" })
		if twice {
			require.ErrorContains(t, err, "is rendered twice")
			continue
		}
		require.NoError(t, err)
		want, err := NewSet(slices.Collect(maps.Values(after)), []Entity{{Name: "policy"}})
		require.NoError(t, err)
		require.Equal(t, slices.Collect(want.All()), slices.Collect(got.All()))
		for _, name := range []string{"policy", "platform"} {
			a, there := want.Entity(name)
			b, same := got.Entity(name)
			require.Equal(t, there, same)
			require.Equal(t, there, name == "policy")
			require.True(t, !there || a == b)
		}
		require.Len(t, before, set.Len(), "the set it was made of is as it was")
	}
}

// Absent is only what was looked for and not found. Everything less is unknown: nothing that was not
// read is ever taken for gone.
func TestPresenceNeverGuesses(t *testing.T) {
	there, gone, hidden, nobody := object("netris/dc1/vpc/a", "").ID, object("netris/dc1/vpc/b", "").ID, object("netris/dc1/vpc/c", "").ID, object("netris/dc1/vpc/d", "").ID
	refused := errors.New("403")
	live := Live{
		Objects: map[ID]LiveObject{there: {ID: there, Remote: "7"}, hidden: {ID: hidden}},
		Covered: map[ID]bool{there: true, gone: true, hidden: true},
		Unknown: map[ID]error{hidden: refused},
	}
	p, o, err := live.Presence(there)
	require.NoError(t, err)
	require.Equal(t, Present, p)
	require.Equal(t, "7", o.Remote)
	p, _, _ = live.Presence(gone)
	require.Equal(t, Absent, p)
	p, _, err = live.Presence(hidden)
	require.ErrorIs(t, err, refused)
	require.Equal(t, PresenceUnknown, p, "what could not be read is unknown, whatever else was seen of it")
	p, _, _ = live.Presence(nobody)
	require.Equal(t, PresenceUnknown, p)
	p, _, _ = Live{}.Presence(there)
	require.Equal(t, PresenceUnknown, p, "a target that was not observed")

	live.Err = errors.New("connection refused")
	for _, id := range []ID{there, gone, hidden, nobody} {
		p, _, err = live.Presence(id)
		require.Equal(t, PresenceUnknown, p)
		require.ErrorIs(t, err, live.Err)
	}
}
