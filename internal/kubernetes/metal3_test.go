package kubernetes

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/testenv"
	"millwright.dev/millwright/render"
)

// metal3Resources are the kinds of Metal3 that we render, as the API server calls them.
var metal3Resources = map[string]string{
	"BareMetalHost.metal3.io": "baremetalhosts", "HostFirmwareSettings.metal3.io": "hostfirmwaresettings",
	"HostFirmwareComponents.metal3.io": "hostfirmwarecomponents", "HostUpdatePolicy.metal3.io": "hostupdatepolicies",
}

// What we render for Metal3, with every field in use, is what Metal3's own definitions accept when a
// real API server is told to refuse whatever they don't know.
func TestMetal3TakesWhatIsRendered(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/metal.txtar")
	require.NoError(t, err)
	fsys := fstest.MapFS{}
	for _, file := range archive.Files {
		fsys[file.Name] = &fstest.MapFile{Data: file.Data}
	}
	f, found := fleet.Load(t.Context(), fsys, fleet.Options{})
	require.Empty(t, found)
	set, found := render.Render(t.Context(), f, render.Inputs{})
	require.Empty(t, found)

	server := testenv.ForTest(t, "strict").Cluster("strict")
	crds, err := testenv.Metal3CRDs(t.Context())
	require.NoError(t, err)
	require.NoError(t, testenv.InstallCRDs(t.Context(), server.Config, crds...))
	namespace, client := server.Namespace(t), newWorldOn(t, "strict").others

	apply := func(o state.Object, change func(map[string]any)) error {
		plain, err := o.Tree.Plain(nil)
		require.NoError(t, err)
		object := plain.(map[string]any)
		if o.ID.Part != "" { // a part names no more than its own fields
			object["apiVersion"], object["kind"] = "metal3.io/v1alpha1", "BareMetalHost"
		}
		metadata := object["metadata"].(map[string]any)
		metadata["name"], metadata["namespace"] = o.ID.Name, namespace
		change(object)
		text, err := json.Marshal(object)
		require.NoError(t, err)
		resource := schema.GroupVersionResource{Group: "metal3.io", Version: "v1alpha1", Resource: metal3Resources[o.ID.Kind]}
		_, err = client.Resource(resource).Namespace(namespace).Patch(t.Context(), o.ID.Name, types.ApplyPatchType, text,
			metav1.PatchOptions{FieldManager: managerOf(o.ID), FieldValidation: metav1.FieldValidationStrict})
		return err
	}
	kinds := map[string]int{}
	for o := range set.All() {
		if !strings.HasSuffix(o.ID.Kind, ".metal3.io") {
			continue
		}
		require.Contains(t, metal3Resources, o.ID.Kind)
		require.NoError(t, apply(o, func(map[string]any) {}), "%s", o.ID)
		kinds[o.ID.Kind]++
		if o.ID.Part != "" {
			continue
		}
		require.Error(t, apply(o, func(object map[string]any) { object["spec"].(map[string]any)["unheardOf"] = true }), "%s: the server lets everything pass", o.ID)
	}
	require.Equal(t, map[string]int{
		"BareMetalHost.metal3.io": 5, "HostFirmwareSettings.metal3.io": 1, "HostFirmwareComponents.metal3.io": 1, "HostUpdatePolicy.metal3.io": 1,
	}, kinds, "three hosts, the label and the annotations of one")
	host, err := client.Resource(hosts).Namespace(namespace).Get(t.Context(), "gpu-001", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "acme.train.big", host.GetLabels()["millwright.dev/pool"])
	require.Equal(t, []string{"metal3.vcluster.com/dns-servers", "metal3.vcluster.com/gateway", "metal3.vcluster.com/ip-address", "metal3.vcluster.com/ntp-servers"},
		slices.Sorted(maps.Keys(host.GetAnnotations())))
}
