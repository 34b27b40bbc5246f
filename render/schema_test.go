package render_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/render"
)

// vclusterModule holds the schema of the chart version that is rendered for.
const vclusterModule = "github.com/loft-sh/vcluster@v0.36.0"

// chartSchema is vCluster's own schema of vcluster.yaml, which allows no unknown key.
func chartSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	if testing.Short() {
		t.Skip("fetches " + vclusterModule)
	}
	download := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", vclusterModule)
	download.Dir = t.TempDir() // outside of any module
	out, err := download.Output()
	if err != nil {
		t.Skipf("%s cannot be had: %v", vclusterModule, err)
	}
	var module struct{ Dir string }
	require.NoError(t, json.Unmarshal(out, &module))
	text, err := os.ReadFile(filepath.Join(module.Dir, "chart", "values.schema.json"))
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("vcluster.json", doc))
	schema, err := compiler.Compile("vcluster.json")
	require.NoError(t, err)
	return schema
}

// vCluster's own schema accepts every vcluster.yaml that is rendered.
func TestValuesFitTheChart(t *testing.T) {
	schema := chartSchema(t)
	checked := 0
	for o := range mustRender(t, small(), render.Inputs{}).All() {
		if o.ID.Kind != "VirtualClusterInstance.management.loft.sh" {
			continue
		}
		checked++
		values, err := json.Marshal(at(t, o, "spec.template.helmRelease.values"))
		require.NoError(t, err)
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(values))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(instance), "%s", o.ID)
	}
	require.Equal(t, 2, checked)
	require.Error(t, schema.Validate(map[string]any{"sleepMode": map[string]any{}}), "the schema must not let everything pass")
}
