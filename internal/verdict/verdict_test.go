package verdict_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/verdict"
)

func set(t *testing.T, names ...string) state.Set {
	t.Helper()
	var objects []state.Object
	for _, n := range names {
		objects = append(objects, state.Object{ID: state.ID{Target: state.Target{System: state.Netris, Name: "dc1"}, Kind: "vpc", Name: n}})
	}
	s, err := state.NewSet(objects, nil)
	require.NoError(t, err)
	return s
}

// A verdict with some objects replaced is the verdict on the tree that has the others; an object that would be there
// twice, or that is to go and is not there, means that it is not known whether the tree is right.
func TestReplace(t *testing.T) {
	v := verdict.Of(set(t, "a", "b", "c"))
	for _, c := range []struct {
		without, with, want []string
	}{
		{nil, nil, []string{"a", "b", "c"}},
		{[]string{"b"}, []string{"b", "d"}, []string{"a", "b", "c", "d"}},
		{[]string{"a", "c"}, nil, []string{"b"}},
		{nil, []string{"c"}, nil},
		{[]string{"a"}, []string{"b"}, nil},
		{[]string{"z"}, nil, nil},
	} {
		got, ok := v.Replace(set(t, c.without...), set(t, c.with...))
		require.Equal(t, c.want != nil, ok, "%v", c)
		if ok {
			require.Equal(t, verdict.Of(set(t, c.want...)), got)
		}
	}
}

// What was put is there for the next process, the oldest goes first, and a file that is damaged is none.
func TestStore(t *testing.T) {
	dir := t.TempDir()
	key := func(i int) verdict.Key { return verdict.KeyOf("tree", string(rune('a'+i))) }
	warned := verdict.Verdict{Summary: "valid", Found: diag.List{{Severity: diag.Warning, Code: "MW307", Summary: "s", Pos: diag.Pos{File: "f", Line: 1}}}}
	for i := range 10 {
		s := verdict.Open(dir)
		s.Put(key(i), warned)
	}
	s := verdict.Open(dir)
	got, ok := s.Get(key(9))
	require.True(t, ok)
	require.Equal(t, warned, got)
	_, ok = s.Get(key(0))
	require.False(t, ok, "it grows for ever")
	_, ok = s.Get(verdict.KeyOf("treea"))
	require.False(t, ok)

	file := filepath.Join(dir, "verdicts.pack")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	data[len(data)-1] ^= 1
	require.NoError(t, os.WriteFile(file, data, 0o600))
	_, ok = verdict.Open(dir).Get(key(9))
	require.False(t, ok)

	none := verdict.Open("")
	none.Put(key(1), warned)
	_, ok = none.Get(key(1))
	require.False(t, ok)
}
