package render

import (
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"
)

// The meter changes what templates cost, never what they say.
func TestInstrumentedTemplatesSayTheSame(t *testing.T) {
	data := map[string]any{"list": []int{1, 2, 3}, "none": []int{}, "map": map[string]any{"b": 2, "a": "x"}, "s": "text", "yes": true}
	for _, text := range []string{
		"", "plain text\n", "  {{- .s -}}  \n", "{{/* a comment */}}a\n{{- /* another */ -}}\nb",
		"{{range .list}}{{.}},{{end}}", "{{range $i, $e := .list}}{{$i}}{{$e}}{{else}}none{{end}}",
		"{{range .none}}x{{else}}none{{end}}", "{{range 3}}{{.}}{{if eq . 1}}{{break}}{{end}}{{end}}",
		"{{range .list}}{{if eq . 2}}{{continue}}{{end}}{{.}}{{end}}",
		"{{if .yes}}a{{else if .s}}b{{else}}c{{end}}", "{{with .map}}{{.a}}{{else with .s}}{{.}}{{end}}",
		`{{define "a"}}<{{.}}>{{end}}{{template "a" .s}}{{template "a"}}`, `{{block "b" .map}}{{range $k, $v := .}}{{$k}}={{$v}};{{end}}{{end}}`,
		`{{$x := 1}}{{range .list}}{{$x = .}}{{end}}{{$x}}`, "{{`raw {{ text }}`}}", `{{"{{"}} quoted "\n" {{"}}"}}`,
		`{{(index .list 0) | printf "%03d"}}`, `{{ .map.a | printf "%s-%s" (print .s "!") }}`, "{{ $.s }}{{ -1.5e3 }}{{ 'c' }}{{ eq .missing nil }}",
	} {
		plain, err := template.New("t").Parse(text)
		require.NoError(t, err, text)
		m := &meter{ctx: t.Context()}
		metered, err := template.New("t").Funcs(m.functions()).Parse(instrument(text))
		require.NoError(t, err, "%s became %s", text, instrument(text))
		var want, got strings.Builder
		require.NoError(t, plain.Execute(&want, data), text)
		require.NoError(t, metered.Execute(&got, data), text)
		require.Equal(t, want.String(), got.String(), "%s became %s", text, instrument(text))
		require.Positive(t, m.steps)
	}
}

// What handed text to tpl is metered too, however it is nested.
func TestTplIsMetered(t *testing.T) {
	require.Contains(t, instrument(`{{ tpl .a . }}`), "tpl (millwrightMeter .a) .")
	require.Contains(t, instrument(`{{ if (tpl (printf "%s" $.a) .) | quote }}{{ end }}`), `tpl (millwrightMeter (printf "%s" $.a)) .`)
	require.Equal(t, "{{ broken", instrument("{{ broken"), "what does not parse is left for Helm to complain about")
}
