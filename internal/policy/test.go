package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
)

// Outcome is what came of trying rules.
type Outcome struct {
	Rules int `json:"rules"`
	Tests int `json:"tests"`
}

// Test tries rules with the tests that lie beside them: each has to deny what its test says and nothing else.
// A rule that no test sees denying anything is a warning, since nothing shows that it can. The error is that
// of ctx or of the machine.
func Test(ctx context.Context, rules *fleet.Rules) (Outcome, diag.List, error) {
	trials, found, err := rules.Try(ctx)
	out := Outcome{Rules: len(rules.All()), Tests: len(trials)}
	if err != nil || found.Err() != nil {
		return out, found, err
	}
	denied := map[string]bool{}
	for _, t := range trials {
		found = append(found, differences(t)...)
		for rule := range t.Denied {
			denied[rule] = true
		}
	}
	for _, rule := range rules.All() {
		if !denied[rule.Name] {
			found = append(found, diag.Diagnostic{
				Severity: diag.Warning, Code: "MW385", Summary: fmt.Sprintf("no test shows that the rule %s denies anything", rule.Name), Path: "rule/" + rule.Name, Pos: rule.Pos,
				Hint: "write one into a file " + fleet.RulesDir + "/…_test.cue",
			})
		}
	}
	return out, found.Sort(), nil
}

// differences are what rules say otherwise than a test wants.
func differences(t fleet.Trial) diag.List {
	var list diag.List
	report := func(v fleet.Verdict, format string, args ...any) {
		d := diag.Diagnostic{Code: "MW384", Summary: fmt.Sprintf("test %q: ", t.Test) + fmt.Sprintf(format, args...), Path: "test/" + t.Test, Pos: t.Pos}
		if v.Pos.IsValid() {
			d.Related = []diag.Related{{Pos: v.Pos, Message: "the rule"}}
			d.Hint = v.Says
		}
		list = append(list, d)
	}
	there := map[string]bool{}
	for _, v := range t.Verdicts {
		there[v.Rule] = true
		if v.Failed.Err() != nil {
			list = append(list, v.Failed...)
			report(v, "rule %s fails", v.Rule)
			continue
		}
		has, wants := addresses(v), slices.Sorted(slices.Values(t.Denied[v.Rule]))
		wants = slices.Compact(wants)
		for _, at := range has {
			if !slices.Contains(wants, at) {
				report(v, "rule %s denies %s, which it should allow: %s", v.Rule, at, why(v, at))
			}
		}
		for _, at := range wants {
			if !slices.Contains(has, at) {
				report(v, "rule %s allows %s, which it should deny", v.Rule, at)
			}
		}
	}
	for rule := range fleet.All(t.Denied) {
		if !there[rule] {
			report(fleet.Verdict{}, "there is no rule %s", rule)
		}
	}
	return list
}

// addresses are those that a rule denies, sorted, each once.
func addresses(v fleet.Verdict) []string {
	var all []string
	for _, d := range v.Deny {
		all = append(all, d.At)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func why(v fleet.Verdict, at string) string {
	var all []string
	for _, d := range v.Deny {
		if d.At == at {
			all = append(all, d.Why)
		}
	}
	return strings.Join(all, "; ")
}
