package render_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
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
	return o.values.Unify(cuecontext.New().BuildExpr(expr)).Validate(cue.Concrete(true))
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

// Whatever the chart's own schema refuses, ours refuses. At every place there is, a value of another type
// is written, an unknown key added, and a required one taken away; when MILLWRIGHT_SOAK is set, values
// of all other types.
func TestOurDefinitionIsNeverLaxer(t *testing.T) {
	theirs := chartSchema(t)
	wrong := []any{nil, true, 7, 1.5, "text", []any{}, map[string]any{}}
	o := &ours{}
	refused, accepted, places := 0, 0, places(theirs, nil, map[*jsonschema.Schema]bool{})
	for n, p := range places {
		if p.path == nil {
			continue
		}
		var tries []any
		if os.Getenv("MILLWRIGHT_SOAK") != "" {
			tries = slices.Clone(wrong)
		} else {
			for i := range wrong { // the next one that is wrong here
				if v := wrong[(n+i)%len(wrong)]; theirs.Validate(plainJSON(t, document(theirs, p.path, v))) != nil {
					tries = append(tries, v)
					break
				}
			}
		}
		if p.schema.Properties != nil {
			tries = append(tries, map[string]any{"misspelt": 1})
		}
		for _, name := range p.schema.Required {
			m := map[string]any{}
			for _, other := range p.schema.Required {
				if other != name {
					m[other] = sample(other, p.schema.Properties[other])
				}
			}
			tries = append(tries, m)
		}
		for _, try := range tries {
			doc := plainJSON(t, document(theirs, p.path, try))
			if theirs.Validate(doc) == nil {
				accepted++
				continue
			}
			refused++
			if o.accept(t, doc) == nil {
				t.Errorf("ours takes what the chart refuses: %v at %s", try, strings.Join(p.path, "."))
			}
		}
	}
	require.Greater(t, len(places), 1000)
	require.Greater(t, refused, 1200)
	if os.Getenv("MILLWRIGHT_SOAK") != "" {
		require.Greater(t, accepted, 1000, "documents that everybody refuses prove nothing")
	}
}

// What our definition refuses although the chart's schema takes it, since vCluster does not.
func TestOurDefinitionKnowsMore(t *testing.T) {
	theirs, o := chartSchema(t), &ours{}
	pool := func(more string) string {
		return `{"privateNodes": {"enabled": true, "autoNodes": [{"provider": "metal3", "static": [{"name": "a", "quantity": 1, ` + more + `}]}]}}`
	}
	for name, docs := range map[string][2]string{ // what is good, what is not
		"operator": {pool(`"nodeTypeSelector": [{"property": "p", "operator": "DoesNotExist"}]`), pool(`"nodeTypeSelector": [{"property": "p", "operator": "NotExists"}]`)},
		"value and values": {pool(`"nodeTypeSelector": [{"property": "p", "values": ["a"]}]`),
			pool(`"nodeTypeSelector": [{"property": "p", "value": "a", "values": ["a"]}]`)},
		"a value for existence": {pool(`"nodeTypeSelector": [{"property": "p", "operator": "Exists"}]`), pool(`"nodeTypeSelector": [{"property": "p", "operator": "Exists", "value": "a"}]`)},
		"no value":              {pool(`"nodeTypeSelector": [{"property": "p", "value": "a"}]`), pool(`"nodeTypeSelector": [{"property": "p", "operator": "In"}]`)},
		"negative quantity":     {pool(`"profile": "x"`), strings.Replace(pool(`"profile": "x"`), `"quantity": 1`, `"quantity": -1`, 1)},
		"pools of one name": {pool(`"profile": "x"`),
			`{"privateNodes": {"autoNodes": [{"provider": "a", "static": [{"name": "x", "quantity": 1}]}, {"provider": "b", "dynamic": [{"name": "x"}]}]}}`},
		"provider twice": {`{"privateNodes": {"autoNodes": [{"provider": "a"}, {"provider": "b"}]}}`, `{"privateNodes": {"autoNodes": [{"provider": "a"}, {"provider": "a"}]}}`},
		"replicas of SQLite": {`{"controlPlane": {"statefulSet": {"highAvailability": {"replicas": 3}}, "backingStore": {"etcd": {"embedded": {"enabled": true}}}}}`,
			`{"controlPlane": {"statefulSet": {"highAvailability": {"replicas": 3}}}}`},
		"two stores": {`{"controlPlane": {"backingStore": {"etcd": {"embedded": {"enabled": true}, "deploy": {"enabled": false}}}}}`,
			`{"controlPlane": {"backingStore": {"etcd": {"embedded": {"enabled": true}, "deploy": {"enabled": true}}}}}`},
		"endpoint without a port": {`{"privateNodes": {"enabled": true}, "controlPlane": {"endpoint": "10.0.0.1:8443"}}`, `{"privateNodes": {"enabled": true}, "controlPlane": {"endpoint": "10.0.0.1"}}`},
		"endpoint without nodes":  {`{"privateNodes": {"enabled": true}, "controlPlane": {"endpoint": "10.0.0.1:8443"}}`, `{"controlPlane": {"endpoint": "10.0.0.1:8443"}}`},
		"metrics of the host":     {`{"integrations": {"metricsServer": {"enabled": true}}}`, `{"privateNodes": {"enabled": true}, "integrations": {"metricsServer": {"enabled": true}}}`},
		"istio of the host":       {`{"privateNodes": {"enabled": true}, "integrations": {"netris": {"enabled": true}}}`, `{"privateNodes": {"enabled": true}, "integrations": {"istio": {"enabled": true}}}`},
		"embedded DNS":            {`{"controlPlane": {"coredns": {"embedded": true}}}`, `{"privateNodes": {"enabled": true}, "controlPlane": {"coredns": {"embedded": true}}}`},
		"host paths":              {`{"controlPlane": {"hostPathMapper": {"enabled": true}}}`, `{"privateNodes": {"enabled": true}, "controlPlane": {"hostPathMapper": {"enabled": true}}}`},
		"namespaces":              {`{"sync": {"toHost": {"namespaces": {"enabled": true}}}}`, `{"privateNodes": {"enabled": true}, "sync": {"toHost": {"namespaces": {"enabled": true}}}}`},
		"disruption budget": {`{"controlPlane": {"advanced": {"podDisruptionBudget": {"enabled": true, "maxUnavailable": 1}}}}`,
			`{"controlPlane": {"advanced": {"podDisruptionBudget": {"enabled": true, "maxUnavailable": 1, "minAvailable": 1}}}}`},
		"pod security": {`{"policies": {"podSecurityStandard": "baseline"}}`, `{"policies": {"podSecurityStandard": "strict"}}`},
		"server":       {`{"exportKubeConfig": {"server": "https://a.example.com"}}`, `{"exportKubeConfig": {"server": "a.example.com"}}`},
		"patch": {`{"sync": {"toHost": {"pods": {"patches": [{"path": "a", "expression": "b"}]}}}}`,
			`{"sync": {"toHost": {"pods": {"patches": [{"path": "a", "expression": "b", "labels": {}}]}}}}`},
		"scope":   {`{"sync": {"toHost": {"customResources": {"a.b": {"enabled": true, "scope": "Namespaced"}}}}}`, `{"sync": {"toHost": {"customResources": {"a.b": {"enabled": true, "scope": "Cluster"}}}}}`},
		"removed": {`{"deploy": {"metricsServer": {"enabled": true}}}`, `{"deploy": {"volumeSnapshotController": {"enabled": true}}}`},
		"a password": {`{"controlPlane": {"backingStore": {"database": {"external": {"enabled": true, "connector": "a"}}}}}`,
			`{"controlPlane": {"backingStore": {"database": {"external": {"enabled": true, "dataSource": "mysql://a:b@c"}}}}}`},
		"the usual kubeconfig": {`{"exportKubeConfig": {"additionalSecrets": [{"name": "a"}]}}`, `{"exportKubeConfig": {"secret": {"name": "a"}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			for i, text := range docs {
				doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
				require.NoError(t, err)
				require.NoError(t, theirs.Validate(doc), "the chart's schema takes both")
				if i == 0 {
					require.NoError(t, o.accept(t, doc))
				} else {
					require.Error(t, o.accept(t, doc), text)
				}
			}
		})
	}
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
