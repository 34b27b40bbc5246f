package plan

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

var (
	now    = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	origin = state.Origin{Entity: "tenant/acme", Field: "cluster.train"}
)

// Objects of each character that the rules tell apart.
const (
	plain     = "kubernetes/acme.train/ConfigMap/ops/settings"
	protected = "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train"
	host      = "kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/gpu-001"
	offer     = host + "/pool/acme/train/h100"
	firmware  = "kubernetes/control-plane/HostFirmwareSettings.metal3.io/metal3-system/gpu-001"
	cluster   = "netris/dc1/servercluster/acme-train"
	member    = cluster + "/server/gpu-001"
	vpc       = "netris/dc1/vpc/acme"
	bios      = "redfish/cp-1/bios"
)

func id(t testing.TB, address string) state.ID {
	t.Helper()
	parsed, err := state.ParseID(address)
	require.NoError(t, err)
	return parsed
}

func tree(value map[string]any) state.Tree { return state.FromPlain(value, origin) }

func edges(t testing.TB, on ...string) []state.Edge {
	t.Helper()
	var all []state.Edge
	for _, address := range on {
		all = append(all, state.Edge{On: id(t, address)})
	}
	return all
}

// world is an Input under construction. Every object that is mentioned is covered; what is not put
// there is absent.
type world struct {
	testing.TB
	Input
	objects  []state.Object
	entities []state.Entity
}

func newWorld(t testing.TB) *world {
	return &world{TB: t, Input: Input{
		Commit: "new", Renderer: "v1", Owned: map[state.ID]state.Owned{}, Intents: map[state.ID]state.Intent{},
		Live: map[state.Target]state.Live{}, Previews: map[state.ID]Preview{}, Adopt: map[string]bool{}, Now: now, Settle: time.Minute,
	}}
}

func (w *world) live(address string) state.Live {
	target := id(w, address).Target
	live, ok := w.Live[target]
	if !ok {
		live = state.Live{Target: target, Objects: map[state.ID]state.LiveObject{}, Unknown: map[state.ID]error{}, Covered: map[state.ID]bool{}}
		w.Live[target] = live
	}
	live.Covered[id(w, address)] = true
	return live
}

// want adds a desired object.
func (w *world) want(address string, value map[string]any, change ...func(*state.Object)) *world {
	o := state.Object{ID: id(w, address), Entity: "cluster/acme/train", Mode: state.Own, Tree: tree(value)}
	for _, c := range change {
		c(&o)
	}
	w.live(address)
	w.objects = append(w.objects, o)
	return w
}

// there puts an object into its target.
func (w *world) there(address string, value map[string]any, change ...func(*state.LiveObject)) *world {
	o := state.LiveObject{ID: id(w, address), Remote: "1", Value: value, Health: state.Health{State: state.Healthy}}
	for _, c := range change {
		c(&o)
	}
	w.live(address).Objects[o.ID] = o
	return w
}

// ours remembers that we made an object, with that desired value.
func (w *world) ours(address string, value map[string]any, change ...func(*state.Owned)) *world {
	o := state.Owned{ID: id(w, address), Remote: "1", Entity: "cluster/acme/train", Digest: tree(value).Digest(), Commit: "old", Renderer: "v1"}
	for path := range tree(value).Leaves() {
		o.Fields = append(o.Fields, path.String())
	}
	for _, c := range change {
		c(&o)
	}
	w.live(address)
	w.Owned[o.ID] = o
	return w
}

func (w *world) entity(name string, retired bool) *world {
	w.entities = append(w.entities, state.Entity{Name: name, Retired: retired})
	return w
}

func (w *world) unreadable(address string, err error) *world {
	w.live(address).Unknown[id(w, address)] = err
	return w
}

func (w *world) build() Plan {
	w.Helper()
	set, err := state.NewSet(w.objects, w.entities)
	require.NoError(w, err)
	w.Want = set
	return Build(w.Input)
}

// change is what the plan says of one object.
func (w *world) change(address string) *Change {
	w.Helper()
	p := w.build()
	c := p.Get(id(w, address))
	require.NotNil(w, c, "%s is not in the plan", address)
	return c
}

func heldBy(c *Change) []string {
	var by []string
	for _, h := range c.Held {
		by = append(by, h.By)
	}
	return by
}

func marked(o *state.LiveObject) { o.Mark = o.ID }

func lastReset(at string) func(*state.LiveObject) {
	return func(o *state.LiveObject) { o.Facts = map[string]string{kinds.FactLastReset: at} }
}
