package testenv_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"millwright.dev/millwright/internal/testenv"
)

// Metal3's definitions are served as soon as InstallCRDs returns, and are as strict as on a real cluster.
func TestMetal3CRDsAreServed(t *testing.T) {
	cluster := testenv.ForTest(t, "metal3").Cluster("metal3")
	crds, err := testenv.Metal3CRDs(t.Context())
	require.NoError(t, err)
	require.NoError(t, testenv.InstallCRDs(t.Context(), cluster.Config, crds...))
	require.NoError(t, testenv.InstallCRDs(t.Context(), cluster.Config, crds...), "a second time does nothing")

	client, err := dynamic.NewForConfig(cluster.Config)
	require.NoError(t, err)
	hosts := client.Resource(schema.GroupVersionResource{Group: "metal3.io", Version: "v1alpha1", Resource: "baremetalhosts"}).
		Namespace(cluster.Namespace(t))
	apply := func(bootMode string) error {
		host := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "metal3.io/v1alpha1", "kind": "BareMetalHost",
			"metadata": map[string]any{"name": "gpu-001"},
			"spec":     map[string]any{"online": true, "bootMode": bootMode},
		}}
		_, err := hosts.Apply(t.Context(), "gpu-001", host, metav1.ApplyOptions{FieldManager: "test"})
		return err
	}
	require.NoError(t, apply("UEFI"))
	require.ErrorContains(t, apply("floppy"), "spec.bootMode")
}

// Only definitions are taken: a manifest of something else is a mistake of the caller.
func TestInstallCRDsRefusesOtherKinds(t *testing.T) {
	cluster := testenv.ForTest(t, "metal3").Cluster("metal3")
	manifest := []byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: stray}\n")
	require.ErrorContains(t, testenv.InstallCRDs(t.Context(), cluster.Config, manifest), "Namespace stray is not a CustomResourceDefinition")
}
