package render_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
)

// canary is what must be in no output.
const canary = "canary-5b1f"

const secretTemplate = `apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Secret
  metadata: {name: db}
  stringData: {password: {{ .Values.password }}, url: "postgres://{{ .Values.password }}@db"}
  data: {password: b2xk, certificate: {{ .Values.password | b64enc }}}
- apiVersion: v1
  kind: Secret
  metadata: {name: empty}
`

// withSecrets is the small fleet with a chart of the store and one of the repository, which render that
// template each.
func withSecrets(t *testing.T, template string) (*fleet.Fleet, render.Inputs) {
	t.Helper()
	charts := store{fstest.MapFS{}}
	chart := chartOf("c", map[string]string{"templates/s.yaml": template, "values.yaml": "password: " + canary + "\n"})
	f := withStack(small(), map[string]*fleet.Component{"own": {Type: "helm", Path: "c", Namespace: "own"}})
	f.Stacks["training"].Catalogue = map[string]*fleet.Chart{"app": {
		Repository: "https://charts.example.com", Chart: "c", Version: "v1.0.0", Wave: 8, Namespace: "app", Role: "other",
		Digest: charts.put(archive(t, chart)),
	}}
	return f, render.Inputs{FS: files(chart), Charts: charts}
}

// What a chart writes into a Secret is sent as an API server keeps it, stringData before data, and shows
// nowhere in what is rendered for people.
func TestSecretsOfChartsAreLifted(t *testing.T) {
	f, in := withSecrets(t, secretTemplate)
	set := mustRender(t, f, in)
	shown := onlyTarget(dump(set), "kubernetes/acme.train/")
	golden(t, "secrets.txt", shown)
	for _, namespace := range []string{"own", "app"} {
		o := must(t, set, "kubernetes/acme.train/Secret/"+namespace+"/db")
		plain, err := o.Tree.Plain(func(state.SecretRef) (string, error) { panic("there is none") })
		require.NoError(t, err)
		encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
		require.Equal(t, map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "db", "namespace": namespace},
			"data": map[string]any{"password": encode(canary), "url": encode("postgres://" + canary + "@db"), "certificate": encode(canary)},
		}, plain)
		shown += fmt.Sprintf("%v %+v %#v", o, o, o)
	}
	require.NotContains(t, shown, canary)
	require.NotContains(t, shown, base64.StdEncoding.EncodeToString([]byte(canary)))

	f.Stacks["training"].TenantFields = []fleet.TenantFields{{Kind: "Secret", Name: "db", Fields: []string{"data.password"}}}
	o := must(t, mustRender(t, f, in), "kubernetes/acme.train/Secret/own/db")
	_, ok := o.Tree.Get(state.Path{"data", "password"})
	require.False(t, ok, "what is left to the tenant is not sent in any form")
}

// What is no Secret's content, or would be another one with every rendering, is refused, and the
// finding does not quote it.
func TestSecretsOfChartsThatAreRefused(t *testing.T) {
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\n"
	for name, c := range map[string]struct{ template, code, says string }{
		"no base64":         {secret + "data: {password: {{ .Values.password }}}\n", "MW306", "Secret db: password of its data is no base64"},
		"no text":           {secret + "stringData: {password: {a: {{ .Values.password }}}}\n", "MW306", "Secret db: password of its stringData is no text"},
		"no map":            {secret + "data: {{ .Values.password }}\n", "MW306", "Secret db: its data is no map"},
		"chance":            {secret + "stringData: {password: {{ randAlphaNum 12 }}}\n", "MW304", "randAlphaNum gives another result each time"},
		"a certificate":     {secret + "stringData: {ca: {{ (genCA .Values.password 1).Cert }}}\n", "MW304", "genCA gives another result each time"},
		"chance, if absent": {secret + "stringData: {password: {{ (lookup \"v1\" \"Secret\" \"own\" \"db\").x | default (randAlphaNum 8) }}}\n", "MW304", "randAlphaNum gives another result each time"},
	} {
		f, in := withSecrets(t, c.template)
		f.Stacks["training"].Catalogue = nil
		set, found := render.Render(t.Context(), f, in)
		require.Zero(t, set.Len(), name)
		require.Len(t, found, 1, name)
		require.Equal(t, c.code, found[0].Code, name)
		require.Contains(t, found[0].Summary, c.says, name)
		require.NotContains(t, found.Err().Error(), canary, name)
	}
}

// A Secret in a kustomization lies in the repository as it is, and is refused as before.
func TestSecretsOfKustomizationsAreRefused(t *testing.T) {
	f := withStack(small(), map[string]*fleet.Component{"c": {Type: "kustomize", Path: "c", Namespace: "default"}})
	_, found := render.Render(t.Context(), f, render.Inputs{FS: files(map[string]string{
		"c/kustomization.yaml": "resources: [s.yaml]",
		"c/s.yaml":             strings.ReplaceAll("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: X}\n", "X", canary),
	})})
	require.Len(t, found, 1)
	require.Equal(t, "MW306", found[0].Code)
	require.NotContains(t, found.Err().Error(), canary)
}
