package render_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/render"
)

const widgetCRD = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget, plural: widgets}
  scope: Cluster
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
status: {}
`

// withEverything is the small fleet with a stack of both kinds.
func withEverything() (*fleet.Fleet, fstest.MapFS) {
	f := withStack(small(), map[string]*fleet.Component{
		"priorities": {Type: "kustomize", Path: "stacks/priorities", Namespace: "default"},
		"operator": {Type: "helm", Path: "stacks/operator", Namespace: "operators", After: []string{"priorities"},
			Values: map[string]any{"replicas": 2.0, "limit": 2500000.0}},
		"widgets": {Type: "kustomize", Path: "stacks/widgets", Namespace: "operators", After: []string{"operator"}},
	})
	return f, files(map[string]string{
		"stacks/base/kustomization.yaml":       "resources: [high.yaml]",
		"stacks/base/high.yaml":                "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high, creationTimestamp: null}\nvalue: 1000\n",
		"stacks/priorities/kustomization.yaml": "resources: [../base, quota.yaml]\nconfigMapGenerator:\n- name: site\n  files: [motd=text.txt]\nlabels:\n- pairs: {team: a}\n",
		"stacks/priorities/quota.yaml":         "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: gpus}\nspec: {hard: {requests.nvidia.com/gpu: 8}}\n",
		"stacks/priorities/text.txt":           "hello",
		"stacks/operator/Chart.yaml":           "apiVersion: v2\nname: op\nversion: 1.0.0\nkubeVersion: '>=1.30.0'\n",
		"stacks/operator/values.yaml":          "replicas: 1\nlimit: 1\n",
		"stacks/operator/values.schema.json":   `{"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {"replicas": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}}`,
		"stacks/operator/crds/widgets.yaml":    widgetCRD,
		"stacks/operator/templates/NOTES.txt":  `{{ fail "for people only" }}`,
		"stacks/operator/templates/_h.tpl":     `{{- define "op.labels" -}}app: {{ .Release.Name }}{{- end -}}`,
		"stacks/operator/templates/d.yaml": `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "op.labels" . | nindent 4 }}
spec:
  replicas: {{ .Values.replicas }}
  template:
    spec:
      containers:
      {{- range $i := until 2 }}
      - name: c{{ $i }}
        args: [{{ $.Values.limit }}, {{ tpl "{{ range until 2 }}x{{ end }}" $ }}, {{ keys (dict "b" 1 "a" 2) | join "" }}]
      {{- end }}
---
{{- if .Capabilities.APIVersions.Has "policy/v1/PodDisruptionBudget" }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}
spec: {minAvailable: 1}
{{- end }}
---
apiVersion: v1
kind: Pod
metadata: {name: test, annotations: {helm.sh/hook: test}}
`,
		"stacks/widgets/kustomization.yaml": "resources: [widget.yaml]",
		"stacks/widgets/widget.yaml":        "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 1}\n",
	})
}

func TestGoldenStack(t *testing.T) {
	f, fs := withEverything()
	golden(t, "stack.txt", onlyTarget(dump(mustRender(t, f, render.Inputs{FS: fs})), "kubernetes/acme.train/"))
}

func onlyTarget(text, prefix string) string {
	var out []string
	for _, o := range strings.SplitAfter(text, "\n\n") {
		if strings.HasPrefix(o, prefix) {
			out = append(out, o)
		}
	}
	return strings.Join(out, "")
}

// What a stack may not do. Each must give a finding that says where, and must end.
func TestHostileStacks(t *testing.T) {
	chart := func(template string) map[string]string {
		return map[string]string{"c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "c/templates/x.yaml": template}
	}
	kustomization := func(text string) map[string]string {
		return map[string]string{"c/kustomization.yaml": text, "c/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"}
	}
	object := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x%s}\n"
	for name, c := range map[string]struct {
		files map[string]string
		code  string
		says  string
	}{
		"nothing there":         {map[string]string{}, "MW302", "no directory c"},
		"remote base":           {kustomization("resources: ['https://example.com/base']"), "MW303", "no path within the repository"},
		"remote base by ssh":    {kustomization("resources: ['git@example.com:a/b']"), "MW303", "no path within the repository"},
		"remote base by habit":  {kustomization("resources: ['github.com/a/b']"), "MW303", "no path within the repository"},
		"remote file":           {kustomization("resources: [x.yaml]\npatches: [{path: 'http://example.com/p.yaml'}]"), "MW303", "no path within the repository"},
		"remote in a component": {kustomization("components: ['https://example.com/x?ref=main']"), "MW303", "no path within the repository"},
		"out of the repository": {kustomization("resources: [../../../etc]"), "MW303", "outside the repository"},
		"absolute":              {kustomization("resources: [/etc/passwd]"), "MW303", "no path within the repository"},
		"file out of its root":  {merge(kustomization("configMapGenerator: [{name: a, files: [../secret.txt]}]"), "secret.txt", "x"), "MW303", "not in or below"},
		"a helm chart inside":   {kustomization("helmCharts: [{name: a, repo: https://example.com}]"), "MW303", "helmCharts"},
		"a plugin":              {kustomization("generators: [x.yaml]"), "MW303", "generators"},
		"a literal secret":      {kustomization("secretGenerator: [{name: a, literals: [b=c]}]"), "MW303", "secretGenerator"},
		"itself":                {merge(kustomization("resources: [../d]"), "d/kustomization.yaml", "resources: [../c]"), "MW303", "leads back to itself"},
		"doubling":              {doubling(), "MW303", "more than 1000 kustomizations"},
		"a secret":              {merge(kustomization("resources: [s.yaml]"), "c/s.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: hunter2}\n"), "MW306", "Secret s is written out"},
		"our mark":              {merge(kustomization("resources: [s.yaml]"), "c/s.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: s, labels: {millwright.dev/fleet: other}}\n"), "MW301", "millwright.dev/fleet"},
		"no name":               {chart("apiVersion: v1\nkind: Pod\nmetadata: {generateName: x-}\n"), "MW309", "without an apiVersion, a kind or a name"},
		"hook":                  {chart("apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, annotations: {helm.sh/hook: pre-install}}\n"), "MW305", "is a hook (pre-install)"},
		"uninstall hook":        {chart("apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, annotations: {helm.sh/hook: 'pre-delete,post-delete'}}\n"), "MW305", "left out"},
		"lookup":                {chart(`{{ $s := lookup "v1" "Secret" "a" "b" }}` + strings.Replace(object, "%s", "{{ len $s }}", 1)), "MW307", "asks the cluster"},
		"environment":           {chart(strings.Replace(object, "%s", `{{ env "HOME" }}`, 1)), "MW304", "env gives another result each time"},
		"chance":                {chart(strings.Replace(object, "%s", `{{ randAlphaNum 5 }}`, 1)), "MW304", "randAlphaNum gives another result each time"},
		"the time":              {chart(strings.Replace(object, "%s", `{{ now }}`, 1)), "MW304", "now gives another result each time"},
		"recursion":             {chart(`{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}`), "MW304", "nested reference"},
		"branching recursion":   {chart(`{{ define "a" }}{{ include "a" . }}{{ include "a" . }}{{ end }}{{ include "a" . }}`), "MW304", ""},
		"endless loop":          {chart(`{{ range 1000000000000 }}{{ end }}`), "MW304", "more than 200000 steps"},
		"endless loop in tpl":   {chart(`{{ tpl "{{ range 1000000000000 }}{{ end }}" . }}`), "MW304", "more than 200000 steps"},
		"much text":             {chart(`{{ range 1000000000000 }}` + strings.Repeat("x", 100000) + `{{ end }}`), "MW304", "bytes"},
		"repetition":            {chart(`{{ repeat 2000000000 "x" }}`), "MW304", "too often"},
		"a long list":           {chart(`{{ until 2000000000 }}`), "MW304", "too often"},
		"bomb of references":    {merge(kustomization("resources: [b.yaml]"), "c/b.yaml", bomb), "MW303", ""},
		"bomb in a template":    {chart(bomb), "MW304", ""},
		"bomb in kustomization": {kustomization(bomb), "MW303", ""},
		"a schema elsewhere":    {merge(chart(""), "c/values.schema.json", `{"properties": {"a": {"$ref": "file:///etc/passwd"}}}`), "MW304", "refers to file:///etc/passwd"},
		"a missing dependency":  {merge(chart(""), "c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies: [{name: d, version: 1.0.0, repository: https://example.com}]\n"), "MW304", "depends on d"},
		"a newer Kubernetes":    {merge(chart(""), "c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\nkubeVersion: '>=1.99.0'\n"), "MW304", "the cluster runs v1.35.2"},
		"bad template":          {chart("a: 1\nb: {{ .Values.x.y.z }}\n"), "MW304", "c/templates/x.yaml:2"},
		"bad YAML":              {chart("a: [\n"), "MW304", "c/templates/x.yaml"},
		"an unknown scope":      {chart("apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: g}\n"), "MW309", "is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			kind := "helm"
			if _, ok := c.files["c/kustomization.yaml"]; ok {
				kind = "kustomize"
			}
			f := withStack(small(), map[string]*fleet.Component{"c": {Type: kind, Path: "c", Namespace: "default"}})
			set, found := render.Render(t.Context(), f, render.Inputs{FS: files(c.files)})
			require.Len(t, found, 1, "%v", found)
			d := found[0]
			require.Equal(t, c.code, d.Code, "%v", d)
			require.Contains(t, d.Summary, c.says)
			require.Equal(t, "stack/training.component.c", d.Path)
			require.Equal(t, "stacks/training.cue", d.Pos.File)
			require.NotContains(t, d.Summary, "hunter2")
			require.Equal(t, d.Severity == diag.Error, set.Len() == 0, "an error leaves nothing, a warning everything")
		})
	}
}

func merge(m map[string]string, name, text string) map[string]string {
	m[name] = text
	return m
}

// bomb is small as text, and 10¹⁰ strings once every reference in it is followed.
var bomb = func() string {
	text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\nr0: &r0 x\n"
	for i := range 10 {
		text += fmt.Sprintf("r%d: &r%d [%s*r%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*r%d, ", i), 9), i)
	}
	return text
}()

// doubling are kustomizations each of which uses the one below twice, by way of two others.
func doubling() map[string]string {
	m := map[string]string{
		"c/kustomization.yaml":  "resources: [../l12]",
		"l0/kustomization.yaml": "resources: [x.yaml]",
		"l0/x.yaml":             "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
	}
	for i := range 12 {
		here := fmt.Sprintf("l%d", i+1)
		m[here+"/kustomization.yaml"] = fmt.Sprintf("resources: [../%sa, ../%sb]", here, here)
		for _, side := range []string{"a", "b"} {
			m[here+side+"/kustomization.yaml"] = fmt.Sprintf("namePrefix: %s-\nresources: [../l%d]", side, i)
		}
	}
	return m
}

// Files that are not what they seem are not read.
func TestLinksAreRefused(t *testing.T) {
	repo := files(map[string]string{"c/kustomization.yaml": "resources: [x.yaml]", "secret.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"})
	repo["c/x.yaml"] = &fstest.MapFile{Data: []byte("../secret.yaml"), Mode: 0o777 | fs.ModeSymlink}
	f := withStack(small(), map[string]*fleet.Component{"c": {Type: "kustomize", Path: "c", Namespace: "default"}})
	_, found := render.Render(t.Context(), f, render.Inputs{FS: repo})
	require.Len(t, found, 1)
	require.Contains(t, found[0].Summary, "is a link")
}

// A deadline ends a chart in the middle of a loop.
func TestDeadlineEndsAChart(t *testing.T) {
	fs := files(map[string]string{"c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
		"c/templates/x.yaml": `{{ range 900000 }}{{ range 900000 }}{{ end }}{{ end }}`})
	f := withStack(small(), map[string]*fleet.Component{"c": {Type: "helm", Path: "c", Namespace: "default"}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, found := render.Render(ctx, f, render.Inputs{FS: fs})
	require.Len(t, found, 1)
	require.Equal(t, "MW304", found[0].Code)
}

func TestTwiceRenderedIsRefused(t *testing.T) {
	same := map[string]string{"kustomization.yaml": "resources: [x.yaml]", "x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"}
	contents := map[string]string{}
	for name, text := range same {
		contents["a/"+name], contents["b/"+name] = text, text
	}
	f := withStack(small(), map[string]*fleet.Component{
		"a": {Type: "kustomize", Path: "a", Namespace: "default"}, "b": {Type: "kustomize", Path: "b", Namespace: "default"},
	})
	_, found := render.Render(t.Context(), f, render.Inputs{FS: files(contents)})
	require.Len(t, found, 1)
	require.Equal(t, "MW308", found[0].Code)
	require.Contains(t, found[0].Summary, "by component a and by b")
}
