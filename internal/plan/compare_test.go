package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

type m = map[string]any

// Only named fields count, in whatever number form they come, and each difference has its own path.
func TestCompare(t *testing.T) {
	table := kinds.Table{
		Sets:       []string{"tags", "nested[*].tags"},
		Keys:       map[string]string{"vnets": "postfix"},
		CreateOnly: []string{"spec.online"},
	}
	for name, c := range map[string]struct {
		want, live m
		differs    []string
	}{
		"the same":                  {want: m{"a": 1, "b": m{"c": "x"}}, live: m{"a": 1.0, "b": m{"c": "x"}}},
		"fields of others":          {want: m{"a": 1}, live: m{"a": 1, "z": m{"more": true}}},
		"a value":                   {want: m{"a": 1}, live: m{"a": 2}, differs: []string{"a"}},
		"text is no number":         {want: m{"a": "1"}, live: m{"a": 1}, differs: []string{"a"}},
		"a value gone":              {want: m{"b": m{"c": 1}}, live: m{"b": m{}}, differs: []string{"b.c"}},
		"a map gone":                {want: m{"b": m{"c": 1, "d": 2}}, live: m{}, differs: []string{"b"}},
		"a map is now text":         {want: m{"b": m{"c": 1}}, live: m{"b": "x"}, differs: []string{"b"}},
		"text is now a map":         {want: m{"b": "x"}, live: m{"b": m{"c": 1}}, differs: []string{"b"}},
		"null and nothing":          {want: m{"a": nil}, live: m{}},
		"several":                   {want: m{"b": 1, "a": 1, "c": 1}, live: m{"b": 2, "a": 2, "c": 1}, differs: []string{"a", "b"}},
		"list in order":             {want: m{"l": []any{1, 2}}, live: m{"l": []any{1, 2}}},
		"list out of order":         {want: m{"l": []any{1, 2}}, live: m{"l": []any{2, 1}}, differs: []string{"l[0]", "l[1]"}},
		"list of another length":    {want: m{"l": []any{1}}, live: m{"l": []any{1, 2}}, differs: []string{"l"}},
		"list gone":                 {want: m{"l": []any{1}}, live: m{}, differs: []string{"l"}},
		"no items wanted, some":     {want: m{"l": []any{}}, live: m{"l": []any{1}}, differs: []string{"l"}},
		"no items wanted, none":     {want: m{"l": []any{}}, live: m{"l": []any{}}},
		"set out of order":          {want: m{"tags": []any{"a", "b"}}, live: m{"tags": []any{"b", "a"}}},
		"set with another":          {want: m{"tags": []any{"a"}}, live: m{"tags": []any{"b"}}, differs: []string{"tags"}},
		"set counts repetitions":    {want: m{"tags": []any{"a", "a", "b"}}, live: m{"tags": []any{"a", "b", "b"}}, differs: []string{"tags"}},
		"set tells text from digit": {want: m{"tags": []any{"1"}}, live: m{"tags": []any{1}}, differs: []string{"tags"}},
		"set of maps":               {want: m{"tags": []any{m{"n": 1}, m{"n": 2}}}, live: m{"tags": []any{m{"n": 2.0}, m{"n": 1}}}},
		"set of maps that print alike": {
			want: m{"tags": []any{m{"a": "x b:y"}}}, live: m{"tags": []any{m{"a": "x", "b": "y"}}}, differs: []string{"tags"}},
		"set within a list": {want: m{"nested": []any{m{"tags": []any{1, 2}}}}, live: m{"nested": []any{m{"tags": []any{2, 1}}}}},
		"keyed out of order": {
			want: m{"vnets": []any{m{"postfix": "a", "x": 1}, m{"postfix": "b", "x": 2}}},
			live: m{"vnets": []any{m{"postfix": "b", "x": 2, "id": 8}, m{"postfix": "a", "x": 1, "id": 7}}}},
		"keyed and changed": {
			want: m{"vnets": []any{m{"postfix": "a", "x": 1}, m{"postfix": "b", "x": 2}}},
			live: m{"vnets": []any{m{"postfix": "b", "x": 3}, m{"postfix": "a", "x": 1}}}, differs: []string{"vnets[1].x"}},
		"keyed and exchanged": {
			want: m{"vnets": []any{m{"postfix": "a"}}}, live: m{"vnets": []any{m{"postfix": "c"}}}, differs: []string{"vnets[0]"}},
		"written once":                {want: m{"spec": m{"online": false, "b": 1}}, live: m{"spec": m{"online": true, "b": 1}}},
		"written once, and not there": {want: m{"spec": m{"online": false}}, live: nil, differs: []string{"spec"}},
	} {
		t.Run(name, func(t *testing.T) {
			var differs []string
			for _, f := range Compare(tree(c.want), c.live, table) {
				differs = append(differs, f.Name)
				require.Equal(t, origin, f.Origin, f.Name)
			}
			require.Equal(t, c.differs, differs)
		})
	}
}

// A chart's values are sent as text and compared as what they say.
func TestCompareReachesIntoEncodedTrees(t *testing.T) {
	want := state.Map(map[string]state.Tree{"values": state.Encode(state.YAML, tree(m{"a": 1, "b": m{"c": 2}}))}, state.Origin{})
	require.Empty(t, Compare(want, m{"values": m{"a": 1, "b": m{"c": 2}, "d": 3}}, kinds.Table{}))
	fields := Compare(want, m{"values": m{"a": 1, "b": m{"c": 3}}}, kinds.Table{})
	require.Len(t, fields, 1)
	require.Equal(t, "values.b.c", fields[0].Name)
}

// No value of a secret, literal or referred to, is in what is printed or stored of a plan: not when
// it is new, changed or gone, nor within something larger, nor as the target previews it.
func TestSecretsAreNeverPrinted(t *testing.T) {
	const leak = "hunter2"
	table := kinds.Of(id(t, "kubernetes/acme.train/Secret/ops/db"))
	deep := kinds.Table{Sensitive: []string{"spec.user[*].password"}}
	only := func(key string, value state.Tree) state.Tree {
		return state.Map(map[string]state.Tree{key: value}, state.Origin{})
	}
	secret := only("spec", only("values", state.Encode(state.YAML,
		only("password", state.Secret(state.SecretRef{Namespace: "ops", Name: "db", Key: "password"}, origin)))))
	sealed := only("spec", only("password", state.Seal(leak, origin)))
	for name, fields := range map[string][]Field{
		"created":           Compare(tree(m{"data": m{"password": leak}}), nil, table),
		"changed":           Compare(tree(m{"data": m{"password": leak}}), m{"data": m{"password": leak + "3"}}, table),
		"all of it":         Compare(tree(m{"stringData": m{"password": leak}}), m{"stringData": leak}, table),
		"within a list":     Compare(tree(m{"spec": m{"user": []any{m{"password": leak}}}}), m{"spec": m{"user": []any{}}}, deep),
		"within a map":      Compare(tree(m{"spec": m{"user": []any{m{"password": leak}}}}), m{}, deep),
		"previewed":         Difference(m{"data": m{"password": leak}}, m{"data": m{"password": leak + "3"}}, tree(m{"data": m{"password": leak}}), table),
		"previewed gone":    Difference(m{"data": m{"password": leak}}, m{}, tree(m{}), table),
		"reference":         Compare(secret, m{"spec": m{"values": m{}}}, kinds.Table{}),
		"reference whole":   Compare(secret, m{"spec": leak}, kinds.Table{}),
		"reference list":    Compare(state.List([]state.Tree{secret}, state.Origin{}), nil, kinds.Table{}),
		"reference preview": Difference(m{"spec": m{"values": m{"password": leak}}}, m{"spec": m{"values": m{"password": leak + "3"}}}, secret, kinds.Table{}),
		"reference as text": Difference(m{"spec": m{"values": leak}}, m{"spec": m{"values": m{"password": leak}}}, secret, kinds.Table{}),
		"sealed":            Compare(sealed, m{"spec": m{"password": leak + "3"}}, kinds.Table{}),
		"sealed whole":      Compare(sealed, m{"spec": leak}, kinds.Table{}),
		"sealed and new":    Compare(sealed, nil, kinds.Table{}),
		"sealed preview":    Difference(m{"spec": m{"password": leak + "3"}}, m{"spec": m{"password": leak}}, sealed, kinds.Table{}),
		"reference in more": Difference(m{"spec": leak}, m{"spec": m{"values": m{"password": leak}}}, secret, kinds.Table{}),
	} {
		require.NotEmpty(t, fields, name)
		text, err := json.Marshal(fields)
		require.NoError(t, err)
		require.NotContains(t, string(text), leak, name)
		for _, f := range fields {
			require.True(t, f.Sensitive, name)
		}
	}
	require.Empty(t, Compare(secret, m{"spec": m{"values": m{"password": leak}}}, kinds.Table{}), "its value is not known here")
	require.Empty(t, Compare(sealed, m{"spec": m{"password": leak}}, kinds.Table{}))
}

// What the target would add, take away or write otherwise is told, and where we named it also why.
func TestDifferenceIsWhatTheTargetSays(t *testing.T) {
	fields := Difference(
		m{"a": 1, "b": 2, "gone": "x", "same": []any{1, m{"x": 1.0}}, "l": []any{1}},
		m{"a": 1.0, "b": 3, "added": true, "same": []any{1, m{"x": 1}}, "l": []any{1, 2}},
		tree(m{"a": 1, "b": 3}), kinds.Table{})
	var told []string
	for _, f := range fields {
		told = append(told, f.Name)
		if f.Name == "b" {
			require.Equal(t, origin, f.Origin)
			require.EqualValues(t, 2, f.Old)
			require.EqualValues(t, 3, f.New)
		}
	}
	require.Equal(t, "added b gone l", strings.Join(told, " "))
}
