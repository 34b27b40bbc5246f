package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// values is a tree with one of everything: its encoded and its secret part are those that leak or
// get lost most easily.
func values(origin Origin) Tree {
	return Map(map[string]Tree{
		"name":  Leaf("train", origin),
		"empty": Map(nil, origin),
		"none":  List(nil, origin),
		"pools": List([]Tree{Map(map[string]Tree{"count": Leaf(4, origin)}, Origin{}), Leaf(true, origin)}, Origin{}),
		"values": Encode(YAML, Map(map[string]Tree{
			"a.b":      Leaf(1.0, origin),
			"password": Secret(SecretRef{"ops", "db", "password"}, origin),
		}, Origin{})),
	}, origin)
}

var anywhere = Origin{Entity: "tenant/acme", Field: "cluster.train"}

func unresolved(SecretRef) (string, error) { return "", errors.New("no secret is needed here") }

// Every leaf is reached once, in one order, also inside what the wire sends as a string.
func TestLeavesReachEverywhereInOrder(t *testing.T) {
	var paths []string
	for path, leaf := range values(anywhere).Leaves() {
		paths = append(paths, path.String())
		require.Equal(t, anywhere, leaf.Origin(), path)
		found, ok := values(anywhere).Get(path)
		require.True(t, ok, path)
		require.Equal(t, leaf.Masked(), found.Masked(), path)
	}
	require.Equal(t, []string{"empty", "name", "none", "pools[0].count", "pools[1]", `values["a.b"]`, "values.password"}, paths)

	for path := range values(anywhere).Leaves() {
		require.Equal(t, "empty", path.String())
		break // leaving early is allowed
	}
}

func TestGetOfNothing(t *testing.T) {
	for _, path := range []Path{{"nothing"}, {"pools", "[2]"}, {"pools", "name"}, {"name", "deeper"}, {"values", "a"}, {"name", "[0]"}} {
		_, ok := values(anywhere).Get(path)
		require.False(t, ok, path)
	}
	whole, ok := values(anywhere).Get(nil)
	require.True(t, ok)
	require.Equal(t, values(anywhere).Digest(), whole.Digest())

	odd := Map(map[string]Tree{"[0]": Leaf("a key that looks like an index", anywhere)}, Origin{})
	found, ok := odd.Get(Path{"[0]"})
	require.True(t, ok)
	require.Equal(t, "a key that looks like an index", found.Value())
}

// The wire gets strings for encoded trees and the secret's value; a failure to read it is no value.
func TestPlainResolvesAndEncodes(t *testing.T) {
	plain, err := values(anywhere).Plain(func(r SecretRef) (string, error) { return "hunter2 of " + r.Name, nil })
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"name": "train", "empty": map[string]any{}, "none": []any{},
		"pools":  []any{map[string]any{"count": int64(4)}, true},
		"values": "a.b: 1\npassword: hunter2 of db\n",
	}, plain)

	inner := Encode(JSON, List([]Tree{Leaf(1, anywhere)}, Origin{}))
	plain, err = inner.Plain(unresolved)
	require.NoError(t, err)
	require.Equal(t, "[1]", plain)

	gone := errors.New("secret ops/db is not there")
	for _, tree := range []Tree{values(anywhere), List([]Tree{values(anywhere)}, Origin{}), Encode(YAML, values(anywhere))} {
		_, err = tree.Plain(func(SecretRef) (string, error) { return "", gone })
		require.ErrorIs(t, err, gone)
	}
}

// What may be printed holds the secret's name, never a value, also inside encoded trees.
func TestMaskedNamesSecrets(t *testing.T) {
	masked, ok := values(anywhere).Masked().(map[string]any)
	require.True(t, ok)
	require.Equal(t, map[string]any{"a.b": int64(1), "password": "(secret ops/db[password])"}, masked["values"])
	require.Equal(t, []any{map[string]any{"count": int64(4)}, true}, masked["pools"])
}

// Where a value was written is not part of it: a moved line is no change anywhere.
func TestDigestIgnoresOrigins(t *testing.T) {
	moved := Origin{Entity: "policy", Field: "x", Note: "moved"}
	require.Equal(t, values(anywhere).Digest(), values(moved).Digest())
	require.Equal(t, values(anywhere).Masked(), values(moved).Masked())

	for name, change := range map[string]func(map[string]Tree){
		"a value":     func(m map[string]Tree) { m["name"] = Leaf("infer", anywhere) },
		"a type":      func(m map[string]Tree) { m["name"] = Leaf(true, anywhere) },
		"a key":       func(m map[string]Tree) { m["more"] = Leaf(nil, anywhere) },
		"one fewer":   func(m map[string]Tree) { delete(m, "none") },
		"list or map": func(m map[string]Tree) { m["none"] = Map(nil, anywhere) },
		"the secret": func(m map[string]Tree) {
			m["values"] = Encode(YAML, Map(map[string]Tree{
				"a.b": Leaf(1, anywhere), "password": Secret(SecretRef{"ops", "db", "other"}, anywhere)}, Origin{}))
		},
	} {
		fields := map[string]Tree{}
		all, _ := values(anywhere).Fields()
		for _, f := range all {
			fields[f.Key] = f.Tree
		}
		require.Equal(t, values(anywhere).Digest(), Map(fields, anywhere).Digest())
		change(fields)
		require.NotEqual(t, values(anywhere).Digest(), Map(fields, anywhere).Digest(), name)
	}
}

// A number is one value whatever decoded it; no size turns into another number.
func TestNumbersHaveOneForm(t *testing.T) {
	for _, one := range []any{1, int8(1), int16(1), int32(1), int64(1), uint(1), uint8(1), uint16(1), uint32(1), uint64(1), float32(1), 1.0, json.Number("1"), json.Number("1.0")} {
		require.Equal(t, int64(1), Scalar(one), "%T", one)
	}
	require.Equal(t, 1.5, Scalar(float32(1.5)))
	require.Equal(t, 1.5, Scalar(json.Number("1.5")))
	require.Equal(t, int64(0), Scalar(math.Copysign(0, -1)))
	require.Equal(t, int64(-3), Scalar(-3.0))
	require.Equal(t, float64(1<<60), Scalar(float64(1<<60)), "beyond 2^53 a float may stand for several integers")
	require.Equal(t, int64(1<<60), Scalar(int64(1<<60)))
	require.Equal(t, float64(1<<63), Scalar(uint64(1<<63)), "what does not fit is not wrapped round")
	require.Equal(t, "1", Scalar("1"), "a string of digits stays a string")
	require.Nil(t, Scalar(nil))
}

// What encoding/json and sigs.k8s.io/yaml decode becomes a tree and comes back as it was.
func TestFromPlainComesBack(t *testing.T) {
	plain := map[string]any{"a": []any{int64(1), "x", nil, map[string]any{}}, "b": map[string]any{"c": 1.5}, "d": []any{}}
	tree := FromPlain(plain, anywhere)
	back, err := tree.Plain(unresolved)
	require.NoError(t, err)
	require.Equal(t, plain, back)
	for path, leaf := range tree.Leaves() {
		require.Equal(t, anywhere, leaf.Origin(), path)
	}
}

// A sealed text reaches the wire and nothing else: not what is printed on purpose, nor what is printed
// by accident, nor a digest from which it could be guessed.
func TestSealedTextsGoNowhereElse(t *testing.T) {
	const leak = "hunter2"
	sealed := func(text string) Tree {
		return Map(map[string]Tree{"values": Encode(YAML, Map(map[string]Tree{"password": Seal(text, anywhere)}, Origin{}))}, Origin{})
	}
	tree := sealed(leak)
	leaf, ok := tree.Get(Path{"values", "password"})
	require.True(t, ok)
	text, ok := leaf.Sealed()
	require.True(t, ok)
	require.Equal(t, leak, text)
	_, ok = Leaf(leak, anywhere).Sealed()
	require.False(t, ok)
	plain, err := tree.Plain(unresolved)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"values": "password: hunter2\n"}, plain)

	require.Equal(t, map[string]any{"values": map[string]any{"password": "(secret)"}}, tree.Masked())
	require.Equal(t, sealed("another").Digest(), tree.Digest())
	require.NotEqual(t, sealed("").Digest(), Map(map[string]Tree{"values": Encode(YAML, Map(nil, Origin{}))}, Origin{}).Digest())
	encoded, err := json.Marshal([]any{tree}) // as part of something that is written out
	require.NoError(t, err)
	for path, leaf := range tree.Leaves() {
		require.Equal(t, "values.password", path.String())
		require.Equal(t, anywhere, leaf.Origin())
		require.Nil(t, leaf.Value())
	}
	o := Object{Tree: tree}
	for _, shown := range []string{string(encoded), fmt.Sprint(tree), fmt.Sprintf("%+v", tree), fmt.Sprintf("%#v", o), fmt.Sprintf("%v", &o)} {
		require.NotContains(t, shown, leak)
	}
}
