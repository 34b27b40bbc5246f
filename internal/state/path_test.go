package state

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// Paths are written as people write them, and read back as they were.
func TestPathsReadBackAsPrinted(t *testing.T) {
	for text, p := range map[string]Path{
		"":                               nil,
		"spec.bmc.address":               {"spec", "bmc", "address"},
		"nodeTypes[0].name":              {"nodeTypes", "[0]", "name"},
		`labels["a.b/c"]`:                {"labels", "a.b/c"},
		`[1][2]`:                         {"[1]", "[2]"},
		`a[""]`:                          {"a", ""},
		`a["[x]"].b`:                     {"a", "[x]", "b"},
		`quotas["say \"so\""]`:           {"quotas", `say "so"`},
		"nodeclaims.provider=metal3":     {"nodeclaims", "provider=metal3"},
		`["nodeclaims.provider=metal3"]`: {"nodeclaims.provider=metal3"},
	} {
		require.Equal(t, text, p.String())
		back, err := ParsePath(p.String())
		require.NoError(t, err, text)
		require.Empty(t, cmp.Diff(p, back), text)
	}
}

// The keys that CUE has in quotes may stand so in a path, too.
func TestPathsAsInCUE(t *testing.T) {
	for text, want := range map[string]Path{
		`labels."a.b/c"`: {"labels", "a.b/c"},
		`"a.b"[0].c`:     {"a.b", "[0]", "c"},
		`a."b c".d`:      {"a", "b c", "d"},
	} {
		p, err := ParsePath(text)
		require.NoError(t, err, text)
		require.Equal(t, want, p)
	}
}

func TestParsePathRefuses(t *testing.T) {
	for text, why := range map[string]string{
		".a":                      "empty key",
		"a.":                      "empty key",
		"a..b":                    "empty key",
		"a[x]":                    "no number",
		"a[-1]":                   "no number",
		"a[":                      "no number",
		"a[]":                     "no number",
		`a["x`:                    "not closed",
		`a["x"`:                   "not closed",
		`a["\q"]`:                 "not closed",
		`a."x`:                    "not closed",
		`a."x"y`:                  "not closed",
		"a[99999999999999999999]": "no number",
	} {
		_, err := ParsePath(text)
		require.ErrorContains(t, err, why, text)
	}
}

// Two branches that grow from one path never write into each other.
func TestJoinSharesNoMemory(t *testing.T) {
	root := make(Path, 1, 8)
	root[0] = "spec"
	a, b := root.Join("a"), root.Join("b")
	require.Equal(t, Path{"spec", "a"}, a)
	require.Equal(t, Path{"spec", "b"}, b)
	require.True(t, a.HasPrefix(root))
	require.False(t, a.HasPrefix(b))
	require.False(t, root.HasPrefix(a))
}

// Whatever is accepted prints in a form that means the same.
func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"spec.bmc", "a[0].b", `a["x.y"][3]`, `[""]`, `a["\u00e9"]`, "a.[0]", `a."b.c"[1]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			return
		}
		back, err := ParsePath(p.String())
		if err != nil {
			t.Fatalf("%q became %q, which is refused: %v", s, p, err)
		}
		if diff := cmp.Diff(p, back); diff != "" {
			t.Fatalf("%q reads back otherwise: %s", s, diff)
		}
	})
}
