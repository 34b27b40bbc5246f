package render_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/render"
)

// What a kustomization takes in lies in directories beside its own, and in what those take in.
func TestRoots(t *testing.T) {
	_, fsys := withEverything()
	for path, c := range map[string]struct {
		kind string
		want []string
	}{
		"stacks/priorities": {"kustomize", []string{"stacks/base", "stacks/priorities"}},
		"stacks/widgets":    {"kustomize", []string{"stacks/widgets"}},
		"stacks/operator":   {"helm", []string{"stacks/operator"}},
		"outer":             {"kustomize", []string{"outer", "parts/limits", "stacks/base", "stacks/priorities"}},
	} {
		fsys["outer/kustomization.yaml"] = files(map[string]string{"x": "resources: [../stacks/priorities]\ncomponents: [../parts/limits]\n"})["x"]
		fsys["parts/limits/kustomization.yaml"] = files(map[string]string{"x": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"})["x"]
		roots, err := render.Roots(fsys, &fleet.Component{Type: c.kind, Path: path})
		require.NoError(t, err)
		require.Equal(t, c.want, roots)
	}
	_, err := render.Roots(fsys, &fleet.Component{Type: "kustomize", Path: "stacks/operator"})
	require.ErrorContains(t, err, "stacks/operator has 0 kustomizations")
}
