package guard

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/gate"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

var (
	before = strings.Repeat("0", 40)
	after2 = strings.Repeat("1", 40)
)

// inRings is a fleet with a cluster in each ring of a stack, and one of another stack.
func inRings() Input {
	in := input()
	in.Fleet.Stacks = map[string]*fleet.Stack{"training": {Rings: []string{"canary", "early", "all"}}, "other": {}}
	cluster := func(stack, ring string) *fleet.Tenant {
		return &fleet.Tenant{Clusters: map[string]*fleet.Cluster{"train": {Stack: stack, Ring: ring}}}
	}
	in.Fleet.Tenants = map[string]*fleet.Tenant{"a": cluster("training", "canary"), "b": cluster("training", "early"), "c": cluster("training", ""), "d": cluster("other", "")}
	return in
}

func inCluster(t testing.TB, tenant, name string) state.ID {
	return id(t, "kubernetes/"+tenant+".train/ConfigMap/ops/"+name)
}

// stacked is an object that a stack brings, at a version.
func stacked(at state.ID, entity string, version int) *state.Object {
	value := map[string]any{"apiVersion": "v1", "data": map[string]any{"version": version}}
	return &state.Object{ID: at, Entity: "cluster/" + strings.ReplaceAll(at.Target.Name, ".", "/"), Mode: state.Own, Tree: state.FromPlain(value, state.Origin{Entity: entity})}
}

// What the rings hold, and what they have nothing to do with.
func TestRings(t *testing.T) {
	commit, drift := []plan.Cause{plan.CauseCommit}, []plan.Cause{plan.CauseDrift}
	of := func(tenant string, action plan.Action, status plan.Status, change ...func(*plan.Change)) plan.Change {
		c := plan.Change{ID: inCluster(t, tenant, "x"), Action: action, Status: status, Owned: &state.Owned{Commit: before}, Live: &state.LiveObject{}}
		c.Want = stacked(c.ID, "stack/training", 1)
		if action != plan.Nothing {
			c.Causes = commit
		}
		for _, f := range change {
			f(&c)
		}
		return c
	}
	instance := func(tenant string, c plan.Change, origin string) plan.Change {
		c.ID = id(t, "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-"+tenant+"/train")
		c.Fields = []plan.Field{{Origin: state.Origin{Entity: origin}}}
		if c.Action == plan.Nothing {
			c.Fields = nil
		}
		return c
	}
	named := func(name string) func(*plan.Change) { return func(c *plan.Change) { c.ID.Name = name } }
	byTenant := func(c *plan.Change) { c.Want = stacked(c.ID, "tenant/b", 1) }
	drifted := func(c *plan.Change) { c.Causes = drift }
	gone := func(c *plan.Change) { c.Want = nil }
	fresh := func(c *plan.Change) { c.Owned, c.Live = nil, nil }
	since := func(commit string) func(*plan.Change) {
		return func(c *plan.Change) { c.Owned = &state.Owned{Commit: commit} }
	}
	forgotten := func(c *plan.Change) { c.Owned = nil }
	sick := func(c *plan.Change) { c.Live = &state.LiveObject{Health: state.Health{State: state.Unhealthy}} }
	sync := func(tenant string) plan.Change { return of(tenant, plan.Nothing, plan.InSync) }
	change := func(tenant string, more ...func(*plan.Change)) plan.Change {
		return of(tenant, plan.Update, plan.Progressing, more...)
	}
	for name, c := range map[string]struct {
		changes []plan.Change // the last is asked about
		held    bool
		says    string
	}{
		"the first ring":                       {[]plan.Change{sync("b"), sync("c"), change("a")}, false, ""},
		"after it is in sync":                  {[]plan.Change{sync("a"), sync("c"), change("b")}, false, ""},
		"while it changes":                     {[]plan.Change{change("a"), sync("c"), change("b")}, true, "stack training reaches ring early after ring canary, and in cluster a.train of that one kubernetes/a.train/ConfigMap/ops/x is progressing"},
		"while it is unhealthy":                {[]plan.Change{of("a", plan.Nothing, plan.Failed), change("b")}, true, "is failed"},
		"while it cannot be read":              {[]plan.Change{of("a", plan.Nothing, plan.Unknown), change("b")}, true, "is unknown"},
		"while it waits for a person":          {[]plan.Change{of("a", plan.Nothing, plan.Held), of("a", plan.Nothing, plan.Drifted, named("y")), change("b")}, true, "is held, and 1 more are not as they must be"},
		"nothing is known of it":               {[]plan.Change{change("b")}, true, "nothing is known"},
		"the last waits for all":               {[]plan.Change{sync("a"), change("b"), change("c")}, true, "in cluster b.train"},
		"the last, all in sync":                {[]plan.Change{sync("a"), sync("b"), change("c")}, false, ""},
		"a deletion":                           {[]plan.Change{change("a"), of("b", plan.Delete, plan.Progressing, gone)}, true, ""},
		"a deletion in an earlier ring":        {[]plan.Change{of("a", plan.Delete, plan.Progressing, gone), change("b")}, true, ""},
		"an addition":                          {[]plan.Change{change("a"), sync("b"), of("b", plan.Create, plan.Progressing, named("y"), fresh)}, true, ""},
		"a cluster that is new":                {[]plan.Change{change("a"), of("b", plan.Create, plan.Progressing, fresh)}, false, ""},
		"one that is being installed":          {[]plan.Change{change("a"), of("b", plan.Nothing, plan.InSync, named("y"), since(after2)), of("b", plan.Create, plan.Progressing, fresh)}, false, ""},
		"one that we forgot":                   {[]plan.Change{change("a"), of("b", plan.Nothing, plan.InSync, named("y"), forgotten), of("b", plan.Create, plan.Progressing, fresh)}, true, ""},
		"one that was found as it is":          {[]plan.Change{change("a"), of("b", plan.Nothing, plan.InSync, named("y"), since("")), of("b", plan.Create, plan.Progressing, fresh)}, true, ""},
		"drift":                                {[]plan.Change{change("a"), change("b", drifted)}, false, ""},
		"the tenant's own":                     {[]plan.Change{change("a"), change("b", byTenant)}, false, ""},
		"the tenant's own in an earlier ring":  {[]plan.Change{sync("a"), change("a", named("y"), func(c *plan.Change) { c.Want = stacked(c.ID, "tenant/a", 1) }), change("b")}, false, ""},
		"another stack":                        {[]plan.Change{change("a"), change("d", func(c *plan.Change) { c.Want = stacked(c.ID, "stack/other", 1) })}, false, ""},
		"the cluster itself, by the stack":     {[]plan.Change{change("a"), instance("b", change("b"), "stack/training")}, true, ""},
		"the cluster itself, by its tenant":    {[]plan.Change{change("a"), instance("b", change("b"), "tenant/b")}, false, ""},
		"an earlier cluster, by the stack":     {[]plan.Change{sync("a"), instance("a", change("a"), "stack/training"), change("b")}, true, ""},
		"an earlier cluster, by its tenant":    {[]plan.Change{sync("a"), instance("a", change("a"), "tenant/a"), change("b")}, false, ""},
		"an earlier cluster that is unhealthy": {[]plan.Change{sync("a"), instance("a", of("a", plan.Nothing, plan.Failed, sick), ""), change("b")}, true, ""},
		"nothing to do":                        {[]plan.Change{change("a"), sync("b")}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := plan.Plan{Commit: after2, Changes: c.changes}
			Apply(&p, inRings())
			last := p.Changes[len(p.Changes)-1]
			if c.held {
				require.Len(t, last.Held, 1)
				require.Equal(t, "ring", last.Held[0].By)
				require.Contains(t, last.Held[0].Why, c.says)
				require.Contains(t, last.Held[0].Until, "or the fleet moves that cluster to ring ")
				require.Equal(t, plan.Held, last.Status)
			} else {
				require.Empty(t, last.Held)
			}
		})
	}
	p := plan.Plan{Commit: "uncommitted", Changes: []plan.Change{change("a"), of("b", plan.Nothing, plan.InSync, named("y"), since("uncommitted")), of("b", plan.Create, plan.Progressing, fresh)}}
	Apply(&p, inRings())
	require.Equal(t, "ring", by(p.Changes[2]), "what was never committed proves nothing of what was there before")
	in := inRings()
	in.Fleet.Tenants["a"].Retired = true
	p = plan.Plan{Commit: after2, Changes: []plan.Change{change("a"), change("b")}}
	Apply(&p, in)
	require.Empty(t, by(p.Changes[1]), "who leaves is waited for by nobody")
}

// ringWorld are clusters in rings, whose objects have versions and fall ill.
type ringWorld struct {
	Input
	names   []string // of clusters, "t00.train" and so on
	objects map[state.ID]*ringObject
	blind   map[string]bool // clusters that cannot be read
	commit  int
	parts   int // how many objects the stack has
}

type ringObject struct {
	version int
	commit  string
	sick    bool
}

// Whatever falls ill, cannot be read, is added or joins, however commits follow each other: what is new in
// a stack never reaches a cluster before all clusters of earlier rings have it, whole and healthy; a new
// cluster waits for nobody; and when all are well, all come to have it.
func TestRingsAreKeptWhateverHappens(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := &ringWorld{Input: inRings(), objects: map[state.ID]*ringObject{}, blind: map[string]bool{}, parts: 1 + r.IntN(3)}
		w.Fleet.Tenants = map[string]*fleet.Tenant{}
		for range 2 + r.IntN(4) {
			w.join(r)
		}
		for range 40 {
			switch r.IntN(6) {
			case 0:
				w.commit++
			case 1:
				w.commit++
				w.parts++
			case 2:
				if len(w.names) < 8 {
					w.join(r)
				}
			case 3:
				w.blind[w.names[r.IntN(len(w.names))]] = r.IntN(2) == 0
			default:
				for _, o := range w.objects {
					o.sick = r.IntN(8) == 0
				}
			}
			w.pass(t)
		}
		w.blind = map[string]bool{}
		for _, o := range w.objects {
			o.sick = false
		}
		for range 2 + len(w.Fleet.Stacks["training"].Rings) {
			w.pass(t)
		}
		for _, o := range w.objects {
			require.Equal(t, w.commit, o.version, "seed %d: not everybody has it in the end", seed)
		}
		require.Len(t, w.objects, len(w.names)*w.parts)
	}
}

func (w *ringWorld) join(r *rand.Rand) {
	tenant := fmt.Sprintf("t%02d", len(w.names))
	w.names = append(w.names, tenant+".train")
	ring := append([]string{""}, w.Fleet.Stacks["training"].Rings...)[r.IntN(4)]
	w.Fleet.Tenants[tenant] = &fleet.Tenant{Clusters: map[string]*fleet.Cluster{"train": {Stack: "training", Ring: ring}}}
}

// ring is the place of a cluster's ring.
func (w *ringWorld) ring(cluster string) int {
	tenant, _, _ := strings.Cut(cluster, ".")
	return w.Fleet.Stacks["training"].Ring(w.Fleet.Tenants[tenant].Clusters["train"])
}

func (w *ringWorld) name() string { return fmt.Sprintf("%040x", w.commit) }

// pass plans, holds the plan to the rings, and carries out what is ready.
func (w *ringWorld) pass(t *testing.T) {
	in := plan.Input{Commit: w.name(), Owned: map[state.ID]state.Owned{}, Live: map[state.Target]state.Live{}}
	var want []state.Object
	fresh := map[string]bool{}
	for _, name := range w.names {
		target := state.Target{System: state.Kubernetes, Name: name}
		live := state.Live{Target: target, Objects: map[state.ID]state.LiveObject{}, Covered: map[state.ID]bool{}}
		if w.blind[name] {
			live.Err = errors.New("no answer")
		}
		fresh[name] = true
		for i := range w.parts {
			o := stacked(state.ID{Target: target, Kind: "ConfigMap", Namespace: "ops", Name: fmt.Sprintf("p%d", i)}, "stack/training", w.commit)
			want = append(want, *o)
			live.Covered[o.ID] = true
			if there := w.objects[o.ID]; there != nil {
				fresh[name] = fresh[name] && there.commit == w.name()
				health := state.Health{State: state.Healthy}
				if there.sick {
					health.State = state.Unhealthy
				}
				old := stacked(o.ID, "stack/training", there.version)
				live.Objects[o.ID] = state.LiveObject{ID: o.ID, Value: old.Tree.Masked().(map[string]any), Health: health, Mark: o.ID}
				in.Owned[o.ID] = state.Owned{ID: o.ID, Entity: o.Entity, Digest: old.Tree.Digest(), Commit: there.commit}
			}
		}
		in.Live[target] = live
	}
	var err error
	in.Want, err = state.NewSet(want, nil)
	require.NoError(t, err)
	p := plan.Build(in)
	Apply(&p, Input{Fleet: w.Fleet, Owned: 100, World: gate.World{Hosts: state.ControlPlane}})

	well := func(cluster string) bool {
		for i := range w.parts {
			o := w.objects[state.ID{Target: state.Target{System: state.Kubernetes, Name: cluster}, Kind: "ConfigMap", Namespace: "ops", Name: fmt.Sprintf("p%d", i)}]
			if o == nil || o.version != w.commit || o.sick {
				return false
			}
		}
		return !w.blind[cluster]
	}
	done := map[state.ID]*ringObject{}
	for _, c := range p.Changes {
		cluster := c.ID.Target.Name
		if fresh[cluster] && c.Action == plan.Create {
			require.Empty(t, c.Held, "%s is being installed", cluster)
		}
		if !c.Ready() {
			continue
		}
		for _, other := range w.names {
			require.True(t, fresh[cluster] || w.ring(other) >= w.ring(cluster) || well(other), "%s of %s goes before %s", c.ID, cluster, other)
		}
		done[c.ID] = &ringObject{version: w.commit, commit: w.name()}
	}
	for id, o := range done {
		w.objects[id] = o
	}
}
