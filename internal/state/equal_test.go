package state

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Two trees are equal if and only if their digests are, however they were made.
func TestEqualIsWhatDigestsSay(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test is to repeat itself
	var tree func(depth int, o Origin) Tree
	tree = func(depth int, o Origin) Tree {
		switch n := random.IntN(8); {
		case n < 3 || depth == 0:
			return Leaf([]any{nil, "a", "b", 1, true, 1.5}[random.IntN(6)], o)
		case n < 5:
			items := make([]Tree, random.IntN(3))
			for i := range items {
				items[i] = tree(depth-1, o)
			}
			return List(items, o)
		case n == 5:
			return Secret(SecretRef{Namespace: "a", Name: []string{"b", "c"}[random.IntN(2)], Key: "d"}, o)
		}
		fields := map[string]Tree{}
		for range random.IntN(3) {
			fields[[]string{"x", "y"}[random.IntN(2)]] = tree(depth-1, o)
		}
		return Map(fields, o)
	}
	var all []Tree
	for range 300 {
		all = append(all, tree(2, Origin{Entity: "machine/a"}))
	}
	equal := 0
	for i, a := range all {
		for j, b := range all {
			require.Equal(t, a.Digest() == b.Digest(), a.Equal(b), "%v and %v", a.Masked(), b.Masked())
			if i != j && a.Equal(b) {
				equal++
			}
		}
	}
	require.Greater(t, equal, 100, "the sample has few equals")
	inner := FromPlain(map[string]any{"a": 1}, Origin{})
	require.True(t, Encode(YAML, inner).Equal(Encode(YAML, FromPlain(map[string]any{"a": 1.0}, Origin{Entity: "x"}))))
	require.False(t, Encode(YAML, inner).Equal(Encode(JSON, inner)), "they are written otherwise")
	require.False(t, Encode(YAML, inner).Equal(inner))
}
