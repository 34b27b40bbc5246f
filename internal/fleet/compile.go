package fleet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"cuelang.org/go/cue"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/schema"
)

// kinds are the top-level fields of a fleet's files and the definitions that close them; the first
// nine are maps by name, of the others there is one each.
var kinds = []kind{
	{"class", "#Classes", true},
	{"image", "#Images", true},
	{"machine", "#Machines", true},
	{"segment", "#Segments", true},
	{"site", "#Sites", true},
	{"stack", "#Stacks", true},
	{"tenant", "#Tenants", true},
	{"profile", "#Profiles", true},
	{"approval", "#Approvals", true},
	{"allocation", "#Allocation", false},
	{"platform", "#Platform", false},
	{"policy", "#Policy", false},
}

type kind struct {
	name, definition string
	many             bool
}

// closingFile is added to every instance: it constrains whatever the author wrote, also where a file
// forgets to mention the schema or opens it by embedding.
const closingFile = diag.BuiltIn + "closing"

func closing(in *instance, part subset) []byte {
	head, fields := fmt.Sprintf("package %s\n\n", in.Package), ""
	for _, k := range in.kinds() {
		if slices.Contains(part, k.definition) {
			fields += fmt.Sprintf("%s?: millwright_.%s\n", k.name, k.definition)
		}
	}
	if fields != "" {
		head += fmt.Sprintf("import millwright_ %q\n\n", schema.ImportPath)
	}
	return []byte(head + fields)
}

// compiled is what one instance yields.
type compiled struct {
	Entities []entity  `json:"entities,omitempty"`
	Findings diag.List `json:"findings,omitempty"`
	Places   [][]Place `json:"places,omitempty"` // answers to a request that asks
	Trials   []Trial   `json:"trials,omitempty"` // answers to a request with plans
}

// entity is one definition, evaluated: as JSON, defaults filled in.
type entity struct {
	Kind string          `json:"kind"`
	Name string          `json:"name,omitempty"`
	Pos  diag.Pos        `json:"pos"`
	JSON json.RawMessage `json:"json"`
}

func (e entity) address() string { return address(e.Kind, e.Name) }

func address(kind, name string) string {
	if name == "" {
		return kind
	}
	return kind + "/" + name
}

// compile evaluates one instance in a context of its own: nothing but the bytes in it can be read.
// It may take any amount of time and memory; see worker.go for what bounds it.
func compile(in *instance, limits Limits) compiled {
	if list := in.misplaced(); len(list) > 0 {
		return compiled{Findings: list}
	}
	v, files, giveBack, list := evaluate(in)
	defer giveBack()
	if len(list) > 0 {
		return compiled{Findings: list}
	}
	ev := &evaluation{in: in, files: files, imports: importPositions(files), value: v, budget: budget{nodes: limits.Nodes, bytes: limits.Bytes}}
	ev.topLevel(v)
	ev.approvals()
	if err := v.Validate(validation...); err != nil {
		ev.explain(v, err)
	}
	if len(ev.out.Findings) > 0 || !in.Leaf && !in.isRules() {
		ev.out.Entities = nil
		return ev.out
	}
	ev.collect(v)
	return ev.out
}

// validation is what `cue vet -c` checks.
var validation = []cue.Option{cue.Attributes(true), cue.Definitions(true), cue.Hidden(true), cue.Concrete(true)}

// collect walks every entity within the budget.
func (ev *evaluation) collect(v cue.Value) {
	for _, k := range ev.in.kinds() {
		f := v.LookupPath(cue.MakePath(cue.Str(k.name)))
		if !f.Exists() {
			continue
		}
		if !k.many {
			ev.take(k.name, "", f)
			continue
		}
		it, err := f.Fields()
		if err != nil {
			ev.add(shape(err, ev)...)
			continue
		}
		for it.Next() {
			ev.take(k.name, it.Selector().Unquoted(), it.Value())
		}
	}
}

func (ev *evaluation) take(kind, name string, v cue.Value) {
	e := entity{Kind: kind, Name: name, Pos: ev.posOf(kind, name, v)}
	w := walker{budget: &ev.budget}
	if err := w.value(v, 0); err != nil {
		path := pathOf(err.at)
		ev.add(diag.Diagnostic{Code: err.code, Summary: err.summary, Hint: err.hint, Path: fieldPath(path), Pos: cmp.Or(ev.place(path), e.Pos)})
		return
	}
	e.JSON = w.out
	ev.budget.bytes -= len(w.out)
	ev.out.Entities = append(ev.out.Entities, e)
}
