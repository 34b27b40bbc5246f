package diag

import (
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

// A place is written as editors and forges read it, and a finding without one does not invent any.
func TestPositionsReadAsEditorsExpect(t *testing.T) {
	for want, p := range map[string]Pos{
		"-":           {},
		"a.cue":       {File: "a.cue"},
		"a.cue:3":     {File: "a.cue", Line: 3},
		"a.cue:3:7":   {File: "a.cue", Line: 3, Column: 7},
		"schema/x:10": {File: "schema/x", Line: 10},

		"schema://x.cue:10": {File: BuiltIn + "x.cue", Line: 10},
	} {
		require.Equal(t, want, p.String())
	}
	require.False(t, fs.ValidPath(BuiltIn+"x.cue"), "a file of a repository could have the name of a built-in one")
	require.True(t, Pos{File: BuiltIn + "x.cue"}.IsBuiltIn())
	require.False(t, Pos{File: "schema/x.cue"}.IsBuiltIn())
	require.False(t, Pos{}.IsValid())
	require.True(t, Pos{File: "a.cue"}.IsValid())
}

func TestErrorIsOneLine(t *testing.T) {
	d := Diagnostic{Code: "MW203", Summary: "two pools claim gpu-001", Pos: Pos{"a.cue", 3, 7}, Hint: "never here"}
	require.Equal(t, "a.cue:3:7: error: two pools claim gpu-001  [MW203]", d.Error())
	require.Equal(t, "warning: odd", Diagnostic{Severity: Warning, Summary: "odd"}.Error())
	require.Equal(t, "warning: odd\nerror: bad", List{{Severity: Warning, Summary: "odd"}, {Summary: "bad"}}.Error())
}

// Warnings alone never stop a commit, and one error among them always does.
func TestOnlyErrorsStop(t *testing.T) {
	require.NoError(t, List(nil).Err())
	require.NoError(t, List{{Severity: Warning}}.Err())
	require.Error(t, List{{Severity: Warning}, {Severity: Error}}.Err())
}

// Two runs show the same findings in the same order, each once; what differs in anything but where it
// was noticed first stays.
func TestSortIsStableAndDropsRepetitions(t *testing.T) {
	a := Diagnostic{Code: "MW1", Summary: "a", Pos: Pos{"a.cue", 2, 1}}
	b := Diagnostic{Code: "MW1", Summary: "b", Pos: Pos{"a.cue", 10, 1}}
	c := Diagnostic{Code: "MW2", Summary: "a", Pos: Pos{"a.cue", 10, 1}}
	d := Diagnostic{Code: "MW1", Summary: "a", Pos: Pos{"b.cue", 1, 1}, Path: "machine/x"}
	e := Diagnostic{Code: "MW1", Summary: "a", Pos: Pos{"b.cue", 1, 1}, Path: "machine/y"}
	require.Equal(t, List{a, b, c, d, e}, List{e, c, a, d, b, a, c}.Sort())
}

func TestJSONNamesNoEmptyPlace(t *testing.T) {
	text, err := json.Marshal(Diagnostic{Code: "MW1", Summary: "x"})
	require.NoError(t, err)
	require.JSONEq(t, `{"code":"MW1","summary":"x","pos":{}}`, string(text))
}
