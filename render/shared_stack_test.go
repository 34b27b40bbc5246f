package render_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/render"
)

// Tenants are rendered at the same time, also those that have one stack: what they share of it is theirs
// to read together.
func TestManyTenantsOfOneStack(t *testing.T) {
	objects := "{{ range $i := until 300 }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c{{ $i }}}\n{{ end }}"
	f := withStack(small(), map[string]*fleet.Component{"c": {Type: "helm", Path: "c", Namespace: "default"}})
	for i := range 40 {
		name := fmt.Sprintf("t%d", i)
		f.Segments[name] = segment(100 + i)
		k := tenantCluster(name, 0)
		k.Stack = "training"
		f.Tenants[name] = &fleet.Tenant{DisplayName: name, Admins: []string{"idp:" + name}, Clusters: map[string]*fleet.Cluster{"train": k}}
	}
	in := render.Inputs{FS: files(map[string]string{"c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "c/templates/x.yaml": objects})}
	set := mustRender(t, f, in)
	for i := range 40 {
		require.NotEmpty(t, must(t, set, fmt.Sprintf("kubernetes/t%d.train/ConfigMap/default/c299", i)).After)
	}
}
