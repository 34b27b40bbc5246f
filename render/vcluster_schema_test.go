package render_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/load"
	cuejson "cuelang.org/go/encoding/json"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/schema"
)

// ours answers whether our own definition of vcluster.yaml takes a document. Contexts of CUE keep all
// that they ever saw, so a fresh one begins after some documents.
type ours struct {
	values cue.Value
	left   int
}

func (o *ours) accept(t *testing.T, doc any) error {
	t.Helper()
	if o.left == 0 {
		o.values, o.left = definition(t, "#VClusterValues"), 500
	}
	o.left--
	text, err := json.Marshal(doc)
	require.NoError(t, err)
	expr, err := cuejson.Extract("vcluster.json", text)
	require.NoError(t, err)
	return o.values.Unify(o.values.Context().BuildExpr(expr)).Validate(cue.Concrete(true))
}

// definition compiles one definition of the schema.
func definition(t *testing.T, name string) cue.Value {
	t.Helper()
	overlay := map[string]load.Source{}
	names, err := fs.Glob(schema.Files, "*.cue")
	require.NoError(t, err)
	for _, n := range names {
		text, err := fs.ReadFile(schema.Files, n)
		require.NoError(t, err)
		overlay["/schema/"+n] = load.FromBytes(text)
	}
	overlay["/schema/cue.mod/module.cue"] = load.FromString(fmt.Sprintf("module: %q\nlanguage: version: %q\n", "millwright.dev/fleet@v0", schema.Language))
	in := load.Instances([]string{"."}, &load.Config{Dir: "/schema", Overlay: overlay})[0]
	require.NoError(t, in.Err)
	v := cuecontext.New().BuildInstance(in).LookupPath(cue.ParsePath(name))
	require.NoError(t, v.Err())
	return v
}

// place is a value of vcluster.yaml that the chart's schema describes: the path to it, with "*" for any
// key and "[]" for an item, and the keys that must stand beside each step.
type place struct {
	path   []string
	schema *jsonschema.Schema
}

// places are all values that a schema describes, depth first; below what several places share, those
// of the first alone.
func places(s *jsonschema.Schema, at []string, seen map[*jsonschema.Schema]bool) []place {
	for s.Ref != nil {
		s = s.Ref
	}
	out := []place{{slices.Clone(at), s}}
	if seen[s] {
		return out
	}
	seen[s] = true
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if len(at) == 0 && name == "plugin" {
			continue // deprecated; ours has no such key, see TestLeftOut
		}
		out = append(out, places(s.Properties[name], append(at[:len(at):len(at)], name), seen)...)
	}
	if more, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		out = append(out, places(more, append(at[:len(at):len(at)], "any"), seen)...)
	}
	if s.Items2020 != nil {
		out = append(out, places(s.Items2020, append(at[:len(at):len(at)], "[]"), seen)...)
	}
	return out
}

// document is the smallest one with value at a place: what is required on the way is there.
func document(root *jsonschema.Schema, path []string, value any) any {
	for root.Ref != nil {
		root = root.Ref
	}
	if len(path) == 0 {
		return value
	}
	if path[0] == "[]" {
		return []any{document(root.Items2020, path[1:], value)}
	}
	m := map[string]any{}
	for _, name := range root.Required {
		m[name] = sample(name, root.Properties[name])
	}
	next, ok := root.Properties[path[0]]
	if !ok {
		next, _ = root.AdditionalProperties.(*jsonschema.Schema)
	}
	m[path[0]] = document(next, path[1:], value)
	return m
}

// sample is a value that the schema takes, for a required key.
func sample(name string, s *jsonschema.Schema) any {
	switch {
	case name == "enabled":
		return true
	case name == "quantity":
		return 1
	case name == "scope":
		return "Namespaced"
	case s.Types != nil && s.Types.ToStrings()[0] != "string":
		panic("a required key " + name + " of another type")
	}
	return "a"
}

// Whatever the chart's own schema refuses, ours refuses: every value of every place is replaced by one
// of each other type, unknown keys are added everywhere and required ones are taken away.
func TestOurDefinitionIsNeverLaxer(t *testing.T) {
	theirs := chartSchema(t)
	wrong := map[string]any{"null": nil, "bool": true, "int": 7, "float": 1.5, "string": "text", "list": []any{}, "map": map[string]any{}, "unknown key": map[string]any{"misspelt": 1}}
	o := &ours{}
	refused, accepted, places := 0, 0, places(theirs, nil, map[*jsonschema.Schema]bool{})
	for _, p := range places {
		if p.path == nil {
			continue
		}
		tries := maps.Clone(wrong)
		for _, name := range p.schema.Required {
			m := map[string]any{}
			for _, other := range p.schema.Required {
				if other != name {
					m[other] = sample(other, p.schema.Properties[other])
				}
			}
			tries["without "+name] = m
		}
		for _, name := range slices.Sorted(maps.Keys(tries)) {
			doc := plainJSON(t, document(theirs, p.path, tries[name]))
			if theirs.Validate(doc) == nil {
				accepted++
				continue
			}
			refused++
			if o.accept(t, doc) == nil {
				t.Errorf("ours takes what the chart refuses: %s at %s", name, strings.Join(p.path, "."))
			}
		}
	}
	t.Log(len(places), refused, accepted)
}

// plainJSON is a document as JSON has it.
func plainJSON(t *testing.T, doc any) any {
	t.Helper()
	text, err := json.Marshal(doc)
	require.NoError(t, err)
	out, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	require.NoError(t, err)
	return out
}
