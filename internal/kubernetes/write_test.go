package kubernetes

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// An edit by another manager is a conflict that names field and manager, and is mended only when told
// to and only where we had applied the field.
func TestConflictsAreHeldUnlessForced(t *testing.T) {
	w := newWorld(t)
	o := w.configMap(t, "a", "ours")
	c := w.open(t)
	create(t, c, o)
	w.kubectl(t, configMaps, "a", "data: {key: theirs}")

	change := updateOf(o, present(t, c, o))
	r := apply(t, c, change)
	require.ErrorIs(t, r.Err, target.ErrHeld)
	require.ErrorContains(t, r.Err, "data.key is kubectl-edit's")

	change.Force = true
	careful := w.open(t, func(o *Options) { o.Controllers = []string{"kubectl-edit"} })
	require.ErrorIs(t, apply(t, careful, change).Err, target.ErrHeld, "a listed controller is never overridden")

	change.Owned.Fields = []string{"data.other"}
	require.ErrorIs(t, apply(t, c, change).Err, target.ErrHeld, "never on first contact")
	require.Equal(t, "theirs", text(w.stored(t, configMaps, "a"), "data", "key"))

	change.Owned.Fields = []string{"data.key"}
	require.NoError(t, apply(t, c, change).Err)
	require.Equal(t, "ours", text(w.stored(t, configMaps, "a"), "data", "key"))
}

// Who wrote a field is told, and a dropped field goes.
func TestWritersAndDroppedFields(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	both := w.object(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {key: ours, other: ours}}")
	create(t, c, both)
	w.kubectl(t, configMaps, "a", "data: {key: theirs, third: theirs}")

	live := present(t, c, both)
	require.Equal(t, []string{"kubectl-edit"}, names(live.Writers(state.Path{"data", "key"})))
	require.Equal(t, []string{"millwright"}, names(live.Writers(state.Path{"data", "other"})))
	require.False(t, live.Writers(state.Path{"data", "key"})[0].Time.IsZero())
	require.Empty(t, live.Writers(state.Path{"data", "none"}))

	less := w.object(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {key: theirs}}")
	require.NoError(t, apply(t, c, updateOf(less, live)).Err)
	data, _ := w.stored(t, configMaps, "a").Object["data"].(map[string]any)
	require.Equal(t, map[string]any{"key": "theirs", "third": "theirs"}, data)
}

// Items of a keyed list are told apart by key, whatever their order.
func TestWritersOfListItems(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	o := w.object(t, `{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{name: b, port: 81, protocol: TCP}]}}`)
	create(t, c, o)
	services := schema.GroupVersionResource{Version: "v1", Resource: "services"}
	w.kubectl(t, services, "a", `spec: {ports: [{name: c, port: 80, protocol: TCP}, {name: b, port: 81, protocol: TCP}]}`)
	live := present(t, c, o)
	require.Equal(t, []string{"kubectl-edit"}, names(live.Writers(state.Path{"spec", "ports", "[0]", "name"})))
	require.Contains(t, names(live.Writers(state.Path{"spec", "ports", "[1]", "name"})), "millwright")
}

// A mark that a controller copied to another object is none: the annotation names the original.
func TestCopiedMarksAreIgnored(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	o := w.configMap(t, "original", "a")
	create(t, c, o)
	mark := w.stored(t, configMaps, "original")
	w.make(t, configMaps, "{apiVersion: v1, kind: ConfigMap, metadata: {name: label-only, labels: {"+fleetLabel+": test}}}")
	w.make(t, configMaps, "{apiVersion: v1, kind: ConfigMap, metadata: {name: copied, labels: {"+fleetLabel+": test}, annotations: {"+idAnnotation+": "+mark.GetAnnotations()[idAnnotation]+"}}}")
	w.make(t, configMaps, "{apiVersion: v1, kind: ConfigMap, metadata: {name: other-fleet, labels: {"+fleetLabel+": other}, annotations: {"+idAnnotation+": "+w.id("ConfigMap", "other-fleet").String()+"}}}")

	live := c.Observe(t.Context(), target.Query{Want: []state.Object{o}})
	require.Contains(t, live.Objects, o.ID)
	for _, name := range []string{"label-only", "copied", "other-fleet"} {
		require.NotContains(t, live.Objects, w.id("ConfigMap", name), "nobody asked for it, and it is not ours")
		asked := w.configMap(t, name, "a")
		require.Zero(t, present(t, c, asked).Mark, name)
		r := apply(t, c, plan.Change{ID: asked.ID, Action: plan.Create, Want: &asked})
		require.ErrorIs(t, r.Err, target.ErrHeld, name)
	}
}

// The mark never shows in values, so that nobody plans to remove it.
func TestMarkIsNotPartOfTheValue(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	o := w.configMap(t, "a", "v")
	made := create(t, c, o)
	want := map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{"key": "v"},
		"metadata": map[string]any{"name": "a", "namespace": w.namespace},
	}
	require.Equal(t, want, made.Value)
	require.Equal(t, want, present(t, c, o).Value)
	require.Equal(t, want, c.Preview(t.Context(), []state.Object{o})[0].Value)
}

// A tree inside a string is written as text and read back as a tree; a string that does not parse
// stays one.
func TestEncodedTrees(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	o := w.configMap(t, "a", "v")
	inner := state.FromPlain(map[string]any{"replicas": 3, "image": map[string]any{"tag": "v1"}}, state.Origin{})
	o.Tree = with(o.Tree, state.Encode(state.YAML, inner), "data", "key")
	create(t, c, o)
	require.Equal(t, "image:\n  tag: v1\nreplicas: 3\n", text(w.stored(t, configMaps, "a"), "data", "key"))
	opened := map[string]any{"replicas": int64(3), "image": map[string]any{"tag": "v1"}}
	live := present(t, c, o)
	require.Equal(t, opened, live.Value["data"].(map[string]any)["key"])
	require.Equal(t, []string{"millwright"}, names(live.Writers(state.Path{"data", "key", "image", "tag"})))
	require.Equal(t, opened, c.Preview(t.Context(), []state.Object{o})[0].Value["data"].(map[string]any)["key"])

	w.kubectl(t, configMaps, "a", `data: {key: "a: b: c"}`)
	require.Equal(t, "a: b: c", present(t, c, o).Value["data"].(map[string]any)["key"])
}

// A pool label is an object of its own: it comes and goes without touching the host, and never makes
// one. While one pool has the label, another's is absent, not somebody else's.
func TestPoolLabelsOfOneHost(t *testing.T) {
	w := newMetal3World(t)
	c := w.open(t)
	a, b := w.pool(t, "acme/train/h100", "acme.train.h100"), w.pool(t, "globex/serve/h100", "globex.serve.h100")
	r := apply(t, c, plan.Change{ID: a.ID, Action: plan.Create, Want: &a})
	require.ErrorIs(t, r.Err, target.ErrHeld, "a label makes no host")

	host := w.host(t, "rack: a1", "bootMode: UEFI")
	create(t, c, host)
	live := create(t, c, a)
	require.Equal(t, a.ID, live.Mark)
	q := target.Query{Want: []state.Object{host, b}, Owned: []state.Owned{{ID: a.ID}}}
	seen := c.Observe(t.Context(), q)
	require.Contains(t, seen.Objects, host.ID)
	require.Contains(t, seen.Objects, a.ID)
	require.NotContains(t, seen.Objects, b.ID)
	require.Contains(t, seen.Covered, b.ID)
	forgotten := c.Observe(t.Context(), target.Query{Want: []state.Object{host}})
	require.Contains(t, forgotten.Objects, a.ID, "its manager gives it away")

	r = apply(t, c, plan.Change{ID: b.ID, Action: plan.Create, Want: &b})
	require.ErrorIs(t, r.Err, target.ErrHeld)
	require.ErrorContains(t, r.Err, "millwright/pool/acme/train/h100")

	require.NoError(t, apply(t, c, updateOf(host, present(t, c, host))).Err, "the host's own apply leaves the label")
	require.Equal(t, "acme.train.h100", w.stored(t, hosts, "gpu-001").GetLabels()["millwright.dev/pool"])
	require.NoError(t, apply(t, c, plan.Change{ID: a.ID, Action: plan.Delete, Live: &live}).Err)
	require.NotContains(t, w.stored(t, hosts, "gpu-001").GetLabels(), "millwright.dev/pool")
	require.NotContains(t, c.Observe(t.Context(), q).Objects, a.ID)
	create(t, c, b)
	require.Equal(t, "globex.serve.h100", w.stored(t, hosts, "gpu-001").GetLabels()["millwright.dev/pool"])
}

// Unknown fields are refused, not dropped in silence.
func TestMisspeltFieldsAreRefused(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	o := w.object(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, dat: {key: v}}")
	require.Error(t, apply(t, c, plan.Change{ID: o.ID, Action: plan.Create, Want: &o}).Err)
	require.Error(t, c.Preview(t.Context(), []state.Object{o})[0].Invalid)
}

// A Secret's stringData is written as data, so that a dropped key goes; and no error shows a value.
func TestSecretsOnTheWire(t *testing.T) {
	w := newWorld(t)
	var value string
	c := w.open(t, func(o *Options) { o.Secrets = SecretReader(w.open(t)) })
	source := w.object(t, "{apiVersion: v1, kind: Secret, metadata: {name: source}, stringData: {password: hunter2-hunter2}}")
	create(t, c, source)

	copied := w.object(t, "{apiVersion: v1, kind: Secret, metadata: {name: copy}, stringData: {a: x, b: y}}")
	ref := state.SecretRef{Namespace: w.namespace, Name: "source", Key: "password"}
	copied.Tree = with(copied.Tree, state.Secret(ref, state.Origin{}), "stringData", "b")
	live := create(t, c, copied)
	value = text(w.stored(t, schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, "copy"), "data", "b")
	require.Equal(t, "aHVudGVyMi1odW50ZXIy", value)

	copied.Tree = without(copied.Tree, "stringData", "a")
	require.NoError(t, apply(t, c, updateOf(copied, live)).Err)
	require.Equal(t, "(none)", text(w.stored(t, schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, "copy"), "data", "a"))

	wrong := w.object(t, "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80}], sessionAffinity: None}}")
	wrong.Tree = with(wrong.Tree, state.Secret(ref, state.Origin{}), "spec", "sessionAffinity")
	r := apply(t, c, plan.Change{ID: wrong.ID, Action: plan.Create, Want: &wrong})
	require.ErrorContains(t, r.Err, "(secret)", "the server quotes what it refuses")
	require.NotContains(t, r.Err.Error(), "hunter2")
	require.NotContains(t, c.Preview(t.Context(), []state.Object{wrong})[0].Invalid.Error(), "hunter2")

	ref.Key = "none"
	wrong.Tree = with(wrong.Tree, state.Secret(ref, state.Origin{}), "spec", "sessionAffinity")
	r = apply(t, c, plan.Change{ID: wrong.ID, Action: plan.Create, Want: &wrong})
	require.ErrorContains(t, r.Err, "no such key")
}

// What a chart writes into a Secret arrives as it is, is seen to differ, and is in no refusal.
func TestSealedTextsOnTheWire(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	secrets := schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	sealed := func(text string) state.Object {
		o := w.object(t, "{apiVersion: v1, kind: Secret, metadata: {name: sealed}, data: {password: x}}")
		o.Tree = with(o.Tree, state.Seal(text, state.Origin{}), "data", "password")
		return o
	}
	table := kinds.Of(w.id("Secret", "sealed"))
	o := sealed("aHVudGVyMi1odW50ZXIy") // hunter2-hunter2
	live := create(t, c, o)
	require.Equal(t, "aHVudGVyMi1odW50ZXIy", text(w.stored(t, secrets, "sealed"), "data", "password"))
	require.Empty(t, plan.Compare(o.Tree, live.Value, table))

	next := sealed("YW5vdGhlcg==")
	fields := plan.Compare(next.Tree, live.Value, table)
	require.Len(t, fields, 1)
	require.Equal(t, []any{"(sensitive)", "(sensitive)"}, []any{fields[0].Old, fields[0].New})
	preview := c.Preview(t.Context(), []state.Object{next})[0]
	require.NoError(t, preview.Unknown)
	require.Len(t, plan.Difference(live.Value, preview.Value, next.Tree, table), 1)
	require.NoError(t, apply(t, c, updateOf(next, live)).Err)
	require.Equal(t, "YW5vdGhlcg==", text(w.stored(t, secrets, "sealed"), "data", "password"))

	for _, quoted := range []string{"hunter2-hunter2", "aHVudGVyMi1odW50ZXIy"} {
		wrong := w.object(t, "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80}], sessionAffinity: None}}")
		wrong.Tree = with(wrong.Tree, state.Seal(quoted, state.Origin{}), "spec", "sessionAffinity")
		r := apply(t, c, plan.Change{ID: wrong.ID, Action: plan.Create, Want: &wrong})
		require.ErrorContains(t, r.Err, "(secret)", "the server quotes what it refuses")
		require.NotContains(t, r.Err.Error(), quoted)
	}
}
