package render_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/testenv"
	"millwright.dev/millwright/render"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// customKinds are the kinds of custom resources that the fleets of this package's tests render. Each
// is tried on a real API server, so that a kind more has its place here.
var customKinds = []string{
	"BareMetalHost.metal3.io", "CephBlockPool.ceph.rook.io", "CephCluster.ceph.rook.io", "CephFilesystem.ceph.rook.io", "Certificate.cert-manager.io",
	"CiliumNetworkPolicy.cilium.io", "ClusterIssuer.cert-manager.io", "ClusterPolicy.nvidia.com", "ClusterQueue.kueue.x-k8s.io",
	"Cohort.kueue.x-k8s.io", "ComputeDomain.resource.nvidia.com", "Config.kai.scheduler", "GlobalNetworkSet.crd.projectcalico.org",
	"HostDeviceNetwork.mellanox.com", "HostFirmwareComponents.metal3.io", "HostFirmwareSettings.metal3.io", "HostUpdatePolicy.metal3.io",
	"IPPool.nv-ipam.nvidia.com", "Installation.operator.tigera.io", "LocalQueue.kueue.x-k8s.io", "NVIDIADriver.nvidia.com",
	"NetworkAttachmentDefinition.k8s.cni.cncf.io", "NicClusterPolicy.mellanox.com", "NodeFeatureRule.nfd.k8s-sigs.io",
	"OpenTelemetryCollector.opentelemetry.io", "PrometheusRule.monitoring.coreos.com", "Queue.scheduling.run.ai", "Queue.scheduling.volcano.sh",
	"RecurringJob.longhorn.io", "ResourceFlavor.kueue.x-k8s.io", "ServiceMonitor.monitoring.coreos.com", "SriovIBNetwork.sriovnetwork.openshift.io",
	"SriovNetworkNodePolicy.sriovnetwork.openshift.io", "VolumeSnapshotClass.snapshot.storage.k8s.io",
}

// What is rendered for Kubernetes is what a real API server accepts when it is told to refuse whatever
// it does not know, with the definitions that the projects publish. Each kind whose definition is not to
// be had is a test of its own that is skipped.
func TestAPIServersTakeWhatIsRendered(t *testing.T) {
	if testing.Short() {
		t.Skip("fetches charts and definitions, and starts an API server")
	}
	all := strictFleets(t)
	known := definitions(t)
	server := testenv.ForTest(t, "render").Cluster("render")
	client, err := dynamic.NewForConfig(server.Config)
	require.NoError(t, err)

	seen, missing, wanted := map[string]bool{}, map[string]bool{}, map[string][]byte{}
	for _, f := range all {
		for _, o := range f.objects {
			if custom(o.ID.Kind) {
				seen[o.ID.Kind] = true
				if text, ok := known[o.ID.Kind]; ok {
					wanted[o.ID.Kind] = text
				} else {
					missing[o.ID.Kind] = true
				}
			}
		}
	}
	require.Equal(t, customKinds, slices.Sorted(maps.Keys(seen)))
	require.NoError(t, testenv.InstallCRDs(t.Context(), server.Config, slices.Collect(maps.Values(wanted))...))
	served, err := discovery.NewDiscoveryClientForConfig(server.Config)
	require.NoError(t, err)
	groups, err := restmapper.GetAPIGroupResources(served)
	require.NoError(t, err)
	mapper := restmapper.NewDiscoveryRESTMapper(groups)

	strict := map[string]bool{} // the kinds that were seen to refuse what they do not know
	for _, f := range all {
		namespace := server.Namespace(t)
		for _, o := range f.objects {
			if missing[o.ID.Kind] {
				continue
			}
			require.NoError(t, tryStrictly(t, client, mapper, o, namespace, nil), "%s: %s", f.name, o.ID)
			if !strict[o.ID.Kind] && o.ID.Part == "" {
				strict[o.ID.Kind] = true
				require.Error(t, tryStrictly(t, client, mapper, o, namespace, func(object map[string]any) { object["unheardOf"] = true }),
					"%s: the server lets everything pass", o.ID.Kind)
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(missing)) {
		t.Run(kind, func(t *testing.T) {
			t.Skipf("no definition of it here: set %s to a directory that has it", crdsVariable)
		})
	}
}

// custom reports whether a kind is one that a definition makes. Platform's are served by a server of its
// own, and held against its types elsewhere.
func custom(kind string) bool {
	_, group, _ := strings.Cut(kind, ".")
	switch {
	case strings.HasSuffix(group, ".snapshot.storage.k8s.io"), group == "snapshot.storage.k8s.io":
		return true
	case strings.HasSuffix(group, ".k8s.io"), group == "management.loft.sh":
		return false
	}
	return strings.Contains(group, ".")
}

// tryStrictly applies an object without effect. The hosts of Metal3 are kept: they have parts, which
// need them.
func tryStrictly(t *testing.T, client dynamic.Interface, mapper meta.RESTMapper, o state.Object, namespace string, change func(map[string]any)) error {
	t.Helper()
	plain, err := o.Tree.Plain(func(state.SecretRef) (string, error) { return "secret", nil })
	require.NoError(t, err)
	object := plain.(map[string]any)
	const host = "BareMetalHost.metal3.io"
	if o.ID.Part != "" { // a part names no more than its own fields
		require.Equal(t, host, o.ID.Kind)
		object["apiVersion"], object["kind"] = "metal3.io/v1alpha1", "BareMetalHost"
	}
	metadata, _ := object["metadata"].(map[string]any)
	metadata["name"] = o.ID.Name
	if change != nil {
		change(object)
	}
	version, err := schema.ParseGroupVersion(object["apiVersion"].(string))
	require.NoError(t, err)
	mapping, err := mapper.RESTMapping(version.WithKind(object["kind"].(string)).GroupKind(), version.Version)
	require.NoError(t, err, "%s", o.ID)
	force := true // the definitions are there already, as somebody else's
	options := metav1.PatchOptions{FieldManager: "millwright" + o.ID.Part, FieldValidation: metav1.FieldValidationStrict, Force: &force}
	if o.ID.Kind != host || change != nil {
		options.DryRun = []string{metav1.DryRunAll}
	}
	resource := dynamic.ResourceInterface(client.Resource(mapping.Resource))
	namespaced := mapping.Scope.Name() == meta.RESTScopeNameNamespace
	require.Equal(t, namespaced, o.ID.Namespace != "", "%s: whether it is namespaced", o.ID)
	if namespaced {
		metadata["namespace"] = namespace
		resource = client.Resource(mapping.Resource).Namespace(namespace)
	}
	text, err := json.Marshal(object)
	require.NoError(t, err)
	_, err = resource.Patch(t.Context(), o.ID.Name, types.ApplyPatchType, text, options)
	return err
}

// tried is a fleet by name, with the objects of it that a real API server must take.
type tried struct {
	name    string
	objects []state.Object
}

// strictFleets are the fleets of this package's tests, but for what charts make that stand in for true
// ones: no server would take it.
func strictFleets(t *testing.T) []tried {
	t.Helper()
	var all []tried
	add := func(name string, f *fleet.Fleet, in render.Inputs) {
		set, found := render.Render(t.Context(), f, in)
		require.NoError(t, found.Err())
		one := tried{name: name}
		for o := range set.All() {
			_, group, _ := strings.Cut(o.ID.Kind, ".")
			if o.ID.Target.System == state.Kubernetes && group != "management.loft.sh" {
				one.objects = append(one.objects, o)
			}
		}
		all = append(all, one)
	}
	add("small", small(), render.Inputs{})
	add("metal", metal(), render.Inputs{})
	add("network", networked(), render.Inputs{})
	add("platform", sovereign(), render.Inputs{})
	f, repository := archived(t, "clusters.txtar")
	add("clusters", f, render.Inputs{FS: repository})

	example := os.DirFS("../fleet-example")
	f, found := fleet.Load(t.Context(), example, fleet.Options{})
	require.NoError(t, found.Err())
	add("example", f, render.Inputs{FS: example})

	f, in := queued(t, scheduler)
	add("queues", f, in)
	queues := &all[len(all)-1]
	queues.objects = slices.DeleteFunc(queues.objects, func(o state.Object) bool { return !custom(o.ID.Kind) }) // its charts are stand-ins

	charts := store{fstest.MapFS{}}
	repository = overBase(t, "custom.txtar", "")
	for _, some := range []map[string]string{charts.standIns(t), charts.published(t)} {
		for chart, digest := range some { // which is written as the chart's name between two @
			stacks := repository["stacks/stacks.cue"]
			stacks.Data = []byte(strings.ReplaceAll(string(stacks.Data), "@"+chart+"@", digest))
		}
	}
	f, found = fleet.Load(t.Context(), repository, fleet.Options{})
	require.NoError(t, found.Err())
	add("custom", f, render.Inputs{FS: repository, Charts: charts})
	return all
}

// standIns are the digests of charts that make of their values what the true ones make of them, as far
// as that is a custom resource. The true ones are in no Go module.
func (s store) standIns(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, template := range map[string]string{
		"none":   "",
		"calico": "apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata: {name: default}\nspec: {{ toJson .Values.installation }}\n",
		"kai-scheduler": "apiVersion: kai.scheduler/v1\nkind: Config\nmetadata: {name: kai-config, annotations: {helm.sh/hook: 'pre-install,pre-upgrade'}}\n" +
			"spec: {namespace: {{ .Release.Namespace }}}\n",
		"gpu-operator": `apiVersion: nvidia.com/v1
kind: ClusterPolicy
metadata: {name: cluster-policy}
spec:
  operator: {defaultRuntime: containerd}
  daemonsets: {}
  toolkit: {}
  devicePlugin: {}
  dcgm: {}
  nodeStatusExporter: {}
  gfd: {}
  driver: {{ toJson .Values.driver }}
  mig: {{ toJson .Values.mig }}
  gdrcopy: {{ toJson .Values.gdrcopy }}
  gds: {{ toJson .Values.gds }}
  dcgmExporter: {{ toJson .Values.dcgmExporter }}
`,
	} {
		all[name] = s.put(archive(t, chartOf(name, map[string]string{"templates/all.yaml": template})))
	}
	return all
}

// published are the digests of charts as their projects publish them in Go modules.
func (s store) published(t *testing.T) map[string]string {
	t.Helper()
	rook := fetchModule(t, rookModule, rookSum)
	all := map[string]string{}
	for name, parts := range map[string]map[string]string{
		"kueue":                  {"": filepath.Join(fetchModule(t, kueueModule, kueueSum), "charts/kueue")},
		"node-feature-discovery": {"": filepath.Join(fetchModule(t, nfdModule, nfdSum), "deployment/helm/node-feature-discovery")},
		"volcano":                {"": filepath.Join(fetchModule(t, volcanoModule, volcanoSum), "installer/helm/chart/volcano")},
		// The repository has a link here, which a module cannot.
		"rook-ceph-cluster": {"": filepath.Join(rook, "deploy/charts/rook-ceph-cluster"), "charts/library/": filepath.Join(rook, "deploy/charts/library")},
	} {
		contents := map[string]string{}
		for at, dir := range parts {
			require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(file string, e fs.DirEntry, err error) error {
				if err != nil || e.IsDir() {
					return err
				}
				text, err := os.ReadFile(filepath.Join(dir, file))
				contents[name+"/"+at+file] = string(text)
				return err
			}))
		}
		all[name] = s.put(archive(t, contents))
	}
	return all
}
