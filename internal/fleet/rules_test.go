package fleet

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/diag"
)

// withRules is the small correct fleet with a file of rules.
func withRules(t testing.TB, text string) fstest.MapFS {
	t.Helper()
	fsys := fixture(t, &txtar.Archive{})
	fsys["policy/rules/rules.cue"] = &fstest.MapFile{Data: []byte("package rules\n\nimport (\n\t\"list\"\n\t\"strconv\"\n\n\t\"millwright.dev/fleet\"\n)\n\n#plan: fleet.#Plan\n_used: [list.MaxItems, strconv.Quote]\n\n" + text)}
	return fsys
}

// verdictsOf is what rules of a fleet say to a plan.
func verdictsOf(t *testing.T, rules, plan string, limits Limits) map[string]Verdict {
	t.Helper()
	l := NewLoader(Options{Worker: worker, Limits: limits})
	t.Cleanup(l.Close)
	f, list := l.Load(t.Context(), withRules(t, rules))
	require.Empty(t, printed(list))
	all, err := f.Rules().Judge(t.Context(), []byte(plan))
	require.NoError(t, err)
	out := map[string]Verdict{}
	for _, v := range all {
		require.NotContains(t, out, v.Rule)
		require.True(t, v.Pos.IsValid(), "a rule has a place")
		out[v.Rule] = v
	}
	return out
}

const nobody = `rule: "nobody": fleet.#Rule & {
	says: "no tenant is touched"
	deny: [for t in #plan.tenants {at: "tenant/\(t.name)", why: "it is touched"}]
}
`

// A rule that cannot be evaluated over a plan denies it, whatever the reason, and takes no other rule with it.
func TestRulesThatFail(t *testing.T) {
	for name, rule := range map[string]string{
		"a label that is not there":   `{says: "x", deny: [for t in #plan.tenants if t.labels.tier == "gold" {at: t.name, why: "x"}]}`,
		"a field that is not there":   `{says: "x", deny: [for t in #plan.tenants if t.colour == "red" {at: t.name, why: "x"}]}`,
		"a contradiction":             `{says: "x", _n: len(#plan.tenants), _n: 0}`,
		"a sentence that is missing":  `{says: "x", deny: [for t in #plan.tenants {at: t.name, why: ""}]}`,
		"no list":                     `{says: "x", if len(#plan.tenants) > 0 {deny: "all"}}`,
		"a sentence of its own":       `{if len(#plan.tenants) == 0 {says: "x"}}`,
		"a panic within CUE":          `{says: "x", deny: [for t in #plan.tenants {at: t.name, why: strconv.FormatUint(1, 99)}]}`,
		"a division by zero":          `{says: "x", deny: [for t in #plan.tenants {at: t.name, why: "\(1/t.gpus.was)"}]}`,
		"an index beyond the end":     `{says: "x", deny: [for t in #plan.tenants {at: t.name, why: #plan.reboots[0]}]}`,
		"a plan that it will not see": `{says: "x", _p: #plan & {tenants: []}}`,
	} {
		t.Run(name, func(t *testing.T) {
			got := verdictsOf(t, nobody+`rule: "fails": fleet.#Rule & `+rule, `{"tenants": [{"name": "acme"}]}`, Limits{})
			require.Error(t, got["fails"].Failed.Err())
			require.Empty(t, got["fails"].Deny)
			require.Equal(t, "MW382", got["fails"].Failed[0].Code)
			require.Equal(t, "policy/rules/rules.cue", got["fails"].Failed[0].Pos.File, printed(got["fails"].Failed))
			require.Equal(t, []Denial{{At: "tenant/acme", Why: "it is touched"}}, got["nobody"].Deny)
			require.NoError(t, got["nobody"].Failed.Err())
		})
	}
}

// What only costs over some plan is stopped by the limits, and no rule passes for it.
func TestRulesThatNeverEnd(t *testing.T) {
	for name, rule := range map[string]string{
		"loops":   `{says: "x", deny: [for t in #plan.tenants for a in list.Range(0, 100000, 1) for b in list.Range(0, 100000, 1) if a*b < 0 {at: t.name, why: "x"}]}`,
		"strings": `{says: "x", _s: [for t in #plan.tenants {"0123456789"}], _s0: "\(_s)", if len(#plan.tenants) > 0 {` + strings.TrimSuffix(strings.ReplaceAll(repeat(30, "_s%[2]d: _s%[1]d + _s%[1]d\n"), "\n", ", "), ", ") + `, deny: [{at: "plan", why: _s30}]}}`,
		"denials": `{says: "x", deny: [for t in #plan.tenants for a in list.Range(0, 3000, 1) {at: t.name, why: "x"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			rule = strings.ReplaceAll(rule, `_s0: "\(_s)"`, `_s0: "0123456789"`)
			got := verdictsOf(t, nobody+`rule: "endless": fleet.#Rule & `+rule, `{"tenants": [{"name": "acme"}]}`, Limits{CPUSeconds: 1, Memory: 1 << 30, Nodes: 2000})
			require.Len(t, got, 2)
			require.Error(t, got["endless"].Failed.Err(), got)
			require.True(t, got["nobody"].Failed.Err() != nil || len(got["nobody"].Deny) == 1)
		})
	}
}

// Rules see the plan and nothing else: no file, no program, no variable, no package from elsewhere.
func TestRulesReadNothingElse(t *testing.T) {
	for text, code := range map[string]string{
		"package rules\n\nimport \"tool/file\"\n":                                                    "MW102",
		"package rules\n\nimport \"example.com/other\"\n":                                            "MW102",
		"@extern(embed)\n\npackage rules\n\n_x: string @embed(file=\"../../cue.mod/module.cue\")\n":  "MW103",
		"package rules\n\n_user: string @tag(user,var=username)\n":                                   "MW103",
		"package rules\n\n_x: [for i in _y {i}]\n_y: [for i in _x {i+1}]\nrule: a: says: \"\\(_x)\"": "MW1",
	} {
		for _, name := range []string{"policy/rules/more.cue", "policy/rules/more_test.cue"} {
			fsys := withRules(t, nobody)
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
			l := NewLoader(Options{Worker: worker})
			rules, list := l.Rules(t.Context(), fsys)
			if list.Err() == nil {
				var err error
				_, list, err = rules.Try(t.Context())
				require.NoError(t, err)
			}
			require.Contains(t, printed(list), code, text)
			require.Contains(t, printed(list), name, text)
			l.Close()
		}
	}
	fsys := withRules(t, nobody)
	fsys["policy/rules/link_test.cue"] = &fstest.MapFile{Data: []byte("/etc/passwd"), Mode: fs.ModeSymlink | 0o777}
	l := NewLoader(Options{Worker: worker})
	defer l.Close()
	rules, list := l.Rules(t.Context(), fsys)
	require.Empty(t, list)
	_, list, err := rules.Try(t.Context())
	require.NoError(t, err)
	require.Contains(t, printed(list), "policy/rules/link_test.cue: error: not a regular file")
}

// Rules are no part of what a fleet is: it has the same entities with and without them, and they are the same as
// long as their files are.
func TestRulesAreNoEntities(t *testing.T) {
	l := NewLoader(Options{})
	defer l.Close()
	load := func(fsys fs.FS) *Fleet {
		f, list := l.Load(t.Context(), fsys)
		require.Empty(t, printed(list))
		return f
	}
	without, with := load(fixture(t, &txtar.Archive{})), load(withRules(t, nobody))
	require.Equal(t, without.Entities(), with.Entities())
	require.Nil(t, without.Rules())
	require.Len(t, with.Rules().All(), 1)
	require.Equal(t, "no tenant is touched", with.Rules().All()[0].Says)
	require.Equal(t, diag.Pos{File: "policy/rules/rules.cue", Line: 13, Column: 7}, with.Rules().All()[0].Pos)

	require.True(t, with.Rules().Same(load(withRules(t, nobody)).Rules()))
	require.False(t, with.Rules().Same(load(withRules(t, nobody+"// other\n")).Rules()))
	require.False(t, with.Rules().Same(nil))
	require.True(t, (*Rules)(nil).Same(load(withRules(t, "")).Rules()), "no rules are no rules")
	verdicts, err := without.Rules().Judge(t.Context(), []byte("{}"))
	require.NoError(t, err)
	require.Empty(t, verdicts)
}

// A rule that is there for some plans only is judged when it is, and blocks when it is not.
func TestRulesThatComeAndGo(t *testing.T) {
	got := verdictsOf(t, `rule: {
	if len(#plan.tenants) == 0 {"early": fleet.#Rule & {says: "x"}}
	if len(#plan.tenants) > 0 {"late": fleet.#Rule & {says: "y", deny: [{at: "plan", why: "it is late"}]}}
}
`, `{"tenants": [{"name": "acme"}]}`, Limits{})
	require.Len(t, got, 2)
	require.Contains(t, printed(got["early"].Failed), "the rule is not there for this plan  [MW382]")
	require.Equal(t, []Denial{{At: "plan", Why: "it is late"}}, got["late"].Deny)
}

// The Go types of rules and their tests know every field of the schema.
func TestTypesKnowTheRules(t *testing.T) {
	compareFields(t, []string{"rule", "a"}, reflect.TypeFor[Rule]())
	for _, f := range []string{"plan", "denied"} {
		require.Contains(t, allowed([]string{"test", "a"}).names, f)
	}
	require.Len(t, allowed([]string{"test", "a"}).names, reflect.TypeFor[ruleTest]().NumField())
}
