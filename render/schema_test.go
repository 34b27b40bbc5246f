package render_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
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

// What is rendered for every fleet of the tests is accepted: by vCluster's own schema, and by our own
// definition, which knows rules that the schema does not.
func TestValuesFitTheChart(t *testing.T) {
	schema, own := chartSchema(t), &ours{}
	example := os.DirFS("../fleet-example")
	exampleFleet, found := fleet.Load(t.Context(), example, fleet.Options{})
	require.NoError(t, found.Err())
	everything, everythingFS := withEverything()
	clusters, clustersFS := archived(t, "clusters.txtar")
	installed, charts := withCatalogue(t)
	installed.Platform.Observability = &fleet.Observability{ServiceMonitors: fleet.ServiceMonitors{Enabled: true, Labels: map[string]string{"release": "prometheus"}}}
	for name, in := range map[string]struct {
		fleet  *fleet.Fleet
		files  fs.FS
		want   int
		charts fs.FS
	}{
		"small": {small(), nil, 2, nil}, "everything": {everything, everythingFS, 2, nil},
		"example": {exampleFleet, example, 4, nil}, "clusters": {clusters, clustersFS, 5, nil},
		"metal": {metal(), nil, 2, nil}, "catalogue": {installed, limits, 2, charts},
	} {
		t.Run(name, func(t *testing.T) {
			checked := 0
			for o := range mustRender(t, in.fleet, render.Inputs{FS: in.files, Charts: in.charts}).All() {
				if o.ID.Kind != "VirtualClusterInstance.management.loft.sh" {
					continue
				}
				checked++
				instance := plainJSON(t, at(t, o, "spec.template.helmRelease.values"))
				require.NoError(t, schema.Validate(instance), "%s", o.ID)
				require.NoError(t, own.accept(t, instance), "%s", o.ID)
			}
			require.Equal(t, in.want, checked)
		})
	}
	require.Error(t, schema.Validate(map[string]any{"sleepMode": map[string]any{}}), "the schema must not let everything pass")
}
