package plan

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

func setOf(t testing.TB, objects map[string]map[string]any, change ...func(*state.Object)) state.Set {
	t.Helper()
	var all []state.Object
	for address, value := range objects {
		o := state.Object{ID: id(t, address), Entity: "cluster/acme/train", Mode: state.Own, Tree: tree(value)}
		for _, c := range change {
			c(&o)
		}
		all = append(all, o)
	}
	set, err := state.NewSet(all, []state.Entity{{Name: "cluster/acme/train"}})
	require.NoError(t, err)
	return set
}

// one is the change of the only object that differs.
func one(t *testing.T, address string, was, is map[string]any) Change {
	t.Helper()
	sets := [2]map[string]map[string]any{{}, {}}
	for i, value := range []map[string]any{was, is} {
		if value != nil {
			sets[i][address] = value
		}
	}
	p := Between(setOf(t, sets[0]), setOf(t, sets[1]), nil)
	require.Len(t, p.Changes, 1)
	return p.Changes[0]
}

// Commit against itself changes nothing; two commits change the same objects whichever comes first, and what
// is made by one way is taken away by the other. The same input gives the same plan.
func TestBetweenProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a test is to repeat itself
	addresses := []string{plain, protected, host, offer, cluster, member, vpc, bios, firmware,
		"kubernetes/acme.train/Secret/ops/db", "netris/dc1/nat/acme-egress"}
	fleet := func() state.Set {
		objects := map[string]map[string]any{}
		for _, a := range addresses {
			if random.IntN(3) > 0 {
				objects[a] = m{"spec": m{"a": random.IntN(2), "list": []any{m{"name": fmt.Sprint("n", random.IntN(3)), "x": random.IntN(2)}}}, "data": m{"k": fmt.Sprint(random.IntN(2))}}
			}
		}
		return setOf(t, objects)
	}
	differed := 0
	for range 500 {
		base, head := fleet(), fleet()
		require.Empty(t, Between(base, base, nil).Changes)
		there, back := Between(base, head, nil), Between(head, base, nil)
		require.Equal(t, there, Between(base, head, nil))
		require.Equal(t, addressesOf(there), addressesOf(back))
		for i, c := range there.Changes {
			mirror := back.Changes[i]
			_, was := base.Get(c.ID)
			_, is := head.Get(c.ID)
			differed++
			switch {
			case was && is:
				require.Contains(t, []Action{Update, Replace}, c.Action, c.ID)
				require.NotEmpty(t, c.Fields, c.ID)
				require.Len(t, mirror.Fields, len(c.Fields), c.ID)
			case is:
				require.Contains(t, []Action{Create, Update}, c.Action, c.ID)
				require.Contains(t, []Action{Delete, Release}, mirror.Action, c.ID)
			default:
				require.Contains(t, []Action{Delete, Release}, c.Action, c.ID)
				require.Contains(t, []Action{Create, Update}, mirror.Action, c.ID)
			}
		}
	}
	require.Greater(t, differed, 1000)
}

func addressesOf(p Plan) []string {
	var all []string
	for _, c := range p.Changes {
		all = append(all, c.ID.String())
	}
	return all
}

// Nothing is known of how things are, so that a change costs the most that it can.
func TestBetweenTakesTheWorst(t *testing.T) {
	require.Equal(t, kinds.Reboot, one(t, host, m{"spec": m{"raid": m{"level": "0"}}}, m{"spec": m{"raid": m{"level": "1"}}}).Impact)
	require.Equal(t, kinds.Reboot, one(t, host, m{"spec": m{}}, m{"spec": m{"rootDeviceHints": m{"deviceName": "/dev/sda"}}}).Impact, "its leaves count, though all of it is new")
	require.Equal(t, kinds.Reboot, one(t, firmware, m{"spec": m{"settings": m{"A": "1"}}}, m{"spec": m{"settings": m{"A": "1", "B": "2"}}}).Impact)

	c := one(t, bios, nil, m{"Attributes": m{"A": "1"}})
	require.Equal(t, []any{Update, Stage, kinds.Reboot}, []any{c.Action, c.Step, c.Impact}, "what is there by nature is changed, not made")
	c = one(t, member, nil, m{"shared": false})
	require.Equal(t, []any{Create, kinds.Network}, []any{c.Action, c.Impact})
	require.Equal(t, kinds.Reprovision, one(t, protected, pools(4), pools(3)).Impact)
	require.Equal(t, kinds.None, one(t, protected, pools(3), pools(4)).Impact)
}

func pools(quantities ...int) map[string]any {
	var all []any
	for i, q := range quantities {
		all = append(all, m{"name": fmt.Sprint("pool-", i), "quantity": q})
	}
	return m{"spec": m{"template": m{"helmRelease": m{"values": m{"privateNodes": m{"autoNodes": []any{m{"provider": "metal3", "static": all}}}}}}}}
}

// Items that have names belong together by them: a pool that comes disturbs none, one that goes does.
func TestBetweenKnowsItemsByName(t *testing.T) {
	c := one(t, protected, pools(2), pools(2, 3))
	require.Equal(t, kinds.None, c.Impact)
	require.Equal(t, []string{"spec.template.helmRelease.values.privateNodes.autoNodes[0].static[1]"}, namesOf(c.Fields))
	require.Nil(t, c.Fields[0].Old)
	c = one(t, protected, pools(2, 3), pools(2))
	require.Equal(t, kinds.Reprovision, c.Impact)
	require.Nil(t, c.Fields[0].New)

	for name, c := range map[string]struct{ was, is, differs []any }{
		"another order":    {[]any{m{"name": "a"}, m{"name": "b"}}, []any{m{"name": "b"}, m{"name": "a"}}, []any{"l[0].name", "l[1].name"}},
		"one inside":       {[]any{m{"name": "a", "x": 1}, m{"name": "b"}}, []any{m{"name": "b"}, m{"name": "a", "x": 2}}, []any{"l[0].name", "l[0].x", "l[1].name", "l[1].x"}},
		"one in front":     {[]any{m{"name": "b"}}, []any{m{"name": "a"}, m{"name": "b"}}, []any{"l[0]"}},
		"without names":    {[]any{1, 2}, []any{1, 3}, []any{"l[1]"}},
		"one more of them": {[]any{1, 2}, []any{1, 2, 3}, []any{"l"}},
		"no list any more": {[]any{1}, nil, []any{"l"}},
	} {
		t.Run(name, func(t *testing.T) {
			was, is := m{"l": c.was}, m{"l": c.is}
			if c.is == nil {
				delete(is, "l")
			}
			var got []any
			for _, f := range FieldsBetween(tree(was), tree(is)) {
				got = append(got, f.Name)
			}
			require.Equal(t, c.differs, got)
		})
	}
}

func namesOf(fields []Field) []string {
	var all []string
	for _, f := range fields {
		all = append(all, f.Name)
	}
	return all
}

// What vanished without having been retired is held, as the agent would hold it; so is what cannot be changed
// in place.
func TestBetweenHoldsWhatTheAgentWouldHold(t *testing.T) {
	c := one(t, protected, pools(1), nil)
	require.Equal(t, []string{"retire-first"}, heldBy(&c))
	require.Equal(t, kinds.DataLoss, c.Impact)

	base, gone := setOf(t, map[string]map[string]any{plain: {"data": m{"a": 1}}}), state.Set{}
	p := Between(base, gone, nil)
	require.Equal(t, []string{"retire-first"}, heldBy(&p.Changes[0]), "the cluster is not there any more")
	retired, err := state.NewSet(nil, []state.Entity{{Name: "cluster/acme/train", Retired: true}})
	require.NoError(t, err)
	p = Between(base, retired, nil)
	require.Empty(t, p.Changes[0].Held)
	require.Equal(t, Delete, p.Changes[0].Action)

	c = one(t, vpc, m{"adminTenant": "a"}, m{"adminTenant": "b"})
	require.Equal(t, Replace, c.Action)
	require.Equal(t, []string{"replace"}, heldBy(&c))
	c = one(t, host, m{"spec": m{"bootMACAddress": "a"}}, nil)
	require.Equal(t, Release, c.Action)
}

// Kubernetes takes away what is no longer named; other systems keep it, and that is said.
func TestBetweenOfFieldsThatGo(t *testing.T) {
	c := one(t, plain, m{"data": m{"a": 1, "b": 2}}, m{"data": m{"a": 1}})
	require.Equal(t, Update, c.Action)
	require.Empty(t, c.Note)
	c = one(t, bios, m{"Attributes": m{"A": "1", "B": "2"}}, m{"Attributes": m{"A": "1"}})
	require.Equal(t, []any{Release, kinds.None}, []any{c.Action, c.Impact}, "no setting is changed, so that nothing restarts")
	require.Equal(t, []string{"Attributes.B"}, namesOf(c.Fields))
	c = one(t, bios, m{"Attributes": m{"A": "1", "B": "2"}}, m{"Attributes": m{"A": "2"}})
	require.Equal(t, []any{Update, kinds.Reboot, released}, []any{c.Action, c.Impact, c.Note})
	require.Equal(t, []string{"Attributes.A", "Attributes.B"}, namesOf(c.Fields))
}

// What is written only once is no change, and what is only observed is never written.
func TestBetweenOfModes(t *testing.T) {
	require.Empty(t, Between(setOf(t, map[string]map[string]any{host: {"spec": m{"online": true}}}), setOf(t, map[string]map[string]any{host: {"spec": m{"online": false}}}), nil).Changes)
	watch := func(o *state.Object) { o.Mode = state.Observe }
	a, b := map[string]map[string]any{bios: {"Attributes": m{"A": "1"}}}, map[string]map[string]any{bios: {"Attributes": m{"A": "2"}}}
	for name, c := range map[string]struct {
		base, head state.Set
		action     Action
		impact     kinds.Impact
	}{
		"observed":       {setOf(t, a, watch), setOf(t, b, watch), Nothing, kinds.None},
		"no longer ours": {setOf(t, a), setOf(t, a, watch), Release, kinds.None},
		"ours now":       {setOf(t, a, watch), setOf(t, a), Update, kinds.Reboot},
		"new":            {state.Set{}, setOf(t, a, watch), Nothing, kinds.None},
		"gone":           {setOf(t, a, watch), state.Set{}, Nothing, kinds.None},
	} {
		p := Between(c.base, c.head, nil)
		require.Len(t, p.Changes, 1, name)
		require.Equal(t, []any{c.action, c.impact}, []any{p.Changes[0].Action, p.Changes[0].Impact}, name)
		require.NotEqual(t, InSync, p.Changes[0].Status, name)
	}
}

// A secret's value is in no plan; that another secret is meant is.
func TestBetweenHidesSecrets(t *testing.T) {
	c := one(t, "kubernetes/acme.train/Secret/ops/db", m{"data": m{"password": "hunter2"}}, m{"data": m{"password": "hunter3"}})
	require.Equal(t, []any{"(sensitive)", "(sensitive)", true}, []any{c.Fields[0].Old, c.Fields[0].New, c.Fields[0].Sensitive})
	named := func(name string) state.Tree {
		return state.Map(map[string]state.Tree{"p": state.Secret(state.SecretRef{Namespace: "a", Name: name, Key: "k"}, origin)}, origin)
	}
	fields := FieldsBetween(named("x"), named("y"))
	require.Len(t, fields, 1)
	require.True(t, fields[0].Sensitive)
}

// Targets whose objects are not known are left out on both sides.
func TestBetweenLeavesOut(t *testing.T) {
	objects := map[string]map[string]any{plain: {"data": m{"a": 1}}, vpc: {"adminTenant": "a"}}
	skip := func(t state.Target) bool { return t.System == state.Kubernetes }
	require.Equal(t, []string{vpc}, addressesOf(Between(setOf(t, objects), state.Set{}, skip)))
	require.Equal(t, []string{vpc}, addressesOf(Between(state.Set{}, setOf(t, objects), skip)))
}

func TestOwner(t *testing.T) {
	owners := map[string]string{}
	for _, e := range []string{"pool/acme/train/h100", "cluster/acme/train", "tenant/acme", "machine/gpu-001", "platform", ""} {
		owners[e] = Owner(e)
	}
	require.Equal(t, []string{"", "machine/gpu-001", "platform", "tenant/acme"}, slices.Compact(slices.Sorted(maps.Values(owners))))
}
