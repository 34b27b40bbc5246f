package fleet

import (
	"cmp"
	"encoding/json"
	"fmt"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	cuejson "cuelang.org/go/encoding/json"

	"millwright.dev/millwright/internal/diag"
)

// planField is what rules know the plan by.
var planField = cue.MakePath(cue.Def("plan"))

// judge has the rules of an instance judge a plan. It runs in the worker, as compile does.
func judge(in *instance, plan []byte, limits Limits) compiled {
	v, files, giveBack, list := evaluate(in)
	defer giveBack()
	if len(list) > 0 {
		return compiled{Findings: list}
	}
	ev := &evaluation{in: in, files: files, imports: importPositions(files), value: v, budget: budget{nodes: limits.Nodes, bytes: limits.Bytes}}
	verdicts, found := ev.verdicts(v, plan)
	return compiled{Trials: []Trial{{Verdicts: verdicts}}, Findings: found}
}

// try has the rules judge the plan of each of their tests.
func try(in *instance, limits Limits) compiled {
	v, files, giveBack, list := evaluate(in)
	defer giveBack()
	if len(list) > 0 {
		return compiled{Findings: list}
	}
	ev := &evaluation{in: in, files: files, imports: importPositions(files), value: v, budget: budget{nodes: limits.Nodes, bytes: limits.Bytes}}
	ev.topLevel(v)
	if err := v.Validate(validation...); err != nil {
		ev.explain(v, err)
	}
	if len(ev.out.Findings) > 0 {
		return ev.out
	}
	ev.collect(v)
	tests := ev.out.Entities
	ev.out.Entities = nil
	for _, e := range tests {
		if e.Kind != "test" {
			continue
		}
		var test ruleTest
		if err := json.Unmarshal(e.JSON, &test); err != nil {
			ev.add(diag.Diagnostic{Code: "MW111", Summary: fmt.Sprintf("reading %s: %v", e.address(), err), Path: e.address(), Pos: e.Pos})
			continue
		}
		verdicts, found := ev.verdicts(v, test.Plan)
		ev.add(found...)
		ev.out.Trials = append(ev.out.Trials, Trial{Test: e.Name, Pos: e.Pos, Denied: test.Denied, Verdicts: verdicts})
	}
	return ev.out
}

// verdicts fills in the plan and asks every rule, each by itself, so that one that fails hides no other.
func (ev *evaluation) verdicts(v cue.Value, plan []byte) ([]Verdict, diag.List) {
	expr, err := cuejson.Extract(closingFile, plan)
	if err != nil {
		return nil, diag.List{{Code: "MW382", Summary: fmt.Sprintf("the plan cannot be read: %v", err), Pos: diag.Pos{File: RulesDir}}}
	}
	if v.LookupPath(planField).Exists() {
		v = v.FillPath(planField, cuecontext.New().BuildExpr(expr))
		if err := v.LookupPath(planField).Err(); err != nil {
			return nil, ev.fails(err, "the rules do not take this plan", diag.Pos{File: RulesDir})
		}
	}
	all := v.LookupPath(cue.MakePath(cue.Str("rule")))
	if !all.Exists() {
		return nil, nil
	}
	it, err := all.Fields()
	if err != nil {
		return nil, ev.fails(err, "the rules cannot be judged by over this plan", diag.Pos{File: RulesDir})
	}
	var out []Verdict
	for it.Next() {
		out = append(out, ev.verdict(it.Selector().Unquoted(), it.Value()))
	}
	return out, nil
}

func (ev *evaluation) verdict(name string, v cue.Value) Verdict {
	out := Verdict{Rule: name, Pos: ev.posOf("rule", name, v)}
	out.Says, _ = v.LookupPath(cue.MakePath(cue.Str("says"))).String() // checked below
	if err := v.Validate(validation...); err != nil {
		out.Failed = ev.fails(err, "the rule fails over this plan", out.Pos)
		return out
	}
	w := walker{budget: &ev.budget}
	if werr := w.value(v, 0); werr != nil {
		out.Failed = diag.List{{Code: "MW382", Summary: "the rule fails over this plan: " + werr.summary, Hint: werr.hint, Pos: out.Pos}}
		return out
	}
	ev.budget.bytes -= len(w.out)
	var rule Rule
	if err := json.Unmarshal(w.out, &rule); err != nil {
		out.Failed = diag.List{{Code: "MW382", Summary: fmt.Sprintf("the rule fails over this plan: %v", err), Pos: out.Pos}}
		return out
	}
	out.Deny = rule.Deny
	return out
}

// fails is an error of rules over a plan as one finding, at the place that is to blame or at another one.
func (ev *evaluation) fails(err error, what string, at diag.Pos) diag.List {
	d := diag.Diagnostic{Code: "MW382", Summary: what, Pos: at, Hint: "a rule must have an answer for every plan: try it with `millwright policy test`"}
	if list := strongest(shape(err, ev)); len(list) > 0 {
		first := list[0]
		d.Summary += ": " + first.Summary
		d.Path = first.Path
		d.Pos = cmp.Or(first.Pos, at)
		d.Related = first.Related
	} else {
		d.Summary += ": " + errors.Errors(err)[0].Error()
	}
	return diag.List{d}
}
