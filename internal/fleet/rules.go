package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/diag"
)

// RulesDir is the directory of a fleet's rules. They are compiled as everything else is, and yield no entity.
const RulesDir = "policy/rules"

// rulesPackage is the package that the rules belong to.
const rulesPackage = "rules"

// ruleKinds are the top-level fields of rules, testKinds those of rules with their tests, everyKind all that
// there are.
var (
	ruleKinds = []kind{{"rule", "#Rules", true}}
	testKinds = []kind{{"rule", "#Rules", true}, {"test", "#RuleTests", true}}
	everyKind = slices.Concat(kinds, testKinds)
)

// judging is how many times the CPU time of a directory the rules may take over a plan: a plan may be many
// times as large as what a directory says.
const judging = 3

// isRules reports whether the instance holds the rules.
func (in *instance) isRules() bool { return in.Dir == RulesDir }

// kinds are the top-level fields that the instance's files may have.
func (in *instance) kinds() []kind {
	switch {
	case in.Tests:
		return testKinds
	case in.isRules():
		return ruleKinds
	}
	return kinds
}

// misplaced refuses rules of another package: it would take in the files of the directories above that are of it,
// and those would yield nothing any more.
func (in *instance) misplaced() diag.List {
	if !in.isRules() || in.Package == rulesPackage {
		return nil
	}
	return diag.List{{
		Code: "MW380", Summary: fmt.Sprintf("the files in %s belong to package %s", RulesDir, in.Package), Hint: "begin them with: package " + rulesPackage,
		Pos: diag.Pos{File: in.Files[len(in.Files)-1].Name, Line: 1},
	}}
}

// whole is the beginning of a sentence about what the instance may say.
func (in *instance) whole() string {
	if in.isRules() {
		return "rules have"
	}
	return "a fleet has"
}

// Rule is one rule of policy/rules.
type Rule struct {
	Meta
	Says string   `json:"says"`
	Deny []Denial `json:"deny"`
}

// Denial is one thing that a rule is against.
type Denial struct {
	At  string `json:"at"` // an address, or "plan"
	Why string `json:"why"`
}

// Verdict is what one rule says to a plan.
type Verdict struct {
	Rule string   `json:"rule"`
	Says string   `json:"says"`
	Pos  diag.Pos `json:"pos"`
	// Deny is empty where the rule allows the plan.
	Deny []Denial `json:"deny,omitempty"`
	// Failed says why the rule could not be evaluated over the plan, which then is not allowed.
	Failed diag.List `json:"failed,omitempty"`
}

// Trial is what the rules say to one plan: the plan that was asked about, or that of a test.
type Trial struct {
	Test string   `json:"test,omitempty"`
	Pos  diag.Pos `json:"pos"` // of the test
	// Denied is what the test wants: the addresses that each rule denies.
	Denied   map[string][]string `json:"denied,omitempty"`
	Verdicts []Verdict           `json:"verdicts"`
}

// Rules are those of one commit. Begin with [Fleet.Rules] or [Loader.Rules].
type Rules struct {
	loader   *Loader
	instance *instance
	all      []*Rule
	fsys     fs.FS // where the tests lie; nil for those of a Fleet
}

func newRules(l *Loader, in *instance, r *result) *Rules {
	rules := &Rules{loader: l, instance: in}
	for _, e := range r.entities {
		if rule, ok := e.value.(*Rule); ok {
			rules.all = append(rules.all, rule)
		}
	}
	slices.SortFunc(rules.all, func(a, b *Rule) int { return strings.Compare(a.Name, b.Name) })
	return rules
}

// Rules are the fleet's, or nil if it has none.
func (f *Fleet) Rules() *Rules {
	if f.source == nil {
		return nil
	}
	return f.source.rules
}

// All are the rules, sorted by name; what they deny is of no plan yet.
func (r *Rules) All() []*Rule {
	if r == nil {
		return nil
	}
	return r.all
}

// Same reports whether two commits have the same rules, to the byte. Nil has none.
func (r *Rules) Same(s *Rules) bool {
	if len(r.All()) == 0 || len(s.All()) == 0 {
		return len(r.All()) == len(s.All())
	}
	return r.instance.key == s.instance.key
}

// Judge has every rule judge a plan, which is the JSON of a #Plan. It is done in a worker within the limits
// of a directory. No rule is missing from the answer: one that could not be evaluated says why. The error is
// that of ctx or of the machine.
func (r *Rules) Judge(ctx context.Context, plan []byte) ([]Verdict, error) {
	if len(r.All()) == 0 {
		return nil, nil
	}
	limits := r.loader.opts.Limits
	limits.CPUSeconds *= judging
	out, err := r.loader.runWithin(ctx, request{Instance: r.instance, Plan: plan}, limits)
	if err != nil {
		return nil, fmt.Errorf("judge by the rules in %s: %w", RulesDir, err)
	}
	found := map[string]Verdict{}
	for _, t := range out.Trials {
		for _, v := range t.Verdicts {
			found[v.Rule] = v
		}
	}
	verdicts := make([]Verdict, 0, len(r.all))
	for _, rule := range r.all {
		v, ok := found[rule.Name]
		if !ok {
			v.Failed = unjudged(out.Findings, rule)
		}
		v.Rule, v.Pos = rule.Name, rule.Pos
		if v.Says == "" {
			v.Says = rule.Says
		}
		verdicts = append(verdicts, v)
		delete(found, rule.Name)
	}
	for _, v := range All(found) { // rules that only this plan brings about
		verdicts = append(verdicts, v)
	}
	return verdicts, nil
}

// unjudged says why there is no verdict of a rule: because of the plan as a whole, or because the rule is
// there only for some plans.
func unjudged(found diag.List, rule *Rule) diag.List {
	if found.Err() != nil {
		return found
	}
	return diag.List{{
		Code: "MW382", Summary: "the rule is not there for this plan", Pos: rule.Pos,
		Hint: "write it at the top of a file, and let what depends on #plan stand in deny",
	}}
}

// Rules compiles the rules of a file system, and nothing else of it.
func (l *Loader) Rules(ctx context.Context, fsys fs.FS) (*Rules, diag.List) {
	instances, list := l.read(fsys)
	if list.Err() != nil {
		return nil, list.Sort()
	}
	i := slices.IndexFunc(instances, (*instance).isRules)
	if i < 0 {
		return nil, nil
	}
	result := l.cache.get(instances[i].key) // and put nothing into it, which would drop the rest of the fleet
	if result == nil {
		out, err := l.run(ctx, request{Instance: instances[i]})
		if err != nil {
			return nil, diag.List{{Code: "MW100", Summary: fmt.Sprintf("the rules could not be compiled: %v", err)}}
		}
		result = decodeAll(out)
	}
	if result.findings.Err() != nil {
		return nil, result.findings.Sort()
	}
	rules := newRules(l, instances[i], result)
	rules.fsys = fsys
	return rules, nil
}

// isTest reports whether a file holds tests of rules.
func isTest(name string) bool {
	return strings.HasSuffix(name, "_test.cue") && name[0] != '.' && name[0] != '_'
}

// Try runs the tests that lie beside rules of [Loader.Rules], and says what the rules say to each. The
// error is that of ctx or of the machine.
func (r *Rules) Try(ctx context.Context) ([]Trial, diag.List, error) {
	in, list := r.withTests()
	if in == nil || list.Err() != nil {
		return nil, list.Sort(), nil
	}
	out, err := r.loader.run(ctx, request{Instance: in})
	if err != nil {
		return nil, nil, fmt.Errorf("try the rules in %s: %w", RulesDir, err)
	}
	return out.Trials, out.Findings.Sort(), nil
}

// withTests is the instance of the rules with their tests; nil if there is none.
func (r *Rules) withTests() (*instance, diag.List) {
	if r == nil {
		return nil, nil
	}
	entries, err := fs.ReadDir(r.fsys, RulesDir)
	if err != nil {
		return nil, diag.List{{Code: "MW100", Summary: fmt.Sprintf("cannot be read: %v", reason(err)), Pos: diag.Pos{File: RulesDir}}}
	}
	r.loader.reading.Lock()
	t := *r.loader.tree
	r.loader.reading.Unlock()
	files := slices.Clone(t.dirs[RulesDir])
	var list diag.List
	tests := 0
	for _, e := range entries {
		if !isTest(e.Name()) {
			continue
		}
		name := path.Join(RulesDir, e.Name())
		f, msg := readFile(r.fsys, name, e, r.loader.opts.Limits.FileBytes)
		if msg != "" {
			list = append(list, diag.Diagnostic{Code: "MW100", Summary: msg, Pos: diag.Pos{File: name}})
			continue
		}
		files = append(files, f)
		tests++
	}
	if tests == 0 || list.Err() != nil {
		return nil, list
	}
	t.dirs = maps.Clone(t.dirs)
	t.dirs[RulesDir] = files
	instances, list := plan(&t, map[string]parsed{})
	if list.Err() != nil {
		return nil, list
	}
	in := instances[slices.IndexFunc(instances, (*instance).isRules)]
	in.Tests = true
	return in, nil
}

// ruleTest is a #RuleTest, whose plan is passed on as it is.
type ruleTest struct {
	Plan   json.RawMessage     `json:"plan"`
	Denied map[string][]string `json:"denied"`
}
